//! Requests drawn from the catalog: whatever operation it enables, with the parameters and the bodies that it declares, over
//! the tenant's own ids, others', nobody's and what is no id.
//!
//! What the gateway reads as a type of its own (queries, searches) has generators by hand, in `analytics` and `asked`.

mod bodies;
mod chance;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex},
};

use proptest::prelude::*;
use reqwest::Method;
use ringfence::{
    catalog::{BodyModel, Catalog, Guarding, Narrowing, Operation, Parameter, ParameterKind, Place},
    simulator::{ALPHA, BETA, INTERVAL, Organisation},
};
use serde_json::{Value, json};

use self::chance::Chance;
use super::{NOBODY, asked::Asked, rows::MADE};

/// Of a hundred requests, so many name nothing but what is the tenant's own: the others are mostly refused at once.
const WHOLLY_OWN: usize = 65;
/// Of a hundred that would delete the tenant's own, so many do: nothing is left otherwise.
const DELETED: usize = 15;

/// All operations of which requests are made here.
pub(super) struct Families {
    catalog: Arc<Catalog>,
    operations: Vec<Arc<Operation>>,
    organisations: [Arc<Organisation>; 2],
    // By the path below which it stands; found out once.
    things: Mutex<HashMap<String, Arc<Things>>>,
}

/// What there is below a path.
#[derive(Default)]
struct Things {
    own: Vec<String>,
    foreign: Vec<String>,
    nobodys: Vec<String>,
}

impl std::fmt::Debug for Families {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} operations", self.operations.len())
    }
}

impl Families {
    pub(super) fn new(catalog: Arc<Catalog>, organisations: [Arc<Organisation>; 2]) -> Self {
        let operations = catalog.operations().iter().filter(|one| is_drawn(one)).cloned().collect();
        Self { catalog, operations, organisations, things: Mutex::default() }
    }

    /// One request, or what is begun by one and followed by others.
    pub(super) fn any_row(self: &Arc<Self>) -> BoxedStrategy<Vec<Asked>> {
        let families = Arc::clone(self);
        // A smaller number is no simpler request.
        any::<u64>().no_shrink().prop_map(move |number| families.row(&mut Chance(number))).boxed()
    }

    fn row(&self, chance: &mut Chance) -> Vec<Asked> {
        let operation = Arc::clone(chance.one(&self.operations).unwrap());
        let first = self.request(&operation, chance);
        let Guarding::Handle { kind: begun, .. } = &operation.guard else { return vec![first] };
        let follows =
            |one: &&Arc<Operation>| matches!(&one.narrowing, Narrowing::Handle { kind, .. } if kind == begun);
        let mut following: Vec<_> = self.catalog.operations().iter().filter(follows).collect();
        following.sort_by_key(|one| one.method == "DELETE");
        let following: Vec<_> = following.iter().map(|one| self.of_what_was_begun(one, chance)).collect();
        [first].into_iter().chain(following).collect()
    }

    /// What a handle opens stands for what the first of a row was told.
    fn of_what_was_begun(&self, operation: &Operation, chance: &mut Chance) -> Asked {
        let Narrowing::Handle { name, .. } = &operation.narrowing else { unreachable!() };
        let mut asked = self.request(operation, chance);
        let parts = operation.path.split('/').zip(asked.path.split(['/', '?']));
        let put = |(known, part): (&str, &str)| {
            if known == format!("{{{name}}}") { MADE.to_owned() } else { part.to_owned() }
        };
        let path: Vec<_> = parts.map(put).collect();
        let query = asked.path.split_once('?').map(|(_, query)| format!("?{query}")).unwrap_or_default();
        asked.path = path.join("/") + &query;
        asked
    }

    fn request(&self, operation: &Operation, chance: &mut Chance) -> Asked {
        let deletes = operation.method == "DELETE";
        let is_own = chance.percent(if deletes { DELETED } else { WHOLLY_OWN });
        let mut path = self.path(operation, chance, is_own);
        let query = self.query(operation, &path, chance, is_own);
        if !query.is_empty() {
            path = format!("{path}?{query}");
        }
        let body = match &operation.body {
            Some(BodyModel::Declared(body)) => {
                let body = bodies::Maker { families: self, body, chance, is_own };
                body.made(operation.method == "PATCH")
            }
            Some(BodyModel::AsyncAggregationQuery) => Some(counting(operation, chance)),
            Some(_) | None => None,
        };
        Asked { method: operation.method.parse::<Method>().unwrap(), path, body }
    }

    fn path(&self, operation: &Operation, chance: &mut Chance, is_own: bool) -> String {
        let kinds: HashMap<_, _> = operation.narrowing.looked_up().collect();
        let mut path = String::new();
        for part in operation.path.split('/').skip(1) {
            let part = match part.strip_prefix('{').map(|name| name.trim_end_matches('}')) {
                None => part.to_owned(),
                Some(name) => {
                    let known = kinds.get(name).map(|kind| self.collection(json!(kind).as_str().unwrap()));
                    self.id(&known.flatten().unwrap_or_else(|| path.clone()), chance, is_own)
                }
            };
            path = format!("{path}/{part}");
        }
        path
    }

    fn query(&self, operation: &Operation, path: &str, chance: &mut Chance, is_own: bool) -> String {
        let told = self.catalog.api().operation(&operation.id);
        let is_required = |name: &str| {
            told.is_some_and(|told| told.query.iter().any(|one| one.name == name && one.required))
                || matches!(&operation.narrowing, Narrowing::Owned { place: Place::Query, name: own, .. } if own == name)
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        for parameter in &operation.query {
            let chances = if is_required(&parameter.name) { 97 } else { 30 };
            if chance.percent(chances) {
                query.append_pair(&parameter.name, &self.value(operation, parameter, path, chance, is_own));
            }
        }
        if let Narrowing::DivisionQuery { parameter, .. } = &operation.narrowing
            && chance.percent(25)
        {
            let divisions: Vec<_> =
                (0..=chance.below(2)).map(|_| chance.word(&[ALPHA, BETA, NOBODY, "*"])).collect();
            query.append_pair(parameter, &divisions.join(","));
        }
        query.finish()
    }

    fn value(
        &self,
        operation: &Operation,
        Parameter { name, is }: &Parameter,
        path: &str,
        chance: &mut Chance,
        is_own: bool,
    ) -> String {
        match is {
            ParameterKind::Integer { max, .. } if chance.percent(3) => (max + 1).to_string(),
            ParameterKind::Integer { .. } if name == "pageNumber" => (1 + chance.below(3)).to_string(),
            ParameterKind::Integer { min, max } => {
                let most = if chance.percent(30) { 100 } else { 4 };
                let chosen = min + i64::try_from(chance.below(most)).unwrap();
                chosen.min(*max).to_string()
            }
            ParameterKind::Boolean => chance.word(&["true", "false"]),
            ParameterKind::OneOf { values } => chance.one(values).unwrap().clone(),
            ParameterKind::Expand => {
                let some =
                    operation.expand.iter().filter(|_| chance.percent(50)).cloned().collect::<Vec<_>>();
                some.join(",")
            }
            ParameterKind::List { entity, .. } => {
                let known = entity.and_then(|entity| self.collection(json!(entity).as_str()?));
                let below = known.unwrap_or_else(|| self.listed(name, path));
                let ids: Vec<_> = (0..=chance.below(4)).map(|_| self.id(&below, chance, is_own)).collect();
                ids.join(",")
            }
            ParameterKind::Text { .. } => self.text(name, path, chance, is_own),
        }
    }

    fn text(&self, name: &str, path: &str, chance: &mut Chance, is_own: bool) -> String {
        let small = name.to_lowercase();
        let is_time = ["date", "since", "until", "after", "before", "start", "end"];
        if name.ends_with("Id") {
            self.id(&self.listed(name, path), chance, is_own)
        } else if small.contains("interval") {
            INTERVAL.to_owned()
        } else if is_time.iter().any(|word| small.contains(word)) {
            chance.word(&["2026-06-02", "2026-06-02T10:00:00.000Z"])
        } else {
            chance.word(&["name", "id", "a", "*", "canary", "canary*", "text", "en-us", "voice"])
        }
    }

    /// What a list of ids is of.
    fn listed(&self, name: &str, path: &str) -> String {
        let word = name.trim_end_matches("Ids").trim_end_matches("Id");
        let own = || path.trim_end_matches("/divisionviews").trim_end_matches("/details").to_owned();
        self.collection(word).unwrap_or_else(own)
    }

    /// The collection of a kind of entity.
    fn collection(&self, entity: &str) -> Option<String> {
        let found = self.catalog.entities().iter().find(|(known, _)| json!(known) == entity);
        found.map(|(_, kind)| kind.get.trim_end_matches("/{id}").to_owned())
    }

    fn id(&self, path: &str, chance: &mut Chance, is_own: bool) -> String {
        let things = self.things(path);
        let own = if things.own.is_empty() { &things.nobodys } else { &things.own };
        let of_whom = if is_own { 0 } else { chance.below(100) };
        let id = match of_whom {
            0..40 => chance.one(own),
            40..80 => chance.one(&things.foreign),
            80..93 => None,
            _ => return chance.word(&["not-an-id", ALPHA, BETA, "0"]),
        };
        id.cloned().unwrap_or_else(|| NOBODY.to_owned())
    }

    fn things(&self, path: &str) -> Arc<Things> {
        if let Some(known) = self.things.lock().unwrap().get(path) {
            return Arc::clone(known);
        }
        let mut things = Things::default();
        for organisation in &self.organisations {
            for (id, division) in organisation.things(path) {
                let of = match division {
                    Some(ALPHA) => &mut things.own,
                    Some(_) => &mut things.foreign,
                    None => &mut things.nobodys,
                };
                if !of.contains(&id) {
                    of.push(id);
                }
            }
        }
        let things = Arc::new(things);
        self.things.lock().unwrap().insert(path.to_owned(), Arc::clone(&things));
        things
    }
}

/// What is to be counted, by what may be grouped by.
fn counting(operation: &Operation, chance: &mut Chance) -> Value {
    let metrics = operation.metrics.clone().map_or_else(|| vec!["nConnected".to_owned()], Vec::from);
    let (plain, _) = operation.guard.grouping().unwrap();
    let by: Vec<_> = plain.iter().filter(|_| chance.percent(15)).collect();
    let mut query = json!({"interval": INTERVAL, "metrics": [chance.one(&metrics)], "groupBy": by});
    if chance.percent(30) {
        query["pageSize"] = json!(1 + chance.below(40));
    }
    query
}

/// Whether requests of it are made here.
fn is_drawn(operation: &Operation) -> bool {
    let is_declared =
        matches!(operation.body, None | Some(BodyModel::Declared(_) | BodyModel::AsyncAggregationQuery));
    is_declared && !matches!(operation.narrowing, Narrowing::Own { .. } | Narrowing::Translate { .. })
}

/// The operations of which requests are made here.
pub(super) fn drawn(catalog: &Catalog) -> BTreeSet<String> {
    catalog.operations().iter().filter(|one| is_drawn(one)).map(|one| one.id.to_string()).collect()
}
