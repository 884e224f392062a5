//! What is not the caller's doing.

use http::StatusCode;

use super::Shown;

/// What is not the caller's doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) enum Failure {
    /// Genesys cannot be reached, failed, or refuses the service account.
    UpstreamFailed,
    /// Genesys failed again and again, and is not called for a moment.
    UpstreamSpared,
    /// A change was sent, and what became of it is unknown.
    EffectUnknown,
    /// Genesys's login gives no token.
    UpstreamLoginFailed,
    /// Genesys did not answer in time.
    UpstreamTimedOut,
    /// The answer is larger than is read.
    AnswerTooLarge,
    /// The answers under way leave no room for this one.
    AnswerMemoryFull {
        /// Whether the request was sent: then it says that the answer is large.
        sent: bool,
    },
    /// The answer does not have the promised shape; how is for the log.
    AnswerRefused(String),
    /// As many requests are under way as may be.
    Crowded,
    /// The record cannot be written.
    NotRecorded,
    /// The record cannot be read, or too many read it.
    RecordUnreadable,
    /// The state could not be confirmed against the store for too long.
    StateUnconfirmed,
    /// A defect of ours.
    Internal,
}

impl Failure {
    /// None of these carries a `Retry-After`: an SDK would repeat even a write by itself.
    pub(super) fn shown(&self) -> Shown<'static> {
        use StatusCode as S;
        const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
        match self {
            Self::UpstreamFailed => {
                (S::BAD_GATEWAY, "ringfence.upstream_failed", "Genesys Cloud cannot be reached or failed.")
            }
            Self::UpstreamSpared => (
                BUSY,
                "ringfence.upstream_unavailable",
                "Genesys Cloud has failed again and again; nothing was sent. Try again in a few seconds.",
            ),
            Self::EffectUnknown => (
                S::BAD_GATEWAY,
                "ringfence.effect_unknown",
                "The request was sent to Genesys Cloud, and whether it took effect cannot be told. Read the object \
                 before you send it again.",
            ),
            Self::UpstreamLoginFailed => (
                S::BAD_GATEWAY,
                "ringfence.upstream_login_failed",
                "Genesys Cloud's login gives the gateway no token. Your operator can see why.",
            ),
            Self::UpstreamTimedOut => {
                (S::GATEWAY_TIMEOUT, "ringfence.upstream_timed_out", "Genesys Cloud did not answer in time.")
            }
            Self::AnswerTooLarge => (
                S::BAD_GATEWAY,
                "ringfence.answer_too_large",
                "The answer is too large. Ask for smaller pages or a shorter interval.",
            ),
            Self::AnswerMemoryFull { .. } => (
                BUSY,
                "ringfence.answer_memory_full",
                "Too many large answers are under way. Ask for smaller pages, or try again in a moment.",
            ),
            Self::AnswerRefused(_) => (
                S::BAD_GATEWAY,
                "ringfence.answer_refused",
                "The answer does not have the promised shape, so it was not passed on.",
            ),
            Self::Crowded => {
                (BUSY, "ringfence.crowded", "Too many requests are under way. Try again in a moment.")
            }
            Self::NotRecorded => {
                (BUSY, "ringfence.not_recorded", "The call cannot be recorded, so it is not answered.")
            }
            Self::RecordUnreadable => (
                BUSY,
                "ringfence.record_unreadable",
                "The record cannot be read now. Try again later, or ask for a shorter time.",
            ),
            Self::StateUnconfirmed => (
                BUSY,
                "ringfence.state_unconfirmed",
                "The gateway cannot confirm what is permitted, so nothing is answered.",
            ),
            Self::Internal => {
                (S::INTERNAL_SERVER_ERROR, "ringfence.internal", "The gateway failed; nothing was passed on.")
            }
        }
    }
}
