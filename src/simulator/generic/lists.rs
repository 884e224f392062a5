//! Lists: what they show of, and which page of it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    Answer, Failure, Outcome, Place, Thing,
    objects::Filler,
    things::{self},
};
use crate::simulator::{
    api::slip,
    query::{Page, listing},
};

/// The most that one page shows where a cursor turns them: fewer than asked for, as Genesys may.
const FEW: usize = 2;
/// The most that one page shows.
const MOST: usize = 500;

/// A page that a cursor names.
struct Turned {
    parameter: String,
    before: usize,
    size: usize,
    next: Option<String>,
}

impl Turned {
    /// What tells the next one.
    fn fields(self, path: &str) -> Map<String, Value> {
        let Some(next) = self.next else { return Map::new() };
        let uri = format!("{path}?{}={next}", self.parameter);
        [("nextUri", json!(uri)), ("after", json!(next)), ("cursors", json!({"after": next}))]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
    }
}

impl Place<'_> {
    /// The divisions that the query names.
    pub(super) fn divisions_asked(&self) -> Option<Vec<String>> {
        let names = self.operation.query.iter().map(|parameter| parameter.name.as_str());
        names.filter(|name| name.contains("ivision")).find_map(|name| self.exchange.query.list(name))
    }

    /// What a list shows of, before it is cut into pages.
    pub(super) fn items(&self, item: &str, divisions: Option<&[String]>) -> Vec<Thing> {
        let world = self.world();
        let mut things = self.source(item);
        if let Some(ids) = self.exchange.query.list("id") {
            things.retain(|thing| ids.contains(&thing.id));
        }
        // What is searched for stands somewhere in it.
        if let Some(sought) = self.exchange.query.list("q").map(|parts| parts.join(",").to_lowercase()) {
            things.retain(|thing| self.item(thing, item).to_string().to_lowercase().contains(&sought));
        }
        things.retain(|thing| {
            let Some(division) = thing.division.and_then(|place| world.division(place)) else {
                return divisions.is_none() || !self.facts.is_divided(item);
            };
            self.exchange.client.reaches(division.id)
                && divisions.is_none_or(|asked| asked.iter().any(|id| id == division.id))
        });
        things
    }

    /// Where what a list shows comes from.
    fn source(&self, item: &str) -> Vec<Thing> {
        let world = self.world();
        let own = self
            .path
            .trim_end_matches("/divisionviews")
            .trim_end_matches("/all")
            .trim_end_matches("/divisionviews");
        let elsewhere = self.facts.refers_to(self.path.rsplit('/').next().unwrap_or_default(), item);
        let Some(parent) = self.above.last() else {
            let is_own = self.facts.is_collection(own) || self.operation.method == "GET";
            return things::all(world, elsewhere.filter(|_| !is_own).unwrap_or(own));
        };
        let is_divided = self.facts.is_divided(item);
        match elsewhere {
            // By turns of the parent's division and of others.
            Some(collection) if is_divided || !self.facts.is_collection(self.path) => {
                let of_all = (0..world.plan.divisions.len()).map(Some);
                let two = |division| {
                    (0..2).filter_map(move |number| things::one_of(world, collection, division, number))
                };
                of_all.flat_map(two).collect()
            }
            // What is shown one by one below another thing is as much a division's as that.
            None if is_divided && !self.facts.is_collection(self.path) => things::all(world, self.path),
            Some(_) | None => things::below(world, parent, self.path),
        }
    }

    pub(super) fn list(&self, field: &str, item: &str, divisions: Option<&[String]>) -> Outcome {
        let found = self.items(item, divisions);
        let page = self.exchange.query.page(MOST)?;
        let total = found.len();
        let turned = self.turned(page.size, total)?;
        let (before, size) =
            turned.as_ref().map_or((page.before(), page.size), |turned| (turned.before, turned.size));
        let mut shown: Vec<&Thing> = found.iter().skip(before).take(size).collect();
        let others = if self.exchange.lie { self.source(item) } else { Vec::new() };
        let is_slipped = |thing: &&Thing| {
            let is_other = !found.iter().any(|one| one.id == thing.id);
            is_other && thing.division.is_some_and(|place| self.exchange.lies_with(place))
        };
        slip(&mut shown, others.iter().filter(is_slipped));
        let items: Vec<Value> = shown.iter().map(|thing| self.item(thing, item)).collect();
        let Some(model) = self.response().and_then(|model| self.facts.model(model)) else {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            return Ok(Answer::ok(listing(&items.join(","), total, page, self.path, &self.exchange.query)));
        };
        let mut items_and_pages = self.pages(field, items, total, page);
        if let Some(turned) = turned {
            items_and_pages.retain(|name, _| name == field);
            items_and_pages.extend(turned.fields(self.path));
        }
        let mut filler = Filler::new(self.world());
        let whose = Thing { division: None, ..self.whose() };
        let mut answer = Map::new();
        for (name, kind) in &model.fields {
            let value = match items_and_pages.get(name) {
                Some(value) => value.clone(),
                // A cursor that is there says that there is more.
                None if name.to_lowercase().contains("cursor")
                    || name == "after"
                    || name.ends_with("Uri") =>
                {
                    Value::Null
                }
                None => filler.value(&kind.kind, name, &whose),
            };
            if !value.is_null() {
                answer.insert(name.clone(), value);
            }
        }
        Ok(Answer::json(&Value::Object(answer)))
    }

    /// Which page a cursor names, where the operation turns its pages by one.
    fn turned(&self, size: usize, total: usize) -> Result<Option<Turned>, Failure> {
        let names: Vec<&str> = self.operation.query.iter().map(|one| one.name.as_str()).collect();
        let parameter = names.iter().find(|name| ["after", "cursor"].contains(*name));
        let Some(parameter) = parameter.filter(|_| !names.contains(&"pageNumber")) else { return Ok(None) };
        let size =
            if names.contains(&"limit") { self.exchange.query.number("limit", size, MOST)? } else { size };
        let size = size.min(FEW);
        let before = self.exchange.query.one(parameter)?.map_or(Ok(0), |cursor| self.place(cursor))?;
        let next = (before + size < total)
            .then(|| URL_SAFE_NO_PAD.encode(format!("{}:{}", self.path, before + size)));
        Ok(Some(Turned { parameter: (*parameter).to_owned(), before, size, next }))
    }

    /// Where a cursor leads to: it is the path's alone.
    fn place(&self, cursor: &str) -> Result<usize, Failure> {
        let invalid = || Failure::invalid(format!("Value [{cursor}] is not a cursor"));
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(invalid)?;
        let (path, place) = text.rsplit_once(':').ok_or_else(invalid)?;
        if path == self.path { place.parse().map_err(|_| invalid()) } else { Err(invalid()) }
    }

    /// The fields of a listing that say what page it is.
    fn pages(&self, field: &str, items: Vec<Value>, total: usize, page: Page) -> Map<String, Value> {
        let told = listing("", total, page, self.path, &self.exchange.query);
        let mut fields: Map<String, Value> = serde_json::from_str(&told).unwrap_or_default();
        fields.remove("entities");
        for name in ["totalHits", "totalCount", "totalResults"] {
            fields.insert(name.to_owned(), json!(total));
        }
        fields.insert(field.to_owned(), Value::Array(items));
        fields
    }
}
