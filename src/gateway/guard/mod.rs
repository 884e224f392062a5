//! Step five: the second line. Whatever was asked and however it was narrowed, an answer is looked at again before it is
//! released, by what its entities say of themselves.
//!
//! An answer that does not have the promised shape is refused, never passed on. A field that no shape names is removed.

#[cfg(test)]
mod cost;
mod counts;
mod entity;
mod groups;
mod handle;
mod list;
mod look;
mod mask;
mod object;
mod redact;
mod refusal;
mod scan;
mod whole;
mod withheld;

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use http::StatusCode;

pub(super) use counts::{Counts, note_violation};
pub(super) use look::{Look, look};
pub(super) use mask::{answered, is_empty};
pub(super) use refusal::{UpstreamRefusal, failure};
pub(super) use withheld::{hide, settle, withheld, withhold};

use self::{
    counts::note,
    entity::{Divisions, Judged},
    groups::Apart,
    object::Writer,
    refusal::{is_by_id, refusal},
    withheld::note_withheld,
};
use super::{
    authorize::Permit,
    denial::{Denial, Failure},
    forward::{Answer, Received},
    handle::Handles,
    listed::{ListedPage, Lists, OwnList},
    scope::{Form, Owned, Part},
};
use crate::{
    audit::Record,
    catalog::{Catalog, Guarding, Narrowing, Shape},
    model::{CrossDivision, DivisionId},
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
    /// What is to be released.
    pub(super) fn shown(&self) -> (StatusCode, &Bytes) {
        (self.status, &self.body)
    }

    pub(super) fn into_parts(self) -> (Permit, StatusCode, Bytes) {
        (self.permit, self.status, self.body)
    }
}

/// What answers are checked against.
#[derive(Clone, Copy)]
pub(super) struct Against<'g> {
    pub(super) catalog: &'g Catalog,
    pub(super) neutral: &'g [DivisionId],
    pub(super) lists: &'g Lists,
    pub(super) handles: &'g Handles,
}

/// What of one answer is the tenant's own.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) items: Vec<Arc<str>>,
    pub(super) counts: Counts,
}

/// Judges one of several answers that are one list, as it comes.
pub(super) fn own(
    against: Against<'_>,
    permit: &Permit,
    owned: &Owned,
    answer: &UpstreamAnswer,
) -> Result<Own, Denial> {
    let checking = Checking::new(against, permit, owned);
    let checked = list::check(text(answer)?, &checking.rules()?)?;
    let counts = checked.counts;
    Ok(Own { items: checked.into_items().map(|item| Arc::from(item.as_ref())).collect(), counts })
}

/// Judges what one of the queries found that a query was taken apart into: the groups of its own ids. Of others, another
/// part tells, and more than this one could.
pub(super) fn own_part(
    against: Against<'_>,
    permit: &Permit,
    owned: &Owned,
    answer: &UpstreamAnswer,
    part: &Part,
) -> Result<Own, Denial> {
    let checking = Checking::new(against, permit, owned);
    let apart = permit.operation().narrowing.dimension().map(|dimension| Apart {
        dimension,
        ids: &part.ids,
        start: part.start,
    });
    Ok(groups::check(text(answer)?, &checking.groups(apart)?)?.0)
}

/// Checks an answer, as its operation declares.
pub(super) fn guard(
    against: Against<'_>,
    answer: Answer,
    look: Look,
    record: &mut Record,
) -> Result<Guarded, Denial> {
    let (permit, form, owned, received) = answer.into_parts();
    let checked = match (look, &received) {
        (Look::Whole, Received::One(answer)) => Ok((answer.status, answer.body.clone())),
        (_, _) => Checking::new(against, &permit, &owned).check(&form, &received, record),
    };
    let masked = checked.and_then(|(status, body)| {
        let body = mask::mask(against.catalog, permit.operation(), permit.masks(), body)?;
        Ok((status, body))
    });
    match masked {
        Ok((status, body)) => Ok(Guarded { permit, status, body: received.keep(body) }),
        Err(denial) => Err(withhold(permit.operation(), denial, record)),
    }
}

/// What a tenant is shown of what is its own; of what names somebody by an id alone, nothing.
pub(super) fn shown(catalog: &Catalog, permit: &Permit, json: &[u8]) -> Option<serde_json::Value> {
    let Guarding::Entity { shape } = &permit.operation().guard else { return None };
    let (granted, owned) = (permit.granted(), Owned::default());
    let divisions = Divisions { narrowed: granted, granted, neutral: &[], owned: &owned, redacts: false };
    let shown = entity::fields(std::str::from_utf8(json).ok()?, catalog.shape(shape)?, divisions)?;
    serde_json::from_str(&shown).ok()
}

/// One answer being checked.
struct Checking<'c> {
    against: Against<'c>,
    permit: &'c Permit,
    divisions: Divisions<'c>,
}

impl<'c> Checking<'c> {
    fn new(against: Against<'c>, permit: &'c Permit, owned: &'c Owned) -> Self {
        let divisions = Divisions {
            narrowed: permit.divisions(),
            granted: permit.granted(),
            neutral: against.neutral,
            owned,
            redacts: permit.caller().tenant().tenant().cross_division == CrossDivision::Redact,
        };
        Self { against, permit, divisions }
    }

    fn check(
        &self,
        form: &Form,
        received: &Received,
        record: &mut Record,
    ) -> Result<(StatusCode, Bytes), Denial> {
        match (received, form) {
            (
                Received::One(answer),
                Form::Upstream | Form::Users(_) | Form::Groups | Form::Opened(_) | Form::Turned(_),
            ) => self.one(answer, form, record),
            (Received::Collected { collected, .. }, Form::Listed(page)) => {
                note(self.permit, collected.counts, record);
                let list: OwnList = collected.items.iter().cloned().collect();
                self.against.lists.keep(self.permit, page, Arc::clone(&list));
                self.page(&list, page)
            }
            (Received::Collected { collected, .. }, Form::Each(_)) => {
                note(self.permit, collected.counts, record);
                if let Some(why) = collected.withheld {
                    note_withheld(self.permit.operation(), why, record);
                }
                Ok((StatusCode::OK, write_list(self.rules()?.collection, &collected.items).into()))
            }
            (Received::Collected { collected, .. }, Form::Parts(_)) => {
                note(self.permit, collected.counts, record);
                let Guarding::Groups { collection, .. } = &self.permit.operation().guard else {
                    return Err(Denial::Failed(Failure::Internal));
                };
                Ok((StatusCode::OK, write_list(collection, &collected.items).into()))
            }
            (Received::Kept(list), Form::Listed(page)) => self.page(list, page),
            (Received::One(answer), Form::Named(page)) if answer.status == StatusCode::OK => {
                let own = own(self.against, self.permit, self.divisions.owned, answer)?;
                note(self.permit, own.counts, record);
                self.page(&own.items.into(), page)
            }
            // Of several answers, the one that was refused for all.
            (Received::One(answer), Form::Listed(_) | Form::Named(_) | Form::Each(_) | Form::Parts(_))
                if answer.status != StatusCode::OK =>
            {
                Err(refusal(self.permit.operation(), answer.status, &answer.body))
            }
            (Received::One(_), Form::Listed(_) | Form::Named(_) | Form::Each(_) | Form::Parts(_))
            | (
                Received::Collected { .. },
                Form::Upstream
                | Form::Users(_)
                | Form::Named(_)
                | Form::Groups
                | Form::Opened(_)
                | Form::Turned(_),
            )
            | (
                Received::Kept(_),
                Form::Upstream
                | Form::Users(_)
                | Form::Named(_)
                | Form::Each(_)
                | Form::Groups
                | Form::Parts(_)
                | Form::Opened(_)
                | Form::Turned(_),
            ) => Err(Denial::Failed(Failure::Internal)),
        }
    }

    fn one(
        &self,
        answer: &UpstreamAnswer,
        form: &Form,
        record: &mut Record,
    ) -> Result<(StatusCode, Bytes), Denial> {
        let Self { permit, divisions, .. } = *self;
        let operation = permit.operation();
        if matches!(operation.guard, Guarding::Empty) && answer.status.is_success() {
            let body = if answer.status == StatusCode::NO_CONTENT { "" } else { "{}" };
            return Ok((answer.status, Bytes::from_static(body.as_bytes())));
        }
        // What is under way is told by 202.
        let is_done = answer.status == StatusCode::OK
            || operation.is_write() && answer.status.is_success()
            || answer.status == StatusCode::ACCEPTED
                && (operation.shows_parts || matches!(form, Form::Opened(_)));
        if !is_done {
            return Err(refusal(operation, answer.status, &answer.body));
        }
        let json = text(answer)?;
        let body = match &operation.guard {
            Guarding::List { .. } => return Ok((answer.status, self.list(answer, json, form, record)?)),
            Guarding::Entity { shape } => match entity::judge(json, self.shape(shape)?, divisions) {
                Judged::Own(Cow::Borrowed(_)) => return Ok((answer.status, answer.body.clone())),
                Judged::Own(Cow::Owned(json)) => json,
                Judged::Foreign if is_by_id(operation) => return Err(Denial::NotFound),
                Judged::Foreign => {
                    // What was looked up, or made here, has turned out to be another's.
                    note_violation(permit, record);
                    return Err(refused("an entity of another division"));
                }
                Judged::Malformed => return Err(refused("an entity without its division")),
            },
            Guarding::Fields { shape } => {
                let mut body = entity::fields(json, self.shape(shape)?, divisions)
                    .ok_or_else(|| refused("the answer is no object"))?;
                if let (Form::Turned(turning), Some(cursor)) = (form, &operation.cursor) {
                    handle::add_turning(self.against, cursor, turning, json, &mut body)?;
                }
                body
            }
            Guarding::Items { shape } => {
                // What is under way may show nothing yet.
                let is_begun = answer.status == StatusCode::ACCEPTED && json.is_empty();
                let json = if is_begun { "[]" } else { json };
                let (own, dropped) = entity::items(json, self.shape(shape)?, divisions)
                    .ok_or_else(|| refused("the answer is no list"))?;
                note(permit, Counts { dropped, ..Counts::default() }, record);
                own
            }
            Guarding::Groups { collection, .. } => {
                let (own, beside) = groups::check(json, &self.groups(None)?)?;
                note(permit, own.counts, record);
                let mut body = write_list(collection, &own.items);
                self.add_cursor(&mut body, &beside, form)?;
                body
            }
            Guarding::Handle { kind, field, .. } => {
                let (body, id) = self.hand_out(json, kind, field)?;
                record.ended.upstream_id = Some(id);
                body
            }
            Guarding::Empty | Guarding::Own => return Err(Denial::Failed(Failure::Internal)),
        };
        Ok((answer.status, body.into()))
    }

    fn page(&self, list: &OwnList, page: &ListedPage) -> Result<(StatusCode, Bytes), Denial> {
        let operation = self.permit.operation();
        let collection = match (&operation.guard, &operation.narrowing) {
            // What a sibling finds is shown as a list.
            (Guarding::List { .. }, Narrowing::Translate { .. }) => "entities",
            (Guarding::List { collection, .. }, _) => collection,
            (_, _) => return Err(Denial::Failed(Failure::Internal)),
        };
        let body = match &page.turning {
            Some(turning) => self.turned_page(list, page, collection, turning)?,
            None => list::write_page(list, page, collection),
        };
        Ok((StatusCode::OK, body.into()))
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

    /// What the guard of groups declares; `apart`: which part it is of a query that was taken apart.
    fn groups<'r>(&'r self, apart: Option<Apart<'r>>) -> Result<groups::Rules<'r>, Denial> {
        let Guarding::Groups { collection, shape, plain, named } = &self.permit.operation().guard else {
            return Err(Denial::Failed(Failure::Internal));
        };
        let (shape, divisions) = (self.shape(shape)?, self.divisions);
        Ok(groups::Rules { collection, shape, plain, named, divisions, apart })
    }

    fn shape(&self, name: &str) -> Result<&Shape, Denial> {
        self.against.catalog.shape(name).map(AsRef::as_ref).ok_or(Denial::Failed(Failure::Internal))
    }
}

/// An object that holds a list.
fn write_list(collection: &str, items: &[Arc<str>]) -> String {
    let mut out = Writer::with_capacity(items.iter().map(|item| item.len() + 1).sum());
    out.list(collection, items.iter().map(AsRef::as_ref));
    out.finish()
}

fn text(answer: &UpstreamAnswer) -> Result<&str, Denial> {
    std::str::from_utf8(&answer.body).map_err(|_| refused("the answer is not UTF-8"))
}

fn refused(why: &str) -> Denial {
    Denial::Failed(Failure::AnswerRefused(why.to_owned()))
}
