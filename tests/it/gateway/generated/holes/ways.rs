//! Requests that are not narrowed as they must be.

use std::collections::BTreeSet;

use ringfence::{
    catalog::{BodyModel, Catalog, Guarding, Narrowing},
    simulator::{ALPHA, BETA},
};
use serde_json::json;
use toml::Value;

use super::{
    super::suite::Suite,
    EFFECT, LEAK, REACH, assert_found, assert_told,
    files::{Files, table},
    some_of_each,
};

/// All operations whose requests get a hole.
pub(super) fn all() -> BTreeSet<String> {
    [fenced(), opened(), below_others(), referring()].into_iter().flatten().collect()
}

/// Some of every way, as far as there is anything to narrow, and to be seen: of a job, how far it is shows nothing.
fn fenced() -> Vec<String> {
    some_of_each(|one| {
        let is_fenced = !matches!(one.narrowing, Narrowing::Own { .. } | Narrowing::Open { .. });
        let is_about_job = matches!(one.narrowing, Narrowing::Handle { .. })
            && matches!(one.guard, Guarding::Fields { .. } | Guarding::Empty);
        let is_read_job = matches!(one.guard, Guarding::Handle { .. }) && !one.is_write();
        is_fenced && !is_about_job && !is_read_job
    })
}

/// The wrong divisions are permitted: whatever way a request is narrowed in, it is narrowed to another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fence_around_anothers_division_is_found_whatever_way_it_is_put_up() {
    let holed = fenced();
    let suite = Suite::start_granting([BETA, ALPHA], || Catalog::embedded().unwrap()).await;
    let findings = suite.run(|one| holed.iter().any(|id| **id == *one.id)).await;
    assert_told(&findings, &holed, &[LEAK, REACH, EFFECT]);
}

/// Reads that have an entry of their own: what is changed must be looked up, or the catalog does not load. Upstream has no
/// such id as a handle is, so what opens without one finds nothing.
fn opened() -> Vec<String> {
    let (catalog, written) = (Catalog::embedded().unwrap(), Files::read().ids());
    some_of_each(|one| {
        let is_fenced = !matches!(
            one.narrowing,
            Narrowing::Own { .. } | Narrowing::Open { .. } | Narrowing::Handle { .. }
        );
        let told = catalog.api().operation(&one.id).and_then(|told| told.response);
        let is_told = told.is_some_and(|told| catalog.api().model_named(told).is_some());
        one.method == "GET" && is_fenced && is_told && written.contains(&*one.id)
    })
}

/// Nothing is narrowed, and nothing is checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_of_any_way_that_is_opened_is_found() {
    let catalog = Catalog::embedded().unwrap();
    let holed = opened();
    let mut files = Files::read();
    for id in &holed {
        let operation = catalog.operations().iter().find(|one| *one.id == **id).unwrap();
        let told = catalog.api().operation(id).unwrap().response.unwrap();
        let model = catalog.api().model_named(told).unwrap();
        let name = files.add_shape(id, model.fields().iter().map(|field| field.name));
        let entry = files.operation(&operation.id);
        entry.insert("narrowing".to_owned(), table(json!({"way": "open", "reason": "a hole"})));
        entry.insert("guard".to_owned(), table(json!({"answer": "fields", "shape": name})));
        entry.remove("cursor");
        if let Some(query) = entry.get_mut("query").and_then(Value::as_array_mut) {
            query.retain(|one| one["is"].as_str() != Some("expand"));
        }
    }
    assert_found(&files, &holed, &[LEAK, REACH]).await;
}

/// Those below something that is looked up beside what is narrowed.
fn below_others() -> Vec<String> {
    some_of_each(|one| match &one.narrowing {
        Narrowing::Owned { also, .. } | Narrowing::Registered { also, .. } => !also.is_empty(),
        Narrowing::Listed { parent } | Narrowing::DivisionQuery { parent, .. } => parent.is_some(),
        Narrowing::DivisionPredicate
        | Narrowing::Membership { .. }
        | Narrowing::DivisionField
        | Narrowing::OwnedDivision
        | Narrowing::Handle { .. }
        | Narrowing::Translate { .. }
        | Narrowing::Open { .. }
        | Narrowing::Own { .. } => false,
    })
}

/// What else the path names, above what is narrowed or beside it, is not looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_that_is_not_looked_up_is_found() {
    let holed = below_others();
    let mut files = Files::read();
    for id in &holed {
        let narrowing = files.operation(id)["narrowing"].as_table_mut().unwrap();
        assert!(narrowing.remove("parent").is_some() | narrowing.remove("also").is_some());
    }
    assert_found(&files, &holed, &[LEAK, REACH]).await;
}

/// Those whose bodies name others.
fn referring() -> Vec<String> {
    // What stands in an object of its own is refused even where nobody declares it.
    some_of_each(|one| match &one.body {
        Some(BodyModel::Declared(body)) => {
            !body.references.is_empty()
                && body.references.iter().all(|one| one.at.rsplit('.').next() != Some("id"))
        }
        Some(_) | None => false,
    })
}

/// What a body names is not looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_that_nobody_looks_up_is_found() {
    let holed = referring();
    let mut files = Files::read();
    for id in &holed {
        let body = files.operation(id)["body"].as_table_mut().unwrap();
        let references = body.remove("references").unwrap();
        let places: Vec<_> = references.as_array().unwrap().iter().map(|one| one["at"].clone()).collect();
        body.entry("plain")
            .or_insert_with(|| Value::Array(Vec::new()))
            .as_array_mut()
            .unwrap()
            .extend(places);
    }
    assert_found(&files, &holed, &[REACH]).await;
}
