//! What happened: intents committed before data or effect, outcomes after, one writer per process.
//!
//! SKELETON: signatures agreed; the audit's author fills them in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]

use std::{net::IpAddr, sync::Arc};

use crate::{
    clock::Clock,
    model::{Actor, Call, EventId},
    store::Store,
};

/// The record cannot be written: the caller must get 503 and no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record cannot be written")]
pub struct NotRecorded;

/// One writer per process: group commit, back-pressure, heartbeat of its stream, closing of orphans.
#[derive(Debug, Clone)]
pub struct Audit {}
impl Audit {
    /// Opens the stream, closes orphans, starts the writer task.
    pub async fn start(store: Store, clock: Clock) -> Result<Self, crate::store::StoreError> {
        unimplemented!()
    }
    /// Whether the last commit (or probe) succeeded: when not, nothing may be forwarded.
    pub fn is_available(&self) -> bool {
        unimplemented!()
    }
    /// Reserves two places in the writer, so that the record can write itself on drop without waiting.
    pub async fn open(&self) -> Result<Record, NotRecorded> {
        unimplemented!()
    }
    /// Writes all that is pending, closes the stream; idempotent.
    pub async fn stop(&self) {
        unimplemented!()
    }
    pub fn stream(&self) -> &crate::model::StreamId {
        unimplemented!()
    }
}

/// One request's record. Starts as outcome `aborted`; `Drop` writes what was not written.
#[derive(Debug)]
pub struct Record {
    /** filled by the steps of the path */
    pub actor: Actor,
    pub operation: Option<Arc<str>>,
    pub source: Option<IpAddr>,
    pub call: Call,
    pub ended: Ended,
}

/// What the outcome says; filled as it becomes known.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Ended {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_correlation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Microseconds per step of the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps_us: Vec<(&'static str, u64)>,
}

impl Record {
    pub fn id(&self) -> &EventId {
        unimplemented!()
    }
    /// Sends the intent to the writer; the returned future resolves when it is committed (await it beside the upstream
    /// call). It owns what it needs, so it may be awaited anywhere; dropping it does not undo the write.
    pub fn intend(&mut self) -> impl Future<Output = Result<(), NotRecorded>> + Send + 'static + use<> {
        async { unimplemented!() }
    }
    /// The end of a call whose intent was sent: queues the outcome, does not wait.
    pub fn end(self, code: &'static str, status: u16) {
        unimplemented!()
    }
    /// The end of a call that went no further than us (a refusal): intent and outcome in one commit, waited for.
    pub async fn refuse(self, code: &'static str, status: u16) -> Result<(), NotRecorded> {
        unimplemented!()
    }
}
