//! Failures before authentication, per source address.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use reqwest::RequestBuilder;
use ringfence::simulator::{ALPHA, BETA};
use serde_json::json;

use super::{USERS, assert_limited, number};
use crate::{
    gateway::{
        login::{FORM, GRANT, get, post},
        organisation::eventually,
        refused::assert_refused,
    },
    support::app::{Answer, TenantClient, TestApp},
};

async fn start() -> TestApp {
    TestApp::start_with(|config| {
        config.gateway.failed_authentications_per_minute = NonZeroU32::new(3).unwrap();
        config.gateway.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

fn stranger(app: &TestApp, address: &str) -> RequestBuilder {
    get(app, USERS).bearer_auth("wrong").header("x-forwarded-for", address)
}

#[tokio::test]
async fn a_source_that_fails_too_often_is_refused_until_time_has_passed() {
    let app = start().await;
    for _ in 0..3 {
        app.send(stranger(&app, "192.0.2.1")).await.expect(401);
    }
    let wait = assert_limited(&app.send(stranger(&app, "192.0.2.1")).await);
    assert!((19..=20).contains(&wait), "a third of a minute, not {wait} s");
    app.send(stranger(&app, "192.0.2.2")).await.expect(401);
    app.clock.advance(TimeDelta::seconds(21));
    app.send(stranger(&app, "192.0.2.1")).await.expect(401);
    assert_limited(&app.send(stranger(&app, "192.0.2.1")).await);
    app.finish().await;
}

/// Design 14: the limiter of failed authentication never stops good credentials from the same address.
#[tokio::test]
async fn good_credentials_pass_from_an_address_that_others_fail_from() {
    let app = start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..10 {
        app.send(stranger(&app, "192.0.2.1")).await;
    }
    assert_limited(&app.send(stranger(&app, "192.0.2.1")).await);
    for _ in 0..5 {
        let users = get(&app, USERS).bearer_auth(&alpha.access_token).header("x-forwarded-for", "192.0.2.1");
        app.send(users).await.expect(200);
        let login = post(&app, "/oauth/token").header("x-forwarded-for", "192.0.2.1");
        let login = login.basic_auth(&alpha.client_id, Some(&alpha.client_secret));
        app.send(login.header("content-type", FORM).body(GRANT)).await.expect(200);
        // What is wrong with a request is told to whom it may concern.
        let crooked = get(&app, "/api/v2/users/").bearer_auth(&alpha.access_token);
        let refused = app.send(crooked.header("x-forwarded-for", "192.0.2.1")).await;
        assert_eq!(refused.expect(400)["code"], "ringfence.path_not_canonical");
    }
    app.finish().await;
}

#[tokio::test]
async fn all_addresses_of_a_64_are_one_source() {
    let app = start().await;
    for last in 1..=3 {
        app.send(stranger(&app, &format!("2001:db8:1:2::{last}"))).await.expect(401);
    }
    assert_limited(&app.send(stranger(&app, "2001:db8:1:2:ffff::1")).await);
    app.send(stranger(&app, "2001:db8:1:3::1")).await.expect(401);
    app.finish().await;
}

/// Pitfall 19: what a client writes at the left of the list makes it nobody else.
#[tokio::test]
async fn a_forged_forwarded_address_opens_no_new_budget() {
    let app = start().await;
    for forged in 1..=3 {
        app.send(stranger(&app, &format!("198.51.100.{forged}, 192.0.2.1"))).await.expect(401);
    }
    assert_limited(&app.send(stranger(&app, "198.51.100.9, 192.0.2.1")).await);
    app.finish().await;

    let app = TestApp::start_with(|config| {
        config.gateway.failed_authentications_per_minute = NonZeroU32::new(3).unwrap();
    })
    .await;
    for forged in 1..=3 {
        app.send(stranger(&app, &format!("198.51.100.{forged}"))).await.expect(401);
    }
    assert_limited(&app.send(stranger(&app, "198.51.100.9")).await);
    app.finish().await;
}

#[tokio::test]
async fn every_refusal_of_a_stranger_costs() {
    let app = start().await;
    let from = |request: RequestBuilder| request.header("x-forwarded-for", "192.0.2.1");
    app.send(from(get(&app, "/api/v2/users/"))).await.expect(400);
    app.send(from(get(&app, USERS))).await.expect(401);
    app.send(from(post(&app, "/oauth/token").header("content-type", FORM).body(""))).await.expect(400);
    assert_limited(&app.send(from(get(&app, "/api/v2/users/"))).await);
    let login = app.send(from(post(&app, "/oauth/token").header("content-type", FORM).body(GRANT))).await;
    let wait = number(&login, "retry-after");
    let text = format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds");
    let shape = json!({ "error": "slow_down", "description": text, "error_description": text });
    assert_eq!((login.status.as_u16(), &login.body), (429, &shape));
    app.finish().await;
}

async fn from_here(app: &TestApp, client: &TenantClient) -> Answer {
    app.send(get(app, USERS).header("x-api-key", &client.api_key).header("x-forwarded-for", "192.0.2.1"))
        .await
}

/// Design 14: revoked and expired are 401, suspended and a wrong address 403, however often it happens; and the record
/// names the key each time.
#[tokio::test]
async fn a_dead_credential_that_proves_right_is_told_so_and_costs_no_stranger_anything() {
    let app = start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let revoked = app.key("alpha", json!({ "name": "revoked" })).await;
    let short = app.key("alpha", json!({ "name": "short", "expires_in_days": 1 })).await;
    let office = json!({ "name": "office", "allowed_cidrs": ["203.0.113.0/24"] });
    let office = app.admin().post("/tenants/alpha/keys", &office).await.expect(201);
    let mut elsewhere = alpha.clone();
    office["api_key"].as_str().unwrap().clone_into(&mut elsewhere.api_key);
    let suspended = app.tenant("beta", &[BETA]).await;
    app.admin().post(&format!("/keys/{}/revoke", revoked.client_id), &json!({})).await.expect(200);
    app.admin().post("/tenants/beta/suspend", &json!({})).await.expect(200);
    app.clock.advance(TimeDelta::hours(25));
    let dead = [
        (&revoked, 401, "ringfence.key_revoked"),
        (&short, 401, "ringfence.key_expired"),
        (&elsewhere, 403, "ringfence.address_not_allowed"),
        (&suspended, 403, "ringfence.tenant_suspended"),
    ];
    for (client, status, code) in dead {
        for _ in 0..6 {
            let event = assert_refused(&app, code, &from_here(&app, client).await, status, code).await;
            let key = client.api_key.split('_').nth(1).unwrap();
            assert_eq!((&event["tenant"], &event["key_id"]), (&json!(client.id), &json!(key)), "{code}");
        }
    }
    for _ in 0..6 {
        let token = get(&app, USERS).bearer_auth(&alpha.access_token).header("x-forwarded-for", "192.0.2.1");
        let event =
            assert_refused(&app, "token", &app.send(token).await, 401, "ringfence.token_expired").await;
        assert_eq!(event["key_id"], json!(alpha.client_id));
        let login = post(&app, "/oauth/token").header("x-forwarded-for", "192.0.2.1");
        let login = login.basic_auth(&revoked.client_id, Some(&revoked.client_secret));
        app.send(login.header("content-type", FORM).body(GRANT)).await.expect(401);
    }
    for _ in 0..3 {
        app.send(stranger(&app, "192.0.2.1")).await.expect(401);
    }
    assert_limited(&app.send(stranger(&app, "192.0.2.1")).await);
    app.finish().await;
}

/// Ten times as often as a stranger; beyond, its replays are counted under its own name.
#[tokio::test]
async fn a_dead_key_in_a_loop_cannot_fill_the_record() {
    let app = start().await;
    let revoked = app.tenant("alpha", &[ALPHA]).await;
    let other = app.key("alpha", json!({ "name": "other" })).await;
    for key in [&revoked, &other] {
        app.admin().post(&format!("/keys/{}/revoke", key.client_id), &json!({})).await.expect(200);
    }
    for _ in 0..30 {
        from_here(&app, &revoked).await.expect(401);
    }
    let limited = eventually("its budget is used up", async || {
        let answer = from_here(&app, &revoked).await;
        (answer.status == 429).then_some(answer)
    })
    .await;
    assert_limited(&limited);
    from_here(&app, &other).await.expect(401);
    app.send(stranger(&app, "192.0.2.1")).await.expect(401);
    app.clock.advance(TimeDelta::minutes(1));
    let flood = eventually("the minute is written", async || {
        app.events().await.into_iter().find(|event| event["kind"] == "flood")
    })
    .await;
    assert_eq!((&flood["tenant"], &flood["key_id"]), (&json!("alpha"), &json!(revoked.client_id)), "{flood}");
    app.finish().await;
}
