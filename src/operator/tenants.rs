//! Tenants: registered, changed, suspended and resumed.

use std::{collections::HashSet, time::Duration};

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Author, Desk, Refusal, check_limits, check_name, desk::Subject, policies, service_accounts};
use crate::{
    model::{
        CrossDivision, DivisionId, EventKind, Limits, ServiceAccount, ServiceAccountId, Tenant, TenantId,
    },
    store::StoreError,
    upstream::{Behalf, Effect, UpstreamRequest},
};

const MOST_DIVISIONS: usize = 100;
// A check that Genesys does not answer must not hold up an onboarding.
const HOME_TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked for: a new tenant.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Chosen by the operator.
    pub id: TenantId,
    /// For people.
    pub name: String,
    /// The tenant's own divisions.
    pub division_ids: Vec<DivisionId>,
    /// The account that the tenant's calls are made with.
    pub service_account: ServiceAccountId,
    /// The name of a template in `policies/templates`.
    pub policy_template: String,
    /// How a conversation that other divisions took part in is shown.
    #[serde(default, deserialize_with = "super::word")]
    pub cross_division: CrossDivision,
    /// The tenant's agents serve no other client: of those who are in its divisions now, the operator vouches for it.
    #[serde(default)]
    pub dedicated_agents: bool,
    /// With `dedicated_agents`: since when they have served no other; without it, the operator vouches for all of their past.
    #[serde(default)]
    pub dedicated_since: Option<DateTime<Utc>>,
    /// Fields of a body that its model does not know are left out, where they are refused otherwise.
    #[serde(default)]
    pub lenient: bool,
    /// How much all its keys together may send; without it, as much as they like.
    #[serde(default, deserialize_with = "super::object_if_any")]
    pub limits: Option<Limits>,
    /// How long an access token of its keys lives: 60 to 172,800 seconds, a day by default.
    #[serde(default)]
    pub token_lifetime_seconds: Option<u32>,
    /// Its part of a shared account's budget, against the other tenants': 1 to 1,000; 1 without it.
    pub budget_weight: Option<u32>,
}

/// What is to be different; what is absent stays.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantChange {
    /// As [`NewTenant::name`].
    pub name: Option<String>,
    /// As [`NewTenant::division_ids`].
    pub division_ids: Option<Vec<DivisionId>>,
    /// As [`NewTenant::service_account`].
    pub service_account: Option<ServiceAccountId>,
    /// As [`NewTenant::policy_template`].
    pub policy_template: Option<String>,
    /// As [`NewTenant::cross_division`].
    #[serde(default, deserialize_with = "super::word_if_any")]
    pub cross_division: Option<CrossDivision>,
    /// As [`NewTenant::dedicated_agents`]; `true` where it is already changes nothing.
    pub dedicated_agents: Option<bool>,
    /// As [`NewTenant::dedicated_since`]; to vouch once more, after `false`, it must be sent.
    pub dedicated_since: Option<DateTime<Utc>>,
    /// As [`NewTenant::lenient`].
    pub lenient: Option<bool>,
    /// All of [`NewTenant::limits`]: what this does not name is not limited any more.
    #[serde(default, deserialize_with = "super::object_if_any")]
    pub limits: Option<Limits>,
    /// As [`NewTenant::token_lifetime_seconds`]; for tokens that are issued from then on.
    pub token_lifetime_seconds: Option<u32>,
    /// As [`NewTenant::budget_weight`].
    pub budget_weight: Option<u32>,
}

/// Registers a tenant.
pub async fn add(desk: &Desk, author: &Author, new: NewTenant) -> Result<Tenant, Refusal> {
    const ACTION: &str = "tenant.add";
    desk.authorize(author, ACTION).await?;
    let now = desk.clock.now();
    let mut tenant = Tenant {
        id: new.id,
        name: new.name,
        division_ids: new.division_ids,
        service_account: new.service_account,
        policy_template: new.policy_template,
        cross_division: new.cross_division,
        dedicated_agents: new.dedicated_agents,
        dedicated_at: new.dedicated_agents.then_some(now),
        dedicated_since: new.dedicated_since,
        lenient: new.lenient,
        limits: new.limits.unwrap_or_default(),
        token_lifetime_seconds: new.token_lifetime_seconds.unwrap_or(Tenant::TOKEN_LIFETIME_SECONDS),
        budget_weight: new.budget_weight.unwrap_or(1),
        suspended: false,
        created_at: now,
        updated_at: now,
        version: 0,
    };
    let account = check(desk, &tenant).await?;
    let home = check_home(desk, &account, &tenant).await?;
    let _changing = desk.changing().await;
    if desk.store.tenant(&tenant.id).await?.is_some() {
        let why = format!("there is a tenant `{}` already", tenant.id);
        return Err(Refusal::Conflict { code: "tenant_exists", why });
    }
    check_others(desk, &tenant, &account).await?;
    let detail = json!({ "before": null, "after": shown(&tenant), "home_division": home });
    let event = desk.event(author, EventKind::Change, ACTION, &Subject::tenant(&tenant.id), &detail);
    tenant.version = desk.settle(desk.store.add_tenant(&tenant, &event).await).await?;
    Ok(tenant)
}

/// All tenants.
pub async fn list(desk: &Desk, author: &Author) -> Result<Vec<Tenant>, Refusal> {
    desk.authorize(author, "tenant.list").await?;
    Ok(desk.store.list_tenants().await?)
}

/// One tenant.
pub async fn get(desk: &Desk, author: &Author, id: &TenantId) -> Result<Tenant, Refusal> {
    desk.authorize(author, "tenant.list").await?;
    known(desk, id).await
}

/// Changes a tenant; with `version`, only if it still is that one.
pub async fn update(
    desk: &Desk,
    author: &Author,
    id: &TenantId,
    change: TenantChange,
    version: Option<i64>,
) -> Result<Tenant, Refusal> {
    const ACTION: &str = "tenant.update";
    desk.authorize(author, ACTION).await?;
    let before = known(desk, id).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(Refusal::Changed { what: format!("tenant `{id}`") });
    }
    let now = desk.clock.now();
    let after = Tenant { updated_at: now, ..apply(change, before.clone(), now) };
    let account = check(desk, &after).await?;
    check_vouched_again(desk, &before, &after).await?;
    let moved = after.division_ids != before.division_ids || after.service_account != before.service_account;
    let home = if moved { check_home(desk, &account, &after).await? } else { "not concerned".to_owned() };
    let _changing = desk.changing().await;
    check_others(desk, &after, &account).await?;
    policies::check_still(desk, &after).await?;
    let detail = json!({ "before": shown(&before), "after": shown(&after), "home_division": home });
    keep(desk, author, ACTION, after, &detail).await
}

/// From now on the tenant's calls are refused.
pub async fn suspend(desk: &Desk, author: &Author, id: &TenantId) -> Result<Tenant, Refusal> {
    stand(desk, author, id, "tenant.suspend", true).await
}

/// From now on the tenant's calls are served again.
pub async fn resume(desk: &Desk, author: &Author, id: &TenantId) -> Result<Tenant, Refusal> {
    stand(desk, author, id, "tenant.resume", false).await
}

async fn stand(
    desk: &Desk,
    author: &Author,
    id: &TenantId,
    action: &'static str,
    suspended: bool,
) -> Result<Tenant, Refusal> {
    desk.authorize(author, action).await?;
    let _changing = desk.changing().await;
    let before = known(desk, id).await?;
    let after = Tenant { suspended, updated_at: desk.clock.now(), ..before.clone() };
    let detail = json!({ "before": shown(&before), "after": shown(&after) });
    keep(desk, author, action, after, &detail).await
}

/// The tenant, or that there is none.
pub(super) async fn known(desk: &Desk, id: &TenantId) -> Result<Tenant, Refusal> {
    let tenant = desk.store.tenant(id).await?;
    tenant.ok_or_else(|| Refusal::Missing { what: format!("tenant `{id}`") })
}

async fn keep(
    desk: &Desk,
    author: &Author,
    action: &'static str,
    mut tenant: Tenant,
    detail: &Value,
) -> Result<Tenant, Refusal> {
    let event = desk.event(author, EventKind::Change, action, &Subject::tenant(&tenant.id), detail);
    tenant.version = match desk.store.update_tenant(&tenant, &event).await {
        // The divisions were looked at a moment ago, so it is the version that somebody else has raised.
        Err(StoreError::Conflict { .. }) => {
            let why =
                format!("tenant `{}` has just been changed by somebody else; repeat the change", tenant.id);
            return Err(Refusal::Conflict { code: "changed_meanwhile", why });
        }
        kept => desk.settle(kept).await?,
    };
    Ok(tenant)
}

fn apply(change: TenantChange, mut tenant: Tenant, now: DateTime<Utc>) -> Tenant {
    let TenantChange {
        name,
        division_ids,
        service_account,
        policy_template,
        cross_division,
        dedicated_agents,
        dedicated_since,
        lenient,
        limits,
        token_lifetime_seconds,
        budget_weight,
    } = change;
    tenant.name = name.unwrap_or(tenant.name);
    tenant.division_ids = division_ids.unwrap_or(tenant.division_ids);
    tenant.service_account = service_account.unwrap_or(tenant.service_account);
    tenant.policy_template = policy_template.unwrap_or(tenant.policy_template);
    tenant.cross_division = cross_division.unwrap_or(tenant.cross_division);
    // Said again, it is no new word: who came since then would be vouched for by it.
    if let Some(dedicated) = dedicated_agents.filter(|dedicated| *dedicated != tenant.dedicated_agents) {
        tenant.dedicated_agents = dedicated;
        tenant.dedicated_at = dedicated.then_some(now);
        tenant.dedicated_since = None;
    }
    tenant.dedicated_since = dedicated_since.or(tenant.dedicated_since);
    tenant.lenient = lenient.unwrap_or(tenant.lenient);
    tenant.limits = limits.unwrap_or(tenant.limits);
    tenant.token_lifetime_seconds = token_lifetime_seconds.unwrap_or(tenant.token_lifetime_seconds);
    tenant.budget_weight = budget_weight.unwrap_or(tenant.budget_weight);
    tenant
}

/// A tenant as events show it: its version is the event's own doing.
fn shown(tenant: &Tenant) -> Value {
    let mut shown = json!(tenant);
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("version");
    }
    shown
}

/// What can be judged of a tenant by itself; answers its account.
async fn check(desk: &Desk, tenant: &Tenant) -> Result<ServiceAccount, Refusal> {
    check_name(&tenant.name)?;
    check_dedicated(tenant)?;
    check_limits(&tenant.limits)?;
    check_token_lifetime(tenant)?;
    if !(1..=1_000).contains(&tenant.budget_weight) {
        return Err(Refusal::invalid("budget_weight", "send a number from 1 to 1000"));
    }
    let templates = desk.engine.templates();
    if !templates.contains(&tenant.policy_template) {
        let why = format!(
            "there is no policy template `{}`; there are: {}",
            tenant.policy_template,
            templates.join(", ")
        );
        return Err(Refusal::invalid("policy_template", why));
    }
    let divisions = &tenant.division_ids;
    if divisions.is_empty() || divisions.len() > MOST_DIVISIONS {
        let why = format!("send 1 to {MOST_DIVISIONS} division ids");
        return Err(Refusal::invalid("division_ids", why));
    }
    let mut seen = HashSet::new();
    if let Some(twice) = divisions.iter().find(|division| !seen.insert(*division)) {
        return Err(Refusal::invalid("division_ids", format!("`{twice}` is named twice; name it once")));
    }
    let account = desk.store.service_account(&tenant.service_account).await?;
    account.ok_or_else(|| {
        let why = format!("there is no service account `{}`; register it first", tenant.service_account);
        Refusal::invalid("service_account", why)
    })
}

fn check_token_lifetime(tenant: &Tenant) -> Result<(), Refusal> {
    let range = Tenant::SHORTEST_TOKEN_LIFETIME_SECONDS..=Tenant::LONGEST_TOKEN_LIFETIME_SECONDS;
    let seconds = tenant.token_lifetime_seconds;
    if range.contains(&seconds) {
        return Ok(());
    }
    let why = format!("{seconds} is out of range: expected {} to {}", range.start(), range.end());
    Err(Refusal::invalid("token_lifetime_seconds", why))
}

fn check_dedicated(tenant: &Tenant) -> Result<(), Refusal> {
    let why = match tenant.dedicated_since {
        Some(_) if !tenant.dedicated_agents => "send it with `dedicated_agents`: true, or leave it out",
        Some(since) if tenant.updated_at < since => {
            "name a time that has passed: who comes later counts from when they are first seen"
        }
        Some(_) | None => return Ok(()),
    };
    Err(Refusal::invalid("dedicated_since", why.to_owned()))
}

/// A new word outweighs all that was seen since the last: it must say from when on.
async fn check_vouched_again(desk: &Desk, before: &Tenant, after: &Tenant) -> Result<(), Refusal> {
    let is_bare = after.dedicated_agents && !before.dedicated_agents && after.dedicated_since.is_none();
    if is_bare && desk.store.stays(&after.id).await?.is_some() {
        let why = "you have vouched for this tenant's agents before, and what was seen of their coming since then would be \
                   forgotten: send the time since when those who are there now have served no other";
        return Err(Refusal::invalid("dedicated_since", why.to_owned()));
    }
    Ok(())
}

/// What other tenants stand against: a division has one tenant, and so has an account that is not shared.
async fn check_others(desk: &Desk, tenant: &Tenant, account: &ServiceAccount) -> Result<(), Refusal> {
    let owners = desk.store.owners_of(&tenant.division_ids).await?;
    if let Some((taken, other)) = owners.iter().find(|(_, owner)| *owner != tenant.id) {
        let why = format!(
            "division `{taken}` is tenant `{other}`'s; take it from that tenant first, or name another"
        );
        return Err(Refusal::Conflict { code: "division_taken", why });
    }
    if account.shared {
        return Ok(());
    }
    if let Some(other) = desk.store.served_by(&account.id).await?.iter().find(|other| **other != tenant.id) {
        let why = format!(
            "service account `{}` serves tenant `{other}` and is not shared; register an OAuth client of this \
             tenant's own, or one with `\"shared\": true`",
            account.id
        );
        return Err(Refusal::Conflict { code: "service_account_taken", why });
    }
    Ok(())
}

/// The Home division holds what belongs to all clients, so it can be no tenant's. Best effort: says how far it came.
async fn check_home(desk: &Desk, account: &ServiceAccount, tenant: &Tenant) -> Result<String, Refusal> {
    let request = UpstreamRequest {
        method: Method::GET,
        path_and_query: "/api/v2/authorization/divisions/home".to_owned(),
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    let account = match service_accounts::proven(desk, &account.id).await {
        Ok(account) => account,
        Err(refusal) => return Ok(format!("not checked: {refusal}")),
    };
    let sent = desk.upstream.send(Behalf::operator(&account), request, Effect::Reads);
    let answer = match tokio::time::timeout(HOME_TIMEOUT, sent).await {
        Ok(Ok(answer)) if answer.status == StatusCode::OK => answer,
        Ok(Ok(answer)) => return Ok(format!("not checked: Genesys answered {}", answer.status.as_u16())),
        Ok(Err(error)) => return Ok(format!("not checked: {error}")),
        Err(_) => return Ok("not checked: Genesys did not answer in time".to_owned()),
    };
    let Some(home) = home_id(&answer.body) else {
        return Ok("not checked: Genesys's answer names no division".to_owned());
    };
    if tenant.division_ids.iter().any(|id| id.as_str().eq_ignore_ascii_case(&home)) {
        let why = format!(
            "`{home}` is the Home division, which holds what all clients use; make one of the tenant's own"
        );
        return Err(Refusal::invalid("division_ids", why));
    }
    Ok("checked".to_owned())
}

fn home_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Home {
        id: String,
    }
    serde_json::from_slice(body).ok().map(|home: Home| home.id)
}
