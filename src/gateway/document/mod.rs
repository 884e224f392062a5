//! A JSON body that is read as one of Genesys's models, and written anew from what was read.

mod merge;
mod read;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

use crate::model::Text;

pub(super) use merge::{keep_hidden, keep_unnamed, owned};
pub(super) use read::read;

/// A value of a document: of the type that its model tells.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Boolean(bool),
    Number(serde_json::Number),
    Text(Text<'a>),
    List(Vec<Value<'a>>),
    Object(Vec<(Text<'a>, Value<'a>)>),
}

impl Value<'_> {
    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(other, _)| **other == *name).map(|(_, value)| value)
    }

    /// Its text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        let Self::Text(text) = self else { return None };
        Some(text)
    }

    /// Its whole number, if it is one.
    pub(super) fn integer(&self) -> Option<i64> {
        let Self::Number(number) = self else { return None };
        number.as_i64()
    }

    /// The items of a list; one thing is a list of itself.
    fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { std::slice::from_ref(self) }
    }

    /// The texts that stand at a place: field names from the outside in, joined by dots; lists are walked through.
    pub(super) fn texts_at(&self, place: &str) -> Vec<&str> {
        let mut at: Vec<&Self> = self.items().iter().collect();
        for field in place.split('.') {
            at = at.into_iter().filter_map(|value| value.get(field)).flat_map(Self::items).collect();
        }
        at.into_iter().filter_map(Self::text).collect()
    }

    /// Puts a value at a place, whatever stood there.
    pub(super) fn set(&mut self, place: &str, value: Self) {
        let Some((name, rest)) = place.split_once('.') else { return self.put(place, value) };
        let mut inner = Self::Object(Vec::new());
        inner.set(rest, value);
        self.put(name, inner);
    }

    fn put(&mut self, name: &str, value: Self) {
        let Self::Object(fields) = self else { return };
        fields.retain(|(other, _)| **other != *name);
        fields.push((name.to_owned().into(), value));
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(name, value)| (&**name, value)))
            }
        }
    }
}
