//! What a newer description of the Genesys API says otherwise than the catalog's facts: new operations, gone ones, changed
//! parameters, bodies and answers.
//!
//! What was looked at when an operation was enabled is what stood there then. So an enabled operation that changed, itself
//! or in a model that its body or answer is made of, is to be denied until somebody has looked at it: [`Drift::denied`].

mod compare;
mod denials;
mod swagger;

use std::fmt::{self, Display, Formatter};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use denials::{Denials, DenialsError};
pub use swagger::LONGEST_DOCUMENT_BYTES;

use super::Catalog;

/// Why a document cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DriftError {
    /// It is too long.
    #[error("the document is longer than {LONGEST_DOCUMENT_BYTES} bytes")]
    TooLong,
    /// It is not what a Swagger document looks like.
    #[error("at `{place}`: {why}")]
    At {
        /// Where in it.
        place: String,
        /// What is wrong there.
        why: String,
    },
}

impl DriftError {
    fn at(place: impl Into<String>, why: String) -> Self {
        Self::At { place: place.into(), why }
    }
}

/// What differs.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Drift {
    /// Operations that the catalog does not know.
    pub new: Vec<OperationDrift>,
    /// Operations that the document does not know.
    pub gone: Vec<OperationDrift>,
    /// Operations whose query parameters, body or answer are of another type.
    pub changed: Vec<OperationDrift>,
    /// Models whose fields are others.
    pub models: Vec<ModelDrift>,
    /// The enabled operations that are to be denied until they have been looked at.
    pub denied: Vec<ChangedOperation>,
}

/// An operation that is new, gone or changed.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OperationDrift {
    /// Genesys's operation id.
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The path template.
    pub path: String,
    /// Whether tenants can be given it.
    pub enabled: bool,
    /// What of it changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// A model that changed, of those that enabled operations need.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelDrift {
    /// Its name.
    pub model: String,
    /// What of it changed.
    pub changes: Vec<Change>,
    /// The enabled operations whose bodies and answers are made of it.
    pub operations: Vec<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Change {
    /// Such as `query.pageSize`, `body` or `User.name`.
    pub place: String,
    /// What the catalog says; nothing where it is new.
    pub was: Option<String>,
    /// What the document says; nothing where it is gone.
    pub is: Option<String>,
}

/// An enabled operation that changed, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedOperation {
    /// Genesys's operation id.
    pub operation: String,
    /// A line for each difference, its own and those of its models.
    #[serde(default)]
    pub changes: Vec<String>,
}

impl Change {
    fn of(place: String, was: Option<String>, is: Option<String>) -> Option<Self> {
        (was != is).then_some(Self { place, was, is })
    }
}

impl Display for Change {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { place, was, is } = self;
        match (was, is) {
            (Some(was), Some(is)) => write!(formatter, "{place}: was {was}, is {is}"),
            (Some(was), None) => write!(formatter, "{place}: gone, was {was}"),
            (None, Some(is)) => write!(formatter, "{place}: new, {is}"),
            (None, None) => formatter.write_str(place),
        }
    }
}

impl Drift {
    /// Compares the catalog with a Swagger 2.0 document.
    pub fn of(catalog: &Catalog, document: &[u8]) -> Result<Self, DriftError> {
        Ok(compare::compare(catalog, &swagger::read(document)?))
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.changed.is_empty() && self.models.is_empty()
    }

    /// The list that the gateway takes.
    pub fn denials(&self) -> Denials {
        Denials { denied: self.denied.clone() }
    }
}
