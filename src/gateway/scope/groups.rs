//! Whom an answer may name without saying their division: all that the tenant has of the kinds that it can name.
//!
//! It is read before anything is asked, and whatever is found: neither what is asked of Genesys nor how often
//! depends on what is others'.

use std::sync::Arc;

use crate::{
    audit::Record,
    catalog::{Entity, Operation},
    directory::{Directory, Divisions},
    gateway::{authorize::Permit, denial::Denial},
    model::{DivisionId, Registry, Text},
};

use super::{
    Scoped,
    owned::{on_behalf_of, unanswered},
};

/// What the tenant has of each kind that an answer can name. A kind that was not read is all foreign.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Owned {
    read: Vec<(Entity, Divisions)>,
    // Those that carry no division: nothing is asked for them.
    registered: Option<(Arc<Registry>, Arc<Operation>)>,
}

impl Owned {
    /// The kinds that an operation's answer can name; nothing of them is known yet.
    pub(super) fn shown(permit: &Permit) -> Self {
        let operation = permit.operation();
        let registry = || (Arc::clone(permit.caller().tenant().registry()), Arc::clone(operation));
        Self {
            read: operation.names.iter().map(|entity| (*entity, Divisions::default())).collect(),
            registered: (!operation.registered.is_empty()).then(registry),
        }
    }

    /// The kinds that a query groups by, and what it is narrowed by; nothing of them is known yet.
    pub(super) fn grouped(by: &[Text<'_>], operation: &Operation, within: Option<Entity>) -> Self {
        let Some((_, named)) = operation.guard.grouping() else { return Self::default() };
        let mut kinds = Self::default();
        for entity in by.iter().filter_map(|by| named.get(&**by)?.entity()).chain(within) {
            if !kinds.read.iter().any(|(known, _)| *known == entity) {
                kinds.read.push((entity, Divisions::default()));
            }
        }
        kinds
    }

    /// Whether an entity is the tenant's, of whom these divisions are granted.
    pub(in crate::gateway) fn holds(&self, entity: Entity, id: &str, granted: &[DivisionId]) -> bool {
        let read = self.read.iter().find(|(known, _)| *known == entity);
        read.and_then(|(_, own)| own.get(id)).is_some_and(|division| granted.contains(division))
            || self.registered.as_ref().is_some_and(|(registry, operation)| {
                operation.registered.get(&entity).is_some_and(|name| registry.holds(name, id))
            })
    }
}

/// Reads what the answer is to be held against, where it can name somebody.
pub(in crate::gateway) async fn identify(
    directory: &Directory,
    mut scoped: Scoped,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Scoped, Denial> {
    if !scoped.owned.read.is_empty() {
        // Boxed: nearly all requests do without, and would carry its size.
        Box::pin(read(directory, &scoped.permit, &mut scoped.owned.read, record, confirm)).await?;
    }
    Ok(scoped)
}

async fn read(
    directory: &Directory,
    permit: &Permit,
    kinds: &mut [(Entity, Divisions)],
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<(), Denial> {
    confirm(permit)?;
    let holds = || confirm(permit).is_ok();
    let whom = on_behalf_of(permit, &holds);
    for (entity, own) in kinds {
        let all = directory.all(whom, *entity, permit.granted()).await;
        *own = all.map_err(|error| unanswered(&error, permit, record, confirm))?;
    }
    Ok(())
}
