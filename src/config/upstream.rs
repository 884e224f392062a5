//! `[upstream]`: what holds for service accounts that do not say otherwise.

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

    /// Whether a service account may be reached at this URL; if not, a sentence on what to write.
    pub fn check_url(&self, value: &str) -> Result<(), String> {
        let uri = url::check_http(value)?;
        if uri.path() != "/" && !uri.path().is_empty() || uri.query().is_some() {
            return Err(format!("`{}` has a path: write the scheme and host alone", url::redact(value)));
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
