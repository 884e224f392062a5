//! The record: appending and searching.

use std::slice;

use chrono::TimeDelta;
use ringfence::{
    model::{Actor, Event, EventId, EventKind, RecordedEvent},
    store::{EventFilter, Store, StoreError},
};

use super::things::{append, at, change, event, event_at, id, operator, outcome};
use crate::support::database::TestDatabase;

async fn found(store: &Store, filter: EventFilter) -> Vec<EventId> {
    let found = store.list_events(&filter, None, 100).await.unwrap();
    found.into_iter().map(|recorded| recorded.event.id).collect()
}

#[tokio::test]
async fn events_and_outcomes_are_kept_whole() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let full = Event {
            at: at(1) + TimeDelta::microseconds(123_456),
            kind: EventKind::Search,
            actor: Actor {
                tenant_id: Some("north".parse().unwrap()),
                key_id: Some("aaaaaaaaaaaaaaaa".parse().unwrap()),
                operator_id: Some(id()),
            },
            source: Some("2001:db8::7".parse().unwrap()),
            detail: r#"{"path":"/a\"b\\c\u0000","text":"ß — \n"}"#.into(),
            ..event()
        };
        let bare = Event { operation: None, kind: EventKind::Refusal, ..event() };
        let mut ended = outcome(&full, "ringfence.operation_denied");
        ended.status = Some(403);
        let aborted = ringfence::model::Outcome { status: None, ..outcome(&bare, "aborted") };
        let events = [full.clone(), bare.clone()];
        append(&store, &events, &[ended.clone(), aborted.clone()]).await;
        let expected = [
            RecordedEvent { event: bare, outcome: Some(aborted) },
            RecordedEvent { event: full, outcome: Some(ended) },
        ];
        assert_eq!(store.list_events(&EventFilter::default(), None, 10).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_outcome_may_follow_later_or_never() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [first, second] = [event(), event()];
        append(&store, &[first.clone(), second.clone()], &[]).await;
        append(&store, &[], &[outcome(&first, "ok")]).await;
        append(&store, &[], &[]).await;
        let read = store.list_events(&EventFilter::default(), None, 10).await.unwrap();
        let codes =
            read.iter().map(|recorded| recorded.outcome.as_ref().map(|outcome| outcome.code.as_ref()));
        assert_eq!(codes.collect::<Vec<_>>(), [None, Some("ok")]);
    }
}

#[tokio::test]
async fn what_is_there_already_refuses_its_whole_batch() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let first = event();
        let ended = outcome(&first, "ok");
        let stream = append(&store, slice::from_ref(&first), slice::from_ref(&ended)).await;
        let changed = Event { detail: "{}".into(), ..first.clone() };
        let second = event();
        for (events, outcomes) in [
            (vec![second.clone(), changed], vec![]),
            (vec![second.clone(), second.clone()], vec![]),
            (vec![second.clone()], vec![outcome(&first, "aborted")]),
        ] {
            let refused = store.append(&stream, &events, &outcomes, at(1)).await;
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        }
        assert_eq!(store.probe_stream(stream.id()).await.unwrap(), 2);
        let expected = [RecordedEvent { event: first, outcome: Some(ended) }];
        assert_eq!(store.list_events(&EventFilter::default(), None, 10).await.unwrap(), expected);
    }
}

/// Two that hold the same stream would give it two histories.
#[tokio::test]
async fn a_stream_is_gone_on_with_as_its_writer_left_it_or_not_at_all() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let opened = store.open_stream(&id(), at(0)).await.unwrap();
        let one = store.append(&opened, &[event()], &[], at(0)).await.unwrap();
        for count in [1, 2, 100] {
            let events: Vec<_> = (0..count).map(|_| event()).collect();
            let fork = store.append(&opened, &events, &[], at(0)).await;
            assert!(fork.is_err(), "{fork:?}");
        }
        assert_eq!(store.list_events(&EventFilter::default(), None, 10).await.unwrap().len(), 1);
        store.append(&one, &[event()], &[], at(0)).await.unwrap();
        assert_eq!(store.list_events(&EventFilter::default(), None, 10).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let mut events: Vec<Event> = (0..25).map(|_| event()).collect();
        append(&store, &events, &[]).await;
        events.reverse();

        let (mut read, mut before) = (Vec::new(), None);
        loop {
            let page = store.list_events(&EventFilter::default(), before.as_ref(), 10).await.unwrap();
            let Some(last) = page.last() else { break };
            before = Some(last.event.id.clone());
            // What arrives meanwhile is newer and does not disturb the pages.
            append(&store, &[event()], &[]).await;
            read.extend(page.into_iter().map(|recorded| recorded.event));
        }
        assert_eq!(read, events);
    }
}

#[tokio::test]
async fn pages_of_one_outcome_follow_each_other_too() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let events: Vec<Event> = (0..9).map(|_| event()).collect();
        let codes = ["ok", "aborted", "ok"].into_iter().cycle();
        let outcomes: Vec<_> = events.iter().zip(codes).map(|(event, code)| outcome(event, code)).collect();
        append(&store, &events, &outcomes).await;
        let ok = EventFilter { outcome: Some("ok".to_owned()), ..EventFilter::default() };
        let first = store.list_events(&ok, None, 4).await.unwrap();
        let second = store.list_events(&ok, Some(&first[3].event.id), 4).await.unwrap();
        let read: Vec<_> = first.iter().chain(&second).map(|recorded| &recorded.event.id).collect();
        assert_eq!(read, [8, 6, 5, 3, 2, 0].map(|place: usize| &events[place].id));
    }
}

#[tokio::test]
async fn each_filter_narrows_and_all_narrow_together() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let by = |tenant: &str, key: &str, operation: &str, second| Event {
            actor: Actor {
                tenant_id: Some(tenant.parse().unwrap()),
                key_id: Some(key.parse().unwrap()),
                operator_id: None,
            },
            operation: Some(operation.into()),
            ..event_at(at(second))
        };
        let a = by("north", "aaaaaaaaaaaaaaaa", "getUsers", 10);
        let b = by("north", "bbbbbbbbbbbbbbbb", "getusers", 20);
        let c = by("south", "cccccccccccccccc", "getUsers", 30);
        let none = Event { operation: None, ..event_at(at(40)) };
        let events = [&a, &b, &c, &none].map(Clone::clone);
        let outcomes = [outcome(&a, "ok"), outcome(&b, "aborted"), outcome(&c, "ok")];
        append(&store, &events, &outcomes).await;

        let all = EventFilter::default();
        let north = EventFilter { tenant_id: Some("north".parse().unwrap()), ..all.clone() };
        assert_eq!(found(&store, north.clone()).await, [&b, &a].map(|event| event.id.clone()));
        let key = EventFilter { key_id: Some("cccccccccccccccc".parse().unwrap()), ..all.clone() };
        assert_eq!(found(&store, key).await, slice::from_ref(&c.id));
        // Exact, also in case.
        let operation = EventFilter { operation: Some("getUsers".to_owned()), ..all.clone() };
        assert_eq!(found(&store, operation.clone()).await, [&c, &a].map(|event| event.id.clone()));
        let ok = EventFilter { outcome: Some("ok".to_owned()), ..all.clone() };
        assert_eq!(found(&store, ok).await, [&c, &a].map(|event| event.id.clone()));
        let one = EventFilter { id: Some(b.id.clone()), ..all.clone() };
        assert_eq!(found(&store, one).await, slice::from_ref(&b.id));
        // From the first moment, up to but not with the second.
        let time = EventFilter { since: Some(at(20)), until: Some(at(40)), ..all };
        assert_eq!(found(&store, time).await, [&c, &b].map(|event| event.id.clone()));
        let both = EventFilter { tenant_id: north.tenant_id, ..operation };
        assert_eq!(found(&store, both).await, [a.id]);
    }
}

#[tokio::test]
async fn patterns_and_odd_text_match_only_themselves() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let plain = event();
        append(&store, slice::from_ref(&plain), &[outcome(&plain, "ok")]).await;
        for text in ["%", "get%", "get_sers", "*", "", "GETUSERS", "getUsers\0", "' OR 1 = 1 --"] {
            let operation = EventFilter { operation: Some(text.to_owned()), ..EventFilter::default() };
            assert!(found(&store, operation).await.is_empty(), "{text:?}");
            let outcome = EventFilter { outcome: Some(text.to_owned()), ..EventFilter::default() };
            assert!(found(&store, outcome).await.is_empty(), "{text:?}");
        }
    }
}

/// In SQLite times are text: a fraction must sort after its whole second (with `Z` at the end it would not).
#[tokio::test]
async fn times_with_and_without_a_fraction_compare_as_times() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let half = TimeDelta::milliseconds(500);
        let whole = event_at(at(20));
        let fraction = event_at(at(20) + half);
        let finer = event_at(at(20) + half + TimeDelta::microseconds(1));
        let next = event_at(at(21));
        let events = [&whole, &fraction, &finer, &next].map(Clone::clone);
        append(&store, &events, &[]).await;
        for (place, from) in events.iter().enumerate() {
            let since = EventFilter { since: Some(from.at), ..EventFilter::default() };
            assert_eq!(found(&store, since).await.len(), events.len() - place, "since {}", from.at);
            let until = EventFilter { until: Some(from.at), ..EventFilter::default() };
            assert_eq!(found(&store, until).await.len(), place, "until {}", from.at);
        }
    }
}

#[tokio::test]
async fn a_change_commits_with_its_event_and_the_outcome_ok() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let adding = change();
        store.add_operator(&operator("ada@bpo.example"), &adding).await.unwrap();
        let [recorded] = &store.list_events(&EventFilter::default(), None, 10).await.unwrap()[..] else {
            panic!("one event")
        };
        assert_eq!(recorded.event, adding);
        assert_eq!(
            recorded.outcome,
            Some(ringfence::model::Outcome { status: None, ..outcome(&adding, "ok") })
        );
    }
}

#[tokio::test]
async fn a_change_under_an_event_that_is_used_up_does_not_happen() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let used = change();
        store.add_operator(&operator("ada@bpo.example"), &used).await.unwrap();
        let grace = operator("grace@bpo.example");
        let again = store.add_operator(&grace, &used).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));
        assert_eq!(store.operator(&grace.id).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_thousand_events_are_one_batch() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let events: Vec<Event> = (0..1_000).map(|_| event()).collect();
        let outcomes: Vec<_> = events.iter().map(|event| outcome(event, "ok")).collect();
        append(&store, &events, &outcomes).await;
        let read = store.list_events(&EventFilter::default(), None, 2_000).await.unwrap();
        assert_eq!(read.len(), 1_000);
        assert!(read.iter().all(|recorded| recorded.outcome.is_some()));
    }
}
