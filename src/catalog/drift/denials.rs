//! The list of operations that are denied until somebody has looked at how Genesys changed them.
//!
//! `ringfence catalog drift --write` writes it; the gateway takes it by a setting. An entry that was looked at is deleted by
//! hand.

use std::fmt::{self, Display, Formatter};

use serde::Deserialize;
use serde_json::Value;

use super::ChangedOperation;

const HEAD: &str = "\
# Enabled operations that Genesys changed, written by `ringfence catalog drift`. The gateway denies them while they stand
# in the file that `gateway.denied_operations_file` names. Delete what you have looked at, and start the gateway anew.
";

/// Why a list cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it is no list as `ringfence catalog drift --write` writes it: {0}")]
pub struct DenialsError(#[from] toml::de::Error);

/// Operations to deny, each with what changed; shown as the file that it is kept in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denials {
    /// The operations.
    #[serde(default)]
    pub denied: Vec<ChangedOperation>,
}

impl Denials {
    /// Reads a list.
    pub fn read(text: &str) -> Result<Self, DenialsError> {
        Ok(toml::from_str(text)?)
    }
}

impl Display for Denials {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        // What JSON quotes, TOML reads.
        let quoted = |text: &str| Value::from(text).to_string();
        formatter.write_str(HEAD)?;
        for ChangedOperation { operation, changes } in &self.denied {
            write!(formatter, "\n[[denied]]\noperation = {}\nchanges = [\n", quoted(operation))?;
            for change in changes {
                writeln!(formatter, "    {},", quoted(change))?;
            }
            formatter.write_str("]\n")?;
        }
        Ok(())
    }
}
