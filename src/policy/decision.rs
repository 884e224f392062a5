//! One tenant's set, and what it says of one call.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use cedar_policy::{
    AuthorizationError, Context, Decision as Verdict, Entities, Entity, EntityUid, Policy, PolicySet,
    PrincipalConstraint, Request, RestrictedExpression,
};
use chrono::{DateTime, Utc};

use super::{Engine, PolicyError, ResourceKind, restriction, schema::Action, source};
use crate::model::{DivisionId, Key, Masks, Tenant, TenantId};

/// What stands in the place of a policy's id where the key itself was issued for other operations.
pub(super) const KEY_RESTRICTED: &str = "key.allowed-operations";

/// One tenant's set, ready to decide.
#[derive(Debug)]
pub struct TenantPolicies {
    engine: Arc<Engine>,
    set: PolicySet,
    // Of those that mask something: for one key, or for all.
    masks: Vec<(Option<EntityUid>, Masks)>,
    reads_attributes: bool,
    tenant_id: TenantId,
    tenant_uid: EntityUid,
    tenant: Entity,
    divisions: HashMap<DivisionId, Entity>,
}

/// What of a request policies may speak of (Cedar context).
#[derive(Debug, Clone, Default)]
pub struct Attributes {
    /// The caller's address.
    pub source: Option<IpAddr>,
    /// When the request was read; policies see it to the millisecond.
    pub time: DateTime<Utc>,
    /// The page size that is asked for.
    pub page_size: Option<i64>,
    /// The length of the interval that is asked for.
    pub interval_seconds: Option<i64>,
    /// Ids that the request names, divisions' aside.
    pub ids: Vec<String>,
    /// Metrics that a query asks for.
    pub metrics: Vec<String>,
    /// Dimensions that a query groups by.
    pub group_by: Vec<String>,
    /// Parts that the caller wants expanded.
    pub expand: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    /// The tenant, as in the view that the policies were made from.
    pub tenant: &'a Tenant,
    /// One of its keys.
    pub key: &'a Key,
}

/// The answer. INVARIANT: `divisions` is a subset of those asked for; any evaluation error empties it.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Divisions that came back Allow (for `ResourceKind::Tenant`: all asked for, or none).
    pub divisions: Vec<DivisionId>,
    /// Ids (`@id`) of the policies that determined it, sorted, unique; those that failed, if any did.
    pub policies: Vec<String>,
    /// Evaluation errors; any of them denies all.
    pub errors: Vec<String>,
    /// What is masked for the key, whichever operation it calls ([`TenantPolicies::masks`]); nothing where nothing is allowed.
    pub masks: Masks,
}

/// What the single questions came to.
#[derive(Default)]
struct Answers {
    divisions: Vec<DivisionId>,
    policies: BTreeSet<String>,
    failed: BTreeSet<String>,
    errors: BTreeSet<String>,
}

impl TenantPolicies {
    pub(super) fn new(
        engine: &Arc<Engine>,
        tenant: &Tenant,
        policies: impl Iterator<Item = Policy>,
    ) -> Result<Self, PolicyError> {
        let policies: Vec<_> = policies.collect();
        let mut reads_attributes = false;
        let mut masks = Vec::new();
        for policy in &policies {
            reads_attributes |= restriction::reads_attributes(policy)?;
            let masked = source::masks(policy)?;
            if !masked.is_empty() {
                masks.push((one_key(policy), masked));
            }
        }
        let names = &engine.names;
        let tenant_uid = names.tenant_uid(&tenant.id);
        let divisions = &tenant.division_ids;
        Ok(Self {
            engine: Arc::clone(engine),
            set: PolicySet::from_policies(policies).map_err(PolicyError::invalid)?,
            masks,
            reads_attributes,
            tenant_id: tenant.id.clone(),
            tenant: names.tenant_entity(tenant)?,
            divisions: divisions
                .iter()
                .map(|id| (id.clone(), names.division_entity(id, &tenant_uid)))
                .collect(),
            tenant_uid,
        })
    }

    /// Whether a policy of the set (base included) reads the context; if none does, decisions may be remembered.
    pub fn reads_attributes(&self) -> bool {
        self.reads_attributes
    }

    /// What is masked for a key: all that any policy masks whose head can mean it, whatever that policy permits and under
    /// whichever conditions. What one operation hides, another would show.
    pub fn masks(&self, key: &Key) -> Masks {
        if self.masks.is_empty() {
            return Masks::NONE;
        }
        let key = self.engine.names.key_uid(key);
        let meant = self.masks.iter().filter(|(one, _)| one.as_ref().is_none_or(|one| *one == key));
        meant.fold(Masks::NONE, |all, (_, masks)| all | *masks)
    }

    /// Asks for each division; `divisions` are those of the tenant's that the request names, or all it holds.
    pub fn decide(
        &self,
        principal: Principal<'_>,
        action: &str,
        divisions: &[DivisionId],
        attributes: &Attributes,
    ) -> Decision {
        if !self.engine.key_may(principal.key, action) {
            let policies = vec![KEY_RESTRICTED.to_owned()];
            return Decision { divisions: Vec::new(), policies, errors: Vec::new(), masks: Masks::NONE };
        }
        match self.ask(principal, action, divisions, attributes) {
            Ok(answers) if answers.errors.is_empty() => Decision {
                masks: if answers.divisions.is_empty() { Masks::NONE } else { self.masks(principal.key) },
                divisions: answers.divisions,
                policies: answers.policies.into_iter().collect(),
                errors: Vec::new(),
            },
            // SECURITY: Cedar leaves out a policy that fails, a `forbid` too; its Allow is worth nothing then.
            Ok(answers) => Decision {
                divisions: Vec::new(),
                policies: answers.failed.into_iter().collect(),
                errors: answers.errors.into_iter().collect(),
                masks: Masks::NONE,
            },
            Err(error) => Decision {
                divisions: Vec::new(),
                policies: Vec::new(),
                errors: vec![error.to_string()],
                masks: Masks::NONE,
            },
        }
    }

    fn ask(
        &self,
        principal: Principal<'_>,
        action: &str,
        divisions: &[DivisionId],
        attributes: &Attributes,
    ) -> Result<Answers, PolicyError> {
        let action = self.engine.actions.get(action);
        let action = action.ok_or_else(|| PolicyError::invalid("the operation is not in the schema"))?;
        if principal.tenant.id != self.tenant_id || principal.key.tenant_id != self.tenant_id {
            return Err(PolicyError::invalid("the key is not of the tenant whose policies these are"));
        }
        let key = self.engine.names.key_entity(principal.key, &self.tenant_uid)?;
        let key_uid = key.uid();
        // A division that is not held gets no entity, so that it is in no tenant.
        let held = divisions.iter().filter_map(|id| self.divisions.get(id)).cloned();
        let entities = [self.tenant.clone(), action.entity.clone(), key].into_iter().chain(held);
        let entities = Entities::from_entities(entities, None).map_err(PolicyError::invalid)?;
        let question =
            Question { policies: self, action, key: key_uid, entities, context: context(attributes)? };
        let mut answers = Answers::default();
        match action.resource {
            ResourceKind::Tenant => {
                if question.ask(self.tenant_uid.clone(), &mut answers)? {
                    answers.divisions = divisions.to_vec();
                }
            }
            ResourceKind::Division => {
                for id in divisions {
                    if question.ask(self.engine.names.division_uid(id), &mut answers)? {
                        answers.divisions.push(id.clone());
                    }
                }
            }
        }
        Ok(answers)
    }
}

/// The one key that a policy's head means; none where it can mean several.
fn one_key(policy: &Policy) -> Option<EntityUid> {
    match policy.principal_constraint() {
        PrincipalConstraint::Eq(key) => Some(key),
        PrincipalConstraint::Any
        | PrincipalConstraint::In(_)
        | PrincipalConstraint::Is(_)
        | PrincipalConstraint::IsIn(..) => None,
    }
}

/// What is the same for every division of one call.
struct Question<'a> {
    policies: &'a TenantPolicies,
    action: &'a Action,
    key: EntityUid,
    entities: Entities,
    context: Context,
}

impl Question<'_> {
    /// Whether the key may call the operation on this resource.
    fn ask(&self, resource: EntityUid, answers: &mut Answers) -> Result<bool, PolicyError> {
        let engine = &self.policies.engine;
        let (key, action) = (self.key.clone(), self.action.uid.clone());
        let schema = Some(engine.validator.schema());
        let request = Request::new(key, action, resource, self.context.clone(), schema);
        let request = request.map_err(PolicyError::invalid)?;
        let response = engine.authorizer.is_authorized(&request, &self.policies.set, &self.entities);
        answers.policies.extend(response.diagnostics().reason().map(ToString::to_string));
        for error in response.diagnostics().errors() {
            let AuthorizationError::PolicyEvaluationError(failure) = error;
            answers.failed.insert(failure.policy_id().to_string());
            answers.errors.insert(error.to_string());
        }
        Ok(response.decision() == Verdict::Allow)
    }
}

fn context(attributes: &Attributes) -> Result<Context, PolicyError> {
    let set = |items: &[String]| {
        RestrictedExpression::new_set(items.iter().cloned().map(RestrictedExpression::new_string))
    };
    let time = attributes.time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let always = [
        ("time", RestrictedExpression::new_datetime(time)),
        ("ids", set(&attributes.ids)),
        ("metrics", set(&attributes.metrics)),
        ("groupBy", set(&attributes.group_by)),
        ("expand", set(&attributes.expand)),
    ];
    // An IPv4 address in IPv6 form would be in no IPv4 range.
    let source = attributes.source.map(|source| source.to_canonical().to_string());
    let sometimes = [
        source.map(|source| ("source", RestrictedExpression::new_ip(source))),
        attributes.page_size.map(|size| ("pageSize", RestrictedExpression::new_long(size))),
        attributes.interval_seconds.map(|length| ("intervalSeconds", RestrictedExpression::new_long(length))),
    ];
    let pairs = always.into_iter().chain(sometimes.into_iter().flatten());
    Context::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value))).map_err(PolicyError::invalid)
}
