//! Operations that are refused to everyone, and why.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Api, CatalogError};

/// An operation that is refused to every tenant, with the reason that a tenant reads.
#[derive(Debug, Clone, Serialize)]
pub struct Denied {
    /// Genesys's `operation_id`.
    pub id: Arc<str>,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path template.
    pub path: &'static str,
    /// What kind of reason it is.
    pub code: DeniedCode,
    /// Why, for the tenant to read.
    pub reason: Arc<str>,
}

/// What kind of reason there is to refuse an operation to every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeniedCode {
    /// It sets up what all tenants share, and is the operator's.
    Administration,
    /// Genesys changed it, and nobody has looked at that yet; no file says so.
    #[serde(skip_deserializing)]
    Changed,
    /// It shows or changes what people or programs sign in with.
    Credentials,
    /// It acts on many things at once, or for good.
    Destructive,
    /// It hands out or takes in files that pass by the gateway.
    Exports,
    /// Its results are kept under an id that is not bound to a tenant.
    Jobs,
    /// What it speaks of carries no division.
    NoDivision,
    /// It speaks of the user who is signed in, and a key is none.
    NotAUser,
    /// The catalog declares no way to narrow its request or to judge its answer.
    NotNarrowed,
    /// It speaks of the organisation as a whole.
    OrganisationWide,
    /// It is a person's own.
    Personal,
    /// Genesys may change it without notice.
    Preview,
    /// It opens a conversation that passes by the gateway.
    Streaming,
    /// Another operation does the same and can be narrowed, or Genesys deprecated it.
    Superseded,
    /// It is about the telephone network that all tenants share.
    Telephony,
    /// It searches by what cannot be read or narrowed.
    UnfilterableSearch,
}

/// Operations that are denied for one reason, as they are written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeniedGroup {
    code: DeniedCode,
    reason: Arc<str>,
    operations: Vec<Arc<str>>,
}

impl DeniedCode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administration => "administration",
            Self::Changed => "changed",
            Self::Credentials => "credentials",
            Self::Destructive => "destructive",
            Self::Exports => "exports",
            Self::Jobs => "jobs",
            Self::NoDivision => "no_division",
            Self::NotAUser => "not_a_user",
            Self::NotNarrowed => "not_narrowed",
            Self::OrganisationWide => "organisation_wide",
            Self::Personal => "personal",
            Self::Preview => "preview",
            Self::Streaming => "streaming",
            Self::Superseded => "superseded",
            Self::Telephony => "telephony",
            Self::UnfilterableSearch => "unfilterable_search",
        }
    }
}

impl DeniedGroup {
    /// Its operations, as the API has them.
    pub(super) fn resolve(&self, api: &Api) -> Result<Vec<Arc<Denied>>, CatalogError> {
        let refused =
            |id: &str, why: &str| CatalogError::Refused { operation: id.to_owned(), why: why.to_owned() };
        let first = self.operations.first().ok_or_else(|| refused(&self.reason, "it denies no operation"))?;
        if self.reason.trim().is_empty() {
            return Err(refused(first, "it does not say why it is denied"));
        }
        let one = |id: &Arc<str>| {
            let known = api.operation(id).ok_or_else(|| refused(id, "the API has no such operation"))?;
            Ok(Arc::new(Denied {
                id: Arc::clone(id),
                method: known.method,
                path: known.path,
                code: self.code,
                reason: Arc::clone(&self.reason),
            }))
        };
        self.operations.iter().map(one).collect()
    }
}
