//! Step three: how much is enough? Two limits in two places.
//!
//! **Before a credential has proved right**, refusals are limited per source address ([`failures`]): a refusal costs,
//! and when a source's budget is used up its further refusals are 429. A good credential is never stopped by it. One
//! that proves right and is dead (revoked, expired, suspended, from a wrong address) costs its own key, which has more.
//!
//! How many forms are waited for is limited too, in all and per source; so is how many requests are under way in all.
//!
//! **After**, each tenant has a share of those under way, and each key and each tenant has its [`allowance`]: requests a
//! minute (with a burst), at once, a day and a month; a key's are its chain's, so that a rotation gives nothing back. There
//! is no such limit unless an operator sets one: without, nothing is looked up at all. Each answer to a limited caller says
//! how it stands ([`standing`]). A login counts for nothing of that; a limited key has so many a minute ([`logins`]).
//!
//! What comes no further than the door has its event, as many of a source as its failures and [`AT_DOOR`] at once. The
//! limiter's own refusals have none: they are counted per source or key and minute ([`floods`]), so that a flood cannot
//! fill the record.

mod allowance;
mod calendar;
mod failures;
mod floods;
mod logins;
mod quota;
mod rate;
mod register;
mod sharing;
mod standing;

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use http::{StatusCode, request::Parts as Head};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(super) use self::{
    calendar::Calendar,
    standing::{Line, Standing},
};
use self::{
    failures::Failures,
    floods::{Floods, Origin},
    logins::Logins,
    register::Register,
    sharing::Sharing,
};
use super::{
    Gateway, Parts, Refused,
    authenticate::Caller,
    denial::{Denial, Failure, Limited},
};
use crate::{
    audit::Record,
    clock::Clock,
    cluster::Cluster,
    model::KeyId,
    web::{Full, Place, Places, Share, Shares, Source},
};

/// How often what has come to rest is forgotten, and what was counted in a minute is written.
const UPKEEP: Duration = Duration::from_secs(1);
/// How long `/ready` waits for what the record knows of the day and the month.
const RECALL: Duration = Duration::from_secs(10);

/// How many requests may be under way at once. Each holds two places of the record, which has 32,768: they must not run
/// out, or nobody's request could be recorded.
const UNDER_WAY: usize = 8_192;
/// How many that come no further than the door may be waiting for their record.
const AT_DOOR: usize = 1_024;
/// How many forms may be read at once of callers who have proved nothing yet, and how many of one source.
const UNPROVEN: usize = 1_024;
const UNPROVEN_OF_ONE: usize = 128;
/// When to come again where nobody knows when there is room.
const ANOTHER_LOOK: Duration = Duration::from_secs(1);

/// The limits of all sources, keys and tenants, as they stand in this process.
pub(super) struct Limiter {
    clock: Clock,
    sharing: Arc<Sharing>,
    failures: Failures,
    logins: Logins,
    register: Register,
    // Whether the record has told what was used before, or was waited for long enough.
    recalled: AtomicBool,
    floods: Floods,
    under_way: Arc<Places>,
    at_door: Arc<Places>,
    unproven: Arc<Shares<Source>>,
}

impl Limiter {
    pub(super) fn new(clock: &Clock, cluster: Cluster, failures_per_minute: NonZeroU32) -> Self {
        let sharing = Arc::new(Sharing::new(clock.clone(), cluster));
        Self {
            clock: clock.clone(),
            sharing: Arc::clone(&sharing),
            failures: Failures::new(clock, failures_per_minute),
            logins: Logins::new(clock),
            register: Register::new(sharing),
            recalled: AtomicBool::new(false),
            floods: Floods::default(),
            under_way: Places::new(UNDER_WAY),
            at_door: Places::new(AT_DOOR),
            unproven: Shares::new(UNPROVEN, UNPROVEN_OF_ONE),
        }
    }

    /// A place among the requests under way.
    pub(super) fn enter(&self) -> Option<Place> {
        self.under_way.take()
    }

    /// A place among those who have proved nothing yet and are waited for.
    pub(super) fn wait_for(&self, source: Option<IpAddr>) -> Result<Share<Source>, Denial> {
        self.unproven.take(Source::of(source)).map_err(|full| match full {
            Full::Own => limited(ANOTHER_LOOK),
            Full::All => Denial::Failed(Failure::Crowded),
        })
    }

    /// Gives a request a place of its tenant's share, and counts it against its key's and its tenant's limits, or
    /// refuses it. How it stands is noted unless the share is taken.
    pub(super) fn admit(
        &self,
        caller: &Caller,
        now: DateTime<Utc>,
        standing: &mut Standing,
    ) -> Result<Place, Denial> {
        standing.note_end(caller.key_ends_soon());
        let place = caller.tenant().place().ok_or_else(|| limited(ANOTHER_LOOK))?;
        let (key, tenant) = (caller.key(), caller.tenant().tenant());
        if key.limits.is_none() && tenant.limits.is_none() {
            return Ok(place);
        }
        let own = self.register.of_key(key, now);
        let all = self.register.of_tenant(tenant, now);
        standing.take(own.as_ref(), all.as_ref(), now).map_err(limited)?;
        Ok(place)
    }

    /// As [`Limiter::admit`], for a login, which counts against no allowance: a key that has one, or whose tenant has,
    /// logs in so often and no more.
    pub(super) fn admit_login(&self, caller: &Caller) -> Result<Place, Denial> {
        let place = caller.tenant().place().ok_or_else(|| limited(ANOTHER_LOOK))?;
        let (key, tenant) = (caller.key(), caller.tenant().tenant());
        if !(key.limits.is_none() && tenant.limits.is_none()) {
            self.logins.charge(&key.origin).map_err(limited)?;
        }
        Ok(place)
    }

    /// Counts a refusal that has no event of its own.
    pub(super) fn count(&self, record: Record, code: &'static str, status: StatusCode) {
        self.floods.count(self.clock.now(), Origin::of(&record.actor, record.source), code, status);
        record.discard();
    }

    /// As [`Limiter::count`], of what came no further than the door and has no record.
    pub(super) fn count_outside(&self, source: IpAddr, code: &'static str, status: StatusCode) {
        self.floods.count(self.clock.now(), Origin::Source(Source::of(Some(source))), code, status);
    }

    /// What a key and its tenant have left, without counting anything.
    pub(super) fn look(&self, caller: &Caller, now: DateTime<Utc>) -> Standing {
        let (key, tenant) = (caller.key(), caller.tenant().tenant());
        let own = self.register.of_key(key, now);
        let all = self.register.of_tenant(tenant, now);
        Standing::look(own.as_ref(), all.as_ref(), now)
    }

    /// Forgets and writes, again and again, until it is told to stop.
    async fn keep_up(&self, parts: &Parts, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.failures.sweep();
            self.logins.sweep();
            let views = parts.tenancy.views();
            for forgotten in self.register.sweep(&views) {
                self.sharing.forget(forgotten.subject()).await;
            }
            // Not to be broken off: what it has taken out to write would be lost.
            self.floods.write(&parts.audit, Some(self.clock.now())).await;
        }
        self.floods.write(&parts.audit, None).await;
    }

    /// Finds out what was used before this process began to count, of each limit that is new, and shares what is left with
    /// the other replicas; without end.
    async fn recall(&self, parts: &Parts) {
        let reading = async {
            if let Some(ledger) = self.sharing.cluster.ledger() {
                return self.share_quotas(ledger, parts).await;
            }
            let mut ticks = tokio::time::interval(UPKEEP);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if self.register.recall(&parts.tenancy.views(), &parts.reader).await {
                    self.note_known();
                }
            }
        };
        let waiting = async {
            tokio::time::sleep(RECALL).await;
            if !self.recalled.swap(true, Ordering::Relaxed) {
                tracing::warn!("the record is slow to tell what tenants have used: serving before it has");
            }
        };
        tokio::join!(reading, waiting, self.lease());
    }

    fn note_known(&self) {
        self.recalled.store(true, Ordering::Relaxed);
    }
}

/// The limiter's upkeep, as long as requests come.
pub struct Upkeep {
    stop: DropGuard,
    task: JoinHandle<()>,
}

impl Upkeep {
    /// Writes what was counted up to now.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "the limiter's last counts were not written");
        }
    }
}

impl Gateway {
    /// Begins the upkeep; what keys and tenants have used of the running day and month is read until `drain`.
    pub fn keep_limits(&self, drain: &CancellationToken) -> Upkeep {
        let gateway = self.clone();
        tokio::spawn(drain.clone().run_until_cancelled_owned(async move {
            gateway.0.limiter.recall(&gateway.0.parts).await;
        }));
        let stop = CancellationToken::new();
        let (gateway, stopped) = (self.clone(), stop.clone());
        let task = tokio::spawn(async move {
            gateway.0.limiter.keep_up(&gateway.0.parts, stopped).await;
        });
        Upkeep { stop: stop.drop_guard(), task }
    }

    /// Whether it is known what was used of the limits, as far as that is waited for.
    pub fn knows_limits(&self) -> bool {
        self.0.limiter.recalled.load(Ordering::Relaxed)
    }

    /// A refusal before any credential has proved right costs its source, and one of a credential that proved right its
    /// key; beyond the budget it becomes a 429.
    ///
    /// A good credential is never stopped: who sends one with a request that is refused for its form is told why.
    pub(super) fn charge(&self, refused: Refused, head: &Head, record: &Record) -> Refused {
        // What is on record already has its event.
        if refused.is_failure() || record.is_intended() {
            return refused;
        }
        let failures = &self.0.limiter.failures;
        let charged = match &record.actor.key_id {
            Some(key) if refused.is_of_credential() => failures.charge_key(&self.origin_of(key)),
            Some(_) => return refused,
            None => failures.charge(&Source::of(record.source)),
        };
        let Err(wait) = charged else { return refused };
        // Nobody has looked at its credential yet.
        if record.actor.key_id.is_none() && self.lets_in(&head.headers, record.source) {
            return refused;
        }
        refused.replace(limited(wait))
    }

    /// What a key's failures are counted by: they are its chain's, as its limits are.
    fn origin_of(&self, key: &KeyId) -> KeyId {
        let views = self.0.parts.tenancy.views();
        views.key(key).map_or(key, |(key, _)| &key.origin).clone()
    }
}

impl Limiter {
    /// As [`Gateway::charge`], of what comes no further than the door, and with a place to be recorded in.
    pub(super) fn charge_at_door(&self, source: IpAddr) -> Result<Place, Denial> {
        self.failures.charge(&Source::of(Some(source))).map_err(limited)?;
        self.at_door.take().ok_or_else(|| limited(ANOTHER_LOOK))
    }
}

fn limited(wait: Duration) -> Denial {
    Denial::OverLimit(Limited::waiting(wait))
}
