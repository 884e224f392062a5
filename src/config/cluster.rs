//! `[cluster]`: what replicas share beside the store.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::{Problem, url};

/// What replicas share beside the store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// The Redis (or Valkey) that limits are leased from; without it each replica takes its fraction.
    pub redis_url: Option<RedisUrl>,
}

/// `redis://`, `rediss://` or `unix://`; shown with its password as `***`.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct RedisUrl(SecretString);

impl RedisUrl {
    /// The URL with its password, for connecting.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for RedisUrl {
    fn from(url: String) -> Self {
        Self(url.into())
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&url::redact(self.expose()))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Cluster {
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let Some(url) = &self.redis_url else { return };
        let known = ["redis://", "rediss://", "unix://"];
        if !known.iter().any(|scheme| url.expose().len() > scheme.len() && url.expose().starts_with(scheme)) {
            let what =
                "is not a Redis URL: write `redis://HOST:PORT`, `rediss://HOST:PORT` or `unix:///PATH`";
            problems.push(Problem::new("cluster.redis_url", what));
        }
    }
}
