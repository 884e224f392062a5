//! The ways in which a request is narrowed to divisions.

use serde::{Deserialize, Serialize};

/// How a request is narrowed; carried out by `gateway::scope`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "way", rename_all = "snake_case", deny_unknown_fields)]
pub enum Narrowing {
    /// A query parameter is set to the divisions asked for that are permitted.
    DivisionQuery {
        /// The parameter's name.
        parameter: String,
    },
    /// A clause over divisions is put beside the caller's filter, never inside an `or`; where, the body's model says.
    DivisionPredicate,
    /// The entity that an id names must be the tenant's own; another's and a missing one look the same.
    Owned {
        /// Where the id stands.
        place: Place,
        /// The name it has there.
        name: String,
    },
    /// Another operation, which can be narrowed, is called instead.
    Translate {
        /// Which.
        to: Translation,
    },
    /// It carries no tenant's data.
    Open {
        /// Why that is so.
        reason: String,
    },
    /// The gateway answers by itself; nothing is forwarded.
    Own {
        /// With what.
        answer: OwnAnswer,
    },
}

/// Where an id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the path.
    Path,
}

/// The sibling that is called instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Translation {
    /// `POST /api/v2/users/search`, answered in the form of `GET /api/v2/users`.
    UsersSearch,
}

/// What the gateway answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnAnswer {
    /// Whose the access token is.
    Token,
    /// Genesys's refusal of client credentials where a user is needed.
    NotAUser,
}
