//! What is shown of an entity in which other divisions have a part: its own parts, and of the others when they happened.
//!
//! Whose a part is, it says by the users, queues and flows that it names, or that the part that it stands in names: it is
//! the tenant's own where all of them are, and one is a queue or a flow. What names none, and all that is a customer's, is
//! nobody's alone. The catalog lists what stays of each ([`Shared`]); whatever else stands there is removed.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    entity::{Divisions, own_ids, own_inside},
    object::{Object, Writer, quoted},
};
use crate::{
    catalog::{Entity, Holds, Nested, Shape, Shared},
    model::Text,
};

/// What is left of an entity; `None` where it does not have the promised shape.
pub(super) fn redact(json: &str, shape: &Shape, divisions: Divisions<'_>) -> Option<String> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let whole = Reader(shape).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    // What stands inside was not asked for: it may be of any of the tenant's divisions.
    let divisions = Divisions { narrowed: divisions.granted, ..divisions };
    let mut out = Writer::with_capacity(json.len());
    whole.write(Whose::Nobodys, divisions, &mut out)?;
    Some(out.finish())
}

/// Whose something is, by what is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// Nothing is named.
    Nobodys,
    /// All that is named is the tenant's own.
    Own,
    /// Something that is named is not.
    Foreign,
}

impl Whose {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Foreign, _) | (_, Self::Foreign) => Self::Foreign,
            (Self::Own, _) | (_, Self::Own) => Self::Own,
            (Self::Nobodys, Self::Nobodys) => Self::Nobodys,
        }
    }
}

/// An object, its parts looked into.
struct Part<'s, 'a> {
    shape: &'s Shape,
    fields: Vec<(Text<'a>, Field<'s, 'a>)>,
}

enum Field<'s, 'a> {
    Plain(&'a RawValue),
    Part(Part<'s, 'a>),
    Parts(Vec<Part<'s, 'a>>),
}

impl<'a> Part<'_, 'a> {
    /// Writes what stays of it; `above`: whose the part is that it stands in.
    fn write(&self, above: Whose, divisions: Divisions<'_>, out: &mut Writer) -> Option<()> {
        let shared = self.shape.shared.as_ref()?;
        let here = above.and(self.whose(shared, divisions));
        let is_own = here.and(self.inside(divisions)) == Whose::Own;
        for (name, field) in &self.fields {
            let stays = shared.any.contains(name) || is_own && shared.own.contains(name);
            match field {
                Field::Plain(value) => self.write_plain(name, value, stays, divisions, out),
                Field::Part(part) if stays => {
                    let mut inner = Writer::with_capacity(64);
                    part.write(here, divisions, &mut inner)?;
                    let inner = inner.finish();
                    if inner != "{}" {
                        out.field(name, &inner);
                    }
                }
                Field::Parts(parts) if stays => {
                    let inner = parts.iter().map(|part| {
                        let mut inner = Writer::with_capacity(256);
                        part.write(here, divisions, &mut inner)?;
                        Some(inner.finish())
                    });
                    let inner = inner.collect::<Option<Vec<_>>>()?;
                    out.list(name, inner.iter().map(String::as_str));
                }
                Field::Part(_) | Field::Parts(_) => {}
            }
        }
        Some(())
    }

    fn write_plain(
        &self,
        name: &str,
        value: &RawValue,
        stays: bool,
        divisions: Divisions<'_>,
        out: &mut Writer,
    ) {
        let shown = if self.is_division(name) {
            own_divisions(value, divisions)
        } else if let Some(entity) = self.named_here(name) {
            own_ids(value, entity, divisions)
        } else if !stays {
            None
        } else if self.shape.keeps(name) {
            return out.field(name, value.get());
        } else if let Some(entity) = self.shape.ids.get(name) {
            own_ids(value, *entity, divisions)
        } else {
            let nested = self.shape.nested.iter().find(|nested| nested.at == name);
            nested.and_then(|nested| own_inside(value, nested, divisions))
        };
        if let Some(shown) = shown {
            out.field(name, &shown);
        }
    }

    /// Whether the entity's divisions stand in the field itself.
    fn is_division(&self, name: &str) -> bool {
        matches!(self.shape.division.as_deref(), Some([only]) if only == name)
    }

    /// What a field names that says whose this is. It stays where that is the tenant's own.
    fn named_here(&self, name: &str) -> Option<Entity> {
        let mut whose = self.shape.shared.iter().flat_map(|shared| &shared.whose);
        let here = whose.find(|(place, _)| matches!(place.as_slice(), [only] if only == name));
        here.map(|(_, entity)| *entity)
    }

    /// Whose it is, by what it names itself.
    fn whose(&self, shared: &Shared, divisions: Divisions<'_>) -> Whose {
        // All that a customer does spans the parts of all who serve him, whatever some of it names.
        if !self.is_among(shared) {
            return Whose::Foreign;
        }
        let named = shared.whose.iter().map(|(place, entity)| {
            match (self.names(place, *entity, divisions), entity) {
                // A user who is the tenant's now may have been another's then.
                (Whose::Own, Entity::User) => Whose::Nobodys,
                (whose, _) => whose,
            }
        });
        named.fold(Whose::Nobodys, Whose::and)
    }

    fn is_among(&self, shared: &Shared) -> bool {
        let Some((field, words)) = &shared.among else { return true };
        let Some(Field::Plain(value)) = self.get(field) else { return false };
        serde_json::from_str::<Text<'_>>(value.get()).is_ok_and(|word| words.contains(&word))
    }

    /// Whose its parts are, by what they name.
    fn inside(&self, divisions: Divisions<'_>) -> Whose {
        let whose = |part: &Part<'_, '_>| {
            let shared = part.shape.shared.as_ref();
            let own = shared.map_or(Whose::Foreign, |shared| part.whose(shared, divisions));
            own.and(part.inside(divisions))
        };
        let parts = self.fields.iter().map(|(_, field)| match field {
            Field::Plain(_) => Whose::Nobodys,
            Field::Part(part) => whose(part),
            Field::Parts(parts) => parts.iter().map(whose).fold(Whose::Nobodys, Whose::and),
        });
        parts.fold(Whose::Nobodys, Whose::and)
    }

    fn names(&self, place: &[String], entity: Entity, divisions: Divisions<'_>) -> Whose {
        let Some((field, rest)) = place.split_first() else { return Whose::Nobodys };
        match self.get(field) {
            None => Whose::Nobodys,
            Some(Field::Plain(value)) => names(value, rest, entity, divisions),
            Some(Field::Part(part)) => part.names(rest, entity, divisions),
            Some(Field::Parts(parts)) => {
                let named = parts.iter().map(|part| part.names(rest, entity, divisions));
                named.fold(Whose::Nobodys, Whose::and)
            }
        }
    }

    fn get(&self, name: &str) -> Option<&Field<'_, 'a>> {
        self.fields.iter().find(|(other, _)| **other == *name).map(|(_, field)| field)
    }
}

/// What a place inside a plain value names; what is not to be read as an id is another's.
fn names(value: &RawValue, place: &[String], entity: Entity, divisions: Divisions<'_>) -> Whose {
    if value.get() == "null" {
        return Whose::Nobodys;
    }
    let Some((field, rest)) = place.split_first() else {
        let is_own =
            serde_json::from_str::<Text<'_>>(value.get()).is_ok_and(|id| divisions.names_own(entity, &id));
        return if is_own { Whose::Own } else { Whose::Foreign };
    };
    match Object::read(value.get()) {
        None => Whose::Foreign,
        Some(object) => {
            object.get(field).map_or(Whose::Nobodys, |value| names(value, rest, entity, divisions))
        }
    }
}

/// The tenant's own among the divisions that have a part in it.
fn own_divisions(value: &RawValue, divisions: Divisions<'_>) -> Option<String> {
    let ids: Vec<Text<'_>> = serde_json::from_str(value.get()).ok()?;
    let is_own = |id: &&Text<'_>| divisions.granted.iter().any(|division| division.as_str() == &***id);
    let own: Vec<_> = ids.iter().filter(is_own).map(|id| quoted(id)).collect();
    Some(format!("[{}]", own.join(",")))
}

/// Reads an object of a shape in one go: its parts into parts, all else as it stands.
struct Reader<'s>(&'s Shape);

impl<'s, 'de> DeserializeSeed<'de> for Reader<'s> {
    type Value = Part<'s, 'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'s, 'de> Visitor<'de> for Reader<'s> {
    type Value = Part<'s, 'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut part = Part { shape: self.0, fields: Vec::with_capacity(16) };
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if part.get(&name).is_some() {
                return Err(Error::custom("a field stands twice"));
            }
            let is_part = |nested: &&Nested| nested.at == *name && nested.shape.shared.is_some();
            let field = match self.0.nested.iter().find(is_part) {
                None => Field::Plain(map.next_value()?),
                Some(nested) => map.next_value_seed(Inside(nested))?,
            };
            part.fields.push((name, field));
        }
        Ok(part)
    }
}

/// Reads what stands in a nested place.
struct Inside<'s>(&'s Nested);

impl<'s, 'de> DeserializeSeed<'de> for Inside<'s> {
    type Value = Field<'s, 'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        match self.0.holds {
            Holds::One => Reader(&self.0.shape).deserialize(deserializer).map(Field::Part),
            Holds::List => deserializer.deserialize_seq(self).map(Field::Parts),
            Holds::Map | Holds::Keyed => Err(Error::custom("no list of parts")),
        }
    }
}

impl<'s, 'de> Visitor<'de> for Inside<'s> {
    type Value = Vec<Part<'s, 'de>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of parts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut parts = Vec::with_capacity(4);
        while let Some(part) = items.next_element_seed(Reader(&self.0.shape))? {
            parts.push(part);
        }
        Ok(parts)
    }
}
