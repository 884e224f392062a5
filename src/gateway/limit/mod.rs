//! Step three: how much is enough? Two limits in two places.
//!
//! **Before a credential has proved right**, refusals are limited per source address ([`failures`]): a refusal costs,
//! and when a source's budget is used up its further refusals are 429. A good credential is never stopped by it.
//!
//! **After**, each key and each tenant has its [`allowance`]: requests a minute (with a burst), at once, a day and a
//! month. No limit unless an operator sets one; then nothing is looked up at all. Each answer to a limited caller says
//! how it stands ([`standing`]).
//!
//! The limiter's 429s have no event each: they are counted per source or key and minute ([`floods`]), so that a flood
//! cannot fill the record.

mod address;
mod allowance;
mod failures;
mod floods;
mod quota;
mod rate;
mod register;
mod standing;

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use chrono::{DateTime, Utc};
use http::request::Parts as Head;
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    address::Source,
    failures::Failures,
    floods::{Floods, Origin},
    register::Register,
};
pub(super) use self::{quota::Calendar, standing::Standing};
use super::{
    Gateway, Parts, Refused,
    authenticate::Caller,
    denial::{Denial, Limited},
    oauth::LoginDenial,
};
use crate::{audit::Record, clock::Clock};

/// How often what has come to rest is forgotten, and what was counted in a minute is written.
const UPKEEP: Duration = Duration::from_secs(1);
/// How long the first requests wait for what the record knows of the day and the month.
const RECALL: Duration = Duration::from_secs(10);

/// The limits of all sources, keys and tenants, as they stand in this process.
pub(super) struct Limiter {
    clock: Clock,
    failures: Failures,
    register: Register,
    floods: Floods,
}

impl Limiter {
    pub(super) fn new(clock: &Clock, failures_per_minute: NonZeroU32) -> Self {
        Self {
            clock: clock.clone(),
            failures: Failures::new(clock, failures_per_minute),
            register: Register::default(),
            floods: Floods::default(),
        }
    }

    /// Counts a request against its key's and its tenant's limits, or refuses it. How it stands is noted in any case.
    pub(super) fn admit(&self, caller: &Caller, standing: &mut Standing) -> Result<(), Denial> {
        let (key, tenant) = (caller.key(), caller.tenant().tenant());
        if key.limits.is_none() && tenant.limits.is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        let own = self.register.of_key(&self.clock, key, now);
        let all = self.register.of_tenant(&self.clock, tenant, now);
        standing.take(own.as_ref(), all.as_ref(), now).map_err(limited)
    }

    /// Counts a 429 of the limiter: it has no event of its own.
    pub(super) fn count(&self, record: Record, code: &'static str) {
        self.floods.count(self.clock.now(), Origin::of(&record.actor, record.source), code);
        record.discard();
    }

    /// What a key and its tenant have left, without counting anything.
    pub(super) fn look(&self, caller: &Caller, now: DateTime<Utc>) -> Standing {
        let (key, tenant) = (caller.key(), caller.tenant().tenant());
        let own = self.register.of_key(&self.clock, key, now);
        let all = self.register.of_tenant(&self.clock, tenant, now);
        Standing::look(own.as_ref(), all.as_ref(), now)
    }

    /// Forgets and writes, again and again, until it is told to stop.
    async fn keep_up(&self, parts: &Parts, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.failures.sweep();
            let views = parts.tenancy.views();
            self.register.sweep(&views);
            // Not to be broken off: what it has taken out to write would be lost.
            self.floods.write(&parts.audit, Some(self.clock.now())).await;
            stop.run_until_cancelled(self.register.recall(&self.clock, &views, &parts.reader)).await;
        }
        self.floods.write(&parts.audit, None).await;
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
    /// Reads what keys and tenants have used of the running day and month, and begins the upkeep.
    pub async fn keep_limits(&self) -> Upkeep {
        let parts = &self.0.parts;
        let views = parts.tenancy.views();
        let recalled = self.0.limiter.register.recall(&parts.clock, &views, &parts.reader);
        if tokio::time::timeout(RECALL, recalled).await.is_err() {
            tracing::warn!("the record is slow to tell what tenants have used: serving before it has");
        }
        let stop = CancellationToken::new();
        let (gateway, stopped) = (self.clone(), stop.clone());
        let task = tokio::spawn(async move {
            gateway.0.limiter.keep_up(&gateway.0.parts, stopped).await;
        });
        Upkeep { stop: stop.drop_guard(), task }
    }

    /// A refusal before any credential has proved right costs its source; beyond its budget it becomes a 429.
    ///
    /// A good credential is never stopped: who sends one with a request that is refused for its form is told why.
    pub(super) fn charge(&self, refused: Refused, head: &Head, record: &Record) -> Refused {
        if record.actor.key_id.is_some() || refused.is_failure() {
            return refused;
        }
        let Err(wait) = self.0.limiter.failures.charge(&Source::of(record.source)) else { return refused };
        let views = self.0.parts.tenancy.views();
        if self.authenticator(&views, record).request(&head.headers).is_ok() {
            return refused;
        }
        let denial = limited(wait);
        match refused {
            Refused::Api(_) => Refused::Api(denial),
            Refused::Login(_) => Refused::Login(LoginDenial::Denied(denial)),
        }
    }
}

impl Limiter {
    /// As [`Gateway::charge`], of what was no request.
    pub(super) fn charge_unread(&self, source: IpAddr, denial: Denial) -> Denial {
        self.failures.charge(&Source::of(Some(source))).map_or_else(limited, |()| denial)
    }
}

fn limited(wait: Duration) -> Denial {
    Denial::OverLimit(Limited::waiting(wait))
}
