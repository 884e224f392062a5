//! What every refusal must be, whatever it refuses.

use serde_json::{Value, json};

use crate::support::app::{Answer, TestApp};

/// A refusal has Genesys's error shape, and the record says the same.
pub(super) async fn assert_refused(
    app: &TestApp,
    what: &str,
    answer: &Answer,
    status: u16,
    code: &str,
) -> Value {
    assert_refused_as(app, what, answer, (status, code), code).await
}

/// As [`assert_refused`], for those whose reason only the record says.
pub(super) async fn assert_refused_as(
    app: &TestApp,
    what: &str,
    answer: &Answer,
    (status, code): (u16, &str),
    recorded: &str,
) -> Value {
    let body = &answer.body;
    assert_eq!((answer.status.as_u16(), &body["code"]), (status, &json!(code)), "{what}: {body}");
    let message = body["message"].as_str().unwrap();
    assert!(!message.is_empty(), "{what}");
    let id = answer.headers["inin-correlation-id"].to_str().unwrap();
    let whole = json!({
        "message": message, "code": code, "status": status, "contextId": id, "details": [], "errors": [],
    });
    assert_eq!(body, &whole, "{what}");
    assert_eq!(answer.headers["content-type"], "application/json", "{what}");
    let event = event(app, answer).await;
    assert_eq!(outcome(&event), json!([recorded, status]), "{what}: {event}");
    event
}

/// The event of an answer.
pub(super) async fn event(app: &TestApp, answer: &Answer) -> Value {
    let id = answer.headers["inin-correlation-id"].to_str().unwrap();
    let mut found = app.find_events(&format!("correlation_id={id}")).await;
    assert_eq!(found.len(), 1, "one event of {id}: {found:?}");
    found.remove(0)
}

/// How many requests of tenants are recorded.
pub(super) async fn recorded_calls(app: &TestApp) -> usize {
    app.events().await.iter().filter(|event| event["kind"] == "call").count()
}

/// How an event ended: code and status.
pub(super) fn outcome(event: &Value) -> Value {
    json!([event["outcome"]["code"], event["outcome"]["status"]])
}

/// Nothing of a tenant's reached Genesys's API; what is asked when an account is registered is the gateway's own.
pub(super) fn assert_nothing_forwarded(app: &TestApp) {
    let mut calls = app.simulator.organisation().calls();
    calls.retain(|call| call["path"] != "/api/v2/authorization/divisions/home");
    assert!(calls.is_empty(), "forwarded: {calls:?}");
}
