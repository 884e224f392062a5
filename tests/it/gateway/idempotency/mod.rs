//! A create that is sent twice with one `Idempotency-Key` is made once.

mod endings;
mod permits;

use reqwest::{Method, RequestBuilder};
use ringfence::{
    catalog::Catalog,
    simulator::{ALPHA, BETA},
};
use serde_json::{Value, json};

use super::organisation::{NOBODY, QUEUES, USERS, assert_alike, assert_refused, event, sent, text};
use crate::support::app::{Answer, TenantClient, TestApp};

const KEY: &str = "idempotency-key";
const SKILLS: &str = "/api/v2/routing/skills";
const GROUPS: &str = "/api/v2/groups";
const INVALID: &str = "ringfence.idempotency_key_invalid";
const UNSUPPORTED: &str = "ringfence.idempotency_key_unsupported";
const REUSED: &str = "ringfence.idempotency_key_reused";
const IN_PROGRESS: &str = "ringfence.idempotency_in_progress";
const UNKNOWN: &str = "ringfence.idempotency_effect_unknown";

fn keyed(tenant: &TenantClient, path: &str, key: &str, body: &Value) -> RequestBuilder {
    tenant.request(Method::POST, path).header(KEY, key).json(body)
}

async fn post(tenant: &TenantClient, path: &str, key: &str, body: &Value) -> Answer {
    tenant.send(keyed(tenant, path, key, body)).await
}

fn user(name: &str) -> Value {
    json!({ "name": name, "email": format!("{name}@example.com") })
}

/// Creates that Genesys was sent.
fn made(app: &TestApp) -> usize {
    let makes = |call: &&(String, Value)| call.0.starts_with("POST ") && !call.0.ends_with("/search");
    sent(app).iter().filter(makes).count()
}

fn id(answer: &Answer) -> String {
    answer.headers["inin-correlation-id"].to_str().unwrap().to_owned()
}

fn is_replayed(answer: &Answer) -> bool {
    answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true")
}

/// The same answer, byte for byte, with an event of its own that names the first one's.
async fn assert_replayed(app: &TestApp, first: &Answer, again: &Answer) {
    assert!(!is_replayed(first) && is_replayed(again), "{again:?}");
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    for header in ["ringfence-divisions", "ringfence-masks", "content-type", "cache-control"] {
        assert_eq!(again.headers.get(header), first.headers.get(header), "{header}");
    }
    assert_ne!(id(first), id(again));
    let event = event(app, again).await;
    assert_eq!(
        (&event["outcome"]["code"], &event["outcome"]["repeats"]),
        (&json!("ok"), &json!(id(first))),
        "{event}"
    );
    assert_eq!(event["outcome"]["upstream_status"], Value::Null);
}

#[tokio::test]
async fn what_is_sent_twice_with_one_key_is_made_once_and_answered_twice() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (path, body) in [
        (USERS, user("ana")),
        (QUEUES, json!({ "name": "Once" })),
        (SKILLS, json!({ "name": "Once" })),
        (GROUPS, json!({ "name": "Once", "type": "official", "rulesVisible": true, "visibility": "public" })),
    ] {
        app.simulator.organisation().clear_calls();
        let first = post(&alpha, path, "order-17", &body).await;
        assert!(first.status.is_success(), "{first:?}");
        assert_eq!(event(&app, &first).await["outcome"]["repeats"], Value::Null);
        assert_eq!(made(&app), 1);
        let calls = sent(&app).len();
        for key in ["order-17", "\"order-17\""] {
            assert_replayed(&app, &first, &post(&alpha, path, key, &body).await).await;
        }
        assert_eq!(sent(&app).len(), calls, "nothing is sent for a repeat");
        assert_eq!(
            app.simulator.organisation().calls().iter().filter(|call| call.to_string().contains(KEY)).count(),
            0
        );
    }
    // What was made is there, and the tenant's own.
    let found = alpha.get(&format!("{QUEUES}?name=Once")).await.expect(200);
    assert_eq!(found["total"], 1, "{found}");
    app.finish().await;
}

/// What is below another object is looked up before it is changed; a repeat asks nothing of Genesys.
#[tokio::test]
async fn a_repeat_asks_genesys_nothing_and_the_tenant_reads_of_which_call_it_is_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let queue = text(&alpha.post(QUEUES, &json!({ "name": "Q" })).await.expect(200)["id"]);
    let path = format!("{QUEUES}/{queue}/wrapupcodes");
    let body = json!([]);
    let first = post(&alpha, &path, "k", &body).await;
    assert!(first.status.is_success(), "{first:?}");
    app.simulator.organisation().clear_calls();
    let again = post(&alpha, &path, "k", &body).await;
    assert_replayed(&app, &first, &again).await;
    assert_eq!(sent(&app), []);
    let own = alpha.get("/gateway/v1/events?limit=100").await.expect(200);
    let own =
        own["events"].as_array().unwrap().iter().find(|one| one["context_id"] == id(&again)).unwrap().clone();
    assert_eq!(own["repeats"], json!(id(&first)));
    app.finish().await;
}

#[tokio::test]
async fn a_key_belongs_to_one_request_and_to_one_operation() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let first = post(&alpha, USERS, "k", &user("ana")).await;
    first.status.is_success().then_some(()).unwrap();
    for other in [user("ben"), json!({ "email": "ana@example.com", "name": "ana" })] {
        let refused = post(&alpha, USERS, "k", &other).await;
        assert_refused(&refused, 422, REUSED);
        assert_eq!(event(&app, &refused).await["outcome"]["repeats"], json!(id(&first)));
    }
    assert!(
        post(&alpha, QUEUES, "k", &json!({ "name": "Q" })).await.status.is_success(),
        "another operation's key"
    );
    assert!(post(&alpha, USERS, "K", &user("eve")).await.status.is_success(), "another key");
    assert_eq!(made(&app), 3);
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_key_is_refused_and_makes_nothing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let long = "k".repeat(256);
    for key in ["", "\"\"", "a b", "\"a", "\"a\"b\"", "\"a\";x=1", long.as_str()] {
        assert_refused(&post(&alpha, USERS, key, &user("ana")).await, 400, INVALID);
    }
    let twice = keyed(&alpha, USERS, "k", &user("ana")).header(KEY, "k");
    assert_refused(&alpha.send(twice).await, 400, INVALID);
    let raw = keyed(&alpha, USERS, "k", &user("ana"))
        .header("x-other", "1")
        .build()
        .map(|mut request| {
            let value = reqwest::header::HeaderValue::from_bytes(b"\xe4").unwrap();
            request.headers_mut().insert(KEY, value);
            RequestBuilder::from_parts(app.client.clone(), request)
        })
        .unwrap();
    assert_refused(&alpha.send(raw).await, 400, INVALID);
    assert_eq!(made(&app), 0);
    app.finish().await;
}

#[tokio::test]
async fn a_change_that_takes_no_key_refuses_one_and_a_read_does_not_look_at_it() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let made = text(&alpha.post(USERS, &user("ana")).await.expect(200)["id"]);
    let path = format!("{USERS}/{made}");
    let change = json!({ "version": 1, "title": "Lead" });
    let changing = alpha.request(Method::PATCH, &path).header(KEY, "k").json(&change);
    assert_refused(&alpha.send(changing).await, 400, UNSUPPORTED);
    assert_refused(
        &alpha.send(alpha.request(Method::DELETE, &path).header(KEY, "k")).await,
        400,
        UNSUPPORTED,
    );
    let jobs = json!({ "interval": "2026-01-01T00:00:00.000Z/2026-01-02T00:00:00.000Z" });
    let job = keyed(&alpha, "/api/v2/analytics/conversations/details/jobs", "k", &jobs);
    assert_refused(&alpha.send(job).await, 400, UNSUPPORTED);
    let rotate = format!("/gateway/v1/keys/{}/rotate", alpha.client_id);
    assert_refused(&post(&alpha, &rotate, "k", &json!({ "overlap_seconds": 60 })).await, 400, UNSUPPORTED);
    for key in ["k", "a b"] {
        let read = alpha.send(alpha.request(Method::GET, &path).header(KEY, key)).await;
        assert_eq!((read.status.as_u16(), is_replayed(&read)), (200, false));
        let found = post(&alpha, "/api/v2/users/search", key, &json!({ "pageSize": 1 })).await;
        assert_eq!((found.status.as_u16(), is_replayed(&found)), (200, false));
    }
    app.finish().await;
}

/// The same request, sent beside another tenant's and another key's use of the same value, is answered the same.
#[tokio::test]
async fn anothers_use_of_a_key_changes_nothing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let other = app.key("alpha", json!({ "name": "other" })).await;
    let beta = app.tenant("beta", &[BETA]).await;
    let body = json!({ "name": "Once" });
    for tenant in [&beta, &other, &alpha] {
        let first = post(tenant, SKILLS, "k", &json!({ "name": tenant.client_id })).await;
        assert!(first.status.is_success() && !is_replayed(&first), "{first:?}");
    }
    assert_eq!(made(&app), 3);
    // Where beta used the value with the same request, and where nobody did.
    let nobodys = post(&alpha, USERS, "unused", &json!({ "name": "x" })).await;
    post(&beta, USERS, "used", &json!({ "name": "x" })).await;
    assert_alike(&nobodys, &post(&alpha, USERS, "used", &json!({ "name": "x" })).await);
    let theirs = post(&beta, SKILLS, "one", &body).await;
    assert!(theirs.status.is_success());
    let own = post(&alpha, SKILLS, "one", &json!({ "name": "Another" })).await;
    assert!(own.status.is_success() && !is_replayed(&own) && !own.text.contains(NOBODY), "{own:?}");
    app.finish().await;
}

/// Which operations take a key is data; what is not among them is named here.
#[tokio::test]
async fn every_post_that_changes_something_takes_a_key_but_for_what_is_handed_out_once() {
    let catalog = Catalog::embedded().unwrap();
    let posts = catalog.operations().iter().filter(|one| one.method == "POST" && one.is_write());
    let (takes, not): (Vec<_>, Vec<_>) = posts.partition(|one| one.idempotency_key);
    assert!(takes.len() >= 50, "{}", takes.len());
    let left = not.iter().filter(|one| !one.path.ends_with("/jobs"));
    assert_eq!(left.map(|one| &*one.id).collect::<Vec<_>>(), ["gatewayRotateKey"]);

    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let shown = alpha.get("/gateway/v1/operations").await.expect(200);
    for one in shown["operations"].as_array().unwrap() {
        let takes = takes.iter().any(|known| one["id"] == *known.id);
        assert_eq!(one["idempotency_key"], json!(takes), "{one}");
    }
    app.finish().await;
}
