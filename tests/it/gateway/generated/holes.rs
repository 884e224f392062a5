//! Holes in the catalog, planted on purpose: the suite finds every one. What cannot fail proves nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ringfence::catalog::{BodyModel, Catalog, FieldType, Guarding, Holds, Narrowing, Operation};
use serde_json::json;
use toml::{Table, Value};

use super::suite::{Suite, told};

/// How many operations get each hole.
const OF_EACH: usize = 2;

/// The catalog's files, to be changed.
struct Files(BTreeMap<String, Table>);

impl Files {
    fn read() -> Self {
        let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/operations")).unwrap();
        let file = |path: std::path::PathBuf| {
            let text = fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text.parse().unwrap())
        };
        Self(folder.map(|entry| file(entry.unwrap().path())).collect())
    }

    fn operation(&mut self, id: &str) -> &mut Table {
        let lists = self.0.values_mut().filter_map(|file| file.get_mut("operation")?.as_array_mut());
        let mut all = lists.flatten().filter_map(Value::as_table_mut);
        all.find(|one| one["id"].as_str() == Some(id)).unwrap()
    }

    fn ids(&self) -> BTreeSet<String> {
        let lists = self.0.values().filter_map(|file| file.get("operation")?.as_array());
        lists.flatten().filter_map(|one| Some(one.get("id")?.as_str()?.to_owned())).collect()
    }

    fn catalog(&self) -> Catalog {
        let texts: Vec<_> = self.0.iter().map(|(name, file)| (name.as_str(), written(file))).collect();
        let files: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Catalog::from_files(&files).unwrap()
    }
}

/// Runs the suite over operations that each have a hole, and demands that it finds all of them.
async fn assert_found(files: &Files, holed: &[String]) {
    assert!(!holed.is_empty());
    let findings =
        Suite::start(|| files.catalog()).await.run(|one| holed.iter().any(|id| **id == *one.id)).await;
    let missed: Vec<_> = holed.iter().filter(|id| !findings.failures.contains_key(*id)).collect();
    assert!(missed.is_empty(), "not found: {missed:?}; found: {:#}", told(&findings.failures));
}

/// Some of the operations of each way of narrowing and each guard.
fn some_of_each(fits: impl Fn(&Operation) -> bool) -> Vec<String> {
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut chosen = Vec::new();
    // What follows from a query has no entry of its own.
    let written: BTreeSet<String> = Files::read().ids();
    let is_proved =
        |one: &Operation| super::UNTESTED.lines().all(|line| line != &*one.id) && written.contains(&*one.id);
    for operation in
        Catalog::embedded().unwrap().operations().iter().filter(|one| is_proved(one) && fits(one))
    {
        let (narrowing, guard) = (json!(operation.narrowing), json!(operation.guard));
        let looked_up = operation.narrowing.looked_up().count();
        let sort = format!("{} {} {} {looked_up}", narrowing["way"], narrowing["place"], guard["answer"]);
        let count = counted.entry(sort).or_default();
        *count += 1;
        if *count <= OF_EACH {
            chosen.push(operation.id.to_string());
        }
    }
    chosen
}

/// Nothing is narrowed, and nothing is checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_of_any_way_that_is_opened_is_found() {
    let catalog = Catalog::embedded().unwrap();
    let holed = some_of_each(|one| {
        // Upstream has no such id as a handle is, so what opens without one finds nothing.
        let is_fenced = !matches!(
            one.narrowing,
            Narrowing::Own { .. } | Narrowing::Open { .. } | Narrowing::Handle { .. }
        );
        let told = catalog.api().operation(&one.id).and_then(|told| told.response);
        one.method == "GET" && is_fenced && told.is_some_and(|told| catalog.api().model_named(told).is_some())
    });
    let mut files = Files::read();
    for id in &holed {
        let operation = catalog.operations().iter().find(|one| *one.id == **id).unwrap();
        let told = catalog.api().operation(id).unwrap().response.unwrap();
        let model = catalog.api().model_named(told).unwrap();
        let keep = model.fields().iter().map(|field| Value::from(field.name)).collect::<Vec<_>>();
        let shape: Table = [("keep".to_owned(), Value::from(keep))].into_iter().collect();
        let name = format!("Hole{id}");
        let shapes = files.0.get_mut("shapes.toml").unwrap()["shape"].as_table_mut().unwrap();
        shapes.insert(name.clone(), Value::from(shape));
        let entry = files.operation(&operation.id);
        entry.insert("narrowing".to_owned(), table(json!({"way": "open", "reason": "a hole"})));
        entry.insert("guard".to_owned(), table(json!({"answer": "fields", "shape": name})));
        entry.remove("cursor");
        if let Some(query) = entry.get_mut("query").and_then(Value::as_array_mut) {
            query.retain(|one| one["is"].as_str() != Some("expand"));
        }
    }
    assert_found(&files, &holed).await;
}

/// What stands above a list is not looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_that_is_not_looked_up_is_found() {
    let holed = some_of_each(|one| {
        matches!(
            one.narrowing,
            Narrowing::Listed { parent: Some(_) } | Narrowing::DivisionQuery { parent: Some(_), .. }
        )
    });
    let mut files = Files::read();
    for id in &holed {
        files.operation(id)["narrowing"].as_table_mut().unwrap().remove("parent").unwrap();
    }
    assert_found(&files, &holed).await;
}

/// Other things that stand in what is shown are kept as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nested_thing_that_nobody_judges_is_found() {
    let mut files = Files::read();
    let mut opened = BTreeSet::new();
    for file in files.0.values_mut() {
        for (name, shape) in file.get_mut("shape").and_then(Value::as_table_mut).into_iter().flatten() {
            let shape = shape.as_table_mut().unwrap();
            if shape.contains_key("division") && shape.contains_key("nested") {
                let nested = shape.remove("nested").unwrap();
                let places = nested.as_array().unwrap().iter().map(|one| one["at"].clone());
                shape["keep"].as_array_mut().unwrap().extend(places);
                opened.insert(name.clone());
            }
        }
    }
    let catalog = Catalog::embedded().unwrap();
    let holed = some_of_each(|one| {
        let (Guarding::List { shape: name, .. } | Guarding::Entity { shape: name }) = &one.guard else {
            return false;
        };
        let shape = catalog.shape(name).unwrap();
        // Where those that are shown have a division of their own.
        let is_judged = shape.nested.iter().any(|nested| {
            nested.holds != Holds::One
                && nested.shape.division.is_some()
                && says_division(&catalog, one, &nested.at)
        });
        opened.contains(name) && is_judged && one.method == "GET" && !name.contains("Conversation")
    });
    assert_found(&files, &holed).await;
}

/// What a body names is not looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reference_that_nobody_looks_up_is_found() {
    // What stands in an object of its own is refused even where nobody declares it.
    let refers = |one: &Operation| match &one.body {
        Some(BodyModel::Declared(body)) => {
            !body.references.is_empty()
                && body.references.iter().all(|one| one.at.rsplit('.').next() != Some("id"))
        }
        Some(_) | None => false,
    };
    let holed = some_of_each(refers);
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
    if !holed.is_empty() {
        assert_found(&files, &holed).await;
    }
}

fn table(value: serde_json::Value) -> Value {
    Value::try_from(value).unwrap()
}

/// A file, each of its keys on a line.
fn written(file: &Table) -> String {
    let lines: Vec<_> = file.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
    lines.join("\n")
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => json!(text).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{} = {}", json!(key), inline(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Integer(number) => number.to_string(),
        Value::Boolean(is) => is.to_string(),
        Value::Float(_) | Value::Datetime(_) => panic!("the catalog holds no {value:?}"),
    }
}

/// Whether the models say that what stands at a place of what is shown has a division.
fn says_division(catalog: &Catalog, operation: &Operation, place: &str) -> bool {
    let api = catalog.api();
    let model = |kind: &FieldType| {
        let inner = if let FieldType::List(item) | FieldType::Map(item) = kind { item } else { kind };
        if let FieldType::Model(id) = inner { api.model(*id) } else { None }
    };
    let shown = api.operation(&operation.id).and_then(|told| api.model_named(told.response?)).unwrap();
    let item = if let Guarding::List { collection, .. } = &operation.guard {
        shown.field(collection).and_then(|field| model(&field.r#type))
    } else {
        Some(shown)
    };
    let nested = item.and_then(|item| item.field(place)).and_then(|field| model(&field.r#type));
    nested.is_some_and(|nested| nested.field("division").is_some() && nested.field("id").is_some())
}
