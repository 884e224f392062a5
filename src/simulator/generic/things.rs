//! What there is at the paths of the API: a few things of each division in every collection, made from the seed, those that
//! stand elsewhere in the organisation's data, and those that clients made.

use serde_json::{Map, Value};

use super::facts::Facts;
use crate::simulator::data::{Item, Seed, World};

/// How many each division has of everything.
const EACH: usize = 3;
/// How many stand below another.
const BELOW: usize = 2;
/// What is nobody's own is marked so.
const OF_NOBODY: &str = "00000000";

/// Something with an id.
#[derive(Debug, Clone)]
pub(super) struct Thing {
    pub(super) id: String,
    /// The path below which it stands.
    pub(super) collection: String,
    /// The place of its division in the plan; without one it is the whole organisation's.
    pub(super) division: Option<usize>,
    /// Which it is among those of its division.
    pub(super) number: usize,
}

/// What a client wrote at a path.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// None once it is deleted.
    pub(super) fields: Option<Map<String, Value>>,
    pub(super) division: Option<usize>,
    /// Whether there would be nothing without it.
    pub(super) is_new: bool,
}

impl Thing {
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.collection, self.id)
    }
}

/// The conversation that a collection stands below.
pub(super) fn conversation(collection: &str) -> Option<&str> {
    let mut parts = collection.split('/').skip_while(|part| *part != "conversations").skip(1);
    // Its medium may stand before it: `/conversations/messages/{id}/…`.
    let id = parts.by_ref().take(2).find(|part| uuid::Uuid::try_parse(part).is_ok())?;
    parts.next().map(|_| id)
}

/// The word that is in every text of a division's things: how their ids begin.
pub(super) fn mark(world: &World, division: Option<usize>) -> &'static str {
    let id = division.map_or(OF_NOBODY, |place| world.division_id(place));
    id.get(..OF_NOBODY.len()).unwrap_or(OF_NOBODY)
}

/// An id that shows whose it is.
pub(super) fn marked(world: &World, division: Option<usize>, mut seed: Seed) -> String {
    let id = seed.id();
    format!("{}{}", mark(world, division), id.get(OF_NOBODY.len()..).unwrap_or_default())
}

/// All things of a collection at the top of the API, of all divisions mixed.
pub(super) fn all(world: &World, collection: &str) -> Vec<Thing> {
    let known = known(world, collection);
    let is_known = known.is_some();
    let mut things = known.unwrap_or_else(|| seeded(world, collection));
    let is_gone = |thing: &Thing| world.written.get(&thing.path()).is_some_and(|one| one.fields.is_none());
    things.retain(|thing| !is_gone(thing));
    // What is shown from elsewhere is not made here.
    things.extend(made(world, collection).filter(|_| !is_known));
    for thing in &mut things {
        if let Some(written) = world.written.get(&thing.path()) {
            thing.division = written.division;
        }
    }
    things.sort_by(|a, b| (a.id.get(OF_NOBODY.len()..), &a.id).cmp(&(b.id.get(OF_NOBODY.len()..), &b.id)));
    things
}

/// A conversation that several divisions have a part in; below it stands what its owner has there.
pub(super) fn shared(world: &World, collection: &str, id: &str) -> Option<Thing> {
    let mut all = world.conversations.iter().filter(|_| collection == "/api/v2/conversations");
    let found = all.find(|conversation| conversation.id == id)?;
    let (id, collection) = (id.to_owned(), collection.to_owned());
    Some(Thing { id, collection, division: Some(found.owner), number: 0 })
}

/// What stands below another thing: as much the division's as that is.
pub(super) fn below(world: &World, parent: &Thing, collection: &str) -> Vec<Thing> {
    let thing = |number| {
        let labels = ["below", collection, &variation(world, parent.division)];
        let id = marked(world, parent.division, Seed::of(world.plan.seed, &labels, number as u64));
        Thing { id, collection: collection.to_owned(), division: parent.division, number }
    };
    let is_gone = |thing: &Thing| world.written.get(&thing.path()).is_some_and(|one| one.fields.is_none());
    let seeded = (0..BELOW).map(thing).filter(|thing| !is_gone(thing));
    seeded.chain(made(world, collection)).collect()
}

/// One of a division's, or of nobody's, in a collection: it may be elsewhere by now.
pub(super) fn one_of(
    world: &World,
    collection: &str,
    division: Option<usize>,
    number: usize,
) -> Option<Thing> {
    let mut fitting = all(world, collection).into_iter().filter(|thing| thing.division == division);
    fitting.find(|thing| thing.number == number).or_else(|| fitting.next())
}

/// What an id names, whatever it is.
pub(super) fn named(world: &World, facts: &Facts, id: &str) -> Option<Thing> {
    facts.lookups().find_map(|collection| all(world, collection).into_iter().find(|thing| thing.id == id))
}

fn variation(world: &World, division: Option<usize>) -> String {
    let division = division.and_then(|place| world.division(place));
    division.map_or_else(String::new, |division| format!("{} {}", division.id, division.variation))
}

fn made<'w>(world: &'w World, collection: &str) -> impl Iterator<Item = Thing> + use<'w> {
    let collection = collection.to_owned();
    world.written.iter().filter(|(_, written)| written.is_new && written.fields.is_some()).filter_map(
        move |(path, written)| {
            let id = path.strip_prefix(&collection)?.strip_prefix('/')?;
            let is_here = !id.contains('/');
            is_here.then(|| Thing {
                id: id.to_owned(),
                collection: collection.clone(),
                division: written.division,
                number: EACH,
            })
        },
    )
}

/// A few of each division; of what says no division, a few of the whole organisation.
fn seeded(world: &World, collection: &str) -> Vec<Thing> {
    let thing = |id, division, number| Thing { id, collection: collection.to_owned(), division, number };
    if !is_divided(collection) {
        let id = |number| marked(world, None, Seed::of(world.plan.seed, &[collection], number as u64));
        return (0..EACH).map(|number| thing(id(number), None, number)).collect();
    }
    let mut things = Vec::new();
    for (place, division) in world.plan.divisions.iter().enumerate() {
        for number in 0..world.plan.count(division, collection, EACH) {
            let id = marked(world, Some(place), world.plan.own(division, collection, number));
            things.push(thing(id, Some(place), number));
        }
    }
    things
}

fn is_divided(collection: &str) -> bool {
    let facts = Facts::get();
    let shown = facts.item(collection).and_then(|operation| operation.response.as_deref());
    let listed = facts.find("GET", collection).and_then(|operation| operation.response.as_deref());
    facts.is_kind(collection)
        || shown.is_some_and(|model| facts.is_divided(model))
        || listed.and_then(|model| facts.listed(model)).is_some_and(|(_, item)| facts.is_divided(item))
}

/// What stands elsewhere in the organisation's data.
fn known(world: &World, collection: &str) -> Option<Vec<Thing>> {
    let mut numbers = vec![0; world.plan.divisions.len()];
    let mut thing = |id: &str, division: Option<usize>| {
        let number = division.and_then(|place| numbers.get_mut(place)).map_or(0, |next| {
            *next += 1;
            *next - 1
        });
        Thing { id: id.to_owned(), collection: collection.to_owned(), division, number }
    };
    let place = |id: &str| world.plan.divisions.iter().position(|division| division.id == id);
    let mut items =
        |items: &[Item]| Some(items.iter().map(|item| thing(&item.id, place(&item.division))).collect());
    match collection.strip_prefix("/api/v2/")? {
        "routing/wrapupcodes" => items(&world.wrap_up_codes),
        "routing/skills" => items(&world.skills),
        "routing/languages" => items(&world.languages),
        "presence/definitions" => items(&world.presences),
        "users" => Some(world.users.iter().map(|user| thing(&user.id, Some(user.division))).collect()),
        "routing/queues" => Some(world.queues.iter().map(|one| thing(&one.id, Some(one.division))).collect()),
        "conversations" | "analytics/conversations" => {
            let own = world.conversations.iter().filter(|conversation| conversation.partner.is_none());
            Some(own.map(|conversation| thing(&conversation.id, Some(conversation.owner))).collect())
        }
        "authorization/divisions" => {
            Some(world.plan.divisions.iter().map(|division| thing(division.id, place(division.id))).collect())
        }
        _ => None,
    }
}
