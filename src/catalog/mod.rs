//! The operations of the Genesys API as data: the security contract of the gateway.
//!
//! `policies/operations/*.toml` says of each operation how its request is narrowed to divisions and how its answer is
//! checked, and why. What is not listed does not exist for a tenant. An entry without both does not load, and neither
//! does one whose two halves do not fit together: the process does not start with a catalog that it cannot vouch for.

mod aggregates;
mod api;
mod body;
mod declared;
mod drift;
mod entities;
mod guarding;
mod loader;
mod name_set;
mod narrowing;
mod operation;
mod writes;

use std::{collections::HashMap, sync::Arc};

pub use aggregates::{ActivityMetric, ActivityQuery, AggregationQuery, AggregationView, ObservationQuery};
pub use api::{Api, ApiOperation, ApiParameter, Field, FieldType, Model, ModelId};
pub use body::{
    Aggregation, Clause, ConversationQuery, Filter, Logic, Operator, Paging, Predicate, PredicateKind, Range,
    SearchOperator, SearchSort, UserSearchCriteria, UserSearchRequest,
};
pub use declared::{Allowed, DeclaredBody, Reference};
pub use drift::{
    Change, ChangedOperation, Denials, DenialsError, Drift, DriftError, LONGEST_DOCUMENT_BYTES, ModelDrift,
    OperationDrift,
};
pub use entities::{Entities, Entity, EntityKind, Enumeration};
pub use guarding::{Facets, Foreign, Guarding, Holds, Named, Nested, Shape};
pub use loader::CatalogError;
pub use name_set::NameSet;
pub use narrowing::{Narrowing, OwnAnswer, Parent, Place, Translation};
pub use operation::{BodyModel, Denied, Dimensions, Operation, Parameter, ParameterKind};
pub use writes::{Contact, CreateUser, DivisionRef, QueueRequest, UpdateUser};

use crate::policy::PolicyAction;

/// All operations, found by method and path.
#[derive(Debug)]
pub struct Catalog {
    api: Arc<Api>,
    operations: Vec<Arc<Operation>>,
    denied: Vec<Arc<Denied>>,
    shapes: HashMap<String, Arc<Shape>>,
    entities: Arc<Entities>,
    routes: matchit::Router<HashMap<String, Entry>>,
}

/// What a method and a path lead to.
#[derive(Debug, Clone)]
pub enum Entry {
    /// An operation that policies decide about.
    Enabled(Arc<Operation>),
    /// One that is refused to everyone.
    Denied(Arc<Denied>),
}

/// What was found for a request.
#[derive(Debug)]
pub struct Found<'p> {
    /// The operation.
    pub entry: Entry,
    /// The path's parameters: name and value.
    pub parameters: Vec<(String, &'p str)>,
}

impl Catalog {
    /// The embedded `policies/operations/*.toml`.
    pub fn embedded() -> Result<Self, CatalogError> {
        loader::embedded()
    }

    /// A catalog of other files, each a name and its text; for tests of what does not load.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, CatalogError> {
        loader::load(files)
    }

    /// Finds the operation of a method and a path, whose segments are decoded and free of `/`.
    pub fn find<'p>(&self, method: &str, path: &'p str) -> Option<Found<'p>> {
        let matched = self.routes.at(path).ok()?;
        let entry = matched.value.get(method)?.clone();
        let parameters = matched.params.iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Some(Found { entry, parameters })
    }

    /// Finds an operation by its id.
    pub fn named(&self, id: &str) -> Option<Entry> {
        let enabled = self.operations.iter().find(|operation| *operation.id == *id);
        let denied = || self.denied.iter().find(|denied| *denied.id == *id);
        enabled.cloned().map(Entry::Enabled).or_else(|| denied().cloned().map(Entry::Denied))
    }

    /// What the Genesys API is.
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// A shape by its name; every name that a guard uses is there.
    pub fn shape(&self, name: &str) -> Option<&Arc<Shape>> {
        self.shapes.get(name)
    }

    /// How each kind of entity is looked up.
    pub fn entities(&self) -> &Arc<Entities> {
        &self.entities
    }

    /// The enabled operations, in the order of the files.
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// The operations as policies see them.
    pub fn actions(&self) -> Vec<PolicyAction> {
        self.operations
            .iter()
            .map(|operation| PolicyAction {
                name: operation.id.to_string(),
                groups: operation.groups.clone(),
                resource: operation.resource(),
            })
            .collect()
    }

    /// One JSON object per operation: id, method, path, whether it is enabled, how it is narrowed and guarded, and why.
    pub fn describe(&self) -> Vec<serde_json::Value> {
        let enabled = self.operations.iter().map(|operation| {
            serde_json::json!({
                "id": operation.id, "method": operation.method, "path": operation.path, "enabled": true,
                "groups": operation.groups, "narrowing": operation.narrowing, "guard": operation.guard,
                "query": operation.query, "expand": operation.expand, "body": operation.body, "dimensions": operation.dimensions,
                "why": operation.why,
            })
        });
        let denied = self.denied.iter().map(|denied| {
            serde_json::json!({
                "id": denied.id, "method": denied.method, "path": denied.path, "enabled": false,
                "reason": denied.reason,
            })
        });
        enabled.chain(denied).collect()
    }
}
