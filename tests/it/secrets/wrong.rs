//! A master key that is not the store's: refused at start, with what is wrong and what to do.

use std::fs;

use serde_json::Value;

use super::{installed, installed_with};
use crate::support::command::{Directory, run, stderr, stdout};

const KEY: &str = "master.key";

fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    stderr(&output)
}

fn status(config: &str) -> Value {
    let output = run(&["secrets", "status", "--config", config, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn another_key_is_refused_and_what_is_sealed_under_which_is_said() {
    let directory = Directory::new();
    let config = installed(&directory);
    let right = status(&config)["keys"][0]["id"].as_str().unwrap().to_owned();
    directory.write(KEY, &"0".repeat(64));
    let said = refusal(&["serve", "--config", &config]);
    for part in ["another master key", "value(s)", &*right, "`[secrets]`"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn another_passphrase_is_refused() {
    let directory = Directory::new();
    let (config, passphrase) = installed_with(&directory, "correct horse battery staple");
    assert_eq!(status(&config)["rotating"], false);
    directory.write("passphrase", "correct horse battery stable\n");
    let said = refusal(&["serve", "--config", &config]);
    assert!(said.contains("another master key") && said.contains(&passphrase), "{said}");
}

#[test]
fn a_file_that_lost_the_old_key_in_a_rotation_is_refused_with_the_command_that_ends_it() {
    let directory = Directory::new();
    let config = installed(&directory);
    let old = fs::read_to_string(directory.file(KEY)).unwrap();
    let output = run(&["secrets", "rotate", "--config", &config, "--only-add"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let both = fs::read_to_string(directory.file(KEY)).unwrap();
    assert!(both.ends_with(&old) && both.lines().count() == 2, "the new one is in front of the old one");
    directory.write(KEY, both.lines().next().unwrap());
    let said = refusal(&["serve", "--config", &config]);
    assert!(said.contains("value(s)") && said.contains("`ringfence secrets rotate`"), "{said}");
    directory.write(KEY, &both);
    let output = run(&["secrets", "rotate", "--config", &config, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let now = fs::read_to_string(directory.file(KEY)).unwrap();
    assert_eq!(now.trim(), both.lines().next().unwrap());
}

#[test]
fn an_old_copy_of_the_file_is_refused_once_its_key_was_retired() {
    let directory = Directory::new();
    let config = installed(&directory);
    let old = fs::read_to_string(directory.file(KEY)).unwrap();
    let rotate = ["secrets", "rotate", "--config", &*config];
    assert!(run(&rotate).status.success());
    let new = fs::read_to_string(directory.file(KEY)).unwrap();
    assert_ne!(old, new);
    directory.write(KEY, &format!("{old}{new}"));
    let said = refusal(&rotate);
    assert!(said.contains("retired before"), "{said}");
}

#[test]
fn a_key_file_may_hold_comments() {
    let directory = Directory::new();
    let config = installed(&directory);
    let key = fs::read_to_string(directory.file(KEY)).unwrap();
    directory.write(KEY, &format!("# the key of this installation\n\n{key}"));
    let output = run(&["secrets", "rotate", "--config", &config]);
    assert!(output.status.success(), "{}", stderr(&output));
    let now = fs::read_to_string(directory.file(KEY)).unwrap();
    assert!(now.contains("# the key of this installation") && !now.contains(key.trim()), "{now}");
}
