//! Why an operator's request went no further.

use crate::{
    model::{NotRotated, Role},
    policy::PolicyError,
    secret::SecretError,
    store::StoreError,
    upstream::UpstreamError,
};

/// Why an operator's request went no further; each with a sentence that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No token, or one that is malformed, unknown or expired: all the same to the caller.
    #[error("send a valid operator API token as `Authorization: Bearer rfo_…`")]
    Unauthenticated,
    /// The role does not allow it.
    #[error("the role `{}` may not do `{action}`; ask an admin", role.as_str())]
    Forbidden {
        /// The operator's role.
        role: Role,
        /// What was asked for.
        action: &'static str,
    },
    /// A value that cannot be.
    #[error("`{field}`: {why}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    Missing {
        /// Such as ``tenant `north` ``.
        what: String,
    },
    /// What is there already stands against it.
    #[error("{why}")]
    Conflict {
        /// A stable word for it.
        code: &'static str,
        /// What stands against it, and the way out.
        why: String,
    },
    /// The thing changed since the caller read it.
    #[error("{what} has changed since it was read; read it again and repeat the change")]
    Changed {
        /// Which.
        what: String,
    },
    /// A policy source that was not accepted.
    #[error("{0}")]
    Policy(#[from] PolicyError),
    /// Genesys did not do its part.
    #[error("{0}")]
    Upstream(#[from] UpstreamError),
    /// Genesys could not be asked about what was to be kept.
    #[error(
        "Genesys could not be asked about the new credentials, and nothing was changed; look at the way there and at the \
         OAuth client, and repeat it"
    )]
    Untried(#[source] UpstreamError),
    /// A row that grants something was not written by us, or was put back.
    #[error("{0}")]
    Unproven(#[source] StoreError),
    /// Nothing could be read or kept.
    #[error("the store cannot be reached or failed; try again")]
    Store(#[source] StoreError),
    /// Nothing could be sealed or hashed.
    #[error("a secret could not be made")]
    Secret(#[from] SecretError),
}

impl From<NotRotated> for Refusal {
    fn from(why: NotRotated) -> Self {
        let code = match &why {
            NotRotated::Ended(_) => "key_ended",
            NotRotated::Followed { .. } => "key_rotated",
            NotRotated::Overlap { .. } => return Self::invalid("overlap_seconds", why.to_string()),
        };
        Self::Conflict { code, why: why.to_string() }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { what } => {
                Self::Conflict { code: "conflict", why: format!("already exists: {what}") }
            }
            StoreError::Missing { what } => Self::Missing { what },
            error @ StoreError::Unproven { .. } => Self::Unproven(error),
            error @ (StoreError::Database { .. } | StoreError::Url { .. }) => Self::Store(error),
        }
    }
}

impl Refusal {
    /// A value that cannot be.
    pub(super) fn invalid(field: &'static str, why: impl Into<String>) -> Self {
        Self::Invalid { field, why: why.into() }
    }
}
