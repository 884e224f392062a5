//! The catalog's files, with holes in them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ringfence::catalog::Catalog;
use serde_json::json;
use toml::{Table, Value};

/// The catalog's files, to be changed.
pub(super) struct Files(pub(super) BTreeMap<String, Table>);

impl Files {
    pub(super) fn read() -> Self {
        let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/policies/operations")).unwrap();
        let file = |path: std::path::PathBuf| {
            let text = fs::read_to_string(&path).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text.parse().unwrap())
        };
        Self(folder.map(|entry| file(entry.unwrap().path())).collect())
    }

    pub(super) fn operation(&mut self, id: &str) -> &mut Table {
        let lists = self.0.values_mut().filter_map(|file| file.get_mut("operation")?.as_array_mut());
        let mut all = lists.flatten().filter_map(Value::as_table_mut);
        all.find(|one| one["id"].as_str() == Some(id)).unwrap()
    }

    /// A shape that shows these fields, whatever they hold; gives its name.
    pub(super) fn add_shape<'f>(&mut self, id: &str, fields: impl Iterator<Item = &'f str>) -> String {
        let keep = fields.map(Value::from).collect::<Vec<_>>();
        let shape: Table = [("keep".to_owned(), Value::from(keep))].into_iter().collect();
        let name = format!("Hole{id}");
        let shapes = self.0.get_mut("shapes.toml").unwrap()["shape"].as_table_mut().unwrap();
        shapes.insert(name.clone(), Value::from(shape));
        name
    }

    pub(super) fn ids(&self) -> BTreeSet<String> {
        let lists = self.0.values().filter_map(|file| file.get("operation")?.as_array());
        lists.flatten().filter_map(|one| Some(one.get("id")?.as_str()?.to_owned())).collect()
    }

    pub(super) fn catalog(&self) -> Catalog {
        let texts: Vec<_> = self.0.iter().map(|(name, file)| (name.as_str(), written(file))).collect();
        let files: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Catalog::from_files(&files).unwrap()
    }
}

/// A value of the catalog.
pub(super) fn table(value: serde_json::Value) -> Value {
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
