//! Reads a body as its model: each field of the type that is told, none twice, none that is not told, none that names what
//! nobody has declared.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::Value;
use crate::{
    catalog::{Allowed, Api, DeclaredBody, FieldType},
    directory::is_id,
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
pub(super) struct Place<'p> {
    pub(super) up: Option<&'p Place<'p>>,
    pub(super) name: &'p str,
    pub(super) depth: usize,
}

impl Place<'_> {
    pub(super) fn dotted(&self) -> String {
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
            // SECURITY: by an id something is named, and nobody has looked up whose it is.
            if is_id(&name) && !self.body.is_plain(&at.dotted()) {
                return Err(unnameable(&name));
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
                Allowed::No => return Err(unnameable(field.name)),
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

fn unnameable<E: de::Error>(name: &str) -> E {
    E::custom(format!("unknown field `{name}`: what it names cannot be checked here; leave it out"))
}

fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}
