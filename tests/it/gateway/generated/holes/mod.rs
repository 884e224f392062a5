//! Holes, planted on purpose: the suite finds every one. What cannot fail proves nothing.
//!
//! Here they are planted in the catalog or in what is granted, at run time. Those that only the program itself can have are
//! in `tests/holes/generated`, and planted by `tests/holes.sh`.

mod files;
mod guards;
mod ways;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ringfence::catalog::{Catalog, Guarding, Narrowing, Operation};
use serde_json::json;

use self::files::Files;
use super::suite::{Findings, Suite, told};

/// How many operations get each hole.
const OF_EACH: usize = 2;
/// What the suite says of an answer with another's in it, or that would be another with other divisions' data.
const LEAK: &str = "of another division|other divisions' data";
/// What it says where another's is asked for or made.
const EFFECT: &str = "with another division|in other divisions";
/// What it says where what is another's is taken for the tenant's own.
const REACH: &str = "passes|from a missing one|from what is missing";

/// Runs the suite over operations that each have a hole, and demands that it finds all of them.
async fn assert_found(files: &Files, holed: &[String], told_as: &[&str]) {
    let suite = Suite::start(|| files.catalog()).await;
    assert_told(&suite.run(|one| holed.iter().any(|id| **id == *one.id)).await, holed, told_as);
}

/// Each of these was told as one of these sentences says.
fn assert_told(findings: &Findings, holed: &[String], told_as: &[&str]) {
    assert!(!holed.is_empty());
    let is_told =
        |why: &String| told_as.iter().flat_map(|all| all.split('|')).any(|words| why.contains(words));
    let is_found = |id: &&String| findings.failures.get(*id).is_some_and(|all| all.iter().any(is_told));
    let missed: Vec<_> = holed.iter().filter(|id| !is_found(id)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}; found:{}", told(&findings.failures));
}

/// Some of the operations of each way of narrowing and each guard, of reads and of writes.
fn some_of_each(fits: impl Fn(&Operation) -> bool) -> Vec<String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    let is_proved = |one: &Operation| super::UNTESTED.lines().all(|line| line != &*one.id);
    for operation in
        Catalog::embedded().unwrap().operations().iter().filter(|one| is_proved(one) && fits(one))
    {
        let (narrowing, looked_up) = (json!(operation.narrowing), operation.narrowing.looked_up().count());
        let (way, answer) = fences(operation);
        let sort = format!("{way} {} {answer} {looked_up} {}", narrowing["place"], operation.is_write());
        let count = counted.entry(sort).or_default();
        *count += 1;
        if *count <= OF_EACH {
            chosen.push(operation.id.to_string());
        }
    }
    chosen
}

/// The way in which an operation is narrowed, and the way in which its answer is checked.
fn fences(operation: &Operation) -> (String, String) {
    (operation.narrowing.way().to_owned(), json!(operation.guard)["answer"].as_str().unwrap().to_owned())
}

/// The operations that holes in the program itself are found by: those in how requests are narrowed, or in how answers are
/// checked.
fn found_by(fence: &str) -> BTreeSet<String> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/holes/generated")).unwrap();
    let texts = folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let texts = texts.filter(|text| text.contains(&format!("Hole in: {fence}\n")));
    let ids = |text: String| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("Found as: "));
        lines.map(|line| line.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    texts.flat_map(ids).collect()
}

/// A way or a guard that is new has to have its hole: for reads and, where it has them, for writes.
#[test]
fn every_way_and_every_guard_has_a_hole() {
    let catalog = Catalog::embedded().unwrap();
    let (mut ways, mut guards) = (found_by("narrowing"), found_by("guard"));
    ways.extend(ways::all());
    guards.extend(guards::all());
    let (mut narrowed, mut checked) = (BTreeMap::new(), BTreeMap::new());
    for one in catalog.operations() {
        let (way, guard) = fences(one);
        // What is open has nothing to narrow, and what the gateway says itself is nobody else's: `own_surface`.
        if !matches!(one.narrowing, Narrowing::Open { .. } | Narrowing::Own { .. }) {
            *narrowed.entry((way, one.is_write())).or_default() |= ways.contains(&*one.id);
        }
        if !matches!(one.guard, Guarding::Own) {
            *checked.entry(guard).or_default() |= guards.contains(&*one.id);
        }
    }
    narrowed.retain(|_, is_holed: &mut bool| !*is_holed);
    checked.retain(|_, is_holed: &mut bool| !*is_holed);
    assert!(narrowed.is_empty(), "no hole was planted in these, reads or writes: {narrowed:?}");
    assert!(checked.is_empty(), "no hole was planted in these: {checked:?}");
}
