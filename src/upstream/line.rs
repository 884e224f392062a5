//! What is known of the way to upstream for each account: its tokens, whether it fails, whether it must wait.
//!
//! Nothing is shared between two accounts, so no organisation's trouble is another's. The pool of connections is shared,
//! by host and port: a connection carries no identity.
//!
//! A changed account keeps what was counted: what it sent in this minute, and whether Genesys fails. With other credentials
//! it has other tokens, and whoever comes with the account as it was before is given those too: once a process knows of a
//! rotation, nothing begins with the old tokens, and a login with the old secret that is still under way ends where nobody looks.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use moka::{Entry, sync::Cache};
use tokio::time::Instant;

use super::{
    UpstreamAnswer, UpstreamError,
    breaker::{Breaker, Meters},
    budget::{Budget, BudgetOptions, Parts, Payer, Ticket},
    pause::{Pause, told_to_wait},
    repeat,
    tokens::Slot,
};
use crate::model::{ServiceAccount, ServiceAccountId};

const MOST: u64 = 10_000;
const IDLE: Duration = Duration::from_hours(1);

/// All accounts' lines.
pub(super) struct Lines {
    all: Cache<ServiceAccountId, Arc<Line>>,
    meters: Meters,
    options: BudgetOptions,
}

/// One account's, as the account is at one version.
pub(super) struct Line {
    account: Arc<ServiceAccount>,
    tokens: Box<[Arc<Token>]>,
    pub(super) breaker: Arc<Breaker>,
    pub(super) budget: Arc<Budget>,
}

/// One of its tokens: Genesys counts each by itself.
#[derive(Default)]
struct Token {
    slot: Arc<Slot>,
    pause: Pause,
}

impl Lines {
    pub(super) fn new(options: BudgetOptions) -> Self {
        let all = Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build();
        Self { all, meters: Meters::new(), options }
    }

    /// The account's line, as of the newest version that came by.
    pub(super) fn of(&self, account: &Arc<ServiceAccount>, parts: &Parts) -> Arc<Line> {
        if let Some(line) = self.all.get(&account.id).filter(|line| line.knows(account)) {
            return line;
        }
        let newest = |entry: Option<Entry<_, Arc<Line>>>| match entry.map(Entry::into_value) {
            // Somebody was faster.
            Some(line) if line.knows(account) => line,
            Some(line) => Arc::new(line.following(account, self.options)),
            None => Arc::new(Line {
                account: Arc::clone(account),
                tokens: tokens(account, &[]),
                breaker: Arc::new(Breaker::new(self.meters.clone())),
                budget: Arc::new(Budget::new(account, self.options, parts.of(&account.id))),
            }),
        };
        self.all.entry_by_ref(&account.id).and_upsert_with(newest).into_value()
    }
}

/// As many as the account is to have; those that there are first.
fn tokens(account: &ServiceAccount, known: &[Arc<Token>]) -> Box<[Arc<Token>]> {
    let count = usize::try_from(account.tokens.max(1)).unwrap_or(1);
    let new = std::iter::repeat_with(Arc::default);
    known.iter().cloned().chain(new).take(count).collect()
}

impl Line {
    /// As whom it logs in.
    pub(super) fn account(&self) -> &Arc<ServiceAccount> {
        &self.account
    }

    /// Whether another logs in as somebody else, or with another secret.
    pub(super) fn differs_from(&self, other: &Self) -> bool {
        !self.account.has_credentials_of(&other.account)
    }

    fn knows(&self, account: &ServiceAccount) -> bool {
        self.account.version >= account.version
    }

    /// The same, for the account as it is now.
    fn following(&self, account: &Arc<ServiceAccount>, options: BudgetOptions) -> Self {
        self.budget.follow(account, options);
        let known = if self.account.has_credentials_of(account) { &*self.tokens } else { &[] };
        Self {
            account: Arc::clone(account),
            tokens: tokens(account, known),
            breaker: Arc::clone(&self.breaker),
            budget: Arc::clone(&self.budget),
        }
    }

    /// Whether anything may be sent now.
    pub(super) fn check(&self) -> Result<(), UpstreamError> {
        if let Some(left) = self.resting() {
            return Err(UpstreamError::Waiting { left });
        }
        if self.breaker.lets_through() { Ok(()) } else { Err(UpstreamError::Spared) }
    }

    /// Learns from how a call ended.
    pub(super) fn learn(&self, ended: &Result<UpstreamAnswer, UpstreamError>) {
        if repeat::is_failure(ended) {
            self.breaker.failed();
        } else if ended.is_ok() {
            self.breaker.answered();
        }
    }

    /// For how long, if Genesys told all of the account's tokens to wait.
    pub(super) fn resting(&self) -> Option<Duration> {
        let mut shortest = None;
        for token in &*self.tokens {
            let left = token.pause.left()?;
            shortest = Some(shortest.map_or(left, |shortest: Duration| shortest.min(left)));
        }
        shortest
    }

    /// A place for one exchange, of this token where one is named.
    pub(super) async fn take<'l>(
        &'l self,
        payer: Payer<'l>,
        token: Option<usize>,
        until: Instant,
    ) -> Result<Ticket<'l>, UpstreamError> {
        // Of an account that has more tokens by now, this line knows the first alone.
        let rests =
            |number| self.tokens.get(number).is_none_or(|token: &Arc<Token>| token.pause.left().is_some());
        let ticket = self.budget.take(payer, token, &rests, until).await;
        match (ticket, self.resting()) {
            (Err(UpstreamError::Exhausted { .. }), Some(left)) => Err(UpstreamError::Waiting { left }),
            (ticket, _) => ticket,
        }
    }

    /// Where a token is kept.
    pub(super) fn slot(&self, token: usize) -> Result<&Arc<Slot>, UpstreamError> {
        let unknown = || UpstreamError::Unsendable { why: format!("there is no token {token}") };
        self.tokens.get(token).map(|token| &token.slot).ok_or_else(unknown)
    }

    /// An exchange has ended: it counts unless it never left.
    pub(super) fn settle(
        &self,
        mut ticket: Ticket<'_>,
        ended: Result<UpstreamAnswer, UpstreamError>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        match &ended {
            Err(UpstreamError::Unreachable { .. } | UpstreamError::Unsendable { .. }) => ticket.give_back(),
            Err(_) => ticket.settle(None),
            Ok(answer) => {
                ticket.settle(Some(&answer.headers));
                if answer.status == StatusCode::TOO_MANY_REQUESTS
                    && let Some(token) = self.tokens.get(ticket.token())
                {
                    token.pause.wait(told_to_wait(&answer.headers));
                }
            }
        }
        ended
    }
}
