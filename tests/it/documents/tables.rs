//! Reference tables and what they list: neither has more than the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ringfence::{catalog::Catalog, config::Config};
use serde_json::Value;

use super::{Document, code, files, read, root};

const MATRIX: &str = "it__admin__matrix__each_role_does_what_is_its_own_and_no_more.snap";

/// The first cell of each row, without its backticks.
fn listed(document: &Document) -> BTreeSet<String> {
    document.rows().iter().flat_map(|row| code(&row[0])).map(str::to_owned).collect()
}

/// All string literals below a folder of the source that start with `prefix` and go on in lower case.
fn literals(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            literals(&path, prefix, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for rest in text.split(&format!("\"{prefix}")).skip(1) {
            let Some((word, _)) = rest.split_once('"') else { continue };
            let plain =
                word.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_');
            if plain && !word.is_empty() {
                found.insert(format!("{prefix}{word}"));
            }
        }
    }
}

#[test]
fn every_setting_is_explained_with_its_default() {
    let rows = read("docs/operators.md").section("## Configuration").rows();
    let explained: BTreeMap<_, _> =
        rows.iter().map(|row| (code(&row[0])[0].to_owned(), row[1].clone())).collect();
    let mut real = BTreeMap::new();
    for (section, keys) in serde_json::to_value(Config::default()).unwrap().as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            let default = if *value == Value::Null { "none".to_owned() } else { format!("`{value}`") };
            real.insert(format!("{section}.{key}"), default);
        }
    }
    assert_eq!(explained, real);
}

#[test]
fn every_error_code_is_explained() {
    let mut real = BTreeSet::new();
    literals(&root().join("src/gateway"), "ringfence.", &mut real);
    let tenants = listed(&read("docs/tenants.md").section("## Errors"));
    let auditors = listed(&read("docs/auditors.md").section("## Outcome codes"));
    let explained: BTreeSet<_> =
        tenants.union(&auditors).filter(|code| code.starts_with("ringfence.")).cloned().collect();
    assert_eq!(explained, real);
}

#[test]
fn every_metric_is_explained() {
    let mut real = BTreeSet::new();
    literals(&root().join("src"), "ringfence_", &mut real);
    assert_eq!(listed(&read("docs/operators.md").section("## Probes and metrics")), real);
}

#[test]
fn every_enabled_operation_is_explained_by_itself_or_by_its_area() {
    let catalog = Catalog::embedded().unwrap();
    let mut explained = BTreeSet::new();
    for row in read("docs/tenants.md").section("## Operations").rows() {
        for name in code(&row[0]) {
            if let Some(one) = catalog.operations().iter().find(|one| *one.id == *name) {
                assert_eq!(code(&row[1]), [&one.path], "{name}");
            } else {
                let is_area = |group: &String| *group == name;
                let in_use = catalog.operations().iter().any(|one| one.groups.iter().any(is_area));
                assert!(in_use, "nothing is called `{name}`");
            }
            explained.insert(name.to_owned());
        }
    }
    for operation in catalog.operations() {
        let by_area = operation.groups.iter().any(|group| explained.contains(group));
        assert!(by_area || explained.contains(&*operation.id), "{}", operation.id);
    }
}

#[test]
fn every_policy_template_is_explained() {
    let stem = |file: &PathBuf| file.file_stem().unwrap().to_str().unwrap().to_owned();
    let real: BTreeSet<_> = files(&root().join("policies/templates")).iter().map(stem).collect();
    let section = read("docs/operators.md").section("## The admin API");
    let explained = listed(&section).into_iter().filter(|name| !name.contains(' ')).collect::<BTreeSet<_>>();
    assert_eq!(explained, real);
}

/// Held against the matrix that the admin API's own tests keep: it has every route, and what each role is answered.
#[test]
fn every_admin_route_is_explained_with_its_roles() {
    let snapshot = read(&format!("tests/it/admin/snapshots/{MATRIX}"));
    let mut real = BTreeSet::new();
    for line in snapshot.text.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [method, path, "401", auditor, operator, admin] = words.as_slice() else { continue };
        if admin.starts_with('2') {
            let may = [admin, operator, auditor].map(|status| status.starts_with('2'));
            real.insert((format!("{method} /admin/v1{path}"), may));
        }
    }
    assert!(real.len() > 10, "the matrix has another form");
    let rows = read("docs/operators.md").section("## The admin API").rows();
    let explained: BTreeSet<_> = rows
        .iter()
        .filter(|row| row.len() == 5)
        .map(|row| {
            let may = [&row[2], &row[3], &row[4]].map(|cell| cell == "yes");
            (code(&row[0])[0].to_owned(), may)
        })
        .collect();
    assert_eq!(explained, real);
}

/// A table is what the tests say. With `RINGFENCE_WRITE_DOCUMENTS` set, it is written instead.
fn assert_generated(path: &str, heading: &str, real: &str) {
    let document = read(path);
    let shown = document.section(heading).text;
    let start = shown.find("\n|").unwrap() + 1;
    if std::env::var_os("RINGFENCE_WRITE_DOCUMENTS").is_some() {
        let end = start + shown[start..].find("\n\n").map_or(shown.len() - start, |end| end + 1);
        let text = document.text.replace(&shown, &format!("{}{real}{}", &shown[..start], &shown[end..]));
        fs::write(&document.path, text).unwrap();
        return;
    }
    assert!(shown[start..].starts_with(real), "run this test with RINGFENCE_WRITE_DOCUMENTS=1 set: {path}");
}

#[test]
fn each_attack_stands_with_its_answer_as_it_is_tested() {
    let real = crate::gateway::attacks::table();
    assert_generated("docs/security.md", "## Attacks and their answers", &real);
}

#[test]
fn each_case_of_http_2_stands_with_its_answer_as_it_is_tested() {
    let real = crate::gateway::conformance::table();
    assert_generated("docs/http2.md", "## Cases", &real);
}
