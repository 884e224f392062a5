//! A store that is lost is noticed, nothing is let through meanwhile, and it is used again when it is back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ringfence::{
    audit::{Audit, NotRecorded},
    store::Store,
};
use sqlx::{Connection, Executor, SqliteConnection};

use super::{
    audit, ending, find,
    proxy::{Proxy, Way},
    record, until,
};
use crate::support::database::{TestDatabase, signer};

/// Cuts the database off, looks on, and gives it back.
async fn loses_and_finds_again<Lost>(
    store: &Store,
    audit: &Audit,
    cut: impl AsyncFnOnce() -> Lost,
    mend: impl AsyncFnOnce(Lost),
) {
    let mut running = record(audit).await;
    running.intend().await.unwrap();
    let mut waiting = record(audit).await;
    let lost = cut().await;

    assert_eq!(waiting.intend().await, Err(NotRecorded));
    assert!(!audit.is_available());
    assert!(audit.open().await.is_err(), "nothing begins while nothing can be written");
    let (running_id, waiting_id) = (running.id().clone(), waiting.id().clone());
    running.end("ok", 200);
    assert_eq!(waiting.refuse("ringfence.not_recorded", 503).await, Err(NotRecorded));

    mend(lost).await;
    until(async || audit.is_available().then_some(())).await;
    assert_eq!(ending(store, &running_id).await, "ok");
    assert_eq!(ending(store, &waiting_id).await, "ringfence.not_recorded");
    let mut later = record(audit).await;
    later.intend().await.unwrap();
    assert!(find(store, later.id()).await.is_some());
    later.end("ok", 200);
    audit.stop().await;
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_a_lost_store() {
    let database = TestDatabase::sqlite();
    let store = database.store().await;
    let audit = audit(&store).await;
    let file = database.url();
    let cut = async || {
        let mut other = SqliteConnection::connect(&file).await.unwrap();
        other.execute(sqlx::raw_sql("BEGIN IMMEDIATE")).await.unwrap();
        other
    };
    let mend = async |mut other: SqliteConnection| {
        other.execute(sqlx::raw_sql("ROLLBACK")).await.unwrap();
    };
    loses_and_finds_again(&store, &audit, cut, mend).await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_a_lost_store() {
    let (_database, proxy, store) = behind_a_proxy().await;
    let audit = audit(&store).await;
    loses_and_finds_again(&store, &audit, async || proxy.set(Way::Cut), async |()| proxy.set(Way::Open))
        .await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_a_lost_store() {
    let (_database, proxy, store) = behind_a_proxy().await;
    let audit = audit(&store).await;
    loses_and_finds_again(&store, &audit, async || proxy.set(Way::Silent), async |()| proxy.set(Way::Open))
        .await;
}

#[tokio::test]
async fn a_loss_is_known_within_two_seconds_though_nothing_is_written() {
    for way in [Way::Cut, Way::Silent] {
        let (_database, proxy, store) = behind_a_proxy().await;
        let audit = audit(&store).await;
        let lost = Instant::now();
        proxy.set(way);
        until(async || (!audit.is_available()).then_some(())).await;
        assert!(lost.elapsed() < Duration::from_secs(2), "{way:?}: {:?}", lost.elapsed());
        proxy.set(Way::Open);
        until(async || audit.is_available().then_some(())).await;
        audit.stop().await;
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_written_holds_up_no_other() {
    let database = TestDatabase::postgres().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let mut records = join_all((0..100).map(|_| record(&audit))).await;
    // PostgreSQL keeps no text with a NUL in it.
    records[40].operation = Some("get\0Users".into());
    let ids: Vec<_> = records.iter().map(|record| record.id().clone()).collect();
    let intents = join_all(records.iter_mut().map(ringfence::audit::Record::intend)).await;
    for (place, (intent, id)) in intents.iter().zip(&ids).enumerate() {
        assert_eq!(intent.is_ok(), place != 40, "intent {place}");
        assert_eq!(find(&store, id).await.is_some(), place != 40, "event {place}");
    }
    assert!(audit.is_available());
    drop(records);
    audit.stop().await;
}

async fn behind_a_proxy() -> (TestDatabase, Proxy, Store) {
    let database = TestDatabase::postgres().await;
    let url = database.url();
    let (before, after) = url.split_once("://").unwrap();
    let (authority, path) = after.split_once('/').unwrap();
    let (user, server) = authority.rsplit_once('@').map_or(("", authority), |(user, server)| (user, server));
    let at = if user.is_empty() { "" } else { "@" };
    let proxy = Proxy::start(server.to_owned()).await;
    let store = Store::open(&format!("{before}://{user}{at}{}/{path}", proxy.address())).await.unwrap();
    store.sign_with(signer());
    (database, proxy, store)
}
