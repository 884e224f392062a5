//! The control listener: facts about the organisation, what it was asked, and what it is to do wrong.

use std::{io, sync::Arc};

use axum::{
    body::Body,
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{data::World, faults::Rule, help, organisation::Organisation};

type Outcome = Result<Value, (StatusCode, String)>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reseed {
    variation: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct More {
    count: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    division: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewClient {
    client_id: String,
    secret: String,
    #[serde(default)]
    divisions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    #[serde(default)]
    token_lifetime_seconds: Option<u64>,
    #[serde(default)]
    rate_per_minute: Option<u64>,
    #[serde(default)]
    minute_ms: Option<u64>,
}

/// Answers one request.
pub(super) async fn serve(
    organisation: Arc<Organisation>,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, 1 << 20).collect().await.map_err(io::Error::other)?.to_bytes();
    let segments: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
    if segments == [""] {
        return Ok(respond(StatusCode::OK, "text/plain; charset=utf-8", help::HELP.to_owned()));
    }
    let (status, value) = match dispatch(&organisation, parts.method.as_str(), &segments, &body) {
        Ok(value) => (StatusCode::OK, value),
        Err((status, message)) => (status, json!({"error": message})),
    };
    Ok(respond(status, "application/json", value.to_string()))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn dispatch(organisation: &Organisation, method: &str, segments: &[&str], body: &[u8]) -> Outcome {
    match (method, segments) {
        ("GET", ["facts"]) => return Ok(organisation.facts()),
        ("GET", ["calls"]) => return Ok(Value::Array(organisation.calls())),
        ("GET", ["tokens"]) => return Ok(json!(organisation.tokens())),
        ("GET", ["logins"]) => return Ok(json!(organisation.logins())),
        ("GET", ["faults"]) => return Ok(Value::Array(organisation.rules())),
        ("GET", ["things", path @ ..]) => return Ok(things(organisation, &path.join("/"))),
        ("DELETE", ["calls"]) => organisation.clear_calls(),
        ("DELETE", ["faults"]) => organisation.set_faults(Vec::new()),
        ("PUT", ["faults"]) => organisation.set_faults(read::<Vec<Rule>>(body)?),
        ("POST", ["tokens", "expire"]) => organisation.expire_tokens(),
        ("POST", ["jobs", "expire"]) => organisation.expire_jobs(),
        ("POST", ["divisions", id, "reseed"]) => {
            if !organisation.reseed(id, read::<Reseed>(body)?.variation) {
                return Err((StatusCode::NOT_FOUND, format!("there is no division {id}")));
            }
        }
        ("POST", ["divisions", id, "users"]) => {
            if !organisation.add_users(id, read::<More>(body)?.count) {
                return Err((StatusCode::NOT_FOUND, format!("there is no division {id}")));
            }
        }
        ("POST", ["users", id, "move"]) => {
            if !organisation.move_user(id, &read::<Destination>(body)?.division) {
                return Err((StatusCode::NOT_FOUND, format!("there is no user {id}, or no such division")));
            }
        }
        ("POST", ["clients"]) => {
            let NewClient { client_id, secret, divisions } = read(body)?;
            organisation.add_client(&client_id, &secret, divisions);
        }
        ("POST", ["settings"]) => {
            let settings: Settings = read(body)?;
            if let Some(seconds) = settings.token_lifetime_seconds {
                organisation.set_token_lifetime(seconds);
            }
            if let Some(rate) = settings.rate_per_minute {
                organisation.set_rate(rate);
            }
            if let Some(milliseconds) = settings.minute_ms {
                organisation.set_minute(milliseconds);
            }
        }
        _ => return Err((StatusCode::NOT_FOUND, "no such route; GET / tells which there are".to_owned())),
    }
    Ok(json!({}))
}

fn things(organisation: &Organisation, path: &str) -> Value {
    let thing = |(id, division): (String, Option<&str>)| json!({"id": id, "division": division});
    organisation.things(&format!("/{path}")).into_iter().map(thing).collect()
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, (StatusCode, String)> {
    serde_json::from_slice(body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

impl Organisation {
    /// What there is, as tests and demonstrations need to know it: divisions, the ids in each, clients.
    pub fn facts(&self) -> Value {
        let world = self.world();
        let clients: Vec<Value> = self
            .clients()
            .iter()
            .map(|client| json!({"client_id": client.id, "divisions": client.divisions}))
            .collect();
        let divisions: Vec<Value> =
            (0..world.plan.divisions.len()).map(|place| division(&world, place)).collect();
        json!({
            "organisation": {"id": help::ORGANISATION, "name": help::ORGANISATION_NAME},
            "interval": help::INTERVAL,
            "seed": world.plan.seed,
            "scale": world.plan.scale,
            "clients": clients,
            "counts": {
                "divisions": divisions.len(),
                "users": world.users.len(),
                "queues": world.queues.len(),
                "conversations": world.conversations.len(),
            },
            "divisions": divisions,
        })
    }
}

fn division(world: &World, place: usize) -> Value {
    let Some(division) = world.division(place) else { return Value::Null };
    let users: Vec<&str> =
        world.users.iter().filter(|user| user.division == place).map(|user| user.id.as_str()).collect();
    let queues: Vec<&str> =
        world.queues.iter().filter(|queue| queue.division == place).map(|queue| queue.id.as_str()).collect();
    let conversations: Vec<Value> = world
        .conversations
        .iter()
        .filter(|conversation| conversation.touches(place))
        .map(|conversation| {
            let partner = conversation
                .partner
                .map(|partner| if conversation.owner == place { partner } else { conversation.owner });
            json!({
                "id": conversation.id,
                "owner": world.division_id(conversation.owner),
                "shared_with": partner.map(|partner| world.division_id(partner)),
            })
        })
        .collect();
    json!({
        "id": division.id,
        "name": division.name,
        "home": division.home,
        "variation": division.variation,
        "counts": {"users": users.len(), "queues": queues.len(), "conversations": conversations.len()},
        "users": users,
        "queues": queues,
        "conversations": conversations,
    })
}
