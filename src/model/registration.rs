//! What is a tenant's although Genesys keeps no division of it: groups and the like.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{EntityId, TenantId};

/// Something that carries no division, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Registration {
    /// Whose.
    pub tenant_id: TenantId,
    /// What it is, as the catalog calls it: `group`.
    pub entity: String,
    /// Its id in Genesys; no two tenants have it at a time.
    pub id: EntityId,
    /// How it came to the tenant.
    pub came: Origin,
    /// The key that made it, or the operator who gave it.
    pub author: String,
    /// Why it was given.
    pub reason: String,
    /// Since when.
    pub registered_at: DateTime<Utc>,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
    /// The store's version at its last change.
    #[serde(skip)]
    pub version: i64,
}

/// How something came to be a tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Origin {
    /// A call of the tenant made it.
    Made,
    /// An operator gave it.
    Given,
}

/// How something ceased to be a tenant's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum Ended {
    /// A call of the tenant deleted it.
    Deleted,
    /// An operator took it.
    Taken,
}

/// All that is one tenant's of the kinds that carry no division.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    kinds: HashMap<String, Arc<HashSet<Uuid>>>,
    version: i64,
    taken: i64,
}

impl Registry {
    /// Whether something is the tenant's. An id has one spelling, Genesys's own: in another it names nothing.
    pub fn holds(&self, entity: &str, id: &str) -> bool {
        let mut spelled = Uuid::encode_buffer();
        self.kinds.get(entity).zip(Uuid::try_parse(id).ok()).is_some_and(|(ids, known)| {
            ids.contains(&known) && *known.hyphenated().encode_lower(&mut spelled) == *id
        })
    }

    /// All of one kind, in order.
    pub fn all(&self, entity: &str) -> Vec<String> {
        let ids = self.kinds.get(entity).into_iter().flat_map(|ids| ids.iter());
        let mut ids: Vec<_> = ids.map(ToString::to_string).collect();
        ids.sort_unstable();
        ids
    }

    /// The store's version at its last change.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The store's version when something was last taken from the tenant: what was under way before may not go on.
    pub fn last_taken(&self) -> i64 {
        self.taken
    }
}

impl Extend<Registration> for Registry {
    fn extend<T: IntoIterator<Item = Registration>>(&mut self, registrations: T) {
        for one in registrations {
            let Ok(id) = Uuid::try_parse(one.id.as_str()) else { continue };
            let ids = Arc::make_mut(self.kinds.entry(one.entity).or_default());
            match one.ended {
                None => ids.insert(id),
                Some(_) => ids.remove(&id),
            };
            self.version = self.version.max(one.version);
            if one.ended == Some(Ended::Taken) {
                self.taken = self.taken.max(one.version);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0f9c1a6e-7a53-4c8e-9d2b-3e5f60718293";

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.extend([Registration {
            tenant_id: "alpha".parse().unwrap(),
            entity: "group".to_owned(),
            id: ID.parse().unwrap(),
            came: Origin::Given,
            author: "owner@example.com".to_owned(),
            reason: "theirs".to_owned(),
            registered_at: DateTime::UNIX_EPOCH,
            ended: None,
            version: 1,
        }]);
        registry
    }

    #[test]
    fn an_id_names_what_is_registered_in_one_spelling_alone() {
        let registry = registry();
        assert!(registry.holds("group", ID) && !registry.holds("team", ID));
        for other in [ID.to_uppercase(), ID.replace('-', ""), format!("{{{ID}}}"), format!("urn:uuid:{ID}")] {
            assert!(!registry.holds("group", &other), "{other}");
        }
    }
}
