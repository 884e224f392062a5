//! A Swagger 2.0 document as Genesys publishes it: what of it the catalog speaks of, in the catalog's own words.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::DriftError;

/// The longest document that is read, in bytes.
pub const LONGEST_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;

const MODELS: &str = "#/definitions/";

/// The operations and models of a document.
#[derive(Debug)]
pub(super) struct Described {
    /// By method and path, its parameters' names left out: they mean nothing on the wire.
    pub(super) operations: BTreeMap<(&'static str, String), DescribedOperation>,
    /// By name.
    pub(super) models: BTreeMap<String, BTreeMap<String, DescribedField>>,
}

/// An operation of the document.
#[derive(Debug)]
pub(super) struct DescribedOperation {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) query: BTreeMap<String, DescribedParameter>,
    pub(super) body: Option<String>,
    pub(super) response: Option<String>,
}

/// A query parameter of the document.
#[derive(Debug)]
pub(super) struct DescribedParameter {
    pub(super) r#type: String,
    pub(super) required: bool,
}

/// A model's field in the document.
#[derive(Debug)]
pub(super) struct DescribedField {
    pub(super) r#type: String,
    pub(super) words: Vec<String>,
    pub(super) required: bool,
    pub(super) read_only: bool,
}

#[derive(Deserialize)]
struct Document {
    swagger: String,
    #[serde(default, rename = "basePath")]
    base_path: String,
    paths: BTreeMap<String, PathItem>,
    #[serde(default)]
    definitions: BTreeMap<String, Schema>,
}

#[derive(Deserialize)]
struct PathItem {
    get: Option<Operation>,
    head: Option<Operation>,
    post: Option<Operation>,
    put: Option<Operation>,
    patch: Option<Operation>,
    delete: Option<Operation>,
    // Neither is in Genesys's documents; an operation that is not whole must not pass for one.
    parameters: Option<IgnoredAny>,
    #[serde(rename = "$ref")]
    elsewhere: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Operation {
    #[serde(rename = "operationId")]
    id: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
    #[serde(default)]
    responses: BTreeMap<String, Response>,
}

#[derive(Deserialize)]
struct Parameter {
    name: String,
    r#in: String,
    #[serde(default)]
    required: bool,
    schema: Option<Schema>,
    r#type: Option<String>,
    format: Option<String>,
    items: Option<Box<Schema>>,
}

#[derive(Deserialize)]
struct Response {
    schema: Option<Schema>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Schema {
    #[serde(rename = "$ref")]
    model: Option<String>,
    r#type: Option<String>,
    format: Option<String>,
    items: Option<Box<Schema>>,
    #[serde(rename = "additionalProperties")]
    values: Option<Values>,
    properties: BTreeMap<String, Schema>,
    required: Vec<String>,
    r#enum: Vec<Value>,
    #[serde(rename = "readOnly")]
    read_only: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Of(Box<Schema>),
    // `true` or `false`.
    OfAnyKind(IgnoredAny),
}

/// Reads a document; an error names the place. How deep it may be nested is `serde_json`'s limit.
pub(super) fn read(bytes: &[u8]) -> Result<Described, DriftError> {
    if bytes.len() > LONGEST_DOCUMENT_BYTES {
        return Err(DriftError::TooLong);
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let document: Document = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| unreadable(&error.path().to_string(), error.inner()))?;
    reader.end().map_err(|error| unreadable(".", &error))?;
    if document.swagger != "2.0" {
        let version = document.swagger.chars().take(20).collect::<String>();
        return Err(DriftError::at(
            "swagger",
            format!("expected a document of version 2.0, not `{version}`"),
        ));
    }
    let base = document.base_path.trim_end_matches('/').to_owned();
    let mut operations = BTreeMap::new();
    for (path, item) in document.paths {
        add_operations(&mut operations, &format!("{base}{path}"), item)?;
    }
    let models = document.definitions.into_iter().map(|(name, schema)| Ok((fields(&name, schema)?, name)));
    let models = models.map(|read: Result<_, DriftError>| read.map(|(fields, name)| (name, fields)));
    Ok(Described { operations, models: models.collect::<Result<_, _>>()? })
}

fn unreadable(path: &str, error: &serde_json::Error) -> DriftError {
    let place = if path == "." || path == "?" { "the document" } else { path };
    DriftError::at(place, error.to_string())
}

/// A path whose parameters have no names.
pub(super) fn nameless(path: &str) -> String {
    let segment =
        |segment: &'_ str| if segment.starts_with('{') { "{}".to_owned() } else { segment.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn add_operations(
    operations: &mut BTreeMap<(&'static str, String), DescribedOperation>,
    path: &str,
    item: PathItem,
) -> Result<(), DriftError> {
    if item.parameters.is_some() || item.elsewhere.is_some() {
        let why = "parameters of a whole path and references to one are not understood";
        return Err(DriftError::at(format!("paths.{path}"), why.to_owned()));
    }
    let PathItem { get, head, post, put, patch, delete, parameters: _, elsewhere: _ } = item;
    let methods =
        [("GET", get), ("HEAD", head), ("POST", post), ("PUT", put), ("PATCH", patch), ("DELETE", delete)];
    for (method, operation) in methods {
        let Some(operation) = operation else { continue };
        let described = describe(operation, method, path)?;
        if operations.insert((method, nameless(path)), described).is_some() {
            let why = format!("`{method}` stands there twice, under other names of its parameters");
            return Err(DriftError::at(format!("paths.{path}"), why));
        }
    }
    Ok(())
}

fn describe(operation: Operation, method: &str, path: &str) -> Result<DescribedOperation, DriftError> {
    let place = format!("paths.{path}.{}", method.to_lowercase());
    let mut query = BTreeMap::new();
    let mut body = None;
    for parameter in operation.parameters {
        let Parameter { name, r#in, required, schema, r#type, format, items } = parameter;
        let place = format!("{place}.parameters.{name}");
        match r#in.as_str() {
            "query" => {
                let schema = Schema { r#type, format, items, ..Schema::default() };
                query.insert(name, DescribedParameter { r#type: word(&schema, &place)?, required });
            }
            "body" => body = Some(word(&schema.unwrap_or_default(), &place)?),
            // The path says what is in it; headers and forms are no part of the catalog.
            "path" | "header" | "formData" => {}
            other => return Err(DriftError::at(place, format!("`{other}` is no place for a parameter"))),
        }
    }
    // The first answer that is one, as the SDKs take it.
    let done = operation.responses.into_iter().find(|(status, _)| status.starts_with('2'));
    let answer = done.and_then(|(_, response)| response.schema);
    let response = answer.map(|schema| word(&schema, &format!("{place}.responses"))).transpose()?;
    Ok(DescribedOperation { id: operation.id, path: path.to_owned(), query, body, response })
}

fn fields(model: &str, schema: Schema) -> Result<BTreeMap<String, DescribedField>, DriftError> {
    let mut fields = BTreeMap::new();
    for (name, field) in schema.properties {
        let place = format!("definitions.{model}.properties.{name}");
        let described = DescribedField {
            r#type: word(&field, &place)?,
            words: field.r#enum.iter().map(text).collect(),
            required: schema.required.contains(&name),
            read_only: field.read_only,
        };
        fields.insert(name, described);
    }
    Ok(fields)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A schema as `policies/api` writes a type.
fn word(schema: &Schema, place: &str) -> Result<String, DriftError> {
    if let Some(model) = &schema.model {
        let name = model.strip_prefix(MODELS).ok_or_else(|| {
            DriftError::at(place, format!("`{model}` is no reference to a model of `definitions`"))
        })?;
        // What has no fields is whatever JSON there is.
        return Ok(if name == "Empty" { "any" } else { name }.to_owned());
    }
    Ok(match (schema.r#type.as_deref(), schema.format.as_deref()) {
        (Some("string"), Some("date-time")) => "date-time".to_owned(),
        (Some("string"), Some("date")) => "date".to_owned(),
        (Some(plain @ ("string" | "integer" | "number" | "boolean")), _) => plain.to_owned(),
        (Some("array"), _) => {
            let items = schema.items.as_deref();
            let items = items.ok_or_else(|| DriftError::at(place, "a list of nothing".to_owned()))?;
            format!("{}[]", word(items, place)?)
        }
        (Some("object") | None, _) => match &schema.values {
            Some(Values::Of(values)) => format!("map<{}>", word(values, place)?),
            Some(Values::OfAnyKind(_)) | None => "any".to_owned(),
        },
        (Some("file"), _) => "any".to_owned(),
        (Some(other), _) => {
            return Err(DriftError::at(place, format!("`{other}` is no type of Swagger 2.0")));
        }
    })
}
