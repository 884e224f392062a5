//! Reads the catalog's files, and refuses what cannot be vouched for.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    Api, Catalog, Entity, Entry, Guarding, Shape,
    check::check,
    denied::{Denied, DeniedGroup},
    entities::{self, Entities, EntityKind},
    guarding::{self, ShapeSource},
    handles,
    jobs::{self, Job},
    masks::Masking,
    operation::{BodyModel, Operation},
    part,
    routes::Routes,
};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/policies/operations");

/// Why a catalog does not load.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The file is not what a catalog file looks like.
    #[error("catalog file `{file}` cannot be read: {why}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// What is wrong, and where.
        why: String,
    },
    /// An entry contradicts itself or another one.
    #[error("catalog entry `{operation}` does not load: {why}")]
    Refused {
        /// The operation's id.
        operation: String,
        /// What is wrong.
        why: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    operation: Vec<Operation>,
    #[serde(default)]
    job: Vec<Job>,
    #[serde(default)]
    denied: Vec<DeniedGroup>,
    #[serde(default)]
    shape: HashMap<String, ShapeSource>,
    #[serde(default)]
    entity: HashMap<Entity, EntityKind>,
}

pub(super) fn embedded() -> Result<Catalog, CatalogError> {
    load(&files())
}

/// Of all files, each with its name and length before it.
pub(super) fn digest() -> String {
    let mut digest = Sha256::new();
    for (name, text) in files() {
        digest.update(format!("{name} {}\n{text}", text.len()));
    }
    crate::secret::hex(&digest.finalize())
}

fn files() -> Vec<(&'static str, &'static str)> {
    // An editor's copy beside a file is not part of the contract.
    let written = FILES.files().filter(|file| file.path().extension().is_some_and(|kind| kind == "toml"));
    let mut files: Vec<_> =
        written.filter_map(|file| Some((file.path().to_str()?, file.contents_utf8()?))).collect();
    files.sort_unstable();
    files
}

pub(super) fn load(files: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
    let api = Api::embedded()?;
    let mut operations = Vec::new();
    let mut jobs = Vec::new();
    let mut denied = Vec::new();
    let mut sources = HashMap::new();
    let mut entities = Entities::new();
    for (name, text) in files {
        let file: File = toml::from_str(text)
            .map_err(|error| CatalogError::Unreadable { file: (*name).to_owned(), why: error.to_string() })?;
        operations.extend(file.operation);
        jobs.extend(file.job);
        for group in &file.denied {
            denied.extend(group.resolve(&api)?);
        }
        for (entity, mut kind) in file.entity {
            kind.name = entities::name(entity);
            if entities.insert(entity, kind).is_some() {
                return Err(refused(&format!("{entity:?}"), "it stands in the catalog twice".to_owned()));
            }
        }
        for (name, shape) in file.shape {
            if sources.insert(name.clone(), shape).is_some() {
                return Err(refused(&name, "its shape stands in the catalog twice".to_owned()));
            }
        }
    }
    operations.extend(jobs::operations(&jobs, &operations)?);
    for (entity, kind) in &entities {
        entities::check(kind).map_err(|why| refused(&format!("{entity:?}"), why))?;
    }
    let mut shapes = HashMap::new();
    for name in sources.keys() {
        let shape = guarding::resolve(name, &sources, 0).map_err(|why| refused(name, why))?;
        shapes.insert(name.clone(), shape);
    }
    for operation in &mut operations {
        handles::declare(operation);
        operation.expand = expand(&operation.guard, &shapes);
        let is_registered = |one: &Entity| entities.get(one).filter(|kind| kind.registered);
        let read =
            |names: Vec<Entity>| names.into_iter().filter(|one| is_registered(one).is_none()).collect();
        let names_told = names(&operation.guard, &shapes, Shape::names);
        operation.registered =
            names_told.iter().filter_map(|one| Some((*one, is_registered(one)?.name.clone()))).collect();
        operation.names = read(names_told);
        operation.shared_names = read(names(&operation.guard, &shapes, Shape::shared_names));
        operation.shows_parts = part::shown(operation, &shapes).map_err(|why| refused(&operation.id, why))?;
        locate(operation, &api)
            .and_then(|()| handles::check_cursor(operation, &shapes))
            .and_then(|()| read_as(operation, &api))
            .and_then(|()| check(operation, &shapes, &entities))
            .map_err(|why| refused(&operation.id, why))?;
    }
    handles::check(&operations)?;
    let operations: Vec<_> = operations.into_iter().map(Arc::new).collect();
    let routes = routes(&operations, &denied)?;
    let set_aside = Vec::new();
    let (entities, masking) = (Arc::new(entities), Arc::new(Masking::embedded(&api)?));
    Ok(Catalog { api, operations, set_aside, denied, shapes, entities, masking, routes })
}

pub(super) fn refused(operation: &str, why: String) -> CatalogError {
    CatalogError::Refused { operation: operation.to_owned(), why }
}

/// The table of methods and paths; nothing may stand in it twice.
pub(super) fn routes(operations: &[Arc<Operation>], denied: &[Arc<Denied>]) -> Result<Routes, CatalogError> {
    let enabled = operations.iter().map(|operation| Entry::Enabled(Arc::clone(operation)));
    let denied = denied.iter().map(|entry| Entry::Denied(Arc::clone(entry)));
    let entries: Vec<_> = enabled.chain(denied).collect();
    let mut ids = HashSet::new();
    if let Some(twice) = entries.iter().find(|entry| !ids.insert(entry.id())) {
        return Err(refused(twice.id(), "its id stands in the catalog twice".to_owned()));
    }
    Routes::of(&entries).map_err(|(path, why)| refused(&path, why))
}

/// Where it is, as the API has it; the gateway's own operations say so themselves.
fn locate(operation: &mut Operation, api: &Api) -> Result<(), String> {
    let says = !operation.method.is_empty() || !operation.path.is_empty();
    match api.operation(&operation.id) {
        Some(_) if says => Err("its method and path are the API's; do not repeat them".to_owned()),
        Some(known) => {
            known.method.clone_into(&mut operation.method);
            known.path.clone_into(&mut operation.path);
            Ok(())
        }
        None if !operation.path.starts_with("/gateway/v1/") => {
            Err("the API has no such operation, and its path is not below /gateway/v1/".to_owned())
        }
        None if !matches!(
            operation.method.as_str(),
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE"
        ) =>
        {
            Err(format!("its method `{}` is none of Genesys's", operation.method))
        }
        None => Ok(()),
    }
}

/// The model that a declared body is read as.
fn read_as(operation: &mut Operation, api: &Api) -> Result<(), String> {
    let Some(BodyModel::Declared(body)) = &mut operation.body else { return Ok(()) };
    let told = api.operation(&operation.id).and_then(|told| told.body);
    let told = told.ok_or("its body is declared, and the API's facts tell of none")?;
    let model = api.field_type(told);
    body.model =
        Some(model.ok_or_else(|| format!("`policies/api` does not hold its body's model `{told}`"))?);
    match body.misplaced(api) {
        Some(place) => Err(format!("its body's model `{told}` has no `{place}`")),
        None => Ok(()),
    }
}

/// What may be added to an answer, as its shape says.
fn expand(guard: &Guarding, shapes: &HashMap<String, Arc<Shape>>) -> Vec<String> {
    match guard {
        Guarding::List { shape, .. } | Guarding::Entity { shape } | Guarding::Items { shape } => {
            shapes.get(shape).map(|shape| shape.expand.clone()).unwrap_or_default()
        }
        Guarding::Fields { .. }
        | Guarding::Groups { .. }
        | Guarding::Handle { .. }
        | Guarding::Empty
        | Guarding::Own => Vec::new(),
    }
}

/// What an answer can name without its division, as its shape says.
fn names(
    guard: &Guarding,
    shapes: &HashMap<String, Arc<Shape>>,
    of: impl Fn(&Shape, &mut Vec<Entity>),
) -> Vec<Entity> {
    let mut names = Vec::new();
    match guard {
        Guarding::List { shape, .. }
        | Guarding::Entity { shape }
        | Guarding::Fields { shape }
        | Guarding::Items { shape } => {
            if let Some(shape) = shapes.get(shape) {
                of(shape, &mut names);
            }
        }
        // As it is grouped.
        Guarding::Groups { .. } | Guarding::Handle { .. } | Guarding::Empty | Guarding::Own => {}
    }
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::load;

    /// An entry for the operation of `/users/{userId}` and below that has the method.
    fn loads(method: &str, group: &str, rest: &str) -> Result<(), String> {
        let id = match method {
            "GET" => "getUser",
            "PATCH" => "patchUser",
            "DELETE" => "deleteUser",
            "PUT" => "putUserRoutingstatus",
            _ => "postUserInvite",
        };
        let entry = format!(
            "[[operation]]\nid = \"{id}\"\ngroups = [\"{group}\"]\nwhy = \"so\"\n{rest}\n\
             [shape.A]\ndivision = \"division.id\"\nkeep = []\n[shape.B]\nkeep = []\n\
             [entity.user]\nget = \"/api/v2/users/{{id}}\"\ndivision = \"division.id\"\n"
        );
        load(&[("a.toml", &entry)]).map(|_| ()).map_err(|error| error.to_string())
    }

    const OWNED: &str = "narrowing = { way = \"owned\", place = \"path\", name = \"userId\", entity = \"user\" }\n\
                         guard = { answer = \"entity\", shape = \"A\" }";
    const OPEN: &str =
        "narrowing = { way = \"open\", reason = \"so\" }\nguard = { answer = \"fields\", shape = \"B\" }";

    #[test]
    fn what_changes_something_is_a_write_and_proves_what_it_changes() {
        for (method, group) in
            [("GET", "reads"), ("PUT", "writes"), ("PATCH", "writes"), ("DELETE", "writes")]
        {
            assert_eq!(loads(method, group, OWNED), Ok(()), "{method} among {group}");
        }
        for (method, group, rest) in [
            ("PUT", "reads", OWNED),
            ("PATCH", "reads", OWNED),
            ("DELETE", "reads", OWNED),
            ("POST", "reads", OWNED),
            ("GET", "writes", OWNED),
            ("POST", "writes", OPEN),
            ("DELETE", "writes", OPEN),
        ] {
            assert!(loads(method, group, rest).is_err(), "{method} among {group}: {rest}");
        }
        let modelled = format!("body = \"CreateUser\"\n{OWNED}");
        assert!(loads("POST", "reads", &modelled).is_err());
    }

    #[test]
    fn a_shape_that_contradicts_itself_does_not_load() {
        let loads = |rest: &str| {
            let shapes = format!("[shape.A]\nkeep = []\n{rest}\n[shape.B]\nkeep = [\"id\"]\n");
            load(&[("a.toml", &shapes)]).map(|_| ()).map_err(|error| error.to_string())
        };
        let nested = |more: &str| format!("nested = [{{ at = \"x\", shape = \"B\", {more} }}]");
        assert_eq!(loads(&nested("holds = \"keyed\", entity = \"user\"")), Ok(()));
        for rest in [
            nested("holds = \"one\" }, { at = \"x\", holds = \"list\", shape = \"B\""),
            format!("ids = {{ x = \"user\" }}\n{}", nested("holds = \"one\"")),
            nested("holds = \"keyed\", entity = \"user\", by = \"user.id\""),
            nested("holds = \"one\", by = \"user.id\""),
        ] {
            assert!(loads(&rest).is_err(), "{rest}");
        }
    }
}
