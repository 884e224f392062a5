//! One operation of the Genesys API, as the catalog tells it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    declared::DeclaredBody, entities::Entity, guarding::Guarding, name_set::NameSet, narrowing::Narrowing,
};
use crate::policy::ResourceKind;

/// An operation that tenants may be permitted: how its request is narrowed *and* how its answer is guarded.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Genesys's `operation_id`, such as `getUsers`: its name in policies, events and metrics.
    pub id: Arc<str>,
    /// The HTTP method, in capitals: the API's, or of the gateway's own its own.
    #[serde(default)]
    pub method: String,
    /// The path template, such as `/api/v2/users/{userId}`: likewise.
    #[serde(default)]
    pub path: String,
    /// Groups that policies may name; exactly one of `reads` and `writes` among them.
    pub groups: Vec<String>,
    /// Why it is narrowed as it is.
    pub why: String,
    /// How the request is narrowed to divisions.
    pub narrowing: Narrowing,
    /// How the answer is checked.
    pub guard: Guarding,
    /// The query parameters that pass; all others are refused.
    #[serde(default)]
    pub query: Vec<Parameter>,
    /// What turns the pages of the answer, where no number does.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// The model that a body is parsed as; without one, a body is refused.
    #[serde(default)]
    pub body: Option<BodyModel>,
    /// Whether it takes an `Idempotency-Key`: what is sent twice with the same one is done once.
    #[serde(default)]
    pub idempotency_key: bool,
    /// The dimensions that the predicates of a details query may name.
    #[serde(default)]
    pub dimensions: Dimensions,
    /// The metrics that a query that counts may ask for; all where none is listed.
    #[serde(default)]
    pub metrics: Option<NameSet>,
    /// What `expand` may add, in the query or the body: taken from the shape of the answer.
    #[serde(skip)]
    pub expand: Vec<String>,
    /// What its answer can name without its division: taken from the shape of the answer.
    #[serde(skip)]
    pub names: Vec<Entity>,
    /// What tells whose the parts of a shared entity in its answer are: taken from the shape of the answer.
    #[serde(skip)]
    pub shared_names: Vec<Entity>,
    /// What of that carries no division, with the name that it is registered by.
    #[serde(skip)]
    pub registered: BTreeMap<Entity, String>,
    /// Whether its answer is judged by what it says to be a part of: taken from the shape of the answer.
    #[serde(skip)]
    pub shows_parts: bool,
}

/// Dimensions that predicates may name, by the kind of filter they stand in; what is not listed is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dimensions {
    /// Of conversations.
    pub conversation_filters: NameSet,
    /// Of segments.
    pub segment_filters: NameSet,
    /// Of evaluations.
    pub evaluation_filters: NameSet,
    /// Of surveys.
    pub survey_filters: NameSet,
    /// Of resolutions.
    pub resolution_filters: NameSet,
    /// Of the one filter of an aggregates query.
    pub filter: NameSet,
}

/// What turns the pages of an answer: Genesys's own, handed out sealed.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The query's parameter.
    pub parameter: String,
    /// The field of the answer that tells the next one, or a field of an object in it (`cursors.after`); without it, only
    /// its `nextUri` does.
    #[serde(default)]
    pub at: Option<String>,
}

/// A query parameter that passes.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Parameter {
    /// Its exact name.
    pub name: String,
    /// What it holds.
    #[serde(flatten)]
    pub is: ParameterKind,
}

/// What a query parameter holds.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ParameterKind {
    /// A whole number in a range.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// `true` or `false`.
    Boolean,
    /// Free text.
    Text {
        /// The greatest number of characters.
        max: usize,
    },
    /// One of the listed words.
    OneOf {
        /// The words.
        values: Vec<String>,
    },
    /// Ids, comma-joined or repeated.
    List {
        /// The greatest number of values.
        max: usize,
        /// What they name, where each must be the tenant's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        entity: Option<Entity>,
    },
    /// Parts to be added to the answer: those that its shape lists.
    Expand,
}

/// The models that bodies are parsed as.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub enum BodyModel {
    /// Of the conversation details query.
    ConversationQuery,
    /// Of the conversation details job.
    AsyncConversationQuery,
    /// Of the user search.
    UserSearchRequest,
    /// Of an aggregates query, whatever is counted.
    AggregationQuery,
    /// Of an aggregates job, whatever is counted.
    AsyncAggregationQuery,
    /// Of an activity query.
    ActivityQuery,
    /// Of an observations query.
    ObservationQuery,
    /// A user to be made.
    CreateUser,
    /// What of a user is to change.
    UpdateUser,
    /// A queue to be made.
    CreateQueueRequest,
    /// What a queue is to be.
    QueueRequest,
    /// How a key is to be rotated.
    KeyRotation,
    /// The model that the API's facts tell.
    #[serde(untagged)]
    Declared(Box<DeclaredBody>),
}

/// The gateway's own: how a key is to be rotated.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRotation {
    /// For how long the key and the one that follows it both work.
    pub overlap_seconds: u32,
}

impl Parameter {
    /// What it names that must be the tenant's own.
    pub fn names(&self) -> Option<Entity> {
        if let ParameterKind::List { entity, .. } = self.is { entity } else { None }
    }
}

impl Cursor {
    /// The field, and the field in it.
    pub fn place(&self) -> Option<(&str, Option<&str>)> {
        let at = self.at.as_deref()?;
        Some(at.split_once('.').map_or((at, None), |(at, inner)| (at, Some(inner))))
    }
}

impl Operation {
    /// Whether it changes something upstream. What readers begin and end (their jobs) is no write to policies, but is
    /// recorded before it is sent, and sent once.
    pub fn is_write(&self) -> bool {
        let begins = matches!(self.guard, Guarding::Handle { .. });
        let ends = matches!(self.narrowing, Narrowing::Handle { .. }) && self.method == "DELETE";
        begins || ends || self.groups.iter().any(|group| group == "writes")
    }

    /// Whether its path ends in what is looked up first, so that a body stands for the whole of that.
    pub fn replaces_what_was_looked_up(&self) -> bool {
        self.narrowing
            .looked_up()
            .next()
            .is_some_and(|(name, _)| self.path.ends_with(&format!("/{{{name}}}")))
    }

    /// What it makes, where that carries no division and is registered.
    pub fn registers(&self) -> Option<Entity> {
        let Narrowing::Registered { entity, name: None, .. } = &self.narrowing else { return None };
        self.is_write().then_some(*entity)
    }

    /// Whether policies judge it per division or for the tenant as a whole.
    pub fn resource(&self) -> ResourceKind {
        match &self.narrowing {
            Narrowing::DivisionQuery { .. }
            | Narrowing::DivisionPredicate
            | Narrowing::Membership { .. }
            | Narrowing::Owned { .. }
            | Narrowing::Registered { .. }
            | Narrowing::DivisionField
            | Narrowing::OwnedDivision
            | Narrowing::Listed { .. }
            | Narrowing::Handle { .. }
            | Narrowing::Translate { .. } => ResourceKind::Division,
            Narrowing::Open { .. } | Narrowing::Own { .. } => ResourceKind::Tenant,
        }
    }
}
