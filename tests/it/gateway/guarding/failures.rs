//! An upstream that fails: one whole refusal of our own, nothing of its text, nothing that makes an SDK repeat itself.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, Fault};

use super::super::organisation::{
    NOBODY, QUEUES, USERS, assert_alike, assert_refused, disturb, event, everything, owned,
};
use crate::support::app::{Answer, TestApp};

/// What every answer carries, and nothing that upstream sent.
const HEADERS: [&str; 5] = ["cache-control", "content-length", "content-type", "date", "inin-correlation-id"];

fn assert_headers(answer: &Answer, more: &[&str]) {
    let names: BTreeSet<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, HEADERS.iter().chain(more).copied().collect());
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-cache, no-store, must-revalidate");
}

fn status(status: u16) -> Fault {
    Fault::Status { status, retry_after: Some(1) }
}

#[tokio::test]
async fn each_failure_has_its_code_and_tells_nothing_of_upstream() {
    let app = TestApp::start_with(|config| config.gateway.request_timeout_ms = 700).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let single = format!("{QUEUES}/{}", owned(&app, ALPHA, "queues").first().unwrap());
    for (fault, code, number, by_id) in [
        (Fault::Malformed, "ringfence.answer_refused", 502, Some(("not.found", 404))),
        (Fault::EmptyBody, "ringfence.answer_refused", 502, Some(("not.found", 404))),
        (Fault::Truncate, "ringfence.upstream_failed", 502, None),
        (Fault::Reset, "ringfence.upstream_failed", 502, None),
        (Fault::Hang, "ringfence.upstream_timed_out", 504, None),
        (status(500), "ringfence.upstream_failed", 502, None),
        (status(503), "ringfence.upstream_failed", 502, None),
        (status(504), "ringfence.upstream_timed_out", 504, None),
        (status(401), "ringfence.upstream_failed", 502, None),
        (status(302), "ringfence.upstream_failed", 502, None),
        (status(204), "ringfence.upstream_failed", 502, None),
        (status(429), "ringfence.upstream_limited", 429, None),
        (status(404), "not.found", 404, None),
        (status(410), "not.found", 404, None),
        (status(403), "ringfence.upstream_failed", 502, Some(("not.found", 404))),
        (status(405), "ringfence.upstream_failed", 502, Some(("not.found", 404))),
        (status(409), "ringfence.upstream_failed", 502, Some(("not.found", 404))),
        (status(413), "ringfence.upstream_failed", 502, Some(("not.found", 404))),
        (status(422), "ringfence.upstream_failed", 502, Some(("not.found", 404))),
    ] {
        disturb(&app, fault.clone());
        for path in [QUEUES, USERS, &single] {
            let answer = alpha.get(path).await;
            let (code, number) = by_id.filter(|_| *path == single).unwrap_or((code, number));
            assert_refused(&answer, number, code);
            assert_headers(&answer, &[]);
            for word in ["simulated", "openresty", "Bad Gateway", "html", "Rate limit", "permission", ALPHA] {
                assert!(!answer.text.contains(word), "{fault:?}: {}", answer.text);
            }
            let event = event(&app, &answer).await;
            assert_eq!(event["outcome"]["code"], code, "{fault:?}");
            assert_eq!(event["outcome"]["status"], number, "{fault:?}");
        }
    }
    app.simulator.organisation().set_faults(Vec::new());
    assert_headers(&alpha.get(QUEUES).await, &["ringfence-divisions"]);
    assert_headers(&alpha.get(&single).await, &["ringfence-divisions"]);
    app.finish().await;
}

#[tokio::test]
async fn an_expired_upstream_token_is_nothing_that_a_tenant_sees() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    app.simulator.organisation().expire_tokens();
    alpha.get(QUEUES).await.expect(200);
    // Nor is a secret that upstream no longer takes.
    app.simulator.organisation().add_client(ringfence::simulator::CLIENT_ID, "changed", None);
    app.simulator.organisation().expire_tokens();
    let answer = alpha.get(QUEUES).await;
    assert_refused(&answer, 502, "ringfence.upstream_login_failed");
    assert_headers(&answer, &[]);
    app.finish().await;
}

#[tokio::test]
async fn upstreams_own_ids_and_words_stay_with_the_auditors() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    for id in [foreign.as_str(), NOBODY] {
        let answer = alpha.get(&format!("{USERS}/{id}")).await;
        let event = event(&app, &answer).await;
        let upstreams = event["outcome"]["upstream_correlation_id"].as_str().unwrap();
        assert!(!answer.text.contains(upstreams) && !answer.text.contains(id), "{}", answer.text);
        assert_ne!(answer.headers["inin-correlation-id"], upstreams);
        assert_headers(&answer, &[]);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_passed_on() {
    let app = TestApp::start_with(|config| config.gateway.max_answer_bytes = 6_000).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let whole = everything(&app, &format!("{QUEUES}?divisionId={ALPHA}&pageSize=1"), None).await.to_string();
    assert!(whole.len() < 6_000, "{}", whole.len());
    alpha.get(&format!("{QUEUES}?pageSize=1")).await.expect(200);
    let answer = alpha.get(&format!("{USERS}?pageSize=100&expand=skills,languages,presence")).await;
    assert_refused(&answer, 502, "ringfence.answer_too_large");
    assert_headers(&answer, &[]);
    app.finish().await;
}

#[tokio::test]
async fn a_limit_of_upstreams_looks_the_same_wherever_the_id_is() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, status(429));
    let own = owned(&app, ALPHA, "queues").first().unwrap().clone();
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    let limited = alpha.get(&format!("{QUEUES}/{own}")).await;
    assert_alike(&alpha.get(&format!("{QUEUES}/{foreign}")).await, &limited);
    assert!(limited.headers.get("retry-after").is_none());
    app.finish().await;
}
