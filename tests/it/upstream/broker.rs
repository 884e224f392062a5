//! Each way in which a login goes wrong, and how it ends. No token is ever sent after its end.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use ringfence::{
    model::Portion,
    simulator::{CLIENT_ID, Fault, Match, Rule},
    upstream::{UpstreamAnswer, UpstreamError},
};
use serde_json::{Value, json};

use super::budget::{Counted, tenant};

type Ended = Result<UpstreamAnswer, UpstreamError>;

/// An organisation whose login meets this, so many times.
async fn meeting(fault: Fault, times: Option<u32>) -> Counted {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    meet(&house, "/oauth", fault, times);
    house
}

fn meet(house: &Counted, prefix: &str, fault: Fault, times: Option<u32>) {
    let matching = Match { path_prefix: Some(prefix.to_owned()), ..Match::default() };
    house.simulator.organisation().set_faults(vec![Rule::new(matching, fault, times)]);
}

fn heal(house: &Counted) {
    house.simulator.organisation().set_faults(Vec::new());
}

async fn call(house: &Counted) -> Ended {
    house.call(&tenant("one"), Portion::ALL).await
}

fn is_answered(ended: &Ended) -> bool {
    ended.as_ref().is_ok_and(|answer| answer.status == 200)
}

fn lacks_a_token(ended: &Ended) -> bool {
    matches!(ended, Err(UpstreamError::NoToken { .. }))
}

fn logins(house: &Counted) -> u64 {
    house.simulator.organisation().logins().requests
}

#[tokio::test]
async fn a_slow_login_is_waited_for_by_all_and_asked_once() {
    let house = meeting(Fault::Latency { ms: 1_500 }, None).await;
    let ended = join_all((0..50).map(|_| call(&house))).await;
    assert!(ended.iter().all(is_answered), "{ended:?}");
    assert_eq!(logins(&house), 1);
    house.was_never_refused();
}

#[tokio::test]
async fn a_login_that_hangs_once_is_asked_again_in_time() {
    let house = meeting(Fault::Hang, Some(1)).await;
    assert!(is_answered(&call(&house).await));
    assert_eq!(logins(&house), 2);
    house.was_never_refused();
}

#[tokio::test]
async fn a_login_that_goes_wrong_once_in_whatever_way_is_ridden_out() {
    let status = |status, retry_after| Fault::Status { status, retry_after };
    let nonsense = |value: Value| Fault::Instead { field: "expires_in".to_owned(), value };
    for fault in [
        status(429, None),
        status(429, Some(1)),
        status(500, None),
        status(503, None),
        Fault::Reset,
        Fault::Truncate,
        Fault::EmptyBody,
        Fault::Malformed,
        nonsense(json!(-1)),
        nonsense(json!(0)),
        nonsense(json!("soon")),
        nonsense(json!(1e30)),
        nonsense(json!(null)),
    ] {
        let house = meeting(fault.clone(), Some(1)).await;
        let ended = join_all((0..20).map(|_| call(&house))).await;
        assert!(ended.iter().all(is_answered), "{fault:?}: {ended:?}");
        assert_eq!(logins(&house), 2, "{fault:?}");
        house.was_never_refused();
    }
}

#[tokio::test]
async fn a_login_that_fails_is_spared_and_back_within_fifteen_seconds() {
    let house = meeting(Fault::Status { status: 500, retry_after: None }, None).await;
    let ended = join_all((0..50).map(|_| call(&house))).await;
    assert!(ended.iter().all(lacks_a_token), "{ended:?}");
    assert!(logins(&house) <= 3, "{}", logins(&house));
    // What was never sent costs nothing.
    assert_eq!(house.upstream.standing(&house.account).used, 0);
    heal(&house);
    let healed = Instant::now();
    while !is_answered(&call(&house).await) {
        assert!(healed.elapsed() < Duration::from_secs(15), "{:?}", healed.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    house.was_never_refused();
}

#[tokio::test]
async fn a_login_that_says_next_hour_is_left_alone_for_ten_seconds() {
    let house = meeting(Fault::Status { status: 429, retry_after: Some(3_600) }, Some(1)).await;
    let ended = join_all((0..50).map(|_| call(&house))).await;
    assert!(ended.iter().all(lacks_a_token), "{ended:?}");
    assert_eq!(logins(&house), 1);
    house.clock.advance(TimeDelta::seconds(11));
    assert!(is_answered(&call(&house).await));
    house.was_never_refused();
}

#[tokio::test]
async fn a_token_that_is_refused_at_once_is_replaced_once() {
    let refused = Fault::Status { status: 401, retry_after: None };
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    meet(&house, "/api", refused.clone(), Some(1));
    assert!(is_answered(&call(&house).await));
    assert_eq!(logins(&house), 2);

    meet(&house, "/api", refused, None);
    for _ in 0..20 {
        assert!(matches!(call(&house).await, Err(UpstreamError::Unauthorized { .. })));
    }
    assert!(logins(&house) <= 4, "{}", logins(&house));
    house.was_never_refused();
}

#[tokio::test]
async fn of_several_tokens_one_that_is_refused_takes_no_other_with_it() {
    let house = Counted::on(Duration::from_mins(1), 0, |account| {
        account.tokens = 3;
        account.requests_per_minute = Some(100);
    })
    .await;
    for _ in 0..30 {
        assert!(is_answered(&call(&house).await));
    }
    assert_eq!(logins(&house), 3);
    meet(&house, "/api", Fault::Status { status: 401, retry_after: None }, Some(1));
    for _ in 0..30 {
        assert!(is_answered(&call(&house).await));
    }
    assert_eq!(logins(&house), 4);
    house.was_never_refused();
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_token_live_longer() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    house.simulator.organisation().set_token_lifetime(1);
    let begun = Instant::now();
    assert!(is_answered(&call(&house).await));
    house.clock.advance(TimeDelta::hours(-1));
    while begun.elapsed() < Duration::from_secs(4) {
        assert!(is_answered(&call(&house).await));
    }
    assert!(logins(&house) >= 4, "{}", logins(&house));
    house.was_never_refused();
}

#[tokio::test]
async fn a_clock_that_is_set_ahead_costs_a_login_and_no_more() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    assert!(is_answered(&call(&house).await));
    house.clock.advance(TimeDelta::days(3));
    for _ in 0..20 {
        assert!(is_answered(&call(&house).await));
    }
    assert_eq!(logins(&house), 2);
    house.was_never_refused();
}

#[tokio::test]
async fn how_long_the_login_took_is_part_of_the_tokens_life() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    house.simulator.organisation().set_token_lifetime(2);
    // The token is made, and comes a second later.
    meet(&house, "/oauth", Fault::Trickle { bytes: 1_000, ms: 1_000 }, None);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        assert!(is_answered(&call(&house).await));
    }
    house.was_never_refused();
}

#[tokio::test]
async fn a_secret_that_was_changed_at_genesys_matters_once_the_token_is_gone() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    assert!(is_answered(&call(&house).await));
    let organisation = house.simulator.organisation();
    organisation.add_client(CLIENT_ID, "another-secret", None);
    assert!(is_answered(&call(&house).await));
    organisation.expire_tokens();
    let ended = join_all((0..50).map(|_| call(&house))).await;
    assert!(ended.iter().all(lacks_a_token), "{ended:?}");
    assert!(logins(&house) <= 3, "{}", logins(&house));
    house.was_never_refused();
}

#[tokio::test]
async fn a_token_serves_while_the_login_is_down_until_its_end() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    assert!(is_answered(&call(&house).await));
    house.clock.advance(TimeDelta::hours(20));
    meet(&house, "/oauth", Fault::Status { status: 500, retry_after: None }, None);
    for _ in 0..10 {
        assert!(is_answered(&call(&house).await));
    }
    house.clock.advance(TimeDelta::hours(4));
    assert!(lacks_a_token(&call(&house).await));
    house.was_never_refused();
}
