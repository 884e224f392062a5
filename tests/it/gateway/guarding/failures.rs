//! An upstream that fails: one whole refusal of our own, nothing of its text, nothing that makes an SDK repeat itself.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ringfence::simulator::{ALPHA, BETA, Fault, Match, Rule};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, USERS, assert_alike, assert_refused, disturb, event, eventually, everything, owned, sent,
};
use super::canned::Canned;
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
    // Longer than is waited for.
    Fault::Status { status, retry_after: Some(4) }
}

#[tokio::test]
async fn each_failure_has_its_code_and_tells_nothing_of_upstream() {
    let app = TestApp::start_with(|config| {
        config.gateway.request_timeout_ms = 700;
        config.gateway.max_answer_bytes = 200_000;
    })
    .await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let single = format!("{QUEUES}/{}", owned(&app, ALPHA, "queues").first().unwrap());
    for (fault, code, number, by_id) in [
        (Fault::Malformed, "ringfence.answer_refused", 502, Some(("not.found", 404))),
        (Fault::EmptyBody, "ringfence.answer_refused", 502, Some(("not.found", 404))),
        (Fault::Truncate, "ringfence.upstream_failed", 502, None),
        (Fault::CutChunks, "ringfence.upstream_failed", 502, None),
        (Fault::HugeHeaders { bytes: 600_000 }, "ringfence.upstream_failed", 502, None),
        (Fault::Trickle { bytes: 1, ms: 100 }, "ringfence.upstream_timed_out", 504, None),
        (Fault::Endless, "ringfence.answer_too_large", 502, Some(("not.found", 404))),
        (Fault::Gzip, "ringfence.answer_refused", 502, Some(("not.found", 404))),
        (Fault::Reset, "ringfence.upstream_failed", 502, None),
        (Fault::Hang, "ringfence.upstream_timed_out", 504, None),
        (status(500), "ringfence.upstream_failed", 502, None),
        (status(503), "ringfence.upstream_failed", 502, None),
        (status(504), "ringfence.upstream_timed_out", 504, None),
        (status(401), "ringfence.upstream_failed", 502, None),
        (status(302), "ringfence.upstream_failed", 502, None),
        (status(204), "ringfence.upstream_failed", 502, None),
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
        app.simulator.organisation().set_faults(Vec::new());
        alpha.get(QUEUES).await.expect(200);
    }
    assert_headers(&alpha.get(QUEUES).await, &["ringfence-divisions"]);
    assert_headers(&alpha.get(&single).await, &["ringfence-divisions"]);
    app.finish().await;
}

#[tokio::test]
async fn what_is_odd_but_whole_is_answered_as_ever() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let queues = alpha.get(QUEUES).await.expect(200);
    for fault in [
        Fault::HugeHeaders { bytes: 20_000 },
        Fault::ContentType { value: "text/html".to_owned() },
        Fault::Trickle { bytes: 2_000, ms: 1 },
        Fault::Latency { ms: 50 },
    ] {
        disturb(&app, fault);
        let answer = alpha.get(QUEUES).await;
        assert_headers(&answer, &["ringfence-divisions"]);
        assert_eq!(answer.expect(200), queues);
    }
    // Totals of an answer that holds nothing foreign are Genesys's to tell.
    disturb(&app, Fault::Totals { add: 7 });
    let counted = alpha.get(QUEUES).await.expect(200);
    assert_eq!(counted["entities"], queues["entities"]);
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
    let answer = alpha.get(&format!("{USERS}?pageSize=100&expand=languages,presence")).await;
    assert_refused(&answer, 502, "ringfence.answer_too_large");
    assert_headers(&answer, &[]);
    app.finish().await;
}

#[tokio::test]
async fn a_limit_of_upstreams_is_passed_on_truthfully_and_waited_for() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "queues").first().unwrap().clone();
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    let mut told = Vec::new();
    for id in [own, foreign] {
        let path = format!("{QUEUES}/{id}");
        disturb(&app, Fault::Status { status: 429, retry_after: Some(1) });
        app.simulator.organisation().clear_calls();
        let refused = alpha.get(&path).await;
        assert_refused(&refused, 429, "too.many.requests.retry.after");
        assert!(refused.text.contains("Retry the request in [1] seconds"), "{}", refused.text);
        // It was sent: an SDK must not repeat it by itself.
        assert_headers(&refused, &["inin-ratelimit-reset"]);
        assert_eq!(event(&app, &refused).await["outcome"]["upstream_status"], 429);

        let waiting = alpha.get(&path).await;
        assert_refused(&waiting, 429, "too.many.requests.retry.after");
        assert_headers(&waiting, &["inin-ratelimit-reset", "retry-after"]);
        assert_eq!(
            (&waiting.headers["retry-after"], &waiting.headers["inin-ratelimit-reset"]),
            (&"1".parse().unwrap(), &"1".parse().unwrap())
        );
        assert_eq!(sent(&app).len(), 1, "while it waits, nothing is sent");
        let recorded = event(&app, &waiting).await;
        assert_eq!(recorded["outcome"]["code"], "too.many.requests.retry.after");
        assert_eq!(recorded["outcome"]["upstream_status"], Value::Null);

        app.simulator.organisation().set_faults(Vec::new());
        eventually("it is served again", async || (alpha.get(QUEUES).await.status == 200).then_some(()))
            .await;
        told.push((refused, waiting));
    }
    let [(own, own_waiting), (foreign, foreign_waiting)] = <[_; 2]>::try_from(told).unwrap();
    assert_alike(&own, &foreign);
    assert_alike(&own_waiting, &foreign_waiting);
    app.finish().await;
}

#[tokio::test]
async fn a_failure_that_passes_is_nothing_that_a_tenant_sees() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let passing = [
        Fault::Reset,
        Fault::Truncate,
        Fault::Status { status: 502, retry_after: None },
        Fault::Status { status: 503, retry_after: None },
        Fault::Status { status: 504, retry_after: None },
    ];
    for fault in passing {
        let rule = Rule::new(Match::default(), fault, Some(2));
        app.simulator.organisation().set_faults(vec![rule]);
        alpha.get(QUEUES).await.expect(200);
        let rule = Rule::new(Match::default(), Fault::Reset, Some(2));
        app.simulator.organisation().set_faults(vec![rule]);
        // A query is a POST that may be repeated.
        alpha.get(USERS).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_upstream_that_fails_again_and_again_is_spared_and_called_again_when_it_is_back() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, Fault::Status { status: 503, retry_after: None });
    let refused = eventually("it is spared", async || {
        let answer = alpha.get(QUEUES).await;
        (answer.body["code"] != "ringfence.upstream_failed").then_some(answer)
    })
    .await;
    assert_refused(&refused, 503, "ringfence.upstream_unavailable");
    assert_headers(&refused, &[]);
    assert_eq!(event(&app, &refused).await["outcome"]["code"], "ringfence.upstream_unavailable");
    app.simulator.organisation().set_faults(Vec::new());
    let back = Instant::now();
    eventually("it is served again", async || (alpha.get(QUEUES).await.status == 200).then_some(())).await;
    assert!(back.elapsed() < Duration::from_secs(10), "{:?}", back.elapsed());
    app.finish().await;
}

#[tokio::test]
async fn all_pages_of_a_list_together_have_the_time_of_one_exchange() {
    let app = TestApp::start_with(|config| config.gateway.request_timeout_ms = 1_000).await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    // Both the queue and a page that is never the last.
    let page = json!({"id": NOBODY, "division": {"id": ALPHA}, "entities": [], "nextUri": "/more"});
    canned.says_late(page.to_string(), Duration::from_millis(200));
    let path = format!("{QUEUES}/{NOBODY}/members");
    let begun = Instant::now();
    // Whoever waits for another's reading waits no longer than that.
    let (first, second) = tokio::join!(alpha.get(&path), alpha.get(&path));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_refused(&first, 504, "ringfence.upstream_timed_out");
    assert_refused(&second, 504, "ringfence.upstream_timed_out");
    app.finish().await;
}
