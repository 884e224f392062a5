//! What the Genesys API is: its operations, and the models of those that are enabled.
//!
//! `policies/api/*.jsonl`, one line each, written by `tools/api.py` from the official Python SDK. These are facts about the
//! API alone; what a tenant may do with it stands in `policies/operations`.

mod model;

use std::sync::{Arc, LazyLock};

use serde::Deserialize;

pub use model::{Field, FieldType, Model, ModelId};

use super::CatalogError;

const OPERATIONS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/api/operations.jsonl"));
const MODELS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/api/models.jsonl"));

// They are the same for every catalog of the process, and are read but once.
static EMBEDDED: LazyLock<Result<Arc<Api>, String>> =
    LazyLock::new(|| Api::read(OPERATIONS, MODELS).map(Arc::new));

/// The operations and models of the Genesys API.
#[derive(Debug)]
pub struct Api {
    // By id.
    operations: Vec<ApiOperation>,
    // By name.
    models: Vec<Model>,
}

/// One operation of the Genesys API, enabled or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiOperation {
    /// Genesys's `operation_id`, such as `getUsers`.
    pub id: &'static str,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// The path template, such as `/api/v2/users/{userId}`.
    pub path: &'static str,
    /// Genesys's tag, such as `Users`.
    pub family: &'static str,
    /// The query parameters, by name.
    #[serde(default)]
    pub query: Vec<ApiParameter>,
    /// The type of the body, for [`Api::field_type`].
    #[serde(default, borrow)]
    pub body: Option<&'static str>,
    /// The type of the answer, likewise.
    #[serde(default, borrow)]
    pub response: Option<&'static str>,
}

/// A query parameter of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiParameter {
    /// Its exact name.
    pub name: &'static str,
    /// Its type, for [`Api::field_type`].
    pub r#type: &'static str,
    /// Whether Genesys refuses a request without it.
    #[serde(default)]
    pub required: bool,
}

impl Api {
    /// The embedded `policies/api/*.jsonl`.
    pub fn embedded() -> Result<Arc<Self>, CatalogError> {
        EMBEDDED.clone().map_err(|why| CatalogError::Unreadable { file: "policies/api".to_owned(), why })
    }

    fn read(operations: &'static str, models: &'static str) -> Result<Self, String> {
        let operations: Vec<ApiOperation> = operations
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|error| format!("{error} in {line}")))
            .collect::<Result<_, _>>()?;
        // They are found by halving.
        if !operations.is_sorted_by(|one, next| one.id < next.id) {
            return Err("the operations are not sorted, or one stands there twice".to_owned());
        }
        Ok(Self { operations, models: model::read(models)? })
    }

    /// All operations, by id.
    pub fn operations(&self) -> &[ApiOperation] {
        &self.operations
    }

    /// An operation by its id.
    pub fn operation(&self, id: &str) -> Option<&ApiOperation> {
        let at = self.operations.binary_search_by(|operation| operation.id.cmp(id)).ok()?;
        self.operations.get(at)
    }

    /// The models of enabled operations, by name.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// A model that a [`FieldType`] leads to.
    pub fn model(&self, id: ModelId) -> Option<&Model> {
        self.models.get(id.0)
    }

    /// The model that a type leads to, through lists and maps.
    pub fn model_of(&self, r#type: &FieldType) -> Option<&Model> {
        if let FieldType::Model(id) = r#type.innermost() { self.model(*id) } else { None }
    }

    /// A model by its name; those that no enabled operation needs are not held.
    pub fn model_named(&self, name: &str) -> Option<&Model> {
        self.model(model::id_of(&self.models, name)?)
    }

    /// What a type says as it is written, such as `User[]`; nothing where its model is not held.
    pub fn field_type(&self, written: &str) -> Option<FieldType> {
        FieldType::read(written, &[], &|name| model::id_of(&self.models, name))
    }

    /// A type as it is written: the other way round.
    pub fn written(&self, r#type: &FieldType) -> String {
        match r#type {
            FieldType::Text | FieldType::Enum(_) => "string".to_owned(),
            FieldType::Date => "date".to_owned(),
            FieldType::DateTime => "date-time".to_owned(),
            FieldType::Integer => "integer".to_owned(),
            FieldType::Number => "number".to_owned(),
            FieldType::Boolean => "boolean".to_owned(),
            FieldType::Any => "any".to_owned(),
            FieldType::List(item) => format!("{}[]", self.written(item)),
            FieldType::Map(value) => format!("map<{}>", self.written(value)),
            FieldType::Model(id) => self.model(*id).map(|model| model.name.to_owned()).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_of_the_api_is_found_by_its_id() {
        let api = Api::embedded().unwrap();
        assert_eq!(api.operations().len(), 3355);
        for operation in api.operations() {
            assert_eq!(api.operation(operation.id).unwrap().path, operation.path);
        }
        let queues = api.operation("getRoutingQueues").unwrap();
        assert_eq!((queues.method, queues.path, queues.family), ("GET", "/api/v2/routing/queues", "Routing"));
        assert!(queues.query.iter().any(|parameter| parameter.name == "divisionId"));
        assert!(api.operation("getEverything").is_none());
    }

    #[test]
    fn a_models_fields_are_found_to_the_letter_and_may_lead_back_to_it() {
        let api = Api::embedded().unwrap();
        let user = api.model_named("User").unwrap();
        for field in user.fields() {
            assert_eq!(user.field(field.name).unwrap(), field);
        }
        for name in ["", "ID", "nam", "a name that is longer than all of them"] {
            assert!(user.field(name).is_none(), "{name}");
        }
        let FieldType::Model(manager) = user.field("manager").unwrap().r#type else { panic!("no model") };
        assert_eq!(api.model(manager).unwrap().name, "User");
        let states = &user.field("state").unwrap().r#type;
        assert!(matches!(states, FieldType::Enum(values) if values.contains(&"active")));
        assert_eq!(api.field_type("string[]"), Some(FieldType::List(Box::new(FieldType::Text))));
        assert_eq!(api.field_type("map<integer>"), Some(FieldType::Map(Box::new(FieldType::Integer))));
        assert_eq!(api.field_type("NoSuchModel[]"), None);
    }

    #[test]
    fn data_that_contradicts_itself_does_not_load() {
        let operation = r#"{"id":"a","method":"GET","path":"/api/v2/a","family":"A"}"#;
        let twice = Box::leak(format!("{operation}\n{operation}\n").into_boxed_str());
        assert_eq!(
            Api::read(twice, "").unwrap_err(),
            "the operations are not sorted, or one stands there twice"
        );
        assert_eq!(
            Api::read("", r#"{"name":"A","fields":{"b":{"type":"B"}}}"#).unwrap_err(),
            "the field `A.b` is of the unknown type `B`"
        );
    }
}
