//! Rates and places over several replicas: leased from Redis, or each replica's fraction.

use std::time::Duration;

use ringfence::simulator;
use serde_json::json;
use tokio::time::Instant;

use super::{House, eventually};
use crate::support::{
    command::until,
    proxy::{Proxy, Wire},
    redis::Redis,
};

const QUEUES: &str = "/api/v2/routing/queues";
const LEASED: &str = "ringfence_limits_leased";

/// A rate of 60 a minute: one a second comes back.
fn most(burst: usize, begun: Instant) -> usize {
    burst + usize::try_from(begun.elapsed().as_secs()).unwrap() + 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_a_rate_holds_over_all_replicas_and_one_may_use_what_the_others_leave() {
    let redis = Redis::start().await;
    let limits = json!({ "requests_per_minute": 60, "burst": 60 });
    let house = House::start(3, Some(redis.url()), limits).await;
    for replica in 0..3 {
        house.until_says(replica, LEASED, 1.0).await;
    }
    // The time, what nobody holds, and a slice of each replica's.
    let leased = || (redis.fields("ringfence:*:{tenant:alpha}:rate") == 5).then_some(());
    until("all have leased", leased).await;
    let begun = Instant::now();
    let mut accepted = 0;
    // Three times its fraction, at one of them alone.
    while accepted < 50 && begun.elapsed() < Duration::from_secs(20) {
        accepted += house.burst(0, 5).await;
    }
    assert!(accepted >= 50, "{accepted}: a replica is not held to its fraction of 20");
    // What one holds and does not need the others get with its next word.
    let mut rounds = 0;
    while rounds < 5 || (accepted < 55 && begun.elapsed() < Duration::from_secs(20)) {
        for replica in 0..3 {
            accepted += house.burst(replica, 30).await;
        }
        rounds += 1;
    }
    let most = most(60, begun);
    assert!((55..=most).contains(&accepted), "{accepted} of {most}");
}

/// However many come at once, and wherever: what is under way at both together is the limit at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_are_under_way_at_all_replicas_together_than_the_limit_says() {
    for redis in [None, Some(Redis::start().await)] {
        let url = redis.as_ref().map(Redis::url);
        let house = House::start(2, url, json!({ "concurrent_requests": 6 })).await;
        for replica in [0, 1] {
            if redis.is_some() {
                house.until_says(replica, LEASED, 1.0).await;
            }
        }
        let slow = simulator::Fault::Latency { ms: 6_000 };
        let matching = simulator::Match { path_prefix: Some(QUEUES.to_owned()), method: None };
        let rule = simulator::Rule::new(matching, slow, None);
        house.simulator.organisation().set_faults(vec![rule]);
        // All come before the first has its answer.
        let (one, other) = tokio::join!(house.burst_of(QUEUES, 0, 12), house.burst_of(QUEUES, 1, 12));
        assert!((3..=6).contains(&(one + other)), "{one} and {other}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_redis_dies_no_request_fails_and_each_replica_takes_its_fraction_until_it_is_back() {
    let mut redis = Redis::start().await;
    let limits = json!({ "requests_per_minute": 60, "burst": 60, "concurrent_requests": 50 });
    let house = House::start(2, Some(redis.url()), limits).await;
    let begun = Instant::now();
    let mut accepted = 0;
    for replica in [0, 1] {
        house.until_says(replica, LEASED, 1.0).await;
        accepted += house.burst(replica, 5).await;
    }
    redis.kill().await;
    for replica in [0, 1] {
        // Each of these is answered, and none waits for Redis.
        eventually("it says so", async || {
            let answer = house.call(replica).await;
            assert!([200, 429].contains(&answer.status.as_u16()), "{answer:?}");
            (house.metric(replica, LEASED).await == Some(0.0)).then_some(())
        })
        .await;
    }
    for replica in [0, 1] {
        house.burst(replica, 60).await;
        let shown = house.call(replica).await;
        let policy = shown.headers["ratelimit-policy"].to_str().unwrap();
        assert!(policy.starts_with("\"tenant-minute\";q=30;w=60"), "its fraction: {policy}");
    }
    redis.start_again().await;
    for replica in [0, 1] {
        house.until_says(replica, LEASED, 1.0).await;
    }
    // A Redis that has forgotten everything gives nothing back that was used meanwhile.
    let mut after = 0;
    for _ in 0..4 {
        after += house.burst(0, 40).await + house.burst(1, 40).await;
    }
    let most = most(60, begun);
    assert!(accepted + after <= most, "{accepted} + {after} of {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_delays_nobody() {
    let redis = Redis::start().await;
    let wire = Proxy::before(redis.address()).await;
    let limits = json!({ "requests_per_minute": 6_000, "concurrent_requests": 100 });
    let house = House::start(2, Some(format!("redis://{}", wire.address())), limits).await;
    house.until_says(0, LEASED, 1.0).await;
    wire.set(Wire::Blocked);
    // Many more calls than could wait for its patience, one after the other.
    let begun = Instant::now();
    for _ in 0..200 {
        house.call(0).await.expect(200);
    }
    assert!(begun.elapsed() < Duration::from_mins(1), "none of 200 waited for Redis: {:?}", begun.elapsed());
    house.until_says(0, LEASED, 0.0).await;
    wire.set(Wire::Whole);
    house.until_says(0, LEASED, 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_replica_takes_its_fraction() {
    let house = House::start(3, None, json!({ "requests_per_minute": 10, "concurrent_requests": 30 })).await;
    let begun = Instant::now();
    let mut accepted = 0;
    for _ in 0..2 {
        for replica in 0..3 {
            accepted += house.burst(replica, 10).await;
        }
    }
    let back = usize::try_from(begun.elapsed().as_secs() / 6).unwrap();
    assert!((10..=10 + back + 3).contains(&accepted), "{accepted}");
    let shown = house.call(2).await;
    let policy = shown.headers["ratelimit-policy"].to_str().unwrap();
    assert!(policy.contains("\"tenant-minute\";q=3;"), "{policy}");
}
