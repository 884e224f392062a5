//! A database that goes away and comes back.

use std::time::{Duration, Instant};

use ringfence::{
    model::TenantId,
    secret::GrantsKey,
    store::{Database, EventFilter, Store, StoreError},
};

use super::things::{at, change, event, id, operator, outcome};
use crate::support::{
    database::{TestDatabase, signer},
    proxy::{Proxy, Wire},
};

// Beside the patience itself: a loaded machine.
const SLACK: Duration = Duration::from_millis(500);
const RECOVERED_WITHIN: Duration = Duration::from_secs(10);

async fn fails_soon<T>(doing: impl Future<Output = Result<T, StoreError>>) {
    let started = Instant::now();
    assert!(matches!(doing.await, Err(StoreError::Database { .. })));
    assert!(started.elapsed() < Database::Postgres.patience() + SLACK, "{:?}", started.elapsed());
}

async fn recovers(store: &Store) {
    let started = Instant::now();
    while let Err(error) = store.ping().await {
        assert!(started.elapsed() < RECOVERED_WITHIN, "{error:?}");
    }
}

async fn is_lost_and_found_again(wire: Wire) {
    let database = TestDatabase::postgres().await;
    let proxy = Proxy::before(&database.address()).await;
    let store = Store::open(&database.url_at(proxy.address())).await.unwrap();
    store.prove_with(GrantsKey::new(&[7; 32]).unwrap());
    store.sign_with(signer());
    let stream = store.open_stream(&id(), at(0)).await.unwrap();
    store.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap();

    let (grace, raised, events) = (operator("grace@bpo.example"), change(), [event()]);
    proxy.set(wire);
    tokio::join!(
        fails_soon(store.ping()),
        fails_soon(store.version()),
        fails_soon(store.changes_since(0)),
        fails_soon(store.append(&stream, &events, &[], at(0))),
        fails_soon(store.touch_stream(stream.id(), at(0))),
        fails_soon(store.add_operator(&grace, &raised)),
    );

    proxy.set(Wire::Whole);
    recovers(&store).await;
    assert_eq!(store.list_operators().await.unwrap().len(), 1);
    store.add_operator(&grace, &raised).await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_is_known_soon_and_found_again_without_help() {
    is_lost_and_found_again(Wire::Cut).await;
}

#[tokio::test]
async fn a_silent_network_is_known_soon_and_the_server_found_again_without_help() {
    is_lost_and_found_again(Wire::Blocked).await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_that_says_what_was_done() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let opened = Store::open(&format!("postgres://user:hunter2@{nobody}/ringfence")).await;
    let Err(error @ StoreError::Database { doing: "opening the database", .. }) = opened else {
        panic!("{opened:?}")
    };
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

/// One process cannot wait for ever for another that holds SQLite's lock.
#[tokio::test]
async fn a_locked_file_is_an_error_and_free_again_afterwards() {
    use sqlx::{Connection, Executor, SqliteConnection};
    let database = TestDatabase::sqlite();
    let store = database.store().await;
    let stream = store.open_stream(&id(), at(0)).await.unwrap();
    let mut other = SqliteConnection::connect(&database.url()).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = store.append(&stream, &[event()], &[], at(0)).await;
    assert!(matches!(refused, Err(StoreError::Database { doing: "writing events", .. })), "{refused:?}");
    // Readers are not disturbed.
    assert_eq!(store.version().await.unwrap(), 0);
    other.execute("ROLLBACK").await.unwrap();
    store.append(&stream, &[event()], &[], at(0)).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_in_the_midst_of_a_batch_leaves_nothing_half_done_and_nobody_locked_out() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let mut stream = store.open_stream(&id(), at(0)).await.unwrap();
        let mut left = 0;
        for round in 0..60_u64 {
            let tenant: TenantId = format!("tenant-{round}").parse().unwrap();
            let mut events: Vec<_> = (0..40).map(|_| event()).collect();
            for event in &mut events {
                event.actor.tenant_id = Some(tenant.clone());
            }
            let outcomes: Vec<_> = events.iter().map(|event| outcome(event, "ok")).collect();
            // At another point each time, from before the first step to after the last.
            let patience = Duration::from_micros(round * 40);
            let done = tokio::time::timeout(patience, store.append(&stream, &events, &outcomes, at(0))).await;
            left += u32::from(done.is_err());
            // The stream's size tells whether it came about.
            if store.probe_stream(stream.id()).await.unwrap() > stream.size() {
                stream = store.grown(&stream, &events, &outcomes, at(0)).unwrap();
            }
            stream = store.append(&stream, &[event()], &[], at(0)).await.unwrap();
            let filter = EventFilter { tenant_id: Some(tenant), ..EventFilter::default() };
            let found = store.list_events(&filter, None, 100).await.unwrap();
            assert!(
                found.len() == 40 || (found.is_empty() && done.is_err()),
                "{} of 40: {done:?}",
                found.len()
            );
            assert!(found.iter().all(|found| found.outcome.is_some()));
        }
        assert!(left > 0, "nobody left in the midst");
    }
}
