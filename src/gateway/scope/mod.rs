//! Step three: make it impossible for the request to reach outside the permitted divisions.
//!
//! What goes upstream is built anew from what was parsed: the path from its template and decoded segments, the query from
//! its declared parameters, the body from its model. Nothing of the caller's text is patched or passed on.

mod aggregates;
mod conversations;
mod cursor;
mod dimensions;
mod division_field;
pub mod filter;
mod groups;
mod handle;
mod membership;
mod owned;
mod registered;
pub mod search;
mod translate;
mod writes;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;

use self::membership::Narrowed;
use super::{
    asked::{Asked, Body, declared},
    authorize::Permit,
    denial::{Denial, Failure, Invalid},
    digest,
    handle::Handles,
    listed::ListedPage,
    path,
};
use crate::{
    audit::{NotRecorded, Record},
    catalog::{Api, Catalog, Guarding, Narrowing, Operation, Place, Translation},
    model::Claim,
    upstream::UpstreamRequest,
};

pub(super) use cursor::Turning;
pub(super) use groups::{Owned, identify, identify_parts};
pub(super) use owned::{Proof, Proven, changed, prove, prove_again};
pub(super) use registered::{Registering, made, registering};
pub(super) use translate::UsersPage;

/// A request that cannot reach outside its permit. Made here alone.
#[derive(Debug)]
pub(super) struct Scoped {
    permit: Permit,
    request: UpstreamRequest,
    form: Form,
    owned: Owned,
    proofs: Vec<Proof>,
    claim: Option<Box<Claim>>,
}

/// What may be forwarded: it came without an `Idempotency-Key`, or its claim is committed, and its intent with that.
#[derive(Debug)]
pub(super) struct Ready(Scoped);

/// What is to be made once, and is not claimed yet.
#[derive(Debug)]
pub(super) struct Unclaimed(Scoped, Box<Claim>);

/// Which of the two it is.
pub(super) enum Sendable {
    Ready(Ready),
    Unclaimed(Unclaimed),
}

/// The form that the answer is to have.
#[derive(Debug)]
pub(super) enum Form {
    /// Upstream's own.
    Upstream,
    /// That of `GET /api/v2/users`.
    Users(UsersPage),
    /// A page of the tenant's own list.
    Listed(ListedPage),
    /// A page of those of the tenant's own that ids name: all of them are asked for at once.
    Named(ListedPage),
    /// Groups, held against what the tenant has of the kinds that they name.
    Groups,
    /// Groups that several queries find, each of them those of its own ids.
    Parts(Vec<Part>),
    /// What a handle opened, as the tenant sent it: upstream's own form, its cursor sealed.
    Opened(String),
    /// Upstream's own, its cursor sealed.
    Turned(Turning),
    /// A list of what several ids name; here the requests for each of them alone.
    Each(Vec<UpstreamRequest>),
}

/// One of the queries that a query was taken apart into.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What is sent.
    pub(super) request: UpstreamRequest,
    /// What it asks for.
    pub(super) ids: Vec<String>,
    /// From when on, where that is later than the caller asks.
    pub(super) start: Option<DateTime<Utc>>,
}

impl Scoped {
    /// Before anything is sent, the permit can still be withdrawn.
    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Whether it may be forwarded as it is.
    pub(super) fn ready(mut self) -> Sendable {
        match self.claim.take() {
            None => Sendable::Ready(Ready(self)),
            Some(claim) => Sendable::Unclaimed(Unclaimed(self, claim)),
        }
    }
}

impl Ready {
    pub(super) fn into_parts(self) -> (Permit, UpstreamRequest, Form, Owned, Vec<Proof>) {
        let Self(Scoped { permit, request, form, owned, proofs, claim: _ }) = self;
        (permit, request, form, owned, proofs)
    }
}

impl Unclaimed {
    pub(super) fn permit(&self) -> &Permit {
        &self.0.permit
    }

    pub(super) fn claimed_by(&self) -> &Claim {
        &self.1
    }

    /// Claims it; where somebody was first, only the permit is left.
    pub(super) async fn claim(self, record: &mut Record) -> Result<Result<Ready, Permit>, NotRecorded> {
        let Self(scoped, claim) = self;
        note_sent(&scoped.request, record);
        if record.claim(&claim).await? {
            return Ok(Ok(Ready(scoped)));
        }
        // Nothing is sent.
        record.call.request_after = None;
        Ok(Err(scoped.permit))
    }
}

/// What is sent can be proven by its digest.
pub(super) fn note_sent(request: &UpstreamRequest, record: &mut Record) {
    let query = request.path_and_query.split_once('?').map_or("", |(_, query)| query);
    record.call.request_after = Some(digest(query.as_bytes(), &request.body));
}

/// Narrows a request to its permit.
pub(super) fn scope(
    catalog: &Catalog,
    handles: &Handles,
    mut permit: Permit,
    mut asked: Asked<'_>,
    proven: Proven,
    record: &mut Record,
) -> Result<Scoped, Denial> {
    record.call.notes.append(&mut asked.notes);
    let Proven { object, members, proofs } = proven;
    let operation = std::sync::Arc::clone(permit.operation());
    let mut owned = Owned::shown(&permit);
    let mut turning = cursor::open(handles, &permit, &mut asked, record)?;
    let (request, form) = match &operation.narrowing {
        Narrowing::DivisionQuery { parameter, is_one, .. } => {
            if *is_one {
                writes::the_division(&permit)?;
            }
            in_query(&operation, &mut asked, parameter, &permit)?
        }
        Narrowing::DivisionPredicate => {
            let (body, form) = predicated(asked.body, &permit, &mut owned)?;
            (post(&operation.path, body), form)
        }
        Narrowing::Membership { dimension, entity } => {
            let within = matches!(operation.guard, Guarding::Groups { .. }).then_some(*entity);
            owned = Owned::grouped(asked.body.group_by(), &operation, within);
            in_parts(&operation, membership::narrow(asked.body, dimension, members, &permit)?)?
        }
        Narrowing::Owned { place: Place::Path, name, .. }
        | Narrowing::Registered { name: Some(name), .. } => {
            owned.below(&operation, owned::path_id(&asked, name)?);
            let body = writes::change(catalog, &permit, &mut asked.body, object.as_ref())?;
            (send(&operation, &asked, body)?, Form::Upstream)
        }
        Narrowing::Owned { place: Place::Query, name, .. } => by_ids(&operation, &mut asked, name)?,
        Narrowing::DivisionField => {
            let body = division_field::narrow(&mut asked.body, declared(&operation), &permit)?;
            (send(&operation, &asked, Some(body))?, Form::Upstream)
        }
        Narrowing::OwnedDivision => {
            let body = writes::create(&operation, &mut asked.body, &permit)?;
            (send(&operation, &asked, Some(body))?, Form::Upstream)
        }
        Narrowing::Registered { name: None, .. } if operation.is_write() => {
            (send(&operation, &asked, Some(registered::create(&asked.body)?))?, Form::Upstream)
        }
        Narrowing::Listed { .. } => listed(catalog.api(), &operation, &mut asked, turning.take())?,
        Narrowing::Registered { entity, name: None, .. } => {
            let page = ListedPage::read(&operation, &mut asked, turning.take());
            (get(&operation, &asked)?, Form::Listed(page.of(registered::all(&permit, *entity))))
        }
        Narrowing::Handle { .. } => {
            let opened = handle::open(handles, &mut permit, &mut asked, record)?;
            (send(&operation, &asked, None)?, Form::Opened(opened))
        }
        Narrowing::Translate { to: Translation::UsersSearch } => {
            let named = ListedPage::named(&operation, &mut asked);
            let (search, page) = translate::users(&asked.query);
            let search = search::narrow(search, &permit)?;
            let form = named.map_or(Form::Users(page), Form::Named);
            (post("/api/v2/users/search", encode(&search)?), form)
        }
        Narrowing::Open { .. } => (get(&operation, &asked)?, Form::Upstream),
        // Answered before there is anything to scope.
        Narrowing::Own { .. } => return Err(Denial::Failed(Failure::Internal)),
    };
    let form = turning.map_or(form, Form::Turned);
    Ok(Scoped { permit, request, form, owned, proofs, claim: asked.claim })
}

/// The permitted divisions, in the query's parameter.
fn in_query(
    operation: &Operation,
    asked: &mut Asked<'_>,
    parameter: &str,
    permit: &Permit,
) -> Result<(UpstreamRequest, Form), Denial> {
    asked.query.set(parameter, permit.divisions().iter().map(ToString::to_string).collect());
    let form = ListedPage::named(operation, asked).map_or(Form::Upstream, Form::Named);
    Ok((get(operation, asked)?, form))
}

/// A list that cannot be narrowed.
fn listed(
    api: &Api,
    operation: &Operation,
    asked: &mut Asked<'_>,
    turning: Option<Turning>,
) -> Result<(UpstreamRequest, Form), Denial> {
    // Where Genesys lists nothing but what is named, there is no whole list to be read.
    let named = if needs_ids(api, operation) { ListedPage::named(operation, asked) } else { None };
    let form = named.map_or_else(|| Form::Listed(ListedPage::read(operation, asked, turning)), Form::Named);
    Ok((get(operation, asked)?, form))
}

/// A query with a clause over divisions beside the caller's filter.
fn predicated(body: Body<'_>, permit: &Permit, owned: &mut Owned) -> Result<(Bytes, Form), Denial> {
    match body {
        Body::Conversations(query) => Ok((encode(&conversations::narrow(*query, permit)?)?, Form::Upstream)),
        Body::Users(search) => Ok((encode(&search::narrow(*search, permit)?)?, Form::Upstream)),
        Body::Aggregates(query) => {
            let query = aggregates::narrow(*query, permit)?;
            *owned = Owned::grouped(query.group_by.as_deref().unwrap_or_default(), permit.operation(), None);
            Ok((encode(&query)?, Form::Groups))
        }
        Body::None
        | Body::Activity(_)
        | Body::Observations(_)
        | Body::NewUser(_)
        | Body::UserChange(_)
        | Body::NewQueue(_)
        | Body::Rotation(_)
        | Body::QueueChange(_)
        | Body::Document(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// A query, or several in its place.
fn in_parts(operation: &Operation, narrowed: Vec<Narrowed>) -> Result<(UpstreamRequest, Form), Denial> {
    let parts = narrowed.into_iter().map(|Narrowed { body, ids, start }| Part {
        request: post(&operation.path, body),
        ids,
        start,
    });
    let parts: Vec<_> = parts.collect();
    let first = parts.first().ok_or(Denial::Failed(Failure::Internal))?.request.clone();
    let is_whole = parts.len() == 1 && parts.iter().all(|part| part.start.is_none());
    Ok((first, if is_whole { Form::Groups } else { Form::Parts(parts) }))
}

/// Whether Genesys requires the ids of what is to be listed.
fn needs_ids(api: &Api, operation: &Operation) -> bool {
    let told = api.operation(&operation.id);
    told.is_some_and(|told| told.query.iter().any(|one| one.name == "id" && one.required))
}

/// All ids at once, and each of them alone.
fn by_ids(
    operation: &Operation,
    asked: &mut Asked<'_>,
    name: &str,
) -> Result<(UpstreamRequest, Form), Denial> {
    let ids = owned::only_ids(&mut asked.query, name)?;
    let whole = get(operation, asked)?;
    let mut alone = Vec::with_capacity(ids.len());
    for id in ids {
        asked.query.set(name, vec![id]);
        alone.push(get(operation, asked)?);
    }
    Ok((whole, Form::Each(alone)))
}

/// A request without a body.
fn get(operation: &Operation, asked: &Asked<'_>) -> Result<UpstreamRequest, Denial> {
    send(operation, asked, None)
}

/// The operation's own request.
fn send(operation: &Operation, asked: &Asked<'_>, body: Option<Bytes>) -> Result<UpstreamRequest, Denial> {
    let mut path_and_query = path::build(&operation.path, &asked.parameters);
    let query = asked.query.encode();
    if !query.is_empty() {
        path_and_query.push('?');
        path_and_query.push_str(&query);
    }
    let method =
        Method::from_bytes(operation.method.as_bytes()).map_err(|_| Denial::Failed(Failure::Internal))?;
    let headers = if body.is_some() { json_headers() } else { HeaderMap::new() };
    Ok(UpstreamRequest { method, path_and_query, headers, body: body.unwrap_or_default() })
}

/// A query by POST.
fn post(path: &str, body: Bytes) -> UpstreamRequest {
    UpstreamRequest { method: Method::POST, path_and_query: path.to_owned(), headers: json_headers(), body }
}

fn json_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
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
