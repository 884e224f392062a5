//! Ringfence's nouns as Cedar's entities, built natively.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use super::PolicyError;
use crate::model::{DivisionId, Key, Tenant, TenantId};

/// The names of the entity types, parsed once.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) tenant: EntityTypeName,
    pub(super) key: EntityTypeName,
    pub(super) division: EntityTypeName,
    pub(super) action: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, PolicyError> {
        Ok(Self {
            tenant: type_name("Ringfence::Tenant")?,
            key: type_name("Ringfence::Key")?,
            division: type_name("Ringfence::Division")?,
            action: type_name("Ringfence::Action")?,
        })
    }

    pub(super) fn tenant_uid(&self, id: &TenantId) -> EntityUid {
        uid(&self.tenant, id.as_str())
    }

    pub(super) fn division_uid(&self, id: &DivisionId) -> EntityUid {
        uid(&self.division, id.as_str())
    }

    /// The key as policies know it: what they say of one holds for those that it is rotated into.
    pub(super) fn key_uid(&self, key: &Key) -> EntityUid {
        uid(&self.key, key.origin.as_str())
    }

    pub(super) fn tenant_entity(&self, tenant: &Tenant) -> Result<Entity, PolicyError> {
        let attributes = HashMap::from([
            ("suspended".to_owned(), RestrictedExpression::new_bool(tenant.suspended)),
            ("dedicatedAgents".to_owned(), RestrictedExpression::new_bool(tenant.dedicated_agents)),
        ]);
        Entity::new(self.tenant_uid(&tenant.id), attributes, HashSet::new()).map_err(PolicyError::invalid)
    }

    /// A division *of* `tenant`: never call it for one that the tenant does not hold.
    pub(super) fn division_entity(&self, id: &DivisionId, tenant: &EntityUid) -> Entity {
        Entity::new_no_attrs(self.division_uid(id), HashSet::from([tenant.clone()]))
    }

    pub(super) fn key_entity(&self, key: &Key, tenant: &EntityUid) -> Result<Entity, PolicyError> {
        let attributes = HashMap::from([
            ("tenant".to_owned(), RestrictedExpression::new_entity_uid(tenant.clone())),
            ("readOnly".to_owned(), RestrictedExpression::new_bool(key.read_only)),
            ("name".to_owned(), RestrictedExpression::new_string(key.name.clone())),
        ]);
        Entity::new(self.key_uid(key), attributes, HashSet::from([tenant.clone()]))
            .map_err(PolicyError::invalid)
    }
}

/// Parses the name of an entity type.
pub(super) fn type_name(name: &str) -> Result<EntityTypeName, PolicyError> {
    name.parse().map_err(PolicyError::invalid)
}

pub(super) fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}
