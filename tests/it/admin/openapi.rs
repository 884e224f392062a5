//! The `OpenAPI` document: whole, well formed, and true of every answer that these tests see.

use std::{collections::BTreeSet, fs, path::Path, sync::OnceLock};

use ringfence::{admin, catalog::Catalog, policy::Engine};
use serde_json::Value;

use super::{matrix, office::Office};

/// The keywords that the schemas use, all of which [`complaint`] knows or need not know.
const KEYWORDS: &[&str] = &[
    "$ref",
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "additionalProperties",
    "format",
    "minimum",
    "maximum",
    "description",
    "default",
    "title",
];

/// As it is served, made without a server.
pub(super) fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| {
        let engine = Engine::new(&Catalog::embedded().unwrap().actions()).unwrap();
        admin::openapi(|role, action| engine.operator_may(role, action))
    })
}

/// The operations as `METHOD /path`, without the prefix that all share, and what is said of each.
pub(super) fn operations() -> Vec<(String, &'static Value)> {
    let paths = document()["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        let path = path.strip_prefix("/admin/v1").unwrap();
        item.as_object()
            .unwrap()
            .iter()
            .map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    all.collect()
}

/// Checks an answer against what the document says of its route, if it has one.
pub(super) fn check(method: &str, path: &str, status: u16, body: &Value) {
    let Some(path) = path.strip_prefix("/admin/v1") else { return };
    let matches = |template: &str| {
        let (parts, templates) = (path.split('/'), template.split('/'));
        parts.clone().count() == templates.clone().count()
            && parts.zip(templates).all(|(part, template)| template.starts_with('{') || part == template)
    };
    let found = operations().into_iter().find(|(name, _)| {
        name.split_once(' ').is_some_and(|(verb, template)| verb == method && matches(template))
    });
    let Some((name, operation)) = found else { return };
    let responses = &operation["responses"];
    let (response, media) = if status < 400 {
        (&responses[status.to_string()], "application/json")
    } else {
        (&responses["default"], "application/problem+json")
    };
    let schema = &response["content"][media]["schema"];
    assert!(!schema.is_null(), "{name}: no word of {status}");
    if let Some(complaint) = complaint(schema, body) {
        panic!("{name}: {status} does not fit: {complaint}");
    }
}

/// What of a value does not fit a schema.
fn complaint(schema: &Value, value: &Value) -> Option<String> {
    let schema = schema.as_object()?;
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        return complaint(document().pointer(&name[1..]).unwrap(), value);
    }
    for (keyword, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
        if let Some(some) = schema.get(keyword).and_then(Value::as_array) {
            let fitting = some.iter().filter(|one| complaint(one, value).is_none()).count();
            return (!(1..=most).contains(&fitting)).then(|| format!("{value} fits {fitting} of {some:?}"));
        }
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Some(format!("{value} is not {}", schema["const"]));
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|words| !words.contains(value)) {
        return Some(format!("{value} is none of {}", schema["enum"]));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types: Vec<_> = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    };
    if !types.is_empty() && !types.contains(&kind) {
        return Some(format!("{value} is not of type {types:?}"));
    }
    match value {
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items.iter().find_map(|item| complaint(schema, item))
        }
        Value::Object(fields) => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let missing = required.filter_map(Value::as_str).find(|name| !fields.contains_key(*name));
            if let Some(missing) = missing {
                return Some(format!("`{missing}` is missing"));
            }
            fields.iter().find_map(|(name, value)| {
                let property = schema.get("properties").and_then(|all| all.get(name));
                let Some(schema) = property.or(schema.get("additionalProperties")) else {
                    return Some(format!("`{name}` is not described"));
                };
                complaint(schema, value).map(|complaint| format!("`{name}`: {complaint}"))
            })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// All values below that stand under a name.
fn collect<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Value::Object(fields) => {
            found.extend(fields.get(name));
            fields.values().for_each(|value| collect(value, name, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn it_is_served_as_it_is_made() {
    let office = Office::open().await;
    let served = office.auditor().get("/openapi.json").await.expect(200);
    assert_eq!(&served, document());
    assert!(served["openapi"].as_str().unwrap().starts_with("3.1."));
    assert_eq!(office.stranger().get("/openapi.json").await.status, 401);
}

#[test]
fn every_route_is_described_and_in_the_matrix() {
    let described: BTreeSet<_> = operations().into_iter().map(|(name, _)| name).collect();
    let tried: BTreeSet<_> = matrix::routes().map(str::to_owned).collect();
    assert_eq!(described, tried);
    // `Routes::add` is the one place that adds a route, and it adds the description too.
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin")).unwrap();
    let texts = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    assert_eq!(texts.map(|text| text.matches(".route(").count()).sum::<usize>(), 1);
}

#[test]
fn each_operation_has_a_name_of_its_own_a_summary_roles_and_its_path_parameters() {
    let mut names = BTreeSet::new();
    for (operation, described) in operations() {
        assert!(names.insert(described["operationId"].as_str().unwrap().to_owned()), "{operation}");
        assert!(described["summary"].as_str().unwrap().ends_with('.'), "{operation}");
        assert_ne!(described["security"][0]["token"], Value::Array(Vec::new()), "{operation}");
        let parameters = described["parameters"].as_array().into_iter().flatten();
        let paths = parameters.filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(paths, operation.matches('{').count(), "{operation}");
    }
}

#[test]
fn its_schemas_use_known_keywords_and_its_references_lead_somewhere() {
    let mut references = Vec::new();
    collect(document(), "$ref", &mut references);
    assert!(references.len() > 20);
    for reference in references {
        let target = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document().pointer(target).is_some(), "{reference}");
    }
    let mut schemas: Vec<_> = document()["components"]["schemas"].as_object().unwrap().values().collect();
    collect(&document()["paths"], "schema", &mut schemas);
    let mut properties = Vec::new();
    collect(&document()["components"], "properties", &mut properties);
    schemas.extend(properties.iter().flat_map(|all| all.as_object().unwrap().values()));
    for schema in schemas {
        // `true` fits anything.
        for keyword in schema.as_object().into_iter().flat_map(|schema| schema.keys()) {
            assert!(KEYWORDS.contains(&keyword.as_str()), "`{keyword}` in {schema}");
        }
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_eq!(complaint(schema, example), None);
        }
    }
}

#[test]
fn what_does_not_fit_is_complained_of() {
    let tenant = &document()["components"]["schemas"]["Tenant"];
    for (value, says) in [
        (serde_json::json!([]), "type"),
        (serde_json::json!({}), "missing"),
        (serde_json::json!({ "id": 1 }), "missing"),
    ] {
        let complaint = complaint(tenant, &value).unwrap();
        assert!(complaint.contains(says), "{complaint}");
    }
}
