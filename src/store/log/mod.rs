//! Streams of the record: what an entry is hashed as, where it stands, and what is signed of it.

mod lost;
mod reading;

use std::slice;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    model::{Event, Outcome, Place, StreamId, event_line, outcome_line},
    tlog::{Frontier, Hash, Signer},
};

pub use lost::Lost;
pub use reading::{Entry, StreamHead};

use super::{
    Store, StoreError,
    append::{Append, append_at_once},
    error::Failure,
    pool::{LOCK_VERSION, Pool, in_transaction},
};

/// A stream as its one writer left it. What is appended gives the stream that comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    id: StreamId,
    number: i64,
    tree: Frontier,
}

impl Stream {
    /// Its id.
    pub fn id(&self) -> &StreamId {
        &self.id
    }

    /// How many entries it has.
    pub fn size(&self) -> i64 {
        i64::try_from(self.tree.size()).unwrap_or(i64::MAX)
    }

    pub(super) fn frontier(&self) -> Vec<u8> {
        self.tree.to_bytes()
    }

    pub(super) fn number(&self) -> i64 {
        self.number
    }

    fn checkpoint(&self, signer: &Signer, now: DateTime<Utc>) -> String {
        signer.sign(self.id.as_str(), &self.tree, now)
    }

    /// Places entries, events first, and signs what the stream is with them.
    fn place<'e>(
        &self,
        events: &'e [Event],
        outcomes: &'e [Outcome],
        signer: &Signer,
        now: DateTime<Utc>,
    ) -> Entries<'e> {
        let mut grown = self.clone();
        let events = events.iter().map(|event| grown.push(event, event_line)).collect();
        let outcomes = outcomes.iter().map(|outcome| grown.push(outcome, outcome_line)).collect();
        let checkpoint = grown.checkpoint(signer, now);
        Entries { events, outcomes, growth: Growth { before: self.size(), grown, checkpoint } }
    }

    fn push<'e, T>(&mut self, value: &'e T, line: fn(&StreamId, u64, &T) -> String) -> Placed<'e, T> {
        let index = self.tree.size();
        let hash = Hash::leaf(line(&self.id, index, value).as_bytes());
        self.tree.push(hash);
        Placed { place: Place::new(self.number, index), hash, value }
    }
}

/// An entry at its place.
pub(super) struct Placed<'e, T> {
    pub(super) place: Place,
    pub(super) hash: Hash,
    pub(super) value: &'e T,
}

/// What is appended in one transaction.
pub(super) struct Entries<'e> {
    pub(super) events: Vec<Placed<'e, Event>>,
    pub(super) outcomes: Vec<Placed<'e, Outcome>>,
    pub(super) growth: Growth,
}

/// What becomes of the stream.
pub(super) struct Growth {
    /// Its size until then.
    pub(super) before: i64,
    pub(super) grown: Stream,
    pub(super) checkpoint: String,
}

/// Opens a stream with the next number; whoever holds the version's row is the only one to do so.
pub(super) async fn open(
    transaction: &mut impl Append,
    id: StreamId,
    kind: &'static str,
    (signer, at): (&Signer, DateTime<Utc>),
) -> Result<Stream, Failure> {
    let stream = Stream { id, number: transaction.last_number().await? + 1, tree: Frontier::default() };
    transaction.open(&stream, kind, at, stream.checkpoint(signer, at)).await?;
    Ok(stream)
}

/// Records what an operator did in the stream of changes, in the change's own transaction, which holds the version's row:
/// there is no effect without a record, and the stream has the order of the changes.
pub(super) async fn record_change(
    transaction: &mut impl Append,
    event: &Event,
    outcome: &Outcome,
    signer: &Signer,
) -> Result<(), Failure> {
    let stream = match transaction.stream_of_changes().await? {
        Some(StreamRow { id, number, size, frontier }) => {
            let tree = u64::try_from(size).ok().and_then(|size| Frontier::from_bytes(size, &frontier));
            let tree = tree.ok_or_else(|| Failure::unproven("the stream of changes".to_owned()))?;
            Stream { id, number, tree }
        }
        None => open(transaction, StreamId::from(Uuid::now_v7()), CHANGES, (signer, event.at)).await?,
    };
    transaction
        .append(&stream.place(slice::from_ref(event), slice::from_ref(outcome), signer, event.at))
        .await
}

/// What streams are for.
const CHANGES: &str = "changes";
const PROCESS: &str = "process";

/// A stream as it is kept.
#[derive(sqlx::FromRow)]
pub(super) struct StreamRow {
    id: StreamId,
    number: i64,
    size: i64,
    frontier: Vec<u8>,
}

impl Store {
    /// Takes what streams are signed with.
    pub fn sign_with(&self, signer: Signer) {
        // One that is there has the same key: it is kept sealed in the store itself.
        let _ = self.signer.set(signer);
    }

    /// What streams are signed with.
    pub fn signer(&self) -> Result<&Signer, StoreError> {
        let missing = || StoreError::Missing { what: "the key that the record is signed with".to_owned() };
        self.signer.get().ok_or_else(missing)
    }

    /// Notes a process start: its stream, with nothing in it yet.
    pub async fn open_stream(&self, id: &StreamId, at: DateTime<Utc>) -> Result<Stream, StoreError> {
        let signer = self.signer()?;
        in_transaction!(self, "opening a stream of events", soon, |transaction| {
            sqlx::query(LOCK_VERSION).execute(&mut *transaction).await?;
            open(&mut *transaction, id.clone(), PROCESS, (signer, at)).await?
        })
    }

    /// Appends a batch in one transaction, events first; the stream as it is then. Where it is refused or cannot be told,
    /// the stream is what [`Store::probe_stream`] says: as it was, or as [`Store::grown`] makes it.
    pub async fn append(
        &self,
        stream: &Stream,
        events: &[Event],
        outcomes: &[Outcome],
        now: DateTime<Utc>,
    ) -> Result<Stream, StoreError> {
        const DOING: &str = "writing events";
        let entries = stream.place(events, outcomes, self.signer()?, now);
        let at_once = match &self.pool {
            Pool::Sqlite { write, .. } => self.soon(DOING, Box::pin(append_at_once(write, &entries))).await?,
            Pool::Postgres(_) => false,
        };
        if !at_once {
            in_transaction!(self, DOING, soon, |transaction| transaction.append(&entries).await?)?;
        }
        Ok(entries.growth.grown)
    }

    /// What a stream is with these entries.
    pub fn grown(
        &self,
        stream: &Stream,
        events: &[Event],
        outcomes: &[Outcome],
        now: DateTime<Utc>,
    ) -> Result<Stream, StoreError> {
        Ok(stream.place(events, outcomes, self.signer()?, now).growth.grown)
    }

    /// Records what an operator did and changed nothing, in the stream of changes.
    pub async fn record(&self, event: &Event, outcome: &Outcome) -> Result<(), StoreError> {
        let signer = self.signer()?;
        in_transaction!(self, "recording what an operator did", soon, |transaction| {
            sqlx::query(LOCK_VERSION).execute(&mut *transaction).await?;
            record_change(&mut *transaction, event, outcome, signer).await?;
        })
    }

    /// Keeps the checkpoint of each stream that has grown since the last one kept.
    pub async fn keep_checkpoints(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        const KEEP: &str = "INSERT INTO checkpoint (stream, size, at, note) \
            SELECT id, size, $1, checkpoint FROM stream WHERE size > 0 ON CONFLICT (stream, size) DO NOTHING";
        in_transaction!(self, "keeping checkpoints", soon, |transaction| {
            sqlx::query(KEEP).bind(at).execute(&mut *transaction).await?;
        })
    }
}
