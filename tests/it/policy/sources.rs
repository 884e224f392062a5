//! Which sources are accepted, and what is said of those that are not.

use std::sync::Arc;

use ringfence::policy::{Engine, PolicyError, Principal, ResourceKind};

use super::{A, FOREIGN, action, attributes, division, engine, key, own, tenant};

fn refusal(source: &str) -> PolicyError {
    engine().tenant(&tenant("read-only"), Some(&own(source))).unwrap_err()
}

fn message(source: &str) -> String {
    let error = refusal(source);
    let PolicyError::Invalid { message } = error else {
        panic!("expected an invalid policy, found {error:?}")
    };
    message
}

#[test]
fn a_syntax_error_is_placed_by_line_and_column() {
    let error = refusal("// größer\npermit (principal, action, resource)\nwhen { \"ö\" == };\n");
    let PolicyError::Syntax { line, column, message } = error else { panic!("{error:?}") };
    assert_eq!((line, column), (3, 15));
    assert!(message.contains("unexpected token `}`"), "{message}");
}

#[test]
fn a_source_that_ends_too_early_is_placed_at_its_end() {
    let error = refusal("permit (principal, action,");
    let PolicyError::Syntax { line, column, .. } = error else { panic!("{error:?}") };
    assert_eq!((line, column), (1, 27));
}

#[test]
fn an_unknown_operation_is_named() {
    let message = message("permit (principal, action == Ringfence::Action::\"getUserz\", resource);");
    assert!(message.contains("Ringfence::Action::\"getUserz\"") && message.contains("line 1"), "{message}");
}

#[test]
fn an_unknown_entity_type_is_named() {
    let message = message("permit (principal is Ringfence::Agent, action, resource);");
    assert!(message.contains("Ringfence::Agent"), "{message}");
}

#[test]
fn an_unknown_attribute_is_named() {
    let message = message("permit (principal, action, resource) when { context.colour == \"red\" };");
    assert!(message.contains("colour"), "{message}");
}

#[test]
fn an_attribute_that_may_be_missing_must_be_asked_for_first() {
    let message = message("permit (principal, action, resource) when { context.pageSize > 1 };");
    assert!(message.contains("pageSize"), "{message}");
}

#[test]
fn operators_and_their_actions_are_unknown_to_tenants() {
    let operator = message("permit (principal is Ringfence::Operator, action, resource);");
    assert!(operator.contains("Ringfence::Operator"), "{operator}");
    let action = message("permit (principal, action == Ringfence::Action::\"tenant.add\", resource);");
    assert!(action.contains("tenant.add"), "{action}");
}

#[test]
fn another_tenant_may_be_named_nowhere() {
    for source in [
        "permit (principal in Ringfence::Tenant::\"beta\", action, resource);",
        "permit (principal is Ringfence::Key in Ringfence::Tenant::\"beta\", action, resource);",
        "permit (principal, action, resource in Ringfence::Tenant::\"beta\");",
        "permit (principal, action, resource == Ringfence::Tenant::\"beta\");",
        "permit (principal, action, resource) when { principal in Ringfence::Tenant::\"beta\" };",
    ] {
        let message = message(source);
        assert!(message.contains("Ringfence::Tenant::\"beta\""), "{source}: {message}");
    }
}

#[test]
fn a_head_may_not_name_a_division_that_is_not_held() {
    let message =
        message(&format!("permit (principal, action, resource == Ringfence::Division::\"{FOREIGN}\");"));
    assert!(message.contains(FOREIGN), "{message}");
}

#[test]
fn every_form_of_head_works_for_the_tenant_itself() {
    let (engine, tenant) = (engine(), tenant("read-only"));
    let key = key(&tenant);
    for head in [
        "principal",
        "principal is Ringfence::Key",
        "principal in Ringfence::Tenant::\"alpha\"",
        "principal is Ringfence::Key in Ringfence::Tenant::\"alpha\"",
        "principal == Ringfence::Key::\"abcdefghijklmnop\"",
        "principal in Ringfence::Key::\"abcdefghijklmnop\"",
    ] {
        let source = format!("permit ({head}, action == Ringfence::Action::\"patchUser\", resource);");
        let policies = engine.tenant(&tenant, Some(&own(&source))).unwrap();
        let principal = Principal { tenant: &tenant, key: &key };
        let decision = policies.decide(principal, "patchUser", &[division(A)], &attributes());
        assert_eq!(decision.divisions, [division(A)], "{head}: {decision:?}");
        assert_eq!(decision.policies, ["own.1"], "{head}");
    }
}

#[test]
fn a_key_of_another_tenant_gets_nothing_from_this_tenants_set() {
    let (engine, alpha) = (engine(), tenant("full-access"));
    let policies = engine.tenant(&alpha, None).unwrap();
    let mut beta = alpha.clone();
    beta.id = "beta".parse().unwrap();
    for (tenant, key) in [(&beta, key(&beta)), (&alpha, key(&beta)), (&beta, key(&alpha))] {
        let decision =
            policies.decide(Principal { tenant, key: &key }, "getUsers", &[division(A)], &attributes());
        assert!(decision.divisions.is_empty() && decision.errors.len() == 1, "{decision:?}");
    }
}

#[test]
fn slots_are_refused() {
    assert!(message("permit (principal == ?principal, action, resource);").contains("?principal"));
}

#[test]
fn policy_ids_are_unique_and_those_of_base_and_templates_are_taken() {
    assert!(message("@id(\"x\") permit (principal, action, resource);\n@id(\"x\") forbid (principal, action, resource);").contains("`x` stands twice"));
    for id in ["base.tenant-suspended", "full-access.all"] {
        let message = message(&format!("@id(\"{id}\") permit (principal, action, resource);"));
        assert!(message.contains(id) && message.contains("taken"), "{message}");
    }
}

#[test]
fn an_unknown_template_is_answered_with_those_that_there_are() {
    let error = engine().tenant(&tenant("super-user"), None).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no policy template `super-user`; there are: analytics-reader, full-access, read-only, \
         supervisor, user-administrator"
    );
}

#[test]
fn neither_base_nor_templates_read_the_context() {
    let engine = engine();
    for template in engine.templates() {
        assert!(!engine.tenant(&tenant(&template), None).unwrap().reads_attributes(), "{template}");
    }
}

#[test]
fn own_policies_are_looked_through_for_the_context() {
    let reads =
        |source: &str| engine().tenant(&tenant("read-only"), Some(&own(source))).unwrap().reads_attributes();
    assert!(!reads("permit (principal, action, resource) when { principal.name == \"context\" };"));
    assert!(reads("permit (principal, action, resource) when { context.ids.contains(\"x\") };"));
    assert!(reads("permit (principal, action, resource) unless { {a: context}.a has source };"));
    assert!(reads(
        "forbid (principal, action, resource) when { true && (if context has source then false else true) };"
    ));
}

#[test]
fn an_operation_must_be_a_read_or_a_write_and_have_a_plain_name() {
    for (name, groups) in [
        ("getUsers", &["users"][..]),
        ("getUsers", &["reads", "writes", "users"]),
        ("getUsers\" in [\"reads", &["reads"]),
        ("", &["reads"]),
        ("getUsers", &["reads", "a b"]),
    ] {
        Engine::new(&[action(name, groups, ResourceKind::Division)]).unwrap_err();
    }
}

#[test]
fn a_family_that_the_schema_does_not_know_becomes_a_group() {
    let actions = [action("getFlow", &["reads", "flows"], ResourceKind::Division)];
    let engine = Arc::new(Engine::new(&actions).unwrap());
    let source = "permit (principal, action in Ringfence::Action::\"flows\", resource);";
    engine.tenant(&tenant("supervisor"), Some(&own(source))).unwrap();
}
