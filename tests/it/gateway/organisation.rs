//! What the simulated organisation holds and was asked, for comparison with what tenants are shown.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use ringfence::{
    catalog::Catalog,
    simulator::{CLIENT_ID, CLIENT_SECRET, Fault, Match, Rule},
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::Instant};

use crate::support::app::{Answer, TenantClient, TestApp, read};

pub(super) const USERS: &str = "/api/v2/users";
pub(super) const SEARCH: &str = "/api/v2/users/search";
pub(super) const QUEUES: &str = "/api/v2/routing/queues";
pub(super) const DIVISIONS: &str = "/api/v2/authorization/divisions";
pub(super) const DETAILS: &str = "/api/v2/analytics/conversations/details/query";
/// An id that nothing has.
pub(super) const NOBODY: &str = "0b0d1e00-0000-4000-8000-000000000404";

/// The ids of a division's `users` or `queues`.
pub(super) fn owned(app: &TestApp, division: &str, kind: &str) -> BTreeSet<String> {
    facts(app, division)[kind].as_array().unwrap().iter().map(text).collect()
}

/// The ids of the conversations that a division has a part in, and with whom each is shared.
pub(super) fn conversations(app: &TestApp, division: &str) -> Vec<(String, Option<String>)> {
    let facts = facts(app, division);
    let all = facts["conversations"].as_array().unwrap().iter();
    all.map(|one| (text(&one["id"]), one["shared_with"].as_str().map(str::to_owned))).collect()
}

pub(super) fn facts(app: &TestApp, division: &str) -> Value {
    let facts = app.simulator.organisation().facts();
    facts["divisions"].as_array().unwrap().iter().find(|one| one["id"] == division).unwrap().clone()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A field of each object of a list, in the list's order.
pub(super) fn each(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| text(&one[field])).collect()
}

/// A field of each object of a list, which must not hold one twice.
pub(super) fn set(list: &Value, field: &str) -> BTreeSet<String> {
    let all = each(list, field);
    let set: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "twice in {all:?}");
    set
}

/// What the all-seeing client is answered without a gateway. Forgets the calls so far.
pub(super) async fn everything(app: &TestApp, path: &str, body: Option<&Value>) -> Value {
    let (url, token) = (app.simulator.url(), token(app).await);
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let request = app.client.request(method, format!("{url}{path}")).bearer_auth(token);
    let answer = read(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
    .expect(200);
    app.simulator.organisation().clear_calls();
    answer
}

/// A token of the all-seeing client, past the gateway.
pub(super) async fn token(app: &TestApp) -> String {
    let login = app
        .client
        .post(format!("{}/oauth/token", app.simulator.url()))
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials");
    text(&read(login).await.expect(200)["access_token"])
}

/// What reached upstream: `METHOD path?query` and the body.
pub(super) fn sent(app: &TestApp) -> Vec<(String, Value)> {
    let calls = app.simulator.organisation().calls();
    let one = |call: &Value| {
        let line = format!("{} {}", text(&call["method"]), text(&call["path"]));
        (line, serde_json::from_str(call["body"].as_str().unwrap()).unwrap_or_default())
    };
    calls.iter().map(one).collect()
}

/// The one call that reached upstream.
pub(super) fn only_call(app: &TestApp) -> (String, Value) {
    let [call] = <[_; 1]>::try_from(sent(app)).expect("one call upstream");
    call
}

/// What was forwarded first; what follows asks whose the parts of a shared conversation are.
pub(super) fn first_call(app: &TestApp) -> (String, Value) {
    sent(app).swap_remove(0)
}

/// Makes every call of the API go wrong, until told otherwise.
pub(super) fn disturb(app: &TestApp, fault: Fault) {
    disturb_below(app, "/api/", fault);
}

/// Makes the calls whose path begins so go wrong, until told otherwise.
pub(super) fn disturb_below(app: &TestApp, path: &str, fault: Fault) {
    let below = Match { method: None, path_prefix: Some(path.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(below, fault, None)]);
}

/// Starts a call and waits until upstream has it.
pub(super) async fn in_flight(app: &TestApp, tenant: &TenantClient, path: &str) -> JoinHandle<Answer> {
    app.simulator.organisation().clear_calls();
    let (tenant, path) = (tenant.clone(), path.to_owned());
    let call = tokio::spawn(async move { tenant.get(&path).await });
    eventually("the call reaches upstream", async || (!sent(app).is_empty()).then_some(())).await;
    call
}

/// Looks again and again until there is something to see.
pub(super) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A refusal in Genesys's shape, and nothing beside it.
pub(super) fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (status, Some(code)), "{answer:?}");
    let message = text(&answer.body["message"]);
    assert!(!message.is_empty());
    let context = answer.headers["inin-correlation-id"].to_str().unwrap();
    let whole = json!({
        "message": message, "code": code, "status": status, "contextId": context, "details": [], "errors": [],
    });
    assert_eq!(answer.body, whole);
}

/// The two can only be told apart by correlation id and date.
pub(super) fn assert_alike(a: &Answer, b: &Answer) {
    assert_eq!(a.status, b.status);
    let strip = |answer: &Answer| {
        let mut headers = answer.headers.clone();
        let id = headers.remove("inin-correlation-id").unwrap();
        headers.remove("date");
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        (headers, answer.text.replace(id.to_str().unwrap(), "ID"))
    };
    assert_eq!(strip(a), strip(b));
}

/// The event of an answer.
pub(super) async fn event(app: &TestApp, answer: &Answer) -> Value {
    let id = answer.headers["inin-correlation-id"].to_str().unwrap();
    eventually("the outcome is known", async || {
        let [event] = <[Value; 1]>::try_from(app.find_events(&format!("correlation_id={id}")).await).unwrap();
        (!event["outcome"].is_null()).then_some(event)
    })
    .await
}

/// Gives a tenant all that is in a division and does not say so.
pub(super) async fn register_all(app: &TestApp, client: &TenantClient, division: &str) {
    let truth = Catalog::embedded().unwrap();
    for kind in truth.entities().values().filter(|kind| kind.registered) {
        let things = app.simulator.organisation().things(kind.get.trim_end_matches("/{id}"));
        for (id, _) in things.iter().filter(|(_, of)| *of == Some(division)) {
            let named = json!({"entity": kind.name, "id": id, "reason": "theirs"});
            app.admin().post(&format!("/tenants/{}/registry", client.id), &named).await.expect(201);
        }
    }
}
