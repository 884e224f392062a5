//! Cedar: may this key call this operation in this division? The only importer of `cedar_policy`.
//!
//! A tenant's set is made of three layers, each only able to speak of that tenant:
//!
//! 1. the base guards (`policies/base.cedar`): a suspended tenant, a division that the tenant does not hold and a
//!    write by a read-only key are forbidden, whatever the other layers permit;
//! 2. the template that the tenant names (`policies/templates`), shared text;
//! 3. the tenant's own source, if any: validated strictly and restricted to the tenant ([`restriction`]).
//!
//! For example, tenant `alpha` holds divisions A and B, its template is `read-only`, and its own source says
//! `forbid (principal, action == Ringfence::Action::"getUsers", resource == Ringfence::Division::"B");`. Its key calls
//! `getUsers`: one question is asked for A and one for B, A alone comes back Allow, and so the call is narrowed to A.
//!
//! Cedar leaves out a policy that fails while it is evaluated, also a `forbid`. Here any such failure, in any
//! division, denies the whole call.

mod decision;
mod entities;
mod nesting;
mod operators;
mod restriction;
mod schema;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use cedar_policy::{Authorizer, Policy, Validator};

pub use self::decision::{Attributes, Decision, Principal, TenantPolicies};
use self::{decision::KEY_RESTRICTED, entities::Names, schema::Action};
use crate::model::{Key, KeyId, PolicyVersion, Role, Tenant};

const BASE: &str = include_str!("../../policies/base.cedar");
const TEMPLATES: &[(&str, &str)] = &[
    ("analytics-reader", include_str!("../../policies/templates/analytics-reader.cedar")),
    ("full-access", include_str!("../../policies/templates/full-access.cedar")),
    ("read-only", include_str!("../../policies/templates/read-only.cedar")),
    ("supervisor", include_str!("../../policies/templates/supervisor.cedar")),
    ("user-administrator", include_str!("../../policies/templates/user-administrator.cedar")),
];

/// The longest source of a tenant's own policies.
pub const LONGEST_SOURCE_BYTES: usize = 32_768;
/// How many own policies a tenant may have: Cedar asks each of them for each division of each call.
pub const MOST_POLICIES: usize = 100;

/// A policy that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not Cedar.
    #[error("the policy is not valid at line {line}, column {column}: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What was found there.
        message: String,
    },
    /// Valid Cedar that the schema or the restriction to one tenant forbids; names what is unknown.
    #[error("the policy is not valid: {message}")]
    Invalid {
        /// What is forbidden or unknown.
        message: String,
    },
    /// A template that does not exist.
    #[error("there is no policy template `{name}`; there are: {known}")]
    UnknownTemplate {
        /// The name that was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
}

/// An operation as policies see it (given by the catalog when the engine is built).
#[derive(Debug, Clone)]
pub struct PolicyAction {
    /// Genesys's operation id: `Ringfence::Action::"getUsers"`.
    pub name: String,
    /// The action groups it is in, `reads` or `writes` and families such as `users`; become parent actions.
    pub groups: Vec<String>,
    /// What the question is about.
    pub resource: ResourceKind,
}

/// What an operation is judged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// Each division by itself.
    Division,
    /// The tenant as a whole.
    Tenant,
}

/// The base: schema, base guards, templates, parsed and strictly validated once.
#[derive(Debug)]
pub struct Engine {
    names: Names,
    validator: Validator,
    authorizer: Authorizer,
    actions: HashMap<String, Action>,
    base: Vec<Policy>,
    templates: BTreeMap<&'static str, Vec<Policy>>,
    roles: HashMap<Role, HashSet<String>>,
}

impl Engine {
    /// Builds the schema from these operations and checks everything embedded against it.
    pub fn new(actions: &[PolicyAction]) -> Result<Self, PolicyError> {
        let names = Names::new()?;
        let (schema, actions) = schema::build(&names, actions)?;
        let validator = Validator::new(schema);
        let base = source::parse(BASE, "base")?;
        source::validate(&validator, &base, BASE)?;
        let mut templates = BTreeMap::new();
        for (name, text) in TEMPLATES {
            let policies = source::parse(text, name)?;
            source::validate(&validator, &policies, text)?;
            templates.insert(*name, policies);
        }
        let authorizer = Authorizer::new();
        let roles = operators::table(&authorizer)?;
        Ok(Self { names, validator, authorizer, actions, base, templates, roles })
    }

    /// The names of the templates, sorted.
    pub fn templates(&self) -> Vec<String> {
        self.templates.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Base, the tenant's template and its own source, restricted to that tenant.
    pub fn tenant(
        self: &Arc<Self>,
        tenant: &Tenant,
        own: Option<&PolicyVersion>,
    ) -> Result<TenantPolicies, PolicyError> {
        let template = self.templates.get(tenant.policy_template.as_str()).ok_or_else(|| {
            let (name, known) = (tenant.policy_template.clone(), self.templates().join(", "));
            PolicyError::UnknownTemplate { name, known }
        })?;
        let own = own.map_or(Ok(Vec::new()), |own| self.own(tenant, &own.source))?;
        TenantPolicies::new(self, tenant, self.base.iter().chain(template).cloned().chain(own))
    }

    /// The text of a template.
    pub fn template_source(&self, name: &str) -> Option<&'static str> {
        TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// Checks a source that is to become this tenant's own; of keys it may name these.
    pub fn check(&self, tenant: &Tenant, text: &str, keys: &HashSet<KeyId>) -> Result<(), PolicyError> {
        if text.len() > LONGEST_SOURCE_BYTES {
            return Err(PolicyError::invalid(format!(
                "it is {} bytes long; send at most {LONGEST_SOURCE_BYTES}",
                text.len()
            )));
        }
        nesting::check(text)?;
        let policies = self.own(tenant, text)?;
        if policies.len() > MOST_POLICIES {
            return Err(PolicyError::invalid(format!(
                "it holds {} policies; send at most {MOST_POLICIES}",
                policies.len()
            )));
        }
        policies.iter().try_for_each(|policy| restriction::check_keys(&self.names, tenant, policy, keys))
    }

    /// Whether `policies/operator.cedar` lets this role do this (`tenant.add`, `event.list`, …).
    pub fn operator_may(&self, role: Role, action: &str) -> bool {
        self.roles.get(&role).is_some_and(|actions| actions.contains(action))
    }

    /// Whether a name is an operation's, or that of a group of them.
    pub fn knows_action(&self, name: &str) -> bool {
        self.actions.contains_key(name) || self.actions.values().any(|action| action.is_in(name))
    }

    /// The names of the groups of operations, sorted.
    pub fn groups(&self) -> BTreeSet<&str> {
        self.actions.values().flat_map(|action| &action.groups).map(String::as_str).collect()
    }

    /// Whether the key was issued for this operation; its tenant's policies still decide.
    fn key_may(&self, key: &Key, operation: &str) -> bool {
        let allowed = &key.allowed_operations;
        let is_in = |group: &str| self.actions.get(operation).is_some_and(|action| action.is_in(group));
        allowed.is_empty() || allowed.iter().any(|name| name == operation || is_in(name))
    }

    fn own(&self, tenant: &Tenant, text: &str) -> Result<Vec<Policy>, PolicyError> {
        let policies = source::parse(text, "own")?;
        let embedded = self.base.iter().chain(self.templates.values().flatten());
        let taken: HashSet<_> = embedded.map(Policy::id).collect();
        if let Some(policy) = policies.iter().find(|policy| taken.contains(policy.id())) {
            return Err(PolicyError::invalid(format!("the policy id `{}` is taken", policy.id())));
        }
        // An event that names it would say that the key was issued for other operations.
        if policies.iter().any(|policy| policy.id().to_string() == KEY_RESTRICTED) {
            let why = format!("the policy id `{KEY_RESTRICTED}` is reserved; name the policy otherwise");
            return Err(PolicyError::invalid(why));
        }
        source::validate(&self.validator, &policies, text)?;
        policies.iter().map(|policy| restriction::restrict(&self.names, tenant, policy)).collect()
    }
}

impl PolicyError {
    #[expect(clippy::needless_pass_by_value, reason = "so that `map_err` takes it as it is")]
    fn invalid(message: impl ToString) -> Self {
        Self::Invalid { message: message.to_string() }
    }
}
