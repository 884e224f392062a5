//! `[operator]`: the listener for operators and auditors.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Problem, url};

/// The listener for operators and auditors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// How operators reach it from outside, such as `https://ringfence.example`; without a trailing slash.
    #[serde(serialize_with = "url::serialize_redacted")]
    pub public_url: Option<String>,
}

impl Default for Operator {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8081)), public_url: None }
    }
}

impl Operator {
    pub(super) fn normalise(&mut self) {
        url::trim_slash(&mut self.public_url);
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if let Some(Err(what)) = self.public_url.as_deref().map(url::check_http) {
            problems.push(Problem::new("operator.public_url", what));
        }
    }
}
