//! Step four: the scoped request goes to Genesys while its record is committed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde::{Deserialize, de::IgnoredAny};
use tracing::Instrument;

use super::{
    authorize::Permit,
    denial::{Denial, Failure, Limited},
    digest, guard,
    listed::{ListedPage, Lists, MAX_PAGES, OwnList},
    scope::{Form, Scoped},
};
use crate::{
    audit::Record,
    model::ServiceAccount,
    upstream::{Effect, Held, Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest, told_to_wait},
};

/// All pages of one list together.
const MAX_LIST_BYTES: usize = 64 << 20;
/// How many ids are asked for beside each other, where each is asked for alone.
const AT_ONCE: usize = 8;
/// All of them together.
const LONGEST_EACH: Duration = Duration::from_secs(30);

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
    Pages(Vec<UpstreamAnswer>),
    /// Nothing was asked: the list was read and checked a moment ago.
    Kept(OwnList),
}

impl Received {
    /// What ended it.
    fn last(&self) -> Option<&UpstreamAnswer> {
        match self {
            Self::One(answer) => Some(answer),
            Self::Pages(pages) => pages.last(),
            Self::Kept(_) => None,
        }
    }

    /// What was made of it, with the room that it takes until it is released.
    pub(super) fn keep(self, body: Bytes) -> Bytes {
        match self {
            Self::One(answer) => answer.held.keep(body),
            Self::Pages(pages) => match pages.into_iter().map(|page| page.held).reduce(Held::join) {
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
    let account = permit.caller().tenant().account();
    let sent = async {
        match &form {
            Form::Listed(page) => {
                if let Some(list) = lists.find(&permit, page) {
                    return Ok(Received::Kept(list));
                }
                let pages = Box::pin(pages(upstream, account, request, page, &holds)).await;
                pages.map(Received::Pages)
            }
            Form::Each(requests) => Box::pin(each(upstream, account, request, requests, &holds)).await,
            Form::Upstream | Form::Users(_) => {
                upstream.send(account, request, effect, &holds).await.map(Received::One)
            }
        }
    };
    let sent = sent.instrument(tracing::info_span!("upstream", otel.kind = "client"));
    let not_recorded = |_| Denial::Failed(Failure::NotRecorded);
    let ((answer, exchanged), recorded) = if effect == Effect::Writes {
        let (committed, recorded) = timed(committed).await;
        committed.map_err(not_recorded)?;
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
        Err(error) => {
            match (guard::withhold(permit.operation(), denial(&error, effect), record), &form) {
                // Among ids, what cannot be passed on is missing from the list.
                (Denial::NotFound, Form::Each(_)) => Received::Pages(Vec::new()),
                (denial, _) => return Err(denial),
            }
        }
    };
    if let Some(answer) = received.last() {
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

/// All pages of a list, one after another; up to the first that is refused, which is then all there is.
async fn pages(
    upstream: &Upstream,
    account: &Arc<ServiceAccount>,
    request: UpstreamRequest,
    page: &ListedPage,
    holds: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<UpstreamAnswer>, UpstreamError> {
    let mut read = Vec::new();
    let mut bytes = 0;
    for number in 1..=MAX_PAGES {
        let request = UpstreamRequest { path_and_query: page.upstream(number), ..request.clone() };
        let answer = upstream.send(account, request, Effect::Reads, holds).await?;
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

/// Several ids at once; where that is refused for one of them, each alone, so that it is missing as if it were not there.
async fn each(
    upstream: &Upstream,
    account: &Arc<ServiceAccount>,
    whole: UpstreamRequest,
    requests: &[UpstreamRequest],
    holds: &(dyn Fn() -> bool + Sync),
) -> Result<Received, UpstreamError> {
    let whole = upstream.send(account, whole, Effect::Reads, holds).await;
    if requests.len() < 2 || !is_of_one(&whole) {
        return whole.map(Received::One);
    }
    let alone = stream::iter(requests.iter().cloned())
        .map(|request| upstream.send(account, request, Effect::Reads, holds))
        .buffered(AT_ONCE);
    let answers = tokio::time::timeout(LONGEST_EACH, alone.collect::<Vec<_>>()).await;
    let mut pages = Vec::new();
    for answer in answers.map_err(|_| UpstreamError::TimedOut)? {
        match answer {
            Ok(answer) if answer.status == StatusCode::OK => pages.push(answer),
            answer if is_of_one(&answer) => {}
            answer => return answer.map(Received::One),
        }
    }
    Ok(Received::Pages(pages))
}

/// Whether a refusal or a failure may be for one of the ids alone, and not for the account, its limit or the time.
fn is_of_one(answer: &Result<UpstreamAnswer, UpstreamError>) -> bool {
    match answer {
        Ok(answer) => {
            let of_all = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
            answer.status.is_client_error() && !of_all.contains(&answer.status)
        }
        Err(error) => matches!(
            error,
            UpstreamError::TooLarge { .. } | UpstreamError::NoRoom | UpstreamError::Malformed { .. }
        ),
    }
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
        UpstreamError::NoRoom => Failure::AnswerMemoryFull,
        UpstreamError::Malformed { why } => Failure::AnswerRefused(why.clone()),
        UpstreamError::Unreachable { .. }
        | UpstreamError::Unsendable { .. }
        | UpstreamError::Broken { .. }
        | UpstreamError::Unauthorized { .. } => Failure::UpstreamFailed,
    };
    Denial::Failed(failure)
}
