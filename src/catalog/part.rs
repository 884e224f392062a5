//! What stands below something of the tenant's, and is judged by its own word that it belongs there.

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Guarding, NameSet, Narrowing, Place, Shape, operation::Operation};

/// How a part says what it belongs to: that the path names both does not say that they belong together.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PartOf {
    /// The field that holds the id of what the path names first, which was looked up.
    pub at: String,
    /// A list of all that it belongs to, where there may be several: it must name nothing else.
    #[serde(default)]
    pub all: Option<String>,
    /// A field, and the words that may stand in it: of another kind, it is not shown.
    #[serde(default)]
    pub kind: Option<PartKind>,
}

/// The kinds of part that are shown.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PartKind {
    /// The field.
    pub at: String,
    /// The words.
    pub of: NameSet,
}

/// Whether what its answer shows is judged so, and can be.
pub(super) fn shown(operation: &Operation, shapes: &HashMap<String, Arc<Shape>>) -> Result<bool, String> {
    let shape = match &operation.guard {
        Guarding::List { shape, .. }
        | Guarding::Entity { shape }
        | Guarding::Fields { shape }
        | Guarding::Items { shape }
        | Guarding::Groups { shape, .. } => shapes.get(shape),
        Guarding::Handle { .. } | Guarding::Empty | Guarding::Own => None,
    };
    if shape.is_none_or(|shape| shape.part_of.is_none()) {
        return Ok(false);
    }
    let is_below =
        matches!(operation.narrowing, Narrowing::Owned { place: Place::Path, entity: Some(_), .. });
    if is_below && matches!(operation.guard, Guarding::Entity { .. } | Guarding::Items { .. }) {
        Ok(true)
    } else {
        Err("it shows what is a part of something, and nothing is looked up that this could be of".to_owned())
    }
}
