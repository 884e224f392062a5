//! The import map: who may know whom. A module that is missing here fails too.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const LEAVES: &[&str] = &["clock", "config", "model", "secret", "web"];

/// Each module and what it may import besides itself, leaves first: nothing imports upward, surfaces and
/// capabilities do not import each other, except by the arrows drawn here.
const MAP: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("secret", &[]),
    // Knows nothing of what an entry is.
    ("tlog", &[]),
    ("model", &[]),
    ("config", &["model"]),
    ("web", &["model"]),
    ("telemetry", &["config"]),
    // Imports nothing of ours: two programs that share a table share its mistakes.
    ("simulator", &[]),
    ("policy", &["model"]),
    ("store", &["model", "secret", "tlog"]),
    ("upstream", &["clock", "model", "secret"]),
    // The catalog says which actions policies may speak of.
    ("catalog", &["policy"]),
    ("audit", &["clock", "model", "store", "tlog"]),
    // Who serves, and what a quota has left, stand in the store.
    ("cluster", &["clock", "model", "store"]),
    ("tenancy", &["model", "policy", "store"]),
    // Which division an entity is in, asked upstream and remembered; since when, kept in the store.
    ("directory", &["catalog", "store", "upstream"]),
    ("operator", &["audit", "catalog", "policy", "store", "tenancy", "tlog", "upstream"]),
    ("admin", &["operator"]),
    ("gateway", &["audit", "catalog", "cluster", "directory", "policy", "tenancy", "upstream"]),
    (
        "app",
        &[
            "admin",
            "audit",
            "catalog",
            "cluster",
            "directory",
            "gateway",
            "operator",
            "policy",
            "store",
            "telemetry",
            "tenancy",
            "tlog",
            "upstream",
        ],
    ),
    ("cli", &["app", "catalog", "operator", "simulator", "store", "telemetry", "tlog"]),
];

/// Above these the leaves are open to all.
const CLOSED_TO_LEAVES: &[&str] =
    &["clock", "config", "model", "secret", "web", "telemetry", "simulator", "policy", "store"];

/// Each heavy crate, and the modules that may import it.
const IMPORTERS: &[(&str, &[&str])] = &[
    ("redis", &["cluster"]),
    // In `model` as a derive alone, see below.
    ("sqlx", &["model", "store"]),
    ("reqwest", &["cli", "upstream"]),
    ("cedar_policy", &["policy"]),
    ("axum", &["admin", "app", "simulator", "web"]),
    ("clap", &["cli", "simulator"]),
    ("figment", &["config"]),
    ("anyhow", &["app", "cli", "simulator", "telemetry", "upstream"]),
];

struct Source {
    module: String,
    file: PathBuf,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files
        .into_iter()
        .filter_map(|file| {
            let inside = file.strip_prefix(&root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let module = first.trim_end_matches(".rs").to_owned();
            let code = code_of(&fs::read_to_string(&file).unwrap());
            (module != "lib" && module != "main").then_some(Source { module, file, code })
        })
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

// Without comments: a sentence may point anywhere.
fn code_of(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

// The modules that `crate::name` and `crate::{name::…, other}` name.
fn imported(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (start, path) in code.match_indices("crate::") {
        let rest = &code[start + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group)),
            None => names.extend(first_word(rest)),
        }
    }
    names
}

fn members(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut member = String::new();
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.extend(first_word(std::mem::take(&mut member).trim())),
            _ if depth == 0 => member.push(character),
            _ => {}
        }
    }
    names.extend(first_word(member.trim()));
    names
}

fn first_word(text: &str) -> Option<String> {
    let word: String =
        text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    (!word.is_empty()).then_some(word)
}

fn allowed(module: &str) -> Option<BTreeSet<&'static str>> {
    let (_, listed) = MAP.iter().find(|(name, _)| *name == module)?;
    let leaves = if CLOSED_TO_LEAVES.contains(&module) { &[] } else { LEAVES };
    Some(listed.iter().chain(leaves).copied().collect())
}

fn violations(source: &Source) -> Vec<String> {
    let Some(allowed) = allowed(&source.module) else {
        return vec![format!("`{}` is not on the map", source.module)];
    };
    imported(&source.code)
        .into_iter()
        .filter(|name| *name != source.module && !allowed.contains(name.as_str()))
        .map(|name| format!("{}: `{}` may not import `{name}`", source.file.display(), source.module))
        .collect()
}

#[test]
fn modules_import_downward_only() {
    let found: Vec<_> = sources().iter().flat_map(violations).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_module_of_the_map_exists() {
    let there: BTreeSet<_> = sources().into_iter().map(|source| source.module).collect();
    let missing: Vec<_> = MAP.iter().filter(|(name, _)| !there.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn heavy_crates_have_one_importer() {
    for (heavy, importers) in IMPORTERS {
        for source in sources() {
            let path = format!("{heavy}::");
            let names = source.code.match_indices(&path).any(|(at, _)| {
                !source.code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            });
            assert!(
                !names || importers.contains(&source.module.as_str()),
                "{}: only {importers:?} may import `{heavy}`",
                source.file.display()
            );
        }
    }
}

#[test]
fn the_model_knows_no_database() {
    for source in sources().into_iter().filter(|source| source.module == "model") {
        let uses = source.code.matches("sqlx::").count() - source.code.matches("sqlx::Type").count();
        assert_eq!(uses, 0, "{}: only `sqlx::Type` is derived here", source.file.display());
    }
}

#[test]
fn the_map_finds_what_is_planted() {
    let planted = |module: &str, code: &str| {
        let source =
            Source { module: module.to_owned(), file: PathBuf::from("planted.rs"), code: code.to_owned() };
        violations(&source).len()
    };
    assert_eq!(planted("gateway", "use crate::operator::Desk;"), 1);
    assert_eq!(planted("gateway", "use crate::{clock::Clock, admin::{a, operator}, model};"), 1);
    assert_eq!(planted("simulator", "let x = crate::model::KeyId;"), 1);
    assert_eq!(planted("store", "use crate::{\n    model::{Key, audit},\n};"), 0);
    assert_eq!(planted("unheard_of", ""), 1);
}
