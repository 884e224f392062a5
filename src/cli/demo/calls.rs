//! The same calls for each tenant, and whether what came back is what was promised.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context;
use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    super::remote::Reply,
    stage::{Stage, Tenant},
};

const PAGE_SIZE: usize = 100;
// Outcomes follow their answers; this is how long they may take.
const RECORDED_WITHIN: Duration = Duration::from_secs(5);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// One call and what was seen.
#[derive(Debug, Serialize)]
pub(super) struct Result {
    #[serde(skip)]
    pub(super) tenant: String,
    pub(super) call: &'static str,
    pub(super) status: u16,
    /// What the tenant saw, in words.
    pub(super) saw: String,
    /// What the organisation holds, in words.
    pub(super) holds: String,
    /// Whether the answer is exactly what the tenant may see.
    pub(super) answer_as_promised: bool,
    /// The event of the call (of its last page), as the admin API tells it.
    pub(super) event: Option<Value>,
    #[serde(skip)]
    correlation_id: Option<String>,
}

impl Result {
    /// The answer was right, and the call is on record.
    pub(super) fn as_promised(&self) -> bool {
        self.answer_as_promised && self.outcome_status() == Some(u64::from(self.status))
    }

    pub(super) fn outcome_code(&self) -> Option<&str> {
        self.event.as_ref()?.pointer("/outcome/code")?.as_str()
    }

    fn outcome_status(&self) -> Option<u64> {
        self.event.as_ref()?.pointer("/outcome/status")?.as_u64()
    }
}

/// Makes all calls, then reads their events.
pub(super) async fn make(stage: &Stage) -> anyhow::Result<Vec<Result>> {
    let mut results = Vec::new();
    for tenant in &stage.tenants {
        results.push(conversations(stage, tenant).await?);
        results.push(users(stage, tenant).await?);
        results.push(anothers_user(stage, tenant).await?);
        results.push(denied(stage, tenant).await?);
    }
    read_events(stage, &mut results).await?;
    Ok(results)
}

async fn conversations(stage: &Stage, tenant: &Tenant) -> anyhow::Result<Result> {
    let mut pages = Pages::default();
    for page in 1.. {
        let body = json!({
            "interval": stage.facts.interval,
            "paging": { "pageSize": PAGE_SIZE, "pageNumber": page },
        });
        let path = "/api/v2/analytics/conversations/details/query";
        let reply = call(stage, tenant, Method::POST, path, Some(&body)).await?;
        if !pages.add(reply, "conversations", "conversationId", "totalHits") {
            break;
        }
    }
    let own = tenant.division.conversations.iter().map(|conversation| conversation.id.as_str());
    let all = stage.facts.counts.conversations;
    Ok(pages.result(tenant, "query conversation details", "conversations", &own.collect(), all))
}

async fn users(stage: &Stage, tenant: &Tenant) -> anyhow::Result<Result> {
    let mut pages = Pages::default();
    for page in 1.. {
        let path = format!("/api/v2/users?state=any&pageSize={PAGE_SIZE}&pageNumber={page}");
        let reply = call(stage, tenant, Method::GET, &path, None).await?;
        if !pages.add(reply, "entities", "id", "total") {
            break;
        }
    }
    let own: BTreeSet<_> = tenant.division.users.iter().map(String::as_str).collect();
    Ok(pages.result(tenant, "list users", "users", &own, stage.facts.counts.users))
}

// Another division's user looks like one that does not exist.
async fn anothers_user(stage: &Stage, tenant: &Tenant) -> anyhow::Result<Result> {
    let other = stage.tenants.iter().find(|other| other.id != tenant.id);
    let user = other.and_then(|other| other.division.users.first());
    let user = user.context("the other tenant's division has no users")?;
    let reply = call(stage, tenant, Method::GET, &format!("/api/v2/users/{user}"), None).await?;
    let kept = reply.status == 404 && code(&reply) == Some("not.found") && reply.body.get("name").is_none();
    let holds = "the user, in another division".to_owned();
    Ok(refused(tenant, "read another tenant's user", holds, &reply, kept))
}

async fn denied(stage: &Stage, tenant: &Tenant) -> anyhow::Result<Result> {
    let path = "/api/v2/analytics/reporting/exports";
    let reply = call(stage, tenant, Method::GET, path, None).await?;
    let kept = reply.status == 403 && code(&reply) == Some("ringfence.operation_denied");
    let holds = "a list over the whole organisation".to_owned();
    Ok(refused(tenant, "list reporting exports", holds, &reply, kept))
}

async fn call(
    stage: &Stage,
    tenant: &Tenant,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Reply> {
    let url = format!("{}{path}", stage.gateway);
    stage.remote.call(method, &url, &tenant.access_token, body).await
}

fn code(reply: &Reply) -> Option<&str> {
    reply.body.get("code").and_then(Value::as_str)
}

fn refused(tenant: &Tenant, call: &'static str, holds: String, reply: &Reply, kept: bool) -> Result {
    Result {
        tenant: tenant.id.clone(),
        call,
        status: reply.status,
        saw: format!("{} {}", reply.status, code(reply).unwrap_or("without a code")),
        holds,
        answer_as_promised: kept,
        event: None,
        correlation_id: reply.correlation_id.clone(),
    }
}

/// A list, page by page.
#[derive(Debug, Default)]
struct Pages {
    ids: Vec<String>,
    total: Option<u64>,
    last: Option<Reply>,
}

impl Pages {
    // Whether there may be another page.
    fn add(&mut self, reply: Reply, collection: &str, id: &str, total: &str) -> bool {
        let items = reply.body.get(collection).and_then(Value::as_array).map_or([].as_slice(), Vec::as_slice);
        let full = items.len() == PAGE_SIZE;
        self.ids.extend(items.iter().filter_map(|item| item.get(id)?.as_str()).map(str::to_owned));
        self.total = reply.body.get(total).and_then(Value::as_u64);
        self.last = Some(reply);
        full
    }

    // As promised: exactly the own ones, each once, and a total that says so.
    fn result(
        self,
        tenant: &Tenant,
        call: &'static str,
        what: &str,
        own: &BTreeSet<&str>,
        all: usize,
    ) -> Result {
        let seen: BTreeSet<_> = self.ids.iter().map(String::as_str).collect();
        let foreign = seen.difference(own).count();
        let exact = seen == *own && self.ids.len() == own.len() && !own.is_empty();
        let total = self.total == u64::try_from(own.len()).ok();
        let (status, correlation_id) =
            self.last.map_or((0, None), |reply| (reply.status, reply.correlation_id));
        let foreign = if foreign == 0 { String::new() } else { format!(", {foreign} of them foreign") };
        Result {
            tenant: tenant.id.clone(),
            call,
            status,
            saw: format!("{} {what}{foreign}", self.ids.len()),
            holds: format!("{all} {what}, {} of them {}'s", own.len(), tenant.division.name),
            answer_as_promised: status == 200 && exact && total && own.len() < all,
            event: None,
            correlation_id,
        }
    }
}

// Waits until each call's event has its outcome, or for as long as that may take.
async fn read_events(stage: &Stage, results: &mut [Result]) -> anyhow::Result<()> {
    let deadline = Instant::now() + RECORDED_WITHIN;
    loop {
        for tenant in &stage.tenants {
            let path = format!("/events?tenant={}&limit=500", tenant.id);
            let page = stage.admin(Method::GET, &path, None).await?;
            let events = page.get("events").and_then(Value::as_array).context("no `events`")?;
            for result in results.iter_mut().filter(|result| result.tenant == tenant.id) {
                let id = result.correlation_id.as_deref();
                let own = |event: &&Value| id.is_some() && event.get("id").and_then(Value::as_str) == id;
                result.event = events.iter().find(own).cloned();
            }
        }
        let complete = results.iter().all(|result| result.outcome_code().is_some());
        if complete || Instant::now() > deadline {
            return Ok(());
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
}
