//! No method of the store is untested.

use std::{fs, path::Path};

fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (folders, files): (Vec<_>, Vec<_>) =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| sources(folder.to_str().unwrap()));
    files
        .iter()
        .map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap()))
        .chain(below)
        .collect()
}

#[test]
fn every_method_is_called_in_these_tests() {
    let tests: String = sources("tests/it/store").into_iter().map(|(_, text)| text).collect();
    let mut methods = 0;
    for (file, text) in sources("src/store") {
        for declared in text.split("pub async fn ").skip(1) {
            let name = declared.split(['(', '<']).next().unwrap();
            methods += 1;
            let called = tests.contains(&format!(".{name}(")) || tests.contains(&format!("Store::{name}("));
            assert!(called, "`{name}` of {file} is called by no test in tests/it/store");
        }
    }
    assert!(methods >= 30, "only {methods} methods were found: is the search still right?");
}
