//! Which division an entity is in, as Genesys tells it to the tenant's own service account.
//!
//! What is looked up is remembered per tenant for a minute, in a room of the tenant's own: no tenant forgets because of
//! another. An entity of another division and a missing one are looked up in the same way and remembered as long, so that
//! neither can be told from the other. What names many is held against all that the tenant has: what that takes does not
//! depend on what is others'. Where a tenant changes something, what was known of its kind is forgotten, and a lookup that
//! began before that is not remembered. Writes do not rely on memory: they look anew.

mod lookup;
mod memory;

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use tokio::time::timeout;

use self::memory::{Memories, Memory};
use crate::{
    catalog::Entity,
    clock::Clock,
    model::{DivisionId, ServiceAccount, TenantId},
    upstream::{Upstream, UpstreamError},
};

/// All that a tenant has of a kind is read within this time.
const LONGEST_READING: Duration = Duration::from_secs(20);
/// Pages of it that are asked for beside each other, once the first was full.
const PAGES_AT_ONCE: usize = 4;
/// A tenant that has more than so many pages of a kind has too many to hold against.
const MAX_PAGES: usize = 100;

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
    /// Asked right before each exchange.
    pub confirm: &'a (dyn Fn() -> bool + Sync),
}

/// An entity as it was just now.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub division: DivisionId,
    /// The whole of it, as Genesys shows it.
    pub body: Bytes,
}

/// The divisions of entities, by their ids.
pub type Divisions = Arc<HashMap<String, DivisionId>>;

/// The memory and the way to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    memories: Memories,
}

/// Something is being changed: on drop, whatever became of it, what was known of its kind is forgotten.
#[derive(Debug)]
pub struct Changing {
    memory: Arc<Memory>,
    entity: Entity,
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.memory.forget(self.entity);
    }
}

impl Directory {
    /// Knows nothing yet.
    pub fn new(upstream: Upstream, clock: Clock) -> Self {
        Self(Arc::new(Inner { upstream, memories: Memories::new(clock) }))
    }

    /// The division of an entity; none where it is not to be seen.
    pub async fn division(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        id: &str,
    ) -> Result<Option<DivisionId>, LookupError> {
        let memory = self.0.memories.of(asker.tenant);
        if let Some(known) = memory.division(entity, id) {
            return Ok(known.0);
        }
        let begun = memory.begin();
        let found = lookup::one(&self.0.upstream, asker, entity, id).await?;
        let division = found.map(|found| found.division);
        memory.remember(begun, entity, id, division.clone());
        Ok(division)
    }

    /// An entity as it is now, whatever is remembered.
    pub async fn fresh(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        id: &str,
    ) -> Result<Option<Found>, LookupError> {
        lookup::one(&self.0.upstream, asker, entity, id).await
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
        let read = async {
            // Who asks meanwhile waits for what the first one finds.
            let _turn = memory.turn(entity).lock().await;
            if let Some(known) = memory.all(entity, divisions) {
                return Ok(known);
            }
            let begun = memory.begin();
            let all = Arc::new(self.read(asker, entity, divisions).await?);
            memory.remember_all(begun, entity, divisions, Arc::clone(&all));
            Ok(all)
        };
        timeout(LONGEST_READING, read).await.unwrap_or(Err(UpstreamError::TimedOut.into()))
    }

    async fn read(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        divisions: &[DivisionId],
    ) -> Result<HashMap<String, DivisionId>, LookupError> {
        let page = |number| lookup::page(&self.0.upstream, asker, entity, divisions, number);
        let first = page(1).await?;
        let mut all: HashMap<_, _> = first.found.into_iter().collect();
        if !first.is_full {
            return Ok(all);
        }
        let mut pages = stream::iter(2..=MAX_PAGES).map(page).buffered(PAGES_AT_ONCE);
        while let Some(next) = pages.next().await {
            let next = next?;
            all.extend(next.found);
            if !next.is_full {
                return Ok(all);
            }
        }
        Err(LookupError::TooMany)
    }

    /// Something of a kind is about to be changed.
    pub fn changing(&self, tenant: &TenantId, entity: Entity) -> Changing {
        Changing { memory: self.0.memories.of(tenant), entity }
    }
}

/// Whether it has the form of Genesys's ids: what has not names nothing, and must not become part of a path.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
