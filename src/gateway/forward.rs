//! Step four: the scoped request goes to Genesys while its record is committed.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};
use tokio::time::timeout_at;
use tracing::Instrument;

use super::{
    authorize::Permit,
    denial::{Denial, Failure, Limited},
    digest, guard,
    listed::{Found, ListedPage, Lists, MAX_PAGES, OwnList, Turn},
    scope::{Form, Scoped},
};
use crate::{
    audit::Record,
    upstream::{Effect, Held, Share, Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest, told_to_wait},
};

/// All pages of one list together.
const MAX_LIST_BYTES: usize = 64 << 20;

/// An answer that nobody has looked at yet; it cannot be returned. Made here alone.
#[derive(Debug)]
pub(super) struct Answer {
    permit: Permit,
    form: Form,
    received: Received,
}

/// What came back.
#[derive(Debug)]
pub(super) enum Received {
    /// One answer.
    One(UpstreamAnswer),
    /// All pages of a list, the last of them what ended it.
    Pages {
        /// The answers.
        pages: Vec<UpstreamAnswer>,
        /// Whoever waits for the list waits until it is kept.
        _turn: Turn,
    },
    /// Nothing was asked: the list was read and checked a moment ago.
    Kept(OwnList),
}

impl Received {
    /// What was made of it, with the room that it takes until it is released.
    pub(super) fn keep(self, body: Bytes) -> Bytes {
        match self {
            Self::One(answer) => answer.held.keep(body),
            Self::Pages { pages, .. } => match pages.into_iter().map(|page| page.held).reduce(Held::join) {
                Some(held) => held.keep(body),
                None => body,
            },
            Self::Kept(_) => body,
        }
    }
}

impl Answer {
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The one answer, to look for what has to be looked up.
    pub(super) fn received(&self) -> &Received {
        &self.received
    }

    pub(super) fn into_parts(self) -> (Permit, Form, Received) {
        (self.permit, self.form, self.received)
    }
}

/// Sends what was scoped. The record of a read is committed beside it: whichever takes longer hides the other. A write
/// is not sent before its record is committed.
///
/// `confirm` is asked again right before anything is sent, and before it is repeated.
pub(super) async fn forward(
    upstream: &Upstream,
    lists: &Lists,
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
    let (tenant, account) = (&permit.caller().tenant().tenant().id, permit.caller().tenant().account());
    let sent = async {
        match &form {
            Form::Listed(page) => Box::pin(listed(upstream, lists, &permit, request, page, &holds)).await,
            Form::Upstream | Form::Users(_) => {
                upstream.send(Share::Of(tenant), account, request, effect, &holds).await.map(Received::One)
            }
        }
    };
    let sent = sent.instrument(tracing::info_span!("upstream", otel.kind = "client"));
    let not_recorded = |_| Denial::Failed(Failure::NotRecorded);
    let ((answer, exchanged), recorded) = if effect == Effect::Writes {
        let (committed, recorded) = timed(committed).await;
        committed.map_err(not_recorded)?;
        record.changes = true;
        (timed(sent).await, recorded)
    } else {
        let ((committed, recorded), sent) = tokio::join!(timed(committed), timed(sent));
        // Without its record there is no answer, whatever came back.
        committed.map_err(not_recorded)?;
        (sent, recorded)
    };
    record.ended.durations_us.record = Some(recorded);
    record.ended.durations_us.upstream = Some(exchanged);
    let received = match answer {
        Ok(received) => received,
        // What was withdrawn may be back by now: the call was not made, and is not made after all.
        Err(UpstreamError::Withdrawn) => {
            return Err(confirm(&permit).err().unwrap_or(Denial::PermitWithdrawn));
        }
        Err(error) => return Err(guard::withhold(permit.operation(), denial(&error, effect), record)),
    };
    let last = match &received {
        Received::One(answer) => Some(answer),
        Received::Pages { pages, .. } => pages.last(),
        Received::Kept(_) => None,
    };
    if let Some(answer) = last {
        note(answer, record);
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Limited::told(told_to_wait(&answer.headers)).into());
        }
    }
    Ok(Answer { permit, form, received })
}

/// What upstream said of itself.
fn note(answer: &UpstreamAnswer, record: &mut Record) {
    record.ended.upstream_status = Some(answer.status.as_u16());
    record.ended.upstream_correlation_id = answer
        .headers
        .get("inin-correlation-id")
        .and_then(|id| id.to_str().ok())
        .map(|id| id.chars().take(64).collect());
}

/// What says that a list goes on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Turning {
    #[serde(default)]
    next_uri: Option<IgnoredAny>,
}

/// A list that is kept, or all its pages: one call reads them, in the time that there is for one exchange.
async fn listed(
    upstream: &Upstream,
    lists: &Lists,
    permit: &Permit,
    request: UpstreamRequest,
    page: &ListedPage,
    holds: &(dyn Fn() -> bool + Sync),
) -> Result<Received, UpstreamError> {
    let read = async {
        match lists.find(permit, page).await {
            Found::Kept(list) => Ok(Received::Kept(list)),
            Found::Turn(turn) => {
                let pages = pages(upstream, permit, request, page, holds).await?;
                Ok(Received::Pages { pages, _turn: turn })
            }
        }
    };
    timeout_at(lists.deadline(), read).await.unwrap_or(Err(UpstreamError::TimedOut))
}

/// All pages of a list, one after another; up to the first that is refused, which is then all there is.
async fn pages(
    upstream: &Upstream,
    permit: &Permit,
    request: UpstreamRequest,
    page: &ListedPage,
    holds: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<UpstreamAnswer>, UpstreamError> {
    let (tenant, account) = (&permit.caller().tenant().tenant().id, permit.caller().tenant().account());
    let mut read = Vec::new();
    let mut bytes = 0;
    for number in 1..=MAX_PAGES {
        let request = UpstreamRequest { path_and_query: page.upstream(number), ..request.clone() };
        // The pages before are held meanwhile.
        let share = if read.is_empty() { Share::Of(tenant) } else { Share::MoreOf(tenant) };
        let answer = upstream.send(share, account, request, Effect::Reads, holds).await?;
        if answer.status != StatusCode::OK {
            return Ok(vec![answer]);
        }
        bytes += answer.body.len();
        if bytes > MAX_LIST_BYTES {
            return Err(UpstreamError::TooLarge { limit: MAX_LIST_BYTES });
        }
        let turning = serde_json::from_slice::<Turning>(&answer.body);
        read.push(answer);
        if !turning.is_ok_and(|page| page.next_uri.is_some()) {
            return Ok(read);
        }
    }
    Err(UpstreamError::TooLarge { limit: MAX_LIST_BYTES })
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
