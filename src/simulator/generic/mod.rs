//! Answers to all operations of the API that nobody has written an answer for.
//!
//! What is at a path follows from the path ([`things`]), what it looks like from the model of the answer ([`objects`]),
//! and what models there are from the project's data ([`facts`]). A list shows things of all divisions, unless the query
//! or the body names some; what stands below a thing is there exactly if that is.

mod facts;
mod lists;
mod objects;
mod things;
mod writes;

use axum::http::StatusCode;
use serde_json::Value;

pub(super) use self::things::Written;
use self::{
    facts::{Facts, Operation},
    objects::Filler,
    things::Thing,
};
use super::{
    answer::{Answer, Failure},
    api::Exchange,
    data::World,
    organisation::Organisation,
};

type Outcome = Result<Answer, Failure>;

/// What a path means: the operation, and the things that it names, from the outside in.
struct Place<'e> {
    exchange: &'e Exchange,
    facts: &'static Facts,
    operation: &'static Operation,
    path: &'e str,
    above: Vec<Thing>,
}

/// Answers an operation of the API.
pub(super) fn answer(exchange: &Exchange, method: &str, path: &str) -> Outcome {
    let facts = Facts::get();
    let operation = facts.find(method, path).ok_or_else(|| Failure::missing("resource", path))?;
    let names: Vec<&str> = operation.query.iter().map(|parameter| parameter.name.as_str()).collect();
    exchange.query.only(&names)?;
    let missing = |name: &&str| exchange.query.list(name).is_none();
    let required = operation.query.iter().filter(|parameter| parameter.required);
    if let Some(name) = required.map(|parameter| parameter.name.as_str()).find(missing) {
        return Err(Failure::invalid(format!("Parameter [{name}] is missing")));
    }
    let above = named(exchange, operation, path)?;
    let place = Place { exchange, facts, operation, path, above };
    match method {
        "POST" | "PUT" | "PATCH" | "DELETE" => writes::write(&place),
        _ => place.show(),
    }
}

/// Whether a path is an operation's own, with no ids in it.
pub(super) fn is_fixed(method: &str, path: &str) -> bool {
    Facts::get().find(method, path).is_some_and(|operation| operation.path == path)
}

/// The things that a path names; each must be there, and within reach of the client.
fn named(exchange: &Exchange, operation: &Operation, path: &str) -> Result<Vec<Thing>, Failure> {
    let world = &exchange.world;
    let mut above: Vec<Thing> = Vec::new();
    let mut so_far = String::new();
    for (known, asked) in operation.path.split('/').zip(path.split('/')).skip(1) {
        if let Some(name) = known.strip_prefix('{') {
            let name = name.trim_end_matches('}');
            let found = find(world, above.last(), &so_far, name, asked);
            let thing = found.ok_or_else(|| Failure::missing("entity", asked))?;
            if let Some(division) = thing.division.and_then(|place| world.division(place))
                && !exchange.client.reaches(division.id)
            {
                return Err(Failure::foreign("entity", asked, name, division.name, "entity:view"));
            }
            above.push(thing);
        }
        so_far.push('/');
        so_far.push_str(asked);
    }
    Ok(above)
}

/// What an id, or another word, names in a collection.
fn find(world: &World, parent: Option<&Thing>, collection: &str, name: &str, id: &str) -> Option<Thing> {
    let facts = Facts::get();
    let here = |division| Thing { id: id.to_owned(), collection: collection.to_owned(), division, number: 0 };
    let elsewhere = || things::named(world, facts, id).map(|thing| here(thing.division));
    let Some(parent) = parent else {
        let found = things::all(world, collection).into_iter().find(|thing| thing.id == id);
        let found = found.or_else(|| things::shared(world, collection, id));
        // Calls and e-mails are called by the ids of their conversations.
        return found.or_else(|| if facts.is_kind(collection) { None } else { elsewhere() });
    };
    let below = things::below(world, parent, collection).into_iter().find(|thing| thing.id == id);
    let is_gone = world.written.get(&format!("{collection}/{id}")).is_some_and(|one| one.fields.is_none());
    // Members are called by the ids of what they are elsewhere; what is no id is a language, a medium, a date.
    let free = || (!name.ends_with("Id")).then(|| here(parent.division));
    below.or_else(|| if is_gone { None } else { elsewhere() }).or_else(free)
}

impl Place<'_> {
    fn world(&self) -> &World {
        &self.exchange.world
    }

    /// What the operation answers, if it is no list.
    fn response(&self) -> Option<&'static str> {
        self.operation.response.as_deref()
    }

    fn show(&self) -> Outcome {
        if self.operation.path.ends_with('}') {
            return self.show_one();
        }
        let array = self.response().and_then(|model| model.strip_suffix("[]"));
        match (array, self.response().and_then(|model| self.facts.listed(model))) {
            (Some(item), _) => {
                let items = self.items(item, self.divisions_asked().as_deref());
                Ok(Answer::json(&Value::Array(items.iter().map(|one| self.item(one, item)).collect())))
            }
            (None, Some((field, item))) => self.list(field, item, self.divisions_asked().as_deref()),
            (None, None)
                if self.response().is_none_or(|model| self.facts.model(model).is_none())
                    && self.facts.is_collection(self.path) =>
            {
                self.list("entities", "", self.divisions_asked().as_deref())
            }
            (None, None) => Ok(Answer::json(&self.object(&self.whose()))),
        }
    }

    /// The thing that the path ends in: or, as a lie, another's under its id.
    fn show_one(&self) -> Outcome {
        let thing = self.above.last().ok_or_else(|| Failure::missing("resource", self.path))?;
        let is_divided = self.response().is_none_or(|model| self.facts.is_divided(model));
        let shown = if is_divided { self.lied(thing) } else { None };
        Ok(Answer::json(&self.object(shown.as_ref().unwrap_or(thing))))
    }

    /// Another's thing in the place of this one, as a lie.
    fn lied(&self, thing: &Thing) -> Option<Thing> {
        let own = thing.division?;
        let mut others = (0..self.world().plan.divisions.len()).filter(|place| *place != own);
        let other = others.find(|place| self.exchange.lies_with(*place))?;
        Some(Thing { division: Some(other), ..thing.clone() })
    }

    /// What stands at the path, without an id of its own: as much a division's as what it stands below.
    fn whose(&self) -> Thing {
        let (collection, id) = self.path.rsplit_once('/').unwrap_or_default();
        let parent = self.above.last();
        let (division, number) = parent.map_or((None, 0), |parent| (parent.division, parent.number));
        Thing { id: id.to_owned(), collection: collection.to_owned(), division, number }
    }

    fn object(&self, thing: &Thing) -> Value {
        let mut filler = Filler::new(self.world());
        match self.response() {
            Some(kind) if self.facts.model(kind).is_none() && Self::is_simple(kind) => {
                filler.value(kind, "value", thing)
            }
            model => filler.thing(thing, model),
        }
    }

    fn is_simple(kind: &str) -> bool {
        kind.starts_with("map<") || matches!(kind, "string" | "integer" | "number" | "boolean")
    }

    fn item(&self, thing: &Thing, model: &str) -> Value {
        let mut filler = Filler::new(self.world());
        match self.facts.model(model) {
            None if Self::is_simple(model) => filler.value(model, "value", thing),
            _ => filler.thing(thing, Some(model)),
        }
    }
}

impl Organisation {
    /// What can be named below a path of the API, such as `/api/v2/flows`: ids, and the division of each.
    pub fn things(&self, collection: &str) -> Vec<(String, Option<&'static str>)> {
        let (world, facts) = (self.world(), Facts::get());
        let template = facts.begins(collection);
        let outer = template.and_then(|template| above(&world, template, collection));
        let things = match (&outer, collection) {
            (Some(thing), _) => things::below(&world, thing, collection),
            (None, _) => things::all(&world, collection),
        };
        let division = |thing: &Thing| thing.division.map(|place| world.division_id(place));
        things.iter().map(|thing| (thing.id.clone(), division(thing))).collect()
    }
}

/// The innermost thing that a path names.
fn above(world: &World, template: &str, path: &str) -> Option<Thing> {
    let mut found: Option<Thing> = None;
    let mut so_far = String::new();
    for (known, asked) in template.split('/').zip(path.split('/')).skip(1) {
        if known.starts_with('{') {
            found = Some(find(world, found.as_ref(), &so_far, known.trim_matches(['{', '}']), asked)?);
        }
        so_far.push('/');
        so_far.push_str(asked);
    }
    found
}

fn no_content() -> Answer {
    Answer { status: StatusCode::NO_CONTENT, body: String::new() }
}
