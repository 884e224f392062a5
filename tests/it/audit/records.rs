//! A record is written whatever becomes of the request.

use std::time::Duration;

use futures_util::{FutureExt, future::join_all};
use ringfence::{
    audit::{Ended, NotRecorded},
    model::{Actor, EventKind},
};
use serde_json::{Value, json};

use super::{audit, ending, find, record};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn an_intent_is_kept_when_it_says_so_and_the_outcome_follows() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let audit = audit(&store).await;
        let mut record = record(&audit).await;
        let id = record.id().clone();
        record.intend().await.unwrap();

        let kept = find(&store, &id).await.unwrap();
        assert_eq!(kept.outcome, None);
        assert_eq!(kept.event.kind, EventKind::Call);
        assert_eq!(kept.event.operation.as_deref(), Some("getUsers"));
        assert_eq!(kept.event.source, Some("203.0.113.7".parse().unwrap()));
        let tenant_id = Some("alpha".parse().unwrap());
        assert_eq!(kept.event.actor, Actor { tenant_id, ..Actor::default() });
        let detail: Value = serde_json::from_str(&kept.event.detail).unwrap();
        assert_eq!(detail, json!({ "method": "GET", "path": "/api/v2/users", "divisions": [] }));

        record.ended = Ended { upstream_status: Some(200), bytes: Some(17), ..Ended::default() };
        record.end("ok", 200);
        assert_eq!(ending(&store, &id).await, "ok");
        let outcome = find(&store, &id).await.unwrap().outcome.unwrap();
        assert_eq!(outcome.status, Some(200));
        let detail: Value = serde_json::from_str(&outcome.detail).unwrap();
        assert_eq!(detail, json!({ "upstream_status": 200, "bytes": 17, "durations_us": {} }));
        audit.stop().await;
    }
}

#[tokio::test]
async fn a_record_that_nobody_finishes_ends_as_aborted() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let unsent = record(&audit).await;
    let mut sent = record(&audit).await;
    sent.intend().await.unwrap();
    let ids = [unsent.id().clone(), sent.id().clone()];
    drop((unsent, sent));
    for id in &ids {
        assert_eq!(ending(&store, id).await, "aborted");
        assert_eq!(find(&store, id).await.unwrap().event.operation.as_deref(), Some("getUsers"));
    }
    audit.stop().await;
}

#[tokio::test]
async fn a_refusal_is_on_record_before_it_is_answered() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let early = record(&audit).await;
    let mut late = record(&audit).await;
    late.intend().await.unwrap();
    for record in [early, late] {
        let id = record.id().clone();
        record.refuse("ringfence.denied", 403).await.unwrap();
        let outcome = find(&store, &id).await.unwrap().outcome.unwrap();
        assert_eq!((outcome.code.as_ref(), outcome.status), ("ringfence.denied", Some(403)));
    }
    audit.stop().await;
}

#[tokio::test]
async fn a_caller_that_leaves_before_its_refusal_is_written_is_still_on_record() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let record = record(&audit).await;
    let id = record.id().clone();
    assert!(record.refuse("ringfence.denied", 403).now_or_never().is_none(), "a commit takes its time");
    assert_eq!(ending(&store, &id).await, "ringfence.denied");
    audit.stop().await;
}

#[tokio::test]
async fn an_intent_that_nobody_awaits_is_written_too_and_a_second_one_fails() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let mut record = record(&audit).await;
    let id = record.id().clone();
    drop(record.intend());
    assert_eq!(record.intend().await, Err(NotRecorded));
    record.end("ok", 200);
    assert_eq!(ending(&store, &id).await, "ok");
    audit.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_calls_at_once_are_all_on_record() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let audit = audit(&store).await;
        let calls = (0..2_000).map(|_| {
            let audit = audit.clone();
            tokio::spawn(async move {
                let mut record = record(&audit).await;
                let id = record.id().clone();
                record.intend().await.unwrap();
                record.end("ok", 200);
                id
            })
        });
        let ids: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        audit.stop().await;
        for id in ids {
            let outcome = find(&store, &id).await.unwrap().outcome.unwrap();
            assert_eq!(&*outcome.code, "ok");
        }
    }
}

#[tokio::test]
async fn stopping_writes_what_is_pending_and_takes_nothing_more() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let mut running = record(&audit).await;
    let records = join_all((0..50).map(|_| record(&audit))).await;
    let ids: Vec<_> = records.iter().map(|record| record.id().clone()).collect();
    drop(records);
    audit.stop().await;
    for id in &ids {
        assert_eq!(&*find(&store, id).await.unwrap().outcome.unwrap().code, "aborted");
    }
    assert!(audit.open().await.is_err());
    assert_eq!(running.intend().await, Err(NotRecorded));
    tokio::time::timeout(Duration::from_secs(5), audit.stop()).await.unwrap();
}

#[tokio::test]
async fn with_every_place_taken_a_call_is_refused_until_one_is_given_back() {
    let database = TestDatabase::chosen().await;
    let store = database.store().await;
    let audit = audit(&store).await;
    let mut records = Vec::new();
    let refused = loop {
        match audit.open().await {
            Ok(record) => records.push(record),
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused, records.len()), (NotRecorded, 16_384));
    records.pop().unwrap().refuse("ringfence.denied", 403).await.unwrap();
    drop(audit.open().await.unwrap());
    drop(records);
    audit.stop().await;
}
