//! Who may do what: every operation, tried by everyone.

use std::fmt::Write;

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    office::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, GAMMA, Office, Persona, send, tenant},
    openapi,
};

/// An operation as `METHOD path`, and what to send: `{who}` stands for the persona's name.
const OPERATIONS: &[&str] = &[
    "GET /operators",
    "POST /operators",
    "POST /operators/{id}/tokens",
    "GET /service-accounts",
    "POST /service-accounts",
    "GET /service-accounts/{id}",
    "PATCH /service-accounts/{id}",
    "POST /service-accounts/{id}/rotate",
    "POST /service-accounts/{id}/check",
    "GET /service-accounts/{id}/budget",
    "GET /signing-keys",
    "POST /signing-keys/rotate",
    "GET /tenants",
    "POST /tenants",
    "GET /tenants/{id}",
    "PATCH /tenants/{id}",
    "POST /tenants/{id}/suspend",
    "POST /tenants/{id}/resume",
    "GET /tenants/{id}/keys",
    "POST /tenants/{id}/keys",
    "GET /tenants/{id}/registry",
    "POST /tenants/{id}/registry",
    "POST /tenants/{id}/registry/take",
    "GET /tenants/{id}/policies",
    "PUT /tenants/{id}/policies",
    "POST /policies/explain",
    "GET /keys/{id}",
    "PATCH /keys/{id}",
    "POST /keys/{id}/rotate",
    "POST /keys/{id}/revoke",
    "GET /events",
    "GET /events/export",
    "GET /checkpoints",
    "POST /events/verify",
    "GET /operations",
    "GET /catalog/coverage",
    "GET /catalog/operations/{id}",
    "POST /catalog/drift",
    "GET /openapi.json",
    "GET /nothing-here",
    "DELETE /tenants",
];

#[tokio::test]
async fn each_role_does_what_is_its_own_and_no_more() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    office.account("hub", true).await;
    let personas = [
        ("stranger", office.stranger()),
        ("auditor", office.auditor()),
        ("operator", office.operator()),
        ("admin", office.admin()),
    ];
    let mut table = format!("{:<36}{:>9}{:>9}{:>9}{:>9}\n", "", "stranger", "auditor", "operator", "admin");
    for operation in OPERATIONS {
        let mut row = format!("{operation:<36}");
        for (who, persona) in personas {
            let status = attempt(&office, persona, who, operation).await;
            write!(row, "{status:>9}").unwrap();
            let described = openapi::operations().into_iter().find(|(name, _)| name == operation);
            if let Some((_, described)) = described.filter(|_| who != "stranger") {
                let may = described["security"][0]["token"].as_array().unwrap().contains(&json!(who));
                assert_eq!(may, status != 403, "{operation} by {who}");
            }
        }
        table += row.trim_end();
        table += "\n";
    }
    insta::assert_snapshot!(table);
}

/// Those that there are.
pub(super) fn routes() -> impl Iterator<Item = &'static str> {
    OPERATIONS
        .iter()
        .copied()
        .filter(|operation| !["GET /nothing-here", "DELETE /tenants"].contains(operation))
}

#[tokio::test]
async fn a_refused_role_leaves_an_event() {
    let office = Office::open().await;
    let refused = office.auditor().post("/service-accounts", &body("POST /service-accounts", "x")).await;
    assert_eq!(refused.refusal(), "403 forbidden -");
    assert!(refused.body["detail"].as_str().unwrap().contains("`auditor`"));
    let event = office.event_of(&refused).await;
    assert_eq!(event["kind"], "refusal");
    assert_eq!(event["operation"], "service-account.add");
    assert_eq!(event["outcome"]["code"], "forbidden");
    assert_eq!(event["outcome"]["status"], 403);
    assert_eq!(event["source"], "127.0.0.1");
    assert!(event["operator"].is_string());
    assert_eq!(office.store.list_service_accounts().await.unwrap(), []);
}

async fn attempt(office: &Office, persona: Persona<'_>, who: &str, operation: &str) -> u16 {
    let (method, path) = operation.split_once(' ').unwrap();
    let id = match path.split('/').nth(1).unwrap() {
        "operators" => office.store.list_operators().await.unwrap()[0].id.to_string(),
        "catalog" => "getUsers".to_owned(),
        "keys" => {
            let key = office.admin().post("/tenants/north/keys", &json!({ "name": "to revoke" })).await;
            key.expect(201)["key_id"].as_str().unwrap().to_owned()
        }
        _ => "north".to_owned(),
    };
    let method: Method = method.parse().unwrap();
    let request = persona.request(method, &path.replace("{id}", &id));
    let body = body(operation, who);
    send(if body.is_null() { request } else { request.json(&body) }).await.status
}

fn body(operation: &str, who: &str) -> Value {
    match operation {
        "POST /operators" => json!({ "email": format!("new-by-{who}@example.com"), "role": "auditor" }),
        "POST /operators/{id}/tokens" => json!({ "expires_in_days": 1 }),
        "POST /service-accounts" => json!({
            "id": format!("by-{who}"), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "region": "eu-central-1",
        }),
        "PATCH /service-accounts/{id}" => json!({ "description": format!("Described by {who}") }),
        "POST /service-accounts/{id}/rotate" => json!({ "client_secret": CLIENT_SECRET }),
        "POST /tenants" => {
            let division = if who == "admin" { BETA } else { GAMMA };
            let mut tenant = tenant(&format!("by-{who}"), &[division]);
            tenant["service_account"] = json!("hub");
            tenant
        }
        "PATCH /tenants/{id}" | "PATCH /keys/{id}" => json!({ "name": format!("Named by {who}") }),
        "POST /tenants/{id}/keys" => json!({ "name": format!("by {who}") }),
        "POST /keys/{id}/rotate" => json!({ "overlap_seconds": 60 }),
        "POST /tenants/{id}/registry" | "POST /tenants/{id}/registry/take" => json!({
            "entity": "group", "id": format!("{}0000000-0000-4000-8000-000000000000", who.len()),
            "reason": format!("by {who}"),
        }),
        "POST /signing-keys/rotate" => json!({ "end_tokens": true }),
        "PUT /tenants/{id}/policies" => json!({ "source": "", "reason": format!("by {who}") }),
        "POST /catalog/drift" => json!({ "swagger": "2.0", "paths": {} }),
        "POST /policies/explain" => json!({ "tenant": "north", "operation": "getUsers" }),
        _ => Value::Null,
    }
}
