//! Quotas of a day and a month over several replicas: exact to one per cent, whoever dies.

use serde_json::json;

use super::House;
use crate::support::app::Answer;

/// Whether a refusal is until the span's end, and not only until the replica has asked the others.
fn is_final(answer: &Answer) -> bool {
    let wait = answer.headers.get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
    answer.status == 429 && wait.is_some_and(|wait| wait > 60)
}

impl House {
    /// Calls each replica in turn until all refuse for good, and again when each has said what it gave back; how many were
    /// accepted.
    async fn use_up(&self, at_once: usize) -> usize {
        let (mut accepted, mut rounds) = (0, 0);
        loop {
            let mut ended = true;
            for replica in 0..self.replicas.len() {
                accepted += self.burst(replica, at_once).await;
                let last = self.call(replica).await;
                accepted += usize::from(last.status == 200);
                ended &= is_final(&last);
            }
            rounds = if ended { rounds + 1 } else { 0 };
            if rounds == 3 {
                return accepted;
            }
            tokio::time::sleep(std::time::Duration::from_millis(if ended { 1_500 } else { 20 })).await;
        }
    }
}

fn assert_exact(accepted: usize, limit: usize) {
    assert!(accepted.abs_diff(limit) <= limit / 100, "{accepted} of {limit}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_days_quota_is_used_up_once_by_three_replicas_together() {
    let house =
        House::start(3, None, json!({ "requests_per_day": 1_500, "requests_per_month": 100_000 })).await;
    assert_exact(house.use_up(20).await, 1_500);
    let shown = house.call(1).await;
    assert!(shown.headers["ratelimit"].to_str().unwrap().starts_with("\"tenant-day\";r="), "{shown:?}");
}

/// However uneven: a replica that is hardly called leaves nearly all to the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_replica_may_use_what_the_other_does_not() {
    let house = House::start(2, None, json!({ "requests_per_month": 1_000 })).await;
    assert_eq!(house.call(1).await.status, 200);
    let mut accepted = 1;
    loop {
        accepted += house.burst(0, 20).await;
        let last = house.call(0).await;
        accepted += usize::from(last.status == 200);
        if is_final(&last) {
            break;
        }
    }
    assert_exact(accepted, 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replica_neither_takes_its_share_along_nor_gives_any_back() {
    let mut house = House::start(2, None, json!({ "requests_per_day": 1_000 })).await;
    let mut accepted = 0;
    for _ in 0..10 {
        accepted += house.burst(0, 20).await + house.burst(1, 20).await;
    }
    assert!((300..=400).contains(&accepted), "{accepted}");
    house.kill(1).await;
    house.until_all_see(1).await;
    accepted += house.burst(0, 20).await;
    let replica = house.replica().await;
    house.replicas.push(replica);
    accepted += house.use_up(20).await;
    // Never more; what it held may be in doubt.
    assert!((970..=1_010).contains(&accepted), "{accepted}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_after_a_kill_of_the_only_replica_gives_nothing_back() {
    let mut house = House::start(1, None, json!({ "requests_per_day": 500 })).await;
    let mut accepted = 0;
    for _ in 0..12 {
        accepted += house.burst(0, 20).await;
    }
    house.kill(0).await;
    let replica = house.replica().await;
    house.replicas.push(replica);
    assert_exact(accepted + house.use_up(20).await, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lowered_limit_holds_at_each_replica() {
    let house = House::start(2, None, json!({ "requests_per_day": 100_000 })).await;
    assert_eq!(house.burst(0, 30).await + house.burst(1, 30).await, 60);
    house.limit(&json!({ "requests_per_day": 10 })).await;
    for replica in [0, 1] {
        super::eventually("it refuses", async || is_final(&house.call(replica).await).then_some(())).await;
    }
}

/// The ledger knows a chain of keys by its origin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_key_goes_on_with_its_quota_at_each_replica() {
    let mut house = House::start(2, None, json!({})).await;
    let limited = json!({ "name": "limited", "limits": { "requests_per_day": 600 } });
    let old = house.post("/tenants/alpha/keys", &limited).await.expect(201);
    old["api_key"].as_str().unwrap().clone_into(&mut house.key);
    let known = async |house: &House| {
        for replica in [0, 1] {
            super::eventually("the key is known", async || {
                (house.call(replica).await.status != 401).then_some(())
            })
            .await;
        }
    };
    known(&house).await;
    let mut accepted = 0;
    for _ in 0..5 {
        accepted += house.burst(0, 20).await + house.burst(1, 20).await;
    }
    assert!(accepted > 100, "{accepted}");
    let path = format!("/keys/{}/rotate", old["key_id"].as_str().unwrap());
    let new = house.post(&path, &json!({ "overlap_seconds": 3_600 })).await.expect(201);
    new["api_key"].as_str().unwrap().clone_into(&mut house.key);
    known(&house).await;
    accepted += house.use_up(20).await;
    // Looking whether it was known took some.
    assert!((580..=600).contains(&accepted), "{accepted}");
    old["api_key"].as_str().unwrap().clone_into(&mut house.key);
    for replica in [0, 1] {
        assert!(is_final(&house.call(replica).await), "the old one has no more than the new one");
    }
}
