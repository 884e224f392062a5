//! What is made is put into a permitted division, and what is changed stays in its own.

use bytes::Bytes;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, value::RawValue};

use super::{encode, owned::Object};
use crate::{
    catalog::{Catalog, Contact, DivisionRef, Operation, QueueRequest, UpdateUser},
    gateway::{
        asked::{Body, declared},
        authorize::Permit,
        denial::{Denial, Failure, Invalid},
        document, guard, masked,
    },
    model::{DivisionId, Text},
};

/// What of a queue a tenant can name: what a change leaves out of these is no more.
const NAMEABLE: [&str; 17] = [
    "name",
    "division",
    "sourceQueueId",
    "description",
    "mediaSettings",
    "routingRules",
    "scoringMethod",
    "lastAgentRoutingMode",
    "acwSettings",
    "skillEvaluationMethod",
    "autoAnswerOnly",
    "enableTranscription",
    "enableAudioMonitoring",
    "enableManualAssignment",
    "agentOwnedRouting",
    "suppressInQueueCallRecording",
    "defaultMediaLanguage",
];

/// What of a queue Genesys alone says (model `QueueRequest`). All else that no tenant can name is left as it was.
const SAID_BY_GENESYS: [&str; 9] = [
    "id",
    "dateCreated",
    "dateModified",
    "createdBy",
    "modifiedBy",
    "memberCount",
    "userMemberCount",
    "joinedMemberCount",
    "selfUri",
];

/// An address of a user as it is shown (model `Contact`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShownAddress<'a> {
    #[serde(borrow, default)]
    media_type: Option<Text<'a>>,
    #[serde(borrow, default)]
    r#type: Option<Text<'a>>,
    #[serde(default)]
    extension: Option<IgnoredAny>,
    #[serde(default)]
    integration: Option<IgnoredAny>,
}

/// The addresses of a user as it is shown; each by itself, as it stands.
#[derive(Deserialize)]
struct ShownUser<'a> {
    #[serde(borrow, default)]
    addresses: Option<Vec<&'a RawValue>>,
}

/// The body that makes something.
pub(super) fn create(operation: &Operation, body: &mut Body<'_>, permit: &Permit) -> Result<Bytes, Denial> {
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
        Body::Document(document) => {
            let place = declared(operation).and_then(|body| body.division.as_deref());
            document.set(
                place.ok_or(Denial::Failed(Failure::Internal))?,
                document::Value::Text(division.to_string().into()),
            );
            encode(document)
        }
        Body::None
        | Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::Activity(_)
        | Body::Observations(_)
        | Body::UserChange(_)
        | Body::Rotation(_)
        | Body::QueueChange(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// The body that changes what was looked up; none where the operation takes none.
pub(super) fn change(
    catalog: &Catalog,
    permit: &Permit,
    body: &mut Body<'_>,
    object: Option<&Object>,
) -> Result<Option<Bytes>, Denial> {
    match body {
        Body::None => Ok(None),
        Body::Document(document) => change_document(catalog, permit, document, object).map(Some),
        Body::UserChange(user) => change_user(user, object).map(Some),
        Body::QueueChange(queue) => change_queue(queue, object).map(Some),
        Body::Conversations(_)
        | Body::Users(_)
        | Body::Aggregates(_)
        | Body::Activity(_)
        | Body::Observations(_)
        | Body::NewUser(_)
        | Body::Rotation(_)
        | Body::NewQueue(_) => Err(Denial::Failed(Failure::Internal)),
    }
}

/// What is replaced stays in its division, and keeps what the tenant cannot name.
fn change_document(
    catalog: &Catalog,
    permit: &Permit,
    document: &mut document::Value<'_>,
    object: Option<&Object>,
) -> Result<Bytes, Denial> {
    let internal = || Denial::Failed(Failure::Internal);
    let operation = permit.operation();
    let body = declared(operation).ok_or_else(internal)?;
    let Some(object) = object else { return encode(document) };
    if let Some(place) = &body.division {
        let own = object.within.only().ok_or_else(internal)?;
        if document.texts_at(place).iter().any(|named| *named != own.as_str()) {
            let message = format!("It is not moved between divisions here; leave `{place}` out.");
            return Err(Invalid::new("ringfence.body_invalid", message).into());
        }
        document.set(place, document::Value::Text(own.to_string().into()));
    }
    if operation.method == "PUT" && operation.replaces_what_was_looked_up() {
        let current = serde_json::from_slice(&object.body).map_err(|_| internal())?;
        masked::keep(catalog, permit, document, &current, body)?;
        if let Some(shown) = guard::shown(catalog, permit, &object.body) {
            document::keep_hidden(document, &current, &shown, body);
        }
        document::keep_unnamed(document, &current, catalog.api(), body);
    }
    encode(document)
}

/// The addresses of a user are replaced whole: those that the tenant cannot name are taken from the user as it is.
fn change_user(user: &UpdateUser<'_>, object: Option<&Object>) -> Result<Bytes, Denial> {
    let internal = || Denial::Failed(Failure::Internal);
    let Ok(mut body) = serde_json::to_value(user) else { return Err(internal()) };
    if let Some(named) = body.get_mut("addresses").and_then(Value::as_array_mut) {
        let current: ShownUser<'_> =
            serde_json::from_slice(&object.ok_or_else(internal)?.body).map_err(|_| internal())?;
        named.extend(current.addresses.into_iter().flatten().filter_map(kept_address));
    }
    encode(&body)
}

/// An address that a change leaves as it was; none where it is the tenant's to name.
fn kept_address(shown: &RawValue) -> Option<Value> {
    let is_nameable = serde_json::from_str::<ShownAddress<'_>>(shown.get()).is_ok_and(|one| {
        let is_personal = Contact::is_personal(one.media_type.as_deref(), one.r#type.as_deref());
        is_personal && one.extension.is_none() && one.integration.is_none()
    });
    let mut kept: Map<String, Value> = serde_json::from_str(shown.get()).ok().filter(|_| !is_nameable)?;
    // Genesys makes it from the others.
    kept.remove("display");
    Some(Value::Object(kept))
}

/// A queue is replaced whole: what the tenant cannot name is taken from the queue as it is.
fn change_queue(queue: &QueueRequest<'_>, object: Option<&Object>) -> Result<Bytes, Denial> {
    let internal = || Denial::Failed(Failure::Internal);
    if queue.source_queue_id.is_some() {
        let message = "`sourceQueueId` is for new queues alone; leave it out.";
        return Err(Invalid::new("ringfence.body_invalid", message).into());
    }
    let object = object.ok_or_else(internal)?;
    let own = object.within.only().ok_or_else(internal)?;
    if queue.division.as_ref().is_some_and(|named| *named.id != *own.as_str()) {
        let message = "A queue is not moved between divisions here; leave `division` out.";
        return Err(Invalid::new("ringfence.body_invalid", message).into());
    }
    let Ok(Value::Object(mut body)) = serde_json::to_value(queue) else { return Err(internal()) };
    body.insert("division".to_owned(), serde_json::json!({"id": own.as_str()}));
    let mut current: Map<String, Value> = serde_json::from_slice(&object.body).map_err(|_| internal())?;
    if let Some(kept) = current.remove("mediaSettings") {
        let named = body.remove("mediaSettings").unwrap_or_default();
        body.insert("mediaSettings".to_owned(), laid_over(kept, named));
    }
    let is_kept = |name: &str| !NAMEABLE.contains(&name) && !SAID_BY_GENESYS.contains(&name);
    for (name, value) in current.into_iter().filter(|(name, _)| is_kept(name)) {
        body.entry(name).or_insert(value);
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
pub(super) fn the_division(permit: &Permit) -> Result<&DivisionId, Denial> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Within;

    #[test]
    fn what_a_tenant_can_name_of_a_queue_is_what_its_model_sends() {
        for name in NAMEABLE {
            let value = match name {
                "division" => serde_json::json!({"id": "x"}),
                "mediaSettings" | "acwSettings" | "agentOwnedRouting" => serde_json::json!({}),
                "routingRules" => serde_json::json!([]),
                flag if flag.starts_with("enable") || flag.starts_with("auto") => Value::from(true),
                "suppressInQueueCallRecording" => Value::from(false),
                _ => Value::from("x"),
            };
            let mut body = serde_json::json!({"name": "x"});
            body[name] = value.clone();
            let text = body.to_string();
            let read: QueueRequest<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap()[name], value, "{name}");
        }
    }

    #[test]
    fn a_field_of_a_queue_that_nobody_knows_yet_stays_as_it_was() {
        let queue = serde_json::from_str(r#"{"name":"new","callingPartyName":"mine"}"#).unwrap();
        let body = Bytes::from_static(
            br#"{"id":"1","name":"old","description":"gone","memberCount":7,"callingPartyName":"kept","newField":{"a":[1]}}"#,
        );
        let division: DivisionId = "a0000000-0000-4000-8000-000000000000".parse().unwrap();
        let object = Object { within: Within::from(division.clone()), body };
        let sent: Value = serde_json::from_slice(&change_queue(&queue, Some(&object)).unwrap()).unwrap();
        let expected = serde_json::json!({
            "name": "new", "division": {"id": division.as_str()}, "callingPartyName": "kept", "newField": {"a": [1]},
        });
        assert_eq!(sent, expected);
    }

    #[test]
    fn addresses_that_a_tenant_cannot_name_stay_as_they_are() {
        let kept = |json: &str| kept_address(&RawValue::from_string(json.to_owned()).unwrap());
        assert_eq!(kept(r#"{"address":"a@a.example","mediaType":"EMAIL","display":"a"}"#), None);
        assert_eq!(kept(r#"{"address":"+1","mediaType":"PHONE","type":"HOME","countryCode":"US"}"#), None);
        for shown in [
            r#"{"address":"+1","mediaType":"PHONE","type":"WORK","display":"1"}"#,
            r#"{"mediaType":"PHONE","type":"HOME","extension":"4711"}"#,
            r#"{"mediaType":"PHONE","type":"OTHER","integration":"x"}"#,
            r#"{"new":true}"#,
        ] {
            let sent = shown.replace(r#","display":"1""#, "");
            assert_eq!(kept(shown), Some(serde_json::from_str(&sent).unwrap()), "{shown}");
        }
    }
}
