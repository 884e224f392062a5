//! How what is asked is sent, and which of the answer's bytes may differ.

use serde_json::{Value, json};

use super::{
    asked::Asked,
    rows::{CONTEXT, CURSOR, MADE, VERSION},
};
use crate::support::app::TenantClient;

/// How often a denial is asked for: the outcome of a call is written behind its answer.
const TRIES: usize = 2_000;
/// What is sealed is longer than anything else of one word.
const SEALED: usize = 100;
/// A cursor of the gateway's own holds no more than a number,
const CURSOR_SEALED: usize = 40;
/// and stands behind one of these.
const TURNS: [&str; 4] = ["after", "before", "cursor", "pageToken"];
/// What is told on the own surface of when and under which id something was asked.
const OWN: &[&str] = &["context_id", "at", "as_of", "since", "created_at", "next_cursor"];

/// The answers to a row of requests, without what may differ: dates, correlation ids, and the ids of the two keys.
pub(super) async fn answers(tenant: &TenantClient, row: &[Asked]) -> Vec<(u16, String)> {
    let mut told = Told::default();
    let mut answers = Vec::new();
    for asked in row {
        answers.push(told.answer(tenant, asked).await);
    }
    answers
}

/// What the answers so far told those who ask on.
#[derive(Default)]
struct Told {
    made: Option<String>,
    version: Value,
    cursor: Option<String>,
    context: String,
}

impl Told {
    async fn answer(&mut self, tenant: &TenantClient, asked: &Asked) -> (u16, String) {
        let looks_back = asked.path.contains(CONTEXT);
        let path = asked
            .path
            .replace(MADE, self.made.as_deref().unwrap_or("nothing"))
            .replace(CURSOR, self.cursor.as_deref().unwrap_or("nothing"))
            .replace(CONTEXT, &self.context);
        let mut body = asked.body.clone();
        if let Some(version) =
            body.as_mut().and_then(|body| body.get_mut("version")).filter(|one| *one == VERSION)
        {
            *version = self.version.clone();
        }
        let (mut status, mut answer, mut id) = send(tenant, asked, &path, body.as_ref()).await;
        for _ in 0..TRIES {
            if !looks_back || status != 404 {
                break;
            }
            tokio::task::yield_now().await;
            (status, answer, id) = send(tenant, asked, &path, body.as_ref()).await;
        }
        let Answer { headers, text } = answer;
        let shown: Value = serde_json::from_str(&text).unwrap_or_default();
        if self.made.is_none() {
            let made = shown["id"].as_str().or_else(|| shown.as_object()?.values().find_map(sealed));
            self.made = made.map(str::to_owned);
        }
        self.cursor = shown["cursor"].as_str().map(str::to_owned);
        self.version = shown["version"].clone();
        let text = if path.starts_with("/gateway/") && status == 200 { own(shown, &path) } else { text };
        let text = text.replace(&id, "CORRELATION").replace(&tenant.client_id, "KEY");
        let text = unsealed(&text);
        self.context = id;
        (status, format!("{status}\n{headers}\n{text}"))
    }
}

struct Answer {
    headers: String,
    text: String,
}

async fn send(
    tenant: &TenantClient,
    asked: &Asked,
    path: &str,
    body: Option<&Value>,
) -> (u16, Answer, String) {
    let mut request = tenant.request(asked.method.clone(), path);
    if let Some(body) = body {
        request = request.json(body);
    }
    let (status, headers, text) = tenant.send_raw(request).await;
    let id = headers.get("inin-correlation-id").unwrap().to_str().unwrap().to_owned();
    let mut shown: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "inin-correlation-id" | "content-length"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    shown.sort();
    (status.as_u16(), Answer { headers: shown.join("\n"), text }, id)
}

/// Each organisation has its own key to seal handles and cursors under.
fn unsealed(text: &str) -> String {
    let is_in = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let mut turns = false;
    let told = text.split_inclusive(|letter| !is_in(letter)).map(|word| {
        let (inner, end) = word.split_at(word.trim_end_matches(|letter| !is_in(letter)).len());
        let is_cursor = turns && inner.len() >= CURSOR_SEALED;
        turns = end == "=" && TURNS.contains(&inner);
        format!("{}{end}", if is_cursor || is_sealed(inner) { "SEALED" } else { inner })
    });
    told.collect()
}

fn sealed(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| is_sealed(text))
}

/// Longer than any id; texts of the organisation say so.
fn is_sealed(word: &str) -> bool {
    word.len() >= SEALED && !word.contains("canary")
}

/// All that the tenant is told of its calls, newest first; once all of it is known.
pub(super) async fn events(tenant: &TenantClient) -> Vec<Value> {
    for _ in 0..TRIES {
        let known = known_events(tenant).await;
        if known.iter().all(|one| !one["outcome"].is_null()) {
            return known;
        }
        tokio::task::yield_now().await;
    }
    panic!("outcomes are never known");
}

async fn known_events(tenant: &TenantClient) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/gateway/v1/events?limit=100{cursor}");
        let (_, _, text) = tenant.send_raw(tenant.request(reqwest::Method::GET, &path)).await;
        let mut page: Value = serde_json::from_str(&text.replace(&tenant.client_id, "KEY")).unwrap();
        let next = page["next_cursor"].as_str().map(|next| format!("&cursor={next}"));
        blank(&mut page, false);
        // What looks back is asked until there is something to be seen.
        let is_asked = |one: &&Value| !one["path"].as_str().is_some_and(|path| path.starts_with("/gateway/"));
        let asked = page["events"].as_array().unwrap().iter().filter(is_asked);
        all.extend(asked.map(|one| serde_json::from_str::<Value>(&unsealed(&one.to_string())).unwrap()));
        match next {
            Some(next) => cursor = next,
            None => return all,
        }
    }
}

/// The own surface without times and ids; of usage without numbers, which looking back adds to.
fn own(mut shown: Value, path: &str) -> String {
    blank(&mut shown, path.ends_with("/usage"));
    shown.to_string()
}

fn blank(value: &mut Value, numbers: bool) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if OWN.contains(&name.as_str()) {
                    *field = json!("");
                } else {
                    blank(field, numbers);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| blank(item, numbers)),
        Value::Number(_) if numbers => *value = json!(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
