//! The list of operations that are denied until somebody has looked at how Genesys changed them.
//!
//! `ringfence catalog drift --write` writes it; the gateway takes it by a setting. An entry that was looked at is deleted by
//! hand.

use std::{
    fmt::{self, Display, Formatter},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;

use super::ChangedOperation;
use crate::catalog::{Catalog, CatalogError, Denied, DeniedCode, loader};

const HEAD: &str = "\
# Enabled operations that Genesys changed, written by `ringfence catalog drift`. The gateway denies them while they stand
# in the file that `gateway.denied_operations_file` names. Delete what you have looked at, and start the gateway anew.
";

const REASON: &str = "Genesys changed this operation; it is denied until it has been looked at";

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

impl Catalog {
    /// The same without these operations: what of them was enabled is denied. Policies that name them still hold.
    pub fn without(mut self, denials: &Denials) -> Result<Self, CatalogError> {
        let reason: Arc<str> = REASON.into();
        for ChangedOperation { operation: id, changes: _ } in &denials.denied {
            let Some(known) = self.api.operation(id) else {
                return Err(loader::refused(id, format!("there is no {}", self.missing(id))));
            };
            // One that is denied anyway keeps its reason.
            let Some(at) = self.operations.iter().position(|operation| *operation.id == **id) else {
                continue;
            };
            let operation = self.operations.remove(at);
            self.denied.push(Arc::new(Denied {
                id: Arc::clone(&operation.id),
                method: known.method,
                path: known.path,
                code: DeniedCode::Changed,
                reason: Arc::clone(&reason),
            }));
            self.set_aside.push(operation);
        }
        self.routes = loader::routes(&self.operations, &self.denied)?;
        Ok(self)
    }
}
