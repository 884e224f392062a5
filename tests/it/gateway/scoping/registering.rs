//! What a call makes is the tenant's whatever becomes of the call, and what nobody knows of is told to the operator.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, Match, Rule};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::super::organisation::{assert_refused, eventually, everything, text};
use crate::support::app::{Answer, TenantClient, TestApp};

const GROUPS: &str = "/api/v2/groups";

fn new(name: &str) -> Value {
    json!({"name": name, "type": "official", "rulesVisible": true, "visibility": "public"})
}

fn disturb(app: &TestApp, method: &Method, fault: Fault) {
    let meant = Match { method: Some(method.to_string()), path_prefix: Some(GROUPS.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(meant, fault, None)]);
}

/// Genesys does what is asked, and then takes seconds to say so.
fn tell_slowly(app: &TestApp, method: &Method) {
    disturb(app, method, Fault::Trickle { bytes: 100_000, ms: 1_000 });
    app.simulator.organisation().clear_calls();
}

/// The calls that reached Genesys, but for reads.
fn changes(app: &TestApp) -> usize {
    app.simulator.organisation().calls().iter().filter(|call| call["method"] != "GET").count()
}

/// A call that its caller does not wait for, once Genesys has it.
async fn leave(app: &TestApp, client: &TenantClient, method: Method, path: &str, body: Option<Value>) {
    let mut request = client.request(method, path);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let client = client.clone();
    let call: JoinHandle<Answer> = tokio::spawn(async move { client.send(request).await });
    eventually("Genesys has the call", async || (changes(app) > 0).then_some(())).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled(), "the answer came before its caller left");
}

async fn registry(app: &TestApp, tenant: &str) -> Value {
    app.admin().get(&format!("/tenants/{tenant}/registry")).await.expect(200)
}

async fn registered(app: &TestApp, tenant: &str) -> Option<String> {
    registry(app, tenant).await["registrations"].get(0).map(|one| text(&one["id"]))
}

/// What an operator is told to look for, once it is so many.
async fn unsettled(app: &TestApp, tenant: &str, many: usize) -> Vec<Value> {
    let look = async || {
        let calls = registry(app, tenant).await["unsettled"].as_array().unwrap().clone();
        (calls.len() == many).then_some(calls)
    };
    eventually("that many are not settled", look).await
}

/// The groups of that name, as Genesys has them.
async fn named(app: &TestApp, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (id, _) in app.simulator.organisation().things(GROUPS) {
        if everything(app, &format!("{GROUPS}/{id}"), None).await["name"] == name {
            found.push(id);
        }
    }
    found
}

#[tokio::test]
async fn what_is_made_for_a_client_that_left_is_the_tenants() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    tell_slowly(&app, &Method::POST);
    leave(&app, &alpha, Method::POST, GROUPS, Some(new("Left Behind"))).await;
    let made = eventually("it is the tenant's", async || registered(&app, "alpha").await).await;
    assert_eq!(named(&app, "Left Behind").await, std::slice::from_ref(&made));
    app.simulator.organisation().set_faults(Vec::new());
    let path = format!("{GROUPS}/{made}");
    // Kept before it is known here: nobody waits for either.
    let shown = async || Some(alpha.get(&path).await).filter(|answer| answer.status == 200);
    assert_eq!(eventually("it is shown", shown).await.body["name"], "Left Behind");
    assert_refused(&beta.get(&path).await, 404, "not.found");

    let find = async || app.find_events("operation=postGroups&outcome=aborted").await.pop();
    let call = eventually("the call is on record", find).await;
    assert_eq!(
        (&call["outcome"]["status"], &call["outcome"]["upstream_status"]),
        (&Value::Null, &json!(200))
    );
    assert_eq!(call["outcome"]["upstream_id"], made);
    let making = app.find_events("operation=registry.make").await;
    assert_eq!(
        (making.len(), &making[0]["id"], &making[0]["call"]),
        (1, &json!(made), &call["correlation_id"])
    );
    assert_eq!(registry(&app, "alpha").await["unsettled"], json!([]));
    app.finish_after_loss().await;
}

#[tokio::test]
async fn what_is_deleted_for_a_client_that_left_has_ended() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let made = text(&alpha.post(GROUPS, &new("Short")).await.expect(200)["id"]);
    disturb(&app, &Method::DELETE, Fault::Latency { ms: 500 });
    app.simulator.organisation().clear_calls();
    leave(&app, &alpha, Method::DELETE, &format!("{GROUPS}/{made}"), None).await;
    let ended = async || registered(&app, "alpha").await.is_none().then_some(());
    eventually("it has ended", ended).await;
    assert!(named(&app, "Short").await.is_empty());
    app.finish_after_loss().await;
}

#[tokio::test]
async fn a_process_ends_after_what_its_callers_left() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    tell_slowly(&app, &Method::POST);
    leave(&app, &alpha, Method::POST, GROUPS, Some(new("Drained"))).await;
    let app = app.restart().await;
    let made = registered(&app, "alpha").await.unwrap();
    assert_eq!(named(&app, "Drained").await, std::slice::from_ref(&made));
    app.simulator.organisation().set_faults(Vec::new());
    app.again(&alpha).get(&format!("{GROUPS}/{made}")).await.expect(200);
    assert_eq!(app.find_events("operation=postGroups&outcome=aborted").await.len(), 1);
    app.finish_after_loss().await;
}

#[tokio::test]
async fn an_id_that_was_anybodys_is_not_that_of_what_was_made() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let make = async |client: &TenantClient, name: &str| {
        text(&client.post(GROUPS, &new(name)).await.expect(200)["id"])
    };
    let (own, theirs) = (make(&alpha, "Own").await, make(&beta, "Theirs").await);
    let deleted = make(&beta, "Deleted").await;
    beta.send(beta.request(Method::DELETE, &format!("{GROUPS}/{deleted}"))).await.expect(204);
    let before = (registry(&app, "alpha").await, registry(&app, "beta").await);
    for id in [&own, &theirs, &deleted] {
        disturb(&app, &Method::POST, Fault::Instead { field: "id".to_owned(), value: json!(id) });
        let answer = alpha.post(GROUPS, &new(&format!("Not {id}"))).await;
        assert_refused(&answer, 502, "ringfence.effect_unknown");
    }
    app.simulator.organisation().set_faults(Vec::new());
    let after = (registry(&app, "alpha").await, registry(&app, "beta").await);
    assert_eq!(after.0["registrations"], before.0["registrations"]);
    assert_eq!(after.1, before.1);
    assert_refused(&alpha.get(&format!("{GROUPS}/{theirs}")).await, 404, "not.found");
    let unsettled = unsettled(&app, "alpha", 3).await;
    assert!(unsettled.iter().all(|one| one["id"].is_null()), "what was made in truth: {unsettled:?}");
    let events = app.find_events("operation=postGroups&outcome=ringfence.effect_unknown").await;
    let violations: Vec<_> = events.iter().map(|event| &event["outcome"]["violations"]).collect();
    assert_eq!(violations, [&json!(1); 3]);
    app.finish().await;
}

#[tokio::test]
async fn an_operator_is_told_of_what_may_be_nobodys_until_it_is_given() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    disturb(&app, &Method::POST, Fault::Status { status: 400, retry_after: None });
    assert_eq!(alpha.post(GROUPS, &new("Refused")).await.status, 400);
    disturb(&app, &Method::POST, Fault::Truncate);
    assert_refused(&alpha.post(GROUPS, &new("Unheard")).await, 502, "ringfence.effect_unknown");
    // Made, and told, and not kept.
    app.simulator.organisation().set_faults(Vec::new());
    app.database().execute("ALTER TABLE registration RENAME TO gone").await;
    assert_refused(&alpha.post(GROUPS, &new("Unkept")).await, 502, "ringfence.effect_unknown");
    app.database().execute("ALTER TABLE gone RENAME TO registration").await;
    beta.post(GROUPS, &new("Kept")).await.expect(200);

    let found = unsettled(&app, "alpha", 2).await;
    let calls = app.find_events("operation=postGroups&outcome=ringfence.effect_unknown").await;
    let told = |one: &Value| (one["call"].clone(), one["entity"].clone(), one["key_id"].clone());
    let expected =
        calls.iter().map(|call| (call["correlation_id"].clone(), json!("group"), json!(alpha.client_id)));
    let seen: Vec<_> = found.iter().map(told).collect();
    assert_eq!(seen, expected.collect::<Vec<_>>());
    let unkept = named(&app, "Unkept").await.pop().unwrap();
    assert_eq!((&found[0]["id"], &found[1]["id"]), (&json!(unkept), &Value::Null));
    assert_eq!(registry(&app, "beta").await["unsettled"], json!([]));

    let given = json!({"entity": "group", "id": unkept, "reason": "made by their call"});
    app.admin().post("/tenants/alpha/registry", &given).await.expect(201);
    assert_eq!(unsettled(&app, "alpha", 1).await, found[1..]);
    app.finish_after_loss().await;
}
