//! Failures before authentication, per source address.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use reqwest::RequestBuilder;
use ringfence::simulator::ALPHA;
use serde_json::json;

use super::{USERS, assert_limited, number};
use crate::{
    gateway::login::{FORM, GRANT, get, post},
    support::app::TestApp,
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
