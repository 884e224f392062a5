//! Requests a minute, at once, of keys and of tenants.

use chrono::TimeDelta;
use ringfence::simulator::{ALPHA, BETA, Fault};
use serde_json::json;

use super::{USERS, assert_limited, number, text};
use crate::{
    gateway::{
        organisation::{disturb, eventually, in_flight},
        refused::assert_nothing_forwarded,
    },
    support::app::{Answer, TestApp},
};

const HEADERS: [&str; 5] = [
    "ratelimit",
    "ratelimit-policy",
    "inin-ratelimit-count",
    "inin-ratelimit-allowed",
    "inin-ratelimit-reset",
];

fn standing(answer: &Answer) -> [&str; 5] {
    HEADERS.map(|name| text(answer, name))
}

#[tokio::test]
async fn without_limits_nothing_is_refused_and_nothing_said_of_limits() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..50 {
        let users = alpha.get(USERS).await;
        for name in HEADERS {
            assert!(!users.headers.contains_key(name), "{users:?}");
        }
        users.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_sends_so_many_requests_a_minute_and_is_told_how_it_stands() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 3 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let policy = "\"tenant-minute\";q=3;w=60";
    let first = alpha.get(USERS).await;
    assert_eq!(standing(&first), ["\"tenant-minute\";r=2;t=20", policy, "1", "3", "20"]);
    first.expect(200);
    // A refusal of what was asked is an answer like any other.
    let second = alpha.get("/api/v2/nothing").await;
    assert_eq!(standing(&second), ["\"tenant-minute\";r=1;t=40", policy, "2", "3", "40"]);
    second.expect(404);
    let third = alpha.get(USERS).await;
    assert_eq!(standing(&third), ["\"tenant-minute\";r=0;t=60", policy, "3", "3", "60"]);
    third.expect(200);
    app.simulator.organisation().clear_calls();
    let refused = alpha.get(USERS).await;
    assert_eq!(standing(&refused), ["\"tenant-minute\";r=0;t=60", policy, "3", "3", "60"]);
    let wait = assert_limited(&refused);
    assert!((19..=20).contains(&wait), "{wait}");
    assert_nothing_forwarded(&app);

    app.clock.advance(TimeDelta::seconds(i64::try_from(wait).unwrap()));
    alpha.get(USERS).await.expect(200);
    assert_limited(&alpha.get(USERS).await);
    app.clock.advance(TimeDelta::seconds(600));
    let rested = alpha.get(USERS).await;
    assert_eq!(number(&rested, "inin-ratelimit-count"), 1, "no more than the burst is ever saved up");
    app.finish().await;
}

#[tokio::test]
async fn the_burst_says_how_many_may_come_at_once() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 60, "burst": 2 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let first = alpha.get("/api/v2/tokens/me").await;
    assert_eq!(text(&first, "ratelimit-policy"), "\"tenant-minute\";q=2;w=2");
    alpha.get("/api/v2/tokens/me").await.expect(200);
    app.clock.advance(TimeDelta::milliseconds(-500));
    let refused = alpha.get("/api/v2/tokens/me").await;
    assert_eq!(assert_limited(&refused), 1);
    app.clock.advance(TimeDelta::seconds(2));
    alpha.get("/api/v2/tokens/me").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn one_tenants_limit_is_no_others() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits.clone()).await;
    let beta = app.tenant_with("beta", &[BETA], limits).await;
    alpha.get(USERS).await.expect(200);
    assert_limited(&alpha.get(USERS).await);
    let other = beta.get(USERS).await;
    assert_eq!(standing(&other)[2..4], ["1", "1"]);
    other.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_keys_limit_holds_beside_its_tenants_and_costs_the_other_keys_nothing() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 4 } });
    let first = app.tenant_with("alpha", &[ALPHA], limits).await;
    let second = app.key("alpha", json!({ "name": "small", "limits": { "requests_per_minute": 1 } })).await;
    let seen = second.get(USERS).await;
    assert_eq!(text(&seen, "ratelimit-policy"), "\"key-minute\";q=1;w=60, \"tenant-minute\";q=4;w=60");
    assert_eq!(text(&seen, "ratelimit"), "\"key-minute\";r=0;t=60, \"tenant-minute\";r=3;t=15");
    // Of several, Genesys's headers speak of the one that is closest to its end.
    assert_eq!(standing(&seen)[2..], ["1", "1", "60"]);
    for _ in 0..5 {
        assert_limited(&second.get(USERS).await);
    }
    for _ in 0..3 {
        first.get(USERS).await.expect(200);
    }
    assert_limited(&first.get(USERS).await);
    app.finish().await;
}

#[tokio::test]
async fn so_many_requests_are_under_way_at_once() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "concurrent_requests": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    alpha.get(USERS).await.expect(200);
    disturb(&app, Fault::Latency { ms: 60_000 });
    let call = in_flight(&app, &alpha, "/api/v2/routing/queues").await;
    let refused = alpha.get(USERS).await;
    assert_eq!(text(&refused, "ratelimit-policy"), "\"tenant-concurrent\";q=1;qu=\"concurrent-requests\"");
    assert_eq!(text(&refused, "ratelimit"), "\"tenant-concurrent\";r=0");
    assert!(!refused.headers.contains_key("inin-ratelimit-count"), "Genesys has no such limit");
    assert_eq!(assert_limited(&refused), 1);
    // A client that leaves gives its place back.
    call.abort();
    app.simulator.organisation().set_faults(Vec::new());
    eventually("the place is free", async || {
        let users = alpha.get(USERS).await;
        (users.status == 200).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn changed_limits_hold_at_once_and_a_changed_name_gives_nothing_back() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    alpha.get(USERS).await.expect(200);
    app.admin().patch("/tenants/alpha", &json!({ "name": "Alpha & Co." })).await.expect(200);
    assert_limited(&alpha.get(USERS).await);
    let lifted = app.admin().patch("/tenants/alpha", &json!({ "limits": {} })).await.expect(200);
    assert!(lifted["limits"].as_object().unwrap().values().all(serde_json::Value::is_null), "{lifted}");
    for _ in 0..5 {
        alpha.get(USERS).await.expect(200);
    }
    app.finish().await;
}

/// A login is no request, but is not for nothing either.
#[tokio::test]
async fn a_limited_key_logs_in_as_often_as_at_genesys() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 1 } });
    let limited = app.tenant_with("alpha", &[ALPHA], limits).await;
    let free = app.tenant("beta", &[BETA]).await;
    // One was to begin with; some come back meanwhile.
    for _ in 0..299 {
        limited.log_in().await.expect(200);
    }
    let refused = eventually("it is enough", async || {
        let answer = limited.log_in().await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_eq!((refused.status.as_u16(), &refused.body["error"]), (429, &json!("slow_down")));
    assert!(number(&refused, "retry-after") > 0);
    limited.get(USERS).await.expect(200);
    for _ in 0..320 {
        free.log_in().await.expect(200);
    }
    app.finish().await;
}
