//! Whether what an entry says of things that carry no division fits together.

use std::{collections::HashMap, sync::Arc};

use super::{
    Foreign, Guarding, Narrowing, Place, Shape,
    entities::{Entities, Entity},
    operation::Operation,
};

/// What is registered is narrowed by that, and nothing else is.
pub(super) fn check(
    operation: &Operation,
    shapes: &HashMap<String, Arc<Shape>>,
    entities: &Entities,
) -> Result<(), String> {
    let is_registered = |entity: &Entity| entities.get(entity).is_some_and(|kind| kind.registered);
    if let Narrowing::Owned { place: Place::Path, entity: Some(entity), .. } = &operation.narrowing
        && is_registered(entity)
    {
        return Err(format!("{entity:?} is registered: what deletes it must end that"));
    }
    let Narrowing::Registered { entity, name, .. } = &operation.narrowing else { return Ok(()) };
    if !is_registered(entity) {
        return Err(format!("{entity:?} is not registered"));
    }
    let shows = |shape: &str| shapes.get(shape).is_some_and(|shape| shape.registered == Some(*entity));
    match (&operation.guard, name) {
        (Guarding::List { shape, foreign: Foreign::Drop, .. }, None)
            if !operation.is_write() && shows(shape) =>
        {
            Ok(())
        }
        (Guarding::Fields { shape }, None) if makes(operation, Some(*entity)) && shows(shape) => Ok(()),
        (
            Guarding::Entity { .. } | Guarding::Fields { .. } | Guarding::Items { .. } | Guarding::Empty,
            Some(_),
        ) => Ok(()),
        (guard, _) => Err(format!("the guard {guard:?} does not check what is registered")),
    }
}

/// Whether it makes such a thing. Whose that is, the answer need not say: it is the caller's.
pub(super) fn makes(operation: &Operation, shown: Option<Entity>) -> bool {
    let is_made = |made: &Entity| shown == Some(*made) && operation.method == "POST" && operation.is_write();
    matches!(&operation.narrowing, Narrowing::Registered { entity, name: None, .. } if is_made(entity))
}
