//! One tenant, as the path of a request sees it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::{Mutex, MutexGuard};

use super::remembered::Remembered;
use crate::{
    model::{
        DivisionId, Key, Masks, OwnPolicies, PolicyVersion, Portion, Registry, ServiceAccount,
        ShadowDecision, Tenant,
    },
    policy::{Attributes, Decision, Engine, PolicyError, Principal, TenantPolicies},
    web::{Place, Places},
};

/// How many requests of one tenant may be under way at once: a quarter of all, so that none keeps out the others.
const UNDER_WAY: usize = 2_048;

/// One tenant at one version: immutable, but for what it remembers of its own decisions.
#[derive(Debug, Clone)]
pub struct TenantView {
    tenant: Tenant,
    account: Arc<ServiceAccount>,
    engine: Arc<Engine>,
    active: Arc<PolicyLayer>,
    // Evaluated beside the active one; decides nothing.
    shadow: Option<(i64, Arc<PolicyLayer>)>,
    decisions: Arc<Remembered>,
    under_way: Arc<Places>,
    reading: Arc<Mutex<()>>,
    registry: Arc<Registry>,
    weights: Arc<AtomicU32>,
}

/// The template, with or without a source of the tenant's own.
#[derive(Debug)]
struct PolicyLayer {
    own: Option<Arc<PolicyVersion>>,
    // Parsed on first use: most tenants of a big installation are quiet.
    parsed: OnceLock<Result<TenantPolicies, PolicyError>>,
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
    /// What is taken out of every answer.
    pub masks: Masks,
    /// What the shadow says, where it says otherwise.
    pub shadow: Option<Arc<ShadowDecision>>,
}

/// A decision asked for by an operator.
#[derive(Debug)]
pub struct Explanation {
    /// What the active policies say.
    pub verdict: Verdict,
    /// What the shadow says, if there is one.
    pub shadow: Option<ShadowDecision>,
}

impl TenantView {
    pub(super) fn new(
        tenant: Tenant,
        account: Arc<ServiceAccount>,
        own: &OwnPolicies,
        registry: Arc<Registry>,
        engine: Arc<Engine>,
        before: Option<&Arc<Self>>,
        weights: Arc<AtomicU32>,
    ) -> Self {
        let active = Arc::new(PolicyLayer::new(own.active()));
        let shadow = own.shadow();
        let shadow = shadow.map(|shadow| (shadow.version, Arc::new(PolicyLayer::new(Some(shadow)))));
        let decisions = Arc::default();
        // Those under way now are under way still.
        let under_way = before.map_or_else(|| Places::new(UNDER_WAY), |before| Arc::clone(&before.under_way));
        let reading = before.map_or_else(Arc::default, |before| Arc::clone(&before.reading));
        Self { tenant, account, engine, active, shadow, decisions, under_way, reading, registry, weights }
    }

    /// The same, but for what was decided about its keys, one of which changed.
    pub(super) fn with_changed_keys(&self) -> Self {
        Self { decisions: Arc::default(), ..self.clone() }
    }

    /// The same, but for what is registered: policies neither read it nor are parsed anew for it.
    pub(super) fn with_registry(&self, registry: Arc<Registry>) -> Self {
        Self { registry, ..self.clone() }
    }

    /// What is the tenant's of what carries no division.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The account that its calls are made with.
    pub fn account(&self) -> &Arc<ServiceAccount> {
        &self.account
    }

    /// Its part of the account's budget, as its tenants are now.
    pub fn portion(&self) -> Portion {
        Portion { weight: self.tenant.budget_weight, total: self.weights.load(Ordering::Relaxed) }
    }

    /// A place among the tenant's requests under way, if there is one left.
    pub fn place(&self) -> Option<Place> {
        self.under_way.take()
    }

    /// The tenant's turn at reading the record: one at a time, so that none keeps out the others.
    pub async fn reading(&self) -> MutexGuard<'_, ()> {
        self.reading.lock().await
    }

    /// Whether a policy of the set, or of its shadow, speaks of the request's attributes.
    pub fn reads_attributes(&self) -> bool {
        let shadow = self.shadow.as_ref().map(|(_, layer)| layer);
        [Some(&self.active), shadow].into_iter().flatten().any(|layer| layer.reads_attributes(self))
    }

    /// What is masked for a key, whatever it calls.
    pub fn masks(&self, key: &Key) -> Masks {
        self.active.parsed(self).as_ref().map_or(Masks::NONE, |policies| policies.masks(key))
    }

    /// What the policies say. Remembered here, and nowhere else, unless they read the attributes; without attributes,
    /// such policies permit nothing.
    pub fn decide(&self, key: &Key, operation: &Arc<str>, attributes: Option<&Attributes>) -> Arc<Verdict> {
        match attributes {
            Some(attributes) if self.reads_attributes() => Arc::new(self.judge(key, operation, attributes)),
            None if self.reads_attributes() => {
                Arc::new(Verdict::failed("the policies read attributes, which were not read".to_owned()))
            }
            Some(_) | None => {
                let judge = || self.judge(key, operation, &Attributes::default());
                self.decisions.get_or_decide(&key.id, operation, judge)
            }
        }
    }

    /// As [`TenantView::decide`], afresh, with what the shadow says also where it says the same.
    pub fn explain(&self, key: &Key, operation: &str, attributes: &Attributes) -> Explanation {
        let verdict = self.active.judge(self, key, operation, attributes);
        let shadow = self.shadow.as_ref().map(|(version, layer)| {
            let Verdict { divisions, policies, errors, masks, shadow: _ } =
                layer.judge(self, key, operation, attributes);
            ShadowDecision { version: *version, divisions, policies, errors, masks }
        });
        Explanation { verdict, shadow }
    }

    fn judge(&self, key: &Key, operation: &str, attributes: &Attributes) -> Verdict {
        let Explanation { mut verdict, shadow } = self.explain(key, operation, attributes);
        let is_otherwise = |shadow: &ShadowDecision| {
            let (decided, masked) = (&verdict.divisions, verdict.masks);
            shadow.divisions != *decided || shadow.masks != masked || !shadow.errors.is_empty()
        };
        verdict.shadow = shadow.filter(is_otherwise).map(Arc::new);
        verdict
    }
}

impl PolicyLayer {
    fn new(own: Option<&Arc<PolicyVersion>>) -> Self {
        Self { own: own.cloned(), parsed: OnceLock::new() }
    }

    fn parsed(&self, view: &TenantView) -> &Result<TenantPolicies, PolicyError> {
        self.parsed.get_or_init(|| view.engine.tenant(&view.tenant, self.own.as_deref()))
    }

    fn reads_attributes(&self, view: &TenantView) -> bool {
        self.parsed(view).as_ref().is_ok_and(TenantPolicies::reads_attributes)
    }

    fn judge(&self, view: &TenantView, key: &Key, operation: &str, attributes: &Attributes) -> Verdict {
        let tenant = &view.tenant;
        match self.parsed(view) {
            Ok(policies) => {
                let principal = Principal { tenant, key };
                policies.decide(principal, operation, &tenant.division_ids, attributes).into()
            }
            // A set that does not parse permits nothing.
            Err(error) => Verdict::failed(error.to_string()),
        }
    }
}

impl Verdict {
    fn failed(error: String) -> Self {
        let (divisions, policies) = (Arc::from([]), Arc::from([]));
        Self { divisions, policies, errors: vec![error], masks: Masks::NONE, shadow: None }
    }
}

impl From<Decision> for Verdict {
    fn from(decision: Decision) -> Self {
        let Decision { divisions, policies, errors, masks } = decision;
        let divisions = if errors.is_empty() { divisions.into() } else { Arc::from([]) };
        Self { divisions, policies: policies.into(), errors, masks, shadow: None }
    }
}
