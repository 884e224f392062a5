//! What is answered to a call that was sent before, where that is not the first one's answer.

use http::StatusCode;

/// Why a repeat is refused. Nothing was sent for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Repeat {
    /// The key belongs to a call that asked for something else.
    Reused,
    /// The first call is under way.
    InProgress,
    /// Nobody knows whether the first call took effect.
    EffectUnknown,
    /// The first call succeeded, and its answer was too large to be kept.
    AnswerTooLarge,
    /// The first call was answered under more than is permitted now.
    AnswerWithheld,
    /// The tenant holds as many claims as it may.
    TooMany,
}

impl Repeat {
    /// Status, code and message. None of them carries a `Retry-After`: SDKs would repeat it by themselves.
    pub(in crate::gateway) fn shown(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Reused => (
                S::UNPROCESSABLE_ENTITY,
                "ringfence.idempotency_key_reused",
                "This `Idempotency-Key` came with another request before. Take a new key for each new request.",
            ),
            Self::InProgress => (
                S::CONFLICT,
                "ringfence.idempotency_in_progress",
                "The first request with this `Idempotency-Key` is under way, so this one was not sent. Send it again when \
                 the first one must have ended.",
            ),
            Self::EffectUnknown => (
                S::CONFLICT,
                "ringfence.idempotency_effect_unknown",
                "Whether the first request with this `Idempotency-Key` took effect cannot be told, so this one was not sent. \
                 Look whether what it was to make is there; if not, send it with a new key.",
            ),
            Self::AnswerTooLarge => (
                S::CONFLICT,
                "ringfence.idempotency_answer_not_kept",
                "The first request with this `Idempotency-Key` succeeded, and its answer was too large to be kept. Read what it \
                 made; this one was not sent.",
            ),
            Self::AnswerWithheld => (
                S::FORBIDDEN,
                "ringfence.idempotency_answer_withheld",
                "The first request with this `Idempotency-Key` was answered under more than you are permitted now, so its answer \
                 is not shown again, and this one was not sent.",
            ),
            Self::TooMany => (
                S::TOO_MANY_REQUESTS,
                "ringfence.idempotency_keys_used_up",
                "You sent as many requests with an `Idempotency-Key` within 24 hours as can be kept. Send it without one, or \
                 later.",
            ),
        }
    }
}
