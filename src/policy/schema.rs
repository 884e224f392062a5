//! The schema: `policies/schema.cedarschema` with the catalog's operations appended as actions.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write,
};

use cedar_policy::{Entity, EntityUid, Schema, SchemaFragment};

use super::{
    PolicyAction, PolicyError, ResourceKind,
    entities::{Names, uid},
};

const BASE: &str = include_str!("../../policies/schema.cedarschema");

/// An operation, ready to be asked about.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) uid: EntityUid,
    /// Carries its groups as parents.
    pub(super) entity: Entity,
    pub(super) resource: ResourceKind,
    pub(super) groups: Vec<String>,
}

impl Action {
    pub(super) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|known| known == group)
    }
}

/// The whole schema, and each action by its name.
pub(super) fn build(
    names: &Names,
    actions: &[PolicyAction],
) -> Result<(Schema, HashMap<String, Action>), PolicyError> {
    for action in actions {
        check(action)?;
    }
    let (base, _) = SchemaFragment::from_cedarschema_str(BASE).map_err(PolicyError::invalid)?;
    let known = Schema::from_schema_fragments([base.clone()]).map_err(PolicyError::invalid)?;
    let known: BTreeSet<&str> = known.actions().map(|group| group.id().unescaped()).collect();
    let text = describe(actions, &known);
    let (operations, _) = SchemaFragment::from_cedarschema_str(&text).map_err(PolicyError::invalid)?;
    let schema = Schema::from_schema_fragments([base, operations]).map_err(PolicyError::invalid)?;
    let ready = actions.iter().map(|action| (action.name.clone(), ready(names, action))).collect();
    Ok((schema, ready))
}

/// The part of the schema that the catalog decides, as Cedar schema text.
fn describe(actions: &[PolicyAction], known: &BTreeSet<&str>) -> String {
    let mut text = String::from("namespace Ringfence {\n");
    let groups: BTreeSet<&str> =
        actions.iter().flat_map(|action| &action.groups).map(String::as_str).collect();
    for group in groups.difference(known) {
        let _ = writeln!(text, "  action \"{group}\";");
    }
    for PolicyAction { name, groups, resource } in actions {
        let groups = groups.iter().map(|group| format!("\"{group}\"")).collect::<Vec<_>>().join(", ");
        let resource = match resource {
            ResourceKind::Division => "Division",
            ResourceKind::Tenant => "Tenant",
        };
        let _ = writeln!(
            text,
            "  action \"{name}\" in [{groups}] appliesTo {{ principal: Key, resource: {resource}, context: Request }};"
        );
    }
    text.push('}');
    text
}

// The text goes into a schema: nothing but plain names may pass. And what is neither read nor write, or both, would
// slip through the guard for read-only keys or through a template.
fn check(action: &PolicyAction) -> Result<(), PolicyError> {
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if let Some(name) = std::iter::once(&action.name).chain(&action.groups).find(|name| !plain(name)) {
        return Err(PolicyError::invalid(format!("`{name}` is not a plain name of an operation or group")));
    }
    if action.groups.iter().filter(|group| ["reads", "writes"].contains(&group.as_str())).count() != 1 {
        let name = &action.name;
        return Err(PolicyError::invalid(format!(
            "operation `{name}` must be in one of `reads` and `writes`"
        )));
    }
    Ok(())
}

fn ready(names: &Names, action: &PolicyAction) -> Action {
    let own = uid(&names.action, &action.name);
    let groups = action.groups.iter().map(|group| uid(&names.action, group)).collect();
    let entity = Entity::new_no_attrs(own.clone(), groups);
    Action { uid: own, entity, resource: action.resource, groups: action.groups.clone() }
}
