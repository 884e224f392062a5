//! Whether what is handed out, and what opens it, fit together.

use std::{collections::HashMap, sync::Arc};

use super::{
    CatalogError, Foreign, Guarding, Holds, Narrowing, Nested, Place, Shape,
    loader::refused,
    operation::{Operation, Parameter, ParameterKind},
};

/// What nobody hands out, nobody could open.
pub(super) fn check(operations: &[Operation]) -> Result<(), CatalogError> {
    let handed_out = |wanted: &str| {
        let begins = |one: &&Operation| matches!(&one.guard, Guarding::Handle { kind, .. } if kind == wanted);
        operations.iter().find(begins)
    };
    for operation in operations {
        let Narrowing::Handle { kind, .. } = &operation.narrowing else { continue };
        let Some(begins) = handed_out(kind) else {
            return Err(refused(&operation.id, format!("no operation hands out `{kind}`")));
        };
        if operation.guard.grouping().is_some_and(|groups| begins.guard.grouping() != Some(groups)) {
            let why = format!("its groups are not those that `{}` may ask for", begins.id);
            return Err(refused(&operation.id, why));
        }
    }
    Ok(())
}

/// Whether an operation that a handle opens has its places.
pub(super) fn check_one(operation: &Operation, name: &str, cursor: Option<&str>) -> Result<(), String> {
    if !operation.path.contains(&format!("{{{name}}}")) {
        return Err(format!("its path has no parameter `{name}`"));
    }
    if matches!(operation.guard, Guarding::Empty) != operation.is_write() {
        return Err(
            "what ends something says no more than that it was done, and nothing else does".to_owned()
        );
    }
    let Some(cursor) = cursor else { return Ok(()) };
    let passes = |parameter: &Parameter| {
        parameter.name == cursor && matches!(parameter.is, ParameterKind::Text { .. })
    };
    if !operation.query.iter().any(passes) {
        return Err(format!("its query has no text `{cursor}`"));
    }
    if let Guarding::List { keep, totals, links, .. } = &operation.guard
        && [keep, totals, links].iter().any(|list| list.iter().any(|field| field == cursor))
    {
        return Err(format!("its cursor `{cursor}` also passes as it is"));
    }
    Ok(())
}

/// Pages that cursors turn are Genesys's own.
const SHORT: &str = "what is left out of a page would show by its length";

/// Whether what stands in a list is left out where it is another's.
fn leaves_out(nested: &Nested) -> bool {
    matches!(nested.holds, Holds::List) && (nested.entity.is_some() || nested.shape.division.is_some())
}

/// Genesys's own, sealed, is not longer.
const MAX_CURSOR: usize = 4_096;

/// A cursor is a parameter of the query, which nobody needs to write down twice.
pub(super) fn declare(operation: &mut Operation) {
    let Some(cursor) = &operation.cursor else { return };
    let is = ParameterKind::Text { max: MAX_CURSOR };
    operation.query.push(Parameter { name: cursor.parameter.clone(), is });
}

/// Whether a list's cursor is handed out sealed alone, and by what knows where it belongs.
pub(super) fn check_cursor(
    operation: &Operation,
    shapes: &HashMap<String, Arc<Shape>>,
) -> Result<(), String> {
    let Some(cursor) = &operation.cursor else { return Ok(()) };
    if operation.method != "GET" {
        return Err("what has a cursor is a GET".to_owned());
    }
    let is_narrowed = matches!(
        operation.narrowing,
        Narrowing::Listed { .. }
            | Narrowing::DivisionQuery { .. }
            | Narrowing::Owned { place: Place::Path, entity: Some(_), .. }
    );
    if !is_narrowed {
        return Err(format!("{:?} does not say whose its pages are", operation.narrowing));
    }
    let at = cursor.at.as_deref().and_then(|at| at.split('.').next());
    let told: Vec<&str> = at.into_iter().chain(["nextUri", "previousUri", "selfUri"]).collect();
    let is_told = |name: &String| told.contains(&name.as_str());
    let shown = match &operation.guard {
        Guarding::List { foreign: Foreign::Drop, .. }
            if !matches!(operation.narrowing, Narrowing::Listed { .. }) =>
        {
            return Err(SHORT.to_owned());
        }
        Guarding::List { keep, totals, links, .. } => {
            [keep, totals, links].into_iter().flatten().find(|name| is_told(name)).cloned()
        }
        Guarding::Fields { shape } => {
            let shape = shapes.get(shape).ok_or_else(|| format!("there is no shape `{shape}`"))?;
            if shape.nested.iter().any(leaves_out) {
                return Err(SHORT.to_owned());
            }
            told.iter().find(|name| shape.keeps(name)).map(|name| (*name).to_owned())
        }
        Guarding::Entity { .. }
        | Guarding::Groups { .. }
        | Guarding::Handle { .. }
        | Guarding::Items { .. }
        | Guarding::Empty
        | Guarding::Own => return Err("its answer is no list".to_owned()),
    };
    match shown {
        Some(name) => Err(format!("its cursor also passes as it is, in `{name}`")),
        None => Ok(()),
    }
}
