//! Objects of the API's models, every field filled. Each text says in its first word whose it is, so that one that reaches
//! whom it is hidden from is found by looking for that word.

use serde_json::{Map, Value, json};

use super::{
    facts::{DIVISIONS, Facts, Field, Model},
    things::{self, Thing, mark},
};
use crate::simulator::data::{Division, Seed, World};

/// How deep objects stand in one another.
const DEPTH: usize = 5;
/// How much of that one takes that is something by itself.
const OF_AN_ENTITY: usize = 2;
const DATE: &str = "2026-06-02T10:00:00.000Z";

/// Fills models.
pub(super) struct Filler<'w> {
    facts: &'static Facts,
    world: &'w World,
    // What else stands in an object is by turns of its own division and of others.
    turn: usize,
}

impl<'w> Filler<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { facts: Facts::get(), world, turn: 0 }
    }

    /// A thing as a model shows it, with what was written to it.
    pub(super) fn thing(&mut self, thing: &Thing, model: Option<&str>) -> Value {
        self.turn = thing.number;
        let known = model.and_then(|name| self.facts.model(name));
        let mut object = match known {
            Some(model) => self.object(model, thing, 0),
            None => self.plain(thing),
        };
        let written = self.world.written.get(&thing.path()).and_then(|written| written.fields.as_ref());
        if let (Some(fields), Some(object)) = (written, object.as_object_mut()) {
            for (name, value) in fields {
                if known.is_none_or(|model| model.fields.contains_key(name)) && name != "id" {
                    object.insert(name.clone(), value.clone());
                }
            }
            self.say_division(object, thing, known);
        }
        object
    }

    /// A value of a type, as a thing's own.
    pub(super) fn value(&mut self, kind: &str, name: &str, thing: &Thing) -> Value {
        let field = Field { kind: kind.to_owned(), words: Vec::new(), required: false };
        self.field(name, &field, thing, 0).unwrap_or_default()
    }

    /// A thing of which no model is known.
    fn plain(&self, thing: &Thing) -> Value {
        let mut object = Map::new();
        object.insert("id".to_owned(), json!(thing.id));
        object.insert("name".to_owned(), json!(self.text(thing, "name")));
        object.insert("selfUri".to_owned(), json!(thing.path()));
        self.say_division(&mut object, thing, None);
        Value::Object(object)
    }

    fn object(&mut self, model: &Model, thing: &Thing, depth: usize) -> Value {
        let mut object = Map::new();
        for (name, field) in &model.fields {
            if let Some(value) = self.field(name, field, thing, depth) {
                object.insert(name.clone(), value);
            }
        }
        self.say_division(&mut object, thing, Some(model));
        Value::Object(object)
    }

    /// The division, wherever the model has room for it.
    fn say_division(&self, object: &mut Map<String, Value>, thing: &Thing, model: Option<&Model>) {
        let division = thing.division.filter(|_| !self.facts.is_silent(&thing.collection));
        let Some(division) = division.and_then(|place| self.world.division(place)) else {
            object.retain(|name, _| !DIVISIONS.contains(&name.as_str()));
            return;
        };
        let Some(model) = model else {
            let place = self.facts.division_place(&thing.collection).unwrap_or("division.id");
            let mut parts = place.split('.').rev();
            let (last, whole) = (parts.next(), json!(division.id));
            let said = parts.fold((last, whole), |(name, value), outer| {
                (Some(outer), json!({name.unwrap_or_default(): value}))
            });
            object.insert(said.0.unwrap_or_default().to_owned(), said.1);
            return;
        };
        let mut say = |name: &str, value: Value| {
            if model.fields.contains_key(name) {
                object.insert(name.to_owned(), value);
            }
        };
        say("divisionId", json!(division.id));
        say("divisionIds", json!([division.id]));
        say("division", self.reference(division, model, "division"));
        let one = match model.fields.get("divisions").map(|field| field.kind.trim_end_matches("[]")) {
            Some("string") => json!(division.id),
            Some(kind) if self.facts.model(kind).is_some_and(|one| one.fields.contains_key("division")) => {
                json!({"division": division.reference(), "entities": []})
            }
            Some(_) | None => division.reference(),
        };
        say("divisions", json!([one]));
    }

    fn reference(&self, division: &Division, model: &Model, field: &str) -> Value {
        let mut reference = division.reference();
        let kind = model.fields.get(field).and_then(|field| self.facts.model(&field.kind));
        if let (Some(kind), Some(fields)) = (kind, reference.as_object_mut()) {
            fields.retain(|name, _| kind.fields.contains_key(name));
        }
        reference
    }

    fn field(&mut self, name: &str, field: &Field, thing: &Thing, depth: usize) -> Option<Value> {
        if let Some(kind) = field.kind.strip_suffix("[]") {
            return self.list(name, kind, field, thing, depth).map(Value::Array);
        }
        if let Some(kind) = field.kind.strip_prefix("map<") {
            let value = self.of(name, kind.trim_end_matches('>'), field, thing, depth)?;
            return Some(json!({self.text(thing, name): value}));
        }
        self.of(name, &field.kind, field, thing, depth)
    }

    /// Of what is something by itself, an own one and a foreign one.
    fn list(
        &mut self,
        name: &str,
        kind: &str,
        field: &Field,
        thing: &Thing,
        depth: usize,
    ) -> Option<Vec<Value>> {
        let first = self.of(name, kind, field, thing, depth)?;
        let is_entity = self.facts.model(kind).is_some_and(|model| model.fields.contains_key("id"))
            && self.facts.is_elsewhere(kind);
        let second = is_entity.then(|| self.of(name, kind, field, thing, depth)).flatten();
        Some([first].into_iter().chain(second).collect())
    }

    fn of(&mut self, name: &str, kind: &str, field: &Field, thing: &Thing, depth: usize) -> Option<Value> {
        let seed = || Seed::of(self.world.plan.seed, &[&thing.id, name], 0);
        Some(match kind {
            "string" => match field.words.first() {
                Some(word) => json!(word),
                None => json!(self.string(name, thing, depth)),
            },
            "integer" => json!(1 + seed().below(100)),
            "number" => json!(0.5 + f64::from(u32::try_from(seed().below(100)).unwrap_or_default())),
            "boolean" => json!(seed().one_in(2)),
            "date" => json!("2026-06-02"),
            "date-time" => json!(DATE),
            "any" => json!({"text": self.text(thing, name)}),
            model => {
                let model = self.facts.model(model).filter(|_| depth < DEPTH)?;
                if model.fields.contains_key("id") && self.facts.is_elsewhere(kind) {
                    let of = things::conversation(&thing.collection).filter(|_| name == "conversation");
                    let other = match of {
                        Some(id) => Thing { id: id.to_owned(), ..thing.clone() },
                        None => self.other(name, kind, thing)?,
                    };
                    self.object(model, &other, depth + OF_AN_ENTITY)
                } else {
                    self.object(model, thing, depth + 1)
                }
            }
        })
    }

    /// Something else that stands in an object: by turns of the same division and of another.
    fn other(&mut self, name: &str, model: &str, thing: &Thing) -> Option<Thing> {
        self.turn += 1;
        let places = self.world.plan.divisions.len();
        let own = thing.division.unwrap_or_default();
        let is_own = thing.division.is_some() && self.turn % 2 == 1;
        let place = if is_own { own } else { (own + 1 + self.turn / 2 % (places - 1)) % places };
        let number = self.turn / 2;
        if let Some(collection) = self.facts.refers_to(name, model) {
            // Nothing stands in itself.
            let known = things::one_of(self.world, collection, Some(place), number % 3);
            if let Some(known) = known.or_else(|| things::one_of(self.world, collection, None, 0)) {
                return Some(known);
            }
        }
        let seed = self.world.plan.own(self.world.division(place)?, name, number);
        let id = things::marked(self.world, Some(place), seed);
        Some(Thing { id, collection: format!("/api/v2/{name}"), division: Some(place), number })
    }

    fn string(&self, name: &str, thing: &Thing, depth: usize) -> String {
        let id = || {
            let seed = Seed::of(self.world.plan.seed, &[&thing.id, name], 1);
            things::marked(self.world, thing.division, seed)
        };
        match name {
            // An object without a division of its own stands in one that has one.
            "id" => thing.id.clone(),
            // What stands below a conversation is of that one.
            "conversationId" | "associatedConversationIds" => {
                things::conversation(&thing.collection).map_or_else(id, str::to_owned)
            }
            "media" => "audio".to_owned(),
            "selfUri" if depth == 0 => thing.path(),
            _ if name.ends_with("Uri") => format!("/api/v2/{}", self.text(thing, name)),
            _ if name.ends_with("Id") || name.ends_with("Ids") => id(),
            _ => self.text(thing, name),
        }
    }

    fn text(&self, thing: &Thing, name: &str) -> String {
        format!("canary-{}-{name}-{}", mark(self.world, thing.division), thing.number)
    }
}
