//! A Swagger document that says what the catalog's facts say, to be changed by tests.

use ringfence::catalog::{Api, ApiOperation, Catalog, Field, FieldType};
use serde_json::{Map, Value, json};

/// The whole API, with the models that the catalog holds.
pub(crate) fn document(catalog: &Catalog) -> Value {
    let api = catalog.api();
    let mut paths = Map::new();
    for operation in api.operations() {
        // How a path's parameters are called means nothing.
        let path = operation.path.replace("Id}", "}");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[operation.method.to_lowercase()] = described(operation);
    }
    let models = api.models().iter().map(|model| {
        let fields = model.fields();
        let properties: Map<_, _> =
            fields.iter().map(|one| (one.name.to_owned(), property(api, one))).collect();
        let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
        let model_schema = json!({ "type": "object", "properties": properties, "required": required });
        (model.name.to_owned(), model_schema)
    });
    json!({
        "swagger": "2.0", "host": "api.example", "basePath": "/", "paths": paths,
        "definitions": models.collect::<Map<_, _>>(),
    })
}

fn described(operation: &ApiOperation) -> Value {
    let mut parameters: Vec<Value> = operation
        .query
        .iter()
        .map(|parameter| {
            let mut described = schema(parameter.r#type);
            described["name"] = json!(parameter.name);
            described["in"] = json!("query");
            described["required"] = json!(parameter.required);
            described["description"] = json!("What nobody compares");
            described
        })
        .collect();
    parameters.push(json!({ "name": "If-Match", "in": "header", "type": "string" }));
    if let Some(body) = operation.body {
        parameters.push(json!({ "name": "body", "in": "body", "required": true, "schema": schema(body) }));
    }
    let mut responses =
        json!({ "default": { "description": "Done" }, "400": { "schema": schema("ErrorBody") } });
    if let Some(response) = operation.response {
        responses["200"] = json!({ "description": "Done", "schema": schema(response) });
    }
    json!({ "operationId": operation.id, "tags": [operation.family], "parameters": parameters, "responses": responses })
}

fn property(api: &Api, field: &Field) -> Value {
    let mut described = schema(&api.written(&field.r#type));
    if let FieldType::Enum(words) = &field.r#type {
        described["enum"] = json!(&words[..]);
    }
    if field.read_only {
        described["readOnly"] = json!(true);
    }
    described
}

fn schema(written: &str) -> Value {
    if let Some(item) = written.strip_suffix("[]") {
        return json!({ "type": "array", "items": schema(item) });
    }
    if let Some(value) = written.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>')) {
        return json!({ "type": "object", "additionalProperties": schema(value) });
    }
    match written {
        "string" | "boolean" => json!({ "type": written }),
        "integer" => json!({ "type": "integer", "format": "int32" }),
        "number" => json!({ "type": "number", "format": "double" }),
        "date" | "date-time" => json!({ "type": "string", "format": written }),
        "any" => json!({ "type": "object" }),
        model => json!({ "$ref": format!("#/definitions/{model}") }),
    }
}
