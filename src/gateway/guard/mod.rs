//! Step five: the second line. Whatever was asked and however it was narrowed, an answer is looked at again before it is
//! released, by what its entities say of themselves.
//!
//! An answer that does not have the promised shape is refused, never passed on. A field that no shape names is removed.

mod entity;
mod groups;
mod list;
mod object;
mod refusal;
mod scan;
mod whole;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use http::StatusCode;

pub(super) use groups::Known;
pub(super) use refusal::UpstreamRefusal;

use self::entity::{Divisions, Judged};
use super::{
    authorize::Permit,
    denial::{Denial, Failure},
    forward::{Answer, Received},
    listed::{ListedPage, Lists, OwnList},
    scope::{self, Form},
};
use crate::{
    audit::Record,
    catalog::{Catalog, Entity, Guarding, Narrowing, Operation, Shape},
    directory::{Asker, Directory},
    model::DivisionId,
    upstream::UpstreamAnswer,
};

/// An answer of which everything is the caller's. Made here alone.
#[derive(Debug)]
pub(super) struct Guarded {
    permit: Permit,
    status: StatusCode,
    body: Bytes,
}

impl Guarded {
    pub(super) fn into_parts(self) -> (Permit, StatusCode, Bytes) {
        (self.permit, self.status, self.body)
    }
}

/// What answers are checked against.
#[derive(Clone, Copy)]
pub(super) struct Against<'g> {
    pub(super) catalog: &'g Catalog,
    pub(super) neutral: &'g [DivisionId],
    /// Whose is what the answer names without saying whose it is.
    pub(super) known: &'g Known,
    pub(super) lists: &'g Lists,
}

/// Looks up whose is what an answer names without saying whose it is.
pub(super) async fn identify(
    directory: &Directory,
    answer: &Answer,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Known, Denial> {
    let permit = answer.permit();
    let (Guarding::Groups { .. }, Received::One(received)) = (&permit.operation().guard, answer.received())
    else {
        return Ok(Known::default());
    };
    let named = groups::named(&String::from_utf8_lossy(&received.body), &permit.operation().guard);
    // Boxed: nearly all requests do without, and would carry its size.
    Box::pin(look_up(directory, permit, named, record, confirm)).await
}

async fn look_up(
    directory: &Directory,
    permit: &Permit,
    named: HashMap<Entity, BTreeSet<String>>,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Known, Denial> {
    let mut known = Known::default();
    let holds = || confirm(permit).is_ok();
    // The answer that names them is held meanwhile.
    let whom = Asker { holds_more: true, ..scope::on_behalf_of(permit, &holds) };
    for (entity, ids) in named {
        let found = directory.divisions(whom, entity, ids).await;
        let found = found.map_err(|error| scope::unanswered(&error, permit, record, confirm))?;
        known.0.insert(entity, found);
    }
    Ok(known)
}

/// Checks an answer, as its operation declares.
pub(super) fn guard(against: Against<'_>, answer: Answer, record: &mut Record) -> Result<Guarded, Denial> {
    let (permit, form, received) = answer.into_parts();
    match check(against, &permit, &form, &received, record) {
        Ok((status, body)) => Ok(Guarded { permit, status, body: received.keep(body) }),
        Err(denial) => Err(withhold(permit.operation(), denial, record)),
    }
}

/// Once a change was answered, it counts as refused only where Genesys said that it refused it: all else, also what was
/// withdrawn since, must not be told as if nothing had been done.
pub(super) fn settle(operation: &Operation, denial: Denial, record: &Record) -> Denial {
    let is_refused =
        matches!(denial, Denial::NotFound | Denial::UpstreamRefused(_) | Denial::UpstreamLimited(_));
    if !operation.is_write() || is_refused {
        return denial;
    }
    tracing::error!(event.id = %record.id(), operation.name = %operation.id, ?denial, "whether a change was made is unknown");
    Denial::Failed(Failure::EffectUnknown)
}

/// By id, an answer that cannot be passed on would say that there is something: it is shown as one that found nothing.
pub(super) fn withhold(operation: &Operation, denial: Denial, record: &mut Record) -> Denial {
    if is_by_id(operation) { hide(operation, denial, record) } else { denial }
}

/// What cannot be passed on looks as if there were nothing.
pub(super) fn hide(operation: &Operation, denial: Denial, record: &mut Record) -> Denial {
    let why = match &denial {
        Denial::Failed(Failure::AnswerRefused(_)) => "answer_refused",
        Denial::Failed(Failure::AnswerTooLarge) => "answer_too_large",
        Denial::Failed(Failure::AnswerMemoryFull { sent: true }) => "answer_memory_full",
        Denial::Credential(_)
        | Denial::OperationUnknown
        | Denial::OperationDenied(_)
        | Denial::Invalid(_)
        | Denial::NotPermitted
        | Denial::DivisionNotPermitted
        | Denial::PolicyFailed
        | Denial::PermitWithdrawn
        | Denial::NotFound
        | Denial::UpstreamRefused(_)
        | Denial::UpstreamLimited(_)
        | Denial::OverLimit(_)
        | Denial::Failed(_) => return denial,
    };
    tracing::warn!(event.id = %record.id(), operation.name = %operation.id, why, "an answer was withheld");
    record.ended.withheld = Some(why);
    Denial::NotFound
}

/// Whether the answer alone says whose it is. Of what was looked up first, it is known that it is the tenant's own.
fn is_by_id(operation: &Operation) -> bool {
    matches!(operation.narrowing, Narrowing::Owned { entity: None, .. })
}

fn check(
    against: Against<'_>,
    permit: &Permit,
    form: &Form,
    received: &Received,
    record: &mut Record,
) -> Result<(StatusCode, Bytes), Denial> {
    let divisions =
        Divisions { narrowed: permit.divisions(), granted: permit.granted(), neutral: against.neutral };
    let checking = Checking { against, permit, divisions };
    match (received, form) {
        (Received::One(answer), Form::Upstream | Form::Users(_)) => checking.one(answer, form, record),
        (Received::Pages { pages, .. }, Form::Listed(page)) => {
            let list = checking.pages(pages, record)?;
            against.lists.keep(permit, page, Arc::clone(&list));
            checking.page(&list, page)
        }
        (Received::Kept(list), Form::Listed(page)) => checking.page(list, page),
        (Received::One(_), Form::Listed(_))
        | (Received::Pages { .. } | Received::Kept(_), Form::Upstream | Form::Users(_)) => {
            Err(Denial::Failed(Failure::Internal))
        }
    }
}

/// One answer being checked.
struct Checking<'c> {
    against: Against<'c>,
    permit: &'c Permit,
    divisions: Divisions<'c>,
}

impl Checking<'_> {
    fn one(
        &self,
        answer: &UpstreamAnswer,
        form: &Form,
        record: &mut Record,
    ) -> Result<(StatusCode, Bytes), Denial> {
        let Self { against, permit, divisions } = *self;
        let operation = permit.operation();
        if matches!(operation.guard, Guarding::Empty) && answer.status.is_success() {
            let body = if answer.status == StatusCode::NO_CONTENT { "" } else { "{}" };
            return Ok((answer.status, Bytes::from_static(body.as_bytes())));
        }
        let is_done = answer.status == StatusCode::OK || operation.is_write() && answer.status.is_success();
        if !is_done {
            return Err(refusal(operation, answer.status, &answer.body));
        }
        let json = text(answer)?;
        let body = match &operation.guard {
            Guarding::List { .. } => {
                let rules = self.rules()?;
                if matches!(form, Form::Upstream) && whole::is_whole(json, &rules) {
                    return Ok((answer.status, answer.body.clone()));
                }
                let checked = list::check(json, &rules)?;
                note(permit, checked.dropped, checked.violations, record);
                match form {
                    Form::Users(page) => checked.write_users(page),
                    Form::Upstream | Form::Listed(_) => checked.write(json, &rules)?,
                }
            }
            Guarding::Entity { shape } => match entity::judge(json, self.shape(shape)?, divisions) {
                Judged::Own(Cow::Borrowed(_)) => return Ok((answer.status, answer.body.clone())),
                Judged::Own(Cow::Owned(json)) => json,
                Judged::Foreign if is_by_id(operation) => return Err(Denial::NotFound),
                Judged::Foreign => {
                    // What was looked up, or made here, has turned out to be another's.
                    note(permit, 1, 1, record);
                    return Err(refused("an entity of another division"));
                }
                Judged::Malformed => return Err(refused("an entity without its division")),
            },
            Guarding::Fields { shape } => entity::fields(json, self.shape(shape)?, divisions)
                .ok_or_else(|| refused("the answer is no object"))?,
            Guarding::Groups { collection, shape, plain, named } => {
                let shape = self.shape(shape)?;
                let rules = groups::Rules { collection, shape, plain, named, divisions };
                let (body, dropped) = groups::check(json, &rules, against.known)?;
                note(permit, dropped, 0, record);
                body
            }
            Guarding::Empty | Guarding::Own => return Err(Denial::Failed(Failure::Internal)),
        };
        Ok((answer.status, body.into()))
    }

    /// The tenant's own of all pages.
    fn pages(&self, pages: &[UpstreamAnswer], record: &mut Record) -> Result<OwnList, Denial> {
        let rules = self.rules()?;
        let mut own = Vec::new();
        let (mut dropped, mut violations) = (0, 0);
        for answer in pages {
            if answer.status != StatusCode::OK {
                return Err(refusal(self.permit.operation(), answer.status, &answer.body));
            }
            let checked = list::check(text(answer)?, &rules)?;
            dropped += checked.dropped;
            violations += checked.violations;
            own.extend(checked.into_items().map(|item| Box::from(item.as_ref())));
        }
        note(self.permit, dropped, violations, record);
        Ok(own.into())
    }

    fn page(&self, list: &OwnList, page: &ListedPage) -> Result<(StatusCode, Bytes), Denial> {
        let Guarding::List { collection, .. } = &self.permit.operation().guard else {
            return Err(Denial::Failed(Failure::Internal));
        };
        Ok((StatusCode::OK, list::write_page(list, page, collection).into()))
    }

    /// What the guard of a list declares.
    fn rules(&self) -> Result<list::Rules<'_>, Denial> {
        let Guarding::List { collection, shape, foreign, keep, totals, links, facets } =
            &self.permit.operation().guard
        else {
            return Err(Denial::Failed(Failure::Internal));
        };
        let (shape, facets, divisions) = (self.shape(shape)?, facets.as_ref(), self.divisions);
        let foreign = *foreign;
        Ok(list::Rules { collection, shape, foreign, keep, totals, links, facets, divisions })
    }

    fn shape(&self, name: &str) -> Result<&Shape, Denial> {
        self.against.catalog.shape(name).map(AsRef::as_ref).ok_or(Denial::Failed(Failure::Internal))
    }
}

fn text(answer: &UpstreamAnswer) -> Result<&str, Denial> {
    std::str::from_utf8(&answer.body).map_err(|_| refused("the answer is not UTF-8"))
}

fn refused(why: &str) -> Denial {
    Denial::Failed(Failure::AnswerRefused(why.to_owned()))
}

/// Foreign entities are for auditors and alarms, never for the tenant.
fn note(permit: &Permit, dropped: u64, violations: u64, record: &mut Record) {
    if dropped > 0 {
        record.ended.dropped = Some(dropped);
    }
    if violations > 0 {
        record.ended.violations = Some(violations);
        let operation = permit.operation().id.to_string();
        metrics::counter!("ringfence_isolation_violations_total", "operation" => operation.clone())
            .increment(violations);
        tracing::error!(
            event.id = %record.id(),
            tenant.id = %permit.caller().tenant().tenant().id,
            operation.name = operation,
            violations,
            "Genesys sent entities of other divisions although it was told to leave them out; they were dropped"
        );
    }
}

/// What a status other than 200 means to the caller.
fn refusal(operation: &Operation, status: StatusCode, body: &[u8]) -> Denial {
    let by_id = is_by_id(operation);
    match status {
        // Genesys says 403 where the service account may not see the division: that it exists is another's secret.
        StatusCode::NOT_FOUND | StatusCode::GONE => Denial::NotFound,
        // Any other refusal but those of the account and of time could tell as much.
        StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT => failure(operation, status),
        refused if by_id && refused.is_client_error() => Denial::NotFound,
        StatusCode::BAD_REQUEST => Denial::UpstreamRefused(UpstreamRefusal::read(status, body)),
        // Nothing was changed, and the caller must know that. Of a read it could tell what is another's.
        refused if operation.is_write() && refused.is_client_error() => {
            Denial::UpstreamRefused(UpstreamRefusal::read(status, body))
        }
        other => failure(operation, other),
    }
}

pub(super) fn failure(operation: &Operation, status: StatusCode) -> Denial {
    Denial::Failed(match status {
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Failure::UpstreamTimedOut,
        other => {
            tracing::warn!(operation.name = %operation.id, status = other.as_u16(), "Genesys refused a call");
            Failure::UpstreamFailed
        }
    })
}
