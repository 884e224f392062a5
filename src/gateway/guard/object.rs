//! A JSON object, one level deep: what need not change keeps its bytes.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{de::StrRead, value::RawValue};

use crate::model::Text;

/// The fields of an object in their order, each value as it stands in the answer.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(pub(super) Vec<(Text<'a>, &'a RawValue)>);

/// A reader of what is looked at. How often that is done is what the guard costs: tests count it.
pub(super) fn reader(json: &str) -> serde_json::Deserializer<StrRead<'_>> {
    #[cfg(test)]
    READ.with(|read| read.set(read.get() + json.len()));
    serde_json::Deserializer::from_str(json)
}

#[cfg(test)]
thread_local! {
    /// How many bytes were given to readers.
    pub(super) static READ: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl<'a> Object<'a> {
    /// Reads an object; one that names a field twice is none, because the two readings could differ.
    pub(super) fn read(json: &'a str) -> Option<Self> {
        let mut deserializer = reader(json);
        let object = Self::deserialize(&mut deserializer).ok()?;
        deserializer.end().ok().map(|()| object)
    }

    /// Reads an object and the list that one of its fields holds, in one go; the field itself is taken out.
    pub(super) fn read_list(json: &'a str, name: &str) -> Option<(Self, List<'a>)> {
        let mut list = None;
        let mut deserializer = reader(json);
        let fields = Fields { list: Some((name, &mut list)) };
        let object = deserializer.deserialize_map(fields).ok()?;
        deserializer.end().ok()?;
        // Genesys leaves an empty collection out.
        Some((object, list.unwrap_or_default()))
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| **other == *name).map(|(_, value)| *value)
    }

    /// The same, with another value in a field.
    pub(super) fn with<'o>(&'o self, name: &str, value: &'o RawValue) -> Object<'o> {
        let fields =
            self.0.iter().map(|(other, old)| (other.clone(), if **other == *name { value } else { *old }));
        Object(fields.collect())
    }
}

/// A list that one field of an object holds.
#[derive(Debug, Default)]
pub(super) struct List<'a> {
    pub(super) items: Vec<&'a RawValue>,
    /// How many of the object's other fields stand before it.
    pub(super) before: usize,
}

/// Writes an object field by field.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    /// Adds a field whose value is JSON already.
    pub(super) fn field(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.push_str(json);
    }

    /// Adds a field that holds a list of JSON values.
    pub(super) fn list<'j>(&mut self, name: &str, items: impl Iterator<Item = &'j str>) {
        self.name(name);
        self.0.push('[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            self.0.push_str(item);
        }
        self.0.push(']');
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if plain {
            self.0.push('"');
            self.0.push_str(name);
            self.0.push('"');
        } else {
            self.0.push_str(&quoted(name));
        }
        self.0.push(':');
    }
}

/// Text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields { list: None })
    }
}

/// Reads an object's fields; a list among them, if asked to, into its items.
struct Fields<'l, 'de> {
    list: Option<(&'l str, &'l mut Option<List<'de>>)>,
}

impl<'de> Visitor<'de> for Fields<'_, 'de> {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut object = Object(Vec::with_capacity(16));
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let listed = self.list.as_mut().filter(|(list, _)| **list == *name).map(|(_, list)| list);
            let twice = || de::Error::custom("a field stands twice");
            if let Some(list) = listed {
                let read = List { items: map.next_value()?, before: object.0.len() };
                if list.replace(read).is_some() {
                    return Err(twice());
                }
            } else if object.get(&name).is_some() {
                return Err(twice());
            } else {
                object.0.push((name, map.next_value()?));
            }
        }
        Ok(object)
    }
}
