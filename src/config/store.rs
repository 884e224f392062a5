//! `[store]`: where everything is kept.

use std::{fmt, path::Path};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::{Problem, url};

const SQLITE: &str = "sqlite://";

// What has a meaning of its own in a SQLite URL.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ');

/// Where everything is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// Which database.
    pub url: StoreUrl,
}

/// `sqlite://FILE` or `postgres://…`; shown with its password as `***`.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct StoreUrl(SecretString);

impl StoreUrl {
    /// The URL with its password, for opening the store.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<String> for StoreUrl {
    fn from(url: String) -> Self {
        Self(url.into())
    }
}

impl Default for StoreUrl {
    fn default() -> Self {
        Self("sqlite://ringfence.db".into())
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&url::redact(self.expose()))
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Store {
    pub(super) fn make_absolute(&mut self, directory: &Path) {
        let Some(path) = self.url.expose().strip_prefix(SQLITE) else { return };
        if path.is_empty() || path.starts_with(['/', '?', ':']) {
            return;
        }
        let directory = directory.to_string_lossy();
        let directory = utf8_percent_encode(directory.trim_end_matches('/'), NOT_IN_A_PATH);
        self.url = StoreUrl(format!("{SQLITE}{directory}/{path}").into());
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let text = self.url.expose();
        let file = text.strip_prefix(SQLITE).map(|rest| rest.split('?').next().unwrap_or_default());
        let what = match file {
            Some("") => "names no file: write `sqlite://ringfence.db`",
            Some(memory) if memory.starts_with(':') => {
                "a database in memory would lose the record: write `sqlite://ringfence.db`"
            }
            Some(_) => return,
            None if text.starts_with("postgres://") || text.starts_with("postgresql://") => return,
            None => "is not a store URL: write `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`",
        };
        problems.push(Problem::new("store.url", what));
    }
}
