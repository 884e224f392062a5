//! Reads a body as its model: each field of the type that is told, none twice, none that is not told, none that names what
//! nobody has declared.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::Value;
use crate::{
    catalog::{Allowed, Api, DeclaredBody, FieldType},
    gateway::{
        denial::Invalid,
        json::{self, Unknowns},
    },
    model::Text,
};

/// Nothing that Genesys takes is nested deeper.
const MAX_DEPTH: usize = 64;

/// Reads a body; or says what is wrong with it, and where.
pub(in crate::gateway) fn read<'a>(
    api: &Api,
    body: &DeclaredBody,
    bytes: &'a [u8],
) -> Result<Value<'a>, Invalid> {
    let node = Node { api, body, kind: body.model.as_ref(), at: &Place::default() };
    let parsed = std::str::from_utf8(bytes).ok().and_then(|text| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let value = node.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok().map(|()| value)
    });
    parsed.ok_or_else(|| {
        json::fault(bytes, Unknowns::AtTheirObject, |deserializer| {
            let mut track = serde_path_to_error::Track::new();
            let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
            let error = node.deserialize(tracked).err()?;
            Some((track.path(), error.to_string()))
        })
    })
}

/// Where a value stands, from the inside out; items of lists stand where their list does.
#[derive(Clone, Copy, Default)]
struct Place<'p> {
    up: Option<&'p Place<'p>>,
    name: &'p str,
    depth: usize,
}

impl Place<'_> {
    fn dotted(&self) -> String {
        let above = self.up.map(Place::dotted).unwrap_or_default();
        match (above.is_empty(), self.name.is_empty()) {
            (true, _) => self.name.to_owned(),
            (false, true) => above,
            (false, false) => format!("{above}.{}", self.name),
        }
    }
}

/// A value that is to be read.
#[derive(Clone, Copy)]
struct Node<'n> {
    api: &'n Api,
    body: &'n DeclaredBody,
    // None: nothing can stand there.
    kind: Option<&'n FieldType>,
    at: &'n Place<'n>,
}

impl<'n> Node<'n> {
    fn inside<'i>(self, kind: &'i FieldType, at: &'i Place<'i>) -> Node<'i>
    where
        'n: 'i,
    {
        Node { api: self.api, body: self.body, kind: Some(kind), at }
    }

    fn place<'i>(&'i self, name: &'i str) -> Place<'i> {
        Place { up: Some(self.at), name, depth: self.at.depth + 1 }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        if self.at.depth > MAX_DEPTH {
            return Err(D::Error::custom("too deep"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            Some(FieldType::Text) => "a string",
            Some(FieldType::Date) => "a date such as `2026-01-31`",
            Some(FieldType::DateTime) => "an instant such as `2026-01-31T12:00:00.000Z`",
            Some(FieldType::Integer) => "a whole number",
            Some(FieldType::Number) => "a number",
            Some(FieldType::Boolean) => "`true` or `false`",
            Some(FieldType::Enum(words)) => return write!(formatter, "one of {}", words.join(", ")),
            Some(FieldType::List(_)) => "a list",
            Some(FieldType::Map(_) | FieldType::Model(_)) => "an object",
            Some(FieldType::Any) => "any value",
            None => "nothing",
        })
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value<'de>, E> {
        match self.kind {
            Some(FieldType::Boolean | FieldType::Any) => Ok(Value::Boolean(value)),
            _ => Err(E::invalid_type(de::Unexpected::Bool(value), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value<'de>, E> {
        match self.kind {
            Some(FieldType::Integer | FieldType::Number | FieldType::Any) => Ok(Value::Number(value.into())),
            _ => Err(E::invalid_type(de::Unexpected::Signed(value), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value<'de>, E> {
        match self.kind {
            Some(FieldType::Integer | FieldType::Number | FieldType::Any) => Ok(Value::Number(value.into())),
            _ => Err(E::invalid_type(de::Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value<'de>, E> {
        match (self.kind, serde_json::Number::from_f64(value)) {
            (Some(FieldType::Number | FieldType::Any), Some(number)) => Ok(Value::Number(number)),
            _ => Err(E::invalid_type(de::Unexpected::Float(value), &self)),
        }
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        self.check_text(text)?;
        Ok(Value::Text(text.into()))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value<'de>, E> {
        self.check_text(text)?;
        Ok(Value::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let kind = match self.kind {
            Some(FieldType::List(item)) => item,
            Some(FieldType::Any) => &FieldType::Any,
            _ => return Err(A::Error::invalid_type(de::Unexpected::Seq, &self)),
        };
        let at = self.place("");
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inside(kind, &at))? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value<'de>, A::Error> {
        match self.kind {
            Some(FieldType::Map(value)) => self.visit_free(map, value),
            Some(FieldType::Any) => self.visit_free(map, &FieldType::Any),
            Some(FieldType::Model(_)) => self.visit_model(map),
            _ => Err(A::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}

impl Node<'_> {
    fn check_text<E: de::Error>(&self, text: &str) -> Result<(), E> {
        let fits = match self.kind {
            Some(FieldType::Text | FieldType::Any) => true,
            Some(FieldType::Enum(words)) => words.contains(&text),
            Some(FieldType::Date) => text.parse::<chrono::NaiveDate>().is_ok(),
            Some(FieldType::DateTime) => crate::gateway::asked::moment(text).is_some(),
            _ => false,
        };
        if fits { Ok(()) } else { Err(E::invalid_value(de::Unexpected::Str(text), self)) }
    }

    /// An object whose names are the caller's.
    fn visit_free<'de, A: MapAccess<'de>>(
        self,
        mut map: A,
        kind: &FieldType,
    ) -> Result<Value<'de>, A::Error> {
        let at = self.place("");
        let mut fields: Vec<(Text<'de>, Value<'de>)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if !names.insert(name.to_string()) {
                return Err(A::Error::custom("a field stands twice"));
            }
            fields.push((name, map.next_value_seed(self.inside(kind, &at))?));
        }
        Ok(Value::Object(fields))
    }

    fn visit_model<'de, A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let Some(FieldType::Model(id)) = self.kind else { return Err(A::Error::custom("no model")) };
        let model = self.api.model(*id).ok_or_else(|| A::Error::custom("no model"))?;
        let mut fields: Vec<(Text<'de>, Value<'de>)> = Vec::with_capacity(8);
        let mut unsent: Vec<&'static str> = Vec::new();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let Some(field) = model.field(&name) else {
                return Err(A::Error::custom(format!("unknown field `{}`", cut(&name))));
            };
            if fields.iter().any(|(other, _)| *other == name) || unsent.contains(&field.name) {
                return Err(A::Error::custom("a field stands twice"));
            }
            let at = self.place(field.name);
            match self.allowed(&at, field) {
                Allowed::Yes | Allowed::Named => {
                    fields.push((field.name.into(), map.next_value_seed(self.inside(&field.r#type, &at))?));
                }
                Allowed::Unsent => {
                    map.next_value::<de::IgnoredAny>()?;
                    unsent.push(field.name);
                }
                Allowed::No => {
                    return Err(A::Error::custom(format!(
                        "unknown field `{}`: what it names cannot be checked here; leave it out",
                        field.name
                    )));
                }
            }
        }
        Ok(Value::Object(fields))
    }

    /// Of what names something, nothing but the id is sent.
    fn allowed(&self, at: &Place<'_>, field: &crate::catalog::Field) -> Allowed {
        let place = at.dotted();
        let is_named = |parent: &str| {
            let named = self.body.references.iter().map(|one| &one.at).chain(&self.body.division);
            let mut ids = named.filter_map(|place| place.strip_suffix(".id"));
            ids.any(|entity| entity == parent)
        };
        if field.name != "id" && is_named(&self.at.dotted()) {
            return Allowed::Unsent;
        }
        self.body.allows(self.api, &place, field)
    }
}

fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{Entity, Reference},
        gateway::document::keep_unnamed,
    };

    fn declared(model: &str) -> DeclaredBody {
        let api = Api::embedded().unwrap();
        let reference = |at: &str, entity| Reference { at: at.to_owned(), entity };
        DeclaredBody {
            division: Some("division.id".to_owned()),
            divisions: None,
            references: vec![
                reference("sourceQueueId", Entity::Queue),
                reference("queueFlow.id", Entity::Flow),
            ],
            plain: vec!["memberGroups".to_owned(), "memberGroups.id".to_owned()],
            refused: vec!["description".to_owned()],
            model: api.field_type(model),
        }
    }

    fn read_queue(json: &str) -> Result<Value<'_>, Invalid> {
        read(&Api::embedded().unwrap(), &declared("CreateQueueRequest"), json.as_bytes())
    }

    fn sent(json: &str) -> serde_json::Value {
        serde_json::to_value(read_queue(json).unwrap()).unwrap()
    }

    #[test]
    fn what_the_model_tells_is_written_as_it_was_read() {
        let json = r#"{"name":"a \"b\" \u00e9","acwSettings":{"timeoutMs":5,"wrapupPrompt":"OPTIONAL"},
            "autoAnswerOnly":true,"routingRules":[{"threshold":1,"waitSeconds":1.5}],"callingPartyName":null,
            "defaultScripts":{}}"#;
        let refused = ["defaultScripts"];
        let mut expected: serde_json::Value = serde_json::from_str(json).unwrap();
        for field in refused {
            expected.as_object_mut().unwrap().remove(field);
        }
        let json = json.replace(
            r#",
            "defaultScripts":{}"#,
            "",
        );
        assert_eq!(sent(&json), expected);
    }

    #[test]
    fn of_what_is_named_the_id_alone_is_sent_and_what_is_only_shown_is_not() {
        let json = r#"{"name":"a","id":"1","selfUri":"/api/v2/x","memberCount":3,
            "division":{"id":"d","name":"secret","selfUri":"/x"},"queueFlow":{"id":"f","name":"secret"},"sourceQueueId":"q"}"#;
        let expected = serde_json::json!({
            "name": "a", "division": {"id": "d"}, "queueFlow": {"id": "f"}, "sourceQueueId": "q",
        });
        assert_eq!(sent(json), expected);
        let document = read_queue(json).unwrap();
        assert_eq!(document.texts_at("queueFlow.id"), ["f"]);
        assert_eq!(document.texts_at("division.id"), ["d"]);
    }

    #[test]
    fn a_fault_is_named_with_its_place() {
        for (json, code, place) in [
            (r#"{"nam":"a"}"#, "ringfence.body_unknown_field", "the body"),
            (r#"{"name":1}"#, "ringfence.body_invalid", "`name`"),
            (r#"{"acwSettings":{"timeoutMs":"x"}}"#, "ringfence.body_invalid", "`acwSettings.timeoutMs`"),
            (
                r#"{"acwSettings":{"wrapupPrompt":"NEVER"}}"#,
                "ringfence.body_invalid",
                "`acwSettings.wrapupPrompt`",
            ),
            (
                r#"{"routingRules":[{"threshold":1},{"x":1}]}"#,
                "ringfence.body_unknown_field",
                "`routingRules[1]`",
            ),
            (r#"{"autoAnswerOnly":"true"}"#, "ringfence.body_invalid", "`autoAnswerOnly`"),
            (r#"{"routingRules":{}}"#, "ringfence.body_invalid", "`routingRules`"),
            (r#"{"description":"a"}"#, "ringfence.body_unknown_field", "the body"),
            (r#"{"whisperPrompt":{"id":"a"}}"#, "ringfence.body_unknown_field", "the body"),
            (r#"{"name":"a","name":"b"}"#, "ringfence.body_duplicate_key", "line 1"),
            (r#"{"name":"a","n\u0061me":"b"}"#, "ringfence.body_duplicate_key", "line 1"),
            (r#"{"name":"a"} {}"#, "ringfence.body_not_json", "line 1"),
            ("[]", "ringfence.body_invalid", "the body"),
        ] {
            let fault = read_queue(json).unwrap_err();
            assert_eq!(fault.code, code, "{json}: {}", fault.message);
            assert!(fault.message.contains(place), "{json}: {}", fault.message);
        }
    }

    #[test]
    fn what_is_replaced_keeps_what_its_sender_could_not_name() {
        let mut document = read_queue(r#"{"name":"new","acwSettings":{"timeoutMs":5}}"#).unwrap();
        let current = serde_json::json!({
            "id": "1", "name": "old", "whisperPrompt": {"id": "p"}, "dateCreated": "2026-01-01T00:00:00Z",
            "callingPartyName": "gone", "division": {"id": "d"}, "unknown": 1, "acwSettings": {"timeoutMs": 6},
        });
        let api = Api::embedded().unwrap();
        keep_unnamed(&mut document, &current, &api, &declared("CreateQueueRequest"));
        let expected = serde_json::json!({
            "name": "new", "acwSettings": {"timeoutMs": 5}, "whisperPrompt": {"id": "p"},
        });
        assert_eq!(serde_json::to_value(&document).unwrap(), expected);
    }

    #[test]
    fn what_stands_in_a_list_is_not_taken_for_what_stands_at_the_root() {
        let api = Api::embedded().unwrap();
        let at = |place: &str| Reference { at: place.to_owned(), entity: Entity::Queue };
        // A field of an item is called as one of the body is.
        let body = DeclaredBody {
            references: vec![at("name")],
            model: api.field_type("CreateQueueRequest"),
            ..DeclaredBody::default()
        };
        let read = |json: &str| read(&api, &body, json.as_bytes()).map(|_| ()).map_err(|fault| fault.code);
        assert_eq!(read(r#"{"name":"q"}"#), Ok(()));
        let inside = r#"{"name":"q","memberGroups":[{"name":"g"}]}"#;
        assert_eq!(read(inside), Err("ringfence.body_unknown_field"));
        let place = Place {
            up: Some(&Place { up: Some(&Place::default()), name: "a", depth: 1 }),
            name: "",
            depth: 2,
        };
        assert_eq!(Place { up: Some(&place), name: "b", depth: 3 }.dotted(), "a.b");
    }

    #[test]
    fn a_place_is_set_whatever_stood_there() {
        let mut document = read_queue(r#"{"name":"a","division":{"id":"theirs"}}"#).unwrap();
        document.set("division.id", Value::Text("ours".into()));
        let expected = serde_json::json!({"name": "a", "division": {"id": "ours"}});
        assert_eq!(serde_json::to_value(&document).unwrap(), expected);
    }
}
