//! Which division an entity is in, as Genesys tells it to the tenant's own service account.
//!
//! What is looked up is remembered per tenant for a minute, in a room of the tenant's own: no tenant forgets because of
//! another. An entity of another division and a missing one are looked up in the same way and remembered as long, so that
//! neither can be told from the other. What carries no division is asked of the registry instead. What names many is held against all that the tenant has: what that takes does not
//! depend on what is others'. Where a tenant makes or deletes something, what was known of its kind is forgotten; where it
//! changes something, what was known of that. A lookup that began before is not remembered. Writes do not rely on memory: they look anew.

mod lookup;
mod memory;
mod reading;
mod stays;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, timeout};

use self::memory::{Memories, Memory};
use crate::{
    catalog::{Entities, Entity, EntityKind},
    clock::Clock,
    model::{DivisionId, Portion, Registry, ServiceAccount, TenantId},
    store::{Store, StoreError},
    upstream::{Upstream, UpstreamError},
};

pub use self::{reading::Own, stays::Member};

/// How long one caller reads all that a tenant has of a kind; the next goes on from there.
const LONGEST_READING: Duration = Duration::from_secs(20);
/// How long one waits for its turn to.
const LONGEST_TURN: Duration = Duration::from_secs(40);
/// A tenant that has more than so many pages of a kind, deleted users among them, has too many to hold against.
const MAX_PAGES: usize = 500;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// There is no answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// Genesys accepts no more requests for so long.
    #[error("a lookup has to wait for {0:?}")]
    Limited(Duration),
    /// Genesys failed.
    #[error("a lookup was answered {0}")]
    Refused(StatusCode),
    /// The catalog does not say how such a thing is looked up; it does not load with an operation that needs it.
    #[error("{0:?} cannot be looked up")]
    Unknown(Entity),
    /// What was known of it before cannot be read, or what is known now not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other replicas keep what they see faster than this one.
    #[error("what others keep overtakes it")]
    Overtaken,
    /// The tenant has more of them than are read.
    #[error("there are more than {} of them", MAX_PAGES * lookup::AT_ONCE)]
    TooMany,
}

/// On whose behalf something is looked up, and whether that still holds.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The tenant, which nothing is remembered without.
    pub tenant: &'a TenantId,
    /// Its service account.
    pub account: &'a Arc<ServiceAccount>,
    /// Its part of the account's budget.
    pub portion: Portion,
    /// Until when may be waited.
    pub until: Instant,
    /// What is registered as its own.
    pub registry: &'a Registry,
    /// Asked right before each exchange.
    pub confirm: &'a (dyn Fn() -> bool + Sync),
}

/// Whose an entity is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    /// The divisions that it is in: one, but for what several have a part in.
    Divisions(Arc<[DivisionId]>),
    /// It carries no division, and is registered as the tenant's.
    Registered,
}

impl From<DivisionId> for Within {
    fn from(division: DivisionId) -> Self {
        Self::Divisions([division].into())
    }
}

impl Within {
    /// The one division, if there are no others.
    pub fn only(&self) -> Option<&DivisionId> {
        match self {
            Self::Divisions(divisions) if divisions.len() == 1 => divisions.first(),
            Self::Divisions(_) | Self::Registered => None,
        }
    }
}

/// An entity as it was just now.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub within: Within,
    /// The whole of it, as Genesys shows it.
    pub body: Bytes,
}

/// The divisions of entities, by their ids.
pub type Divisions = Arc<Own>;

/// The memory and the way to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    entities: Arc<Entities>,
    neutral: Vec<DivisionId>,
    memories: Memories,
    store: Store,
    clock: Clock,
}

/// What a change ends of what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There are more or fewer of a kind: all that is known of it.
    Number(Entity),
    /// One is changed and stays where it is: what is known of this one.
    Of(Entity, String),
}

/// Something is being changed: on drop, whatever became of it, what was known of it is forgotten.
#[derive(Debug)]
pub struct Changing {
    directory: Directory,
    tenant: TenantId,
    change: Change,
}

impl Drop for Changing {
    fn drop(&mut self) {
        // The memory as it is by now: another may have taken the place of the one that was there when the change began.
        self.directory.0.memories.of(&self.tenant).forget(&self.change);
    }
}

impl Directory {
    /// Knows nothing yet. `neutral` are the operator's divisions that are nobody's secret.
    pub fn new(
        upstream: Upstream,
        entities: Arc<Entities>,
        neutral: Vec<DivisionId>,
        store: Store,
        clock: Clock,
    ) -> Self {
        let memories = Memories::new(entities.keys().copied(), clock.clone());
        Self(Arc::new(Inner { upstream, entities, neutral, memories, store, clock }))
    }

    /// Whether what is there belongs to whom these divisions are granted: it is in one of them, and in no others but
    /// neutral ones.
    pub fn is_own(&self, within: &Within, granted: &[DivisionId]) -> bool {
        let Within::Divisions(divisions) = within else { return true };
        let mut known = divisions.iter().map(|one| (granted.contains(one), self.0.neutral.contains(one)));
        divisions.iter().any(|one| granted.contains(one)) && known.all(|(own, neutral)| own || neutral)
    }

    /// Where an entity is; none where it is not to be seen.
    pub async fn within(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        id: &str,
    ) -> Result<Option<Within>, LookupError> {
        let kind = self.kind(entity)?;
        if kind.registered {
            return Ok(asker.registry.holds(&kind.name, id).then_some(Within::Registered));
        }
        if kind.fleeting {
            return Ok(self.fresh(asker, entity, id).await?.map(|found| found.within));
        }
        let memory = self.0.memories.of(asker.tenant);
        if let Some(known) = memory.division(entity, id) {
            return Ok(known.0);
        }
        let begun = memory.begin();
        let found = self.fresh(asker, entity, id).await?;
        let within = found.map(|found| found.within);
        memory.remember(begun, entity, id, within.clone());
        Ok(within)
    }

    /// An entity as it is now, whatever is remembered.
    pub async fn fresh(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        id: &str,
    ) -> Result<Option<Found>, LookupError> {
        let kind = self.kind(entity)?;
        // Nothing is asked about what is not registered: whether it is there shows in nothing.
        if kind.registered && !asker.registry.holds(&kind.name, id) {
            return Ok(None);
        }
        lookup::one(&self.0.upstream, asker, kind, id).await
    }

    /// All entities of a kind that are in these divisions, with the division of each.
    pub async fn all(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        divisions: &[DivisionId],
    ) -> Result<Divisions, LookupError> {
        let memory = self.0.memories.of(asker.tenant);
        if let Some(known) = memory.all(entity, divisions) {
            return Ok(known);
        }
        memory.want(entity, divisions);
        self.read(asker, &memory, (entity, divisions), Duration::ZERO).await
    }

    /// What is asked for again and again and will soon be forgotten: it is to be read before somebody has to wait for it.
    pub fn ageing(&self) -> Vec<(TenantId, Entity, Vec<DivisionId>)> {
        self.0.memories.ageing()
    }

    /// Reads all entities of a kind anew, although they are known still.
    pub async fn read_ahead(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        divisions: &[DivisionId],
    ) -> Result<(), LookupError> {
        let memory = self.0.memories.of(asker.tenant);
        self.read(asker, &memory, (entity, divisions), memory::AHEAD).await.map(drop)
    }

    /// Reads all entities of a kind, unless they are known for longer than `ahead`.
    async fn read(
        &self,
        asker: Asker<'_>,
        memory: &Memory,
        (entity, divisions): (Entity, &[DivisionId]),
        ahead: Duration,
    ) -> Result<Divisions, LookupError> {
        let enumeration = self.kind(entity)?.all.as_ref().ok_or(LookupError::Unknown(entity))?;
        // Who asks meanwhile waits for what the first one finds.
        let turn = timeout(LONGEST_TURN, memory.turn(entity).lock()).await;
        let mut turn = turn.map_err(|_| UpstreamError::TimedOut)?;
        if let Some(known) = memory.all_for(entity, divisions, ahead) {
            return Ok(known);
        }
        // Stays where the turn is, whatever becomes of this caller: the next one goes on with it.
        let before = turn.take();
        let reading = turn.insert(memory.resume(entity, divisions, before));
        let begun = memory.begin_again(reading.begun);
        let page = |number| lookup::page(&self.0.upstream, asker, enumeration, divisions, number);
        let read = timeout(LONGEST_READING, reading.go_on(page)).await;
        read.unwrap_or(Err(UpstreamError::TimedOut.into()))?;
        let all = turn.take().map(|reading| reading.finish(&self.0.clock));
        let all = Arc::new(all.unwrap_or_default());
        memory.remember_all(begun, entity, divisions, Arc::clone(&all));
        Ok(all)
    }

    fn kind(&self, entity: Entity) -> Result<&EntityKind, LookupError> {
        self.0.entities.get(&entity).ok_or(LookupError::Unknown(entity))
    }

    /// Something is about to be changed.
    pub fn changing(&self, tenant: &TenantId, change: Change) -> Changing {
        Changing { directory: self.clone(), tenant: tenant.clone(), change }
    }

    /// Gives the room back of what is not remembered any longer. To be called now and then.
    pub fn sweep(&self) {
        self.0.memories.sweep();
    }
}

/// Whether it has the form of Genesys's ids: what has not names nothing, and must not become part of a path.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
