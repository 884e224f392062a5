//! Whether an entry can be vouched for: what it says of a request and of its answer must fit together.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    Foreign, Guarding, Narrowing, OwnAnswer, Place, Shape,
    entities::Entities,
    handles,
    operation::{BodyModel, Operation, Parameter, ParameterKind},
    registered,
};

/// An entry whose halves do not fit together could let an answer through unchecked.
pub(super) fn check(
    operation: &Operation,
    shapes: &HashMap<String, Arc<Shape>>,
    entities: &Entities,
) -> Result<(), String> {
    if operation.why.trim().is_empty() {
        return Err("it does not say why".to_owned());
    }
    let sorts = ["reads", "writes"].iter().filter(|sort| operation.groups.iter().any(|group| group == *sort));
    if sorts.count() != 1 {
        return Err("its groups must hold exactly one of `reads` and `writes`".to_owned());
    }
    check_effect(operation)?;
    check_repeats(operation)?;
    check_halves(operation)?;
    registered::check(operation, shapes, entities)?;
    check_named(operation, entities)?;
    if let Some(entity) =
        operation.names.iter().find(|one| entities.get(one).is_none_or(|kind| kind.all.is_none()))
    {
        return Err(format!("nothing says how all of {entity:?} are found, which its answer names"));
    }
    if let Guarding::Groups { named, .. } = &operation.guard {
        let mut grouped = named.values().filter_map(|named| named.entity());
        if let Some(entity) = grouped.find(|one| entities.get(one).is_none_or(|kind| kind.all.is_none())) {
            return Err(format!("nothing says how all of {entity:?} are found, which its groups name"));
        }
    }
    for (name, entity) in operation.narrowing.looked_up() {
        if !operation.path.contains(&format!("{{{name}}}")) {
            return Err(format!("its path has no parameter `{name}`"));
        }
        if !entities.contains_key(&entity) {
            return Err(format!("nothing says how {entity:?} is looked up"));
        }
    }
    match &operation.guard {
        Guarding::List { shape, .. } | Guarding::Entity { shape } => match shapes.get(shape) {
            None => return Err(format!("its guard names the unknown shape `{shape}`")),
            Some(known) if known.division.is_none() => {
                return Err(format!("its guard names the shape `{shape}`, which does not say its division"));
            }
            Some(_) => {}
        },
        // Such a shape would be taken for a fence that nobody looks at.
        Guarding::Fields { shape } | Guarding::Groups { shape, .. } => match shapes.get(shape) {
            None => return Err(format!("its guard names the unknown shape `{shape}`")),
            Some(known) if known.division.is_some() && !registered::makes(operation, known.registered) => {
                return Err(format!("its guard does not look at the division that `{shape}` shows"));
            }
            Some(_) => {}
        },
        Guarding::Items { shape } if !shapes.contains_key(shape) => {
            return Err(format!("its guard names the unknown shape `{shape}`"));
        }
        Guarding::Items { .. } | Guarding::Handle { .. } | Guarding::Empty | Guarding::Own => {}
    }
    let mut names = HashSet::new();
    if let Some(twice) = operation.query.iter().find(|parameter| !names.insert(&parameter.name)) {
        return Err(format!("its query parameter `{}` stands there twice", twice.name));
    }
    let expands = operation.query.iter().any(|parameter| matches!(parameter.is, ParameterKind::Expand));
    if expands && operation.expand.is_empty() {
        return Err("its shape lists nothing that `expand` may add".to_owned());
    }
    Ok(())
}

/// What is taken for a read is sent again, and is not recorded before it is sent.
fn check_effect(operation: &Operation) -> Result<(), String> {
    let model = matches!(
        operation.body,
        Some(
            BodyModel::ConversationQuery
                | BodyModel::UserSearchRequest
                | BodyModel::AggregationQuery
                | BodyModel::ActivityQuery
                | BodyModel::ObservationQuery
                | BodyModel::Declared(_)
        )
    );
    match operation.method.as_str() {
        "GET" | "HEAD" if operation.is_write() => Err("what changes something is no GET".to_owned()),
        "PUT" | "PATCH" | "DELETE" if !operation.is_write() => {
            Err("its method changes something, so it belongs to `writes`".to_owned())
        }
        "POST" if !operation.is_write() && !model => {
            Err("a POST among `reads` needs the model of a query".to_owned())
        }
        _ if operation.is_write() && !proves(operation) => {
            Err(format!("{:?} does not prove what is changed", operation.narrowing))
        }
        _ => Ok(()),
    }
}

/// What is kept of an answer is given out again as it was: no handle, which may open no more, and no secret.
fn check_repeats(operation: &Operation) -> Result<(), String> {
    let is_kept = !matches!(operation.guard, Guarding::Handle { .. } | Guarding::Own);
    if operation.idempotency_key && !(operation.method == "POST" && operation.is_write() && is_kept) {
        return Err("only a POST that changes something itself takes an `Idempotency-Key`".to_owned());
    }
    Ok(())
}

/// Whether what a write changes, or where it makes something, is known to be the tenant's own before it is sent.
fn proves(operation: &Operation) -> bool {
    matches!(
        (&operation.narrowing, &operation.guard),
        (
            Narrowing::Owned { place: Place::Path, entity: Some(_), .. }
                | Narrowing::OwnedDivision
                | Narrowing::Registered { .. }
                // The caller's own.
                | Narrowing::Own { answer: OwnAnswer::RotateKey },
            _,
        ) | (Narrowing::Handle { .. }, Guarding::Empty)
            | (
                Narrowing::DivisionPredicate | Narrowing::Membership { .. } | Narrowing::DivisionField,
                Guarding::Handle { .. }
            )
    )
}

/// What a body names can be looked up.
fn check_named(operation: &Operation, entities: &Entities) -> Result<(), String> {
    let listed = operation.query.iter().filter_map(Parameter::names);
    if let Some(entity) = { listed }.find(|one| !entities.contains_key(one)) {
        return Err(format!("nothing says how {entity:?} is looked up, which its query names"));
    }
    let Some(BodyModel::Declared(body)) = &operation.body else { return Ok(()) };
    match body.references.iter().find(|one| !entities.contains_key(&one.entity)) {
        Some(one) => Err(format!("nothing says how {:?} is looked up, which its body names", one.entity)),
        None => Ok(()),
    }
}

/// What is narrowed by all that the tenant has of a kind.
fn check_counted(operation: &Operation, dimension: &str, is_looked_at: bool) -> Result<(), String> {
    if !is_looked_at {
        return Err(format!("its guard does not look at whom `{dimension}` names"));
    }
    match operation.body {
        Some(BodyModel::AggregationQuery | BodyModel::ActivityQuery | BodyModel::ObservationQuery) => Ok(()),
        _ => Err("its body is none of a query that counts".to_owned()),
    }
}

/// What is narrowed in the body.
fn check_divided(operation: &Operation) -> Result<(), String> {
    let is_field = matches!(operation.narrowing, Narrowing::DivisionField);
    match &operation.body {
        None => Err("what is narrowed in the body needs the body's model".to_owned()),
        Some(BodyModel::Declared(body)) if is_field && body.divisions.is_none() => {
            Err("its body does not say where the divisions stand".to_owned())
        }
        Some(BodyModel::Declared(body)) if !is_field && body.division.is_none() => {
            Err("its body does not say where the division stands".to_owned())
        }
        Some(BodyModel::Declared(_)) => Ok(()),
        Some(_) if is_field => Err("its body does not say where the divisions stand".to_owned()),
        Some(_) => Ok(()),
    }
}

fn check_halves(operation: &Operation) -> Result<(), String> {
    if let Narrowing::Owned { entity: None, also, .. } = &operation.narrowing
        && !also.is_empty()
    {
        return Err("what stands beside what is not looked up would not be looked up either".to_owned());
    }
    match (&operation.narrowing, &operation.guard) {
        (Narrowing::DivisionQuery { parameter, .. }, Guarding::List { .. }) => {
            if operation.query.iter().any(|other| &other.name == parameter) {
                return Err(format!("its division parameter `{parameter}` also passes as it is"));
            }
        }
        (
            Narrowing::Handle { name, cursor, .. },
            Guarding::List { .. } | Guarding::Groups { .. } | Guarding::Fields { .. } | Guarding::Empty,
        ) => return handles::check_one(operation, name, cursor.as_deref()),
        (
            Narrowing::DivisionPredicate,
            Guarding::List { .. } | Guarding::Groups { .. } | Guarding::Handle { .. },
        )
        | (Narrowing::DivisionField, Guarding::List { .. } | Guarding::Handle { .. })
        | (Narrowing::OwnedDivision, Guarding::Entity { .. }) => return check_divided(operation),
        (Narrowing::Membership { dimension, entity }, Guarding::Groups { named, .. }) => {
            let is_looked_at = named.get(dimension).and_then(|named| named.entity()) == Some(*entity);
            check_counted(operation, dimension, is_looked_at)?;
        }
        (Narrowing::Membership { .. }, Guarding::Handle { .. })
            if matches!(operation.body, Some(BodyModel::AsyncAggregationQuery)) => {}
        // By itself.
        (Narrowing::Registered { .. }, _)
        | (Narrowing::Translate { .. }, Guarding::List { .. })
        | (Narrowing::Open { .. }, Guarding::Fields { .. } | Guarding::Items { .. })
        | (Narrowing::Own { .. }, Guarding::Own)
        | (
            Narrowing::Owned { place: Place::Path, entity: Some(_), .. },
            Guarding::Entity { .. } | Guarding::Fields { .. } | Guarding::Items { .. } | Guarding::Empty,
        )
        | (Narrowing::Listed { .. }, Guarding::List { foreign: Foreign::Drop, .. }) => {}
        (Narrowing::Owned { place: Place::Path, name, entity: None, .. }, Guarding::Entity { .. }) => {
            if !operation.path.contains(&format!("{{{name}}}")) {
                return Err(format!("its path has no parameter `{name}`"));
            }
            if operation.is_write() {
                return Err("what is changed must be looked up first".to_owned());
            }
        }
        (
            Narrowing::Owned { place: Place::Query, name, entity: None, .. },
            Guarding::List { foreign: Foreign::Drop, .. },
        ) => {
            if !operation.query.iter().any(|parameter| &parameter.name == name) {
                return Err(format!("its query has no parameter `{name}`"));
            }
        }
        (narrowing, guard) => {
            return Err(format!("the guard {guard:?} does not check what {narrowing:?} asks for"));
        }
    }
    Ok(())
}
