//! One look over an entity: where its division stands, and whether anything has to be taken from it.
//!
//! Almost every entity is shown as it is. That is found out in one pass, without building anything.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::object::{Object, reader};
use crate::{
    catalog::{Holds, Nested, Shape},
    model::Text,
};

/// What one look over an entity shows.
#[derive(Debug)]
pub(super) struct Scanned<'a> {
    /// The entity's division, or the divisions of a shared one.
    pub(super) division: Ids<'a>,
    /// Everything in it is kept.
    pub(super) is_whole: bool,
    /// Which of its parts are, by their place among its first fields: a bit for each.
    pub(super) kept: u64,
}

/// Where the division ids stand: one, or a list.
#[derive(Debug)]
pub(super) enum Ids<'a> {
    One(Text<'a>),
    Several(Vec<Text<'a>>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Ids<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdsVisitor)
    }
}

struct IdsVisitor;

impl<'de> Visitor<'de> for IdsVisitor {
    type Value = Ids<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a division's id, or a list of them")
    }

    fn visit_borrowed_str<E>(self, id: &'de str) -> Result<Ids<'de>, E> {
        Ok(Ids::One(id.into()))
    }

    fn visit_str<E>(self, id: &str) -> Result<Ids<'de>, E> {
        Ok(Ids::One(id.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<Ids<'de>, A::Error> {
        let mut several = Vec::with_capacity(4);
        while let Some(id) = ids.next_element()? {
            several.push(id);
        }
        Ok(Ids::Several(several))
    }
}

/// Looks over an entity whose fields were read; `None` where it does not say its division, or not as its shape has it.
pub(super) fn look<'a>(object: &Object<'a>, shape: &Shape) -> Option<Scanned<'a>> {
    let (field, inner) = shape.division.as_deref()?.split_first()?;
    let (mut division, mut is_whole, mut kept) = (None, true, 0);
    for (place, (name, value)) in object.0.iter().enumerate() {
        if **name == **field {
            division = Some(read(At(inner), value)?);
            is_whole &= shape.keeps(name);
        } else if !shape.keeps(name) {
            let nested = shape.nested.iter().find(|nested| nested.at == **name);
            let is_kept = nested.map_or(Some(false), |part| read(Inside(part), value))?;
            is_whole &= is_kept;
            kept |= bit(place).filter(|_| is_kept).unwrap_or_default();
        }
    }
    Some(Scanned { division: division?, is_whole, kept })
}

/// The bit of a place among the fields; none where there are too many.
pub(super) fn bit(place: usize) -> Option<u64> {
    1_u64.checked_shl(u32::try_from(place).ok()?)
}

/// Whether a part is kept as it stands; what must be judged is not.
pub(super) fn is_kept(part: &Nested, value: &RawValue) -> bool {
    read(Inside(part), value).unwrap_or_default()
}

fn read<'de, T: DeserializeSeed<'de>>(what: T, value: &'de RawValue) -> Option<T::Value> {
    what.deserialize(&mut reader(value.get())).ok()
}

/// An entity that stands where it is read; an error where [`look`] finds none.
pub(super) struct Scan<'l>(pub(super) &'l Shape);

impl<'de> DeserializeSeed<'de> for Scan<'_> {
    type Value = Scanned<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scanned<'de>, D::Error> {
        let shape = self.0;
        let place = shape.division.as_deref().ok_or_else(nowhere)?;
        let mut division = None;
        let is_whole = Look { shape, division: Some((place, &mut division)) }.deserialize(deserializer)?;
        Ok(Scanned { division: division.ok_or_else(nowhere)?, is_whole, kept: 0 })
    }
}

/// The division ids that stand at a place inside the value that is read.
struct At<'l>(&'l [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Ids<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Ids<'de>, D::Error> {
        if self.0.is_empty() { Ids::deserialize(deserializer) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Ids<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object that names its division")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ids<'de>, A::Error> {
        let (field, inner) = self.0.split_first().ok_or_else(nowhere)?;
        let mut found = None;
        let mut names: Vec<Text<'de>> = Vec::with_capacity(4);
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if names.contains(&name) {
                return Err(twice());
            }
            if *name == **field {
                found = Some(map.next_value_seed(At(inner))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            names.push(name);
        }
        found.ok_or_else(nowhere)
    }

    /// Each item names divisions of its own.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Ids<'de>, A::Error> {
        let mut several = Vec::with_capacity(4);
        while let Some(ids) = items.next_element_seed(At(self.0))? {
            match ids {
                Ids::One(id) => several.push(id),
                Ids::Several(ids) => several.extend(ids),
            }
        }
        Ok(Ids::Several(several))
    }
}

fn nowhere<E: de::Error>() -> E {
    E::custom("no division")
}

/// Two readers could each take another one of the two.
fn twice<E: de::Error>() -> E {
    E::custom("a field stands twice")
}

/// An object that should have a shape.
struct Look<'l, 'de> {
    shape: &'l Shape,
    division: Option<(&'l [String], &'l mut Option<Ids<'de>>)>,
}

impl<'de> DeserializeSeed<'de> for Look<'_, 'de> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Look<'_, 'de> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<bool, A::Error> {
        let mut is_whole = true;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let division = self.division.as_mut();
            let division = division.filter(|(place, _)| place.first().is_some_and(|field| *name == **field));
            if let Some((place, found)) = division {
                let inner = place.get(1..).unwrap_or_default();
                if found.replace(map.next_value_seed(At(inner))?).is_some() {
                    return Err(twice());
                }
                is_whole &= self.shape.keeps(&name);
            } else if self.shape.keeps(&name) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(part) = self.shape.nested.iter().find(|nested| nested.at == *name) {
                is_whole &= map.next_value_seed(Inside(part))?;
            } else {
                map.next_value::<IgnoredAny>()?;
                is_whole = false;
            }
        }
        Ok(is_whole)
    }
}

/// What stands in a nested place. Other entities are judged one by one, parts are looked over.
struct Inside<'l>(&'l Nested);

impl<'l> Inside<'l> {
    fn part<'de>(&self) -> Look<'l, 'de> {
        Look { shape: &self.0.shape, division: None }
    }
}

impl<'de> DeserializeSeed<'de> for Inside<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        if self.0.shape.division.is_some() || self.0.entity.is_some() {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(false);
        }
        match self.0.holds {
            Holds::One => self.part().deserialize(deserializer),
            Holds::List => deserializer.deserialize_seq(self),
            Holds::Map | Holds::Keyed => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Inside<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("parts of an entity")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut is_whole = true;
        while let Some(item) = items.next_element_seed(self.part())? {
            is_whole &= item;
        }
        Ok(is_whole)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut is_whole = true;
        while map.next_key::<IgnoredAny>()?.is_some() {
            is_whole &= map.next_value_seed(self.part())?;
        }
        Ok(is_whole)
    }
}
