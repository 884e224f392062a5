//! Answers that are not checked as they must be.

use std::collections::BTreeSet;

use ringfence::catalog::{Catalog, FieldType, Guarding, Holds, Narrowing, Operation};
use toml::{Table, Value};

use super::{LEAK, assert_found, files::Files, some_of_each};

/// All operations whose answers get a hole.
pub(super) fn all() -> BTreeSet<String> {
    [nesting(), grouped(), listing()].into_iter().flatten().collect()
}

/// Those in whose answers things stand that have a division of their own.
fn nesting() -> Vec<String> {
    let catalog = Catalog::embedded().unwrap();
    some_of_each(|one| {
        let (Guarding::List { shape: name, .. }
        | Guarding::Entity { shape: name }
        | Guarding::Fields { shape: name }
        | Guarding::Items { shape: name }) = &one.guard
        else {
            return false;
        };
        let is_judged = catalog.shape(name).unwrap().nested.iter().any(|nested| {
            nested.holds != Holds::One
                && nested.shape.division.is_some()
                && says_division(&catalog, one, &nested.at)
        });
        is_judged && one.method == "GET" && !name.contains("Conversation")
    })
}

/// Other things that stand in what is shown are kept as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_thing_that_nobody_judges_is_found() {
    let mut files = Files::read();
    for file in files.0.values_mut() {
        for (_, shape) in file.get_mut("shape").and_then(Value::as_table_mut).into_iter().flatten() {
            let shape = shape.as_table_mut().unwrap();
            if let Some(nested) = shape.remove("nested") {
                let places = nested.as_array().unwrap().iter().map(|one| one["at"].clone());
                shape["keep"].as_array_mut().unwrap().extend(places);
            }
        }
    }
    assert_found(&files, &nesting(), &[LEAK]).await;
}

/// Those whose groups may name somebody.
fn grouped() -> Vec<String> {
    some_of_each(|one| {
        // The simulated organisation counts a conversation in the divisions of its queues alone.
        matches!(&one.guard, Guarding::Groups { named, .. } if named.contains_key("queueId"))
            && matches!(one.narrowing, Narrowing::DivisionPredicate)
            && !one.id.contains("Conversations")
    })
}

/// Whom a group names is not held against what the tenant has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_anothers_queue_that_nobody_judges_is_found() {
    let (mut files, holed) = (Files::read(), grouped());
    for id in &holed {
        let guard = files.operation(id)["guard"].as_table_mut().unwrap();
        let named = guard.insert("named".to_owned(), Value::from(Table::new())).unwrap();
        let named = named.as_table().unwrap().keys().map(|name| Value::from(name.as_str()));
        guard["plain"].as_array_mut().unwrap().extend(named);
    }
    assert_found(&files, &holed, &[LEAK]).await;
}

/// Those that show bare lists of what has a division of its own.
fn listing() -> Vec<String> {
    let catalog = Catalog::embedded().unwrap();
    some_of_each(|one| {
        let Guarding::Items { shape } = &one.guard else { return false };
        one.method == "GET" && catalog.shape(shape).unwrap().division.is_some()
    })
}

/// What stands in a bare list is passed on, whosever it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_nobody_judges_is_found() {
    let (catalog, mut files, holed) = (Catalog::embedded().unwrap(), Files::read(), listing());
    for id in &holed {
        let told = catalog.api().operation(id).and_then(|told| told.response).unwrap();
        let model = catalog.api().model_named(told.trim_end_matches("[]")).unwrap();
        let name = files.add_shape(id, model.fields().iter().map(|field| field.name));
        files.operation(id)["guard"]["shape"] = Value::from(name);
    }
    assert_found(&files, &holed, &[LEAK]).await;
}

/// Whether the models say that what stands at a place of what is shown has a division.
fn says_division(catalog: &Catalog, operation: &Operation, place: &str) -> bool {
    let api = catalog.api();
    let model = |kind: &FieldType| {
        let inner = if let FieldType::List(item) | FieldType::Map(item) = kind { item } else { kind };
        if let FieldType::Model(id) = inner { api.model(*id) } else { None }
    };
    let told = api.operation(&operation.id).and_then(|told| told.response).unwrap();
    let Some(shown) = api.model_named(told.trim_end_matches("[]")) else { return false };
    let item = if let Guarding::List { collection, .. } = &operation.guard {
        shown.field(collection).and_then(|field| model(&field.r#type))
    } else {
        Some(shown)
    };
    let nested = item.and_then(|item| item.field(place)).and_then(|field| model(&field.r#type));
    nested.is_some_and(|nested| nested.field("division").is_some() && nested.field("id").is_some())
}
