//! Streams of the record, read as they were written.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{
    model::{
        Actor, Event, EventId, EventKind, KeyId, OperatorId, Outcome, Place, StreamId, TenantId, event_line,
        outcome_line,
    },
    tlog::Hash,
};

use crate::store::{Store, StoreError, pool::on_pool};

/// A stream, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct StreamHead {
    /// Its id.
    pub id: StreamId,
    number: i64,
    /// `process`, or `changes` of operators.
    pub kind: String,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// When its process ended in order.
    pub closed_at: Option<DateTime<Utc>>,
    /// How many entries it says it has; what is proven is the checkpoint's.
    pub size: i64,
    /// The last checkpoint: a signed note.
    pub checkpoint: String,
}

/// An entry, as it is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How many stand before it in its stream.
    pub index: u64,
    /// What was hashed when it was written.
    pub hash: Hash,
    /// Its line, as its row gives it now.
    pub line: String,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    id: EventId,
    at: DateTime<Utc>,
    place: Place,
    hash: Vec<u8>,
    kind: EventKind,
    tenant_id: Option<TenantId>,
    key_id: Option<KeyId>,
    operator_id: Option<OperatorId>,
    operation: Option<Arc<str>>,
    source: Option<String>,
    detail: Arc<str>,
}

#[derive(sqlx::FromRow)]
struct OutcomeRow {
    event_id: EventId,
    at: DateTime<Utc>,
    place: Place,
    hash: Vec<u8>,
    code: Arc<str>,
    status: Option<i32>,
    detail: Arc<str>,
}

impl EventRow {
    fn entry(self, stream: &StreamId) -> Entry {
        let (index, hash) = (self.place.index(), hash(&self.hash));
        let event = Event {
            id: self.id,
            at: self.at,
            kind: self.kind,
            actor: Actor { tenant_id: self.tenant_id, key_id: self.key_id, operator_id: self.operator_id },
            operation: self.operation,
            source: self.source.and_then(|source| source.parse().ok()),
            detail: self.detail,
        };
        Entry { index, hash, line: event_line(stream, index, &event) }
    }
}

impl OutcomeRow {
    fn entry(self, stream: &StreamId) -> Entry {
        let (index, hash) = (self.place.index(), hash(&self.hash));
        let outcome = Outcome {
            event_id: self.event_id,
            at: self.at,
            code: self.code,
            status: self.status.and_then(|status| u16::try_from(status).ok()),
            detail: self.detail,
        };
        Entry { index, hash, line: outcome_line(stream, index, &outcome) }
    }
}

/// What is no hash is none of any line.
fn hash(bytes: &[u8]) -> Hash {
    Hash::from_bytes(bytes).unwrap_or_else(|| Hash::leaf(bytes))
}

impl Store {
    /// Lists streams in the order in which they were opened.
    pub async fn list_streams(&self) -> Result<Vec<StreamHead>, StoreError> {
        const LIST: &str =
            "SELECT id, number, kind, opened_at, closed_at, size, checkpoint FROM stream ORDER BY number";
        on_pool!(self, eventually, "listing streams", |pool| sqlx::query_as(LIST).fetch_all(pool))
    }

    /// Reads a stream from an index on, at most `most` entries, in their order. What is missing there is left out.
    pub async fn entries(&self, stream: &StreamHead, from: u64, most: i64) -> Result<Vec<Entry>, StoreError> {
        const EVENTS: &str = "SELECT id, at, place, hash, kind, tenant_id, key_id, operator_id, operation, source, \
            detail FROM event WHERE place >= $1 AND place < $2 ORDER BY place LIMIT $3";
        const OUTCOMES: &str = "SELECT event_id, at, place, hash, code, status, detail FROM event_outcome \
            WHERE place >= $1 AND place < $2 ORDER BY place LIMIT $3";
        let (from, end) = (Place::new(stream.number, from), Place::new(stream.number + 1, 0));
        let events: Vec<EventRow> = on_pool!(self, eventually, "reading events of a stream", |pool| {
            sqlx::query_as(EVENTS).bind(from).bind(end).bind(most).fetch_all(pool)
        })?;
        let outcomes: Vec<OutcomeRow> = on_pool!(self, eventually, "reading outcomes of a stream", |pool| {
            sqlx::query_as(OUTCOMES).bind(from).bind(end).bind(most).fetch_all(pool)
        })?;
        let events = events.into_iter().map(|row| row.entry(&stream.id));
        let mut entries: Vec<_> =
            events.chain(outcomes.into_iter().map(|row| row.entry(&stream.id))).collect();
        entries.sort_by_key(|entry| entry.index);
        entries.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(entries)
    }

    /// The newest checkpoint of each stream that was kept, as signed notes.
    pub async fn newest_checkpoints(&self) -> Result<Vec<String>, StoreError> {
        const LIST: &str = "SELECT note FROM checkpoint WHERE size = (SELECT max(newest.size) FROM checkpoint AS newest \
            WHERE newest.stream = checkpoint.stream) ORDER BY stream";
        on_pool!(self, eventually, "listing the newest checkpoints", |pool| {
            sqlx::query_scalar(LIST).fetch_all(pool)
        })
    }

    /// Lists the checkpoints that were kept, as signed notes, by stream and size.
    pub async fn list_checkpoints(&self) -> Result<Vec<String>, StoreError> {
        const LIST: &str = "SELECT checkpoint.note FROM checkpoint LEFT JOIN stream ON stream.id = checkpoint.stream \
            ORDER BY stream.number, checkpoint.stream, checkpoint.size";
        on_pool!(self, eventually, "listing checkpoints", |pool| sqlx::query_scalar(LIST).fetch_all(pool))
    }
}
