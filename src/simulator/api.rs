//! The API and login listener: one request from its bytes to its answer, faults included.

use std::{io, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, Response, StatusCode, request::Parts},
};
use bytes::Bytes;
use chrono::TimeDelta;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::{
    account, activity, aggregates,
    answer::{self, Answer, Failure},
    codes, conversation, conversations,
    data::World,
    disturb::disturb,
    faults::Fault,
    generic, help,
    jobs::{self, Kind},
    members, oauth,
    organisation::{Call, Client, Organisation, bad_token},
    query::Query,
    queues, search, users, writes,
};

/// How many foreign entities a lying answer holds.
pub(super) const LIES: usize = 3;
/// From how many bytes on a body is answered on a thread of its own: a hundred predicates are held against all there is, and
/// what runs beside the simulator (a gateway under test, with its timers) is not to wait for that.
const LONG_BODY: usize = 4_096;

/// One authenticated request, and the data that it sees.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) query: Query,
    pub(super) client: Arc<Client>,
    pub(super) world: Arc<World>,
    pub(super) organisation: Arc<Organisation>,
    /// Whether the answer is to hold entities that were not asked for.
    pub(super) lie: bool,
    /// Those of which division alone.
    lie_from: Option<String>,
    /// By how much intervals begin earlier than was asked for.
    pub(super) early: TimeDelta,
    body: Bytes,
}

impl Exchange {
    /// Whether an entity of a division is one that a lie may use.
    pub(super) fn lies_with(&self, division: usize) -> bool {
        let from = self.lie_from.as_deref();
        self.lie && from.is_none_or(|from| from == self.world.division_id(division))
    }

    /// The body as what the operation takes; whatever else it holds is refused.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let code = if error.to_string().starts_with("unknown field") {
                "invalid.property"
            } else {
                "bad.request"
            };
            Failure::new(
                StatusCode::BAD_REQUEST,
                code,
                format!("The request could not be understood: {error}"),
            )
        })
    }
}

/// Puts entities that do not belong there between those that do.
pub(super) fn slip<'a, T>(shown: &mut Vec<&'a T>, foreign: impl Iterator<Item = &'a T>) {
    for (number, entity) in foreign.take(LIES).enumerate() {
        shown.insert((number * 2).min(shown.len()), entity);
    }
}

/// Answers one request. An error closes the connection without an answer.
pub(super) async fn serve(
    organisation: Arc<Organisation>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let correlation = organisation.correlation();
    let body = match Limited::new(body, help::MOST_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(answer::response(Err(too_large()), &correlation, None)),
    };
    let login = parts.uri.path().starts_with("/oauth/");
    let (client, rate) =
        if login { (Err(bad_token()), None) } else { organisation.authenticate(&parts.headers) };
    if login {
        organisation.count_login();
    } else {
        organisation.note(call(&parts, &body, client.as_deref().ok()));
    }
    let (mut lie, mut lie_from, mut early, mut disturbing) = (false, None, TimeDelta::zero(), None);
    for fault in organisation.faults(parts.method.as_str(), parts.uri.path()) {
        match fault {
            Fault::Latency { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Fault::Hang => std::future::pending().await,
            Fault::Reset => return Err(io::ErrorKind::ConnectionReset.into()),
            Fault::Lie { division } => (lie, lie_from) = (true, division),
            Fault::Early { hours } => early = TimeDelta::hours(hours.into()),
            Fault::EmptyBody => return Ok(answer::response(Ok(Answer::ok("")), &correlation, rate)),
            Fault::Malformed => return Ok(answer::response(Ok(Answer::ok(MALFORMED)), &correlation, rate)),
            Fault::Status { status, retry_after } => {
                return Ok(answer::response(refused(login, status, retry_after), &correlation, rate));
            }
            late @ (Fault::Truncate
            | Fault::CutChunks
            | Fault::Trickle { .. }
            | Fault::Endless
            | Fault::HugeHeaders { .. }
            | Fault::ContentType { .. }
            | Fault::Gzip
            | Fault::Totals { .. }
            | Fault::Instead { .. }
            | Fault::Done { .. }) => disturbing = Some(late),
        }
    }
    let outcome = match client {
        _ if login => log_in(&organisation, &parts, &body),
        Err(failure) => Err(failure),
        Ok(client) => {
            let (query, world) = (Query::read(parts.uri.query()), organisation.world());
            answer(parts, Exchange { query, client, world, organisation, lie, lie_from, early, body }).await?
        }
    };
    let response = answer::response(outcome, &correlation, rate);
    match disturbing {
        Some(fault) => disturb(response, &fault).await,
        None => Ok(response),
    }
}

const MALFORMED: &str = "{\"entities\": [{\"id\": \"5d0\", \"name\": <html>502 Bad Gateway</html>";

fn log_in(organisation: &Organisation, parts: &Parts, body: &[u8]) -> Result<Answer, Failure> {
    if parts.uri.path() != "/oauth/token" {
        return Err(Failure::missing("resource", parts.uri.path()));
    }
    if parts.method != Method::POST {
        return Ok(oauth::refused(StatusCode::METHOD_NOT_ALLOWED));
    }
    Ok(oauth::token(organisation, &parts.headers, body))
}

async fn answer(parts: Parts, exchange: Exchange) -> io::Result<Result<Answer, Failure>> {
    if exchange.body.len() > LONG_BODY {
        return tokio::task::spawn_blocking(move || dispatch(&parts, &exchange))
            .await
            .map_err(io::Error::other);
    }
    Ok(dispatch(&parts, &exchange))
}

/// Finds the operation by method and path. What is not here does not exist.
fn dispatch(parts: &Parts, exchange: &Exchange) -> Result<Answer, Failure> {
    let path = parts.uri.path();
    let Some(rest) = path.strip_prefix("/api/v2/") else { return Err(Failure::missing("resource", path)) };
    let decoded: Vec<String> =
        rest.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    let segments: Vec<&str> = decoded.iter().map(String::as_str).collect();
    match (parts.method.as_str(), segments.as_slice()) {
        ("GET", ["tokens", "me"]) => account::token(exchange),
        ("HEAD", ["tokens", "me"]) => account::token_head(exchange),
        ("GET", ["organizations", "me"]) => account::organisation(exchange),
        ("GET", ["authorization", "divisions"]) => account::divisions(exchange),
        ("GET", ["authorization", "divisions", "home"]) => account::home(exchange),
        ("GET", ["users"]) => users::list(exchange),
        ("GET", ["users", "me"]) => account::me(),
        ("GET", ["users", "search"]) => search::get(exchange),
        ("POST", ["users", "search"]) => search::post(exchange),
        ("POST", ["users"]) => writes::create_user(exchange),
        ("POST", ["routing", "queues"]) => writes::create_queue(exchange),
        ("GET", ["routing", "queues"]) => queues::list(exchange),
        ("GET", ["presence", "definitions"]) => codes::presence_definitions(exchange),
        ("GET", ["routing", "wrapupcodes"]) => codes::wrap_up_codes(exchange),
        ("GET", ["routing", "skills"]) => codes::skills(exchange),
        ("GET", ["routing", "languages"]) => codes::languages(exchange),
        ("GET", ["analytics", "conversations", "details"]) => conversation::several(exchange),
        ("GET", ["routing", "queues", "divisionviews"]) => queues::views(exchange),
        ("POST", ["analytics", what, "aggregates", "query"]) => aggregates::query(exchange, what),
        ("POST", ["analytics", what, "activity", "query"]) => activity::activity(exchange, what),
        ("POST", ["analytics", what, "observations", "query"]) => activity::observations(exchange, what),
        ("POST", ["analytics", "conversations", "details", "query"]) => conversations::query(exchange),
        (_, ["analytics", "conversations", "details", "jobs", rest @ ..]) => {
            job(parts, exchange, Kind::Details, rest)
        }
        (_, ["analytics", what, "aggregates", "jobs", rest @ ..]) => {
            job(parts, exchange, Kind::Aggregates((*what).to_owned()), rest)
        }
        // Fixed words stand before ids.
        (method, _) if generic::is_fixed(method, path) => generic::answer(exchange, method, path),
        ("GET", ["authorization", "divisions", id]) => account::division(exchange, id),
        ("PATCH", ["users", id]) => writes::change_user(exchange, id),
        ("DELETE", ["users", id]) => writes::delete_user(exchange, id),
        ("PUT", ["routing", "queues", id]) => writes::replace_queue(exchange, id),
        ("DELETE", ["routing", "queues", id]) => writes::delete_queue(exchange, id),
        ("GET", ["users", id]) => users::get(exchange, id),
        ("GET", ["users", id, "queues"]) => members::of_user(exchange, id),
        ("GET", ["users", id, "presences", source]) if source.eq_ignore_ascii_case("purecloud") => {
            codes::presence(exchange, id)
        }
        ("GET", ["routing", "wrapupcodes", id]) => codes::wrap_up_code(exchange, id),
        ("GET", ["routing", "skills", id]) => codes::skill(exchange, id),
        ("GET", ["routing", "languages", id]) => codes::language(exchange, id),
        ("GET", ["conversations", id]) => conversation::get(exchange, id),
        ("GET", ["analytics", "conversations", id, "details"]) => conversation::details(exchange, id),
        ("GET", ["routing", "queues", id, "members"]) => members::of_queue(exchange, id),
        ("GET", ["routing", "queues", id]) => queues::get(exchange, id),
        (method, _) => generic::answer(exchange, method, &format!("/api/v2/{}", decoded.join("/"))),
    }
}

fn job(parts: &Parts, exchange: &Exchange, kind: Kind, rest: &[&str]) -> Result<Answer, Failure> {
    match (parts.method.as_str(), rest) {
        ("POST", []) => jobs::begin(exchange, kind),
        ("GET", ["availability"]) if kind == Kind::Details => jobs::availability(exchange),
        ("GET", [id]) => jobs::status(exchange, &kind, id),
        ("GET", [id, "results"]) => jobs::results(exchange, &kind, id),
        ("DELETE", [id]) => jobs::delete(exchange, &kind, id),
        _ => Err(Failure::missing("resource", parts.uri.path())),
    }
}

fn call(parts: &Parts, body: &Bytes, client: Option<&Client>) -> Call {
    Call {
        method: parts.method.to_string(),
        path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        body: body.clone(),
        client: client.map(|client| client.id.clone()),
        headers: parts.headers.clone(),
    }
}

fn too_large() -> Failure {
    let message = format!("Request entity is larger than {} bytes", help::MOST_BYTES);
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request.entity.too.large", message)
}

/// The answer of a status fault: as the login words it, or as the API does.
fn refused(login: bool, status: u16, retry_after: Option<u64>) -> Result<Answer, Failure> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = format!("{} (simulated)", status.canonical_reason().unwrap_or("Fault"));
    match status {
        // The login's own shape has no room for a header; the API's carries it.
        _ if login && retry_after.is_none() => Ok(oauth::refused(status)),
        StatusCode::TOO_MANY_REQUESTS => {
            Err(Failure::too_many(retry_after.unwrap_or(60)).retry_after(retry_after))
        }
        StatusCode::UNAUTHORIZED => Err(bad_token()),
        StatusCode::SERVICE_UNAVAILABLE => {
            Err(Failure::new(status, "service.unavailable", words).retry_after(retry_after))
        }
        StatusCode::GATEWAY_TIMEOUT => Err(Failure::new(status, "authentication.request.timeout", words)),
        other => Err(Failure::new(other, "internal.server.error", words).retry_after(retry_after)),
    }
}
