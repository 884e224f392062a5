//! A new master key in the place of the old one, step by step, beside running replicas.
//!
//! Where a rotation stands is told by the file and the store alone: a file with more than one key is a rotation under
//! way. So a process that was killed at any step loses nothing, and the next one goes on.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;

use super::{FOLLOW, KeyFile, context_of, sealed_under};
use crate::{
    clock::Clock,
    model::{Actor, Event, EventId, EventKind},
    secret::{MasterKey, MasterKeyId, MasterKeys},
    store::{SealedPlace, Store},
};

/// How long replicas are given to read the new key, before anything is sealed under it alone.
const GRACE: Duration = FOLLOW.saturating_mul(3);

/// A rotation under way.
#[derive(Debug)]
pub struct Rotation {
    file: KeyFile,
    store: Store,
    clock: Clock,
    left: Vec<(SealedPlace, Vec<u8>)>,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing is kept any more that is sealed under this key.
    Retired(MasterKeyId),
    /// A value is sealed under the new key.
    Resealed(SealedPlace),
    /// The old keys are out of the file.
    Dropped(Vec<MasterKeyId>),
    /// There was nothing left to do.
    Done(MasterKeyId),
}

impl Rotation {
    /// Takes up what the file and the store tell.
    pub fn open(file: KeyFile, store: Store, clock: Clock) -> Self {
        Self { file, store, clock, left: Vec::new() }
    }

    /// Whether one is under way.
    pub async fn is_under_way(&self) -> anyhow::Result<bool> {
        Ok(!self.file.keys().await?.1.is_empty())
    }

    /// Puts a new key in front of the one that there is: from here on it can only be gone on with.
    pub async fn begin(&self, new_passphrase: Option<&str>) -> anyhow::Result<MasterKeyId> {
        let (current, older) = self.file.keys().await?;
        ensure!(older.is_empty(), "a rotation is under way already");
        let lost = sealed_under(&self.store).await?.into_keys().find(|id| *id != current.id());
        if let Some(id) = lost {
            anyhow::bail!(
                "something is sealed under the master key {id}, which `{}` does not hold",
                self.file.path().display()
            );
        }
        match (self.file.holds_passphrases(), new_passphrase) {
            (false, None) => self.file.put_in_front(&MasterKey::generate()?.to_hex()).await,
            (true, Some(passphrase)) => self.file.put_in_front(passphrase).await,
            (true, None) => {
                anyhow::bail!("say what is to follow the passphrase: `--new-passphrase-file FILE`")
            }
            (false, Some(_)) => {
                anyhow::bail!("the master key is no passphrase: leave out `--new-passphrase-file`")
            }
        }
    }

    /// The next step.
    pub async fn step(&mut self) -> anyhow::Result<Step> {
        let (current, older) = self.file.keys().await?;
        if older.is_empty() {
            return Ok(Step::Done(current.id()));
        }
        let to = current.id();
        if let Some(retired) = self.retire(to, &older).await? {
            return Ok(Step::Retired(retired));
        }
        let ids: Vec<_> = older.iter().map(MasterKey::id).collect();
        let ring = MasterKeys::new(current, older);
        loop {
            let Some((place, value)) = self.next(to).await? else {
                let dropped: Vec<_> = ids.iter().map(ToString::to_string).collect();
                self.note("secrets.drop", &json!({ "master_keys": dropped }), &json!({ "master_keys": [] }))
                    .await?;
                self.file.keep_only(to).await?;
                return Ok(Step::Dropped(ids));
            };
            let from = MasterKeyId::of(&value).map(|id| id.to_string());
            let context = context_of(&place);
            let plain = ring
                .open(&context, &value)
                .with_context(|| format!("the store's {place} cannot be opened"))?;
            let new = ring.seal(&context, &plain)?;
            let (before, after) = (json!({ "sealed": place.to_string(), "under": from }), to.to_string());
            let event = self.event(
                "secrets.reseal",
                &before,
                &json!({ "sealed": place.to_string(), "under": after }),
            );
            if self.store.reseal(&place, (&value, &new), &event).await? {
                return Ok(Step::Resealed(place));
            }
            // Somebody changed it meanwhile: under the new key, or it comes again.
        }
    }

    async fn retire(&self, to: MasterKeyId, older: &[MasterKey]) -> anyhow::Result<Option<MasterKeyId>> {
        ensure!(
            self.store.master_key_retired(to).await?.is_none(),
            "the first key of `{}` was retired before: it is an old copy, or the lines are in the wrong order",
            self.file.path().display(),
        );
        for key in older {
            if self.store.master_key_retired(key.id()).await?.is_none() {
                tokio::time::sleep(GRACE).await;
                let (before, after) =
                    (json!({ "master_key": key.id().to_string() }), json!({ "master_key": to.to_string() }));
                let event = self.event("secrets.rotate", &before, &after);
                self.store.retire_master_key(key.id(), self.clock.now(), &event).await?;
                return Ok(Some(key.id()));
            }
        }
        Ok(None)
    }

    /// The next value that is not sealed under this key.
    async fn next(&mut self, to: MasterKeyId) -> anyhow::Result<Option<(SealedPlace, Vec<u8>)>> {
        if self.left.is_empty() {
            self.left = self.store.list_sealed().await?;
            self.left.retain(|(_, value)| MasterKeyId::of(value) != Some(to));
        }
        Ok(self.left.pop())
    }

    async fn note(
        &self,
        operation: &str,
        before: &serde_json::Value,
        after: &serde_json::Value,
    ) -> anyhow::Result<()> {
        let event = self.event(operation, before, after);
        Ok(self.store.record(&event, &event.ended_well()).await?)
    }

    /// The event of a change by whoever has the machine: no operator is signed in there.
    pub fn event(&self, operation: &str, before: &serde_json::Value, after: &serde_json::Value) -> Event {
        let at = self.clock.now();
        Event {
            id: EventId::at(at),
            at,
            kind: EventKind::Change,
            actor: Actor::default(),
            operation: Some(operation.into()),
            source: None,
            detail: json!({ "before": before, "after": after }).to_string().into(),
        }
    }
}
