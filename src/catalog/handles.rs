//! Whether what is handed out, and what opens it, fit together.

use super::{
    CatalogError, Guarding, Narrowing,
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
