//! What is made is put into a permitted division, and what is changed stays in its own.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{encode, owned::Object};
use crate::{
    catalog::{DivisionRef, QueueRequest},
    gateway::{
        asked::Body,
        authorize::Permit,
        denial::{Denial, Failure, Invalid},
    },
    model::DivisionId,
};

/// What of a queue no tenant can name: a change leaves it as it was (model `QueueRequest`).
const KEPT: [&str; 17] = [
    "memberGroups",
    "callingPartyName",
    "callingPartyNumber",
    "queueFlow",
    "emailInQueueFlow",
    "messageInQueueFlow",
    "whisperPrompt",
    "onHoldPrompt",
    "cannedResponseLibraries",
    "directRouting",
    "defaultScripts",
    "outboundMessagingAddresses",
    "outboundEmailAddress",
    "peerId",
    "bullseye",
    "conditionalGroupRouting",
    "conditionalGroupActivation",
];

/// The body that makes something.
pub(super) fn create(body: &mut Body<'_>, permit: &Permit) -> Result<Bytes, Denial> {
    let division = the_division(permit)?;
    match body {
        Body::NewUser(user) => {
            user.division_id = Some(division.to_string().into());
            encode(user)
        }
        Body::NewQueue(queue) => {
            queue.division = Some(reference(division));
            encode(queue)
        }
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::UserChange(_)
        | Body::QueueChange(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// The body that changes what was looked up; none where the operation takes none.
pub(super) fn change(body: &mut Body<'_>, object: Option<&Object>) -> Result<Option<Bytes>, Denial> {
    match body {
        Body::None => Ok(None),
        Body::UserChange(user) => encode(user).map(Some),
        Body::QueueChange(queue) => change_queue(queue, object).map(Some),
        Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::NewUser(_)
        | Body::NewQueue(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// A queue is replaced whole: what the tenant cannot name is taken from the queue as it is.
fn change_queue(queue: &QueueRequest<'_>, object: Option<&Object>) -> Result<Bytes, Denial> {
    let internal = || Denial::Failed(Failure::Internal);
    if queue.source_queue_id.is_some() {
        let message = "`sourceQueueId` is for new queues alone; leave it out.";
        return Err(Invalid::new("ringfence.body_invalid", message).into());
    }
    let object = object.ok_or_else(internal)?;
    let own = &object.division;
    if queue.division.as_ref().is_some_and(|named| *named.id != *own.as_str()) {
        let message = "A queue is not moved between divisions here; leave `division` out.";
        return Err(Invalid::new("ringfence.body_invalid", message).into());
    }
    let Ok(Value::Object(mut body)) = serde_json::to_value(queue) else { return Err(internal()) };
    body.insert("division".to_owned(), serde_json::json!({"id": own.as_str()}));
    let mut current: Map<String, Value> = serde_json::from_slice(&object.body).map_err(|_| internal())?;
    for name in KEPT {
        if let Some(value) = current.remove(name) {
            body.insert(name.to_owned(), value);
        }
    }
    if let Some(kept) = current.remove("mediaSettings") {
        let named = body.remove("mediaSettings").unwrap_or_default();
        body.insert("mediaSettings".to_owned(), laid_over(kept, named));
    }
    encode(&body)
}

/// The settings of each medium, with what is named of them changed: flows, sites and addresses stay.
fn laid_over(mut kept: Value, named: Value) -> Value {
    let (Some(media), Value::Object(named)) = (kept.as_object_mut(), named) else { return kept };
    for (medium, named) in named {
        match (media.get_mut(&medium).and_then(Value::as_object_mut), named) {
            (Some(settings), Value::Object(named)) => settings.extend(named),
            (_, named) => {
                media.insert(medium, named);
            }
        }
    }
    kept
}

/// The one division that something is made in.
fn the_division(permit: &Permit) -> Result<&DivisionId, Denial> {
    match permit.divisions() {
        [one] => Ok(one),
        several => {
            let names: Vec<_> = several.iter().map(DivisionId::as_str).collect();
            let message = format!("Name the division that it is to be in, one of: {}.", names.join(", "));
            Err(Invalid::new("ringfence.division_missing", message).into())
        }
    }
}

fn reference<'a>(division: &DivisionId) -> DivisionRef<'a> {
    DivisionRef { id: division.to_string().into(), name: None, self_uri: None }
}
