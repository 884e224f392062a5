//! Whose the parts of a shared conversation are, case by case.

use std::sync::{Arc, Mutex};

use axum::{Router, http::header, routing::post};
use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::super::organisation::{DETAILS, NOBODY, QUEUES, SEARCH, assert_refused};
use crate::support::app::{TenantClient, TestApp};

const OWN_USER: &str = "00000000-0000-4000-8000-0000000000a1";
const OWN_QUEUE: &str = "00000000-0000-4000-8000-0000000000a2";
const OWN_FLOW: &str = "00000000-0000-4000-8000-0000000000a3";
const FOREIGN: &str = "00000000-0000-4000-8000-0000000000b1";

/// An organisation with one user, queue and flow of the tenant's, which shows whatever conversation a test wants.
async fn telling(app: &TestApp) -> (TenantClient, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let said = Arc::<Mutex<String>>::default();
    let as_json = [(header::CONTENT_TYPE, "application/json")];
    let token = json!({"access_token": "t", "token_type": "bearer", "expires_in": 86_400}).to_string();
    let listed =
        |id: &str| json!({"entities": [{"id": id, "division": {"id": ALPHA}}], "total": 1}).to_string();
    let (users, queues, flows) = (listed(OWN_USER), listed(OWN_QUEUE), listed(OWN_FLOW));
    let told = Arc::clone(&said);
    let routes = Router::new()
        .route("/oauth/token", post(async move || (as_json, token)))
        .route(SEARCH, post(async move || users))
        .route(QUEUES, axum::routing::get(async move || queues))
        .route("/api/v2/flows", axum::routing::get(async move || flows))
        .fallback(async move || told.lock().unwrap().clone());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    let account =
        json!({"id": "telling", "client_id": "c", "client_secret": "s", "api_url": url, "login_url": url});
    app.admin().post("/service-accounts", &account).await.expect(201);
    (app.tenant_with("alpha", &[ALPHA], json!({"service_account": "telling"})).await, said)
}

fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { unreachable!("an object") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// A participant with everything in it that could tell something.
fn person(purpose: &str, user: &Value, queue: &Value, session: Value) -> Value {
    let segment = json!({"segmentType": "interact", "segmentStart": "a", "segmentEnd": "b", "queueId": queue,
        "wrapUpNote": "noted", "subject": "about", "unheardOf": 1});
    let whole = json!({"sessionId": "s", "mediaType": "voice", "ani": "tel:+1", "dnis": "tel:+2", "remote": "Someone",
        "peerId": "p", "addressSelf": "sip:a", "provider": "Edge", "unheardOf": 1, "segments": [segment]});
    json!({"participantId": "p", "purpose": purpose, "userId": user, "participantName": "Name",
        "externalContactId": "c", "attributes": {"a": "b"}, "sessions": [with(whole, session)]})
}

fn flow(id: &str) -> Value {
    json!({"flow": {"flowId": id, "flowName": "Flow", "transferTargetName": "Elsewhere", "outcomes": []}})
}

/// What is left of it: of its own, of its session and of its segment, beside when it happened.
fn left(purpose: &str, own: Value, session: Value, segment: Value) -> Value {
    let timing = json!({"segmentType": "interact", "segmentStart": "a", "segmentEnd": "b"});
    let segments = json!({"mediaType": "voice", "segments": [with(timing, segment)]});
    with(json!({"participantId": "p", "purpose": purpose, "sessions": [with(segments, session)]}), own)
}

/// What it is, as Genesys shows it, and what is left.
fn parts() -> Vec<(&'static str, Value, Value)> {
    let none = || json!({});
    let (user, queue, foreign) = (|| json!(OWN_USER), || json!(OWN_QUEUE), || json!(FOREIGN));
    let named = || json!({"userId": OWN_USER, "participantName": "Name"});
    let provided = || json!({"sessionId": "s", "provider": "Edge"});
    let noted = || json!({"queueId": OWN_QUEUE, "wrapUpNote": "noted"});
    let in_queue = || json!({"queueId": OWN_QUEUE});
    let through = with(provided(), json!({"flow": {"flowId": OWN_FLOW, "flowName": "Flow"}}));
    vec![
        ("another's", person("agent", &foreign(), &foreign(), none()), left("agent", none(), none(), none())),
        (
            "an own user in an own queue",
            person("agent", &user(), &queue(), none()),
            left("agent", named(), provided(), noted()),
        ),
        (
            "an own user in another's queue",
            person("agent", &user(), &foreign(), none()),
            left("agent", json!({"userId": OWN_USER}), none(), none()),
        ),
        (
            "another's user in an own queue",
            person("agent", &foreign(), &queue(), none()),
            left("agent", none(), none(), in_queue()),
        ),
        (
            "an own queue",
            person("acd", &Value::Null, &queue(), none()),
            left("acd", json!({"participantName": "Name"}), provided(), noted()),
        ),
        (
            "a customer",
            person("customer", &Value::Null, &Value::Null, none()),
            left("customer", none(), none(), none()),
        ),
        (
            "a customer in an own queue",
            person("customer", &Value::Null, &queue(), none()),
            left("customer", none(), none(), in_queue()),
        ),
        (
            "an own user who may have been another's then",
            person("agent", &user(), &Value::Null, none()),
            left("agent", json!({"userId": OWN_USER}), none(), none()),
        ),
        (
            "an id that is none",
            person("agent", &json!(7), &queue(), none()),
            left("agent", none(), none(), in_queue()),
        ),
        (
            "an own flow",
            person("ivr", &Value::Null, &Value::Null, flow(OWN_FLOW)),
            left("ivr", json!({"participantName": "Name"}), through, json!({"wrapUpNote": "noted"})),
        ),
        (
            "another's flow",
            person("ivr", &Value::Null, &queue(), flow(FOREIGN)),
            left("ivr", none(), none(), in_queue()),
        ),
    ]
}

#[tokio::test]
async fn a_part_is_the_tenants_own_only_where_all_that_it_names_is() {
    let app = TestApp::start().await;
    let (alpha, said) = telling(&app).await;
    for (what, theirs, expected) in parts() {
        let conversation = json!({"conversationId": NOBODY, "conversationStart": "a", "conversationEnd": "b",
            "divisionIds": [BETA, ALPHA], "externalTag": "tag", "unheardOf": 1, "participants": [theirs],
            "evaluations": [{"userId": OWN_USER, "queueId": OWN_QUEUE}], "surveys": [{"userId": FOREIGN}]});
        *said.lock().unwrap() = conversation.to_string();
        let shown = alpha.get(&format!("/api/v2/analytics/conversations/{NOBODY}/details")).await.expect(200);
        let expected = json!({"conversationId": NOBODY, "conversationStart": "a", "conversationEnd": "b",
            "divisionIds": [ALPHA], "participants": [expected]});
        assert_eq!(shown, expected, "{what}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_shared_conversation_of_another_shape_is_refused() {
    let app = TestApp::start().await;
    let (alpha, said) = telling(&app).await;
    for participants in
        ["{}", "[1]", "[{\"sessions\":{}}]", "[{\"sessions\":[{\"segments\":[2]}]}]", "[{\"a\":1,\"a\":2}]"]
    {
        *said.lock().unwrap() = format!(
            r#"{{"conversations":[{{"conversationId":"c","divisionIds":["{ALPHA}","{BETA}"],"participants":{participants}}}]}}"#
        );
        assert_refused(
            &alpha.post(DETAILS, &json!({"interval": INTERVAL})).await,
            502,
            "ringfence.answer_refused",
        );
    }
    app.finish().await;
}
