//! Processes and the events they left without an outcome.

use ringfence::{
    model::{Event, Outcome, RecordedEvent, StreamId},
    store::{EventFilter, Store},
};

use super::things::{at, event, event_at, id, outcome};
use crate::support::database::TestDatabase;

async fn read(store: &Store, event: &Event) -> RecordedEvent {
    let filter = EventFilter { id: Some(event.id.clone()), ..EventFilter::default() };
    store.list_events(&filter, None, 2).await.unwrap().remove(0)
}

async fn code(store: &Store, event: &Event) -> Option<String> {
    read(store, event).await.outcome.map(|outcome| outcome.code.to_string())
}

#[tokio::test]
async fn what_a_dead_process_left_ends_as_unknown() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [dead, living, ended, own]: [StreamId; 4] = [id(), id(), id(), id()];
        for stream in [&dead, &living, &ended, &own] {
            store.open_stream(stream, at(0)).await.unwrap();
        }
        let done = event(&dead);
        let [lost, running, cut, mine] = [&dead, &living, &ended, &own].map(event);
        let events = [&done, &lost, &running, &cut, &mine].map(Clone::clone);
        store.append_events(&events, &[outcome(&done, "ok")]).await.unwrap();
        store.touch_stream(&living, at(100)).await.unwrap();
        store.close_stream(&ended, at(100)).await.unwrap();

        assert_eq!(store.close_orphans(&own, at(50), at(101)).await.unwrap(), 2);
        assert_eq!(code(&store, &done).await.as_deref(), Some("ok"));
        assert_eq!(code(&store, &cut).await.as_deref(), Some("unknown"));
        assert_eq!(code(&store, &running).await, None);
        assert_eq!(code(&store, &mine).await, None);
        let closed = read(&store, &lost).await.outcome.unwrap();
        assert_eq!((closed.code.as_ref(), closed.status, closed.at), ("unknown", None, at(101)));
        assert_eq!(&*closed.detail, "{}");

        assert_eq!(store.close_orphans(&own, at(50), at(102)).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_process_that_was_only_asleep_is_looked_at_again() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [sleeper, own]: [StreamId; 2] = [id(), id()];
        store.open_stream(&sleeper, at(0)).await.unwrap();
        let early = event(&sleeper);
        store.append_events(std::slice::from_ref(&early), &[]).await.unwrap();
        assert_eq!(store.close_orphans(&own, at(50), at(51)).await.unwrap(), 1);

        // It wakes: its outcome comes late and is the truth, its next event may be orphaned again.
        store.touch_stream(&sleeper, at(60)).await.unwrap();
        let late = event(&sleeper);
        let real = outcome(&early, "ok");
        store.append_events(std::slice::from_ref(&late), std::slice::from_ref(&real)).await.unwrap();
        let ended = read(&store, &early).await.outcome.unwrap();
        let whole =
            |outcome: &Outcome| (outcome.at, outcome.code.clone(), outcome.status, outcome.detail.clone());
        assert_eq!(whole(&ended), whole(&real));
        for later in ["aborted", "unknown"] {
            store.append_events(&[], &[outcome(&early, later)]).await.unwrap();
            assert_eq!(code(&store, &early).await.as_deref(), Some("ok"), "{later} is no better");
        }
        assert_eq!(store.close_orphans(&own, at(50), at(70)).await.unwrap(), 0);
        assert_eq!(store.close_orphans(&own, at(90), at(91)).await.unwrap(), 1);
        assert_eq!(code(&store, &late).await.as_deref(), Some("unknown"));
    }
}

#[tokio::test]
async fn orphans_are_looked_for_from_the_last_sign_of_life_on() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [silent, own]: [StreamId; 2] = [id(), id()];
        store.open_stream(&silent, at(0)).await.unwrap();
        let done = event_at(&silent, at(10));
        let lost = event_at(&silent, at(7_200));
        store.append_events(&[done.clone(), lost.clone()], &[outcome(&done, "ok")]).await.unwrap();
        // A probe is no sign of life: what the process still has to write may be as old as the last one.
        store.probe_stream(&silent).await.unwrap();
        assert_eq!(store.close_orphans(&own, at(9_000), at(9_001)).await.unwrap(), 1);
        assert_eq!(code(&store, &done).await.as_deref(), Some("ok"));
        assert_eq!(code(&store, &lost).await.as_deref(), Some("unknown"));

        // A process that lives and owes nothing has ended what was under way long ago.
        let old = event_at(&silent, at(7_201));
        let late = event_at(&silent, at(9_900));
        store.append_events(&[old.clone(), late.clone()], &[]).await.unwrap();
        store.touch_stream(&silent, at(10_000)).await.unwrap();
        assert_eq!(store.close_orphans(&own, at(20_000), at(20_001)).await.unwrap(), 1);
        assert_eq!(code(&store, &old).await, None);
        assert_eq!(code(&store, &late).await.as_deref(), Some("unknown"));
    }
}
