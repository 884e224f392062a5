//! Processes and what they left unfinished.

use chrono::{DateTime, Utc};

use crate::model::{EventId, Place, StreamId};

use super::{
    Store, StoreError,
    error::Failure,
    events::LONGEST_CALL,
    pool::{in_transaction, on_pool},
};

impl Store {
    /// Says that the process still lives, and has written all that it had to: orphans are looked for from here on.
    pub async fn touch_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        // A process that was paused and taken for dead may leave new orphans: it is to be settled again.
        const TOUCH: &str = "UPDATE stream SET seen_at = $2, settled_at = NULL WHERE id = $1";
        in_transaction!(self, "touching a stream of events", soon, |transaction| {
            sqlx::query(TOUCH).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }

    /// Writes to the stream without saying anything new: whether it can be written to. Its size, when what was under way has
    /// ended.
    pub async fn probe_stream(&self, stream: &StreamId) -> Result<i64, StoreError> {
        const PROBE: &str = "UPDATE stream SET settled_at = NULL WHERE id = $1 RETURNING size";
        in_transaction!(self, "probing a stream of events", soon, |transaction| {
            let size: Option<i64> =
                sqlx::query_scalar(PROBE).bind(stream).fetch_optional(&mut *transaction).await?;
            size.ok_or_else(|| Failure::missing(format!("stream {stream}")))?
        })
    }

    /// Notes a process's orderly end.
    pub async fn close_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const CLOSE: &str = "UPDATE stream SET closed_at = $2, settled_at = NULL WHERE id = $1";
        in_transaction!(self, "closing a stream of events", soon, |transaction| {
            sqlx::query(CLOSE).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }

    /// Streams of processes that ended or were last seen before `dead_before` (never `own`), and may have left something
    /// unfinished.
    pub async fn unsettled_streams(
        &self,
        own: &StreamId,
        dead_before: DateTime<Utc>,
    ) -> Result<Vec<Unsettled>, StoreError> {
        const FIND: &str = "SELECT id, number, seen_at FROM stream WHERE id <> $1 AND kind = 'process' \
            AND settled_at IS NULL AND (closed_at IS NOT NULL OR seen_at < $2) ORDER BY number";
        on_pool!(self, "looking for streams that ended", |pool| {
            sqlx::query_as(FIND).bind(own).bind(dead_before).fetch_all(pool)
        })
    }

    /// Events without an outcome, of a stream that ended: at most `most`, with ids above `after`, in their order.
    pub async fn orphans(
        &self,
        stream: &Unsettled,
        after: Option<&EventId>,
        most: i64,
    ) -> Result<Vec<EventId>, StoreError> {
        const FIND: &str = "SELECT event.id FROM event \
            LEFT JOIN event_outcome AS outcome ON outcome.event_id = event.id \
            WHERE event.id > $1 AND event.place >= $2 AND event.place < $3 AND outcome.event_id IS NULL \
            ORDER BY event.id LIMIT $4";
        // What could be under way when it was last seen. What is older has its outcome, or one that could never be written
        // and was logged.
        let lowest = EventId::lowest(stream.seen_at - LONGEST_CALL);
        let after = after.unwrap_or(&lowest);
        on_pool!(self, eventually, "looking for what was left without an outcome", |pool| {
            sqlx::query_scalar(FIND)
                .bind(after)
                .bind(Place::new(stream.number, 0))
                .bind(Place::new(stream.number + 1, 0))
                .bind(most)
                .fetch_all(pool)
        })
    }

    /// Notes that a stream that ended has left nothing unfinished any more.
    pub async fn settle_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const SETTLE: &str = "UPDATE stream SET settled_at = $2 WHERE id = $1";
        in_transaction!(self, "settling a stream of events", soon, |transaction| {
            sqlx::query(SETTLE).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }
}

/// A stream whose process ended, and may have left something unfinished.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Unsettled {
    /// Its id.
    pub id: StreamId,
    number: i64,
    seen_at: DateTime<Utc>,
}
