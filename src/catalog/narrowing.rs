//! The ways in which a request is narrowed to divisions.

use serde::{Deserialize, Serialize};

use super::entities::Entity;

/// How a request is narrowed; carried out by `gateway::scope`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "way", rename_all = "snake_case", deny_unknown_fields)]
pub enum Narrowing {
    /// A query parameter is set to the divisions asked for that are permitted.
    DivisionQuery {
        /// The parameter's name.
        parameter: String,
        /// Whether it takes one division and no more.
        #[serde(default, rename = "one")]
        is_one: bool,
        /// What the path names above the list; it must be the tenant's own.
        #[serde(default)]
        parent: Option<Parent>,
    },
    /// A clause over divisions is put beside the caller's filter, never inside an `or`; where, the body's model says.
    DivisionPredicate,
    /// A clause over all that the tenant has of a kind is put beside the caller's filter, where Genesys knows no divisions.
    Membership {
        /// The dimension that holds their ids.
        dimension: String,
        /// What they are.
        entity: Entity,
    },
    /// The entity that an id names must be the tenant's own; another's and a missing one look the same.
    Owned {
        /// Where the id stands.
        place: Place,
        /// The name it has there.
        name: String,
        /// What it is, where it is looked up before anything is sent; without it, the answer says whose it is.
        #[serde(default)]
        entity: Option<Entity>,
        /// What else the path names; each must be the tenant's own too.
        #[serde(default)]
        also: Vec<Parent>,
    },
    /// What carries no division is the tenant's where it is registered as that: what an id names must be, of a list only that
    /// is shown, what is made becomes it, and what is deleted ceases to be.
    Registered {
        /// What it is.
        entity: Entity,
        /// The path's parameter that names one; without it, all are listed, or one is made.
        #[serde(default)]
        name: Option<String>,
        /// What else the path names; each must be the tenant's own too.
        #[serde(default)]
        also: Vec<Parent>,
    },
    /// A field of the body is set to the divisions asked for that are permitted; which, the body declares.
    DivisionField,
    /// What is made is put into one of the permitted divisions, whatever the body says.
    OwnedDivision,
    /// All pages of a list that cannot be narrowed are read; the tenant is shown pages of what is its own.
    Listed {
        /// What the path names above the list; it must be the tenant's own.
        #[serde(default)]
        parent: Option<Parent>,
    },
    /// The id in the path was handed out sealed: it opens for whom it was sealed, as long as that is permitted.
    Handle {
        /// The path's parameter.
        name: String,
        /// What the id is of: what was handed out for another kind of thing does not open.
        kind: String,
        /// The query's parameter that turns the pages of the answer, and the answer's field that it is taken from.
        #[serde(default)]
        cursor: Option<String>,
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
    /// In a list in the query: what is not the tenant's vanishes from the answer.
    Query,
}

/// An entity that the path names, below which the operation works.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    /// The path's parameter.
    pub name: String,
    /// What it is.
    pub entity: Entity,
}

impl Narrowing {
    /// The parameter, and the answer's field, that turns the pages of what a handle is of.
    pub fn cursor(&self) -> Option<&str> {
        if let Self::Handle { cursor, .. } = self { cursor.as_deref() } else { None }
    }

    /// The way, as it is written.
    pub fn way(&self) -> &'static str {
        match self {
            Self::DivisionQuery { .. } => "division_query",
            Self::DivisionPredicate => "division_predicate",
            Self::Membership { .. } => "membership",
            Self::Owned { .. } => "owned",
            Self::Registered { .. } => "registered",
            Self::DivisionField => "division_field",
            Self::OwnedDivision => "owned_division",
            Self::Listed { .. } => "listed",
            Self::Handle { .. } => "handle",
            Self::Translate { .. } => "translate",
            Self::Open { .. } => "open",
            Self::Own { .. } => "own",
        }
    }

    /// The dimension by which a query may be taken apart.
    pub fn dimension(&self) -> Option<&str> {
        if let Self::Membership { dimension, .. } = self { Some(dimension) } else { None }
    }

    /// Whether what users do is asked for, which the operator must vouch for.
    pub fn is_by_users(&self) -> bool {
        matches!(self, Self::Membership { entity: Entity::User, .. })
    }

    /// What must be found to be the tenant's own before anything is sent: the path's parameter, and what it names.
    pub fn looked_up(&self) -> impl Iterator<Item = (&str, Entity)> {
        let (own, others): (_, &[Parent]) = match self {
            Self::Owned { place: Place::Path, name, entity: Some(entity), also } => {
                (Some((name.as_str(), *entity)), also)
            }
            Self::Registered { entity, name, also } => (name.as_deref().map(|name| (name, *entity)), also),
            Self::DivisionQuery { parent: Some(parent), .. } | Self::Listed { parent: Some(parent) } => {
                (None, std::slice::from_ref(parent))
            }
            Self::Owned { .. }
            | Self::DivisionQuery { .. }
            | Self::Listed { .. }
            | Self::DivisionPredicate
            | Self::Membership { .. }
            | Self::DivisionField
            | Self::OwnedDivision
            | Self::Handle { .. }
            | Self::Translate { .. }
            | Self::Open { .. }
            | Self::Own { .. } => (None, &[]),
        };
        own.into_iter().chain(others.iter().map(|one| (one.name.as_str(), one.entity)))
    }
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
    /// The key, its tenant, divisions and limits.
    Whoami,
    /// What the key may call.
    Operations,
    /// How much was called, and what the limits leave.
    Usage,
    /// The tenant's keys.
    Keys,
    /// Another key in the place of the caller's own.
    RotateKey,
    /// The tenant's own events.
    Events,
    /// Why one of the tenant's calls was refused.
    Denial,
}
