//! A tenant's own policy, made to speak of that tenant alone.
//!
//! A tenant's policies are only ever evaluated in that tenant's set, for keys of that tenant. That they could not
//! match anything else either is the second line: a head without a principal becomes `principal in` the tenant, any
//! other is joined by that condition.

use std::collections::HashSet;

use cedar_policy::{EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::{Value, json};

use super::{PolicyError, entities::Names};
use crate::model::{KeyId, Tenant};

/// The policy, restricted; refused if it names another tenant, or in its head a division that is not the tenant's.
pub(super) fn restrict(names: &Names, tenant: &Tenant, policy: &Policy) -> Result<Policy, PolicyError> {
    check(names, tenant, policy)?;
    let own = json!({ "type": names.tenant.to_string(), "id": tenant.id.as_str() });
    let mut form = policy.to_json().map_err(PolicyError::invalid)?;
    let fields = form.as_object_mut().ok_or_else(|| PolicyError::invalid("a policy is not an object"))?;
    match policy.principal_constraint() {
        PrincipalConstraint::Any => {
            fields.insert("principal".to_owned(), json!({ "op": "in", "entity": own }));
        }
        PrincipalConstraint::Is(kind) => {
            let head = json!({ "op": "is", "entity_type": kind.to_string(), "in": { "entity": own } });
            fields.insert("principal".to_owned(), head);
        }
        PrincipalConstraint::Eq(_) | PrincipalConstraint::In(_) | PrincipalConstraint::IsIn(_, _) => {
            let body = json!({ "in": { "left": { "Var": "principal" }, "right": { "Value": { "__entity": own } } } });
            let conditions = fields.get_mut("conditions").and_then(Value::as_array_mut);
            let conditions = conditions.ok_or_else(|| PolicyError::invalid("a policy has no conditions"))?;
            // First, so that nothing is evaluated for anyone else.
            conditions.insert(0, json!({ "kind": "when", "body": body }));
        }
    }
    Policy::from_json(Some(policy.id().clone()), form).map_err(PolicyError::invalid)
}

fn check(names: &Names, tenant: &Tenant, policy: &Policy) -> Result<(), PolicyError> {
    let own = names.tenant_uid(&tenant.id);
    let foreign = |named: &EntityUid| named.type_name() == &names.tenant && *named != own;
    if let Some(other) = policy.entity_literals().iter().find(|named| foreign(named)) {
        return Err(outside(policy, other, tenant));
    }
    let resource = match policy.resource_constraint() {
        ResourceConstraint::Any | ResourceConstraint::Is(_) => return Ok(()),
        ResourceConstraint::Eq(place)
        | ResourceConstraint::In(place)
        | ResourceConstraint::IsIn(_, place) => place,
    };
    let held = tenant.division_ids.iter().any(|id| id.as_str() == resource.id().unescaped());
    if resource.type_name() == &names.division && !held {
        return Err(outside(policy, &resource, tenant));
    }
    Ok(())
}

/// Refuses a policy that names a key of another tenant, or one that nobody has: those two look the same.
pub(super) fn check_keys(
    names: &Names,
    tenant: &Tenant,
    policy: &Policy,
    own: &HashSet<KeyId>,
) -> Result<(), PolicyError> {
    let literals = policy.entity_literals();
    let mut keys = literals.iter().filter(|named| named.type_name() == &names.key);
    match keys.find(|named| !own.iter().any(|key| key.as_str() == named.id().unescaped())) {
        Some(other) => Err(outside(policy, other, tenant)),
        None => Ok(()),
    }
}

fn outside(policy: &Policy, named: &EntityUid, tenant: &Tenant) -> PolicyError {
    let (id, tenant) = (policy.id(), &tenant.id);
    PolicyError::invalid(format!("policy `{id}` names `{named}`, which is not tenant `{tenant}`'s"))
}

/// Whether the policy reads the context anywhere.
pub(super) fn reads_attributes(policy: &Policy) -> Result<bool, PolicyError> {
    policy.to_json().map(|form| names_context(&form)).map_err(PolicyError::invalid)
}

fn names_context(form: &Value) -> bool {
    match form {
        Value::Object(fields) => {
            fields.get("Var").and_then(Value::as_str) == Some("context") || fields.values().any(names_context)
        }
        Value::Array(items) => items.iter().any(names_context),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
