//! Service accounts and tenants' divisions, as Genesys knows them.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;

use super::Findings;
use crate::{
    clock::Clock,
    model::{ServiceAccount, ServiceAccountId, Tenant},
    store::Changes,
    upstream::{Behalf, Effect, Upstream, UpstreamAnswer, UpstreamRequest},
};

/// How far the clocks may be apart: a `Date` has whole seconds, and the way takes some.
const LARGEST_SKEW: TimeDelta = TimeDelta::seconds(5);

/// Looks at each account, then at the divisions of the tenants whose account works.
pub(super) async fn examine(door: &Upstream, changes: &Changes, clock: &Clock, findings: &mut Findings) {
    let mut working: HashMap<&ServiceAccountId, Arc<ServiceAccount>> = HashMap::new();
    for account in &changes.service_accounts {
        let account = Arc::new(account.clone());
        if examine_account(door, &account, changes, clock, findings).await
            && let Some(known) = changes.service_accounts.iter().find(|known| known.id == account.id)
        {
            working.insert(&known.id, account);
        }
    }
    for tenant in &changes.tenants {
        if let Some(account) = working.get(&tenant.service_account) {
            examine_divisions(door, account, tenant, findings).await;
        }
    }
}

async fn examine_account(
    door: &Upstream,
    account: &Arc<ServiceAccount>,
    changes: &Changes,
    clock: &Clock,
    findings: &mut Findings,
) -> bool {
    let place = format!("service account {}", account.id);
    let answer = match get(door, account, "/api/v2/tokens/me").await {
        Ok(answer) if answer.status == StatusCode::OK => answer,
        Ok(answer) => {
            let found = format!("`tokens/me` answered {}", answer.status.as_u16());
            findings.problem(place, found, "look at the OAuth client's roles in Genesys");
            return false;
        }
        Err(found) => {
            findings.problem(
                place,
                found,
                "look at the OAuth client in Genesys, at the URLs and at the way there",
            );
            return false;
        }
    };
    findings.ok(&place, "Genesys gives it a token and takes it");
    let date = answer.headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let skew =
        date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()).map(|date| clock.now() - date.to_utc());
    match skew {
        Some(skew) if skew.abs() > LARGEST_SKEW => {
            let found = format!("this machine's clock is {} s from Genesys's", skew.num_seconds());
            findings.problem(
                "clock",
                found,
                "set the clock, or let NTP do so: expiry and the record depend on it",
            );
        }
        Some(_) => findings.ok("clock", format!("as Genesys's ({})", account.id)),
        None => findings.warn("clock", "Genesys's answer has no date", "compare the clock by hand"),
    }
    let tenants = changes.tenants.iter().filter(|tenant| tenant.service_account == account.id).count();
    if account.shared {
        let found = format!("shared by {tenants} tenants: Genesys enforces no fence between them");
        findings.warn(place, found, "give each tenant an OAuth client of its own");
    }
    true
}

async fn examine_divisions(
    door: &Upstream,
    account: &Arc<ServiceAccount>,
    tenant: &Tenant,
    findings: &mut Findings,
) {
    let home = get(door, account, "/api/v2/authorization/divisions/home").await;
    let home =
        home.ok().filter(|answer| answer.status == StatusCode::OK).and_then(|answer| id_of(&answer.body));
    for division in &tenant.division_ids {
        let place = format!("tenant {}: division {division}", tenant.id);
        let give = "give the tenant a division of its own: `PATCH /admin/v1/tenants/{id}`";
        if home.as_deref() == Some(division.as_str()) {
            findings.problem(place, "it is the Home division, which holds what all clients use", give);
            continue;
        }
        match get(door, account, &format!("/api/v2/authorization/divisions/{division}")).await {
            Ok(answer) if answer.status == StatusCode::OK => match home {
                Some(_) => findings.ok(place, "there, and not the Home division"),
                None => findings.warn(
                    place,
                    "there; which the Home division is, Genesys does not say",
                    "look at it in Genesys",
                ),
            },
            Ok(answer) if answer.status == StatusCode::NOT_FOUND => {
                findings.problem(place, "there is no such division", give);
            }
            Ok(answer) => {
                let found = format!("Genesys answered {}", answer.status.as_u16());
                findings.warn(place, found, "let the service account's role view divisions");
            }
            Err(found) => findings.problem(place, found, "look at the way to Genesys"),
        }
    }
}

async fn get(door: &Upstream, account: &Arc<ServiceAccount>, path: &str) -> Result<UpstreamAnswer, String> {
    let request = UpstreamRequest {
        method: Method::GET,
        path_and_query: path.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    };
    door.send(Behalf::operator(account), request, Effect::Reads).await.map_err(|error| error.to_string())
}

fn id_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Entity {
        id: String,
    }
    serde_json::from_slice(body).ok().map(|entity: Entity| entity.id)
}
