//! Step four: the scoped request goes to Genesys while its record is committed.

use std::time::{Duration, Instant};

use http::StatusCode;
use tracing::Instrument;

use super::{
    authorize::Permit,
    denial::{Denial, Failure, Limited},
    digest, guard,
    scope::{Form, Scoped},
};
use crate::{
    audit::Record,
    upstream::{Effect, Upstream, UpstreamAnswer, UpstreamError, told_to_wait},
};

/// An answer that nobody has looked at yet; it cannot be returned. Made here alone.
#[derive(Debug)]
pub(super) struct Answer {
    permit: Permit,
    form: Form,
    received: UpstreamAnswer,
}

impl Answer {
    pub(super) fn into_parts(self) -> (Permit, Form, UpstreamAnswer) {
        (self.permit, self.form, self.received)
    }
}

/// Sends a read. The record is committed beside it: whichever takes longer hides the other.
///
/// `confirm` is asked again right before anything is sent, and before it is repeated.
pub(super) async fn forward(
    upstream: &Upstream,
    scoped: Scoped,
    record: &mut Record,
    confirm: impl Fn(&Permit) -> Result<(), Denial> + Sync,
) -> Result<Answer, Denial> {
    let (permit, request, form) = scoped.into_parts();
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    record.call.request_after = Some(digest(query.as_bytes(), &request.body));
    let committed = record.intend();
    let holds = || confirm(&permit).is_ok();
    let effect = if permit.operation().is_write() { Effect::Writes } else { Effect::Reads };
    let sent = upstream.send(permit.caller().tenant().account(), request, effect, &holds);
    let sent = sent.instrument(tracing::info_span!("upstream", otel.kind = "client"));
    let ((committed, recorded), (answer, exchanged)) = tokio::join!(timed(committed), timed(sent));
    record.ended.durations_us.record = Some(recorded);
    record.ended.durations_us.upstream = Some(exchanged);
    // Without its record there is no answer, whatever came back.
    committed.map_err(|_| Denial::Failed(Failure::NotRecorded))?;
    let answer = match answer {
        Ok(answer) => answer,
        // What was withdrawn may be back by now: the call was not made, and is not made after all.
        Err(UpstreamError::Withdrawn) => {
            return Err(confirm(&permit).err().unwrap_or(Denial::PermitWithdrawn));
        }
        Err(error) => return Err(guard::withhold(permit.operation(), denial(&error, effect), record)),
    };
    record.ended.upstream_status = Some(answer.status.as_u16());
    record.ended.upstream_correlation_id = answer
        .headers
        .get("inin-correlation-id")
        .and_then(|id| id.to_str().ok())
        .map(|id| id.chars().take(64).collect());
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Limited::told(told_to_wait(&answer.headers)).into());
    }
    if effect == Effect::Writes && answer.status.is_server_error() {
        return Err(Failure::EffectUnknown.into());
    }
    Ok(Answer { permit, form, received: answer })
}

/// What a future makes, and how many microseconds it took.
async fn timed<T>(work: impl Future<Output = T>) -> (T, u64) {
    let begun = Instant::now();
    let made = work.await;
    (made, microseconds(begun.elapsed()))
}

/// In microseconds, as the record has it.
pub(super) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn denial(error: &UpstreamError, effect: Effect) -> Denial {
    tracing::warn!(error = error as &dyn std::error::Error, "no answer from Genesys");
    let failure = match error {
        UpstreamError::Withdrawn => return Denial::PermitWithdrawn,
        UpstreamError::Waiting { left } => return Limited::waiting(*left).into(),
        after if effect == Effect::Writes && after.came_after_sending() => Failure::EffectUnknown,
        UpstreamError::NoToken { .. } => Failure::UpstreamLoginFailed,
        UpstreamError::Spared => Failure::UpstreamSpared,
        UpstreamError::TimedOut => Failure::UpstreamTimedOut,
        UpstreamError::TooLarge { .. } => Failure::AnswerTooLarge,
        UpstreamError::NoRoom => Failure::AnswerMemoryFull,
        UpstreamError::Malformed { why } => Failure::AnswerRefused(why.clone()),
        UpstreamError::Unreachable { .. }
        | UpstreamError::Unsendable { .. }
        | UpstreamError::Broken { .. }
        | UpstreamError::Unauthorized { .. } => Failure::UpstreamFailed,
    };
    Denial::Failed(failure)
}
