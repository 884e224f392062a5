//! What carries no division is the tenant's where it is registered as that. Whose the path names is looked up as anything
//! else is ([`super::owned`]): the directory asks the registry. Here is what a call does to the registry itself.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use super::{encode, owned};
use crate::{
    catalog::{Entity, Narrowing, Operation},
    gateway::{
        asked::{Asked, Body},
        authorize::Permit,
        denial::{Denial, Failure},
        forward::Answer,
    },
    model::EntityId,
};

/// What a change does to the registry, once Genesys said that it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Registering {
    /// What the answer shows becomes the tenant's.
    Made(Entity),
    /// What the path names ceases to be.
    Deleted(Entity),
}

/// What a call is going to do to the registry; nearly all do nothing. For what is deleted, its id too.
pub(in crate::gateway) fn registering(
    permit: &Permit,
    asked: &Asked<'_>,
) -> Result<Option<(Registering, Option<EntityId>)>, Denial> {
    let operation = permit.operation();
    if let Some(entity) = operation.registers() {
        return Ok(Some((Registering::Made(entity), None)));
    }
    let Narrowing::Registered { entity, name: Some(name), .. } = &operation.narrowing else {
        return Ok(None);
    };
    if !deletes(operation) {
        return Ok(None);
    }
    // What could not be ended is not deleted.
    let id = owned::path_id(asked, name)?.parse().map_err(|_| Denial::NotFound)?;
    Ok(Some((Registering::Deleted(*entity), Some(id))))
}

fn deletes(operation: &Operation) -> bool {
    operation.method == "DELETE" && operation.replaces_what_was_looked_up()
}

/// All that is the tenant's of a kind.
pub(super) fn all(permit: &Permit, entity: Entity) -> Vec<String> {
    let name = permit.operation().registered.get(&entity);
    name.map(|name| permit.caller().tenant().registry().all(name)).unwrap_or_default()
}

/// The body that makes something: there is no division to set.
pub(super) fn create(body: &Body<'_>) -> Result<Bytes, Denial> {
    match body {
        Body::Document(document) => encode(document),
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::Activity(_)
        | Body::Observations(_)
        | Body::NewUser(_)
        | Body::UserChange(_)
        | Body::NewQueue(_)
        | Body::Rotation(_)
        | Body::QueueChange(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// The id of what an answer says was made; none where it says that nothing was.
pub(in crate::gateway) fn made(answer: &Answer) -> Result<Option<EntityId>, Denial> {
    #[derive(Deserialize)]
    struct Made {
        id: EntityId,
    }
    let Some((StatusCode::OK | StatusCode::CREATED, body)) = answer.told() else { return Ok(None) };
    let made = serde_json::from_slice::<Made>(body);
    let refused = || Failure::AnswerRefused("what was made does not say its id".to_owned());
    made.map(|made| Some(made.id)).map_err(|_| refused().into())
}
