//! Step two: may this caller do this, and in which divisions? The policy decides what is forced.

use std::sync::{Arc, atomic::AtomicU32};

use tokio::time::Instant;

use super::{
    asked::Asked,
    authenticate::Caller,
    denial::{Credential, Denial},
};
use crate::{
    audit::Record,
    catalog::Operation,
    clock::Clock,
    model::{DivisionId, Masks, Tenant},
    policy::{Attributes, ResourceKind},
    tenancy::{Verdict, Views},
    upstream,
};

/// A policy permits this caller this operation in these divisions. Made here alone.
#[derive(Debug)]
pub(super) struct Permit {
    caller: Caller,
    operation: Arc<Operation>,
    // Not empty, unless the operation has no divisions.
    divisions: Arc<[DivisionId]>,
    verdict: Arc<Verdict>,
    // Where the policies read them.
    attributes: Option<Attributes>,
    until: Instant,
    sent: AtomicU32,
}

impl Permit {
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Until when all that it takes may wait.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// How much was to be sent to Genesys for it, but for what is remembered.
    pub(super) fn sent(&self) -> &AtomicU32 {
        &self.sent
    }

    pub(super) fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// What the request is narrowed to.
    pub(super) fn divisions(&self) -> &[DivisionId] {
        &self.divisions
    }

    /// As the record keeps them.
    pub(super) fn divisions_shared(&self) -> Arc<[DivisionId]> {
        Arc::clone(&self.divisions)
    }

    /// Cuts it to some of the divisions that the policy grants.
    pub(super) fn cut(&mut self, is_meant: impl Fn(&DivisionId) -> bool) {
        self.divisions = self.granted().iter().filter(|division| is_meant(division)).cloned().collect();
    }

    /// All divisions that the policy grants for this operation, also those that the request did not ask for.
    pub(super) fn granted(&self) -> &[DivisionId] {
        &self.verdict.divisions
    }

    /// What is taken out of every answer, and can be asked by in no request.
    pub(super) fn masks(&self) -> Masks {
        self.verdict.masks
    }

    /// Whether it still holds: asked before anything is sent and before anything is answered.
    pub(super) fn confirm(&self, views: &Views, clock: &Clock) -> Result<(), Denial> {
        let known = self.caller.key();
        let (key, tenant) = views.key(&known.id).ok_or(Denial::Credential(Credential::KeyRevoked))?;
        if !views.is_proven(tenant) {
            return Err(Denial::Credential(Credential::GrantsUnproven));
        }
        if Arc::ptr_eq(key, known) && Arc::ptr_eq(tenant, self.caller.tenant()) {
            // Nobody changed it: it may have come to its end all the same.
            let has_ended = key.expires_at.is_some_and(|end| end <= clock.now());
            return if has_ended { Err(Credential::KeyExpired.into()) } else { Ok(()) };
        }
        self.caller.confirm(key, tenant, clock.now())?;
        if tenant.registry().last_taken() != self.caller.tenant().registry().last_taken() {
            return Err(Denial::PermitWithdrawn);
        }
        if self.operation.narrowing.is_by_users()
            && !is_vouched_alike(self.caller.tenant().tenant(), tenant.tenant())
        {
            return Err(Denial::PermitWithdrawn);
        }
        let verdict = tenant.decide(key, &self.operation.id, self.attributes.as_ref());
        let holds = |division| verdict.divisions.contains(division);
        let granted = !verdict.divisions.is_empty() && self.verdict.divisions.iter().all(holds);
        // What was taken out was less than would be now.
        let is_masked = self.masks().covers(verdict.masks);
        if granted && is_masked { Ok(()) } else { Err(Denial::PermitWithdrawn) }
    }
}

/// Whether the operator still says the same of the tenant's agents.
fn is_vouched_alike(before: &Tenant, now: &Tenant) -> bool {
    let word = |tenant: &Tenant| (tenant.dedicated_agents, tenant.dedicated_at, tenant.dedicated_since);
    word(before) == word(now)
}

/// Asks the tenant's policies, and notes what they say.
pub(super) fn authorize(
    caller: Caller,
    operation: Arc<Operation>,
    asked: &Asked<'_>,
    clock: &Clock,
    record: &mut Record,
) -> Result<Permit, Denial> {
    let tenant = caller.tenant();
    let attributes =
        tenant.reads_attributes().then(|| asked.attributes(&operation, record.source, clock.now()));
    let verdict = tenant.decide(caller.key(), &operation.id, attributes.as_ref());
    record.call.policies = Arc::clone(&verdict.policies);
    record.call.masks = verdict.masks;
    record.call.shadow.clone_from(&verdict.shadow);
    let permitted = narrow(&operation, asked, &verdict, record);
    record.call.decision = Some(if permitted.is_ok() { "allow" } else { "deny" });
    let divisions = permitted?;
    record.call.divisions = Arc::clone(&divisions);
    Ok(Permit {
        caller,
        operation,
        divisions,
        verdict,
        attributes,
        until: upstream::patience(),
        sent: AtomicU32::new(0),
    })
}

/// The granted divisions that the request asks for.
fn narrow(
    operation: &Operation,
    asked: &Asked<'_>,
    verdict: &Verdict,
    record: &mut Record,
) -> Result<Arc<[DivisionId]>, Denial> {
    if !verdict.errors.is_empty() {
        tracing::error!(operation.name = %operation.id, errors = ?verdict.errors, "a policy could not be evaluated");
        return Err(Denial::PolicyFailed);
    }
    if verdict.divisions.is_empty() {
        return Err(Denial::NotPermitted);
    }
    if operation.resource() == ResourceKind::Tenant {
        return Ok(Arc::from([]));
    }
    let Some(named) = asked.divisions(operation) else { return Ok(Arc::clone(&verdict.divisions)) };
    record.call.divisions_asked = named.iter().filter_map(|id| id.parse().ok()).collect();
    let divisions: Arc<[_]> =
        verdict.divisions.iter().filter(|division| named.contains(&division.as_str())).cloned().collect();
    if divisions.is_empty() { Err(Denial::DivisionNotPermitted) } else { Ok(divisions) }
}
