//! What operations and models the API has: the data files of the project, read in a way of the simulator's own.

use std::{
    collections::{BTreeMap, HashMap},
    sync::LazyLock,
};

use serde::Deserialize;

static OPERATIONS: &str = include_str!("../../../policies/api/operations.jsonl");
static MODELS: &str = include_str!("../../../policies/api/models.jsonl");
static ENTITIES: &str = include_str!("../../../policies/operations/entities.toml");
static FACTS: LazyLock<Facts> = LazyLock::new(|| Facts::read(OPERATIONS, MODELS, ENTITIES));

/// An operation of the API.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) query: Vec<Parameter>,
    pub(super) body: Option<String>,
    pub(super) response: Option<String>,
}

/// One of its query parameters.
#[derive(Debug, Deserialize)]
pub(super) struct Parameter {
    pub(super) name: String,
    #[serde(default)]
    pub(super) required: bool,
}

/// A model: its fields by name.
#[derive(Debug, Deserialize)]
pub(super) struct Model {
    name: String,
    pub(super) fields: BTreeMap<String, Field>,
}

/// A field of a model. Its type is a simple one, a model's name, `X[]` or `map<X>`.
#[derive(Debug, Deserialize)]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, rename = "enum")]
    pub(super) words: Vec<String>,
    #[serde(default)]
    pub(super) required: bool,
}

/// What can be looked up: where one is shown, and where its division stands in it.
#[derive(Debug, Deserialize)]
struct Kind {
    get: String,
    // None: they carry none, though they are somebody's.
    division: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Kinds {
    entity: HashMap<String, Kind>,
}

/// Everything that is known of the API.
#[derive(Debug)]
pub(super) struct Facts {
    // By method and number of segments.
    operations: HashMap<(String, usize), Vec<Operation>>,
    models: HashMap<String, Model>,
    // The collections of kinds, by the kind's name in the form of a field's, and where each says its division.
    kinds: HashMap<String, String>,
    divisions: HashMap<String, Option<String>>,
    // The collections that models are shown of, one by one.
    collections: HashMap<String, String>,
}

/// Fields of a listing that hold what is listed, the likeliest first.
const LISTS: &[&str] = &["entities", "results", "conversations", "userDetails", "members", "items"];
/// Where an object can say its division.
pub(super) const DIVISIONS: &[&str] = &["division", "divisionId", "divisionIds", "divisions"];
/// Models of references to whatever there is.
const REFERENCES: &[&str] =
    &["AddressableEntityRef", "DomainEntityRef", "Entity", "NamedEntity", "UriReference"];
/// Words for users in fields that do not say so.
const PEOPLE: &[&str] = &["agent", "manager", "evaluator", "owner", "assignee", "member"];

impl Facts {
    /// The facts; read once in a process.
    pub(super) fn get() -> &'static Self {
        &FACTS
    }

    fn read(operations: &str, models: &str, entities: &str) -> Self {
        let mut facts = Self {
            operations: HashMap::new(),
            models: lines::<Model>(models).map(|model| (model.name.clone(), model)).collect(),
            kinds: HashMap::new(),
            divisions: HashMap::new(),
            collections: HashMap::new(),
        };
        let Kinds { entity } = toml::from_str(entities).unwrap_or_else(|_| Kinds { entity: HashMap::new() });
        for (name, Kind { get, division }) in entity {
            let collection = get.trim_end_matches("/{id}").to_owned();
            facts.divisions.insert(collection.clone(), division);
            facts.kinds.insert(camel(&name), collection);
        }
        for operation in lines::<Operation>(operations) {
            if let (Some(collection), Some(model)) = (shows_one(&operation), &operation.response) {
                facts.collections.entry(model.clone()).or_insert_with(|| collection.to_owned());
            }
            let key = (operation.method.clone(), operation.path.split('/').count());
            facts.operations.entry(key).or_default().push(operation);
        }
        // A path with fixed words stands before one with parameters.
        for fitting in facts.operations.values_mut() {
            fitting.sort_by_key(|operation| operation.path.matches('{').count());
        }
        facts
    }

    /// The operation of a method and a path.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        let fitting = self.operations.get(&(method.to_owned(), path.split('/').count()))?;
        fitting.iter().find(|operation| fits(&operation.path, path))
    }

    /// The path of an operation that begins like this one.
    pub(super) fn begins(&self, path: &str) -> Option<&str> {
        let count = path.split('/').count();
        let fitting = self.operations.values().flatten().map(|operation| operation.path.as_str());
        let is_below = |template: &&str| template.split('/').count() > count && fits(template, path);
        // The one with the most fixed words; of equals, whichever it is says the same.
        let words =
            |template: &&str| template.split('/').take(count).filter(|part| part.starts_with('{')).count();
        fitting.filter(is_below).min_by_key(words)
    }

    /// Whether a path has things below it that are shown one by one.
    pub(super) fn is_collection(&self, path: &str) -> bool {
        self.item(path).is_some()
    }

    /// The operation that shows one of a collection.
    pub(super) fn item(&self, collection: &str) -> Option<&Operation> {
        self.find("GET", &format!("{collection}/{{}}")).filter(|operation| operation.path.ends_with('}'))
    }

    /// A model by its name.
    pub(super) fn model(&self, name: &str) -> Option<&Model> {
        self.models.get(name)
    }

    /// The field of a listing that holds what is listed, and the model of that.
    pub(super) fn listed(&self, model: &str) -> Option<(&str, &str)> {
        let fields = &self.model(model)?.fields;
        let is_list = |field: &Field| field.kind.ends_with("[]");
        let known =
            LISTS.iter().find_map(|name| fields.get_key_value(*name).filter(|(_, field)| is_list(field)));
        let (name, field) = known.or_else(|| {
            let is_paged =
                ["total", "pageSize", "totalHits", "nextUri"].iter().any(|name| fields.contains_key(*name));
            let models =
                |field: &Field| field.kind.strip_suffix("[]").is_some_and(|one| self.model(one).is_some());
            fields.iter().find(|(_, field)| is_paged && models(field))
        })?;
        Some((name, field.kind.trim_end_matches("[]")))
    }

    /// Whether what a model describes says its division.
    pub(super) fn is_divided(&self, model: &str) -> bool {
        self.model(model).is_some_and(|model| DIVISIONS.iter().any(|name| model.fields.contains_key(*name)))
    }

    /// The collections of what can be looked up.
    pub(super) fn lookups(&self) -> impl Iterator<Item = &str> {
        self.divisions.keys().map(String::as_str)
    }

    /// Whether the things of a collection are somebody's, as far as that is known without their model.
    pub(super) fn is_kind(&self, collection: &str) -> bool {
        self.divisions.contains_key(collection)
    }

    /// Whether the things of a collection are somebody's, and do not say whose.
    pub(super) fn is_silent(&self, collection: &str) -> bool {
        self.divisions.get(collection).is_some_and(Option::is_none)
    }

    /// Where the things of a collection say their division, where that is known without their model.
    pub(super) fn division_place(&self, collection: &str) -> Option<&str> {
        self.divisions.get(collection)?.as_deref()
    }

    /// Whether a model that has an id may describe a thing of another division: it says one, or is shown by itself and says
    /// one there, or refers to something. All else is a part of what it stands in.
    pub(super) fn is_elsewhere(&self, model: &str) -> bool {
        let is_shown = || self.collections.get(model).is_some_and(|collection| self.is_kind(collection));
        let word = model.strip_suffix("Reference").map(small);
        let refers = || is_user(model) || word.is_some_and(|word| self.kinds.contains_key(&word));
        REFERENCES.contains(&model) || self.is_divided(model) || is_shown() || refers()
    }

    /// The collection that a field of a model refers to: by the model, or by what the field is called.
    pub(super) fn refers_to(&self, field: &str, model: &str) -> Option<&str> {
        let told = model.strip_suffix("Reference").filter(|_| !model.starts_with("User")).map(small);
        if let Some(collection) = told.and_then(|word| self.kinds.get(&word)) {
            return Some(collection);
        }
        let singular = field.trim_end_matches("Ids").trim_end_matches("Id");
        let singular = singular.strip_suffix('s').unwrap_or(singular);
        let is_person = PEOPLE.contains(&singular) || singular.ends_with("By") || is_user(model);
        let word = if is_person { "user" } else { singular };
        let named = || self.kinds.get(word).or_else(|| self.kinds.get(field));
        self.collections.get(model).or_else(named).map(String::as_str)
    }
}

/// Whether a path begins as a template does, or the other way round.
fn fits(template: &str, path: &str) -> bool {
    let mut parts = template.split('/').zip(path.split('/'));
    parts.all(|(known, asked)| known == asked || known.starts_with('{') && !asked.is_empty())
}

/// The collection of an operation that shows one of it, at the top of the API.
fn shows_one(operation: &Operation) -> Option<&str> {
    let (collection, last) = operation.path.rsplit_once('/')?;
    let is_one = operation.method == "GET" && last.starts_with('{') && !collection.contains('{');
    is_one.then_some(collection)
}

fn is_user(model: &str) -> bool {
    matches!(model, "User" | "UserFullReference") || model.starts_with("UserReference")
}

/// `ManagementUnit` as `managementUnit`.
fn small(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    first.to_lowercase() + rest
}

/// `wrapup_code` as `wrapupCode`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(word.len().min(1));
        text.push_str(&first.to_uppercase());
        text.push_str(rest);
    }
    text
}

/// The files are the project's own: a line that is not what it should be shows in tests, as something that is not there.
fn lines<'t, T: Deserialize<'t>>(text: &'t str) -> impl Iterator<Item = T> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok())
}
