//! What every use case does: ask whether the role allows it, and write the event.

use std::{ops::Deref, sync::Arc};

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};
use tracing::warn;

use super::{Author, Parts, Refusal};
use crate::{
    model::{Actor, Event, EventKind, KeyId, Outcome, TenantId},
    store::StoreError,
};

/// What the operators' functions work with; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    // Changes of this process one after the other, so that what one has checked still holds when it writes.
    changes: Mutex<()>,
    comparing: Arc<Mutex<()>>,
}

/// What an operator's event is about.
#[derive(Debug, Default, Clone)]
pub(super) struct Subject {
    pub(super) tenant_id: Option<TenantId>,
    pub(super) key_id: Option<KeyId>,
}

impl Subject {
    pub(super) fn tenant(id: &TenantId) -> Self {
        Self { tenant_id: Some(id.clone()), key_id: None }
    }

    pub(super) fn key(tenant: &TenantId, id: &KeyId) -> Self {
        Self { tenant_id: Some(tenant.clone()), key_id: Some(id.clone()) }
    }
}

impl Desk {
    /// Takes the parts.
    pub fn new(parts: Parts) -> Self {
        Self { inner: Arc::new(Inner { parts, changes: Mutex::new(()), comparing: Arc::default() }) }
    }

    /// Whether the author's role allows the action; a refusal is on record before it is answered.
    pub(super) async fn authorize(&self, author: &Author, action: &'static str) -> Result<(), Refusal> {
        let role = author.operator.role;
        if self.engine.operator_may(role, action) {
            return Ok(());
        }
        let detail = json!({ "role": role });
        let event = self.event(author, EventKind::Refusal, action, &Subject::default(), &detail);
        let outcome = self.outcome(&event, "forbidden", 403);
        self.store.record(&event, &outcome).await?;
        Err(Refusal::Forbidden { role, action })
    }

    /// Held from the first check of a change to its end.
    pub(super) async fn changing(&self) -> MutexGuard<'_, ()> {
        self.inner.changes.lock().await
    }

    /// Held while a document is compared with the catalog.
    pub(super) fn comparing(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.inner.comparing)
    }

    /// The event of a change, with the state before and after; neither may hold a secret.
    pub(super) fn changed(
        &self,
        author: &Author,
        action: &'static str,
        subject: &Subject,
        before: Option<&impl Serialize>,
        after: &impl Serialize,
    ) -> Event {
        let detail = json!({ "before": before, "after": after });
        self.event(author, EventKind::Change, action, subject, &detail)
    }

    /// An event of the author's request.
    pub(super) fn event(
        &self,
        author: &Author,
        kind: EventKind,
        action: &str,
        subject: &Subject,
        detail: &Value,
    ) -> Event {
        Event {
            id: author.event_id.clone(),
            at: self.clock.now(),
            kind,
            actor: Actor {
                tenant_id: subject.tenant_id.clone(),
                key_id: subject.key_id.clone(),
                operator_id: Some(author.operator.id.clone()),
            },
            operation: Some(action.into()),
            source: author.source,
            detail: detail.to_string().into(),
        }
    }

    /// The end of an event whose end is known when it is written.
    pub(super) fn outcome(&self, event: &Event, code: &str, status: u16) -> Outcome {
        Outcome {
            event_id: event.id.clone(),
            at: self.clock.now(),
            code: code.into(),
            status: Some(status),
            detail: "{}".into(),
        }
    }

    /// Makes a change that was kept hold at once here; the other replicas see it within their poll.
    pub(super) async fn settle(&self, kept: Result<i64, StoreError>) -> Result<i64, Refusal> {
        let version = kept?;
        if let Err(error) = self.tenancy.refresh().await {
            // The change stands; the poll will find it, or stop this process from serving.
            warn!(error = %error, "a change is kept but could not be read back yet");
        }
        Ok(version)
    }
}

impl Deref for Desk {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.inner.parts
    }
}
