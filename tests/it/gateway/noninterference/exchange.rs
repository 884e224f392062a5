//! How what is asked is sent, and which of the answer's bytes may differ.

use serde_json::{Value, json};

use super::{
    asked::Asked,
    rows::{CONTEXT, CURSOR, MADE, VERSION},
};
use crate::support::app::TenantClient;

/// How often a denial is asked for: the outcome of a call is written behind its answer.
const TRIES: usize = 2_000;
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
        let Answer { headers, mut text } = answer;
        let shown: Value = serde_json::from_str(&text).unwrap_or_default();
        if self.made.is_none() {
            let made = shown["id"].as_str().or_else(|| shown["jobId"].as_str());
            self.made = made.map(str::to_owned);
        }
        self.cursor = shown["cursor"].as_str().map(str::to_owned);
        self.version = shown["version"].clone();
        // Each organisation has its own key to seal them under.
        for (handle, field) in [(&shown["jobId"], "HANDLE"), (&shown["cursor"], CURSOR)] {
            if let Some(handle) = handle.as_str() {
                text = text.replace(handle, field);
            }
        }
        let text = if path.starts_with("/gateway/") && status == 200 { own(shown, &path) } else { text };
        let text = text.replace(&id, "CORRELATION").replace(&tenant.client_id, "KEY");
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
