//! The three roles.

use ringfence::model::Role;

use super::engine;

const READS: &[&str] = &[
    "operator.list",
    "service-account.list",
    "service-account.budget",
    "tenant.list",
    "key.list",
    "policy.list",
    "policy.explain",
    "event.list",
    "event.export",
    "event.verify",
    "checkpoint.list",
    "operation.list",
    "operation.coverage",
    "api.describe",
];
const TENANCY: &[&str] = &[
    "tenant.add",
    "tenant.update",
    "tenant.suspend",
    "tenant.resume",
    "key.issue",
    "key.revoke",
    "policy.put",
    "service-account.check",
    "operation.drift",
];
const ADMINISTRATION: &[&str] = &[
    "operator.add",
    "token.issue",
    "service-account.add",
    "service-account.update",
    "service-account.rotate",
];

fn may(role: Role) -> [bool; 3] {
    let engine = engine();
    [READS, TENANCY, ADMINISTRATION].map(|actions| {
        let allowed = actions.iter().filter(|action| engine.operator_may(role, action)).count();
        assert!(allowed == 0 || allowed == actions.len(), "{role:?} may do only some of {actions:?}");
        allowed > 0
    })
}

#[test]
fn an_admin_may_do_everything() {
    assert_eq!(may(Role::Admin), [true, true, true]);
}

#[test]
fn an_operator_runs_tenants_but_adds_neither_operators_nor_service_accounts() {
    assert_eq!(may(Role::Operator), [true, true, false]);
}

#[test]
fn an_auditor_reads_and_changes_nothing() {
    assert_eq!(may(Role::Auditor), [true, false, false]);
}

#[test]
fn an_action_that_does_not_exist_is_nobodys() {
    for role in [Role::Admin, Role::Operator, Role::Auditor] {
        assert!(!engine().operator_may(role, "tenant.destroy"));
        assert!(!engine().operator_may(role, "reads"));
        assert!(!engine().operator_may(role, ""));
    }
}
