//! How much may be sent to Genesys, and how much of it each tenant may send.
//!
//! Genesys allows each token so many requests a minute (facts: h). What an account's tokens may send together is divided
//! between its tenants by their weights, and each stands against its own share alone: where nothing is lent, what one
//! tenant sends shows in nothing that another is told. Every exchange counts: lookups, parts, pages and repeats too.
//!
//! Who has used up its share stands in line for a moment, in order, and is then refused with the time at which its next
//! place comes back. Nothing that is refused was sent.
//!
//! What is allowed is learnt: Genesys's answers tell the limit and what it has counted. What is more than was sent from
//! here, other programs sent with the same OAuth client: it is taken off before the rest is divided.

mod books;
mod part;
mod window;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderMap;
use metrics::{Counter, Gauge};
use tokio::time::{Instant, sleep_until};

pub(super) use self::{
    books::Among,
    part::{Here, Parts},
};
use self::{
    books::{Books, Entry, Refused, Told},
    window::TICKS,
};
use super::UpstreamError;
use crate::model::{Portion, ServiceAccount, ServiceAccountId, TenantId};

/// What Genesys allows a token in a minute, until it says otherwise (facts: h).
const USUAL: u32 = 300;
/// Far more than Genesys allows.
const MOST: u32 = 10_000_000;
/// This part of the minute is waited for a place at the longest: three seconds.
const PATIENCE: u32 = 20;
/// Genesys's minutes begin anew after a minute.
const LONGEST_RESET: u64 = 120;
/// So many accounts have metrics of their own.
const MOST_LABELS: usize = 100;

/// Who pays for an exchange.
#[derive(Debug, Clone, Copy)]
pub(super) enum Payer<'t> {
    /// The operator: it is taken off before the rest is divided.
    Operator,
    /// A tenant, out of its share.
    Tenant(&'t TenantId, Portion),
}

/// How budgets are kept.
#[derive(Debug, Clone, Copy)]
pub struct BudgetOptions {
    /// What one token sends a minute at most, of accounts that do not say; without it, what Genesys says it may.
    pub requests_per_minute: Option<u32>,
    /// How long Genesys's minute is: shorter where its stand-in has a shorter one.
    pub minute: Duration,
}

impl Default for BudgetOptions {
    fn default() -> Self {
        Self { requests_per_minute: None, minute: Duration::from_mins(1) }
    }
}

/// How a tenant stands with its share of an account's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareStanding {
    /// What it may send within a minute.
    pub allowed: u32,
    /// What of that it has sent.
    pub used: u32,
    /// How many of its calls stand in line.
    pub waiting: u32,
    /// Until all of it is there again.
    pub reset: Duration,
}

/// How an account stands with its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountStanding {
    /// What may be sent within a minute from here, by all its tokens together.
    pub capacity: u32,
    /// What of that was sent.
    pub used: u32,
    /// What of that was lent.
    pub lent: u32,
    /// What other programs sent with the same client, as far as Genesys told.
    pub others: u32,
}

/// One account's.
pub(super) struct Budget {
    pace: Pace,
    here: Here,
    meters: Meters,
    // Held for a few additions, and never across another lock.
    books: Mutex<Books>,
}

/// A place for one exchange. Until it is sent, dropping it gives it back.
pub(super) struct Ticket<'b> {
    budget: &'b Budget,
    entry: Entry<'b>,
    is_open: bool,
}

/// One who stands in line; dropping it leaves.
struct Standing<'b> {
    budget: &'b Budget,
    payer: Payer<'b>,
    has_left: bool,
}

impl Budget {
    pub(super) fn new(account: &ServiceAccount, options: BudgetOptions, here: Here) -> Self {
        let pace = Pace::new(options.minute);
        let most = account.requests_per_minute.or(options.requests_per_minute);
        let books = Books::new(account.tokens, most, account.lend_idle);
        Self { pace, here, meters: Meters::new(account), books: Mutex::new(books) }
    }

    /// The account has changed: what was sent in this minute counts as before. Tokens that are had anew were told to wait by
    /// nobody.
    pub(super) fn follow(&self, account: &ServiceAccount, options: BudgetOptions, anew: bool) {
        let most = account.requests_per_minute.or(options.requests_per_minute);
        let mut books = self.books(Instant::now());
        books.follow(account.tokens, most, account.lend_idle);
        if anew {
            books.renew();
        }
    }

    /// A place, of a token among these; waits for it a moment, and not beyond `until`. Whose call has sent so much `before` is
    /// told when there is room for all of it.
    pub(super) async fn take<'b>(
        &'b self,
        payer: Payer<'b>,
        among: Among,
        (until, before): (Instant, u32),
    ) -> Result<Ticket<'b>, UpstreamError> {
        let mut now = Instant::now();
        let latest = self.pace.tick(until.min(now + self.pace.minute / PATIENCE));
        let mut standing: Option<Standing<'_>> = None;
        loop {
            let stood = standing.take().is_some_and(Standing::has_its_turn);
            let found = self.books(now).take(payer, among, stood, latest);
            match found {
                Ok(entry) => return Ok(Ticket { budget: self, entry, is_open: true }),
                Err(Refused { at, is_booked, .. }) if is_booked => {
                    if !stood {
                        self.meters.waited.increment(1);
                    }
                    standing = Some(Standing { budget: self, payer, has_left: false });
                    sleep_until(self.pace.begin(at)).await;
                    now = Instant::now();
                }
                Err(Refused { at, share, .. }) => {
                    self.meters.refused.increment(1);
                    return Err(self.refused(payer, (at, share), before, now));
                }
            }
        }
    }

    fn refused(
        &self,
        payer: Payer<'_>,
        (at, share): (u64, Option<u32>),
        before: u32,
        now: Instant,
    ) -> UpstreamError {
        let left = |at| self.pace.begin(at).saturating_duration_since(now);
        let (Some(allowed), Payer::Tenant(_, portion)) = (share, payer) else {
            return UpstreamError::Waiting { left: left(at) };
        };
        let mut books = self.books(now);
        // Not what it is while a token rests: that passes.
        let whole = books.whole_share(portion);
        if before >= whole {
            return UpstreamError::ShareTooSmall { allowed: whole };
        }
        UpstreamError::Exhausted { left: left(at.max(books.room_for(payer, allowed, before))), allowed }
    }

    /// How a tenant stands.
    pub(super) fn share(&self, tenant: &TenantId, portion: Portion) -> ShareStanding {
        let now = Instant::now();
        let mut books = self.books(now);
        let allowed = books.share(portion);
        let own = books.own(tenant);
        let back = self.pace.begin(own.when(own.held()));
        let reset = if own.held() == 0 { Duration::ZERO } else { back.saturating_duration_since(now) };
        ShareStanding { allowed, used: own.held(), waiting: own.booked(), reset }
    }

    /// How the account stands.
    pub(super) fn account(&self) -> AccountStanding {
        self.books(Instant::now()).standing()
    }

    fn books(&self, now: Instant) -> MutexGuard<'_, Books> {
        // Whoever panicked here has left numbers, and numbers can be counted on.
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.turn(self.pace.tick(now), self.here.part());
        books
    }
}

impl Ticket<'_> {
    /// Of which token it is.
    pub(super) fn token(&self) -> usize {
        self.entry.token
    }

    /// The request goes out: from now on it counts, whatever becomes of it.
    pub(super) fn send(&mut self) {
        self.is_open = false;
        self.budget.meters.spent.increment(1);
        let now = Instant::now();
        if self.entry.is_older_than(self.budget.pace.tick(now)) {
            self.budget.books(now).send(&mut self.entry);
        }
    }

    /// Genesys told its token to wait for so long.
    pub(super) fn rest(&self, told: Duration) {
        let now = Instant::now();
        self.budget.books(now).rest(self.entry, self.budget.pace.tick(now + told) + 1);
    }

    /// The exchange has ended.
    pub(super) fn settle(&self, answer: Option<&HeaderMap>) {
        let now = Instant::now();
        let told = answer.and_then(|headers| self.budget.pace.told(headers, now));
        let mut books = self.budget.books(now);
        books.settle(self.entry, told);
        let capacity = books.capacity();
        drop(books);
        self.budget.meters.capacity.set(f64::from(capacity));
    }

    /// It never left.
    pub(super) fn give_back(&mut self) {
        self.is_open = true;
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.budget.books(Instant::now()).give_back(self.entry);
        }
    }
}

impl Standing<'_> {
    fn has_its_turn(mut self) -> bool {
        self.has_left = true;
        true
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        if !self.has_left {
            self.budget.books(Instant::now()).leave(self.payer);
        }
    }
}

/// Time in ticks.
struct Pace {
    origin: Instant,
    minute: Duration,
    // Microseconds.
    tick: u64,
}

impl Pace {
    fn new(minute: Duration) -> Self {
        let tick = u64::try_from(minute.as_micros()).unwrap_or(u64::MAX) / TICKS;
        Self { origin: Instant::now(), minute, tick: tick.max(1) }
    }

    fn tick(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.origin).as_micros();
        u64::try_from(since).unwrap_or(u64::MAX) / self.tick
    }

    fn begin(&self, tick: u64) -> Instant {
        self.origin + Duration::from_micros(tick.saturating_mul(self.tick))
    }

    /// What an answer says of its token's minute (facts: h).
    fn told(&self, headers: &HeaderMap, now: Instant) -> Option<Told> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let allowed = number("inin-ratelimit-allowed").filter(|allowed| *allowed > 0);
        let count = number("inin-ratelimit-count");
        if allowed.is_none() && count.is_none() {
            return None;
        }
        let allowed = allowed.map(|allowed| u32::try_from(allowed).unwrap_or(MOST).min(MOST));
        let reset = number("inin-ratelimit-reset").unwrap_or(LONGEST_RESET).min(LONGEST_RESET);
        Some(Told { allowed, count, until: self.tick(now + Duration::from_secs(reset)) + 1 })
    }
}

/// Handles of the metrics.
struct Meters {
    spent: Counter,
    waited: Counter,
    refused: Counter,
    capacity: Gauge,
}

impl Meters {
    fn new(account: &ServiceAccount) -> Self {
        static LABELLED: Mutex<BTreeSet<ServiceAccountId>> = Mutex::new(BTreeSet::new());
        let mut labelled = LABELLED.lock().unwrap_or_else(PoisonError::into_inner);
        if labelled.len() < MOST_LABELS {
            labelled.insert(account.id.clone());
        }
        let own = if labelled.contains(&account.id) { account.id.as_str() } else { "others" };
        let labels = [("service_account", own.to_owned())];
        Self {
            spent: metrics::counter!("ringfence_upstream_budget_spent_total", &labels),
            waited: metrics::counter!("ringfence_upstream_budget_waits_total", &labels),
            refused: metrics::counter!("ringfence_upstream_budget_refusals_total", &labels),
            capacity: metrics::gauge!("ringfence_upstream_budget_capacity", &labels),
        }
    }
}
