//! Every call leaves its event: who, what, under which policies, in which divisions, and how it ended.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, Match, Rule};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::organisation::{
    DETAILS, QUEUES, SEARCH, USERS, assert_refused, disturb_below, event, eventually, in_flight, only_call,
    owned, sent,
};
use crate::support::{
    app::{TenantClient, TestApp},
    database::TestDatabase,
};

fn hash(query: &str, body: &str) -> String {
    ringfence::secret::hex(&Sha256::digest(format!("{query}\n{body}")))
}

#[tokio::test]
async fn an_allowed_call_leaves_its_intent_and_its_outcome() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let answer = pair.get(&format!("{QUEUES}?divisionId={BETA}&pageSize=5")).await;
    let event = event(&app, &answer).await;
    let id = answer.headers["inin-correlation-id"].to_str().unwrap();
    assert_eq!((&event["id"], &event["correlation_id"]), (&id.into(), &id.into()));
    assert_eq!((&event["kind"], &event["operation"]), (&"call".into(), &"getRoutingQueues".into()));
    assert_eq!((&event["tenant"], &event["key_id"]), (&"pair".into(), &pair.client_id.clone().into()));
    assert_eq!((&event["method"], &event["path"]), (&"GET".into(), &QUEUES.into()));
    assert_eq!(event["source"], "127.0.0.1");
    assert_eq!(event["divisions_asked"], json!([BETA]));
    assert_eq!(event["divisions"], json!([BETA]));
    assert_eq!((&event["decision"], &event["policies"]), (&"allow".into(), &json!(["full-access.all"])));
    assert_eq!(event["request_before"], hash(&format!("divisionId={BETA}&pageSize=5"), ""));
    let (call, _) = only_call(&app);
    let (_, sent) = call.split_once('?').unwrap();
    assert_eq!(event["request_after"], hash(sent, ""));
    let outcome = &event["outcome"];
    assert_eq!((&outcome["code"], &outcome["status"]), (&"ok".into(), &200.into()));
    assert_eq!((&outcome["upstream_status"], &outcome["bytes"]), (&200.into(), &answer.text.len().into()));
    let took =
        |step: &str| outcome["durations_us"][step].as_u64().unwrap_or_else(|| panic!("{step}: {outcome}"));
    assert!(took("record") > 0 && took("total") >= took("upstream") + took("guard"), "{outcome}");
    assert!(outcome["upstream_correlation_id"].is_string() && outcome["violations"].is_null(), "{outcome}");
    app.finish().await;
}

#[tokio::test]
async fn the_narrowed_body_can_be_proven_by_its_hash() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = json!({"pageSize": 3});
    let answer = alpha.post(SEARCH, &body).await;
    let event = event(&app, &answer).await;
    let calls = app.simulator.organisation().calls();
    assert_eq!(event["request_before"], hash("", &body.to_string()));
    assert_eq!(event["request_after"], hash("", calls[0]["body"].as_str().unwrap()));
    assert_ne!(event["request_before"], event["request_after"]);
    app.finish().await;
}

#[tokio::test]
async fn a_denied_call_is_on_record_with_what_decided() {
    let app = TestApp::start().await;
    let reader = app.tenant_with("reader", &[ALPHA], json!({"policy_template": "user-administrator"})).await;
    let answer = reader.get(QUEUES).await;
    assert_refused(&answer, 403, "ringfence.not_permitted");
    let event = event(&app, &answer).await;
    assert_eq!((&event["tenant"], &event["operation"]), (&"reader".into(), &"getRoutingQueues".into()));
    assert_eq!((&event["decision"], &event["divisions"]), (&"deny".into(), &json!([])));
    assert!(event["request_before"].is_string() && event["request_after"].is_null(), "nothing was sent");
    let outcome = &event["outcome"];
    assert_eq!((&outcome["code"], &outcome["status"]), (&"ringfence.not_permitted".into(), &403.into()));
    assert!(outcome["upstream_status"].is_null());
    assert_eq!(app.simulator.organisation().calls(), Vec::<Value>::new());
    app.finish().await;
}

#[tokio::test]
async fn a_call_without_proof_of_who_calls_is_on_record() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let url = format!("{}{QUEUES}", app.gateway());
    let (rest, last) = alpha.api_key.split_at(alpha.api_key.len() - 1);
    let unknown = format!("{rest}{}", if last == "x" { "y" } else { "x" });
    for (request, code) in [
        (app.client.get(&url), "authentication.required"),
        (app.client.get(&url).bearer_auth("nonsense"), "ringfence.token_foreign"),
        (app.client.get(&url).header("x-api-key", unknown), "ringfence.credentials_malformed"),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.status, 401);
        let event = event(&app, &answer).await;
        assert_eq!((&event["tenant"], &event["key_id"]), (&Value::Null, &Value::Null));
        assert_eq!((&event["outcome"]["code"], &event["outcome"]["status"]), (&code.into(), &401.into()));
        assert_eq!((&event["path"], &event["source"]), (&QUEUES.into(), &"127.0.0.1".into()));
        assert!(!event.to_string().contains("nonsense"));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded_as_aborted() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    disturb_below(&app, QUEUES, Fault::Hang);
    let call = in_flight(&app, &alpha, QUEUES).await;
    call.abort();
    let event =
        eventually("the call is recorded", async || app.find_events("outcome=aborted").await.pop()).await;
    assert_eq!((&event["tenant"], &event["operation"]), (&"alpha".into(), &"getRoutingQueues".into()));
    assert_eq!((&event["decision"], &event["divisions"]), (&"allow".into(), &json!([ALPHA])));
    assert_eq!((&event["outcome"]["code"], &event["outcome"]["status"]), (&"aborted".into(), &Value::Null));
    app.finish().await;
}

#[tokio::test]
async fn calls_are_found_by_operation_outcome_and_correlation_id() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let beta = app.tenant("beta", &[BETA]).await;
    let own = owned(&app, ALPHA, "users").first().unwrap().clone();
    for _ in 0..3 {
        alpha.get(QUEUES).await.expect(200);
    }
    let missing = beta.get(&format!("{USERS}/{own}")).await;
    assert_eq!(beta.post(DETAILS, &json!({})).await.status, 400);
    let count = async |query: &str| app.find_events(query).await.len();
    assert_eq!(count("operation=getRoutingQueues").await, 3);
    assert_eq!(count("operation=getRoutingQueues&tenant=beta").await, 0);
    assert_eq!(count("outcome=not.found").await, 1);
    assert_eq!(count("outcome=ringfence.body_invalid&tenant=beta").await, 1);
    assert_eq!(count(&format!("key={}&outcome=ok&operation=token.issue", beta.client_id)).await, 1);
    let id = missing.headers["inin-correlation-id"].to_str().unwrap();
    assert_eq!(app.find_events(&format!("correlation_id={id}")).await[0]["operation"], "getUser");
    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .admin()
            .get(&format!("/events?tenant=alpha&operation=getRoutingQueues&limit=1{cursor}"))
            .await;
        let page = page.expect(200);
        paged.extend(page["events"].as_array().unwrap().iter().map(|event| event["id"].clone()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let all = app.find_events("operation=getRoutingQueues").await;
    assert_eq!(paged, all.iter().map(|event| event["id"].clone()).collect::<Vec<_>>());
    app.finish().await;
}

/// What was permitted when the request came, and is withdrawn while upstream works, is not released.
async fn is_withdrawn_in_flight(
    app: &TestApp,
    tenant: &TenantClient,
    path: &str,
    change: Option<Value>,
    (status, code): (u16, &str),
) {
    tenant.get(QUEUES).await.expect(200);
    // Long enough for the change and for its second, also on a loaded machine.
    disturb_below(app, QUEUES, Fault::Latency { ms: 3_000 });
    let call = in_flight(app, tenant, QUEUES).await;
    let changed = match &change {
        Some(change) => app.admin().patch(path, change).await,
        None => app.admin().post(path, &json!({})).await,
    };
    assert!(changed.status.is_success(), "{changed:?}");
    let answer = call.await.unwrap();
    assert_refused(&answer, status, code);
    let event = event(app, &answer).await;
    assert_eq!((&event["decision"], &event["outcome"]["code"]), (&"allow".into(), &code.into()));
    assert_eq!(event["outcome"]["upstream_status"], 200, "upstream had answered");
    app.simulator.organisation().set_faults(Vec::new());
}

#[tokio::test]
async fn a_tenant_suspended_in_flight_is_not_answered() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let refused = (403, "ringfence.tenant_suspended");
    is_withdrawn_in_flight(&app, &alpha, "/tenants/alpha/suspend", None, refused).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_revoked_in_flight_is_not_answered() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("/keys/{}/revoke", alpha.client_id);
    is_withdrawn_in_flight(&app, &alpha, &path, None, (401, "ringfence.key_revoked")).await;
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_changes_in_flight_must_still_be_live() {
    let app = TestApp::start_on(TestDatabase::sqlite(), |_| {}).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb_below(&app, QUEUES, Fault::Latency { ms: 3_000 });
    for (change, status, code) in [
        ("allowed_cidrs = '[\"203.0.113.0/24\"]'", 403, "ringfence.address_not_allowed"),
        ("allowed_cidrs = '[]', expires_at = created_at", 401, "ringfence.key_expired"),
        ("expires_at = NULL, generation = generation + 1", 401, "ringfence.token_expired"),
    ] {
        let key = app.key("alpha", json!({"name": "changing"})).await;
        let call = in_flight(&app, &key, QUEUES).await;
        let statement = format!(
            "UPDATE tenant_key SET {change}, version = (SELECT value + 1 FROM version) WHERE id = '{}'",
            key.client_id
        );
        app.alter(&statement).await;
        assert_refused(&call.await.unwrap(), status, code);
    }
    assert_eq!(alpha.get(QUEUES).await.status, 200, "another key is not touched");
    app.finish().await;
}

#[tokio::test]
async fn what_is_revoked_before_a_repeat_is_not_repeated() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    let below = Match { method: None, path_prefix: Some(QUEUES.to_owned()) };
    let slow = Rule::new(below.clone(), Fault::Latency { ms: 1_500 }, None);
    app.simulator
        .organisation()
        .set_faults(vec![slow, Rule::new(below, Fault::Status { status: 401, retry_after: None }, None)]);
    let call = in_flight(&app, &alpha, QUEUES).await;
    app.admin().post(&format!("/keys/{}/revoke", alpha.client_id), &json!({})).await.expect(200);
    assert_refused(&call.await.unwrap(), 401, "ringfence.key_revoked");
    assert_eq!(sent(&app).len(), 1, "nothing was repeated");
    app.finish().await;
}

#[tokio::test]
async fn a_permit_withdrawn_in_flight_is_not_answered() {
    let app = TestApp::start().await;
    let refused = (403, "ringfence.permit_withdrawn");
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let elsewhere = Some(json!({"division_ids": [BETA]}));
    is_withdrawn_in_flight(&app, &alpha, "/tenants/alpha", elsewhere, refused).await;
    let gamma = app.tenant("gamma", &[GAMMA]).await;
    let less = Some(json!({"policy_template": "user-administrator"}));
    is_withdrawn_in_flight(&app, &gamma, "/tenants/gamma", less, refused).await;
    app.finish().await;
}

#[tokio::test]
async fn what_stays_permitted_through_a_change_in_flight_is_answered() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    disturb_below(&app, QUEUES, Fault::Latency { ms: 1_500 });
    let call = in_flight(&app, &alpha, QUEUES).await;
    let wider = json!({"division_ids": [ALPHA, BETA], "policy_template": "read-only"});
    app.admin().patch("/tenants/alpha", &wider).await.expect(200);
    let answer = call.await.unwrap();
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    answer.expect(200);
    let head = alpha.send(alpha.request(Method::HEAD, "/api/v2/tokens/me")).await;
    assert_eq!(head.status, 200);
    app.finish().await;
}
