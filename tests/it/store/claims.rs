//! Calls that are made once: one has the claim, and its end is known or unknown.

use std::slice;

use chrono::TimeDelta;
use ringfence::{
    model::{Claim, ClaimState, Event, Settled, StreamId},
    store::{EventFilter, Store},
};

use super::things::{at, event, event_at, id, outcome};
use crate::support::database::TestDatabase;

fn claim(name: u8) -> Claim {
    Claim { name: [name; 32], fingerprint: [name ^ 0xff; 32], tenant_id: "alpha".parse().unwrap() }
}

/// The state of a claim, as another process sees it.
async fn state(store: &Store, name: u8, dead_before: i64) -> Option<ClaimState> {
    let since = (at(dead_before), at(0) - TimeDelta::days(1));
    let found = store.find_claim(&[name; 32], &id(), since).await.unwrap();
    found.map(|found| found.state)
}

async fn is_recorded(store: &Store, one: &Event) -> bool {
    let filter = EventFilter { id: Some(one.id.clone()), ..EventFilter::default() };
    !store.list_events(&filter, None, 1).await.unwrap().is_empty()
}

#[tokio::test]
async fn of_many_who_claim_a_call_one_has_it_and_its_intent_alone_is_on_record() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stream: StreamId = id();
        store.open_stream(&stream, at(10)).await.unwrap();
        let intents: Vec<_> = (0..8).map(|_| event(&stream)).collect();
        let claims = intents.iter().cloned().map(|intent| {
            let store = store.clone();
            tokio::spawn(
                async move { store.claim(&claim(1), &intent, at(0) - TimeDelta::days(1)).await.unwrap() },
            )
        });
        let mut won = Vec::new();
        for (intent, claimed) in intents.iter().zip(claims.collect::<Vec<_>>()) {
            if claimed.await.unwrap() {
                won.push(intent.clone());
            }
        }
        assert_eq!(won.len(), 1);
        for intent in &intents {
            assert_eq!(is_recorded(&store, intent).await, intent.id == won[0].id);
        }
        let found =
            store.find_claim(&[1; 32], &stream, (at(50), at(0) - TimeDelta::days(1))).await.unwrap().unwrap();
        assert_eq!((found.call, found.fingerprint), (won[0].id.clone(), vec![0xfe; 32]));
        assert_eq!(found.state, ClaimState::Open, "its own process lives, whenever it was seen");
    }
}

#[tokio::test]
async fn a_claim_is_over_when_its_event_or_its_process_is() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [one, two, three]: [StreamId; 3] = [id(), id(), id()];
        let ended = at(0) - TimeDelta::days(1);
        for (name, stream) in [(1, &one), (2, &two), (3, &three), (4, &one)] {
            if name < 4 {
                store.open_stream(stream, at(10)).await.unwrap();
            }
            let intent = event(stream);
            assert!(store.claim(&claim(name), &intent, ended).await.unwrap());
            if name == 4 {
                store.append_events(&[], slice::from_ref(&outcome(&intent, "ok"))).await.unwrap();
            }
        }
        store.close_stream(&two, at(11)).await.unwrap();
        store.touch_stream(&three, at(60)).await.unwrap();
        assert_eq!(state(&store, 1, 5).await, Some(ClaimState::Open), "it was heard of");
        assert_eq!(state(&store, 1, 50).await, Some(ClaimState::Unknown), "it was not heard of for long");
        assert_eq!(state(&store, 2, 5).await, Some(ClaimState::Unknown), "it was stopped");
        assert_eq!(state(&store, 3, 50).await, Some(ClaimState::Open));
        assert_eq!(state(&store, 4, 5).await, Some(ClaimState::Unknown), "its event has its outcome");
        assert_eq!(state(&store, 5, 5).await, None);
    }
}

#[tokio::test]
async fn how_a_call_ended_is_said_by_whoever_claimed_it() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let (stream, ended): (StreamId, _) = (id(), at(0) - TimeDelta::days(1));
        store.open_stream(&stream, at(10)).await.unwrap();
        let [kept, unknown, released, stranger] = [(); 4].map(|()| event(&stream));
        for (name, intent) in [(1, &kept), (2, &unknown), (3, &released)] {
            assert!(store.claim(&claim(name), intent, ended).await.unwrap());
        }
        let answer = Settled::Kept(b"sealed".to_vec());
        store.settle_claim(&[1; 32], &stranger.id, &answer).await.unwrap();
        assert_eq!(state(&store, 1, 5).await, Some(ClaimState::Open), "nobody else's word counts");
        store.settle_claim(&[1; 32], &kept.id, &answer).await.unwrap();
        store.settle_claim(&[1; 32], &kept.id, &Settled::Released).await.unwrap();
        assert_eq!(
            state(&store, 1, 5).await,
            Some(ClaimState::Kept(b"sealed".to_vec())),
            "the first word counts"
        );
        store.settle_claim(&[2; 32], &unknown.id, &Settled::Unknown).await.unwrap();
        assert_eq!(state(&store, 2, 5).await, Some(ClaimState::Unknown));
        store.settle_claim(&[3; 32], &released.id, &Settled::Released).await.unwrap();
        assert_eq!(state(&store, 3, 5).await, None);
        assert!(store.claim(&claim(3), &event(&stream), ended).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_a_day_old_counts_for_nothing_and_is_forgotten_some_at_a_time() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stream: StreamId = id();
        store.open_stream(&stream, at(10)).await.unwrap();
        let (now, day) = (at(86_500), at(86_500) - TimeDelta::days(1));
        for name in 1..=5 {
            let before = at(0) - TimeDelta::days(1);
            assert!(
                store.claim(&claim(name), &event_at(&stream, at(i64::from(name))), before).await.unwrap()
            );
        }
        assert!(store.claim(&claim(6), &event_at(&stream, now), day).await.unwrap());
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), day, 9).await.unwrap(), 1);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 9).await.unwrap(), 6);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 2).await.unwrap(), 2);
        assert_eq!(store.count_claims(&"beta".parse().unwrap(), at(0), 9).await.unwrap(), 0);
        let found = store.find_claim(&[1; 32], &stream, (at(0), day)).await.unwrap();
        assert_eq!(found, None);
        let anew = event_at(&stream, now);
        assert!(store.claim(&claim(1), &anew, day).await.unwrap(), "it holds no more");
        assert!(!store.claim(&claim(1), &event_at(&stream, now), day).await.unwrap());
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 3);
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 1);
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 0);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 9).await.unwrap(), 2);
    }
}
