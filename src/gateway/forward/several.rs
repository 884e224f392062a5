//! Calls that take several exchanges: the pages of a list, and ids that are asked for one by one.
//!
//! Each answer is judged as it comes, and only what is the tenant's own is kept of it: what is held does not grow with
//! what is others'.

use std::{borrow::Cow, collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use http::StatusCode;
use serde::Deserialize;
use tokio::time::{timeout, timeout_at};

use super::{Received, denial};
use crate::{
    gateway::{
        authorize::Permit,
        denial::{Denial, Failure},
        guard::{self, Against, Counts, Own},
        listed::{Found, ListedPage, MAX_PAGES, Turn},
        scope::{Owned, Part},
    },
    upstream::{
        Behalf, Effect, Held, Share, Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest, refuses_any,
    },
};

/// What is the tenant's own of one list.
const MAX_LIST_BYTES: usize = 64 << 20;
/// How many ids are asked for beside each other, where each is asked for alone.
const AT_ONCE: usize = 8;
/// How many parts of a query are asked for beside each other.
const PARTS_AT_ONCE: usize = 4;
/// All of them together.
const LONGEST_EACH: Duration = Duration::from_secs(30);

/// Why there is nothing to be judged further.
pub(super) enum Stopped {
    /// There is no answer.
    Failed(UpstreamError),
    /// There is one that cannot be passed on.
    Denied(Denial),
}

impl From<UpstreamError> for Stopped {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}

impl From<Denial> for Stopped {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

/// The tenant's own of several answers, each judged as it came.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Collected {
    /// Its entities, in the order of the answers.
    pub(in crate::gateway) items: Vec<Arc<str>>,
    /// What was not among them.
    pub(in crate::gateway) counts: Counts,
    /// Why an answer was taken for one that found nothing.
    pub(in crate::gateway) withheld: Option<&'static str>,
    /// The last answer's status, and upstream's id of it.
    pub(super) last: Option<(StatusCode, Option<String>)>,
    /// How many there were.
    pub(super) answers: u64,
    // The room of what is kept.
    held: Option<Held>,
    bytes: usize,
}

impl Collected {
    fn take(&mut self, way: &Way<'_>, answer: UpstreamAnswer) -> Result<(), Denial> {
        self.note(&answer);
        let own = guard::own(way.against, way.permit, way.owned, &answer)?;
        self.keep(answer, own)
    }

    fn add(&mut self, answer: UpstreamAnswer, own: Own) -> Result<(), Denial> {
        self.note(&answer);
        self.keep(answer, own)
    }

    fn keep(&mut self, answer: UpstreamAnswer, own: Own) -> Result<(), Denial> {
        self.counts.add(own.counts);
        let bytes: usize = own.items.iter().map(|item| item.len()).sum();
        self.bytes += bytes;
        if self.is_too_large() {
            return Err(Failure::AnswerTooLarge.into());
        }
        self.items.extend(own.items);
        let mut held = answer.held;
        held.shrink_to(bytes);
        self.held = Some(match self.held.take() {
            Some(before) => before.join(held),
            None => held,
        });
        Ok(())
    }

    fn is_too_large(&self) -> bool {
        self.bytes > MAX_LIST_BYTES
    }

    fn note(&mut self, answer: &UpstreamAnswer) {
        self.last = Some((answer.status, super::correlation(answer)));
        self.answers += 1;
    }

    pub(super) fn into_held(self) -> Option<Held> {
        self.held
    }
}

/// Who asks, and what the answers are judged by.
pub(super) struct Way<'w> {
    pub(super) upstream: &'w Upstream,
    pub(super) against: Against<'w>,
    pub(super) permit: &'w Permit,
    pub(super) owned: &'w Owned,
    /// Asked right before each exchange.
    pub(super) holds: &'w (dyn Fn() -> bool + Sync),
}

impl<'w> Way<'w> {
    /// The caller's, in this share.
    pub(super) fn behalf(&self, share: Share<'w>) -> Behalf<'w> {
        let account = self.permit.caller().tenant().account();
        let (until, sent) = (self.permit.until(), Some(self.permit.sent()));
        Behalf { share, account, until, sent, confirm: self.holds }
    }

    /// A read; `is_first` where the call holds nothing else meanwhile.
    async fn read(&self, request: UpstreamRequest, is_first: bool) -> Result<UpstreamAnswer, UpstreamError> {
        let tenant = self.permit.caller().tenant();
        let (id, portion) = (&tenant.tenant().id, tenant.portion());
        let share = if is_first { Share::Of(id, portion) } else { Share::MoreOf(id, portion) };
        self.upstream.send(self.behalf(share), request, Effect::Reads).await
    }
}

/// What says that a list goes on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Turning {
    #[serde(default)]
    next_uri: Option<String>,
}

/// A list that is kept, or all its pages: one call reads them, in the time that there is for one exchange.
pub(super) async fn listed(
    way: &Way<'_>,
    request: UpstreamRequest,
    page: &ListedPage,
) -> Result<Received, Stopped> {
    let lists = way.against.lists;
    let read = async {
        match lists.find(way.permit, page).await {
            Found::Kept(list) => Ok(Received::Kept(list)),
            Found::Turn(turn) => pages(way, request, page, turn).await,
        }
    };
    timeout_at(lists.deadline(), read).await.unwrap_or(Err(UpstreamError::TimedOut.into()))
}

/// All pages of a list, one after another; or the first that is refused, which is then all there is.
async fn pages(
    way: &Way<'_>,
    request: UpstreamRequest,
    page: &ListedPage,
    turn: Turn,
) -> Result<Received, Stopped> {
    let mut collected = Collected::default();
    let mut told: Option<String> = None;
    for number in 1..=MAX_PAGES {
        let Some(path_and_query) = page.upstream(number, told.as_deref()) else {
            page.arrange(&mut collected.items);
            return Ok(Received::Collected { collected, _turn: Some(turn) });
        };
        let request = UpstreamRequest { path_and_query, ..request.clone() };
        let answer = way.read(request, number == 1).await?;
        if answer.status != StatusCode::OK {
            return Ok(Received::One(answer));
        }
        let next = serde_json::from_slice::<Turning>(&answer.body).ok().and_then(|turning| turning.next_uri);
        collected.take(way, answer)?;
        let is_last = match next {
            Some(link) if page.turning.is_some() => {
                told = page.next(&link).map(Cow::into_owned);
                told.is_none()
            }
            Some(_) => false,
            None => page.is_told_its_end(),
        };
        if is_last {
            return Ok(Received::Collected { collected, _turn: Some(turn) });
        }
    }
    Err(Denial::from(Failure::AnswerTooLarge).into())
}

/// What several queries find, each its own part; or the first that is refused, which is then all there is.
pub(super) async fn parts(way: &Way<'_>, parts: &[Part]) -> Result<Received, Stopped> {
    let mut collected = Collected::default();
    let parts: Vec<_> = parts.iter().cloned().enumerate().collect();
    let asked = stream::iter(parts).map(|(number, part)| async move {
        let answer = way.read(part.request.clone(), number == 0).await;
        (part, answer)
    });
    let read = async {
        let mut answers = pin!(asked.buffered(PARTS_AT_ONCE));
        while let Some((part, answer)) = answers.next().await {
            let answer = answer?;
            if answer.status != StatusCode::OK {
                return Ok(Received::One(answer));
            }
            let own = guard::own_part(way.against, way.permit, way.owned, &answer, &part)?;
            collected.add(answer, own)?;
        }
        Ok(Received::Collected { collected, _turn: None })
    };
    timeout(LONGEST_EACH, read).await.map_err(|_| UpstreamError::TimedOut)?
}

/// Several ids at once; where that fails for one of them, each alone, so that it is missing as if it were not there and
/// the others are shown as if it had not been named.
pub(super) async fn each(
    way: &Way<'_>,
    whole: UpstreamRequest,
    alone: &[UpstreamRequest],
) -> Result<Received, Stopped> {
    let mut collected = Collected::default();
    let ask_alone = match way.read(whole, true).await {
        // Each takes less room than all of them.
        Err(UpstreamError::NoRoom { .. }) => true,
        answer => match take(way, &mut collected, answer)? {
            Taken::Own => false,
            Taken::Missing => alone.len() > 1,
            Taken::Refused(answer) => return Ok(Received::One(answer)),
        },
    };
    if ask_alone {
        let asked = each_alone(way, &mut collected, alone);
        if let Some(refused) = timeout(LONGEST_EACH, asked).await.map_err(|_| UpstreamError::TimedOut)?? {
            return Ok(Received::One(refused));
        }
    }
    // One order, whoever said what: it must not tell how it was asked.
    collected.items = collected.items.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    Ok(Received::Collected { collected, _turn: None })
}

/// Asks for one id after the other, some beside each other; or what is refused for all of them.
///
/// Those that find no room for their answers are asked for again, with nothing beside them: what is left out is what
/// cannot be seen, never what there was no room for.
async fn each_alone(
    way: &Way<'_>,
    collected: &mut Collected,
    alone: &[UpstreamRequest],
) -> Result<Option<UpstreamAnswer>, Stopped> {
    let asked = stream::iter(alone.to_vec()).map(|request| async move {
        let answer = way.read(request.clone(), false).await;
        (request, answer)
    });
    let mut answers = pin!(asked.buffered(AT_ONCE));
    let mut crowded_out = Vec::new();
    while let Some((request, answer)) = answers.next().await {
        if matches!(answer, Err(UpstreamError::NoRoom { .. })) {
            crowded_out.push(request);
        } else if let Taken::Refused(answer) = take(way, collected, answer)? {
            return Ok(Some(answer));
        }
    }
    for request in crowded_out {
        let answer = way.read(request, false).await;
        if matches!(answer, Err(UpstreamError::NoRoom { .. })) {
            return Err(UpstreamError::NoRoom { sent: false }.into());
        }
        if let Taken::Refused(answer) = take(way, collected, answer)? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// What became of an answer about ids.
enum Taken {
    /// What is the tenant's own is among what is collected.
    Own,
    /// It found nothing that can be shown: one of the ids is not to be seen.
    Missing,
    /// It is refused for all of them.
    Refused(UpstreamAnswer),
}

fn take(
    way: &Way<'_>,
    collected: &mut Collected,
    answer: Result<UpstreamAnswer, UpstreamError>,
) -> Result<Taken, Stopped> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => match guard::withheld(&denial(&error, Effect::Reads)) {
            Some(why) => {
                collected.withheld = Some(why);
                return Ok(Taken::Missing);
            }
            None => return Err(error.into()),
        },
    };
    if answer.status != StatusCode::OK {
        collected.note(&answer);
        let is_of_one = answer.status.is_client_error() && !refuses_any(answer.status);
        return Ok(if is_of_one { Taken::Missing } else { Taken::Refused(answer) });
    }
    match collected.take(way, answer) {
        Ok(()) => Ok(Taken::Own),
        // All of them together: leaving out the rest would be as good as saying that they are not there.
        Err(denied) if collected.is_too_large() => Err(denied.into()),
        Err(denied) => match guard::withheld(&denied) {
            Some(why) => {
                collected.withheld = Some(why);
                Ok(Taken::Missing)
            }
            None => Err(denied.into()),
        },
    }
}
