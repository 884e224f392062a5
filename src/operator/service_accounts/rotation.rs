//! Other credentials for an account: proven, then switched to; then the old ones are out of use.
//!
//! Nothing is changed unless Genesys takes the new ones, for a client of the same organisation with the same roles in the same
//! divisions, as far as it tells. The switch is one change of the store with its event: a process that is killed has the old
//! credentials or the new, never none. Each replica hears of it as of every change, and begins nothing with the old tokens from
//! then on; what it sealed of the old secret is not kept.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{check_credential, keep, proven, secret};
use crate::{
    model::{EventKind, ServiceAccount, ServiceAccountId},
    operator::{Author, Desk, Refusal, desk::Subject},
    tenancy::Tenancy,
    upstream::{Identity, Role, UpstreamError, secret_context},
};

/// So many roles are named where they differ.
const MOST_NAMED: usize = 5;

/// What is asked for: other credentials.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredentials {
    /// Another OAuth client of the same organisation; without it, the same one.
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    pub client_secret: SecretString,
}

/// An account that has other credentials.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct RotatedAccount {
    /// As it is now.
    pub service_account: ServiceAccount,
    /// What was compared before.
    pub proven: Proven,
    /// From when on no replica uses the old credentials, nor a token that was issued for them.
    pub old_unused_from: DateTime<Utc>,
    /// What is left for you to do in Genesys.
    pub left_to_do: Vec<String>,
}

/// What the new credentials have in common with the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Proven {
    /// The organisation.
    pub organisation: Sameness,
    /// The client's roles, and the divisions that it has each in.
    pub roles: Sameness,
}

/// What is known of whether two things are the same. Where they are not, there is a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// They are.
    Same,
    /// Genesys did not say, of the old or of the new.
    NotTold,
}

/// Gives an account other credentials, once they are proven.
pub async fn rotate(
    desk: &Desk,
    author: &Author,
    id: &ServiceAccountId,
    asked: NewCredentials,
) -> Result<RotatedAccount, Refusal> {
    const ACTION: &str = "service-account.rotate";
    desk.authorize(author, ACTION).await?;
    let before = proven(desk, id).await?;
    let after = Arc::new(with(desk, &before, asked)?);
    let proven = prove(desk, &before, &after).await?;
    let _changing = desk.changing().await;
    // The sealed secrets are not among what is serialized.
    let detail = json!({ "before": *before, "after": *after, "proven": proven });
    let event = desk.event(author, EventKind::Change, ACTION, &Subject::default(), &detail);
    let service_account = keep(desk, (*after).clone(), &event).await?;
    let lag = Tenancy::CONFIRMED_FOR + desk.upstream.longest_call();
    let old_unused_from = desk.clock.now() + TimeDelta::from_std(lag).unwrap_or(TimeDelta::MAX);
    let left_to_do = vec![left_to_do(&before, &service_account, old_unused_from)];
    Ok(RotatedAccount { service_account, proven, old_unused_from, left_to_do })
}

fn with(desk: &Desk, before: &ServiceAccount, asked: NewCredentials) -> Result<ServiceAccount, Refusal> {
    let NewCredentials { client_id, client_secret } = asked;
    let client_id = client_id.unwrap_or_else(|| before.client_id.clone());
    check_credential("client_id", &client_id)?;
    check_credential("client_secret", client_secret.expose_secret())?;
    let secret = client_secret.expose_secret().as_bytes();
    let sealed_secret = desk.master.seal(&secret_context(&before.id), secret)?;
    Ok(ServiceAccount { client_id, sealed_secret, secret_at: desk.clock.now(), ..before.clone() })
}

/// Whether Genesys takes the new credentials, for the same as the old.
async fn prove(
    desk: &Desk,
    before: &Arc<ServiceAccount>,
    after: &Arc<ServiceAccount>,
) -> Result<Proven, Refusal> {
    let new = desk.upstream.try_out(after).await.map_err(untaken)?;
    if let Some(client) = new.client.as_ref().filter(|client| **client != after.client_id) {
        let why = format!("Genesys says that the secret is client `{client}`'s: send that one's id");
        return Err(Refusal::invalid("client_id", why));
    }
    match desk.upstream.identity(before).await {
        Ok(old) => {
            let proven = compare(&old, &new)?;
            // What Genesys does not tell of another client is asked for as if there were nothing to compare with.
            let is_told = [proven.organisation, proven.roles].iter().all(|told| *told == Sameness::Same);
            if before.client_id != after.client_id && !is_told {
                check_reach(desk, &before.id, &new)?;
            }
            Ok(proven)
        }
        // Genesys takes the old ones no more, so there is nothing to compare with.
        Err(UpstreamError::NoToken { refused: true, .. } | UpstreamError::Unauthorized { .. }) => {
            if before.client_id != after.client_id {
                check_reach(desk, &before.id, &new)?;
            }
            Ok(Proven { organisation: Sameness::NotTold, roles: Sameness::NotTold })
        }
        Err(error) => Err(Refusal::Untried(error)),
    }
}

fn untaken(error: UpstreamError) -> Refusal {
    let UpstreamError::NoToken { refused: true, why, .. } = &error else { return Refusal::Untried(error) };
    let why = format!(
        "{why}: Genesys does not take these credentials, and nothing was changed; look at the OAuth client in Genesys"
    );
    Refusal::invalid("client_secret", why)
}

fn compare(old: &Identity, new: &Identity) -> Result<Proven, Refusal> {
    let organisation = match (&old.organisation, &new.organisation) {
        (Some(old), Some(new)) if old != new => {
            let why = format!(
                "it is of the organisation `{new}`, and the account of `{old}`; make an OAuth client there, or register \
                 this one as another account"
            );
            return Err(Refusal::invalid("client_id", why));
        }
        (Some(_), Some(_)) => Sameness::Same,
        (None, _) | (_, None) => Sameness::NotTold,
    };
    let roles = match (&old.roles, &new.roles) {
        (Some(old), Some(new)) if old != new => {
            let why = format!(
                "its roles are not those of the old client: {}; make them the same in Genesys, and repeat it",
                difference(old, new)
            );
            return Err(Refusal::invalid("client_id", why));
        }
        (Some(_), Some(_)) => Sameness::Same,
        (None, _) | (_, None) => Sameness::NotTold,
    };
    Ok(Proven { organisation, roles })
}

fn difference(old: &BTreeSet<Role>, new: &BTreeSet<Role>) -> String {
    let lacks = old.difference(new).map(|role| ("lacks", role));
    let more = new.difference(old).map(|role| ("has beyond it", role));
    let (all, mut named) = (lacks.clone().count() + more.clone().count(), Vec::new());
    for (what, Role { role_id, division_id }) in lacks.chain(more).take(MOST_NAMED) {
        named.push(format!("it {what} role `{role_id}` in division `{division_id}`"));
    }
    if all > MOST_NAMED {
        named.push(format!("and {} more", all - MOST_NAMED));
    }
    named.join(", ")
}

/// Division ids are one organisation's alone: who has a role in all that the account's tenants have is of the same.
fn check_reach(desk: &Desk, id: &ServiceAccountId, new: &Identity) -> Result<(), Refusal> {
    let views = desk.tenancy.views();
    let own = views.tenants().filter(|view| view.account().id == *id);
    let reached: BTreeSet<_> = new.roles.iter().flatten().map(|role| role.division_id.as_str()).collect();
    for division in own.flat_map(|view| &view.tenant().division_ids) {
        if !reached.contains(division.as_str()) {
            let why = format!(
                "the old credentials are refused by now, and nothing shows that this client is of the same organisation: \
                 Genesys names no role of it in division `{division}`; give it one there, or register it as another account \
                 and move the tenants to it"
            );
            return Err(Refusal::invalid("client_id", why));
        }
    }
    Ok(())
}

fn left_to_do(before: &ServiceAccount, after: &ServiceAccount, unused_from: DateTime<Utc>) -> String {
    if before.client_id == after.client_id {
        return "Nothing has to be deleted: Genesys knows one secret of a client. Tokens that it issued for the old secret live \
                until they end; if the secret became known, rotate to another client and delete this one."
            .to_owned();
    }
    format!(
        "Delete the OAuth client `{}` in Genesys after {}: nothing here uses it from then on.",
        before.client_id,
        unused_from.format("%Y-%m-%d %H:%M:%S UTC")
    )
}
