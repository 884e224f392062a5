//! Step five: the second line. Whatever was asked and however it was narrowed, an answer is looked at again before it is
//! released, by what its entities say of themselves.
//!
//! An answer that does not have the promised shape is refused, never passed on. A field that no shape names is removed.

mod entity;
mod list;
mod object;
mod refusal;
mod scan;
mod whole;

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;

pub(super) use refusal::UpstreamRefusal;

use self::entity::{Divisions, Judged};
use super::{
    authorize::Permit,
    denial::{Denial, Failure},
    forward::Answer,
    scope::Form,
};
use crate::{
    audit::Record,
    catalog::{Catalog, Guarding, Narrowing, Operation},
    model::DivisionId,
    upstream::UpstreamAnswer,
};

/// An answer of which everything is the caller's. Made here alone.
#[derive(Debug)]
pub(super) struct Guarded {
    permit: Permit,
    body: Bytes,
}

impl Guarded {
    pub(super) fn into_parts(self) -> (Permit, Bytes) {
        (self.permit, self.body)
    }
}

/// Checks an answer, as its operation declares.
pub(super) fn guard(
    catalog: &Catalog,
    neutral: &[DivisionId],
    answer: Answer,
    record: &mut Record,
) -> Result<Guarded, Denial> {
    let (permit, form, answer) = answer.into_parts();
    match check(catalog, neutral, &permit, &form, &answer, record) {
        Ok(body) => Ok(Guarded { permit, body: answer.held.keep(body) }),
        Err(denial) => Err(withhold(permit.operation(), denial, record)),
    }
}

/// By id, an answer that cannot be passed on would say that there is something: it is shown as one that found nothing.
pub(super) fn withhold(operation: &Operation, denial: Denial, record: &mut Record) -> Denial {
    let why = match &denial {
        Denial::Failed(Failure::AnswerRefused(_)) => "answer_refused",
        Denial::Failed(Failure::AnswerTooLarge) => "answer_too_large",
        Denial::Failed(Failure::AnswerMemoryFull) => "answer_memory_full",
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
        | Denial::Failed(_) => return denial,
    };
    if !is_by_id(operation) {
        return denial;
    }
    tracing::warn!(event.id = %record.id(), operation.name = %operation.id, why, "an answer was withheld");
    record.ended.withheld = Some(why);
    Denial::NotFound
}

fn is_by_id(operation: &Operation) -> bool {
    matches!(operation.narrowing, Narrowing::Owned { .. })
}

fn check(
    catalog: &Catalog,
    neutral: &[DivisionId],
    permit: &Permit,
    form: &Form,
    answer: &UpstreamAnswer,
    record: &mut Record,
) -> Result<Bytes, Denial> {
    if answer.status != StatusCode::OK {
        return Err(refusal(permit.operation(), answer.status, &answer.body));
    }
    let json = std::str::from_utf8(&answer.body)
        .map_err(|_| Denial::Failed(Failure::AnswerRefused("the answer is not UTF-8".to_owned())))?;
    let divisions = Divisions { narrowed: permit.divisions(), granted: permit.granted(), neutral };
    let body = match &permit.operation().guard {
        Guarding::List { collection, shape, foreign, keep, totals, links, facets } => {
            let shape = catalog.shape(shape).ok_or(Denial::Failed(Failure::Internal))?;
            let facets = facets.as_ref();
            let foreign = *foreign;
            let rules = list::Rules { collection, shape, foreign, keep, totals, links, facets, divisions };
            if matches!(form, Form::Upstream) && whole::is_whole(json, &rules) {
                return Ok(answer.body.clone());
            }
            let checked = list::check(json, &rules)?;
            note(permit, checked.dropped, checked.violations, record);
            match form {
                Form::Upstream => checked.write(json, &rules)?,
                Form::Users(page) => checked.write_users(page),
            }
        }
        Guarding::Entity { shape } => {
            let shape = catalog.shape(shape).ok_or(Denial::Failed(Failure::Internal))?;
            match entity::judge(json, shape, divisions) {
                Judged::Own(Cow::Borrowed(_)) => return Ok(answer.body.clone()),
                Judged::Own(Cow::Owned(json)) => json,
                Judged::Foreign => return Err(Denial::NotFound),
                Judged::Malformed => {
                    return Err(Denial::Failed(Failure::AnswerRefused(
                        "an entity without its division".to_owned(),
                    )));
                }
            }
        }
        Guarding::Fields { keep } => entity::fields(json, keep)
            .ok_or_else(|| Denial::Failed(Failure::AnswerRefused("the answer is no object".to_owned())))?,
        Guarding::Own => return Err(Denial::Failed(Failure::Internal)),
    };
    Ok(body.into())
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
        StatusCode::BAD_REQUEST => UpstreamRefusal::read(body)
            .map_or(Denial::Failed(Failure::UpstreamFailed), Denial::UpstreamRefused),
        other => failure(operation, other),
    }
}

fn failure(operation: &Operation, status: StatusCode) -> Denial {
    Denial::Failed(match status {
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Failure::UpstreamTimedOut,
        other => {
            tracing::warn!(operation.name = %operation.id, status = other.as_u16(), "Genesys refused a call");
            Failure::UpstreamFailed
        }
    })
}
