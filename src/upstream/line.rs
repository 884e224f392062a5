//! What is known of the way to upstream for each account: its token, whether it fails, whether it must wait.
//!
//! Nothing is shared between two accounts, so no organisation's trouble is another's. The pool of connections is shared,
//! by host and port: a connection carries no identity.

use std::{sync::Arc, time::Duration};

use moka::future::Cache;

use super::{
    UpstreamAnswer, UpstreamError,
    breaker::{Breaker, Meters},
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
}

/// One account's.
pub(super) struct Line {
    pub(super) slot: Arc<Slot>,
    pub(super) breaker: Breaker,
    pub(super) pause: Pause,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { all: Cache::builder().max_capacity(MOST).time_to_idle(IDLE).build(), meters: Meters::new() }
    }

    pub(super) async fn of(&self, account: &ServiceAccount) -> Arc<Line> {
        let key = (account.id.clone(), account.version);
        let line = async {
            Arc::new(Line {
                slot: Arc::new(Slot::new()),
                breaker: Breaker::new(self.meters.clone()),
                pause: Pause::default(),
            })
        };
        self.all.get_with(key, line).await
    }
}

impl Line {
    /// Whether anything may be sent now.
    pub(super) fn check(&self) -> Result<(), UpstreamError> {
        if let Some(left) = self.pause.left() {
            return Err(UpstreamError::Waiting { left });
        }
        if self.breaker.lets_through() { Ok(()) } else { Err(UpstreamError::Spared) }
    }

    /// Learns from how a call ended.
    pub(super) fn learn(&self, ended: &Result<UpstreamAnswer, UpstreamError>) {
        if repeat::is_failure(ended) {
            self.breaker.failed();
        } else if let Ok(answer) = ended {
            self.breaker.answered();
            if answer.status == http::StatusCode::TOO_MANY_REQUESTS {
                self.pause.wait(told_to_wait(&answer.headers));
            }
        }
    }
}
