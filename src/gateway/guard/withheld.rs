//! What is not passed on must not say that there is something; and what changed something must not be told as if it had not.

use crate::{
    audit::Record,
    catalog::Operation,
    gateway::denial::{Denial, Failure},
};

use super::refusal::is_by_id;

/// Once a change was answered, it counts as refused only where Genesys said that it refused it: all else, also what was
/// withdrawn since, must not be told as if nothing had been done.
pub(in crate::gateway) fn settle(operation: &Operation, denial: Denial, record: &Record) -> Denial {
    let is_refused =
        matches!(denial, Denial::NotFound | Denial::UpstreamRefused(_) | Denial::UpstreamLimited(_));
    if !operation.is_write() || is_refused {
        return denial;
    }
    tracing::error!(event.id = %record.id(), operation.name = %operation.id, ?denial, "whether a change was made is unknown");
    Denial::Failed(Failure::EffectUnknown)
}

/// By id, an answer that cannot be passed on would say that there is something: it is shown as one that found nothing.
pub(in crate::gateway) fn withhold(operation: &Operation, denial: Denial, record: &mut Record) -> Denial {
    if is_by_id(operation) { hide(operation, denial, record) } else { denial }
}

/// What cannot be passed on looks as if there were nothing.
pub(in crate::gateway) fn hide(operation: &Operation, denial: Denial, record: &mut Record) -> Denial {
    let Some(why) = withheld(&denial) else { return denial };
    note_withheld(operation, why, record);
    Denial::NotFound
}

pub(super) fn note_withheld(operation: &Operation, why: &'static str, record: &mut Record) {
    tracing::warn!(event.id = %record.id(), operation.name = %operation.id, why, "an answer was withheld");
    record.ended.withheld = Some(why);
}

/// Why there is an answer that cannot be passed on: that alone would say that there is something.
pub(in crate::gateway) fn withheld(denial: &Denial) -> Option<&'static str> {
    match denial {
        Denial::Failed(Failure::AnswerRefused(_)) => Some("answer_refused"),
        Denial::Failed(Failure::AnswerTooLarge) => Some("answer_too_large"),
        Denial::Failed(Failure::AnswerMemoryFull { sent: true }) => Some("answer_memory_full"),
        Denial::Credential(_)
        | Denial::OperationUnknown
        | Denial::OperationDenied(_)
        | Denial::Invalid(_)
        | Denial::NotPermitted
        | Denial::FieldMasked(_)
        | Denial::AgentsNotDedicated
        | Denial::DivisionNotPermitted
        | Denial::PolicyFailed
        | Denial::PermitWithdrawn
        | Denial::NotFound
        | Denial::UpstreamRefused(_)
        | Denial::UpstreamLimited(_)
        | Denial::OverShare(_)
        | Denial::OverLimit(_)
        | Denial::Repeat(_)
        | Denial::Failed(_) => None,
    }
}
