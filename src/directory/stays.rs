//! Since when each user has been in its division: what Genesys does not tell, and is known from having looked.
//!
//! Each list of all users of a tenant that is read, on whosever behalf, is compared with what was seen before, and what is
//! known then is kept in the store: a restart forgets nothing, and replicas look for one another.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};

use super::{Asker, Directory, Divisions, LookupError, memory::Memory};
use crate::{
    catalog::Entity,
    model::{DivisionId, Sighting, Stay, Stays, Tenant},
};

/// How often a tenant's users are looked at, at the least.
const LOOK_EVERY: TimeDelta = TimeDelta::minutes(5);
/// How many that a list leaves out are looked up: what is moved about while its pages are read may fall between them.
const MOST_MISSED: usize = 100;
const LOOKUPS_AT_ONCE: usize = 8;
/// How often what another replica kept meanwhile is taken up.
const ATTEMPTS: usize = 3;

/// What is known by a list of all users.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    all: Divisions,
    stays: Arc<Stays>,
}

/// A user that is the tenant's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// Since when, where that is asked for.
    pub since: Option<DateTime<Utc>>,
}

impl Directory {
    /// The users that are in these divisions, of a tenant whose agents are dedicated, each with the time since when.
    pub async fn users_since(
        &self,
        asker: Asker<'_>,
        tenant: &Tenant,
        divisions: &[DivisionId],
    ) -> Result<Vec<Member>, LookupError> {
        let Seen { all, stays } = self.look(asker, tenant).await?;
        let member = |id: String| {
            let division = all.get(&id).filter(|division| divisions.contains(division))?;
            // Who was not there at the last look that counts came after it: of their past nothing is known yet.
            let stay = stays.users.get(&id).filter(|stay| stay.division == *division)?;
            // Nor does the operator vouch for what lies before.
            let since = stay.since.max(tenant.dedicated_since.unwrap_or(stay.since));
            Some(Member { since: Some(since), id })
        };
        Ok(all.ids().into_iter().filter_map(member).collect())
    }

    /// Looks at a tenant's users, also where nobody asks for them: who comes and goes is noticed.
    pub async fn watch_users(&self, asker: Asker<'_>, tenant: &Tenant) -> Result<(), LookupError> {
        let long_ago = self.0.clock.now() - LOOK_EVERY;
        if self.0.memories.of(asker.tenant).was_seen_since(long_ago, tenant.dedicated_at).await {
            return Ok(());
        }
        self.look(asker, tenant).await.map(drop)
    }

    /// Looks who is there, if that was not done a moment ago.
    async fn look(&self, asker: Asker<'_>, tenant: &Tenant) -> Result<Seen, LookupError> {
        let all = self.all(asker, Entity::User, &tenant.division_ids).await?;
        let memory = self.0.memories.of(asker.tenant);
        let mut turn = memory.stays().lock().await;
        let is_of_now =
            |seen: &&Seen| Arc::ptr_eq(&seen.all, &all) && Some(seen.stays.vouched_at) == tenant.dedicated_at;
        if let Some(seen) = turn.as_ref().filter(is_of_now) {
            return Ok(seen.clone());
        }
        let known = turn.take().map(|seen| seen.stays);
        let stays = self.note(asker, tenant, &all, known).await?;
        Ok(turn.insert(Seen { all, stays }).clone())
    }

    /// Keeps what was seen; what another replica kept meanwhile is taken up.
    async fn note(
        &self,
        asker: Asker<'_>,
        tenant: &Tenant,
        all: &Divisions,
        known: Option<Arc<Stays>>,
    ) -> Result<Arc<Stays>, LookupError> {
        let mut known = known;
        for _ in 0..ATTEMPTS {
            if known.is_none() {
                known = self.0.store.stays(&tenant.id).await?.map(Arc::new);
            }
            let before = known.as_deref();
            let sighting = self.sighting(asker, tenant, all, before).await?;
            let stays = Stays::after(before, sighting);
            if before == Some(&stays) || self.0.store.keep_stays(&tenant.id, &stays, before).await? {
                return Ok(Arc::new(stays));
            }
            known = None;
        }
        Err(LookupError::Overtaken)
    }

    async fn sighting(
        &self,
        asker: Asker<'_>,
        tenant: &Tenant,
        all: &Divisions,
        known: Option<&Stays>,
    ) -> Result<Sighting, LookupError> {
        let mut present: HashMap<_, _> = all.iter().map(|(id, division)| (id, division.clone())).collect();
        let left: Vec<_> = known.iter().flat_map(|known| &known.users).collect();
        let left: Vec<_> = left.into_iter().filter(|(id, _)| !present.contains_key(*id)).collect();
        if left.len() <= MOST_MISSED {
            let left = left.into_iter().map(|(id, stay)| (id.clone(), stay.clone()));
            let looked_up = stream::iter(left.collect::<Vec<_>>())
                .map(|(id, stay)| async move { self.is_still_there(asker, id, stay).await });
            let looked_up: Vec<_> = looked_up.buffered(LOOKUPS_AT_ONCE).collect().await;
            for one in looked_up {
                present.extend(one?);
            }
        }
        Ok(Sighting {
            vouched_at: tenant.dedicated_at.unwrap_or(all.until),
            from: all.from,
            until: all.until,
            present,
        })
    }

    async fn is_still_there(
        &self,
        asker: Asker<'_>,
        id: String,
        stay: Stay,
    ) -> Result<Option<(String, DivisionId)>, LookupError> {
        let found = self.fresh(asker, Entity::User, &id).await?;
        let is_there = found.is_some_and(|found| found.within.only() == Some(&stay.division));
        Ok(is_there.then_some((id, stay.division)))
    }
}

impl Memory {
    /// Whether users were looked at since then.
    pub(super) async fn was_seen_since(
        &self,
        time: DateTime<Utc>,
        vouched_at: Option<DateTime<Utc>>,
    ) -> bool {
        let seen = self.stays().lock().await;
        seen.as_ref()
            .is_some_and(|seen| seen.stays.seen_at > time && Some(seen.stays.vouched_at) == vouched_at)
    }
}
