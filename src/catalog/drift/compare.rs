//! The comparison: operation by operation, and field by field of the models that enabled operations need.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Change, ChangedOperation, Drift, ModelDrift, OperationDrift,
    swagger::{self, Described, DescribedField, DescribedOperation},
};
use crate::catalog::{Api, ApiOperation, Catalog, Field, FieldType, Model};

/// What differs between the catalog's facts and a document.
pub(super) fn compare(catalog: &Catalog, described: &Described) -> Drift {
    let api = catalog.api();
    let enabled: BTreeMap<&str, &ApiOperation> =
        catalog.declared().filter_map(|one| Some((&*one.id, api.operation(&one.id)?))).collect();
    let mut drift = Drift::default();
    drift.compare_operations(api, &enabled, described);
    drift.compare_models(api, &enabled, described);
    drift.deny();
    drift
}

impl Drift {
    fn compare_operations(
        &mut self,
        api: &Api,
        enabled: &BTreeMap<&str, &ApiOperation>,
        described: &Described,
    ) {
        let mut known = BTreeSet::new();
        for fact in api.operations() {
            let key = (fact.method, swagger::nameless(fact.path));
            let entry = |changes| OperationDrift {
                operation: fact.id.to_owned(),
                method: fact.method.to_owned(),
                path: fact.path.to_owned(),
                enabled: enabled.contains_key(fact.id),
                changes,
            };
            match described.operations.get(&key) {
                None => self.gone.push(entry(Vec::new())),
                Some(is) => {
                    let changes = operation_changes(fact, is);
                    if !changes.is_empty() {
                        self.changed.push(entry(changes));
                    }
                }
            }
            known.insert(key);
        }
        let new = described.operations.iter().filter(|(key, _)| !known.contains(*key));
        self.new.extend(new.map(|((method, _), is)| OperationDrift {
            operation: is.id.clone(),
            method: (*method).to_owned(),
            path: is.path.clone(),
            enabled: false,
            changes: Vec::new(),
        }));
    }

    fn compare_models(&mut self, api: &Api, enabled: &BTreeMap<&str, &ApiOperation>, described: &Described) {
        let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut sent = BTreeSet::new();
        for (id, operation) in enabled {
            for name in made_of(api, operation.body) {
                users.entry(name).or_default().insert(id);
                sent.insert(name);
            }
            for name in made_of(api, operation.response) {
                users.entry(name).or_default().insert(id);
            }
        }
        for (name, operations) in users {
            let Some(model) = api.model_named(name) else { continue };
            let changes = model_changes(api, model, sent.contains(name), described);
            if !changes.is_empty() {
                let operations = operations.into_iter().map(str::to_owned).collect();
                self.models.push(ModelDrift { model: name.to_owned(), changes, operations });
            }
        }
    }

    fn deny(&mut self) {
        let mut denied: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for gone in self.gone.iter().filter(|gone| gone.enabled) {
            denied.entry(&gone.operation).or_default().push("gone".to_owned());
        }
        for changed in self.changed.iter().filter(|changed| changed.enabled) {
            denied
                .entry(&changed.operation)
                .or_default()
                .extend(changed.changes.iter().map(Change::to_string));
        }
        for model in &self.models {
            for operation in &model.operations {
                denied.entry(operation).or_default().extend(model.changes.iter().map(Change::to_string));
            }
        }
        let one =
            |(operation, changes): (&str, _)| ChangedOperation { operation: operation.to_owned(), changes };
        self.denied = denied.into_iter().map(one).collect();
    }
}

/// The names of the models that a body or an answer is made of.
fn made_of<'a>(api: &'a Api, written: Option<&str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<FieldType> = written.and_then(|written| api.field_type(written)).into_iter().collect();
    while let Some(next) = open.pop() {
        let Some(model) = api.model_of(&next).filter(|model| found.insert(model.name)) else { continue };
        open.extend(model.fields().iter().map(|field| field.r#type.clone()));
    }
    found
}

fn operation_changes(was: &ApiOperation, is: &DescribedOperation) -> Vec<Change> {
    let mut changes = Vec::new();
    let told =
        |r#type: &str, required: bool| if required { format!("{type}, required") } else { r#type.to_owned() };
    for parameter in &was.query {
        let now = is.query.get(parameter.name).map(|now| told(&now.r#type, now.required));
        let before = Some(told(parameter.r#type, parameter.required));
        changes.extend(Change::of(format!("query.{}", parameter.name), before, now));
    }
    for (name, now) in &is.query {
        if !was.query.iter().any(|parameter| parameter.name == name) {
            changes.extend(Change::of(format!("query.{name}"), None, Some(told(&now.r#type, now.required))));
        }
    }
    changes.extend(Change::of("body".to_owned(), was.body.map(plain), is.body.clone()));
    changes.extend(Change::of("answer".to_owned(), was.response.map(plain), is.response.clone()));
    changes
}

/// As the document's types are written.
fn plain(written: &str) -> String {
    if written == "Empty" { "any" } else { written }.to_owned()
}

fn model_changes(api: &Api, model: &Model, sent: bool, described: &Described) -> Vec<Change> {
    let Some(now) = described.models.get(model.name) else {
        return Change::of(model.name.to_owned(), Some("a model".to_owned()), None).into_iter().collect();
    };
    let mut names: BTreeSet<&str> = model.fields().iter().map(|field| field.name).collect();
    names.extend(now.keys().map(String::as_str));
    let mut changes = Vec::new();
    for name in names {
        let place = format!("{}.{name}", model.name);
        match (model.field(name), now.get(name)) {
            (Some(was), Some(is)) => changes.extend(field_change(api, place, was, is, sent)),
            (Some(was), None) => {
                changes.extend(Change::of(place, Some(api.written(&was.r#type)), None));
            }
            (None, Some(is)) => changes.extend(Change::of(place, None, Some(is.r#type.clone()))),
            (None, None) => {}
        }
    }
    changes
}

/// Of fields that are only ever read, the catalog does not say which Genesys demands.
fn field_change(api: &Api, place: String, was: &Field, is: &DescribedField, sent: bool) -> Option<Change> {
    let mut before = plain(&api.written(&was.r#type));
    let mut now = is.r#type.clone();
    if let FieldType::Enum(words) = &was.r#type {
        let gone = words.iter().filter(|word| !is.words.iter().any(|one| one == *word));
        before.extend(gone.map(|word| format!(" `{word}`")));
    }
    // Of the words that a list may hold, it says nothing either.
    if matches!(was.r#type, FieldType::Enum(_) | FieldType::Text) {
        let known = |word: &String| matches!(&was.r#type, FieldType::Enum(words) if words.contains(&&**word));
        now.extend(is.words.iter().filter(|word| !known(word)).map(|word| format!(" `{word}`")));
    }
    if sent {
        for (flag, was, is) in
            [("required", was.required, is.required), ("read-only", was.read_only, is.read_only)]
        {
            before.extend(was.then(|| format!(", {flag}")));
            now.extend(is.then(|| format!(", {flag}")));
        }
    }
    Change::of(place, Some(before), Some(now))
}
