//! Which division an entity is in, as Genesys tells it to the tenant's own service account.
//!
//! What is looked up is remembered per tenant for a minute. An entity of another division and a missing one are looked
//! up in the same way and remembered as long, so that neither can be told from the other. What a tenant changes is
//! forgotten, and a lookup that began before that is not remembered. Writes do not rely on memory: they look anew.

mod lookup;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;

use crate::{
    catalog::Entity,
    model::{DivisionId, ServiceAccount, TenantId},
    upstream::{Upstream, UpstreamError},
};

/// How long an answer is remembered, whatever it was.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// A lookup that takes longer than this has failed before.
const LONGEST_LOOKUP: Duration = Duration::from_mins(2);
/// How many answers are remembered, over all tenants.
const REMEMBERED: u64 = 100_000;

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
}

/// On whose behalf something is looked up, and whether that still holds.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The tenant, which nothing is remembered without.
    pub tenant: &'a TenantId,
    /// Whether the call holds an answer already.
    pub holds_more: bool,
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

type Key = (TenantId, Entity, String);

/// What a lookup found.
#[derive(Debug, Clone)]
struct Known {
    // When it began, in the order of this process.
    begun: u64,
    division: Option<DivisionId>,
    // Whether it was a search for many, which may miss what is there: by its id alone it can be said to be missing.
    searched: bool,
}

/// The memory and the way to ask. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    known: moka::sync::Cache<Key, Known>,
    // When what is known of an entity stopped to hold; kept longer than anything that is known.
    changed: moka::sync::Cache<Key, u64>,
    order: AtomicU64,
}

impl Directory {
    /// Knows nothing yet.
    pub fn new(upstream: Upstream) -> Self {
        let cache = |lives: Duration| {
            moka::sync::Cache::builder().max_capacity(REMEMBERED).time_to_live(lives).build()
        };
        Self(Arc::new(Inner {
            upstream,
            known: cache(REMEMBERED_FOR),
            changed: moka::sync::Cache::builder()
                .max_capacity(REMEMBERED)
                .time_to_live(REMEMBERED_FOR + LONGEST_LOOKUP)
                .build(),
            order: AtomicU64::new(0),
        }))
    }

    /// The division of an entity; none where it is not to be seen.
    pub async fn division(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        id: &str,
    ) -> Result<Option<DivisionId>, LookupError> {
        let key = (asker.tenant.clone(), entity, id.to_owned());
        let known = self.remembered(&key).filter(|known| !known.searched || known.division.is_some());
        if let Some(known) = known {
            return Ok(known.division);
        }
        let begun = self.tick();
        let found = lookup::one(&self.0.upstream, asker, entity, id).await?;
        let division = found.map(|found| found.division);
        self.0.known.insert(key, Known { begun, division: division.clone(), searched: false });
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

    /// The divisions of many entities; those that are not to be seen are not among them.
    pub async fn divisions(
        &self,
        asker: Asker<'_>,
        entity: Entity,
        ids: BTreeSet<String>,
    ) -> Result<HashMap<String, DivisionId>, LookupError> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut unknown = Vec::new();
        for id in ids {
            let key = (asker.tenant.clone(), entity, id);
            match self.remembered(&key) {
                Some(known) => found.extend(known.division.map(|division| (key.2, division))),
                None => unknown.push(key.2),
            }
        }
        for some in unknown.chunks(lookup::AT_ONCE) {
            let begun = self.tick();
            let mut told = lookup::many(&self.0.upstream, asker, entity, some).await?;
            for id in some {
                let division = told.remove(id);
                let key = (asker.tenant.clone(), entity, id.clone());
                self.0.known.insert(key, Known { begun, division: division.clone(), searched: true });
                found.extend(division.map(|division| (id.clone(), division)));
            }
        }
        Ok(found)
    }

    /// What was known of an entity holds no longer.
    pub fn forget(&self, tenant: &TenantId, entity: Entity, id: &str) {
        self.0.changed.insert((tenant.clone(), entity, id.to_owned()), self.tick());
    }

    fn remembered(&self, key: &Key) -> Option<Known> {
        let known = self.0.known.get(key)?;
        // Compared by when the lookup began: however late its answer came, it may tell of before the change.
        let holds = self.0.changed.get(key).is_none_or(|changed| known.begun > changed);
        holds.then_some(known)
    }

    fn tick(&self) -> u64 {
        self.0.order.fetch_add(1, Ordering::SeqCst)
    }
}

/// Whether it has the form of Genesys's ids: what has not names nothing, and must not become part of a path.
pub fn is_id(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}
