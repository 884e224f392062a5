//! Whom an answer may name without saying their division: all that the tenant has of the kinds that it can name.
//!
//! It is read before anything is asked, and whatever is found: neither what is asked of Genesys nor how often
//! depends on what is others'.

use std::sync::Arc;

use crate::{
    audit::Record,
    catalog::{Entity, Narrowing, Operation, Place},
    directory::{Directory, Divisions, LookupError},
    gateway::{authorize::Permit, denial::Denial},
    model::{CrossDivision, DivisionId, Registry, Text},
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
    // What the path names, was looked up, and its parts have to say.
    whole: Option<String>,
}

impl Owned {
    /// The kinds that an operation's answer can name; nothing of them is known yet. Where each of several answers is judged
    /// as it comes, also those that tell whose the parts of a shared entity are.
    pub(super) fn shown(permit: &Permit) -> Self {
        let operation = permit.operation();
        let is_of_several = matches!(operation.narrowing, Narrowing::Owned { place: Place::Query, .. });
        let redacts = permit.caller().tenant().tenant().cross_division == CrossDivision::Redact;
        let shared = operation.shared_names.iter().filter(|_| redacts && is_of_several);
        let registry = || (Arc::clone(permit.caller().tenant().registry()), Arc::clone(operation));
        let registered = (!operation.registered.is_empty()).then(registry);
        let mut kinds = Self { read: Vec::new(), registered, whole: None };
        kinds.extend(operation.names.iter().chain(shared));
        kinds
    }

    /// Where an operation shows parts, they must say that they are of this.
    pub(super) fn below(&mut self, operation: &Operation, id: &str) {
        self.whole = operation.shows_parts.then(|| id.to_owned());
    }

    /// Whether an id is that of what the path names, whose parts are shown.
    pub(in crate::gateway) fn is_whole(&self, id: &str) -> bool {
        self.whole.as_deref() == Some(id)
    }

    /// What its answer's parts are of.
    pub(in crate::gateway) fn whole(&self) -> Option<&str> {
        self.whole.as_deref()
    }

    fn extend<'e>(&mut self, entities: impl Iterator<Item = &'e Entity>) {
        for entity in entities {
            if !self.read.iter().any(|(known, _)| known == entity) {
                self.read.push((*entity, Divisions::default()));
            }
        }
    }

    /// The kinds that a query groups by, and what it is narrowed by; nothing of them is known yet.
    pub(super) fn grouped(by: &[Text<'_>], operation: &Operation, within: Option<Entity>) -> Self {
        let Some((_, named)) = operation.guard.grouping() else { return Self::default() };
        let mut kinds = Self::default();
        let entities: Vec<_> = by.iter().filter_map(|by| named.get(&**by)?.entity()).chain(within).collect();
        kinds.extend(entities.iter());
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

/// Reads what tells whose the parts are of what others have a part in.
///
/// That is read once such an entity is there: the tenant is shown that it is shared, so that this tells nothing more.
pub(in crate::gateway) async fn identify_parts(
    directory: &Directory,
    permit: &Permit,
    owned: &mut Owned,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<(), Denial> {
    let known = owned.read.len();
    owned.extend(permit.operation().shared_names.iter());
    let unread = owned.read.get_mut(known..).unwrap_or_default();
    read(directory, permit, unread, record, confirm).await
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
        match directory.all(whom, *entity, permit.granted()).await {
            Ok(all) => *own = all,
            // Without it less is shown of what is shared, and nothing wrong.
            Err(error @ (LookupError::TooMany | LookupError::Refused(_)))
                if !permit.operation().names.contains(entity)
                    && permit.operation().guard.grouping().is_none() =>
            {
                tracing::warn!(event.id = %record.id(), ?entity, %error, "whose parts are whose is not known");
            }
            Err(error) => return Err(unanswered(&error, permit, record, confirm)),
        }
    }
    Ok(())
}
