//! `policies/api` is what `tools/api.py` writes, and holds what the enabled operations need.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use ringfence::catalog::Catalog;

use crate::support::command::{Directory, stderr, stdout};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs the tool on an SDK, for the small catalog of `tests/api`.
fn tool(sdk: &Path, out: &Path, check: &[&str]) -> Output {
    let ours = root().join("tests/api");
    let mut command = Command::new("python3");
    command.arg(root().join("tools/api.py")).args(check).arg("--sdk").arg(sdk).arg("--out").arg(out);
    command.arg("--catalog").arg(ours.join("catalog")).arg("--told").arg(ours.join("told"));
    command.output().unwrap()
}

/// A copy of the small SDK in which one text of one file is another.
fn altered(folder: &Directory, file: &str, from: &str, to: &str) -> std::path::PathBuf {
    let sdk = folder.path().join("sdk");
    for part in ["apis", "models"] {
        fs::create_dir_all(sdk.join(part)).unwrap();
        for entry in fs::read_dir(root().join("tests/api/sdk").join(part)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), sdk.join(part).join(entry.file_name())).unwrap();
        }
    }
    let path = sdk.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no `{from}`");
    fs::write(&path, text.replace(from, to)).unwrap();
    sdk
}

#[test]
fn the_tool_writes_what_an_sdk_says_and_checks_it() {
    let expected = root().join("tests/api/expected");
    let checked = tool(&root().join("tests/api/sdk"), &expected, &["--check"]);
    assert!(checked.status.success(), "{}{}", stdout(&checked), stderr(&checked));

    let folder = Directory::new();
    let written = tool(&root().join("tests/api/sdk"), folder.path(), &[]);
    assert!(written.status.success(), "{}", stderr(&written));
    for file in ["operations.jsonl", "models.jsonl"] {
        let text = fs::read_to_string(folder.path().join(file)).unwrap();
        assert_eq!(text, fs::read_to_string(expected.join(file)).unwrap(), "{file}");
    }
}

#[test]
fn an_sdk_that_says_something_else_does_not_pass_the_check() {
    let folder = Directory::new();
    let sdk = altered(&folder, "models/maker.py", "'score': 'float'", "'score': 'int'");
    let checked = tool(&sdk, &root().join("tests/api/expected"), &["--check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(stdout(&checked).ends_with("models.jsonl: differs\n"), "{}", stdout(&checked));
}

#[test]
fn an_sdk_that_cannot_be_read_is_named_with_the_place() {
    for (file, from, to, why) in [
        (
            "models/maker.py",
            "'score': 'float'",
            "'score': 'colour'",
            "Maker.score: `colour` is no known type",
        ),
        ("models/maker.py", "class Maker(", "class Maker2(", "there is no model Maker"),
        (
            "apis/gadgets_api.py",
            "response_type=",
            "answer=",
            "gadgets_api.py: get_gadget_parts2: an answer is not to be found",
        ),
        (
            "apis/search_api.py",
            "query_params['madeAfter']",
            "query_params['after']",
            "search_api.py: get_gadget_parts2 is not what it is in ['GadgetsApi']",
        ),
        (
            "apis/gadgets_api.py",
            ":param datetime made_after: From when on",
            "",
            "gadgets_api.py: get_gadget_parts2: nothing tells the type of made_after",
        ),
    ] {
        let folder = Directory::new();
        let sdk = altered(&folder, file, from, to);
        let refused = tool(&sdk, folder.path(), &[]);
        assert_eq!(refused.status.code(), Some(1), "{why}");
        assert_eq!(stderr(&refused), format!("api.py: {why}\n"));
    }
}

#[test]
fn what_is_enabled_is_what_the_api_says_and_its_models_are_held() {
    let catalog = Catalog::embedded().unwrap();
    let api = catalog.api();
    for operation in catalog.operations().iter().filter(|one| one.path.starts_with("/api/v2/")) {
        let fact = api.operation(&operation.id).expect(&operation.id);
        assert_eq!((fact.method, fact.path), (&*operation.method, &*operation.path));
        for parameter in &operation.query {
            let known = fact.query.iter().any(|one| one.name == parameter.name);
            assert!(known, "{}: Genesys has no parameter `{}`", operation.id, parameter.name);
        }
        for r#type in [fact.body, fact.response].into_iter().flatten() {
            let held = api.field_type(r#type).is_some();
            assert!(held, "{}: `{type}` is not held: run tools/api.py", operation.id, r#type = r#type);
        }
    }
}
