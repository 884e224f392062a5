//! Calls that are made once: one has the claim, and its end is known or unknown.

use std::slice;

use chrono::{DateTime, TimeDelta, Utc};
use ringfence::{
    model::{Claim, ClaimState, Event, Settled, StreamId},
    store::Store,
};

use super::things::{append, at, event, event_at, id, outcome};
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

async fn claims(store: &Store, name: u8, call: &Event, stream: &StreamId, ended: DateTime<Utc>) -> bool {
    store.claim(&claim(name), &call.id, (stream, call.at), ended).await.unwrap()
}

#[tokio::test]
async fn of_many_who_claim_a_call_one_has_it() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stream: StreamId = id();
        store.open_stream(&stream, at(10)).await.unwrap();
        let intents: Vec<_> = (0..8).map(|_| event()).collect();
        let claimants = intents.iter().cloned().map(|intent| {
            let (store, stream) = (store.clone(), stream.clone());
            tokio::spawn(async move { claims(&store, 1, &intent, &stream, at(0) - TimeDelta::days(1)).await })
        });
        let mut won = Vec::new();
        for (intent, claimed) in intents.iter().zip(claimants.collect::<Vec<_>>()) {
            if claimed.await.unwrap() {
                won.push(intent.clone());
            }
        }
        assert_eq!(won.len(), 1);
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
            let intent = event();
            assert!(claims(&store, name, &intent, stream, ended).await);
            if name == 4 {
                append(&store, &[], slice::from_ref(&outcome(&intent, "ok"))).await;
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
        let [kept, unknown, released, stranger] = [(); 4].map(|()| event());
        for (name, intent) in [(1, &kept), (2, &unknown), (3, &released)] {
            assert!(claims(&store, name, intent, &stream, ended).await);
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
        assert!(claims(&store, 3, &event(), &stream, ended).await);
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
            assert!(claims(&store, name, &event_at(at(i64::from(name))), &stream, before).await);
        }
        assert!(claims(&store, 6, &event_at(now), &stream, day).await);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), day, 9).await.unwrap(), 1);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 9).await.unwrap(), 6);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 2).await.unwrap(), 2);
        assert_eq!(store.count_claims(&"beta".parse().unwrap(), at(0), 9).await.unwrap(), 0);
        let found = store.find_claim(&[1; 32], &stream, (at(0), day)).await.unwrap();
        assert_eq!(found, None);
        let anew = event_at(now);
        assert!(claims(&store, 1, &anew, &stream, day).await, "it holds no more");
        assert!(!claims(&store, 1, &event_at(now), &stream, day).await);
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 3);
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 1);
        assert_eq!(store.forget_claims(day, 3).await.unwrap(), 0);
        assert_eq!(store.count_claims(&"alpha".parse().unwrap(), at(0), 9).await.unwrap(), 2);
    }
}
