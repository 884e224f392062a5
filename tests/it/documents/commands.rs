//! Every command of the documents, parsed; and those that can be followed by hand, run as they stand.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use super::{documents, read, root};
use crate::support::command::{Directory, stderr, stdout};

/// The simple commands of a block: continued lines joined, what comes after a separator cut off.
fn command_lines(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let simple = |line: &str| -> Vec<String> {
        line.split_whitespace()
            .take_while(|word| !matches!(*word, "&" | "|" | "&&" | ">" | "#"))
            .skip_while(|word| word.contains('=') && !word.starts_with('-'))
            .map(str::to_owned)
            .collect()
    };
    joined.lines().map(simple).filter(|words| !words.is_empty()).collect()
}

#[test]
fn every_command_line_parses() {
    let mut seen = 0;
    for document in documents() {
        for words in document.blocks("sh").iter().flat_map(|block| command_lines(block)) {
            let own: Option<&[String]> = match words[0].as_str() {
                "ringfence" => Some(&words[1..]),
                "cargo" if words[1] == "run" => {
                    let end = words.iter().position(|word| word == "--").expect("`cargo run … -- COMMAND`");
                    Some(&words[end + 1..])
                }
                "make" => {
                    let target = format!("\n{}:", words[1]);
                    assert!(read("Makefile").text.contains(&target), "no target `{}`", words[1]);
                    None
                }
                script
                    if ["tests/", "benches/", "deploy/"].iter().any(|folder| script.starts_with(folder)) =>
                {
                    assert!(root().join(script).is_file(), "{}: no `{script}`", document.path.display());
                    None
                }
                _ => None,
            };
            let Some(own) = own else { continue };
            seen += 1;
            let words = ["ringfence"].into_iter().chain(own.iter().map(String::as_str));
            let parsed = ringfence::cli::command().try_get_matches_from(words);
            assert!(parsed.is_ok(), "{}: {own:?}: {}", document.path.display(), parsed.unwrap_err());
        }
    }
    assert!(seen >= 5, "only {seen} command lines were found");
}

/// Writes a program for the script to find.
fn program(directory: &Path, name: &str, text: &str) {
    let file = directory.join(name);
    fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The blocks as one script, as somebody would type them who reads from the README on.
fn script(host: &str) -> String {
    let readme = read("README.md").section("## By hand").blocks("sh");
    let (end, beginning) = readme.split_last().unwrap();
    assert!(end.starts_with("kill "), "the last block ends what the first one started");
    let rest = ["docs/operators.md", "docs/tenants.md", "docs/auditors.md"];
    let rest: Vec<_> = rest.iter().flat_map(|document| read(document).blocks("sh")).collect();
    let all = [beginning, &rest, std::slice::from_ref(end)].concat().join("\n");
    format!(
        "trap 'kill \"$gateway\" \"$simulator\" 2>/dev/null || true' EXIT\n{}",
        all.replace("127.0.0.1:", &format!("{host}:"))
    )
}

#[test]
fn what_is_to_be_typed_by_hand_works_as_it_stands() {
    let directory = Directory::new();
    // Nobody else listens on the usual ports of this loopback address.
    let [a, b, c, ..] = *uuid::Uuid::now_v7().as_bytes().last_chunk::<8>().unwrap();
    let host = format!("127.{}.{}.{}", 100 + a % 100, b, 1 + c % 250);
    let binary = env!("CARGO_BIN_EXE_ringfence");
    let programs = directory.path().join("programs");
    fs::create_dir(&programs).unwrap();
    // Built already.
    program(&programs, "cargo", "exit 0");
    let simulate = format!("exec '{binary}' \"$@\" --listen {host}:8090 --control {host}:8091");
    program(
        &programs,
        "ringfence",
        &format!("if [ \"$1\" = simulate ]; then {simulate}; fi\nexec '{binary}' \"$@\""),
    );
    let file = directory.write("script.sh", &script(&host));
    let mut shell = Command::new("timeout");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RINGFENCE") {
            shell.env_remove(name);
        }
    }
    let path = format!("{}:{}", programs.display(), std::env::var_os("PATH").unwrap().to_str().unwrap());
    let output = shell
        .args(["120", "sh", "-e", &file])
        .current_dir(directory.path())
        .env("PATH", path)
        .env("TMPDIR", directory.path())
        .env("RINGFENCE__GATEWAY__LISTEN", format!("{host}:8080"))
        .env("RINGFENCE__OPERATOR__LISTEN", format!("{host}:8081"))
        .env("RINGFENCE__TELEMETRY__LISTEN", format!("{host}:9464"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (shown, complaints) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{:?}\n{shown}\n{complaints}", output.status);
    let promised = [
        "\"total\":12",
        "\"totalHits\":38",
        "\"code\":\"ringfence.operation_denied\"",
        "\"operation\":\"getUsers\"",
        "\"OAuthClient\"",
        "\"ok\":true",
        "rfo_",
        "\"status\":\"ready\"",
        "ringfence_requests_total{",
    ];
    for part in promised {
        assert!(shown.contains(part), "no `{part}` in what was shown:\n{shown}\n{complaints}");
    }
}
