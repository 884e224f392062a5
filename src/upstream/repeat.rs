//! What is sent again, and when: only what may be, only while it is worth it, never for long.

use std::time::Duration;

use http::{StatusCode, header::RETRY_AFTER};
use tokio::time::Instant;

use super::{Effect, UpstreamAnswer, UpstreamError};

const ATTEMPTS: u32 = 3;
/// All attempts at an upstream that answers errors end within this time.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_secs(3);
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);

/// The attempts at one call.
pub(super) struct Attempts {
    effect: Effect,
    made: u32,
    begun: Instant,
}

impl Attempts {
    pub(super) fn new(effect: Effect, begun: Instant) -> Self {
        Self { effect, made: 1, begun }
    }

    /// When to try again, if at all, after an attempt that ended so.
    pub(super) fn next(&mut self, ended: &Result<UpstreamAnswer, UpstreamError>) -> Option<Instant> {
        if !is_passing(ended, self.effect) || self.made == ATTEMPTS {
            return None;
        }
        let now = Instant::now();
        let spent = now - self.begun;
        let wait = jittered(FIRST_BACK_OFF * 3_u32.pow(self.made - 1)).max(asked(ended));
        // An attempt as slow as those before must still end in time.
        // Compared first: it may have been told to wait for ever.
        if wait > GIVEN_UP_AFTER || spent + wait + spent / self.made > GIVEN_UP_AFTER {
            return None;
        }
        self.made += 1;
        Some(now + wait)
    }
}

/// Whether upstream, or the way to it, failed. Any other end is an answer, or is not upstream's doing.
pub(super) fn is_failure(ended: &Result<UpstreamAnswer, UpstreamError>) -> bool {
    match ended {
        Ok(answer) => is_failing(answer.status),
        Err(UpstreamError::Unreachable { .. } | UpstreamError::Broken { .. } | UpstreamError::TimedOut) => {
            true
        }
        Err(
            UpstreamError::NoToken { .. }
            | UpstreamError::Unsendable { .. }
            | UpstreamError::TooLarge { .. }
            | UpstreamError::NoRoom { .. }
            | UpstreamError::Unauthorized { .. }
            | UpstreamError::Withdrawn
            | UpstreamError::Waiting { .. }
            | UpstreamError::Exhausted { .. }
            | UpstreamError::ShareTooSmall { .. }
            | UpstreamError::Spared
            | UpstreamError::Malformed { .. },
        ) => false,
    }
}

// What timed out has had its time. A change is repeated only if it never left.
fn is_passing(ended: &Result<UpstreamAnswer, UpstreamError>, effect: Effect) -> bool {
    match effect {
        Effect::Reads => is_failure(ended) && !matches!(ended, Err(UpstreamError::TimedOut)),
        Effect::Writes => matches!(ended, Err(UpstreamError::Unreachable { .. })),
    }
}

fn is_failing(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// What a 503 asks for.
fn asked(ended: &Result<UpstreamAnswer, UpstreamError>) -> Duration {
    let seconds = ended
        .as_ref()
        .ok()
        .and_then(|answer| answer.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok());
    seconds.map_or(Duration::ZERO, Duration::from_secs)
}

/// Half to the whole, so that those that failed together do not knock together.
fn jittered(longest: Duration) -> Duration {
    let share = getrandom::u32().unwrap_or_default() % 256;
    longest * (256 + share) / 512
}
