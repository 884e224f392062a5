//! Says what is wrong with a JSON body: only asked once a body did not parse.

use std::{collections::HashSet, fmt};

use serde_path_to_error::{Path, Segment};

use serde::{
    Deserialize,
    de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor},
};

use super::{
    denial::Invalid,
    lenient::{Step, Unknown},
};

/// Nothing that Genesys takes is nested deeper.
const MAX_DEPTH: usize = 64;

// How the walk below tells its own findings from syntax errors.
const TWICE: &str = "duplicate key ";
const DEEP: &str = "too deep";

/// Where a model's fault is said to stand when a field is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknowns {
    /// At the field.
    AtThemselves,
    /// At the object that has it.
    AtTheirObject,
}

/// The fault of a body that did not parse as `T`.
pub(super) fn diagnose<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Invalid {
    fault(bytes, Unknowns::AtThemselves, |typed| {
        let error = serde_path_to_error::deserialize::<_, T>(typed).err()?;
        Some((error.path().clone(), error.inner().to_string()))
    })
}

/// The fault of a body: as JSON, or else what its model finds, with the place.
pub(super) fn fault<'a>(
    bytes: &'a [u8],
    unknowns: Unknowns,
    typed: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::SliceRead<'a>>) -> Option<(Path, String)>,
) -> Invalid {
    if std::str::from_utf8(bytes).is_err() {
        return Invalid::new("ringfence.body_not_utf8", "The body is not valid UTF-8.");
    }
    let mut walk = serde_json::Deserializer::from_slice(bytes);
    // The walk counts for itself; the parser's own limit is for stacks.
    if let Err(error) = (Walk { depth: 0 }).deserialize(&mut walk).and_then(|()| walk.end()) {
        let place = format!("line {}, column {}", error.line(), error.column());
        let text = error.to_string();
        return if let Some(rest) = text.strip_prefix(TWICE) {
            let key: String = rest.chars().take(80).collect();
            let key = key.split(" at line").next().unwrap_or_default().to_owned();
            let message = format!("The key {key} stands twice in one object ({place}); send it once.");
            Invalid::new("ringfence.body_duplicate_key", message)
        } else if text.starts_with(DEEP) || text.starts_with("recursion limit") {
            let message = format!("The body is nested deeper than {MAX_DEPTH} levels ({place}).");
            Invalid::new("ringfence.body_too_deep", message)
        } else if text.starts_with("number out of range") {
            Invalid::new("ringfence.body_number_out_of_range", format!("A number is out of range ({place})."))
        } else {
            Invalid::new(
                "ringfence.body_not_json",
                format!("The body is not valid JSON ({place}): {}.", plain(&text)),
            )
        };
    }
    let Some((place, text)) = typed(&mut serde_json::Deserializer::from_slice(bytes)) else {
        return Invalid::new(
            "ringfence.body_invalid",
            "The body does not have the form of this operation's model.",
        );
    };
    let shown = plain(&text);
    let whole = place.to_string();
    let at = if whole == "." { "the body".to_owned() } else { format!("`{whole}`") };
    let message = format!("In {at}: {shown}.");
    if shown.starts_with("unknown field") {
        Invalid::unknown_field(unknown(&place, unknowns, &text), message)
    } else {
        Invalid::new("ringfence.body_invalid", message)
    }
}

/// The field that the parser's words name, unless they say that the model has it.
fn unknown(place: &Path, unknowns: Unknowns, text: &str) -> Option<Unknown> {
    let step = |segment: &Segment| match segment {
        Segment::Map { key } => Some(Step::Field(key.clone())),
        Segment::Seq { .. } => Some(Step::Items),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    let mut at = place.iter().map(step).collect::<Option<Vec<_>>>()?;
    if unknowns == Unknowns::AtThemselves {
        at.pop();
    }
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    let rest = text.strip_prefix("unknown field `")?;
    // What is expected is named by us: it does not say so twice.
    let told = rest.rsplit_once("`, expected ").map(|(name, _)| name);
    let name = told.or_else(|| rest.strip_suffix('`'))?;
    Some(Unknown { at, name: name.to_owned() })
}

/// The parser's words, without its line and without the names of our types.
fn plain(text: &str) -> String {
    let text = text.split(" at line").next().unwrap_or_default();
    let text: String = text.chars().take(600).collect();
    text.replace("i64", "a whole number")
        .replace("struct ConversationQuery", "an object")
        .replace("struct UserSearchRequest", "an object")
        .replace("struct ", "an object: ")
        .replace("a sequence", "a list")
}

/// Walks through any JSON, and stops at a key that stands twice in its object or at too many levels.
#[derive(Clone, Copy)]
struct Walk {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom(DEEP));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = Self { depth: self.depth + 1 };
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let inner = Self { depth: self.depth + 1 };
        let mut keys = HashSet::new();
        while let Some(key) = fields.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(de::Error::custom(format!("{TWICE}`{key}`")));
            }
            keys.insert(key);
            fields.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ConversationQuery;

    fn code(body: &[u8]) -> &'static str {
        diagnose::<ConversationQuery<'_>>(body).code
    }

    #[test]
    fn each_fault_has_its_own_code() {
        assert_eq!(code(b"{"), "ringfence.body_not_json");
        assert_eq!(code(b"{} {}"), "ringfence.body_not_json");
        assert_eq!(code(b"\xff"), "ringfence.body_not_utf8");
        assert_eq!(code(br#"{"interval":"a","interval":"b"}"#), "ringfence.body_duplicate_key");
        assert_eq!(code(br#"{"interval":"a","int\u0065rval":"b"}"#), "ringfence.body_duplicate_key");
        assert_eq!(code(br#"{"x":[{"y":1,"y":2}]}"#), "ringfence.body_duplicate_key");
        assert_eq!(code(br#"{"x":1}"#), "ringfence.body_unknown_field");
        assert_eq!(code(br#"{"interval":1}"#), "ringfence.body_invalid");
        assert_eq!(code(br#"{"size":1e999}"#), "ringfence.body_number_out_of_range");
        assert_eq!(code(br#"{"interval":NaN}"#), "ringfence.body_not_json");
        assert_eq!(code(br#"{"interval":"\ud800"}"#), "ringfence.body_not_json");
        assert_eq!(code("[".repeat(10_000).as_bytes()), "ringfence.body_too_deep");
    }

    #[test]
    fn the_place_is_named() {
        let fault = diagnose::<ConversationQuery<'_>>(br#"{"paging":{"pageSize":"x","pageNumber":1}}"#);
        assert!(fault.message.contains("`paging.pageSize`"), "{}", fault.message);
    }
}
