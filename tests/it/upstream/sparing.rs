//! An upstream that fails again and again, or that says to wait, is spared, and called again in time.

use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use ringfence::upstream::{UpstreamError, told_to_wait};

use super::{House, eventually, server::Trouble};

const LONG: usize = 1_000;

/// Fails until the account is spared; how many calls that took.
async fn until_spared(house: &House) -> usize {
    for call in 0..20 {
        match house.get("/api/v2/token").await {
            Ok(answer) => assert_eq!(answer.status, 503),
            Err(UpstreamError::Spared) => return call,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("it was never spared");
}

#[tokio::test]
async fn calls_that_fail_again_and_again_are_spared_until_upstream_is_back() {
    let house = House::open().await;
    house.token().await;
    house.genesys.troubles(vec![Trouble::status(503); LONG]);
    assert_eq!(until_spared(&house).await, 5);
    let before = house.genesys.seen().len();
    for _ in 0..50 {
        assert!(matches!(house.get("/api/v2/token").await, Err(UpstreamError::Spared)));
    }
    assert_eq!(house.genesys.seen().len(), before, "nothing is sent meanwhile");

    // Now and then one looks, with one attempt.
    eventually("a call looks", || async { house.get("/api/v2/token").await.is_ok() }).await;
    assert_eq!(house.genesys.seen().len(), before + 1);
    assert!(matches!(house.get("/api/v2/token").await, Err(UpstreamError::Spared)));

    house.genesys.troubles([]);
    let recovered = Instant::now();
    eventually("a call goes through", || async {
        house.get("/api/v2/token").await.is_ok_and(|answer| answer.status == 200)
    })
    .await;
    assert!(recovered.elapsed() < Duration::from_secs(5), "{:?}", recovered.elapsed());
    for _ in 0..20 {
        house.token().await;
    }
}

#[tokio::test]
async fn a_call_that_hangs_keeps_no_other_from_looking() {
    let house = House::with_timeout(Duration::from_mins(1)).await;
    house.token().await;
    house.genesys.troubles(vec![Trouble::status(503); LONG]);
    until_spared(&house).await;
    let hangs = Trouble { after: Duration::from_mins(1), ..Trouble::status(503) };
    house.genesys.troubles([hangs]);
    let before = house.genesys.seen().len();
    let (upstream, account) = (house.upstream.clone(), house.account.clone());
    let looking = tokio::spawn(async move {
        while let Err(UpstreamError::Spared) = upstream
            .send(
                super::on_behalf(super::Share::Operator, &account, &|| true),
                super::get("/api/v2/token"),
                super::Effect::Reads,
            )
            .await
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    eventually("one looks and hangs", || async { house.genesys.seen().len() > before }).await;
    eventually("another looks", || async { house.get("/api/v2/token").await.is_ok() }).await;
    looking.abort();
}

#[tokio::test]
async fn refusals_and_single_failures_spare_nobody() {
    let house = House::open().await;
    let refusals = [400, 401, 403, 404, 500, 503, 503, 404, 503, 504, 500];
    house.genesys.troubles(refusals.iter().cycle().take(110).map(|status| Trouble::status(*status)));
    for _ in 0..60 {
        let ended = house.get("/api/v2/token").await;
        assert!(!matches!(ended, Err(UpstreamError::Spared)));
    }
}

#[tokio::test]
async fn an_account_that_is_told_to_wait_does_not_knock_before_its_time() {
    let house = House::open().await;
    house.token().await;
    house.genesys.troubles([Trouble::status(429).with("retry-after", "2")]);
    let told = Instant::now();
    assert_eq!(house.get("/api/v2/token").await.unwrap().status, 429);
    let before = house.genesys.seen().len();
    let mut last = Duration::from_secs(2);
    loop {
        match house.get("/api/v2/token").await {
            Err(UpstreamError::Waiting { left }) => {
                assert!(left <= last, "{left:?} after {last:?}");
                assert_eq!(house.genesys.seen().len(), before);
                last = left;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(answer) => break assert_eq!(answer.status, 200),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(told.elapsed() >= Duration::from_millis(1_950), "{:?}", told.elapsed());
    assert!(last < Duration::from_millis(300), "the time that is left is true: {last:?}");
}

#[test]
fn how_long_to_wait_is_read_from_what_genesys_sends() {
    for (headers, seconds) in [
        (vec![("retry-after", "42")], 42),
        (vec![("retry-after", " 42 ")], 42),
        (vec![("inin-ratelimit-reset", "17")], 17),
        (vec![("retry-after", "3"), ("inin-ratelimit-reset", "17")], 3),
        (vec![("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), ("inin-ratelimit-reset", "17")], 17),
        (vec![("retry-after", "0")], 1),
        (vec![("retry-after", "-1")], 5),
        (vec![("retry-after", "7200")], 300),
        (vec![("retry-after", "99999999999999999999")], 5),
        (vec![], 5),
    ] {
        let map: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(told_to_wait(&map), Duration::from_secs(seconds), "{headers:?}");
    }
}
