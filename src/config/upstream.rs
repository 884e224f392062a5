//! `[upstream]`: what holds for service accounts that do not say otherwise.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::{Problem, url};
use crate::model::DivisionId;

/// What holds for service accounts that do not say otherwise.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// The organisation's region, as Genesys names it (`us-east-1`).
    pub region: String,
    /// The API's URL, instead of the region's.
    #[serde(serialize_with = "url::serialize_redacted")]
    pub api_url: Option<String>,
    /// The login's URL, instead of the region's.
    #[serde(serialize_with = "url::serialize_redacted")]
    pub login_url: Option<String>,
    /// What one token of an account sends a minute at most, of accounts that do not say; without it, 300 until Genesys says
    /// what it allows.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Divisions of the operator itself (shared flows and the like) that make no conversation foreign.
    pub neutral_divisions: Vec<DivisionId>,
    /// Allow plain `http` to other machines; tokens and data are then readable on the way.
    pub allow_insecure: bool,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            api_url: None,
            login_url: None,
            requests_per_minute: None,
            neutral_divisions: Vec::new(),
            allow_insecure: false,
        }
    }
}

impl Upstream {
    pub(super) fn normalise(&mut self) {
        url::trim_slash(&mut self.api_url);
        url::trim_slash(&mut self.login_url);
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if self.region.trim().is_empty() {
            problems.push(Problem::new("upstream.region", "is empty: write a region such as `us-east-1`"));
        }
        for (key, value) in [("upstream.api_url", &self.api_url), ("upstream.login_url", &self.login_url)] {
            if let Some(Err(what)) = value.as_deref().map(|value| self.check_url(value)) {
                problems.push(Problem::new(key, what));
            }
        }
    }

    /// Whether a service account may be reached at this URL (without a trailing slash); if not, a sentence on what to
    /// write. It is a scheme and a host, and nothing that could carry a secret or send calls elsewhere.
    pub fn check_url(&self, value: &str) -> Result<(), String> {
        let uri = url::check_http(value)?;
        // On the text, because a parsed URI has dropped its fragment without a word.
        let bare =
            value.split_once("://").is_some_and(|(_, host)| !host.contains(['/', '?', '#', '@', '\\']));
        let port = uri.port_u16().is_some() || uri.authority().is_some_and(|all| all.as_str() == all.host());
        if !bare || !port {
            let shown = url::redact(value);
            return Err(format!(
                "`{shown}` is not just a scheme and a host (with a port): leave out user, path, query and fragment"
            ));
        }
        if uri.scheme_str() == Some("http") && !self.allow_insecure && !url::is_loopback(&uri) {
            return Err(format!(
                "`{}` is plain http to another machine: write https, or set `upstream.allow_insecure = true`",
                url::redact(value)
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow_insecure: bool, url: &str) -> Result<(), String> {
        Upstream { allow_insecure, ..Upstream::default() }.check_url(url)
    }

    #[test]
    fn a_url_is_a_scheme_and_a_host_over_https() {
        for url in [
            "https://api.mypurecloud.de",
            "https://api.mypurecloud.de:8443",
            "http://127.0.0.1:8090",
            "http://127.9.9.9:8090",
            "http://[::1]:8090",
            "http://localhost:1",
        ] {
            assert_eq!(check(false, url), Ok(()), "{url}");
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
            "https://api.mypurecloud.de/",
            "https://api.mypurecloud.de/api",
            "https://api.mypurecloud.de?x=1",
            "https://api.mypurecloud.de/?x=1",
            "https://api.mypurecloud.de#x",
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
            assert!(check(false, url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn plain_http_elsewhere_is_the_configurations_to_allow() {
        assert_eq!(check(true, "http://10.0.0.1:8090"), Ok(()));
        assert!(check(true, "ftp://10.0.0.1").is_err());
    }
}
