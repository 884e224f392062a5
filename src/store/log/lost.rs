//! What was witnessed of the record and is not there any more.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use crate::{
    model::Event,
    store::{
        Store, StoreError,
        error::Failure,
        pool::{LOCK_VERSION, in_transaction, on_pool},
    },
    tlog::Checkpoint,
};

/// A stream of which more was witnessed than is there, or something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    /// Its id.
    pub stream: String,
    /// How many entries it had when it was last witnessed.
    pub witnessed: u64,
    /// How many it has; 0 where there is no such stream.
    pub there: u64,
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, witnessed, there } = self;
        match there {
            there if there >= witnessed => {
                write!(
                    formatter,
                    "stream {stream}: its first {witnessed} entries are not those that were witnessed"
                )
            }
            there => {
                write!(formatter, "stream {stream}: {witnessed} entries were witnessed, {there} are there")
            }
        }
    }
}

impl Store {
    /// What is not there of what was witnessed, each stream by its largest checkpoint, and was not accepted.
    pub async fn lost(&self, witnessed: &[Checkpoint]) -> Result<Vec<Lost>, StoreError> {
        const ACCEPTED: &str = "SELECT stream, size FROM accepted_loss";
        const KEPT: &str = "SELECT note FROM checkpoint WHERE stream = $1 AND size = $2";
        let keys = [self.signer()?.verifier().clone()];
        let streams = self.list_streams().await?;
        let sizes: BTreeMap<_, _> =
            streams.iter().map(|stream| (stream.id.as_str(), unsigned(stream.size))).collect();
        let accepted: Vec<(String, i64)> =
            on_pool!(self, eventually, "reading what was accepted as lost", |pool| {
                sqlx::query_as(ACCEPTED).fetch_all(pool)
            })?;
        let accepted: BTreeMap<_, _> = accepted.into_iter().collect();
        let mut lost = Vec::new();
        for seen in witnessed {
            let (stream, size) = (seen.stream(), i64::try_from(seen.size).unwrap_or(i64::MAX));
            if accepted.get(stream).is_some_and(|accepted| *accepted >= size) {
                continue;
            }
            let kept: Option<String> = on_pool!(self, eventually, "looking for a checkpoint", |pool| {
                sqlx::query_scalar(KEPT).bind(stream).bind(size).fetch_optional(pool)
            })?;
            let is_kept = kept
                .and_then(|note| Checkpoint::open(&note, &keys).ok())
                .is_some_and(|kept| kept.root == seen.root);
            let there = sizes.get(stream).copied().unwrap_or_default();
            if !is_kept || there < seen.size {
                lost.push(Lost { stream: stream.to_owned(), witnessed: seen.size, there });
            }
        }
        Ok(lost)
    }

    /// Takes for lost what is: it is complained of no more. Operators' changes go on in another stream, so that none is gone on
    /// with from where it was before.
    pub async fn accept_lost(&self, lost: &[Lost], event: &Event) -> Result<(), StoreError> {
        const CLOSE: &str = "UPDATE stream SET closed_at = $1 WHERE kind = 'changes' AND closed_at IS NULL";
        const ACCEPT: &str = "INSERT INTO accepted_loss (stream, size, event_id) VALUES ($1, $2, $3) \
            ON CONFLICT (stream) DO UPDATE SET size = excluded.size, event_id = excluded.event_id";
        let signer = self.signer()?;
        in_transaction!(self, "accepting what was lost of the record", soon, |transaction| {
            sqlx::query(LOCK_VERSION).execute(&mut *transaction).await?;
            sqlx::query(CLOSE).bind(event.at).execute(&mut *transaction).await?;
            for Lost { stream, witnessed, .. } in lost {
                let size =
                    i64::try_from(*witnessed).map_err(|_| Failure::conflict("a stream of that size"))?;
                let accept = sqlx::query(ACCEPT).bind(stream).bind(size).bind(&event.id);
                accept.execute(&mut *transaction).await?;
            }
            super::record_change(&mut *transaction, event, &event.ended_well(), signer).await?;
        })
    }
}

fn unsigned(size: i64) -> u64 {
    u64::try_from(size).unwrap_or_default()
}
