//! One request's record: filled by the steps of the path, written whatever becomes of the request.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Audit, Flood, NotRecorded, writer::Entry};
use crate::model::{Actor, Call, Event, EventId, EventKind, Outcome};

const ABORTED: &str = "aborted";

/// One request's record. Ends as `aborted` unless it is ended or refused; `Drop` writes what was not written.
#[derive(Debug)]
pub struct Record {
    /// What kind of event it is: a call, unless it is said otherwise.
    pub kind: EventKind,
    /// Who calls, as far as that is established.
    pub actor: Actor,
    /// Genesys's id of the operation, once it is resolved.
    pub operation: Option<Arc<str>>,
    /// Where the call came from.
    pub source: Option<IpAddr>,
    /// What is called, and what was decided. It is part of the intent: later changes are not written.
    pub call: Call,
    /// What the outcome says beside code and status.
    pub ended: Ended,
    /// Whether a change was sent to Genesys: what comes after must not be told as if nothing had been done.
    pub change_sent: bool,
    pub(super) audit: Audit,
    id: EventId,
    at: DateTime<Utc>,
    // Taken when the intent and the outcome are sent.
    intent: Option<OwnedSemaphorePermit>,
    outcome: Option<OwnedSemaphorePermit>,
    // With a claim, before the call is made.
    committed: bool,
}

/// What the outcome says; filled as it becomes known.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Ended {
    /// The status that upstream answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// Upstream's own correlation id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_correlation_id: Option<String>,
    /// Upstream's id of what was begun; the caller was given a handle instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_id: Option<String>,
    /// How many answers of upstream's the call took, where it took more than one; status and id are the last one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_answers: Option<u64>,
    /// Foreign items that the guard took out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// Those of them that upstream had been told to leave out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violations: Option<u64>,
    /// Those of them that do not say their division.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<u64>,
    /// The call that this one repeats, by its `Idempotency-Key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeats: Option<EventId>,
    /// Why an answer was shown as one that found nothing; the caller must not learn that something is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<&'static str>,
    /// The length of the answer's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// How long its steps took.
    pub durations_us: Durations,
}

/// How long the steps of a call took, in microseconds; absent for what it did not come to.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Durations {
    /// From the sent intent to its commit, beside the exchange with Genesys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// The exchange with Genesys, waiting for a token included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<u64>,
    /// The check of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<u64>,
    /// From the request's head to its answer's head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
}

impl Record {
    pub(super) fn new(audit: Audit, intent: OwnedSemaphorePermit, outcome: OwnedSemaphorePermit) -> Self {
        let at = audit.inner.clock.now();
        Self {
            kind: EventKind::Call,
            actor: Actor::default(),
            operation: None,
            source: None,
            call: Call::default(),
            ended: Ended::default(),
            change_sent: false,
            audit,
            id: EventId::at(at),
            at,
            intent: Some(intent),
            outcome: Some(outcome),
            committed: false,
        }
    }

    /// Hands the record to somebody who may outlive its owner. What stays behind writes nothing, until it is replaced by
    /// what was lent.
    #[must_use]
    pub fn lend(&mut self) -> Self {
        let vacant = Self {
            kind: self.kind,
            actor: self.actor.clone(),
            operation: self.operation.clone(),
            source: self.source,
            call: Call::default(),
            ended: Ended::default(),
            change_sent: self.change_sent,
            audit: self.audit.clone(),
            id: self.id.clone(),
            at: self.at,
            intent: None,
            outcome: None,
            committed: self.committed,
        };
        std::mem::replace(self, vacant)
    }

    /// When it was opened: the time in its id.
    pub fn opened_at(&self) -> DateTime<Utc> {
        self.at
    }

    /// The event's id, which is also the correlation id.
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Whether the intent was sent: what is still to come is the outcome alone.
    pub fn is_intended(&self) -> bool {
        self.intent.is_none()
    }

    /// Sends the intent to the writer; the future resolves when it is committed (await it beside the upstream call).
    ///
    /// It owns what it needs, so it may be awaited anywhere; dropping it does not undo the write. A second intent of
    /// the same record fails; one that was committed with a claim is there already.
    pub fn intend(&mut self) -> impl Future<Output = Result<(), NotRecorded>> + Send + 'static + use<> {
        let (waiter, committed) = oneshot::channel();
        if self.committed {
            // The receiver is here.
            let _ = waiter.send(Ok(()));
        } else if let Some(place) = self.intent.take() {
            let event = self.event();
            self.audit.send(Entry::new(Some(event), None, Some(waiter), place));
        }
        async move { committed.await.unwrap_or(Err(NotRecorded)) }
    }

    /// Commits the intent; it need not be waited for again.
    pub(super) async fn commit_intent(&mut self) -> Result<(), NotRecorded> {
        self.intend().await?;
        self.committed = true;
        Ok(())
    }

    /// The end of a call whose intent was sent: queues the outcome, does not wait.
    pub fn end(mut self, code: &'static str, status: u16) {
        self.finish(code, Some(status), None);
    }

    /// The end of a call that went no further than us (a refusal): intent and outcome in one commit, waited for.
    pub async fn refuse(mut self, code: &'static str, status: u16) -> Result<(), NotRecorded> {
        let (waiter, committed) = oneshot::channel();
        self.finish(code, Some(status), Some(waiter));
        // What was sent stays sent: a caller that leaves now is still on record.
        drop(self);
        committed.await.unwrap_or(Err(NotRecorded))
    }

    /// Writes nothing: for what is counted ([`Audit::write_flood`]) and not listed. A sent intent keeps its outcome.
    pub fn discard(mut self) {
        if self.intent.take().is_some() {
            self.outcome = None;
        }
    }

    /// Sends the outcome, and the event with it unless it was sent before.
    fn finish(
        &mut self,
        code: &str,
        status: Option<u16>,
        waiter: Option<oneshot::Sender<Result<(), NotRecorded>>>,
    ) {
        let Some(place) = self.outcome.take() else { return };
        let event = self.intent.take().map(|_place| self.event());
        let outcome = self.outcome_of(code, status, encode(&self.ended));
        self.audit.send(Entry::new(event, Some(outcome), waiter, place));
    }

    /// Sends what was counted as an event of its own kind, with its end.
    pub(super) async fn flood(mut self, flood: &Flood) -> Result<(), NotRecorded> {
        let (waiter, committed) = oneshot::channel();
        self.kind = EventKind::Flood;
        let event = self.event_of(encode(flood));
        if let (Some(_place), Some(place)) = (self.intent.take(), self.outcome.take()) {
            let outcome = self.outcome_of(flood.code, Some(flood.status), "{}".into());
            self.audit.send(Entry::new(Some(event), Some(outcome), Some(waiter), place));
        }
        committed.await.unwrap_or(Err(NotRecorded))
    }

    fn outcome_of(&self, code: &str, status: Option<u16>, detail: Arc<str>) -> Outcome {
        let at = self.audit.inner.clock.now();
        Outcome { event_id: self.id.clone(), at, code: code.into(), status, detail }
    }

    fn event(&self) -> Event {
        self.event_of(encode(&self.call))
    }

    fn event_of(&self, detail: Arc<str>) -> Event {
        Event {
            id: self.id.clone(),
            at: self.at,
            kind: self.kind,
            actor: self.actor.clone(),
            operation: self.operation.clone(),
            source: self.source,
            detail,
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.finish(ABORTED, None, None);
    }
}

/// Encoded once, by whoever filled it, so that the one writer does not have to.
fn encode(detail: &impl Serialize) -> Arc<str> {
    // Strings, numbers and lists always have a form in JSON; the event counts for more than its detail.
    serde_json::to_string(detail).map_or_else(|_| "{}".into(), Arc::from)
}
