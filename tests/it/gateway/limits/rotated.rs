//! A rotation lifts no limit, and neither does a change.

use std::{num::NonZeroU32, time::Duration};

use ringfence::simulator::{ALPHA, Fault};
use serde_json::{Value, json};

use super::{USERS, assert_limited, text};
use crate::{
    gateway::{
        organisation::{disturb, eventually, in_flight},
        rotating_itself::rotate_itself,
        rotation::{by_key, rotate, successor},
    },
    support::app::{TenantClient, TestApp},
};

async fn limited(app: &TestApp, limits: Value) -> TenantClient {
    app.tenant("alpha", &[ALPHA]).await;
    app.key("alpha", json!({ "name": "limited", "limits": limits })).await
}

async fn change(app: &TestApp, key: &TenantClient, limits: Value) -> Value {
    let change = json!({ "limits": limits });
    app.admin().patch(&format!("/keys/{}", key.client_id), &change).await.expect(200)
}

#[tokio::test]
async fn a_key_at_its_days_quota_stays_there_when_it_rotates_itself_and_after_a_restart() {
    let app = TestApp::start().await;
    let old = limited(&app, json!({ "requests_per_day": 4, "requests_per_month": 100 })).await;
    old.get(USERS).await.expect(200);
    let issued = rotate_itself(&app, &old, 3_600).await.expect(201);
    let new = successor(&app, &old, &issued).await;
    let third = new.get(USERS).await;
    assert!(text(&third, "ratelimit").starts_with("\"key-day\";r=1;"), "{third:?}");
    third.expect(200);
    old.get(USERS).await.expect(200);
    for key in [&new, &old] {
        assert_limited(&by_key(&app, key).await);
    }
    let app = app.restart().await;
    for key in [&new, &old].map(|key| app.again(key)) {
        let refused = by_key(&app, &key).await;
        assert!(text(&refused, "ratelimit").contains("\"key-month\";r=96;"), "{refused:?}");
        assert_limited(&refused);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_bytes_of_a_key_and_of_its_successor_are_of_one_quota() {
    let app = TestApp::start().await;
    let old = limited(&app, json!({ "bytes_per_day": 1 })).await;
    old.get(USERS).await.expect(200);
    let new = rotate(&app, &old, 3_600).await;
    assert_limited(&new.get(USERS).await);
    let app = app.restart().await;
    assert_limited(&by_key(&app, &app.again(&new)).await);
    app.finish().await;
}

#[tokio::test]
async fn old_and_new_share_their_places_and_their_burst_in_the_overlap() {
    let app = TestApp::start().await;
    let old = limited(&app, json!({ "concurrent_requests": 1, "requests_per_minute": 1, "burst": 5 })).await;
    let new = rotate(&app, &old, 3_600).await;
    disturb(&app, Fault::Latency { ms: 60_000 });
    let call = in_flight(&app, &old, "/api/v2/routing/queues").await;
    assert_limited(&new.get(USERS).await);
    call.abort();
    app.simulator.organisation().set_faults(Vec::new());
    for turn in 0..4 {
        let key = if turn % 2 == 0 { &new } else { &old };
        eventually("there is a place", async || (key.get(USERS).await.status == 200).then_some(())).await;
    }
    for key in [&old, &new] {
        let refused = key.get(USERS).await;
        assert!(text(&refused, "ratelimit").starts_with("\"key-minute\";r=0;"), "{refused:?}");
        assert_limited(&refused);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_rotation_gives_no_logins_back_and_no_failures() {
    let app = TestApp::start_with(|config| {
        config.gateway.failed_authentications_per_minute = NonZeroU32::MIN;
    })
    .await;
    let old = limited(&app, json!({ "requests_per_day": 1_000 })).await;
    let new = rotate(&app, &old, 3_600).await;
    for turn in 0..320 {
        let key = if turn % 2 == 0 { &new } else { &old };
        key.log_in().await;
    }
    eventually("neither may", async || {
        let answers = [old.log_in().await, new.log_in().await];
        answers.iter().all(|answer| answer.status == 429).then_some(())
    })
    .await;
    for key in [&old, &new] {
        app.admin().post(&format!("/keys/{}/revoke", key.client_id), &json!({})).await.expect(200);
    }
    for _ in 0..10 {
        by_key(&app, &old).await.expect(401);
    }
    assert_limited(&by_key(&app, &new).await);
    app.finish().await;
}

#[tokio::test]
async fn what_is_under_way_and_used_is_so_under_changed_limits_too() {
    let app = TestApp::start().await;
    let key = limited(&app, json!({ "concurrent_requests": 2, "requests_per_minute": 1, "burst": 4 })).await;
    for _ in 0..2 {
        key.get(USERS).await.expect(200);
    }
    disturb(&app, Fault::Latency { ms: 60_000 });
    let call = in_flight(&app, &key, "/api/v2/routing/queues").await;
    change(&app, &key, json!({ "concurrent_requests": 1, "requests_per_minute": 1, "burst": 5 })).await;
    let refused = key.get(USERS).await;
    assert!(text(&refused, "ratelimit").ends_with("\"key-concurrent\";r=0"), "{refused:?}");
    assert_limited(&refused);
    call.abort();
    app.simulator.organisation().set_faults(Vec::new());
    // Three were used of the burst, and it grew by one.
    for left in [1, 0] {
        let answer = eventually("its place is free", async || {
            let answer = key.get(USERS).await;
            (answer.status == 200).then_some(answer)
        })
        .await;
        assert!(text(&answer, "ratelimit").starts_with(&format!("\"key-minute\";r={left};")), "{answer:?}");
    }
    assert_limited(&key.get(USERS).await);
    app.finish().await;
}

#[tokio::test]
async fn the_bytes_of_an_answer_under_way_count_under_changed_limits_too() {
    let app = TestApp::start().await;
    let key = limited(&app, json!({ "bytes_per_day": 2 })).await;
    disturb(&app, Fault::Latency { ms: 1_500 });
    let call = in_flight(&app, &key, USERS).await;
    change(&app, &key, json!({ "bytes_per_day": 3 })).await;
    // Another look at it, under the new limit, before the answer is there.
    tokio::time::sleep(Duration::from_millis(100)).await;
    key.get("/gateway/v1/usage").await;
    call.await.unwrap().expect(200);
    assert_limited(&key.get(USERS).await);
    app.finish().await;
}

/// A quota that is raised by one is used up by one more, at once and after the record was asked.
#[tokio::test]
async fn a_changed_quota_gives_nothing_back() {
    let app = TestApp::start().await;
    let key = limited(&app, json!({ "requests_per_day": 3 })).await;
    key.get(USERS).await.expect(200);
    let app = app.restart().await;
    let key = app.again(&key);
    for _ in 0..2 {
        key.get(USERS).await.expect(200);
    }
    assert_limited(&key.get(USERS).await);
    change(&app, &key, json!({ "requests_per_day": 4 })).await;
    key.get(USERS).await.expect(200);
    assert_limited(&key.get(USERS).await);
    change(&app, &key, json!({ "requests_per_day": 2 })).await;
    assert_limited(&key.get(USERS).await);
    app.finish().await;
}
