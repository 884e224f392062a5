//! What is wrong with a configuration, in sentences that say what to write.

use std::{fmt, io, path::Path, path::PathBuf};

use figment::error::Kind;

use super::url;

/// A configuration that cannot be used; the process exits 64.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("the configuration file `{}` cannot be read: make one with `ringfence init --dir DIR`", file.display())]
    Unreadable {
        /// The file that was named.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file was read and something in it, or in the environment, is wrong.
    #[error("the configuration is not valid:{}", Lines(problems))]
    Invalid {
        /// All that was found.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    key: String,
    place: Option<String>,
    what: String,
}

impl Problem {
    /// Says what is wrong with a key (`section.key`) and what to write instead.
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), place: None, what: what.into() }
    }
}

impl ConfigError {
    /// One problem that was found after loading.
    pub fn one(key: &str, what: impl Into<String>) -> Self {
        let place = super::variable_of(key).map(|variable| format!("the environment (`{variable}`)"));
        Self::Invalid { problems: vec![Problem { place, ..Problem::new(key, what) }] }
    }

    pub(super) fn unless_empty(problems: Vec<Problem>, file: &Path) -> Result<(), Self> {
        if problems.is_empty() {
            return Ok(());
        }
        let placed = |problem: Problem| Problem { place: Some(place_of(&problem.key, file)), ..problem };
        Err(Self::Invalid { problems: problems.into_iter().map(placed).collect() })
    }

    pub(super) fn from_figment(errors: figment::Error, file: &Path) -> Self {
        let problems = errors.into_iter().map(|error| from_kind(&error.path, error.kind, file)).collect();
        Self::Invalid { problems }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(formatter, "`{}`", self.key)?;
        }
        if let Some(place) = &self.place {
            write!(formatter, " in {place}")?;
        }
        write!(formatter, ": {}", self.what)
    }
}

struct Lines<'a>(&'a [Problem]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|problem| write!(formatter, "\n  {}", problem.to_string().trim_start()))
    }
}

fn place_of(key: &str, file: &Path) -> String {
    super::variable_of(key)
        .map_or_else(|| format!("`{}`", file.display()), |variable| format!("the environment (`{variable}`)"))
}

fn from_kind(path: &[String], kind: Kind, file: &Path) -> Problem {
    let mut key = path.join(".");
    let what = match kind {
        Kind::UnknownField(field, known) => {
            if path.last() != Some(&field) {
                key = path.iter().chain([&field]).cloned().collect::<Vec<_>>().join(".");
            }
            unknown(path.is_empty() || key == field, known)
        }
        Kind::UnknownVariant(value, known) => format!("`{value}` is not one of {}", listed(known)),
        Kind::InvalidType(actual, expected) => {
            format!("found {}, expected {expected}", url::redact(&actual.to_string()))
        }
        Kind::InvalidValue(actual, expected) => {
            format!("{} is not valid, expected {expected}", url::redact(&actual.to_string()))
        }
        Kind::InvalidLength(length, expected) => format!("has {length} elements, expected {expected}"),
        Kind::MissingField(field) => format!("`{field}` is missing"),
        Kind::DuplicateField(field) => format!("`{field}` is set twice"),
        Kind::Message(message) => plain(&message),
        Kind::ISizeOutOfRange(number) => format!("{number} is out of range"),
        Kind::USizeOutOfRange(number) => format!("{number} is out of range"),
        Kind::Unsupported(actual) => format!("{actual} cannot stand here"),
        Kind::UnsupportedKey(actual, expected) => format!("{actual} is not a key, expected {expected}"),
    };
    let place = Some(place_of(&key, file));
    Problem { key, place, what }
}

// A parser's message in one line.
// SECURITY: without the lines that quote the file, which may hold a password.
fn plain(message: &str) -> String {
    let quotes = |line: &&str| {
        line.trim_start_matches(|character: char| character.is_ascii_digit() || character == ' ')
            .starts_with('|')
    };
    let lines: Vec<_> = message.lines().filter(|line| !quotes(line)).map(str::trim).collect();
    let message = lines.join("; ").trim_end_matches("; ").to_owned();
    if message == "invalid socket address syntax" {
        return "not an address and port: write one such as `127.0.0.1:8080`".to_owned();
    }
    message
}

fn unknown(section: bool, known: &[&str]) -> String {
    let kind = if section { "section" } else { "key" };
    format!("unknown {kind}; there are {}", listed(known))
}

fn listed(known: &[&str]) -> String {
    known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
