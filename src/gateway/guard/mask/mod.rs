//! Takes out of an answer what the tenant's policies mask: a pass of its own, after everything else was judged, and none
//! at all where nothing is masked.
//!
//! The answer is read against its model and written anew. What the model does not know goes, and so does what is not of
//! the type that it tells: nobody could say what stands there. What stays keeps its bytes.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{object::quoted, refused};
use crate::{
    catalog::{Api, Catalog, FieldType, Guarding, Masking, Model, ModelId, Operation},
    gateway::denial::Denial,
    model::{Masks, Text},
};

/// What the gateway writes beside the items of a page, whether or not their model knows it.
const OF_A_PAGE: [&str; 9] = [
    "pageSize",
    "pageNumber",
    "pageCount",
    "total",
    "selfUri",
    "firstUri",
    "previousUri",
    "nextUri",
    "lastUri",
];
const NULL: &str = "null";
/// In bytes, with its quotes: an interval has two.
const LONGEST_TIME: usize = 64;
/// Of groups, an object of what they are by: its names are dimensions.
const GROUP: &str = "group";

/// The type of what an operation answers; none where that is not known, so that nothing could be taken out of it.
pub(in crate::gateway) fn answered(api: &Api, operation: &Operation) -> Option<FieldType> {
    let told = api.operation(&operation.id)?.response?;
    api.field_type(told).filter(|kind| api.model_of(kind).is_some())
}

/// Whether an operation answers nothing that could be masked.
pub(in crate::gateway) fn is_empty(operation: &Operation) -> bool {
    matches!(operation.guard, Guarding::Empty | Guarding::Own)
}

/// Takes out of a guarded body what is masked.
pub(super) fn mask(
    catalog: &Catalog,
    operation: &Operation,
    masks: Masks,
    body: Bytes,
) -> Result<Bytes, Denial> {
    if masks.is_empty() || is_empty(operation) {
        return Ok(body);
    }
    let kind =
        answered(catalog.api(), operation).ok_or_else(|| refused("what it is made of is not known"))?;
    let json = std::str::from_utf8(&body).map_err(|_| refused("the answer is not UTF-8"))?;
    let pass = Pass { api: catalog.api(), masking: catalog.masking(), masks };
    pass.write(&kind, json).map(Bytes::from).ok_or_else(|| refused("the answer is not of its model"))
}

/// What is taken out.
#[derive(Clone, Copy)]
struct Pass<'p> {
    api: &'p Api,
    masking: &'p Masking,
    masks: Masks,
}

impl Pass<'_> {
    fn write(self, kind: &FieldType, json: &str) -> Option<String> {
        let mut out = String::with_capacity(json.len());
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let node = Node { pass: self, kind, place: Place::Root, out: &mut out };
        let is_written = node.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        // What was taken out is room that nobody counts.
        out.shrink_to_fit();
        is_written.then_some(out)
    }
}

/// Whether a day stands there, and perhaps a time of it.
fn is_time(value: &str) -> bool {
    let is_of_day =
        |(at, byte): (usize, &u8)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() };
    let day = value.as_bytes().get(1..11).is_some_and(|day| day.iter().enumerate().all(is_of_day));
    value == NULL || value.len() <= LONGEST_TIME && day
}

/// Whether a word stands there: Genesys may know more than its SDK, but none that is a number or an address.
fn is_word(value: &str, known: &[&str]) -> bool {
    let Some(word) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return value == NULL;
    };
    let is_of_words = |one: char| one.is_ascii_alphanumeric() || "_-. :/".contains(one);
    let is_like_one = word.starts_with(|first: char| first.is_ascii_alphabetic());
    known.contains(&word) || is_like_one && word.chars().all(is_of_words)
}

/// Where a value stands, as far as that says what is known of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Group,
    Inside,
}

/// A value to be read and written: whether it was.
struct Node<'n> {
    pass: Pass<'n>,
    kind: &'n FieldType,
    place: Place,
    out: &'n mut String,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        match self.kind {
            FieldType::List(_) | FieldType::Map(_) | FieldType::Model(_) => {
                deserializer.deserialize_any(self)
            }
            FieldType::Any => self.copy(deserializer, |_| true),
            FieldType::Text => self.copy(deserializer, |value| !value.starts_with(['{', '['])),
            FieldType::Integer | FieldType::Number => self.copy(deserializer, |value| {
                value == NULL || value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            }),
            FieldType::Boolean => self.copy(deserializer, |value| [NULL, "true", "false"].contains(&value)),
            FieldType::Date | FieldType::DateTime => self.copy(deserializer, is_time),
            FieldType::Enum(known) => self.copy(deserializer, |value| is_word(value, known)),
        }
    }
}

impl<'n> Node<'n> {
    fn copy<'de, D: Deserializer<'de>>(
        self,
        deserializer: D,
        fits: impl Fn(&str) -> bool,
    ) -> Result<bool, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?.get();
        let fits = fits(value);
        if fits {
            self.out.push_str(value);
        }
        Ok(fits)
    }

    /// Writes the fields of an object: each of those that something is known of.
    fn fields<'de, A: MapAccess<'de>>(
        self,
        mut map: A,
        known: impl Fn(&str) -> Option<(&'n FieldType, Place)>,
    ) -> Result<bool, A::Error> {
        let start = self.out.len();
        self.out.push('{');
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let Some((kind, place)) = known(&name) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let before = self.out.len();
            if before > start + 1 {
                self.out.push(',');
            }
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.out.extend(["\"", &name, "\":"]);
            } else {
                self.out.extend([&*quoted(&name), ":"]);
            }
            if !map.next_value_seed(Node { pass: self.pass, kind, place, out: &mut *self.out })? {
                self.out.truncate(before);
            }
        }
        self.out.push('}');
        Ok(true)
    }

    fn model(&self, id: ModelId) -> impl Fn(&str) -> Option<(&'n FieldType, Place)> + use<'n> {
        let (pass, place) = (self.pass, self.place);
        let model: Option<&Model> = pass.api.model(id);
        let masks = model.map_or(&[][..], |model| pass.masking.fields(model));
        move |name| {
            let place_in_model = model.and_then(|model| model.place(name));
            let known = place_in_model.and_then(|at| Some((model?.fields().get(at)?, masks.get(at)?)));
            let Some((field, by)) = known else {
                return (place == Place::Root && OF_A_PAGE.contains(&name))
                    .then_some((&FieldType::Text, Place::Inside));
            };
            if field.name == GROUP && matches!(&field.r#type, FieldType::Map(_)) {
                return Some((&field.r#type, Place::Group));
            }
            (!by.meets(pass.masks)).then_some((&field.r#type, Place::Inside))
        }
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("what its model tells")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        self.out.push_str("null");
        Ok(true)
    }

    fn visit_bool<E>(self, _value: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _value: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _value: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _value: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E>(self, _value: &str) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let FieldType::List(kind) = self.kind else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(false);
        };
        let start = self.out.len();
        self.out.push('[');
        loop {
            let before = self.out.len();
            if before > start + 1 {
                self.out.push(',');
            }
            let item = Node { pass: self.pass, kind, place: Place::Inside, out: &mut *self.out };
            let written = items.next_element_seed(item)?;
            if written != Some(true) {
                self.out.truncate(before);
            }
            if written.is_none() {
                break;
            }
        }
        self.out.push(']');
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        match self.kind {
            FieldType::Model(id) => {
                let known = self.model(*id);
                self.fields(map, known)
            }
            FieldType::Map(kind) => {
                let (pass, kind, is_group) = (self.pass, &**kind, self.place == Place::Group);
                let is_shown = |name: &str| !is_group || !pass.masking.dimension(name).meets(pass.masks);
                self.fields(map, |name| is_shown(name).then_some((kind, Place::Inside)))
            }
            FieldType::List(_)
            | FieldType::Text
            | FieldType::Date
            | FieldType::DateTime
            | FieldType::Integer
            | FieldType::Number
            | FieldType::Boolean
            | FieldType::Enum(_)
            | FieldType::Any => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(false)
            }
        }
    }
}

#[cfg(test)]
mod tests;
