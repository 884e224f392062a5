//! What a newer description of the API says otherwise, and what is then to be denied.

use ringfence::catalog::{Catalog, Change, Denials, Drift, LONGEST_DOCUMENT_BYTES};
use serde_json::{Value, json};

use super::document::document;

const QUEUES: &str = "/api/v2/routing/queues";
const QUEUE: &str = "/api/v2/routing/queues/{queue}";

/// Compares with the catalog's own description after a change of it.
fn drift(change: impl FnOnce(&mut Value)) -> Drift {
    let catalog = Catalog::embedded().unwrap();
    let mut changed = document(&catalog);
    change(&mut changed);
    Drift::of(&catalog, changed.to_string().as_bytes()).unwrap()
}

fn refused(document: &Value) -> String {
    Drift::of(&Catalog::embedded().unwrap(), document.to_string().as_bytes()).unwrap_err().to_string()
}

/// The lines of what is to be denied: `operation: what changed`.
fn denied(drift: &Drift) -> Vec<String> {
    let lines = drift.denied.iter();
    lines.flat_map(|one| one.changes.iter().map(|change| format!("{}: {change}", one.operation))).collect()
}

fn parameters<'a>(document: &'a mut Value, path: &str, method: &str) -> &'a mut Vec<Value> {
    document["paths"][path][method]["parameters"].as_array_mut().unwrap()
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().unwrap().remove(name).unwrap();
}

#[test]
fn a_document_that_says_the_same_differs_in_nothing() {
    let same = drift(|_| ());
    assert_eq!(same, Drift::default());
    assert!(same.is_empty());
}

#[test]
fn new_and_gone_operations_are_told() {
    let found = drift(|document| {
        remove(&mut document["paths"][QUEUE], "delete");
        document["paths"]["/api/v2/gadgets/{gadgetId}"] = json!({ "get": { "operationId": "getGadget" } });
    });
    let new = &found.new[0];
    assert_eq!((&*new.operation, &*new.method), ("getGadget", "GET"));
    assert_eq!((&*new.path, new.enabled), ("/api/v2/gadgets/{gadgetId}", false));
    let gone = &found.gone[0];
    assert_eq!((&*gone.operation, &*gone.method, gone.enabled), ("deleteRoutingQueue", "DELETE", true));
    assert_eq!((found.new.len(), found.gone.len(), found.changed.len()), (1, 1, 0));
    assert_eq!(denied(&found), ["deleteRoutingQueue: gone"]);
}

#[test]
fn changed_parameters_bodies_and_answers_are_told_and_denied() {
    let found = drift(|document| {
        let query = parameters(document, QUEUES, "get");
        query.retain(|parameter| parameter["name"] != "hasPeer");
        query.push(json!({ "name": "everywhere", "in": "query", "type": "boolean", "required": true }));
        let size = query.iter_mut().find(|parameter| parameter["name"] == "pageSize").unwrap();
        size["type"] = json!("string");
    });
    assert_eq!(
        denied(&found),
        [
            "getRoutingQueues: query.hasPeer: gone, was boolean",
            "getRoutingQueues: query.pageSize: was integer, is string",
            "getRoutingQueues: query.everywhere: new, boolean, required",
        ]
    );
    let found = drift(|document| {
        let body = parameters(document, QUEUE, "put").last_mut().unwrap();
        body["schema"] = json!({ "type": "array", "items": { "$ref": "#/definitions/QueueRequest" } });
        document["paths"][QUEUE]["put"]["responses"]["200"]["schema"] =
            json!({ "$ref": "#/definitions/User" });
    });
    assert_eq!(
        denied(&found),
        [
            "putRoutingQueue: body: was QueueRequest, is QueueRequest[]",
            "putRoutingQueue: answer: was Queue, is User"
        ]
    );
}

#[test]
fn what_changed_in_an_operation_that_is_not_enabled_is_told_alone() {
    let path = "/api/v2/oauth/clients";
    let found = drift(|document| parameters(document, path, "get").clear());
    assert_eq!(found.denied, []);
    assert!(found.changed.iter().all(|one| one.path == path && !one.enabled && !one.changes.is_empty()));
}

#[test]
fn models_are_compared_field_by_field() {
    let found = drift(|document| {
        let model = &mut document["definitions"]["CreateUser"];
        remove(&mut model["properties"], "title");
        model["properties"]["nickname"] = json!({ "type": "string" });
        model["properties"]["department"] = json!({ "type": "array", "items": { "type": "string" } });
        model["properties"]["state"]["enum"] = json!(["active", "inactive", "dormant"]);
        model["properties"]["password"]["readOnly"] = json!(true);
        model["required"] = json!(["email", "divisionId"]);
    });
    assert_eq!(found.models.len(), 1);
    let model = &found.models[0];
    assert_eq!((&*model.model, &*model.operations.concat()), ("CreateUser", "postUsers"));
    let change = |place: &str, was: Option<&str>, is: Option<&str>| Change {
        place: format!("CreateUser.{place}"),
        was: was.map(str::to_owned),
        is: is.map(str::to_owned),
    };
    assert_eq!(
        model.changes,
        [
            change("department", Some("string"), Some("string[]")),
            change("name", Some("string, required"), Some("string")),
            change("nickname", None, Some("string")),
            change("password", Some("string"), Some("string, read-only")),
            change("state", Some("string `deleted`"), Some("string `dormant`")),
            change("title", Some("string"), None),
        ]
    );
    assert_eq!(found.denied[0].operation, "postUsers");
}

#[test]
fn a_model_deep_in_an_answer_denies_all_that_are_made_of_it() {
    let found = drift(|document| remove(&mut document["definitions"], "Location"));
    assert_eq!(found.models[0].changes[0].place, "Location");
    let users: Vec<_> = found.denied.iter().map(|one| one.operation.as_str()).collect();
    assert!(users.contains(&"getUser") && users.contains(&"getUsers"), "{users:?}");
    assert!(!users.contains(&"deleteRoutingQueue"), "{users:?}");
}

#[test]
fn the_list_of_what_is_denied_is_read_as_it_was_written() {
    let found = drift(|document| {
        document["definitions"]["CreateUser"]["properties"]["a \"quoted\"\nname"] =
            json!({ "type": "string" });
    });
    let read = Denials::read(&found.denials().to_string()).unwrap();
    assert_eq!(read.denied, found.denied);
    assert!(read.denied[0].changes[0].contains("a \"quoted\"\nname"));
    let wrong = Denials::read("[[denied]]\nid = \"getUsers\"\n").unwrap_err().to_string();
    assert!(wrong.contains("line 2") && wrong.contains("`id`"), "{wrong}");
}

#[test]
fn a_document_that_cannot_be_read_is_refused_with_the_place() {
    let with = |operation: Value| json!({ "swagger": "2.0", "paths": { "/api/v2/a": { "get": operation } } });
    let field = |schema: Value| json!({ "swagger": "2.0", "paths": {}, "definitions": { "A": { "properties": { "b": schema } } } });
    let query = |parameter: Value| with(json!({ "operationId": "a", "parameters": [parameter] }));
    for (document, why) in [
        (json!([]), "at `the document`: invalid length 0, expected struct Document"),
        (json!({ "paths": {} }), "at `the document`: missing field `swagger`"),
        (
            json!({ "swagger": "3.0", "paths": {} }),
            "at `swagger`: expected a document of version 2.0, not `3.0`",
        ),
        (with(json!({})), "at `paths./api/v2/a.get`: missing field `operationId`"),
        (
            with(json!({ "operationId": "a", "responses": { "200": { "schema": { "type": 5 } } } })),
            "at `paths./api/v2/a.get.responses.200.schema.type`: invalid type: integer `5`, expected a string",
        ),
        (
            query(json!({ "name": "b", "in": "matrix", "type": "string" })),
            "at `paths./api/v2/a.get.parameters.b`: `matrix` is no place for a parameter",
        ),
        (
            query(json!({ "name": "b", "in": "query", "type": "array" })),
            "at `paths./api/v2/a.get.parameters.b`: a list of nothing",
        ),
        (
            field(json!({ "type": "colour" })),
            "at `definitions.A.properties.b`: `colour` is no type of Swagger 2.0",
        ),
        (
            field(json!({ "$ref": "https://elsewhere.example/A" })),
            "at `definitions.A.properties.b`: `https://elsewhere.example/A` is no reference to a model of `definitions`",
        ),
        (
            json!({ "swagger": "2.0", "paths": { "/api/v2/a": { "parameters": [] } } }),
            "at `paths./api/v2/a`: parameters of a whole path and references to one are not understood",
        ),
        (
            json!({ "swagger": "2.0", "paths": {
                "/api/v2/{a}": { "get": { "operationId": "a" } }, "/api/v2/{b}": { "get": { "operationId": "b" } },
            } }),
            "at `paths./api/v2/{b}`: `GET` stands there twice, under other names of its parameters",
        ),
    ] {
        let told = refused(&document);
        assert!(told.starts_with(why), "{told}");
    }
}

#[test]
fn a_document_is_bounded_in_depth_and_length() {
    let catalog = Catalog::embedded().unwrap();
    let deep = format!(
        r#"{{"swagger":"2.0","paths":{{}},"definitions":{{"A":{{"properties":{{"b":{}{}}}}}}}}}"#,
        r#"{"type":"array","items":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    let told = Drift::of(&catalog, deep.as_bytes()).unwrap_err().to_string();
    assert!(told.contains("recursion limit exceeded"), "{told:.300}");
    let long = vec![b' '; LONGEST_DOCUMENT_BYTES + 1];
    let told = Drift::of(&catalog, &long).unwrap_err().to_string();
    assert_eq!(told, "the document is longer than 67108864 bytes");
}
