//! Whom the groups of an aggregates query may name: all that the tenant has of the kinds that it groups by.
//!
//! It is read before the query is sent, and whatever the query finds: neither what is asked of Genesys nor how often
//! depends on what is others'.

use crate::{
    audit::Record,
    catalog::{ConversationAggregationQuery, Entity, Operation},
    directory::{Directory, Divisions},
    gateway::{authorize::Permit, denial::Denial},
    model::DivisionId,
};

use super::{
    Form, Scoped,
    owned::{on_behalf_of, unanswered},
};

/// What the tenant has of each kind that is grouped by. A kind that was not read is all foreign.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Owned(Vec<(Entity, Divisions)>);

impl Owned {
    /// The kinds that a query groups by; nothing of them is known yet.
    pub(super) fn named(query: &ConversationAggregationQuery<'_>, operation: &Operation) -> Self {
        let Some((_, named)) = operation.guard.grouping() else { return Self::default() };
        let mut kinds = Self::default();
        for entity in query.group_by.iter().flatten().filter_map(|by| named.get(&**by)?.entity()) {
            if !kinds.0.iter().any(|(known, _)| *known == entity) {
                kinds.0.push((entity, Divisions::default()));
            }
        }
        kinds
    }

    /// Kinds of which nothing is known yet.
    pub(super) fn of(kinds: &[Entity]) -> Self {
        Self(kinds.iter().map(|entity| (*entity, Divisions::default())).collect())
    }

    /// The kinds.
    pub(in crate::gateway) fn kinds(&self) -> impl Iterator<Item = Entity> {
        self.0.iter().map(|(entity, _)| *entity)
    }

    /// Where an entity is, if it is the tenant's.
    pub(in crate::gateway) fn division(&self, entity: Entity, id: &str) -> Option<&DivisionId> {
        self.0.iter().find(|(known, _)| *known == entity)?.1.get(id)
    }
}

/// Reads what the groups are to be held against, where there are any that name somebody.
pub(in crate::gateway) async fn identify(
    directory: &Directory,
    mut scoped: Scoped,
    record: &mut Record,
    confirm: &(impl Fn(&Permit) -> Result<(), Denial> + Sync),
) -> Result<Scoped, Denial> {
    if let Form::Groups(Owned(kinds)) | Form::Opened { owned: Owned(kinds), .. } = &mut scoped.form
        && !kinds.is_empty()
    {
        // Boxed: nearly all requests do without, and would carry its size.
        Box::pin(read(directory, &scoped.permit, kinds, record, confirm)).await?;
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
