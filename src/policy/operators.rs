//! What each role may do: `policies/operator.cedar`, asked once for every role and action.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, RestrictedExpression, Schema,
    Validator,
};

use super::{
    PolicyError,
    entities::{type_name, uid},
    source,
};
use crate::model::Role;

const SCHEMA: &str = include_str!("../../policies/operator.cedarschema");
const POLICIES: &str = include_str!("../../policies/operator.cedar");

/// The actions that each role may do. They are few and depend on nothing else.
pub(super) fn table(authorizer: &Authorizer) -> Result<HashMap<Role, HashSet<String>>, PolicyError> {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(PolicyError::invalid)?;
    let validator = Validator::new(schema);
    let policies = source::parse(POLICIES, "operator")?;
    source::validate(&validator, &policies, POLICIES)?;
    let set = PolicySet::from_policies(policies).map_err(PolicyError::invalid)?;
    let mut table = HashMap::new();
    for role in [Role::Admin, Role::Operator, Role::Auditor] {
        table.insert(role, allowed(authorizer, validator.schema(), &set, role)?);
    }
    Ok(table)
}

fn allowed(
    authorizer: &Authorizer,
    schema: &Schema,
    set: &PolicySet,
    role: Role,
) -> Result<HashSet<String>, PolicyError> {
    let operator = uid(&type_name("Ringfence::Operator")?, name(role));
    let installation = uid(&type_name("Ringfence::Installation")?, "this");
    let attributes =
        HashMap::from([("role".to_owned(), RestrictedExpression::new_string(name(role).to_owned()))]);
    let person = Entity::new(operator.clone(), attributes, HashSet::new()).map_err(PolicyError::invalid)?;
    let groups: HashSet<_> = schema.action_groups().cloned().collect();
    let entities = schema.action_entities().map_err(PolicyError::invalid)?;
    let entities: Entities = entities.add_entities([person], Some(schema)).map_err(PolicyError::invalid)?;
    let mut allowed = HashSet::new();
    for action in schema.actions().filter(|action| !groups.contains(action)) {
        let (who, what, place) = (operator.clone(), action.clone(), installation.clone());
        let request = Request::new(who, what, place, Context::empty(), Some(schema));
        let response = authorizer.is_authorized(&request.map_err(PolicyError::invalid)?, set, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(PolicyError::invalid(error));
        }
        if response.decision() == Decision::Allow {
            allowed.insert(action.id().unescaped().to_owned());
        }
    }
    Ok(allowed)
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Operator => "operator",
        Role::Auditor => "auditor",
    }
}
