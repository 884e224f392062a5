//! `[telemetry]`: metrics, probes, logs and spans.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Problem, url};

/// The listener for metrics and probes; logs and spans.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where spans are sent (OTLP over HTTP), such as `http://127.0.0.1:4318/v1/traces`; none are made without it.
    #[serde(serialize_with = "url::serialize_redacted")]
    pub otlp_endpoint: Option<String>,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            otlp_endpoint: None,
            log_format: LogFormat::default(),
        }
    }
}

impl Telemetry {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if let Some(Err(what)) = self.otlp_endpoint.as_deref().map(url::check_http) {
            problems.push(Problem::new("telemetry.otlp_endpoint", what));
        }
    }
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Telemetry")
            .field("listen", &self.listen)
            .field("otlp_endpoint", &self.otlp_endpoint.as_deref().map(url::redact))
            .field("log_format", &self.log_format)
            .finish()
    }
}
