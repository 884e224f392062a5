//! One token per service account.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use chrono::TimeDelta;
use ringfence::upstream::{Effect, Share, UpstreamError};

use super::{House, eventually, get, server::Login};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_cold_calls_mint_one_token() {
    let house = House::open().await;
    let results = house.crowd(500).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(house.genesys.logins(), 1);
}

#[tokio::test]
async fn the_first_callers_leaving_does_not_stop_the_mint() {
    let house = House::open().await;
    house.genesys.hold();
    let (upstream, account) = (house.upstream.clone(), Arc::clone(&house.account));
    let first = tokio::spawn(async move {
        upstream
            .send(super::on_behalf(Share::Operator, &account, &|| true), get("/api/v2/token"), Effect::Reads)
            .await
    });
    house.genesys.login_number(1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    house.genesys.release();
    assert_eq!(house.token().await, "token-1");
    assert_eq!(house.genesys.logins(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_time_while_it_still_serves() {
    let house = House::open().await;
    house.genesys.login(Login::Issue(1000));
    assert_eq!(house.token().await, "token-1");
    house.clock.advance(TimeDelta::seconds(790));
    assert_eq!(house.token().await, "token-1");
    assert_eq!(house.genesys.logins(), 1);
    house.clock.advance(TimeDelta::seconds(20));
    house.genesys.hold();
    assert_eq!(house.token().await, "token-1");
    assert_eq!(house.token().await, "token-1");
    house.genesys.login_number(2).await;
    house.genesys.release();
    eventually("the new token serves", || async { house.token().await == "token-2" }).await;
    assert_eq!(house.genesys.logins(), 2);
}

#[tokio::test]
async fn a_token_serves_while_its_renewal_fails() {
    let house = House::open().await;
    house.genesys.login(Login::Issue(1000));
    assert_eq!(house.token().await, "token-1");
    house.genesys.login(Login::Fail(503, None));
    house.clock.advance(TimeDelta::seconds(900));
    for _ in 0..20 {
        assert_eq!(house.token().await, "token-1");
    }
    house.genesys.login_number(2).await;
    assert_eq!(house.genesys.logins(), 2, "failed renewals back off too");
}

#[tokio::test]
async fn a_token_at_its_end_never_serves() {
    let house = House::open().await;
    house.genesys.login(Login::Issue(1000));
    house.token().await;
    house.genesys.login(Login::Fail(401, None));
    // A twentieth of its life before the end.
    house.clock.advance(TimeDelta::seconds(951));
    let error = house.get("/api/v2/token").await.unwrap_err();
    assert!(matches!(error, UpstreamError::NoToken { .. }), "{error}");
    assert_eq!(house.genesys.seen().len(), 1, "nothing was sent with the old token");
}

#[tokio::test]
async fn a_long_lived_token_serves_until_a_minute_before_its_end() {
    let house = House::open().await;
    house.token().await;
    house.genesys.hold();
    house.clock.advance(TimeDelta::seconds(86_400 - 65));
    assert_eq!(house.token().await, "token-1");
    house.genesys.release();
    eventually("the new token serves", || async { house.token().await == "token-2" }).await;
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_repeated() {
    let house = House::open().await;
    assert_eq!(house.token().await, "token-1");
    house.genesys.revoke_all();
    assert_eq!(house.token().await, "token-2");
    let tokens: Vec<_> =
        house.genesys.seen().iter().map(|seen| seen.headers["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn what_is_withdrawn_while_a_token_is_awaited_is_not_sent() {
    let house = House::open().await;
    let error = house
        .upstream
        .send(
            super::on_behalf(Share::Operator, &house.account, &|| false),
            get("/api/v2/token"),
            Effect::Reads,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Withdrawn), "{error}");
    assert_eq!((house.genesys.logins(), house.genesys.seen().len()), (1, 0));
}

#[tokio::test]
async fn what_is_withdrawn_before_the_repeat_is_not_repeated() {
    let house = House::open().await;
    house.token().await;
    house.genesys.revoke_all();
    let asked = AtomicUsize::new(0);
    let only_once = || asked.fetch_add(1, Ordering::SeqCst) == 0;
    let error = house
        .upstream
        .send(
            super::on_behalf(Share::Operator, &house.account, &only_once),
            get("/api/v2/token"),
            Effect::Reads,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Withdrawn), "{error}");
    assert_eq!((asked.into_inner(), house.genesys.seen().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_with_a_refused_token_mints_one_more() {
    let house = House::open().await;
    house.token().await;
    house.genesys.revoke_all();
    assert!(house.crowd(50).await.iter().all(Result::is_ok));
    assert_eq!(house.genesys.logins(), 2);
}

#[tokio::test]
async fn a_check_mints_at_once_and_calls_the_api() {
    let house = House::open().await;
    house.token().await;
    house.upstream.check(&house.account).await.unwrap();
    assert_eq!(house.genesys.logins(), 2);
    assert_eq!(house.genesys.seen().last().unwrap().uri, "/api/v2/tokens/me");
    assert_eq!(house.token().await, "token-2", "what the check minted serves");
}
