//! Calls, counted.

use chrono::TimeDelta;
use ringfence::{
    model::{Actor, Event, EventKind, Key, Outcome},
    store::{Calls, CallsOf},
};

use super::things::{append, at, change, event_at, key, outcome, service_account, tenant};
use crate::support::database::TestDatabase;

const FIRST: &str = "aaaaaaaaaaaaaaaa";
const SECOND: &str = "bbbbbbbbbbbbbbbb";

#[tokio::test]
async fn calls_are_counted_per_tenant_and_key_in_a_span_of_time() {
    let call = |tenant: &str, key: &str, seconds: i64| {
        let actor = Actor {
            tenant_id: Some(tenant.parse().unwrap()),
            key_id: Some(key.parse().unwrap()),
            operator_id: None,
        };
        Event { actor, ..event_at(at(seconds)) }
    };
    let login = Event { operation: Some("token.issue".into()), ..call("north", FIRST, 5) };
    let flood = Event { kind: EventKind::Flood, ..call("north", FIRST, 5) };
    let change = Event { kind: EventKind::Change, ..call("north", FIRST, 5) };
    let dead = Event { operation: None, ..call("north", FIRST, 5) };
    let unknown = Event { operation: None, ..call("north", FIRST, 9) };
    let (early, first, second) =
        (call("north", FIRST, -1), call("north", FIRST, 0), call("north", SECOND, 5));
    let (late, other) = (call("north", FIRST, 10), call("south", FIRST, 5));
    let outcomes = [
        outcome(&early, "not.found"),
        outcome(&first, "ok"),
        outcome(&second, "ringfence.not_permitted"),
        outcome(&unknown, "ringfence.operation_unknown"),
        outcome(&flood, "too.many.requests.retry.after"),
        outcome(&other, "not.found"),
        // Whoever sends a dead credential uses nothing of the tenant's.
        outcome(&dead, "ringfence.key_revoked"),
    ];
    let events = [login, flood, change, dead, unknown, early, first, second, late, other];
    for database in TestDatabase::both().await {
        let store = database.store().await;
        append(&store, &events, &outcomes).await;
        let (tenant, first, second) =
            ("north".parse().unwrap(), FIRST.parse().unwrap(), SECOND.parse().unwrap());
        let (since, until) = (at(0), at(10));
        let of_all = store.count_calls(CallsOf::tenant(&tenant, None), since, until).await.unwrap();
        assert_eq!(of_all, Calls { requests: 3, refused: 2 });
        let of_first = store.count_calls(CallsOf::tenant(&tenant, Some(&first)), since, until).await.unwrap();
        assert_eq!(of_first, Calls { requests: 2, refused: 1 });
        let of_second =
            store.count_calls(CallsOf::tenant(&tenant, Some(&second)), since, until).await.unwrap();
        assert_eq!(of_second, Calls { requests: 1, refused: 1 });
        let longer = store
            .count_calls(CallsOf::tenant(&tenant, None), since, until + TimeDelta::seconds(1))
            .await
            .unwrap();
        assert_eq!(longer, Calls { requests: 4, refused: 2 });
        let nobody = "west".parse().unwrap();
        assert_eq!(
            store.count_calls(CallsOf::tenant(&nobody, None), since, until).await.unwrap(),
            Calls::default()
        );
    }
}

#[tokio::test]
async fn the_bytes_of_answers_are_summed_per_process_too() {
    let actor = Actor { tenant_id: Some("north".parse().unwrap()), ..Actor::default() };
    let call = |seconds: i64| Event { actor: actor.clone(), ..event_at(at(seconds)) };
    let events = [0, 1, 2, 10].map(call);
    let bytes = ["{\"bytes\":5}", "{\"bytes\":70}", "{}", "{\"bytes\":1000}"];
    let outcomes = events.iter().zip(bytes);
    let outcomes: Vec<_> =
        outcomes.map(|(event, detail)| Outcome { detail: detail.into(), ..outcome(event, "ok") }).collect();
    for database in TestDatabase::both().await {
        let store = database.store().await;
        append(&store, &events[..1], &outcomes[..1]).await;
        let two = append(&store, &events[1..], &outcomes[1..]).await;
        let tenant = "north".parse().unwrap();
        let all = CallsOf::tenant(&tenant, None);
        assert_eq!(store.sum_bytes(all, at(0), at(10)).await.unwrap(), 75);
        let of_two = CallsOf { stream: Some(two.id().as_str()), ..all };
        assert_eq!(store.sum_bytes(of_two, at(0), at(10)).await.unwrap(), 70);
        assert_eq!(store.count_calls(of_two, at(0), at(10)).await.unwrap().requests, 2);
        assert_eq!(store.sum_bytes(all, at(20), at(30)).await.unwrap(), 0);
    }
}

/// What the first of a chain of keys is asked for is the chain's.
#[tokio::test]
async fn the_calls_of_a_key_and_of_those_that_it_was_rotated_into_are_counted_together() {
    let call = |tenant: &str, key: &str| {
        let (tenant, key) = (tenant.parse().unwrap(), key.parse().unwrap());
        let actor = Actor { tenant_id: Some(tenant), key_id: Some(key), operator_id: None };
        Event { actor, ..event_at(at(1)) }
    };
    let events = [call("north", FIRST), call("north", SECOND), call("north", "cccccccccccccccc")];
    let outcomes: Vec<_> = events
        .iter()
        .map(|event| Outcome { detail: "{\"bytes\":5}".into(), ..outcome(event, "ok") })
        .collect();
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        let first = key(FIRST, "north");
        let origin = first.id.clone();
        let second = Key { hmac: vec![8; 32], origin: origin.clone(), ..key(SECOND, "north") };
        let other = Key { hmac: vec![9; 32], ..key("cccccccccccccccc", "north") };
        for key in [&first, &second, &other] {
            store.add_key(key, &change()).await.unwrap();
        }
        append(&store, &events, &outcomes).await;
        let of_chain = CallsOf::tenant(&first.tenant_id, Some(&origin));
        assert_eq!(store.count_calls(of_chain, at(0), at(10)).await.unwrap().requests, 2);
        assert_eq!(store.sum_bytes(of_chain, at(0), at(10)).await.unwrap(), 10);
    }
}
