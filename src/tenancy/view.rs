//! One tenant, as the path of a request sees it.

use std::sync::{Arc, OnceLock};

use crate::{
    model::{DivisionId, Key, KeyId, PolicyVersion, ServiceAccount, Tenant},
    policy::{Attributes, Decision, Engine, PolicyError, Principal, TenantPolicies},
};

/// How many decisions a view remembers.
const REMEMBERED: u64 = 10_000;

/// One tenant at one version: immutable, but for what it remembers of its own decisions.
#[derive(Debug)]
pub struct TenantView {
    tenant: Tenant,
    account: Arc<ServiceAccount>,
    own_policy: Option<Arc<PolicyVersion>>,
    engine: Arc<Engine>,
    // Parsed on first use: most tenants of a big installation are quiet.
    policies: OnceLock<Result<TenantPolicies, PolicyError>>,
    decisions: moka::sync::Cache<(KeyId, Arc<str>), Arc<Verdict>>,
}

/// What the policies say of one key and one operation, for all the divisions that its tenant holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The divisions that came back Allow.
    pub divisions: Arc<[DivisionId]>,
    /// The policies that determined it.
    pub policies: Arc<[String]>,
    /// Evaluation errors; any of them denies all.
    pub errors: Vec<String>,
}

impl TenantView {
    pub(super) fn new(
        tenant: Tenant,
        account: Arc<ServiceAccount>,
        own_policy: Option<Arc<PolicyVersion>>,
        engine: Arc<Engine>,
    ) -> Self {
        let decisions = moka::sync::Cache::new(REMEMBERED);
        Self { tenant, account, own_policy, engine, policies: OnceLock::new(), decisions }
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The account that its calls are made with.
    pub fn account(&self) -> &Arc<ServiceAccount> {
        &self.account
    }

    /// Whether a policy of the set speaks of the request's attributes.
    pub fn reads_attributes(&self) -> bool {
        self.policies().as_ref().is_ok_and(TenantPolicies::reads_attributes)
    }

    /// What the policies say. Remembered here, and nowhere else, unless they read the attributes; without attributes,
    /// such policies permit nothing.
    pub fn decide(&self, key: &Key, operation: &Arc<str>, attributes: Option<&Attributes>) -> Arc<Verdict> {
        let policies = match self.policies() {
            Ok(policies) => policies,
            // A set that does not parse permits nothing.
            Err(error) => return Arc::new(Verdict::failed(error.to_string())),
        };
        let decide = |attributes: &Attributes| {
            let principal = Principal { tenant: &self.tenant, key };
            let decision = policies.decide(principal, operation, &self.tenant.division_ids, attributes);
            Arc::new(Verdict::from(decision))
        };
        match attributes {
            Some(attributes) if policies.reads_attributes() => decide(attributes),
            None if policies.reads_attributes() => {
                Arc::new(Verdict::failed("the policies read attributes, which were not read".to_owned()))
            }
            Some(_) | None => {
                let key = (key.id.clone(), Arc::clone(operation));
                self.decisions.get_with(key, || decide(&Attributes::default()))
            }
        }
    }

    fn policies(&self) -> &Result<TenantPolicies, PolicyError> {
        self.policies.get_or_init(|| self.engine.tenant(&self.tenant, self.own_policy.as_deref()))
    }
}

impl Verdict {
    fn failed(error: String) -> Self {
        Self { divisions: Arc::from([]), policies: Arc::from([]), errors: vec![error] }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        let divisions = if decision.errors.is_empty() { decision.divisions.into() } else { Arc::from([]) };
        Self { divisions, policies: decision.policies.into(), errors: decision.errors }
    }
}
