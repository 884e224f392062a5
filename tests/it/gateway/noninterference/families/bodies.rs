//! Bodies made from the API's models: what is required, and by turns what else may be said.

use ringfence::{
    catalog::{Allowed, DeclaredBody, Field, FieldType},
    simulator::{ALPHA, BETA, INTERVAL},
};
use serde_json::{Map, Value, json};

use super::{Families, chance::Chance};
use crate::gateway::noninterference::NOBODY;

/// How deep objects stand in one another.
const DEPTH: usize = 4;

/// Makes one body.
pub(super) struct Maker<'m> {
    pub(super) families: &'m Families,
    pub(super) body: &'m DeclaredBody,
    pub(super) chance: &'m mut Chance,
    pub(super) is_own: bool,
}

impl Maker<'_> {
    /// A change says what changes alone.
    pub(super) fn made(mut self, is_change: bool) -> Option<Value> {
        let model = self.body.model.as_ref()?;
        let mut value = self.value(model, "", is_change, 0);
        for reference in &self.body.references {
            // What is not named cannot be another's.
            if self.chance.percent(75) {
                let below = json!(reference.entity);
                let below = self.families.collection(below.as_str()?)?;
                let id = self.families.id(&below, self.chance, self.is_own);
                self.put(model, &mut value, &reference.at, &id);
            }
        }
        if let Some(place) = self.body.division.as_ref().filter(|_| self.chance.percent(40)) {
            let words: &[&'static str] = if self.is_own { &[ALPHA] } else { &[ALPHA, BETA, NOBODY] };
            let id = self.chance.word(words);
            self.put(model, &mut value, place, &id);
        }
        Some(value)
    }

    fn value(&mut self, kind: &FieldType, at: &str, is_change: bool, depth: usize) -> Value {
        let field = at.rsplit('.').next().unwrap();
        match kind {
            FieldType::Text if field.contains("nterval") => json!(INTERVAL),
            FieldType::Text => json!(format!("Made {:x}", self.chance.next())),
            FieldType::Date => json!("2026-06-02"),
            FieldType::DateTime => json!("2026-06-02T10:00:00.000Z"),
            FieldType::Integer => json!(1 + self.chance.below(9)),
            FieldType::Number => json!(0.5),
            FieldType::Boolean => json!(self.chance.percent(50)),
            FieldType::Enum(words) => json!(self.chance.one(words).unwrap()),
            FieldType::List(item) if depth < DEPTH => {
                let count = 1 + self.chance.below(2);
                (0..count).map(|_| self.value(item, at, is_change, depth + 1)).collect()
            }
            FieldType::Map(item) if depth < DEPTH => {
                json!({"key": self.value(item, at, is_change, depth + 1)})
            }
            FieldType::Map(_) | FieldType::Any => json!({}),
            FieldType::List(_) => json!([]),
            FieldType::Model(id) => {
                let families = self.families;
                let fields = families.catalog.api().model(*id).unwrap().fields();
                let mut object = Map::new();
                for field in fields {
                    let place =
                        if at.is_empty() { field.name.to_owned() } else { format!("{at}.{}", field.name) };
                    if self.says(field, &place, is_change, depth) {
                        object.insert(
                            field.name.to_owned(),
                            self.value(&field.r#type, &place, is_change, depth + 1),
                        );
                    }
                }
                Value::Object(object)
            }
        }
    }

    /// Seldom also what cannot be said.
    fn says(&mut self, field: &Field, place: &str, is_change: bool, depth: usize) -> bool {
        match self.body.allows(self.families.catalog.api(), place, field) {
            _ if depth >= DEPTH => false,
            Allowed::Yes if field.required && !field.read_only && !is_change => true,
            Allowed::Yes => self.chance.percent(if depth == 0 { 20 } else { 8 }),
            Allowed::Unsent => self.chance.percent(2),
            Allowed::No => self.chance.next().is_multiple_of(600),
            Allowed::Named => false,
        }
    }

    /// Puts an id at a dotted place.
    fn put(&mut self, kind: &FieldType, value: &mut Value, place: &str, id: &str) {
        let (name, rest) = place.split_once('.').map_or((place, None), |(name, rest)| (name, Some(rest)));
        match kind {
            FieldType::List(item) => {
                if value.as_array().is_none_or(Vec::is_empty) {
                    *value = json!([self.value(item, "", false, DEPTH)]);
                }
                for one in value.as_array_mut().unwrap() {
                    self.put(item, one, place, id);
                }
            }
            FieldType::Map(item) => {
                if value.as_object().is_none_or(Map::is_empty) {
                    *value = json!({"key": self.value(item, "", false, DEPTH)});
                }
                for one in value.as_object_mut().unwrap().values_mut() {
                    self.put(item, one, place, id);
                }
            }
            FieldType::Model(model) => {
                if !value.is_object() {
                    *value = json!({});
                }
                let families = self.families;
                let field = families.catalog.api().model(*model).unwrap().field(name).unwrap();
                let at = &mut value[name];
                match (rest, &field.r#type) {
                    (Some(rest), kind) => self.put(kind, at, rest, id),
                    (None, FieldType::List(_)) => *at = json!([id]),
                    (None, _) => *at = json!(id),
                }
            }
            FieldType::Text
            | FieldType::Date
            | FieldType::DateTime
            | FieldType::Integer
            | FieldType::Number
            | FieldType::Boolean
            | FieldType::Enum(_)
            | FieldType::Any => *value = json!(id),
        }
    }
}
