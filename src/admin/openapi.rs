//! The `OpenAPI` document, made of the routes and the types that they read and write.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::routes::{Described, Routes};
use crate::{model::Role, web::ProblemBody};

const PREFIX: &str = "/admin/v1";
const ROLES: [Role; 3] = [Role::Admin, Role::Operator, Role::Auditor];

/// Schemas of what is read, and of what is written: a field with a default is required in the latter alone.
struct Schemas {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// Describes all routes; `may` says what a role may do.
pub(super) fn document(may: impl Fn(Role, &str) -> bool) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut schemas = Schemas {
        read: settings.clone().for_deserialize().into_generator(),
        written: settings.for_serialize().into_generator(),
    };
    schemas.written.subschema_for::<ProblemBody<'static>>();
    let mut paths: Map<String, Value> = Map::new();
    for route in Routes::all().described {
        let described = describe(&route, &mut schemas, &may);
        let item = paths.entry(format!("{PREFIX}{}", route.path)).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.to_owned(), described);
        }
    }
    let mut definitions = schemas.written.take_definitions(false);
    definitions.extend(schemas.read.take_definitions(false));
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Ringfence admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            "description": "For operators and auditors. Each answer carries `ININ-Correlation-Id`, by which its event is found.",
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "An operator's API token, `rfo_…`. What a route asks for beside it are the roles that may.",
            } },
        },
    })
}

fn describe(route: &Described, schemas: &mut Schemas, may: impl Fn(Role, &str) -> bool) -> Value {
    let about = route.about;
    let roles: Vec<_> = ROLES.into_iter().filter(|role| may(*role, about.action)).map(Role::as_str).collect();
    // Lists and single things are one action, but two operations.
    let single = route.method == "get" && route.path.ends_with('}');
    let name = if single { about.action.replace(".list", ".get") } else { about.action.to_owned() };
    let mut parameters = path_parameters(route.path);
    parameters.extend(
        about.query.map(|query| query_parameters(&query(&mut schemas.read).to_value())).into_iter().flatten(),
    );
    let content = |media: &str, schema: Value| json!({ media: { "schema": schema } });
    let answer = (about.answer)(&mut schemas.written).to_value();
    let problem = json!({ "$ref": format!("#/components/schemas/{}", ProblemBody::schema_name()) });
    let mut described = json!({
        "operationId": name,
        "summary": about.summary,
        "security": [{ "token": roles }],
        "parameters": parameters,
        "responses": {
            about.status.to_string(): { "description": "Done", "content": content("application/json", answer) },
            "default": { "description": "A refusal", "content": content("application/problem+json", problem) },
        },
    });
    if let (Some(body), Some(fields)) = (about.body, described.as_object_mut()) {
        let body = body(&mut schemas.read).to_value();
        fields.insert(
            "requestBody".to_owned(),
            json!({ "required": true, "content": content("application/json", body) }),
        );
    }
    described
}

fn path_parameters(path: &str) -> Vec<Value> {
    let ids = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    ids.map(|id| json!({ "name": id, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect()
}

fn query_parameters(schema: &Value) -> Vec<Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let one = |(name, schema): (&String, &Value)| json!({ "name": name, "in": "query", "schema": schema });
    properties.into_iter().flatten().map(one).collect()
}
