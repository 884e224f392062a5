//! What is replaced whole keeps what its sender could not name.

use serde_json::Value as Json;

use super::Value;
use crate::catalog::{Allowed, Api, DeclaredBody, FieldType, Model};

/// Adds to a body what stands in the entity as it is, at the places that a tenant cannot set: a replacement would take it
/// away.
pub(in crate::gateway) fn keep_unnamed(
    value: &mut Value<'_>,
    current: &Json,
    api: &Api,
    body: &DeclaredBody,
) {
    if let Some(FieldType::Model(_)) = &body.model {
        lay_over(value, current, api, body, body.model.as_ref(), "");
    }
}

fn lay_over(
    value: &mut Value<'_>,
    current: &Json,
    api: &Api,
    body: &DeclaredBody,
    kind: Option<&FieldType>,
    above: &str,
) {
    let (Value::Object(fields), Some(FieldType::Model(id)), Some(current)) =
        (value, kind, current.as_object())
    else {
        return;
    };
    for field in api.model(*id).into_iter().flat_map(Model::fields) {
        let Some(shown) = current.get(field.name) else { continue };
        let at = if above.is_empty() { field.name.to_owned() } else { format!("{above}.{}", field.name) };
        let named = fields.iter_mut().find(|(name, _)| **name == *field.name).map(|(_, value)| value);
        match (body.allows(api, &at, field), named) {
            (Allowed::No, None) => fields.push((field.name.into(), owned(shown))),
            (Allowed::Yes, Some(named)) => lay_over(named, shown, api, body, Some(&field.r#type), &at),
            // What could not be named inside what was left out stays, and that alone.
            (Allowed::Yes, None) if shown.is_object() => {
                let mut inside = Value::Object(Vec::new());
                lay_over(&mut inside, shown, api, body, Some(&field.r#type), &at);
                if inside != Value::Object(Vec::new()) {
                    fields.push((field.name.into(), inside));
                }
            }
            (Allowed::No | Allowed::Named | Allowed::Unsent | Allowed::Yes, _) => {}
        }
    }
}

/// Adds to a body those references that its sender is not shown: it cannot have meant to take them away. A list that is left
/// out is sent whole, as it stands.
pub(in crate::gateway) fn keep_hidden(
    value: &mut Value<'_>,
    current: &Json,
    shown: &Json,
    body: &DeclaredBody,
) {
    for reference in &body.references {
        let place = reference.shown.as_deref().unwrap_or(&reference.at);
        let seen = texts_at(shown, place);
        let mut standing = texts_at(current, place);
        standing.dedup();
        let is_hidden = |id: &&str| !seen.contains(id);
        let Some(hidden) = standing.iter().copied().find(is_hidden) else { continue };
        let text = |id: &str| Value::Text(id.to_owned().into());
        let is_list = !reference.at.contains('.') && (place.contains('.') || current[place].is_array());
        if !is_list {
            if value.texts_at(&reference.at).is_empty() {
                value.set(&reference.at, text(hidden));
            }
            continue;
        }
        if let Some(Value::List(items)) = value.get(&reference.at) {
            standing.retain(is_hidden);
            let mut all = items.clone();
            all.extend(standing.into_iter().map(text));
            value.set(&reference.at, Value::List(all));
        } else {
            value.set(&reference.at, Value::List(standing.into_iter().map(text).collect()));
        }
    }
}

/// The texts that stand at a dotted place; lists are walked through.
fn texts_at<'j>(json: &'j Json, place: &str) -> Vec<&'j str> {
    let items = |json: &'j Json| json.as_array().map_or_else(|| std::slice::from_ref(json), Vec::as_slice);
    let mut at: Vec<&Json> = items(json).iter().collect();
    for field in place.split('.') {
        at = at.into_iter().filter_map(|value| value.get(field)).flat_map(items).collect();
    }
    at.into_iter().filter_map(Json::as_str).collect()
}

/// What stands, as part of a document.
pub(in crate::gateway) fn owned<'a>(json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Number(number.clone()),
        Json::String(text) => Value::Text(text.clone().into()),
        Json::Array(items) => Value::List(items.iter().map(owned).collect()),
        Json::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone().into(), owned(value))).collect())
        }
    }
}
