//! The record of calls: what is written, when, and what happens when it cannot be.

mod losses;
mod orphans;
mod proxy;
mod records;
mod tampering;
mod witnesses;

use std::{fmt::Debug, time::Duration};

use ringfence::{
    audit::{Audit, Record},
    clock::Clock,
    model::{EventId, RecordedEvent},
    store::{EventFilter, Store},
};

async fn audit(store: &Store) -> Audit {
    Audit::start(store.clone(), Clock::default()).await.unwrap()
}

/// A record as the path fills it.
async fn record(audit: &Audit) -> Record {
    let mut record = audit.open().await.unwrap();
    record.actor.tenant_id = Some("alpha".parse().unwrap());
    record.operation = Some("getUsers".into());
    record.source = Some("203.0.113.7".parse().unwrap());
    record.call.method = "GET".into();
    record.call.path = "/api/v2/users".into();
    record
}

async fn find(store: &Store, id: &EventId) -> Option<RecordedEvent> {
    let filter = EventFilter { id: Some(id.clone()), ..EventFilter::default() };
    store.list_events(&filter, None, 1).await.unwrap().pop()
}

/// The code that the event ended with, once it has one.
async fn ending(store: &Store, id: &EventId) -> String {
    until(async || find(store, id).await?.outcome.map(|outcome| outcome.code.to_string())).await
}

/// Waits until there is an answer, for at most 20 seconds.
async fn until<T: Debug>(answer: impl AsyncFn() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = answer().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asking).await.unwrap()
}
