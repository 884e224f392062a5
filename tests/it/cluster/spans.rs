//! A day and a month that end while several replicas count.

use std::time::Duration;

use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};
use futures_util::future::join_all;
use ringfence::simulator::ALPHA;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{CHEAP, eventually, metric};
use crate::support::{
    app::{TenantClient, TestApp},
    database::TestDatabase,
};

/// How long is left of the month when both begin to count.
const LEFT: TimeDelta = TimeDelta::seconds(30);
const LIMIT: usize = 300;

fn next_month(now: DateTime<Utc>) -> DateTime<Utc> {
    let first = now.date_naive().with_day(1).unwrap() + Months::new(1);
    first.and_time(chrono::NaiveTime::MIN).and_utc()
}

/// Calls each in turn until nothing was accepted for a while, longer than idle replicas keep what they hold; how much was.
async fn use_up(replicas: &[TenantClient]) -> usize {
    let (mut accepted, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_secs(5) {
        for replica in replicas {
            let answers = join_all((0..20).map(|_| replica.get(CHEAP))).await;
            let served = answers.iter().filter(|answer| answer.status == 200).count();
            if served > 0 {
                (accepted, last) = (accepted + served, Instant::now());
            }
        }
        sleep(Duration::from_millis(100)).await;
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_and_its_last_day_end_for_all_replicas_at_once_and_the_next_is_used_up_once() {
    let app = TestApp::start_on(TestDatabase::postgres().await, |_| {}).await;
    let limits = json!({ "limits": { "requests_per_day": LIMIT, "requests_per_month": LIMIT } });
    let mut alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let end = next_month(app.clock.now());
    app.clock.advance(end - LEFT - app.clock.now());
    let beside = app.beside().await;
    for addresses in [&app.addresses, &beside.addresses] {
        eventually("each sees the other", async || {
            let telemetry = format!("http://{}", addresses.telemetry);
            let seen = metric(&app.client, &telemetry, "ringfence_replicas").await;
            seen.is_some_and(|seen| seen > 1.5).then_some(())
        })
        .await;
    }
    // An access token would not live so long.
    let token = alpha.log_in().await.body["access_token"].as_str().unwrap().to_owned();
    alpha.access_token = token;
    let replicas = [beside.client(&alpha), alpha];
    let before = use_up(&replicas).await;
    assert!(app.clock.now() < end, "it took too long to tell anything");
    assert!(before.abs_diff(LIMIT) <= LIMIT / 100, "{before} of {LIMIT} in the month that ends");
    let left = (end - app.clock.now()).to_std().unwrap();
    sleep(left).await;
    let after = use_up(&replicas).await;
    assert!(after.abs_diff(LIMIT) <= LIMIT / 100, "{after} of {LIMIT} in the month that began");
    beside.end().await;
    app.finish().await;
}
