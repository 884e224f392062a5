//! Processes and what they left unfinished.

use chrono::{DateTime, Utc};

use crate::model::{EventId, StreamId};

use super::{Store, StoreError, events::LONGEST_CALL, pool::in_transaction};

impl Store {
    /// Notes a process start; its events carry the stream.
    pub async fn open_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const OPEN: &str = "INSERT INTO stream (id, opened_at, seen_at) VALUES ($1, $2, $2)";
        in_transaction!(self, "opening a stream of events", soon, |transaction| {
            sqlx::query(OPEN).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }

    /// Says that the process still lives, and has written all that it had to: orphans are looked for from here on.
    pub async fn touch_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        // A process that was paused and taken for dead may leave new orphans: it is to be settled again.
        const TOUCH: &str = "UPDATE stream SET seen_at = $2, settled_at = NULL WHERE id = $1";
        in_transaction!(self, "touching a stream of events", soon, |transaction| {
            sqlx::query(TOUCH).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }

    /// Writes to the stream without saying anything new: whether it can be written to.
    pub async fn probe_stream(&self, stream: &StreamId) -> Result<(), StoreError> {
        const PROBE: &str = "UPDATE stream SET settled_at = NULL WHERE id = $1";
        in_transaction!(self, "probing a stream of events", soon, |transaction| {
            sqlx::query(PROBE).bind(stream).execute(&mut *transaction).await?;
        })
    }

    /// Notes a process's orderly end.
    pub async fn close_stream(&self, stream: &StreamId, at: DateTime<Utc>) -> Result<(), StoreError> {
        const CLOSE: &str = "UPDATE stream SET closed_at = $2, settled_at = NULL WHERE id = $1";
        in_transaction!(self, "closing a stream of events", soon, |transaction| {
            sqlx::query(CLOSE).bind(stream).bind(at).execute(&mut *transaction).await?;
        })
    }

    /// Gives the outcome `unknown` to events without one, of streams that ended or were last seen before
    /// `dead_before` (never of `own`); returns how many.
    pub async fn close_orphans(
        &self,
        own: &StreamId,
        dead_before: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        const MARK: &str = "UPDATE stream SET settled_at = $3 WHERE id <> $1 AND settled_at IS NULL \
            AND (closed_at IS NOT NULL OR seen_at < $2) RETURNING id, seen_at";
        const CLOSE: &str = "INSERT INTO event_outcome (event_id, at, code, status, detail) \
            SELECT event.id, $2, 'unknown', NULL, '{}' FROM event \
            LEFT JOIN event_outcome AS outcome ON outcome.event_id = event.id \
            WHERE event.stream = $1 AND event.id >= $3 AND outcome.event_id IS NULL ON CONFLICT (event_id) DO NOTHING";
        in_transaction!(self, "closing what was left without an outcome", eventually, |transaction| {
            let dead: Vec<(StreamId, DateTime<Utc>)> = sqlx::query_as(MARK)
                .bind(own)
                .bind(dead_before)
                .bind(at)
                .fetch_all(&mut *transaction)
                .await?;
            let mut closed = 0;
            for (stream, seen_at) in dead {
                // What could be under way when it was last seen. What is older has its outcome, or one that could never be
                // written and was logged.
                closed += sqlx::query(CLOSE)
                    .bind(stream)
                    .bind(at)
                    .bind(EventId::lowest(seen_at - LONGEST_CALL))
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
            }
            closed
        })
    }
}
