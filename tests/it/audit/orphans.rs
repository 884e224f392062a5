//! What a process leaves unfinished is closed by those that come after it.

use chrono::TimeDelta;
use ringfence::{audit::Audit, clock::Clock, store::Database};

use super::{audit, ending, find, record};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn calls_that_a_killed_process_left_are_closed_as_unknown_at_the_next_start() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let killed = audit(&store).await;
        let mut record = record(&killed).await;
        let id = record.id().clone();
        record.intend().await.unwrap();

        // Several processes share a PostgreSQL: there a silent one is taken for dead after 30 seconds.
        let clock = Clock::default();
        if store.database() == Database::Postgres {
            let early = Audit::start(store.clone(), clock.clone()).await.unwrap();
            assert_eq!(find(&store, &id).await.unwrap().outcome, None);
            early.stop().await;
            clock.advance(TimeDelta::seconds(31));
        }
        let next = Audit::start(store.clone(), clock).await.unwrap();
        let outcome = find(&store, &id).await.unwrap().outcome.unwrap();
        assert_eq!((outcome.code.as_ref(), outcome.status), ("unknown", None));
        next.stop().await;
        drop(record);
    }
}

#[tokio::test]
async fn calls_that_outlive_an_orderly_stop_are_closed_as_unknown_at_the_next_start() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let before = audit(&store).await;
    let mut record = record(&before).await;
    let id = record.id().clone();
    record.intend().await.unwrap();
    before.stop().await;
    drop(record);
    assert_eq!(find(&store, &id).await.unwrap().outcome, None);
    let next = audit(&store).await;
    assert_eq!(ending(&store, &id).await, "unknown");
    next.stop().await;
}
