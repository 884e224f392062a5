//! The login fails, or the API refuses what it issued.

use std::sync::Arc;

use chrono::TimeDelta;
use ringfence::{
    model::ServiceAccount,
    upstream::{Effect, UpstreamAnswer, UpstreamError},
};

use super::{
    House,
    server::{Genesys, Login, SECRET},
};

/// Why there was no token.
fn why(result: Result<UpstreamAnswer, UpstreamError>) -> String {
    match result {
        Err(UpstreamError::NoToken { account, why, .. }) => {
            assert_eq!(account, "main");
            why
        }
        other => panic!("expected no token, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_make_at_most_three_attempts_at_a_login_that_fails() {
    let house = House::open().await;
    house.genesys.login(Login::Fail(503, None));
    for result in house.crowd(50).await {
        assert_eq!(why(result), "the login answered 503");
    }
    assert!((2..=3).contains(&house.genesys.logins()), "{}", house.genesys.logins());
    house.genesys.login(Login::Issue(1000));
    house.clock.advance(TimeDelta::seconds(10));
    house.token().await;
}

#[tokio::test]
async fn a_hiccup_of_the_login_is_ridden_out() {
    let house = House::open().await;
    house.genesys.once(Login::Fail(503, None));
    assert_eq!(house.token().await, "token-2");
}

#[tokio::test]
async fn a_login_that_says_when_is_asked_again_no_sooner() {
    let house = House::open().await;
    house.genesys.login(Login::Fail(429, Some("6")));
    assert_eq!(why(house.get("/api/v2/token").await), "the login answered 429");
    house.genesys.login(Login::Issue(1000));
    house.clock.advance(TimeDelta::milliseconds(3400));
    assert_eq!(why(house.get("/api/v2/token").await), "the login answered 429");
    assert_eq!(house.genesys.logins(), 1);
    house.clock.advance(TimeDelta::milliseconds(2700));
    assert_eq!(house.token().await, "token-2");
}

#[tokio::test]
async fn a_login_that_says_next_hour_is_asked_again_within_ten_seconds() {
    let house = House::open().await;
    house.genesys.login(Login::Fail(429, Some("3600")));
    why(house.get("/api/v2/token").await);
    house.genesys.login(Login::Issue(1000));
    house.clock.advance(TimeDelta::seconds(10));
    assert_eq!(house.token().await, "token-2");
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once_and_named_nowhere() {
    let house = House::open().await;
    house.genesys.login(Login::Fail(401, None));
    for result in house.crowd(50).await {
        assert!(!format!("{result:?}").contains(SECRET));
        assert_eq!(why(result), "the login answered 401");
    }
    assert_eq!(house.genesys.logins(), 1);
    let error = house.upstream.check(&house.account).await.unwrap_err();
    assert!(error.to_string().contains("the login answered 401"), "{error}");
    assert_eq!(house.genesys.logins(), 2, "a check asks whatever is remembered");
}

#[tokio::test]
async fn an_answer_without_a_usable_token_is_a_failure() {
    let unusable = [
        "",
        "{}",
        "null",
        "<html></html>",
        r#"{"access_token":"","token_type":"bearer","expires_in":86400}"#,
        r#"{"access_token":"two words","token_type":"bearer","expires_in":86400}"#,
        r#"{"access_token":"token","token_type":"mac","expires_in":86400}"#,
        r#"{"access_token":"token","token_type":"bearer","expires_in":0}"#,
        r#"{"access_token":"token","token_type":"bearer"}"#,
    ];
    for body in unusable {
        let house = House::open().await;
        house.genesys.login(Login::Body(body));
        let error = house.upstream.check(&house.account).await.unwrap_err();
        assert!(matches!(error, UpstreamError::NoToken { .. }), "{body}: {error}");
        assert!(house.genesys.seen().is_empty());
    }
}

#[tokio::test]
async fn the_secret_follows_no_redirect() {
    let (house, elsewhere) = (House::open().await, Genesys::start().await);
    house.genesys.login(Login::Redirect(format!("{}/oauth/token", elsewhere.url)));
    assert_eq!(why(house.get("/api/v2/token").await), "the login answered 307");
    assert_eq!(elsewhere.logins(), 0);
}

#[tokio::test]
async fn a_secret_sealed_for_another_account_is_not_used() {
    let house = House::open().await;
    let moved = ServiceAccount { id: "other".parse().unwrap(), ..(*house.account).clone() };
    let error = house.upstream.check(&Arc::new(moved)).await.unwrap_err();
    assert!(error.to_string().contains("cannot be opened"), "{error}");
    assert_eq!(house.genesys.logins(), 0);
}

#[tokio::test]
async fn an_api_that_refuses_fresh_tokens_does_not_drain_the_login() {
    let house = House::open().await;
    // The login is another organisation's: its tokens mean nothing to this API.
    let login = Genesys::start().await;
    let account = ServiceAccount { login_url: login.url.clone(), ..(*house.account).clone() };
    let account = Arc::new(account);
    for _ in 0..5 {
        let error = house
            .upstream
            .send(
                super::on_behalf(super::Share::Operator, &account, &|| true),
                super::get("/api/v2/token"),
                Effect::Reads,
            )
            .await
            .unwrap_err();
        assert!(matches!(error, UpstreamError::Unauthorized { .. }), "{error}");
    }
    assert_eq!(login.logins(), 2);
    house.clock.advance(TimeDelta::seconds(5));
    house
        .upstream
        .send(
            super::on_behalf(super::Share::Operator, &account, &|| true),
            super::get("/api/v2/token"),
            Effect::Reads,
        )
        .await
        .unwrap_err();
    assert_eq!(login.logins(), 3);
}

#[tokio::test]
async fn nothing_of_a_secret_is_printed() {
    let house = House::open().await;
    house.token().await;
    assert_eq!(format!("{:?}", house.upstream), "Upstream");
    let opened = house.master.open("elsewhere", &house.account.sealed_secret).unwrap_err();
    assert!(!opened.to_string().contains(SECRET));
}
