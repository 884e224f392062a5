//! Processes and the events they left without an outcome.

use std::slice;

use chrono::{DateTime, Utc};
use ringfence::{
    model::{Event, EventId, Outcome, RecordedEvent, StreamId},
    store::{EventFilter, Store},
};

use super::things::{append, at, event, event_at, id, outcome};
use crate::support::database::TestDatabase;

async fn read(store: &Store, event: &Event) -> RecordedEvent {
    let filter = EventFilter { id: Some(event.id.clone()), ..EventFilter::default() };
    store.list_events(&filter, None, 2).await.unwrap().remove(0)
}

async fn code(store: &Store, event: &Event) -> Option<String> {
    read(store, event).await.outcome.map(|outcome| outcome.code.to_string())
}

/// What streams left that ended or were not seen since then.
async fn orphans(store: &Store, own: &StreamId, dead_before: DateTime<Utc>) -> Vec<EventId> {
    let mut orphans = Vec::new();
    for stream in store.unsettled_streams(own, dead_before).await.unwrap() {
        orphans.extend(store.orphans(&stream, None, 100).await.unwrap());
    }
    orphans
}

#[tokio::test]
async fn what_dead_processes_left_is_found_until_it_is_settled() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let done = event();
        let [lost, running, cut, mine] = [(); 4].map(|()| event());
        let dead = append(&store, &[done.clone(), lost.clone()], &[outcome(&done, "ok")]).await;
        let living = append(&store, slice::from_ref(&running), &[]).await;
        let ended = append(&store, slice::from_ref(&cut), &[]).await;
        let own = append(&store, slice::from_ref(&mine), &[]).await;
        store.touch_stream(living.id(), at(100)).await.unwrap();
        store.close_stream(ended.id(), at(100)).await.unwrap();

        assert_eq!(orphans(&store, own.id(), at(50)).await, [lost.id.clone(), cut.id.clone()]);
        assert_eq!(code(&store, &done).await.as_deref(), Some("ok"));
        let unknown = [&lost, &cut].map(|one| Outcome { status: None, ..outcome(one, "unknown") });
        store.append(&own, &[], &unknown, at(101)).await.unwrap();
        assert_eq!(read(&store, &lost).await.outcome, Some(unknown[0].clone()));
        assert_eq!(code(&store, &cut).await.as_deref(), Some("unknown"));
        assert_eq!(code(&store, &running).await, None);

        assert_eq!(orphans(&store, own.id(), at(50)).await, []);
        assert_eq!(store.unsettled_streams(own.id(), at(50)).await.unwrap().len(), 2);
        for stream in [&dead, &ended] {
            store.settle_stream(stream.id(), at(102)).await.unwrap();
        }
        assert!(store.unsettled_streams(own.id(), at(50)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn orphans_are_found_some_at_a_time() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let events = [(); 5].map(|()| event());
        append(&store, &events, &[]).await;
        let stream = store.unsettled_streams(&id(), at(50)).await.unwrap().remove(0);
        let first = store.orphans(&stream, None, 3).await.unwrap();
        assert_eq!(first, [0, 1, 2].map(|index: usize| events[index].id.clone()));
        let rest = store.orphans(&stream, first.last(), 3).await.unwrap();
        assert_eq!(rest, [3, 4].map(|index: usize| events[index].id.clone()));
    }
}

#[tokio::test]
async fn a_process_that_was_only_asleep_is_looked_at_again() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let own = store.open_stream(&id(), at(0)).await.unwrap();
        let early = event();
        let sleeper = append(&store, slice::from_ref(&early), &[]).await;
        store.settle_stream(sleeper.id(), at(51)).await.unwrap();
        let own = store.append(&own, &[], &[outcome(&early, "unknown")], at(51)).await.unwrap();

        // It wakes: its outcome comes late and is the truth, its next event may be orphaned again.
        store.touch_stream(sleeper.id(), at(60)).await.unwrap();
        let late = event();
        let real = outcome(&early, "ok");
        let sleeper =
            store.append(&sleeper, slice::from_ref(&late), slice::from_ref(&real), at(60)).await.unwrap();
        assert_eq!(read(&store, &early).await.outcome, Some(real));
        for later in ["aborted", "unknown"] {
            assert!(store.append(&sleeper, &[], &[outcome(&early, later)], at(61)).await.is_err(), "{later}");
        }
        let named = |code: &str| EventFilter { outcome: Some(code.to_owned()), ..EventFilter::default() };
        assert_eq!(store.list_events(&named("unknown"), None, 9).await.unwrap(), []);
        assert_eq!(store.list_events(&named("ok"), None, 9).await.unwrap().len(), 1);
        assert_eq!(orphans(&store, own.id(), at(50)).await, []);
        assert_eq!(orphans(&store, own.id(), at(90)).await, [late.id]);
    }
}

#[tokio::test]
async fn orphans_are_looked_for_from_the_last_sign_of_life_on() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let own = id();
        let done = event_at(at(10));
        let lost = event_at(at(7_200));
        let silent = append(&store, &[done.clone(), lost.clone()], &[outcome(&done, "ok")]).await;
        // A probe is no sign of life: what the process still has to write may be as old as the last one.
        assert_eq!(store.probe_stream(silent.id()).await.unwrap(), 3);
        assert_eq!(orphans(&store, &own, at(9_000)).await, [lost.id]);

        // A process that lives and owes nothing has ended what was under way long ago.
        let old = event_at(at(7_201));
        let late = event_at(at(9_900));
        store.append(&silent, &[old, late.clone()], &[], at(9_900)).await.unwrap();
        store.touch_stream(silent.id(), at(10_000)).await.unwrap();
        assert_eq!(orphans(&store, &own, at(20_000)).await, [late.id]);
    }
}
