//! A change that was sent: what the caller is told of it is what became of it, or that nobody knows.

use reqwest::Method;
use ringfence::simulator::{ALPHA, Fault, Match, Rule};
use serde_json::json;

use super::super::organisation::{QUEUES, assert_refused, event, eventually, everything, sent};
use crate::support::app::TestApp;

fn on_posts(app: &TestApp, fault: Fault) {
    let posts = Match { method: Some("POST".to_owned()), path_prefix: Some(QUEUES.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(posts, fault, None)]);
}

async fn is_there(app: &TestApp, name: &str) -> bool {
    let queues = everything(app, &format!("{QUEUES}?pageSize=500"), None).await;
    queues["entities"].as_array().unwrap().iter().any(|queue| queue["name"] == name)
}

#[tokio::test]
async fn a_change_that_was_answered_otherwise_than_refused_is_of_unknown_effect() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for status in [202, 302, 408, 500, 501, 502, 503, 504] {
        let name = format!("Alpha {status}");
        on_posts(&app, Fault::Status { status, retry_after: None });
        app.simulator.organisation().clear_calls();
        let answer = alpha.post(QUEUES, &json!({"name": name})).await;
        assert_refused(&answer, 502, "ringfence.effect_unknown");
        assert_eq!(sent(&app).len(), 1, "{status} was sent again");
        assert_eq!(event(&app, &answer).await["outcome"]["upstream_status"], status);
    }
    app.finish().await;
}

/// What Genesys refused has changed nothing: the caller is told so, in words that are all ours.
#[tokio::test]
async fn a_change_that_was_refused_is_told_as_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (status, told, code) in [
        (400, 400, "bad.request"),
        (403, 403, "ringfence.upstream_refused"),
        (404, 404, "not.found"),
        (405, 502, "ringfence.upstream_refused"),
        (407, 502, "ringfence.upstream_refused"),
        (409, 409, "general.conflict"),
        (410, 404, "not.found"),
        (412, 412, "ringfence.upstream_refused"),
        (413, 413, "request.entity.too.large"),
        (415, 502, "ringfence.upstream_refused"),
        (422, 422, "ringfence.upstream_refused"),
        (423, 502, "ringfence.upstream_refused"),
        (429, 429, "too.many.requests.retry.after"),
    ] {
        on_posts(&app, Fault::Status { status, retry_after: Some(4) });
        app.simulator.organisation().clear_calls();
        let answer = alpha.post(QUEUES, &json!({"name": format!("Alpha {status}")})).await;
        assert_refused(&answer, told, code);
        for word in ["simulated", "permission", "openresty", ALPHA] {
            assert!(!answer.text.contains(word), "{status}: {}", answer.text);
        }
        assert!(answer.headers.get("retry-after").is_none(), "{status}: it was sent");
        assert_eq!(sent(&app).len(), 1, "{status} was sent again");
        let outcome = &event(&app, &answer).await["outcome"];
        assert_eq!((&outcome["code"], &outcome["upstream_status"]), (&json!(code), &json!(status)));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_may_be_answered_by_any_success() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for status in [201, 202] {
        on_posts(&app, Fault::Done { status });
        let made = alpha.post(QUEUES, &json!({"name": format!("Alpha {status}")})).await;
        assert_eq!((made.status.as_u16(), &made.body["division"]["id"]), (status, &json!(ALPHA)));
    }
    app.finish().await;
}

/// It was done: the refusal that came after must not read as if it had not been.
#[tokio::test]
async fn a_change_that_is_withdrawn_in_flight_is_of_unknown_effect() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    // Long enough for the revocation, also on a loaded machine.
    on_posts(&app, Fault::Latency { ms: 3_000 });
    app.simulator.organisation().clear_calls();
    let request = alpha.request(Method::POST, QUEUES).json(&json!({"name": "Alpha Late"}));
    let client = alpha.clone();
    let call = tokio::spawn(async move { client.send(request).await });
    eventually("the call reaches upstream", async || (!sent(&app).is_empty()).then_some(())).await;
    app.admin().post(&format!("/keys/{}/revoke", alpha.client_id), &json!({})).await.expect(200);
    let answer = call.await.unwrap();
    assert_refused(&answer, 502, "ringfence.effect_unknown");
    assert_eq!(event(&app, &answer).await["outcome"]["upstream_status"], 200);
    assert!(is_there(&app, "Alpha Late").await);
    app.finish().await;
}
