//! The ways in which an answer is checked.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    entities::Entity,
    name_set::NameSet,
    part::PartOf,
    shared::{self, Shared, SharedSource},
};

/// How an answer is checked; carried out by `gateway::guard`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Guarding {
    /// An object with a collection of entities.
    List {
        /// The collection's field.
        collection: String,
        /// The entities' shape.
        shape: String,
        /// What a foreign entity means.
        foreign: Foreign,
        /// Other fields that stay.
        #[serde(default)]
        keep: Vec<String>,
        /// Counts that upstream narrowed; removed as soon as it proves that it did not.
        #[serde(default)]
        totals: Vec<String>,
        /// Links, which stay relative.
        #[serde(default)]
        links: Vec<String>,
        /// Counts by the values of a dimension.
        #[serde(default)]
        facets: Option<Facets>,
    },
    /// One entity.
    Entity {
        /// Its shape.
        shape: String,
    },
    /// An object without a division.
    Fields {
        /// What of it stays.
        shape: String,
    },
    /// A list of groups of what was counted; whom a group names must be the tenant's own.
    Groups {
        /// The list's field.
        collection: String,
        /// What of a group's numbers stays.
        shape: String,
        /// Dimensions whose values name nothing foreign.
        plain: Vec<String>,
        /// Dimensions whose values are ids, and what they name.
        named: BTreeMap<String, Named>,
    },
    /// The id of what was begun, handed out sealed.
    Handle {
        /// What it is of.
        kind: String,
        /// The id's field.
        field: String,
        /// What the groups that it leads to may be by: none that names anybody, because the pages of what was begun are
        /// upstream's, and show by their length what is left out of them.
        #[serde(default)]
        plain: Vec<String>,
    },
    /// A bare list.
    Items {
        /// What of each stays: entities that are the tenant's own, or parts.
        shape: String,
    },
    /// It says no more than that it was done.
    Empty,
    /// The gateway made it.
    Own,
}

/// Dimensions that may be grouped by: those whose values name nothing foreign, and those whose values are ids.
pub type Grouping<'g> = (&'g [String], &'g BTreeMap<String, Named>);

pub(super) static NOBODY: BTreeMap<String, Named> = BTreeMap::new();

impl Guarding {
    /// What the answer, or that of what it begins, may be grouped by.
    pub fn grouping(&self) -> Option<Grouping<'_>> {
        match self {
            Self::Groups { plain, named, .. } => Some((plain, named)),
            Self::Handle { plain, .. } => Some((plain, &NOBODY)),
            Self::List { .. }
            | Self::Entity { .. }
            | Self::Fields { .. }
            | Self::Items { .. }
            | Self::Empty
            | Self::Own => None,
        }
    }
}

/// What the values of a dimension name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// Users.
    User,
    /// Queues.
    Queue,
    /// Flows.
    Flow,
    /// Divisions.
    Division,
}

impl Named {
    /// What they name that has to be looked up; a division says itself.
    pub fn entity(self) -> Option<Entity> {
        match self {
            Self::User => Some(Entity::User),
            Self::Queue => Some(Entity::Queue),
            Self::Flow => Some(Entity::Flow),
            Self::Division => None,
        }
    }
}

/// Counts that a caller may ask for beside a list.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Facets {
    /// The field, in the request and in the answer.
    pub at: String,
    /// Dimensions whose values name nothing foreign, even where an entity is shared with other divisions.
    pub dimensions: Vec<String>,
}

/// What it means that a list holds a foreign entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Foreign {
    /// Upstream could not filter: it is dropped.
    Drop,
    /// Upstream was told to leave it out: it is dropped, counted and alerted.
    Violation,
}

/// What of an entity a tenant is shown; see `policies/operations/shapes.toml`.
#[derive(Debug, Clone, Serialize)]
pub struct Shape {
    /// Where the entity says whose it is: field names from the outside in, to its division, to its own id where it is
    /// registered, or to what it is a part of. A shape without one is a part of the entity
    /// that it stands in.
    pub division: Option<Vec<String>>,
    /// What it shows, where that carries no division: its `id` says whether it is registered as the tenant's.
    pub registered: Option<Entity>,
    /// What it is a part of, where it stands below that.
    pub part_of: Option<PartOf>,
    /// Fields that say something about this entity alone.
    pub keep: NameSet,
    /// Fields that hold ids of what does not say its division, one or a list, and what they name: they are held against all
    /// that the tenant has of that.
    pub ids: BTreeMap<String, Entity>,
    /// Places where other entities stand.
    pub nested: Vec<Nested>,
    /// Which of them are shown only when asked for by `expand`.
    pub expand: Vec<String>,
    /// The fields of the stub of an entity that belongs to foreign divisions too; without them it is foreign.
    pub partial: Option<Vec<String>>,
    /// What is shown of it where it is redacted, and of the parts that it consists of.
    pub shared: Option<Shared>,
}

impl Shape {
    /// The kinds of what it names without their division.
    pub(super) fn names(&self, found: &mut Vec<Entity>) {
        found.extend(self.ids.values());
        found.extend(self.registered);
        for nested in &self.nested {
            found.extend(nested.entity);
            nested.shape.names(found);
        }
    }

    /// The kinds that tell whose the parts of a shared one are.
    pub(super) fn shared_names(&self, found: &mut Vec<Entity>) {
        if let Some(shared) = &self.shared {
            found.extend(shared.whose.iter().map(|(_, entity)| *entity));
            self.nested.iter().for_each(|nested| nested.shape.shared_names(found));
            self.names(found);
        }
    }

    /// Whether a field stays as it stands.
    pub fn keeps(&self, field: &str) -> bool {
        self.keep.contains(field)
    }
}

/// A place inside an entity where other entities stand.
#[derive(Debug, Clone, Serialize)]
pub struct Nested {
    /// The field.
    pub at: String,
    /// How they stand there.
    pub holds: Holds,
    /// What they name, where they do not say their division: they are held against all that the tenant has of that.
    pub entity: Option<Entity>,
    /// Where the id of what they name stands in them: field names from the outside in.
    pub by: Vec<String>,
    /// Their shape.
    #[serde(skip)]
    pub shape: Arc<Shape>,
}

/// How nested entities stand in their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// One object.
    One,
    /// An array of objects.
    List,
    /// An object whose values are entities.
    Map,
    /// An object whose values are somebody's, and whose field names are the ids of whose they are.
    Keyed,
}

/// A shape as it is written, its nested shapes still names.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShapeSource {
    #[serde(default)]
    division: Option<String>,
    #[serde(default)]
    registered: Option<Entity>,
    #[serde(default)]
    part_of: Option<PartOf>,
    keep: Vec<String>,
    #[serde(default)]
    ids: BTreeMap<String, Entity>,
    #[serde(default)]
    nested: Vec<NestedSource>,
    #[serde(default)]
    expand: Vec<String>,
    #[serde(default)]
    partial: Option<Vec<String>>,
    #[serde(default)]
    shared: Option<SharedSource>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NestedSource {
    at: String,
    holds: Holds,
    shape: String,
    #[serde(default)]
    entity: Option<Entity>,
    #[serde(default)]
    by: Option<String>,
}

// Shapes refer to one another; a circle would never end.
const MAX_DEPTH: usize = 8;

/// Puts the shapes that `name` refers to in their places.
pub(super) fn resolve(
    name: &str,
    sources: &HashMap<String, ShapeSource>,
    depth: usize,
) -> Result<Arc<Shape>, String> {
    let source = sources.get(name).ok_or_else(|| format!("there is no shape `{name}`"))?;
    if depth > MAX_DEPTH {
        return Err(format!("shape `{name}` contains itself"));
    }
    let said = [source.registered.is_some(), source.division.is_some(), source.part_of.is_some()];
    if said.iter().filter(|is_said| **is_said).count() > 1 {
        return Err(format!("shape `{name}` says twice whose it is"));
    }
    // What is kept as it stands is not looked into.
    let looked_into = || source.nested.iter().map(|nested| &nested.at).chain(source.ids.keys());
    if let Some(both) = looked_into().find(|at| source.keep.contains(at)) {
        return Err(format!("shape `{name}` both keeps and looks into `{both}`"));
    }
    let mut places = HashSet::new();
    if let Some(twice) = looked_into().find(|at| !places.insert(*at)) {
        return Err(format!("shape `{name}` says twice how `{twice}` is judged"));
    }
    let is_shown = |part: &&String| source.keep.contains(part) || looked_into().any(|at| at == *part);
    if let Some(hidden) = source.expand.iter().find(|part| !is_shown(part)) {
        return Err(format!("shape `{name}` expands `{hidden}`, which it does not show"));
    }
    let nested = source
        .nested
        .iter()
        .map(|nested| {
            let shape = resolve(&nested.shape, sources, depth + 1)?;
            if shape.part_of.is_some() || nested.entity.is_some() && shape.division.is_some() {
                return Err(format!("shape `{name}` says twice how `{}` is judged", nested.at));
            }
            if nested.entity.is_none() && nested.by.is_some() {
                return Err(format!("shape `{name}` does not say what `{}` is judged by", nested.at));
            }
            if nested.by.is_some() && matches!(nested.holds, Holds::Keyed) {
                return Err(format!(
                    "shape `{name}` judges `{}` by its names, and by what stands in it",
                    nested.at
                ));
            }
            if nested.entity.is_none() && matches!(nested.holds, Holds::Keyed) {
                return Err(format!("shape `{name}` does not say what the names in `{}` are", nested.at));
            }
            let by = nested.by.as_deref().unwrap_or("id").split('.').map(str::to_owned).collect();
            Ok(Nested { at: nested.at.clone(), holds: nested.holds, entity: nested.entity, by, shape })
        })
        .collect::<Result<_, String>>()?;
    // SECURITY: what is registered is judged by its id, as everything else is by its division.
    let part = source.part_of.as_ref().map(|part| part.at.as_str());
    let place = source.registered.map_or(source.division.as_deref().or(part), |_| Some("id"));
    let shape = Shape {
        division: place.map(|place| place.split('.').map(str::to_owned).collect()),
        registered: source.registered,
        part_of: source.part_of.clone(),
        keep: NameSet::from(source.keep.clone()),
        ids: source.ids.clone(),
        nested,
        expand: source.expand.clone(),
        partial: source.partial.clone(),
        shared: source.shared.as_ref().map(Shared::from),
    };
    shared::check(&shape).map_err(|why| format!("shape `{name}` {why}"))?;
    Ok(Arc::new(shape))
}
