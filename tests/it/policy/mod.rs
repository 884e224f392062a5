//! What the engine decides, and which policies it accepts.

mod cases;
mod deep;
mod matrix;
mod operators;
mod sources;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use ringfence::{
    model::{CrossDivision, DivisionId, Key, Limits, PolicyMode, PolicyVersion, Tenant},
    policy::{Attributes, Engine, PolicyAction, ResourceKind},
};

const A: &str = "11111111-1111-4111-8111-111111111111";
const B: &str = "22222222-2222-4222-8222-222222222222";
const FOREIGN: &str = "99999999-9999-4999-8999-999999999999";

const OPERATIONS: &[(&str, &str, &str, ResourceKind)] = &[
    ("postAnalyticsConversationsDetailsQuery", "reads", "analytics", ResourceKind::Division),
    ("postAnalyticsConversationsDetailsJobs", "reads", "analytics", ResourceKind::Division),
    ("getAnalyticsConversationsDetailsJobResults", "reads", "analytics", ResourceKind::Division),
    ("deleteAnalyticsConversationsDetailsJob", "reads", "analytics", ResourceKind::Division),
    ("getUsers", "reads", "users", ResourceKind::Division),
    ("getUser", "reads", "users", ResourceKind::Division),
    ("postUsersSearch", "reads", "users", ResourceKind::Division),
    ("patchUser", "writes", "users", ResourceKind::Division),
    ("getRoutingQueues", "reads", "queues", ResourceKind::Division),
    ("getRoutingQueue", "reads", "queues", ResourceKind::Division),
    ("getAuthorizationDivisions", "reads", "divisions", ResourceKind::Division),
    ("getTokensMe", "reads", "identity", ResourceKind::Tenant),
    ("headTokensMe", "reads", "identity", ResourceKind::Tenant),
    ("getOrganizationsMe", "reads", "identity", ResourceKind::Tenant),
    ("getUsersMe", "reads", "identity", ResourceKind::Tenant),
];

fn action(name: &str, groups: &[&str], resource: ResourceKind) -> PolicyAction {
    let groups = groups.iter().map(ToString::to_string).collect();
    PolicyAction { name: name.to_owned(), groups, resource }
}

fn engine() -> Arc<Engine> {
    let actions: Vec<_> = OPERATIONS
        .iter()
        .map(|(name, kind, family, resource)| action(name, &[*kind, *family], *resource))
        .collect();
    Arc::new(Engine::new(&actions).unwrap())
}

fn division(id: &str) -> DivisionId {
    id.parse().unwrap()
}

fn tenant(template: &str) -> Tenant {
    Tenant {
        id: "alpha".parse().unwrap(),
        name: "Alpha".to_owned(),
        division_ids: vec![division(A), division(B)],
        service_account: "main".parse().unwrap(),
        policy_template: template.to_owned(),
        cross_division: CrossDivision::Redact,
        dedicated_agents: false,
        dedicated_at: None,
        dedicated_since: None,
        lenient: false,
        limits: Limits::default(),
        token_lifetime_seconds: Tenant::TOKEN_LIFETIME_SECONDS,
        budget_weight: 1,
        suspended: false,
        created_at: DateTime::<Utc>::UNIX_EPOCH,
        updated_at: DateTime::<Utc>::UNIX_EPOCH,
        version: 1,
    }
}

fn key(tenant: &Tenant) -> Key {
    Key {
        id: "abcdefghijklmnop".parse().unwrap(),
        tenant_id: tenant.id.clone(),
        name: "first".to_owned(),
        hmac: Vec::new(),
        generation: 1,
        read_only: false,
        allowed_operations: Vec::new(),
        allowed_cidrs: Vec::new(),
        limits: Limits::default(),
        created_by: "ana@example.com".to_owned(),
        created_at: DateTime::<Utc>::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        origin: "abcdefghijklmnop".parse().unwrap(),
        predecessor: None,
        successor: None,
        version: 1,
    }
}

fn own(source: &str) -> PolicyVersion {
    PolicyVersion {
        tenant_id: "alpha".parse().unwrap(),
        version: 2,
        source: source.to_owned(),
        mode: PolicyMode::Active,
        author: "ana@example.com".to_owned(),
        reason: "a test".to_owned(),
        created_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}

fn attributes() -> Attributes {
    Attributes {
        source: None,
        time: DateTime::<Utc>::UNIX_EPOCH,
        page_size: None,
        interval_seconds: None,
        ids: Vec::new(),
        metrics: Vec::new(),
        group_by: Vec::new(),
        expand: Vec::new(),
    }
}
