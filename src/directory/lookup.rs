//! The questions to Genesys: one entity by its id, or a page of all.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asker, Found, LookupError, Within, is_id};
use crate::{
    catalog::{EntityKind, Enumeration},
    model::DivisionId,
    upstream::{Behalf, Effect, Share, Upstream, UpstreamRequest, refuses_any, told_to_wait},
};

/// As many as Genesys shows on one page (facts: users, queues).
pub(super) const AT_ONCE: usize = 100;

#[derive(Deserialize)]
struct Divided {
    id: String,
    #[serde(default)]
    division: Option<Division>,
}

impl Divided {
    /// What does not say its division is nobody's, and so is what is in all of them (`*`).
    fn split(self) -> Option<(String, DivisionId)> {
        let division = self.division?.id.parse().ok()?;
        Some((self.id, division))
    }
}

#[derive(Deserialize)]
struct Division {
    id: String,
}

/// The divisions that stand at a place of an answer; none where one of them is no division of its own (`*`).
fn within(answer: &Value, place: &str) -> Option<Within> {
    let mut at = vec![answer];
    for field in place.split('.') {
        at = at.into_iter().flat_map(each).map(|part| part.get(field)).collect::<Option<_>>()?;
    }
    let divisions = at
        .into_iter()
        .flat_map(each)
        .map(|id| id.as_str()?.parse().ok())
        .collect::<Option<Vec<DivisionId>>>()?;
    (!divisions.is_empty()).then(|| Within::Divisions(divisions.into()))
}

/// The items of a list, or the one thing that is none.
fn each(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Users are found by search, queues by list (models `UsersSearchResponse`, `QueueEntityListing`).
#[derive(Deserialize)]
struct Listing {
    #[serde(default, alias = "results")]
    entities: Vec<Divided>,
    #[serde(default)]
    total: Option<usize>,
}

/// One entity. The id must be one segment of a path as it is.
pub(super) async fn one(
    upstream: &Upstream,
    asker: Asker<'_>,
    kind: &EntityKind,
    id: &str,
) -> Result<Option<Found>, LookupError> {
    // SECURITY: Genesys's ids are UUIDs. What is not one names nothing, and must not become part of a path.
    if !is_id(id) {
        return Ok(None);
    }
    let Some(body) = ask(upstream, asker, get(kind.get.replace("{id}", id))).await? else { return Ok(None) };
    // An answer about another entity is none.
    let answer = serde_json::from_slice::<Value>(&body).ok();
    let found = answer.filter(|found| found.get("id").and_then(Value::as_str) == Some(id));
    let whose = |found: Value| match &kind.division {
        Some(place) => within(&found, place),
        None => kind.registered.then_some(Within::Registered),
    };
    Ok(found.and_then(whose).map(|within| Found { within, body }))
}

/// Some of all entities of a kind in certain divisions.
pub(super) struct Page {
    pub(super) found: Vec<(String, DivisionId)>,
    /// There may be another page.
    pub(super) is_full: bool,
    /// How many there are in these divisions, where Genesys says so.
    pub(super) total: Option<usize>,
}

/// One page of all entities of a kind that are in these divisions, starting at 1.
pub(super) async fn page(
    upstream: &Upstream,
    asker: Asker<'_>,
    all: &Enumeration,
    divisions: &[DivisionId],
    number: usize,
) -> Result<Page, LookupError> {
    let ids: Vec<&str> = divisions.iter().map(DivisionId::as_str).collect();
    let request = match all {
        Enumeration::Search { path } => {
            // Without states, Genesys searches active users alone.
            let states = ["active", "inactive", "deleted"];
            let query = json!([
                {"type": "TERMS", "fields": ["divisionId"], "values": ids, "operator": "AND"},
                {"type": "TERMS", "fields": ["state"], "values": states, "operator": "AND"},
            ]);
            let search = json!({"pageSize": AT_ONCE, "pageNumber": number, "query": query});
            post(path, &search)
        }
        Enumeration::List { path } => {
            let ids = ids.join("&divisionId=");
            get(format!("{path}?pageSize={AT_ONCE}&pageNumber={number}&divisionId={ids}"))
        }
    };
    let body = ask(upstream, asker, request).await?.unwrap_or_default();
    let Ok(listing) = serde_json::from_slice::<Listing>(&body) else {
        return Err(LookupError::Refused(StatusCode::BAD_GATEWAY));
    };
    let (is_full, total) = (listing.entities.len() >= AT_ONCE, listing.total);
    let divided = listing.entities.into_iter();
    Ok(Page { found: divided.filter_map(Divided::split).collect(), is_full, total })
}

/// The answer's body; none where there is nothing to be seen.
async fn ask(
    upstream: &Upstream,
    asker: Asker<'_>,
    request: UpstreamRequest,
) -> Result<Option<Bytes>, LookupError> {
    let Asker { tenant, portion, account, until, confirm, .. } = asker;
    // What is found is remembered: who comes again does not ask again.
    let behalf = Behalf { share: Share::Of(tenant, portion), account, until, sent: None, confirm };
    let answer = upstream.send(behalf, request, Effect::Reads).await?;
    match answer.status {
        StatusCode::OK => Ok(Some(answer.body)),
        StatusCode::TOO_MANY_REQUESTS => Err(LookupError::Limited(told_to_wait(&answer.headers))),
        refused if refuses_any(refused) => Err(LookupError::Refused(refused)),
        // 403: Genesys says that it exists. It must not look other than what does not.
        refused if refused.is_client_error() => Ok(None),
        other => Err(LookupError::Refused(other)),
    }
}

fn get(path_and_query: String) -> UpstreamRequest {
    UpstreamRequest { method: Method::GET, path_and_query, headers: HeaderMap::new(), body: Bytes::new() }
}

fn post(path: &str, body: &serde_json::Value) -> UpstreamRequest {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Bytes::from(body.to_string());
    UpstreamRequest { method: Method::POST, path_and_query: path.to_owned(), headers, body }
}
