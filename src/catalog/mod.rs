//! The operations of the Genesys API as data: the security contract of the gateway.
//!
//! `policies/operations/*.toml` says of each operation how its request is narrowed to divisions and how its answer is
//! checked, and why. What is not listed does not exist for a tenant. An entry without both does not load, and neither
//! does one whose two halves do not fit together: the process does not start with a catalog that it cannot vouch for.

mod aggregates;
mod api;
mod body;
mod check;
mod coverage;
mod declared;
mod denied;
mod drift;
mod entities;
mod guarding;
mod handles;
mod jobs;
mod loader;
mod masks;
mod name_set;
mod narrowing;
mod operation;
mod part;
mod registered;
mod routes;
mod shared;
mod writes;

use std::{collections::HashMap, sync::Arc};

pub use aggregates::{ActivityMetric, ActivityQuery, AggregationQuery, AggregationView, ObservationQuery};
pub use api::{Api, ApiOperation, ApiParameter, Field, FieldType, Model, ModelId};
pub use body::{
    Aggregation, Clause, ConversationQuery, Filter, Logic, Operator, Paging, Predicate, PredicateKind, Range,
    SearchOperator, SearchSort, UserSearchCriteria, UserSearchRequest,
};
pub use coverage::{Coverage, FamilyCoverage};
pub use declared::{Allowed, DeclaredBody, Reference};
pub use denied::{Denied, DeniedCode};
pub use drift::{
    Change, ChangedOperation, Denials, DenialsError, Drift, DriftError, LONGEST_DOCUMENT_BYTES, ModelDrift,
    OperationDrift,
};
pub use entities::{Entities, Entity, EntityKind, Enumeration};
pub use guarding::{Facets, Foreign, Grouping, Guarding, Holds, Named, Nested, Shape};
pub use loader::CatalogError;
pub use masks::Masking;
pub use name_set::NameSet;
pub use narrowing::{Narrowing, OwnAnswer, Parent, Place, Translation};
pub use operation::{BodyModel, Cursor, Dimensions, KeyRotation, Operation, Parameter, ParameterKind};
pub use part::{PartKind, PartOf};
use serde_json::{Value, json};
pub use shared::Shared;
pub use writes::{Contact, CreateUser, DivisionRef, QueueRequest, UpdateUser};

use crate::policy::PolicyAction;

// Of 1: an id that differs more was not misspelt.
const LEAST_LIKENESS: f64 = 0.6;
const MOST_SIMILAR: usize = 3;
const LONGEST_SHOWN: usize = 100;

/// All operations, found by method and path.
#[derive(Debug)]
pub struct Catalog {
    api: Arc<Api>,
    operations: Vec<Arc<Operation>>,
    // Enabled as the files say, but denied as Genesys changed them: policies may still name them.
    set_aside: Vec<Arc<Operation>>,
    denied: Vec<Arc<Denied>>,
    shapes: HashMap<String, Arc<Shape>>,
    entities: Arc<Entities>,
    masking: Arc<Masking>,
    routes: routes::Routes,
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

    /// SHA-256 of the embedded catalog's files, in hexadecimal: what a process goes by can be told from its checkpoints.
    pub fn embedded_digest() -> String {
        loader::digest()
    }

    /// A catalog of other files, each a name and its text; for tests of what does not load.
    pub fn from_files(files: &[(&str, &str)]) -> Result<Self, CatalogError> {
        loader::load(files)
    }

    /// Finds the operation of a method and a path, whose segments are decoded and free of `/`.
    pub fn find<'p>(&self, method: &str, path: &'p str) -> Option<Found<'p>> {
        self.routes.find(method, path)
    }

    /// Finds an operation by its id.
    pub fn named(&self, id: &str) -> Option<Entry> {
        self.entries().find(|entry| entry.id() == id)
    }

    /// What there is not, with the ids that may have been meant, likeliest first: for people.
    pub fn missing(&self, id: &str) -> String {
        let shown: String = id.chars().take(LONGEST_SHOWN).collect();
        if self.api.operation(id).is_some() {
            return format!("operation `{shown}` in the catalog: it is unclassified");
        }
        let asked = shown.to_ascii_lowercase();
        let likeness =
            |entry: &Entry| strsim::normalized_damerau_levenshtein(&asked, &entry.id().to_ascii_lowercase());
        let mut found: Vec<_> = self.entries().map(|entry| (likeness(&entry), entry)).collect();
        found.retain(|(likeness, _)| *likeness >= LEAST_LIKENESS);
        found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let similar: Vec<_> =
            found.iter().take(MOST_SIMILAR).map(|(_, entry)| format!("`{}`", entry.id())).collect();
        if similar.is_empty() {
            return format!("operation `{shown}`");
        }
        format!("operation `{shown}`; did you mean {}?", similar.join(" or "))
    }

    /// All that there are, the enabled ones first.
    fn entries(&self) -> impl Iterator<Item = Entry> {
        let denied = self.denied.iter().cloned().map(Entry::Denied);
        self.operations.iter().cloned().map(Entry::Enabled).chain(denied)
    }

    /// What the Genesys API is.
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Those that the files enable, even if they are denied now.
    fn declared(&self) -> impl Iterator<Item = &Arc<Operation>> {
        self.operations.iter().chain(&self.set_aside)
    }

    /// A shape by its name; every name that a guard uses is there.
    pub fn shape(&self, name: &str) -> Option<&Arc<Shape>> {
        self.shapes.get(name)
    }

    /// What masks take out of answers.
    pub fn masking(&self) -> &Arc<Masking> {
        &self.masking
    }

    /// How each kind of entity is looked up.
    pub fn entities(&self) -> &Arc<Entities> {
        &self.entities
    }

    /// The enabled operations, in the order of the files.
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// The operations as policies see them, those among them that are denied as Genesys changed them.
    pub fn actions(&self) -> Vec<PolicyAction> {
        self.declared()
            .map(|operation| PolicyAction {
                name: operation.id.to_string(),
                groups: operation.groups.clone(),
                resource: operation.resource(),
            })
            .collect()
    }

    /// One JSON object per operation: id, method, path, family, whether it is enabled, how it is narrowed and guarded, and
    /// why.
    pub fn describe(&self) -> Vec<Value> {
        self.entries().map(|entry| self.description(&entry)).collect()
    }

    /// The same of one operation.
    pub fn description(&self, entry: &Entry) -> Value {
        let family = self.api.operation(entry.id()).map(|known| known.family);
        match entry {
            Entry::Enabled(operation) => json!({
                "id": operation.id, "method": operation.method, "path": operation.path, "family": family,
                "enabled": true, "groups": operation.groups, "narrowing": operation.narrowing,
                "guard": operation.guard, "query": operation.query, "expand": operation.expand,
                "body": operation.body, "dimensions": operation.dimensions, "why": operation.why,
            }),
            Entry::Denied(denied) => json!({
                "id": denied.id, "method": denied.method, "path": denied.path, "family": family,
                "enabled": false, "code": denied.code, "reason": denied.reason,
            }),
        }
    }
}

impl Entry {
    /// Genesys's `operation_id`.
    pub fn id(&self) -> &str {
        match self {
            Self::Enabled(operation) => &operation.id,
            Self::Denied(denied) => &denied.id,
        }
    }

    /// The method and the path template.
    fn place(&self) -> (&str, &str) {
        match self {
            Self::Enabled(operation) => (&operation.method, &operation.path),
            Self::Denied(denied) => (denied.method, denied.path),
        }
    }
}
