//! What is known of the way to upstream for each account: its token, whether it fails, whether it must wait.
//!
//! Nothing is shared between two accounts, so no organisation's trouble is another's. The pool of connections is shared,
//! by host and port: a connection carries no identity.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use moka::sync::Cache;

use super::{
    UpstreamAnswer, UpstreamError,
    breaker::{Breaker, Meters},
    budget::{Budget, BudgetOptions, Parts, Ticket},
    pause::{Pause, told_to_wait},
    repeat,
    tokens::Slot,
};
use crate::model::{ServiceAccount, ServiceAccountId};

const MOST: u64 = 10_000;
const IDLE: Duration = Duration::from_hours(1);

/// All accounts' lines.
pub(super) struct Lines {
    // The account's version is part of the key: a changed secret mints anew.
    all: Cache<(ServiceAccountId, i64), Arc<Line>>,
    meters: Meters,
    options: BudgetOptions,
}

/// One account's.
pub(super) struct Line {
    tokens: Box<[Token]>,
    pub(super) breaker: Breaker,
    pub(super) budget: Budget,
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

    pub(super) fn of(&self, account: &ServiceAccount, parts: &Parts) -> Arc<Line> {
        let key = (account.id.clone(), account.version);
        let line = || {
            Arc::new(Line {
                tokens: (0..account.tokens.max(1)).map(|_| Token::default()).collect(),
                breaker: Breaker::new(self.meters.clone()),
                budget: Budget::new(account, self.options, parts.of(&account.id)),
            })
        };
        self.all.get_with(key, line)
    }
}

impl Line {
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
        for token in &self.tokens {
            let left = token.pause.left()?;
            shortest = Some(shortest.map_or(left, |shortest: Duration| shortest.min(left)));
        }
        shortest
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
                    let told = told_to_wait(&answer.headers);
                    token.pause.wait(told);
                    ticket.rest(told);
                }
            }
        }
        ended
    }
}
