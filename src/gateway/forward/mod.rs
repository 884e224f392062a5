//! Step four: the scoped request goes to Genesys while its record is committed.

mod change;
mod several;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tracing::Instrument;

use self::several::{Collected, Stopped, Way};
use super::{
    authorize::Permit,
    denial::{Denial, Failure, Limited},
    guard::{self, Against},
    listed::{OwnList, Turn},
    scope::{Form, Owned, Ready, note_sent},
};
use crate::{
    audit::Record,
    directory::Directory,
    upstream::{Effect, Share, Upstream, UpstreamAnswer, UpstreamError, told_to_wait},
};

/// An answer that nobody has looked at yet; it cannot be returned. Made here alone.
#[derive(Debug)]
pub(super) struct Answer {
    permit: Permit,
    form: Form,
    owned: Owned,
    received: Received,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Received {
    /// One answer.
    One(UpstreamAnswer),
    /// What several answers held of the tenant's own.
    Collected {
        /// The entities, judged.
        collected: Collected,
        /// Whoever waits for the list waits until it is kept.
        _turn: Option<Turn>,
    },
    /// Nothing was asked: the list was read and checked a moment ago.
    Kept(OwnList),
}

impl Received {
    /// What was made of it, with the room that it takes until it is released.
    pub(super) fn keep(self, body: Bytes) -> Bytes {
        match self {
            Self::One(answer) => answer.held.keep(body),
            Self::Collected { collected, .. } => match collected.into_held() {
                Some(held) => held.keep(body),
                None => body,
            },
            Self::Kept(_) => body,
        }
    }
}

impl Answer {
    /// For a look over it.
    pub(super) fn parts(&self) -> (&Permit, &Form, &Owned, &Received) {
        (&self.permit, &self.form, &self.owned, &self.received)
    }

    /// What it is held against, to be read where it was not yet.
    pub(super) fn held_against(&mut self) -> (&Permit, &mut Owned) {
        (&self.permit, &mut self.owned)
    }

    /// What one exchange was answered.
    pub(super) fn told(&self) -> Option<(StatusCode, &Bytes)> {
        if let Received::One(answer) = &self.received { Some((answer.status, &answer.body)) } else { None }
    }

    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    pub(super) fn into_parts(self) -> (Permit, Form, Owned, Received) {
        (self.permit, self.form, self.owned, self.received)
    }
}

/// Sends what may be sent. The record of a read is committed beside it: whichever takes longer hides the other. A write
/// is not sent before its record is committed.
///
/// `confirm` is asked again right before anything is sent, and before it is repeated.
pub(super) async fn forward(
    upstream: &Upstream,
    directory: &Directory,
    against: Against<'_>,
    ready: Ready,
    record: &mut Record,
    confirm: impl Fn(&Permit) -> Result<(), Denial> + Sync,
) -> Result<Answer, Denial> {
    let (permit, request, form, owned, proofs) = ready.into_parts();
    note_sent(&request, record);
    let committed = record.intend();
    let holds = || confirm(&permit).is_ok();
    let effect = if permit.operation().is_write() { Effect::Writes } else { Effect::Reads };
    let share = Share::Of(&permit.caller().tenant().tenant().id, permit.caller().tenant().portion());
    let way = Way { upstream, against, permit: &permit, owned: &owned, holds: &holds };
    // Boxed: nearly all requests do with one exchange, and would carry the size of more.
    let sent = async {
        let_others_come().await;
        match &form {
            _ if effect == Effect::Writes => Box::pin(change::change(&way, directory, request, proofs)).await,
            Form::Listed(page) => Box::pin(several::listed(&way, request, page)).await,
            Form::Each(alone) => Box::pin(several::each(&way, request, alone)).await,
            Form::Parts(parts) => Box::pin(several::parts(&way, parts)).await,
            Form::Upstream
            | Form::Users(_)
            | Form::Named(_)
            | Form::Groups
            | Form::Opened(_)
            | Form::Turned(_) => {
                let sent = upstream.send(way.behalf(share), request, effect).await;
                sent.map(Received::One).map_err(Stopped::Failed)
            }
        }
    };
    let sent = sent.instrument(tracing::info_span!("upstream", otel.kind = "client"));
    let not_recorded = |_| Denial::Failed(Failure::NotRecorded);
    let ((answer, exchanged), recorded) = if effect == Effect::Writes {
        let (committed, recorded) = timed(committed).await;
        committed.map_err(not_recorded)?;
        record.change_sent = true;
        (timed(sent).await, recorded)
    } else {
        let ((committed, recorded), sent) = tokio::join!(timed(committed), timed(sent));
        // Without its record there is no answer, whatever came back.
        committed.map_err(not_recorded)?;
        (sent, recorded)
    };
    record.ended.durations_us.record = Some(recorded);
    record.ended.durations_us.upstream = Some(exchanged);
    let received = answer.map_err(|why| match why {
        // What was withdrawn may be back by now: the call was not made, and is not made after all.
        Stopped::Failed(UpstreamError::Withdrawn) => {
            confirm(&permit).err().unwrap_or(Denial::PermitWithdrawn)
        }
        Stopped::Failed(error) => guard::withhold(permit.operation(), denial(&error, effect), record),
        Stopped::Denied(denial) => guard::withhold(permit.operation(), denial, record),
    })?;
    note(&received, record);
    match &received {
        Received::One(answer) if answer.status == StatusCode::TOO_MANY_REQUESTS => {
            Err(Limited::told(told_to_wait(&answer.headers)).into())
        }
        Received::One(_) | Received::Collected { .. } | Received::Kept(_) => {
            Ok(Answer { permit, form, owned, received })
        }
    }
}

/// What upstream said of itself.
fn note(received: &Received, record: &mut Record) {
    let (status, id) = match received {
        Received::One(answer) => (answer.status, correlation(answer)),
        Received::Collected { collected, .. } => {
            record.ended.upstream_answers = Some(collected.answers).filter(|answers| *answers > 1);
            let Some((status, id)) = &collected.last else { return };
            (*status, id.clone())
        }
        Received::Kept(_) => return,
    };
    record.ended.upstream_status = Some(status.as_u16());
    record.ended.upstream_correlation_id = id;
}

/// Upstream's own id of an answer.
fn correlation(answer: &UpstreamAnswer) -> Option<String> {
    let id = answer.headers.get("inin-correlation-id")?.to_str().ok()?;
    Some(id.chars().take(64).collect())
}

/// Lets the other requests that are ready come as far as this one, so that what goes out goes out together: a peer that
/// falls asleep between two messages has to be woken for each, which costs more than the message.
pub(super) async fn let_others_come() {
    tokio::task::yield_now().await;
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

pub(super) fn denial(error: &UpstreamError, effect: Effect) -> Denial {
    tracing::warn!(error = error as &dyn std::error::Error, "no answer from Genesys");
    let failure = match error {
        UpstreamError::Withdrawn => return Denial::PermitWithdrawn,
        UpstreamError::Waiting { left } => return Limited::waiting(*left).into(),
        UpstreamError::Exhausted { left, allowed } => {
            return Denial::OverShare(Limited::share(*left, *allowed));
        }
        after if effect == Effect::Writes && after.came_after_sending() => Failure::EffectUnknown,
        UpstreamError::NoToken { .. } => Failure::UpstreamLoginFailed,
        UpstreamError::Spared => Failure::UpstreamSpared,
        UpstreamError::TimedOut => Failure::UpstreamTimedOut,
        UpstreamError::TooLarge { .. } => Failure::AnswerTooLarge,
        UpstreamError::NoRoom { sent } => Failure::AnswerMemoryFull { sent: *sent },
        UpstreamError::Malformed { why } => Failure::AnswerRefused(why.clone()),
        UpstreamError::Unreachable { .. }
        | UpstreamError::Unsendable { .. }
        | UpstreamError::Broken { .. }
        | UpstreamError::Unauthorized { .. } => Failure::UpstreamFailed,
    };
    Denial::Failed(failure)
}
