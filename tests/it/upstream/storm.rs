//! Twenty tenants on one account, one of which sends a hundred times its share.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ringfence::model::Portion;
use tokio::task::JoinSet;

use super::budget::{Counted, tenant};

/// Long enough that a machine with other work does not count: who is late by a twentieth of it has to wait.
const MINUTE: Duration = Duration::from_secs(10);
const TENANTS: u32 = 20;
/// So many that one call is less than the twentieth that may be missing.
const SHARE: u32 = 20;
const MINUTES: u32 = 3;

/// What each of the quiet ones was answered, and how long each of their calls took.
async fn run(storm: bool) -> (Vec<usize>, Vec<Duration>) {
    let capacity = TENANTS * SHARE;
    let house = Counted::on(MINUTE, capacity.into(), |account| {
        account.requests_per_minute = Some(capacity);
    });
    let house = Arc::new(house.await);
    let portion = Portion { weight: 1, total: TENANTS };
    let begun = Instant::now();
    let mut quiet = JoinSet::new();
    for number in 1..TENANTS {
        let house = Arc::clone(&house);
        quiet.spawn(async move {
            let own = tenant(&format!("quiet-{number}"));
            let (mut answered, mut took) = (0, Vec::new());
            for call in 0..SHARE * MINUTES {
                tokio::time::sleep_until((begun + MINUTE * call / SHARE).into()).await;
                let sent = Instant::now();
                answered +=
                    usize::from(house.call(&own, portion).await.is_ok_and(|answer| answer.status == 200));
                took.push(sent.elapsed());
            }
            (answered, took)
        });
    }
    let mut loud = JoinSet::new();
    while storm && begun.elapsed() < MINUTE * MINUTES {
        // A hundred times its share in a minute, forty times a minute.
        for _ in 0..SHARE * 100 / 40 {
            let house = Arc::clone(&house);
            loud.spawn(async move { house.call(&tenant("loud"), portion).await.is_ok() });
        }
        tokio::time::sleep(MINUTE / 40).await;
    }
    let of_loud = loud.join_all().await.into_iter().filter(|answered| *answered).count();
    assert!(of_loud <= (SHARE * (MINUTES + 1)) as usize, "{of_loud}");
    let (answered, took): (Vec<_>, Vec<_>) = quiet.join_all().await.into_iter().unzip();
    house.was_never_refused();
    (answered, took.concat())
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "figures, for whoever asks for them")]
async fn a_flood_takes_nothing_of_the_others_guaranteed_shares() {
    for storm in [false, true] {
        let (answered, mut took) = run(storm).await;
        let guaranteed = (SHARE * MINUTES) as usize;
        assert!(answered.iter().all(|answered| answered * 100 >= guaranteed * 95), "{answered:?}");
        took.sort();
        let at = |hundredth: usize| took[(took.len() - 1) * hundredth / 100];
        // Whoever stands in line beside it, nobody waits longer for a place of its own than a twentieth; a machine that stands
        // still meets one call of each.
        assert!(at(90) < MINUTE / 10, "storm {storm}: {:?}", at(90));
        eprintln!(
            "storm {storm}: least {:?} of {guaranteed}, median {:?}, p99 {:?}, longest {:?}",
            answered.iter().min(),
            at(50),
            at(99),
            at(100)
        );
    }
}
