//! Service accounts: the OAuth clients that Ringfence reaches Genesys with.

use std::{net::IpAddr, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{Author, Desk, Refusal, UpstreamDefaults, desk::Subject};
use crate::{
    model::{ServiceAccount, ServiceAccountId},
    upstream::{region_urls, secret_context},
};

const LONGEST_TEXT: usize = 500;

/// What is asked for: a new service account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewServiceAccount {
    /// Chosen by the operator.
    pub id: ServiceAccountId,
    /// Genesys's id of the OAuth client.
    pub client_id: String,
    /// Genesys's secret of the OAuth client.
    #[serde(deserialize_with = "secret")]
    pub client_secret: SecretString,
    /// A Genesys region; not beside `api_url`.
    pub region: Option<String>,
    /// Where the API is.
    pub api_url: Option<String>,
    /// Where tokens are issued.
    pub login_url: Option<String>,
    /// May serve several tenants.
    #[serde(default)]
    pub shared: bool,
    /// What it is for.
    #[serde(default)]
    pub description: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}

/// Registers a service account; its secret is sealed at once.
pub async fn add(desk: &Desk, author: &Author, new: NewServiceAccount) -> Result<ServiceAccount, Refusal> {
    const ACTION: &str = "service-account.add";
    desk.authorize(author, ACTION).await?;
    let account = make(desk, new)?;
    let _changing = desk.changing().await;
    if desk.store.service_account(&account.id).await?.is_some() {
        let why = format!("there is a service account `{}` already", account.id);
        return Err(Refusal::Conflict { code: "service_account_exists", why });
    }
    // The sealed secret is not among what is serialized.
    let event = desk.changed(author, ACTION, &Subject::default(), None::<&ServiceAccount>, &account);
    desk.settle(desk.store.add_service_account(&account, &event).await).await?;
    Ok(account)
}

/// All service accounts.
pub async fn list(desk: &Desk, author: &Author) -> Result<Vec<ServiceAccount>, Refusal> {
    desk.authorize(author, "service-account.list").await?;
    Ok(desk.store.list_service_accounts().await?)
}

/// One service account.
pub async fn get(desk: &Desk, author: &Author, id: &ServiceAccountId) -> Result<ServiceAccount, Refusal> {
    desk.authorize(author, "service-account.list").await?;
    known(desk, id).await
}

/// Whether Genesys gives the account a token and takes it.
pub async fn check(desk: &Desk, author: &Author, id: &ServiceAccountId) -> Result<(), Refusal> {
    desk.authorize(author, "service-account.check").await?;
    let account = Arc::new(known(desk, id).await?);
    Ok(desk.upstream.check(&account).await?)
}

async fn known(desk: &Desk, id: &ServiceAccountId) -> Result<ServiceAccount, Refusal> {
    let account = desk.store.service_account(id).await?;
    account.ok_or_else(|| Refusal::Missing { what: format!("service account `{id}`") })
}

fn make(desk: &Desk, new: NewServiceAccount) -> Result<ServiceAccount, Refusal> {
    check_credential("client_id", &new.client_id)?;
    check_credential("client_secret", new.client_secret.expose_secret())?;
    if new.description.chars().count() > LONGEST_TEXT {
        return Err(Refusal::invalid("description", format!("write at most {LONGEST_TEXT} characters")));
    }
    let (api_url, login_url) = urls(&new, &desk.upstream_defaults)?;
    let secret = new.client_secret.expose_secret().as_bytes();
    Ok(ServiceAccount {
        sealed_secret: desk.master.seal(&secret_context(&new.id), secret)?,
        id: new.id,
        client_id: new.client_id,
        api_url,
        login_url,
        shared: new.shared,
        description: new.description,
        created_at: desk.clock.now(),
        version: 0,
    })
}

/// Both go into a Basic header: printable ASCII, and no colon in the id.
fn check_credential(field: &'static str, value: &str) -> Result<(), Refusal> {
    let printable = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable || value.len() > LONGEST_TEXT || (field == "client_id" && value.contains(':')) {
        let why = "expected the value that Genesys shows for the OAuth client, without spaces";
        return Err(Refusal::invalid(field, why));
    }
    Ok(())
}

/// The account's own stand before the configured ones.
fn urls(new: &NewServiceAccount, defaults: &UpstreamDefaults) -> Result<(String, String), Refusal> {
    if new.region.is_some() && (new.api_url.is_some() || new.login_url.is_some()) {
        let why = "send either a region or URLs: a region stands for both of its URLs";
        return Err(Refusal::invalid("region", why));
    }
    let region = new.region.as_deref().unwrap_or(&defaults.region);
    let of_region = || {
        region_urls(region)
            .ok_or_else(|| Refusal::invalid("region", format!("`{region}` is not a region of Genesys Cloud")))
    };
    let default_of = |own: Option<&String>| own.filter(|_| new.region.is_none()).cloned();
    let api_url = match new.api_url.clone().or_else(|| default_of(defaults.api_url.as_ref())) {
        Some(url) => url,
        None => of_region()?.0,
    };
    let login_url = match new.login_url.clone().or_else(|| default_of(defaults.login_url.as_ref())) {
        Some(url) => url,
        None => of_region()?.1,
    };
    let insecure = defaults.allow_insecure;
    Ok((check_url("api_url", &api_url, insecure)?, check_url("login_url", &login_url, insecure)?))
}

/// A scheme and a host, and nothing that could carry a secret or send calls elsewhere.
fn check_url(field: &'static str, url: &str, allow_insecure: bool) -> Result<String, Refusal> {
    let refuse = |why: &str| Err(Refusal::invalid(field, why));
    let trimmed = url.strip_suffix('/').unwrap_or(url);
    // `http::Uri` drops a fragment without a word.
    let Ok(uri) = trimmed.parse::<http::Uri>() else {
        return refuse("this is not a URL: write it as `https://api.mypurecloud.de`");
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return refuse("this is not a URL: write it as `https://api.mypurecloud.de`");
    };
    let bare = uri.path() == "/" && !trimmed.ends_with('/') && !trimmed.contains(['?', '#', '@', '\\']);
    if !bare
        || authority.host().is_empty()
        || (authority.port().is_none() && authority.as_str().ends_with(':'))
    {
        return refuse("write the scheme and the host alone: no user, path, query or fragment");
    }
    match scheme {
        "https" => {}
        "http" if allow_insecure || is_loopback(authority.host()) => {}
        "http" => return refuse("plain http goes to this machine only: write https"),
        _ => return refuse("write an https URL"),
    }
    Ok(trimmed.to_owned())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_scheme_and_a_host_over_https() {
        for (given, kept) in [
            ("https://api.mypurecloud.de", "https://api.mypurecloud.de"),
            ("https://api.mypurecloud.de/", "https://api.mypurecloud.de"),
            ("https://api.mypurecloud.de:8443", "https://api.mypurecloud.de:8443"),
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
            ("http://127.9.9.9:8090/", "http://127.9.9.9:8090"),
            ("http://[::1]:8090", "http://[::1]:8090"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(check_url("api_url", given, false).unwrap(), kept);
        }
    }

    #[test]
    fn any_other_url_is_refused() {
        for url in [
            "",
            "/",
            "api.mypurecloud.de",
            "//api.mypurecloud.de",
            "https://",
            "https:///",
            "https://api.mypurecloud.de//",
            "https://api.mypurecloud.de/api",
            "https://api.mypurecloud.de?x=1",
            "https://api.mypurecloud.de/?x=1",
            "https://api.mypurecloud.de#x",
            "https://api.mypurecloud.de/#x",
            "https://user@api.mypurecloud.de",
            "https://user:secret@api.mypurecloud.de",
            "https://@api.mypurecloud.de",
            "https://api.mypurecloud.de:",
            "https://api.mypurecloud.de:99999",
            "https://api.mypurecloud.de\\@evil.example",
            "http://api.mypurecloud.de",
            "http://10.0.0.1",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
            " https://api.mypurecloud.de",
            "https://api.mypurecloud.de\n",
        ] {
            assert!(check_url("api_url", url, false).is_err(), "{url:?}");
        }
    }

    #[test]
    fn plain_http_elsewhere_is_the_configurations_to_allow() {
        assert!(check_url("api_url", "http://10.0.0.1:8090", true).is_ok());
        assert!(check_url("api_url", "ftp://10.0.0.1", true).is_err());
    }
}
