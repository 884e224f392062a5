//! What carries no division, and whose it is: listed, given to a tenant, taken from it.

use serde::{Deserialize, Serialize};

pub use super::unsettled::Unsettled;
use super::{Author, Desk, Refusal, check_reason, desk::Subject, tenants, unsettled};
use crate::model::{Ended, EntityId, Origin, Registration, TenantId};

/// Something that carries no division, and why it is given or taken.
#[derive(Debug, Clone, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// What it is, as the catalog calls it: `group`.
    pub entity: String,
    /// Its id in Genesys.
    pub id: EntityId,
    /// Why, for those who read the record.
    pub reason: String,
}

/// What the registry knows of a tenant.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct Registered {
    /// What is the tenant's.
    pub registrations: Vec<Registration>,
    /// Calls of the last 30 days that may have made what is nobody's: look for it in Genesys, and give or delete it.
    pub unsettled: Vec<Unsettled>,
}

/// What is a tenant's, and what might have become so.
pub async fn list(desk: &Desk, author: &Author, tenant: &TenantId) -> Result<Registered, Refusal> {
    desk.authorize(author, "registry.list").await?;
    tenants::known(desk, tenant).await?;
    let registrations = desk.store.list_registrations(tenant).await?;
    let unsettled = unsettled::find(desk, tenant, &registrations).await?;
    Ok(Registered { registrations, unsettled })
}

/// From now on it is the tenant's.
pub async fn give(
    desk: &Desk,
    author: &Author,
    tenant: &TenantId,
    named: Named,
) -> Result<Registration, Refusal> {
    const ACTION: &str = "registry.give";
    desk.authorize(author, ACTION).await?;
    check(desk, &named)?;
    let _changing = desk.changing().await;
    tenants::known(desk, tenant).await?;
    if let Some(known) = desk.store.registration(&named.entity, &named.id).await? {
        let why = if known.tenant_id == *tenant {
            format!("{} `{}` is tenant `{tenant}`'s already", named.entity, named.id)
        } else {
            format!(
                "{} `{}` is tenant `{}`'s; take it from that tenant first",
                named.entity, named.id, known.tenant_id
            )
        };
        return Err(Refusal::Conflict { code: "registered", why });
    }
    let mut one = Registration {
        tenant_id: tenant.clone(),
        entity: named.entity,
        id: named.id,
        came: Origin::Given,
        author: author.operator.email.clone(),
        reason: named.reason,
        registered_at: desk.clock.now(),
        ended: None,
        version: 0,
    };
    let event = desk.changed(author, ACTION, &Subject::tenant(tenant), None::<&Registration>, &one);
    one.version = desk.settle(desk.store.register(&one, &event).await).await?;
    Ok(one)
}

/// From now on it is the tenant's no more.
pub async fn take(
    desk: &Desk,
    author: &Author,
    tenant: &TenantId,
    named: Named,
) -> Result<Registration, Refusal> {
    const ACTION: &str = "registry.take";
    desk.authorize(author, ACTION).await?;
    check(desk, &named)?;
    let _changing = desk.changing().await;
    tenants::known(desk, tenant).await?;
    let missing =
        || Refusal::Missing { what: format!("{} `{}` of tenant `{tenant}`", named.entity, named.id) };
    let before = desk.store.registration(&named.entity, &named.id).await?;
    let before = before.filter(|one| one.tenant_id == *tenant).ok_or_else(missing)?;
    let mut after = Registration { ended: Some(Ended::Taken), ..before.clone() };
    let event = desk.changed(author, ACTION, &Subject::tenant(tenant), Some(&before), &named);
    let kept = desk.store.end_registration((tenant, &named.entity, &named.id), Ended::Taken, &event).await;
    after.version = desk.settle(kept).await?;
    Ok(after)
}

/// It is of a kind that can be a tenant's by this alone, and there is a reason.
fn check(desk: &Desk, named: &Named) -> Result<(), Refusal> {
    check_reason(&named.reason)?;
    let kinds = desk.catalog.entities().values().filter(|kind| kind.registered);
    let mut kinds: Vec<_> = kinds.map(|kind| kind.name.as_str()).collect();
    if kinds.contains(&named.entity.as_str()) {
        return Ok(());
    }
    kinds.sort_unstable();
    let why = format!("nothing of this kind is registered; those that are: {}", kinds.join(", "));
    Err(Refusal::invalid("entity", why))
}
