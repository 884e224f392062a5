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
            (Allowed::No | Allowed::Named | Allowed::Unsent | Allowed::Yes, _) => {}
        }
    }
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
