//! The pass, over answers of every model.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::Mask;

/// Draws numbers from one.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// A value of a type; `lies`: now and then of another, or with fields that its model does not know.
    fn value(&mut self, api: &Api, kind: &FieldType, depth: u32, lies: bool) -> Value {
        if lies && self.below(12) == 0 {
            let others = [
                json!(null),
                json!("secret"),
                json!(7),
                json!(true),
                json!([{"secret": 1}]),
                json!({"secret": [1]}),
            ];
            return others[usize::try_from(self.below(6)).unwrap()].clone();
        }
        match kind {
            FieldType::Integer | FieldType::Number => json!(self.below(1_000)),
            FieldType::Boolean => json!(self.below(2) == 0),
            FieldType::Any => json!({"any": [self.below(9), "\u{e9}\"\\\n"]}),
            FieldType::Text => json!(format!("text \"{}\"", self.below(1_000))),
            FieldType::Date => json!("2026-06-01"),
            FieldType::DateTime => json!("2026-06-01T10:00:00.000Z"),
            FieldType::Enum(words) => json!(words.first().copied().unwrap_or("unknown")),
            FieldType::List(_) | FieldType::Map(_) | FieldType::Model(_) if depth == 0 => json!(null),
            FieldType::List(item) => {
                (0..self.below(3)).map(|_| self.value(api, item, depth - 1, lies)).collect()
            }
            FieldType::Map(inner) => {
                let mut object = serde_json::Map::new();
                for name in ["mediaType", "ani", "a \"b\"", "\u{e9}"] {
                    if self.below(2) == 0 {
                        object.insert(name.to_owned(), self.value(api, inner, depth - 1, lies));
                    }
                }
                Value::Object(object)
            }
            FieldType::Model(id) => {
                let mut object = serde_json::Map::new();
                for field in api.model(*id).unwrap().fields() {
                    if self.below(3) > 0 {
                        object.insert(field.name.to_owned(), self.value(api, &field.r#type, depth - 1, lies));
                    }
                }
                if lies && self.below(3) == 0 {
                    object.insert("notKnown".to_owned(), json!({"secret": "secret"}));
                }
                Value::Object(object)
            }
        }
    }
}

/// Where something stands in an answer that must not.
fn misplaced(pass: Pass<'_>, kind: &FieldType, value: &Value, is_group: bool, at: &str) -> Option<String> {
    match (kind, value) {
        (FieldType::Any, _) | (_, Value::Null) => None,
        (FieldType::List(item), Value::Array(items)) => {
            items.iter().find_map(|one| misplaced(pass, item, one, false, at))
        }
        (FieldType::Map(inner), Value::Object(fields)) => fields.iter().find_map(|(name, one)| {
            let at = format!("{at}.{name}");
            let is_hidden = is_group && pass.masking.dimension(name).meets(pass.masks);
            if is_hidden { Some(at) } else { misplaced(pass, inner, one, false, &at) }
        }),
        (FieldType::Model(id), Value::Object(fields)) => fields.iter().find_map(|(name, one)| {
            let model = pass.api.model(*id).unwrap();
            let at = format!("{at}.{name}");
            let Some(field) = model.field(name) else { return Some(at) };
            let is_group = name == GROUP && matches!(field.r#type, FieldType::Map(_));
            let is_hidden = !is_group && pass.masking.field(model, field).meets(pass.masks);
            if is_hidden { Some(at) } else { misplaced(pass, &field.r#type, one, is_group, &at) }
        }),
        (FieldType::List(_) | FieldType::Map(_) | FieldType::Model(_), _)
        | (_, Value::Array(_) | Value::Object(_)) => Some(at.to_owned()),
        (_, Value::Bool(_) | Value::Number(_) | Value::String(_)) => None,
    }
}

fn drawn(seed: u64, lies: bool) -> (FieldType, String) {
    let (api, mut draw) = (CATALOG.api(), Draw(seed));
    let which = usize::try_from(draw.below(api.models().len() as u64)).unwrap();
    let kind = api.field_type(api.models()[which].name).unwrap();
    let mut value = draw.value(api, &kind, 5, lies);
    if !value.is_object() {
        value = json!({});
    }
    (kind, value.to_string())
}

static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(|| Catalog::embedded().unwrap());

fn pass(masks: Masks) -> Pass<'static> {
    Pass { api: CATALOG.api(), masking: CATALOG.masking(), masks }
}

proptest! {
    #[test]
    fn nothing_that_is_masked_or_not_known_is_written_at_any_depth(seed in any::<u64>(), masks in 0_u8..32) {
        let (kind, json) = drawn(seed, true);
        let pass = pass(Masks::from_byte(masks));
        let written = pass.write(&kind, &json).unwrap();
        let value: Value = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(misplaced(pass, &kind, &value, false, ""), None, "{}", json);
        // What was written is all that may be: once more takes nothing away.
        prop_assert_eq!(pass.write(&kind, &written).unwrap(), written);
    }

    #[test]
    fn what_is_of_its_model_is_written_as_it_was_where_nothing_is_masked(seed in any::<u64>()) {
        let (kind, json) = drawn(seed, false);
        prop_assert_eq!(pass(Masks::NONE).write(&kind, &json).unwrap(), json);
    }
}

#[test]
fn what_stays_keeps_its_bytes_and_what_goes_leaves_nothing() {
    let kind = CATALOG.api().field_type("Participant").unwrap();
    let json = r#" { "id" : "\u0031", "n\u0061me":"Ada","\u0061ni":"tel:+1", "wrapup":{"notes":"x", "code":"c"},"wrapupRequired":false } "#;
    let written = |masks: Masks| pass(masks).write(&kind, json).unwrap();
    assert_eq!(written(Masks::ALL), r#"{"id":"\u0031","wrapup":{"code":"c"},"wrapupRequired":false}"#);
    assert_eq!(
        written(Masks::NONE),
        r#"{"id":"\u0031","name":"Ada","ani":"tel:+1","wrapup":{"notes":"x","code":"c"},"wrapupRequired":false}"#
    );
    for broken in ["", "{", "[]", "\"x\"", "{} {}", r#"{"id":}"#] {
        assert_eq!(pass(Masks::ALL).write(&kind, broken), None, "{broken}");
    }
}

#[test]
fn only_what_is_of_its_type_stays() {
    let catalog = Catalog::embedded().unwrap();
    let pass = Pass { api: catalog.api(), masking: catalog.masking(), masks: Mask::Numbers.into() };
    let words = FieldType::Enum(["1-star", "voice"].into());
    for (kind, stay, go) in [
        (FieldType::Integer, vec!["7", "-1", "null"], vec![r#""+15550100""#, "true", "{}", "[7]"]),
        (FieldType::Number, vec!["0.5"], vec![r#""5""#]),
        (FieldType::Boolean, vec!["true", "false", "null"], vec!["1", r#""true""#]),
        (
            FieldType::Date,
            vec![r#""2026-06-01""#, "null"],
            vec![r#""+15550100123""#, "20260601", r#""15550-100-1234""#],
        ),
        (FieldType::DateTime, vec![r#""2026-06-01T10:00:00.000Z""#], vec![r#""tomorrow""#]),
        (
            words,
            vec![r#""voice""#, r#""1-star""#, r#""not_known""#],
            vec![r#""+1555""#, r#""1555""#, r#""a@b""#, "7"],
        ),
        (FieldType::Text, vec![r#""whatever""#, "7"], vec!["{}", "[]"]),
    ] {
        for one in stay {
            assert_eq!(pass.write(&kind, one).as_deref(), Some(one), "{kind:?}");
        }
        for one in go {
            assert_eq!(pass.write(&kind, one), None, "{kind:?}");
        }
    }
}
