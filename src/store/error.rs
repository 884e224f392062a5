//! What a store method answers when it does not succeed.

use crate::secret::SecretError;

/// Why the store refused, or what was being done when it failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Something of that name is there already, or was changed meanwhile.
    #[error("already exists: {what}")]
    Conflict {
        /// What stands in the way.
        what: String,
    },
    /// What the change is about, or refers to, is not there.
    #[error("does not exist: {what}")]
    Missing {
        /// What is not there.
        what: String,
    },
    /// What is there was not written by us, or was put back.
    #[error("not proven: {what}; `ringfence doctor` names it and says what to do")]
    Unproven {
        /// Whose grants, or what else.
        what: String,
    },
    /// The database cannot be reached, is too slow, or failed.
    #[error("the store cannot be reached or failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database or its driver said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The configured URL names no database that we know.
    #[error("`{url}` is not a store URL: expected sqlite://FILE or postgres://…")]
    Url {
        /// The URL, without the password.
        url: String,
    },
}

/// What went wrong inside a method, before it is known under which name callers see it.
pub(super) enum Failure {
    Refused(StoreError),
    Database(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    pub(super) fn conflict(what: impl Into<String>) -> Self {
        Self::Refused(StoreError::Conflict { what: what.into() })
    }

    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::Refused(StoreError::Missing { what: what.into() })
    }

    pub(super) fn unproven(what: String) -> Self {
        Self::Refused(StoreError::Unproven { what })
    }

    pub(super) fn into_error(self, doing: &'static str) -> StoreError {
        match self {
            Self::Refused(error) => error,
            Self::Database(source) => StoreError::Database { doing, source },
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::Database(error.into())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Gives an insert's refusal its meaning: `taken` for a key that exists, `absent` for a reference into nothing.
pub(super) fn refusal(
    taken: impl FnOnce() -> String,
    absent: impl FnOnce() -> String,
) -> impl FnOnce(sqlx::Error) -> Failure {
    // SQLite names no constraint, so each statement can only say what its own violation means.
    move |error| match error.as_database_error() {
        Some(refused) if refused.is_unique_violation() => Failure::conflict(taken()),
        Some(refused) if refused.is_foreign_key_violation() => Failure::missing(absent()),
        Some(_) | None => error.into(),
    }
}
