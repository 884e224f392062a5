//! Step three: make it impossible for the request to reach outside the permitted divisions.
//!
//! What goes upstream is built anew from what was parsed: the path from its template and decoded segments, the query from
//! its declared parameters, the body from its model. Nothing of the caller's text is patched or passed on.

mod conversations;
mod dimensions;
pub mod filter;
mod search;
mod translate;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;

use super::{
    asked::{Asked, Body},
    authorize::Permit,
    denial::{Denial, Failure, Invalid},
    path,
};
use crate::{
    audit::Record,
    catalog::{Narrowing, Operation, Translation},
    upstream::UpstreamRequest,
};

pub(super) use translate::UsersPage;

/// A request that cannot reach outside its permit. Made here alone.
#[derive(Debug)]
pub(super) struct Scoped {
    permit: Permit,
    request: UpstreamRequest,
    form: Form,
}

/// The form that the answer is to have.
#[derive(Debug)]
pub(super) enum Form {
    /// Upstream's own.
    Upstream,
    /// That of `GET /api/v2/users`.
    Users(UsersPage),
}

impl Scoped {
    /// Before anything is sent, the permit can still be withdrawn.
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    pub(super) fn into_parts(self) -> (Permit, UpstreamRequest, Form) {
        (self.permit, self.request, self.form)
    }
}

/// Narrows a request to its permit.
pub(super) fn scope(permit: Permit, mut asked: Asked<'_>, record: &mut Record) -> Result<Scoped, Denial> {
    record.call.notes.append(&mut asked.notes);
    let operation = std::sync::Arc::clone(permit.operation());
    let (request, form) = match &operation.narrowing {
        Narrowing::DivisionQuery { parameter } => {
            asked.query.set(parameter, permit.divisions().iter().map(ToString::to_string).collect());
            (get(&operation, &asked)?, Form::Upstream)
        }
        Narrowing::DivisionPredicate => {
            let body = match asked.body {
                Body::Conversations(query) => encode(&conversations::narrow(*query, &permit)?)?,
                Body::Users(search) => encode(&search::narrow(*search, &permit)?)?,
                Body::None => return Err(Denial::Failed(Failure::Internal)),
            };
            (post(&operation.path, body), Form::Upstream)
        }
        Narrowing::Owned { name, .. } => {
            let id = asked.parameters.iter().find(|(other, _)| other == name);
            // Genesys's ids are UUIDs: what is not one is nobody's, and asking would only tell the time.
            if !id.is_some_and(|(_, id)| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok()) {
                return Err(Denial::NotFound);
            }
            (get(&operation, &asked)?, Form::Upstream)
        }
        Narrowing::Translate { to: Translation::UsersSearch } => {
            let (search, page) = translate::users(&asked.query);
            let search = search::narrow(search, &permit)?;
            (post("/api/v2/users/search", encode(&search)?), Form::Users(page))
        }
        Narrowing::Open { .. } => (get(&operation, &asked)?, Form::Upstream),
        // Answered before there is anything to scope.
        Narrowing::Own { .. } => return Err(Denial::Failed(Failure::Internal)),
    };
    Ok(Scoped { permit, request, form })
}

/// A request without a body.
fn get(operation: &Operation, asked: &Asked<'_>) -> Result<UpstreamRequest, Denial> {
    let mut path_and_query = path::build(&operation.path, &asked.parameters);
    let query = asked.query.encode();
    if !query.is_empty() {
        path_and_query.push('?');
        path_and_query.push_str(&query);
    }
    let method =
        Method::from_bytes(operation.method.as_bytes()).map_err(|_| Denial::Failed(Failure::Internal))?;
    Ok(UpstreamRequest { method, path_and_query, headers: HeaderMap::new(), body: Bytes::new() })
}

/// A query by POST.
fn post(path: &str, body: Bytes) -> UpstreamRequest {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    UpstreamRequest { method: Method::POST, path_and_query: path.to_owned(), headers, body }
}

fn encode(body: &impl Serialize) -> Result<Bytes, Denial> {
    // Most queries fit: no copying about while it grows.
    let mut bytes = Vec::with_capacity(4_096);
    serde_json::to_writer(&mut bytes, body).map_err(|_| Denial::Failed(Failure::Internal))?;
    Ok(bytes.into())
}

/// A number within its bounds, or a sentence that says them.
fn bounded(name: &str, value: Option<i64>, max: i64) -> Result<(), Invalid> {
    match value {
        Some(value) if !(1..=max).contains(&value) => {
            let message = format!("`{name}` must be a whole number from 1 to {max}.");
            Err(Invalid::new("ringfence.body_invalid", message))
        }
        Some(_) | None => Ok(()),
    }
}
