//! What is shown of an entity that other divisions have a part in, such as a conversation that was transferred to another
//! client's queue.
//!
//! It is a list of what stays, never of what goes: a field that is not named here is removed, also one that Genesys adds
//! to the API tomorrow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{entities::Entity, guarding::Holds, guarding::Shape, name_set::NameSet};

/// What of one object stays, by whose it is.
#[derive(Debug, Clone, Serialize)]
pub struct Shared {
    /// Fields that stay whoever's it is: when something happened, and of what kind it was.
    pub any: NameSet,
    /// Fields that stay in addition where all that is named in it is the tenant's own, and something is.
    pub own: NameSet,
    /// Places that say whose it is, field names from the outside in, and what they name.
    pub whose: Vec<(Vec<String>, Entity)>,
    /// A field without one of these words is nobody's own, whatever else is named: a customer belongs to all who serve him.
    pub among: Option<(String, NameSet)>,
}

/// As it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SharedSource {
    any: Vec<String>,
    #[serde(default)]
    own: Vec<String>,
    #[serde(default)]
    whose: BTreeMap<String, Entity>,
    #[serde(default)]
    among: Option<Among>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Among {
    field: String,
    words: Vec<String>,
}

impl From<&SharedSource> for Shared {
    fn from(source: &SharedSource) -> Self {
        let place = |place: &String| place.split('.').map(str::to_owned).collect();
        let among = source.among.as_ref();
        Self {
            any: source.any.clone().into(),
            own: source.own.clone().into(),
            whose: source.whose.iter().map(|(at, entity)| (place(at), *entity)).collect(),
            among: among.map(|among| (among.field.clone(), among.words.clone().into())),
        }
    }
}

/// What of it would show more than the whole, or could not be judged.
pub(super) fn check(shape: &Shape) -> Result<(), String> {
    let Some(shared) = &shape.shared else { return Ok(()) };
    let nested = |field: &str| shape.nested.iter().find(|nested| nested.at == field);
    let shown =
        |field: &String| shape.keeps(field) || shape.ids.contains_key(field) || nested(field).is_some();
    let named: Vec<String> =
        Vec::from(shared.any.clone()).into_iter().chain(Vec::from(shared.own.clone())).collect();
    if let Some(hidden) = named.iter().find(|field| !shown(field)) {
        return Err(format!("shows `{hidden}` of what divisions share, and not of the tenant's own"));
    }
    if shape.division.is_some() && !shared.own.is_empty() {
        return Err("belongs to several divisions: nothing of it is the tenant's alone".to_owned());
    }
    let is_part = |holds: Holds| matches!(holds, Holds::One | Holds::List);
    if let Some(other) = shape.nested.iter().find(|one| one.shape.shared.is_some() && !is_part(one.holds)) {
        return Err(format!(
            "holds parts of what divisions share in `{}`, which is no list of them",
            other.at
        ));
    }
    Ok(())
}
