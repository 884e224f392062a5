//! What was altered by another hand, told: in the log and in the record, once for each.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;

use crate::{
    clock::Clock,
    model::{Actor, Event, EventId, EventKind, Outcome},
    store::{Store, StoreError, Subject},
    tenancy::{Tenancy, Unproven},
};

const AGAIN: Duration = Duration::from_secs(1);

/// Tells what is not proven as soon as it is known.
pub(super) async fn tell(tenancy: Tenancy, store: Store, clock: Clock) {
    let mut unproven = tenancy.unproven();
    let mut told = BTreeSet::new();
    loop {
        let found = unproven.borrow_and_update().clone();
        told.retain(|one| found.contains(one));
        for one in &found {
            if told.contains(one) {
                continue;
            }
            if let Err(error) = record(one, &store, &clock).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "it could not be recorded yet");
                tokio::time::sleep(AGAIN).await;
                break;
            }
            told.insert(one.clone());
        }
        if told.len() == found.len() && unproven.changed().await.is_err() {
            return;
        }
    }
}

async fn record(unproven: &Unproven, store: &Store, clock: &Clock) -> Result<(), StoreError> {
    let (subject, tenant_id) = match unproven {
        Unproven::Grants(subject @ Subject::Tenant(id)) => (subject.to_string(), Some(id.clone())),
        Unproven::Grants(subject) => (subject.to_string(), None),
        Unproven::All => ("all".to_owned(), None),
    };
    tracing::error!(
        subject,
        "what grants something was altered by another hand: it is refused; `ringfence doctor` says what to do"
    );
    let at = clock.now();
    let event = Event {
        id: EventId::at(at),
        at,
        kind: EventKind::Refusal,
        actor: Actor { tenant_id, ..Actor::default() },
        operation: Some("grants.unproven".into()),
        source: None,
        detail: json!({ "subject": subject }).to_string().into(),
    };
    let outcome = Outcome {
        event_id: event.id.clone(),
        at,
        code: "ringfence.grants_unproven".into(),
        status: None,
        detail: "{}".into(),
    };
    store.record(&event, &outcome).await
}
