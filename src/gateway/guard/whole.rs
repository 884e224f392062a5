//! One look over a list's answer: most are passed on as they stand, to the byte, and nothing is built for them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    entity::is_own_and_whole,
    list::{LINKS_BELOW, Rules, is_in},
    scan::Scan,
};
use crate::{catalog::Foreign, model::Text};

/// Whether every entity is the tenant's own and shown with everything in it, and so is every field beside them.
///
/// Where it is not, for whatever reason, the answer is judged piece by piece. Lists that Genesys cannot narrow always
/// are: theirs must not tell by their form whether something was taken out.
pub(super) fn is_whole(json: &str, rules: &Rules<'_>) -> bool {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    rules.foreign == Foreign::Violation
        && deserializer.deserialize_map(Answer(rules)).is_ok()
        && deserializer.end().is_ok()
}

/// An error means no: nothing after it need be looked at.
fn no<E: Error>() -> E {
    E::custom("not as it stands")
}

struct Answer<'r>(&'r Rules<'r>);

impl<'de> Visitor<'de> for Answer<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let rules = self.0;
        let mut names: Vec<Text<'de>> = Vec::with_capacity(8);
        let mut has_list = false;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if names.contains(&name) {
                return Err(no());
            }
            if *name == *rules.collection {
                map.next_value_seed(Items(rules))?;
                has_list = true;
            } else if is_in(rules.keep, &name) {
                map.next_value::<IgnoredAny>()?;
            } else if is_in(rules.totals, &name) {
                map.next_value::<u64>()?;
            } else if is_in(rules.links, &name) {
                let link = map.next_value::<&'de str>()?;
                if !link.starts_with(LINKS_BELOW) || link.contains("://") {
                    return Err(no());
                }
            } else {
                return Err(no());
            }
            names.push(name);
        }
        if has_list { Ok(()) } else { Err(no()) }
    }
}

struct Items<'r>(&'r Rules<'r>);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Rules { shape, divisions, .. } = *self.0;
        while let Some(scanned) = items.next_element_seed(Scan(shape))? {
            if !is_own_and_whole(&scanned, shape, divisions) {
                return Err(no());
            }
        }
        Ok(())
    }
}
