//! Service accounts: the OAuth clients that Ringfence reaches Genesys with.

mod change;
mod rotation;

use std::sync::Arc;

pub use change::{ServiceAccountChange, TokenRate, update};
pub use rotation::{NewCredentials, Proven, RotatedAccount, Sameness, rotate};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Author, Desk, Refusal, desk::Subject};
use crate::{
    config,
    model::{Event, ServiceAccount, ServiceAccountId, TenantId},
    store::StoreError,
    upstream::{AccountStanding, region_urls, secret_context},
};

const LONGEST_TEXT: usize = 500;
const MOST_TOKENS: u32 = 20;
/// Of one token in a minute: far more than Genesys grants.
const MOST_REQUESTS: u32 = 1_000_000;

/// What is asked for: a new service account.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewServiceAccount {
    /// Chosen by the operator.
    pub id: ServiceAccountId,
    /// Genesys's id of the OAuth client.
    pub client_id: String,
    /// Genesys's secret of the OAuth client.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
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
    /// How many tokens its calls are spread over, 1 to 20; 1 without it.
    pub tokens: Option<u32>,
    /// What one token sends a minute at most; without it, what is configured for all accounts.
    pub requests_per_minute: Option<u32>,
    /// What tenants leave of their shares is lent to the others: then what one of them does shows in what is left to another.
    #[serde(default)]
    pub lend_idle: bool,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}

/// Registers a service account; its secret is sealed at once.
pub async fn add(desk: &Desk, author: &Author, new: NewServiceAccount) -> Result<ServiceAccount, Refusal> {
    const ACTION: &str = "service-account.add";
    desk.authorize(author, ACTION).await?;
    let account = make(desk, new)?;
    check_budget(&account)?;
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
    Ok(desk.upstream.check(&proven(desk, id).await?).await?)
}

/// How an account stands with its budget, in this process.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Budget {
    /// What may be sent within a minute from here, by all its tokens together.
    pub capacity: u32,
    /// What of that was sent.
    pub used: u32,
    /// What of that was lent.
    pub lent: u32,
    /// What other programs sent with the same client, as far as Genesys told.
    pub others: u32,
    /// Its tenants, by id.
    pub tenants: Vec<TenantBudget>,
}

/// How a tenant stands with its share.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct TenantBudget {
    /// Which tenant.
    pub tenant: TenantId,
    /// Its weight.
    pub weight: u32,
    /// What it may send within a minute.
    pub share: u32,
    /// What of that it has sent.
    pub used: u32,
    /// How many of its calls stand in line.
    pub waiting: u32,
}

/// How an account and its tenants stand with its budget. Who is suspended has no share.
pub async fn budget(desk: &Desk, author: &Author, id: &ServiceAccountId) -> Result<Budget, Refusal> {
    desk.authorize(author, "service-account.budget").await?;
    let account = proven(desk, id).await?;
    let AccountStanding { capacity, used, lent, others } = desk.upstream.standing(&account);
    let views = desk.tenancy.views();
    let own = views.tenants().filter(|view| view.account().id == *id && !view.tenant().suspended);
    let mut tenants: Vec<_> = own
        .map(|view| {
            let tenant = view.tenant();
            let standing = desk.upstream.share(&account, &tenant.id, view.portion());
            TenantBudget {
                tenant: tenant.id.clone(),
                weight: tenant.budget_weight,
                share: standing.allowed,
                used: standing.used,
                waiting: standing.waiting,
            }
        })
        .collect();
    tenants.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    Ok(Budget { capacity, used, lent, others, tenants })
}

async fn known(desk: &Desk, id: &ServiceAccountId) -> Result<ServiceAccount, Refusal> {
    let account = desk.store.service_account(id).await?;
    account.ok_or_else(|| Refusal::Missing { what: format!("service account `{id}`") })
}

/// The account as what serves knows it: with what another hand wrote nobody logs in.
pub(super) async fn proven(desk: &Desk, id: &ServiceAccountId) -> Result<Arc<ServiceAccount>, Refusal> {
    for is_read_anew in [false, true] {
        if is_read_anew {
            // Another replica may have written it a moment ago.
            desk.tenancy.refresh().await?;
        }
        let kept = known(desk, id).await?;
        if let Some(account) = desk.tenancy.views().account(id).filter(|account| ***account == kept) {
            return Ok(Arc::clone(account));
        }
    }
    Err(Refusal::Unproven(StoreError::Unproven { what: format!("service account `{id}`") }))
}

/// Keeps a changed account, unless somebody else has changed it since it was read.
async fn keep(desk: &Desk, mut account: ServiceAccount, event: &Event) -> Result<ServiceAccount, Refusal> {
    account.version = match desk.store.update_service_account(&account, event).await {
        Err(StoreError::Conflict { .. }) => {
            let why = format!(
                "service account `{}`, or the master key, has just been changed by somebody else; repeat the change",
                account.id
            );
            return Err(Refusal::Conflict { code: "changed_meanwhile", why });
        }
        kept => desk.settle(kept).await?,
    };
    Ok(account)
}

fn make(desk: &Desk, new: NewServiceAccount) -> Result<ServiceAccount, Refusal> {
    check_credential("client_id", &new.client_id)?;
    check_credential("client_secret", new.client_secret.expose_secret())?;
    check_description(&new.description)?;
    let now = desk.clock.now();
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
        tokens: new.tokens.unwrap_or(1),
        requests_per_minute: new.requests_per_minute,
        lend_idle: new.lend_idle,
        secret_at: now,
        created_at: now,
        version: 0,
    })
}

fn check_description(description: &str) -> Result<(), Refusal> {
    if description.chars().count() > LONGEST_TEXT {
        return Err(Refusal::invalid("description", format!("write at most {LONGEST_TEXT} characters")));
    }
    Ok(())
}

fn check_budget(account: &ServiceAccount) -> Result<(), Refusal> {
    if !(1..=MOST_TOKENS).contains(&account.tokens) {
        return Err(Refusal::invalid("tokens", format!("send a number from 1 to {MOST_TOKENS}")));
    }
    if account.requests_per_minute.is_some_and(|rate| !(1..=MOST_REQUESTS).contains(&rate)) {
        return Err(Refusal::invalid(
            "requests_per_minute",
            format!("send a number from 1 to {MOST_REQUESTS}"),
        ));
    }
    Ok(())
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
fn urls(new: &NewServiceAccount, defaults: &config::Upstream) -> Result<(String, String), Refusal> {
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
    Ok((check_url("api_url", &api_url, defaults)?, check_url("login_url", &login_url, defaults)?))
}

/// The URL without a trailing slash, if the configuration lets it be.
fn check_url(field: &'static str, url: &str, defaults: &config::Upstream) -> Result<String, Refusal> {
    let url = url.strip_suffix('/').unwrap_or(url);
    defaults.check_url(url).map_err(|why| Refusal::invalid(field, why))?;
    Ok(url.to_owned())
}
