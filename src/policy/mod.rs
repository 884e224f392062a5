//! Cedar: may this key call this operation in this division? The only importer of `cedar_policy`.
//!
//! SKELETON: signatures agreed; the policy's author fills them in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::{DivisionId, Key, PolicyVersion, Role, Tenant};

/// A policy that was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy is not valid at line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    /// Valid Cedar that the schema or the restriction to one tenant forbids; names what is unknown.
    #[error("the policy is not valid: {message}")]
    Invalid { message: String },
    #[error("there is no policy template `{name}`; there are: {known}")]
    UnknownTemplate { name: String, known: String },
}

/// An operation as policies see it (given by the catalog when the engine is built).
#[derive(Debug, Clone)]
pub struct PolicyAction {
    /// Genesys's operation id: `Ringfence::Action::"getUsers"`.
    pub name: String,
    /// The action groups it is in, e.g. `reads`, `users`; become parent actions.
    pub groups: Vec<String>,
    /// Judged per division, or for the tenant as a whole.
    pub resource: ResourceKind,
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    Division,
    Tenant,
}

/// The base: schema, base guards, templates, parsed and strictly validated once.
#[derive(Debug)]
pub struct Engine {}
impl Engine {
    pub fn new(actions: &[PolicyAction]) -> Result<Self, PolicyError> {
        unimplemented!()
    }
    pub fn templates(&self) -> Vec<String> {
        unimplemented!()
    }
    /// Base + template + the tenant's own source, restricted to that tenant.
    pub fn tenant(
        self: &Arc<Self>,
        tenant: &Tenant,
        own: Option<&PolicyVersion>,
    ) -> Result<TenantPolicies, PolicyError> {
        unimplemented!()
    }
    /// `policies/operator.cedar`: may this role do this (`tenant.add`, `event.list`, …)?
    pub fn operator_may(&self, role: Role, action: &str) -> bool {
        unimplemented!()
    }
}

/// One tenant's set, ready to decide.
#[derive(Debug)]
pub struct TenantPolicies {}

/// What of a request policies may speak of (Cedar context).
#[derive(Debug, Clone)]
pub struct Attributes {
    pub source: Option<IpAddr>,
    pub time: DateTime<Utc>,
    pub page_size: Option<i64>,
    pub interval_seconds: Option<i64>,
    pub ids: Vec<String>,
    pub metrics: Vec<String>,
    pub group_by: Vec<String>,
    pub expand: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Principal<'a> {
    pub tenant: &'a Tenant,
    pub key: &'a Key,
}

/// The answer. INVARIANT: `divisions` is a subset of those asked for; any evaluation error empties it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Divisions that came back Allow (for `ResourceKind::Tenant`: all asked for, or none).
    pub divisions: Vec<DivisionId>,
    /// Ids (`@id`) of the policies that determined it, sorted, unique.
    pub policies: Vec<String>,
    /// Evaluation errors; any of them denies all.
    pub errors: Vec<String>,
}

impl TenantPolicies {
    /// No policy of the set (base included) reads the context, so decisions may be remembered.
    pub fn reads_context(&self) -> bool {
        unimplemented!()
    }
    /// `divisions` are those of the tenant's that the request names, or all it holds.
    pub fn decide(
        &self,
        principal: Principal<'_>,
        action: &str,
        divisions: &[DivisionId],
        attributes: &Attributes,
    ) -> Decision {
        unimplemented!()
    }
}
