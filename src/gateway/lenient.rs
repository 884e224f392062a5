//! Bodies of tenants whose programs send more than the operation's model knows: what it does not know is left out.
//!
//! Nothing of it passes: what is left is read as strictly as any other body, and each field that was left out stands in the
//! event. What chooses divisions, or a search that nobody can read, is refused as ever: without it, another thing would be
//! asked for.

use std::sync::OnceLock;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::{
    asked::{Body, read_body},
    denial::Invalid,
};
use crate::catalog::{Api, Operation};

/// As many kinds of fields are left out: each is found by reading the body once more.
const MOST: usize = 32;

/// A field that a body has and its model has not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    /// Where the object stands that has it.
    pub(super) at: Vec<Step>,
    /// The field.
    pub(super) name: String,
}

/// One step into a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// To a field.
    Field(String),
    /// To the items of a list: all of them have one model.
    Items,
}

/// A body as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    bytes: Bytes,
    is_lenient: bool,
    // What is left of it.
    left: OnceLock<Vec<u8>>,
}

impl Sent {
    /// A body, of a tenant that is lenient or not.
    pub(super) fn new(bytes: Bytes, is_lenient: bool) -> Self {
        Self { bytes, is_lenient, left: OnceLock::new() }
    }

    /// Reads it as the operation's model; notes say what was translated or left out.
    pub(super) fn read<'s>(
        &'s self,
        api: &Api,
        operation: &Operation,
        headers: &HeaderMap,
    ) -> Result<(Body<'s>, Vec<String>), Invalid> {
        let read = |bytes: &'s [u8]| read_body(api, operation, headers, bytes);
        match read(&self.bytes) {
            Err(fault) if self.is_lenient && fault.unknown.is_some() => {
                let is_right = |bytes: &[u8]| read_body(api, operation, headers, bytes).map(|_| ());
                let (left, mut notes) = without_unknown(&self.bytes, fault, is_right)?;
                let (body, mut translated) = read(self.left.get_or_init(|| left))?;
                notes.append(&mut translated);
                Ok((body, notes))
            }
            read => read,
        }
    }
}

/// What is left of a body, and a note for each field that is not.
fn without_unknown(
    bytes: &[u8],
    mut fault: Invalid,
    is_right: impl Fn(&[u8]) -> Result<(), Invalid>,
) -> Result<(Vec<u8>, Vec<String>), Invalid> {
    // A key that stands twice is another fault, so none was lost here.
    let Ok(mut body) = serde_json::from_slice::<Value>(bytes) else { return Err(fault) };
    let mut notes = Vec::new();
    loop {
        let Some(unknown) = fault.unknown.as_deref() else { return Err(fault) };
        let is_left_out =
            notes.len() < MOST && !chooses(&unknown.name) && remove(&mut body, &unknown.at, &unknown.name);
        if !is_left_out {
            return Err(fault);
        }
        notes.push(note(unknown));
        let Ok(left) = serde_json::to_vec(&body) else { return Err(fault) };
        match is_right(&left) {
            Ok(()) => return Ok((left, notes)),
            Err(next) => fault = next,
        }
    }
}

/// Whether a field, or an alias of it, would choose whose things are asked for.
fn chooses(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let letters = letters.to_ascii_lowercase();
    letters.starts_with("division") || letters == "q64"
}

/// Removes a field from all objects at a place; whether one had it.
fn remove(value: &mut Value, at: &[Step], name: &str) -> bool {
    match (at, value) {
        ([], Value::Object(fields)) => fields.remove(name).is_some(),
        ([Step::Field(field), rest @ ..], Value::Object(fields)) => {
            fields.get_mut(field).is_some_and(|inner| remove(inner, rest, name))
        }
        ([Step::Items, rest @ ..], Value::Array(items)) => {
            items.iter_mut().filter_map(|item| remove(item, rest, name).then_some(())).count() > 0
        }
        _ => false,
    }
}

fn note(unknown: &Unknown) -> String {
    let mut place = String::new();
    for step in &unknown.at {
        match step {
            Step::Field(field) => place.extend([field, "."]),
            Step::Items => {
                place.truncate(place.trim_end_matches('.').len());
                place.push_str("[].");
            }
        }
    }
    format!("`{place}{}` was left out: the operation's body has no such field", unknown.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalog::ConversationQuery, gateway::body};

    fn left(json: &str) -> Result<(String, Vec<String>), Invalid> {
        let is_right =
            |bytes: &[u8]| body::parse::<ConversationQuery<'_>>(&HeaderMap::new(), bytes).map(|_| ());
        let fault = is_right(json.as_bytes()).unwrap_err();
        let (left, notes) = without_unknown(json.as_bytes(), fault, is_right)?;
        Ok((String::from_utf8(left).unwrap(), notes))
    }

    #[test]
    fn what_the_model_does_not_know_is_left_out_wherever_it_stands() {
        let json = r#"{"interval":"a","x":{"y":[1]},"segmentFilters":[
            {"type":"and","predicates":[{"value":"a","why":1},{"value":"b","why":2}]},
            {"type":"and","no`, expected `te":null,"predicates":[{"why":3,"value":"c"}]}]}"#;
        let (left, notes) = left(json).unwrap();
        let expected = serde_json::json!({"interval": "a", "segmentFilters": [
            {"type": "and", "predicates": [{"value": "a"}, {"value": "b"}]},
            {"type": "and", "predicates": [{"value": "c"}]},
        ]});
        assert_eq!(serde_json::from_str::<Value>(&left).unwrap(), expected);
        let because = "was left out: the operation's body has no such field";
        let expected = ["x", "segmentFilters[].predicates[].why", "segmentFilters[].no`, expected `te"];
        assert_eq!(notes, expected.map(|place| format!("`{place}` {because}")));
    }

    #[test]
    fn what_chooses_whose_things_are_asked_for_is_refused_as_ever() {
        for name in ["divisionId", "DivisionIds", "divisionIds[]", "division", "division-ids", "q64", "Q64"] {
            let fault = left(&format!(r#"{{"x":1,"{name}":["a"]}}"#)).unwrap_err();
            assert_eq!(fault.code, "ringfence.body_unknown_field", "{name}");
            assert!(fault.message.contains(&format!("`{name}`")), "{}", fault.message);
        }
    }

    #[test]
    fn other_faults_stay() {
        for (json, code) in [
            (r#"{"x":1,"x":2}"#, "ringfence.body_duplicate_key"),
            (r#"{"x":{"y":1,"y":2}}"#, "ringfence.body_duplicate_key"),
            (r#"{"x":1,"interval":1}"#, "ringfence.body_invalid"),
            (r#"{"x":1}{"#, "ringfence.body_not_json"),
        ] {
            assert_eq!(left(json).unwrap_err().code, code, "{json}");
        }
    }

    #[test]
    fn a_body_of_other_fields_alone_is_not_read_for_ever() {
        let fields: Vec<String> = (0..40).map(|n| format!(r#""x{n}":1"#)).collect();
        let fault = left(&format!("{{{}}}", fields.join(","))).unwrap_err();
        assert_eq!(fault.code, "ringfence.body_unknown_field");
    }
}
