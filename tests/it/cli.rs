//! The command line: help, exit codes, `init`, `migrate`, `config show`.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::support::{
    command::{Directory, ringfence, run, stderr, stdout},
    database::TestDatabase,
};

const KEY: &str = "master.key";

fn code(arguments: &[&str]) -> i32 {
    run(arguments).status.code().unwrap()
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let commands: [&[&str]; 18] = [
        &[],
        &["init"],
        &["serve"],
        &["migrate"],
        &["config", "show"],
        &["doctor"],
        &["policy", "show"],
        &["policy", "versions"],
        &["policy", "put"],
        &["policy", "explain"],
        &["catalog", "coverage"],
        &["catalog", "show"],
        &["catalog", "drift"],
        &["audit", "export"],
        &["audit", "verify"],
        &["audit", "accept-restore"],
        &["simulate"],
        &["demo"],
    ];
    for command in commands {
        let help = run(&[command, &["--help"]].concat());
        assert_eq!(help.status.code(), Some(0), "{command:?}");
        let text = stdout(&help);
        assert!(text.contains("Usage: ringfence"), "{command:?}: {text}");
        let example = format!("ringfence {}", command.first().copied().unwrap_or("demo"));
        assert!(command == ["simulate"] || text.contains("Examples:"), "{command:?}: {text}");
        assert!(text.contains(&example), "{command:?}: {text}");
    }
}

#[test]
fn wrong_usage_exits_2() {
    assert_eq!(code(&["serve"]), 2);
    assert_eq!(code(&["frobnicate"]), 2);
    assert_eq!(code(&["config", "show", "--config"]), 2);
    assert_eq!(code(&[]), 2);
}

#[test]
fn a_missing_configuration_exits_64_and_says_how_to_make_one() {
    let output = run(&["serve", "--config", "/nowhere/ringfence.toml"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("ringfence init --dir"), "{}", stderr(&output));
}

#[test]
fn what_is_wrong_in_the_file_is_named_with_its_place() {
    let cases = [
        ("[gateway]\nlistn = 1", "`gateway.listn`", "unknown key; there are `listen`"),
        ("[archive]\ndays = 1", "`archive`", "unknown section"),
        ("[audit]\ncheckpoint_seconds = 61", "`audit.checkpoint_seconds`", "expected 1 to 60"),
        ("[audit]\nwitnesses = [{ file = \"w\" }, { file = \"w\" }]", "`audit.witnesses`", "a file twice"),
        ("[gateway]\nlisten = \"nowhere\"", "`gateway.listen`", "127.0.0.1:8080"),
        ("[gateway]\nmax_connections = 0", "`gateway.max_connections`", "1 or more"),
        ("[gateway]\nrequest_timeout_ms = 300001", "`gateway.request_timeout_ms`", "at most 300000"),
        ("[telemetry]\nlog_format = \"xml\"", "`telemetry.log_format`", "`text`, `json`"),
        ("[telemetry]\notlp_endpoint = \"collector\"", "`telemetry.otlp_endpoint`", "https://host"),
        ("[store]\nurl = \"mysql://db\"", "`store.url`", "sqlite://FILE"),
        ("[store]\nurl = \"sqlite::memory:\"", "`store.url`", "sqlite://FILE"),
        ("[store]\nurl = \"sqlite://:memory:\"", "`store.url`", "would lose the record"),
        ("[upstream]\nneutral_divisions = [\"*\"]", "`upstream.neutral_divisions", "a UUID"),
        ("[upstream]\napi_url = \"http://genesys.example\"", "`upstream.api_url`", "allow_insecure"),
        (
            "[upstream]\nlogin_url = \"https://genesys.example/login\"",
            "`upstream.login_url`",
            "a scheme and a host",
        ),
        ("[operator]\nlisten = \"127.0.0.1:8080\"", "`operator.listen`", "a port of its own"),
        ("[operator]\npublic_url = \"ringfence.example\"", "`operator.public_url`", "https://host"),
        (
            "[secrets]\npassphrase_file = \"p\"\nmaster_key_file = \"k\"",
            "`secrets.master_key_file`",
            "one of the two",
        ),
        ("[gateway]\nlisten = [", "ringfence.toml", "TOML parse error at line "),
    ];
    let directory = Directory::new();
    for (text, key, remedy) in cases {
        let secrets = if text.contains("[secrets]") { "" } else { "[secrets]\nmaster_key_file = \"k\"\n" };
        let file = directory.write("ringfence.toml", &format!("{text}\n{secrets}"));
        let output = run(&["config", "show", "--config", &file]);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{text}: {error}");
        assert!(error.contains(key) && error.contains(remedy), "{text}: {error}");
        assert!(error.contains(&file), "{text}: {error}");
        assert!(stdout(&output).is_empty());
    }
}

#[test]
fn a_region_that_does_not_exist_exits_64() {
    let directory = Directory::new();
    let made = run(&["init", "--dir", directory.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", stderr(&made));
    let mut serve = ringfence(&["serve", "--config", &directory.file("ringfence.toml")]);
    let output = serve.env("RINGFENCE__UPSTREAM__REGION", "moon-1").output().unwrap();
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("`upstream.region` in the environment"), "{}", stderr(&output));
}

#[test]
fn the_environment_stands_before_the_file_and_its_mistakes_are_named() {
    let directory = Directory::new();
    let file = directory.write(
        "ringfence.toml",
        "[gateway]\nlisten = \"127.0.0.1:1\"\n[secrets]\nmaster_key_file = \"master.key\"\n",
    );
    let mut show = ringfence(&["config", "show", "--config", &file, "--json"]);
    let output = show
        .env("RINGFENCE__GATEWAY__LISTEN", "127.0.0.1:2")
        .env("RINGFENCE__GATEWAY__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]")
        .env("RINGFENCE__UPSTREAM__ALLOW_INSECURE", "true")
        .output()
        .unwrap();
    let effective: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(effective["gateway"]["listen"], "127.0.0.1:2");
    assert_eq!(effective["gateway"]["trusted_proxies"][0], "10.0.0.0/8");
    assert_eq!(effective["upstream"]["allow_insecure"], true);

    let mut wrong = ringfence(&["config", "show", "--config", &file]);
    let output = wrong.env("RINGFENCE__GATEWAY__LISTN", "127.0.0.1:2").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("RINGFENCE__GATEWAY__LISTN"), "{}", stderr(&output));
}

#[test]
fn paths_are_relative_to_the_file() {
    let directory = Directory::new();
    let file = directory.write(
        "ringfence.toml",
        "[store]\nurl = \"sqlite://data/ringfence.db\"\n[secrets]\nmaster_key_file = \"keys/master.key\"\n",
    );
    let output = run(&["config", "show", "--config", &file, "--json"]);
    let effective: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let beside = directory.path().to_str().unwrap();
    assert_eq!(effective["store"]["url"], format!("sqlite://{beside}/data/ringfence.db"));
    assert_eq!(effective["secrets"]["master_key_file"], format!("{beside}/keys/master.key"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let directory = Directory::new();
    let secrets = "[secrets]\nmaster_key_file = \"k\"\n";
    let shown = [
        ("[store]\nurl = \"postgres://anna:s3cret@db/ringfence\"\n", Some(0)),
        ("[store]\nurl = [\"postgres://anna:s3cret@db/ringfence\"]\n", Some(64)),
        ("[store]\nurl = \"postgres://anna:s3cret@db/ringfence\n", Some(64)),
        ("[store]\nurl = \"mysql://anna:s3cret@db/ringfence\"\n", Some(64)),
        ("store = \"postgres://anna:s3cret@db/ringfence\"\n", Some(64)),
        ("[telemetry]\notlp_endpoint = \"http://anna:s3cret@collector\"\n", Some(0)),
    ];
    for (text, code) in shown {
        let file = directory.write("ringfence.toml", &format!("{text}{secrets}"));
        for form in [&["--json"][..], &[]] {
            let output = run(&[&["config", "show", "--config", &file], form].concat());
            assert_eq!(output.status.code(), code, "{text}: {}", stderr(&output));
            let all = stdout(&output) + &stderr(&output);
            assert!(!all.contains("s3cret"), "{all}");
        }
    }
}

#[test]
fn what_config_show_prints_is_a_configuration() {
    let directory = Directory::new();
    let file = directory.write("a.toml", "[secrets]\nmaster_key_file = \"k\"\n");
    let first = stdout(&run(&["config", "show", "--config", &file]));
    let again = directory.write("b.toml", &first);
    assert_eq!(stdout(&run(&["config", "show", "--config", &again])), first);
}

#[tokio::test]
async fn init_makes_all_that_serve_needs_and_prints_the_token_once() {
    let database = TestDatabase::chosen().await;
    let directory = Directory::new();
    let target = directory.file("new");
    let mut init = ringfence(&["init", "--dir", &target, "--operator-email", "ana@example.com", "--json"]);
    if let TestDatabase::Postgres { .. } = database {
        init.env("RINGFENCE__STORE__URL", database.url());
    }
    let output = init.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let printed: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(printed.as_object().unwrap().len(), 2, "{printed}");
    assert!(printed["admin_token"].as_str().unwrap().starts_with("rfo_"));
    let file = printed["config"].as_str().unwrap();
    assert_eq!(file, format!("{target}/ringfence.toml"));
    let key = format!("{target}/{KEY}");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&key).unwrap().trim().len(), 64);

    // The file alone is enough: nothing is left to migrate.
    let migrated = run(&["migrate", "--config", file, "--json"]);
    assert_eq!(stdout(&migrated).trim(), r#"{"applied":[]}"#, "{}", stderr(&migrated));
    let token = printed["admin_token"].as_str().unwrap();
    for entry in fs::read_dir(&target).unwrap() {
        let kept = fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains(token), "the token is kept nowhere");
    }
}

#[test]
fn init_leaves_an_installation_alone() {
    let directory = Directory::new();
    let target = directory.path().to_str().unwrap();
    assert_eq!(code(&["init", "--dir", target]), 0);
    let before = contents(&directory);
    let again = run(&["init", "--dir", target, "--json"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stdout(&again).is_empty());
    assert!(stderr(&again).contains("is there already"), "{}", stderr(&again));
    assert_eq!(contents(&directory), before);
}

#[test]
fn init_that_fails_can_be_tried_again() {
    let directory = Directory::new();
    let target = directory.path().to_str().unwrap();
    let wrong = run(&["init", "--dir", target, "--operator-email", "nobody"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("email"), "{}", stderr(&wrong));
    let right = run(&["init", "--dir", target, "--operator-email", "ana@example.com"]);
    assert_eq!(right.status.code(), Some(0), "{}", stderr(&right));
    assert!(stdout(&right).contains("rfo_"));
}

#[test]
fn another_master_key_opens_nothing_and_says_so() {
    let directory = Directory::new();
    let target = directory.path().to_str().unwrap();
    assert_eq!(code(&["init", "--dir", target]), 0);
    directory.write(KEY, &"0".repeat(64));
    let output = run(&["serve", "--config", &directory.file("ringfence.toml")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("another master key"), "{}", stderr(&output));
    directory.write(KEY, "short");
    let output = run(&["serve", "--config", &directory.file("ringfence.toml")]);
    assert!(stderr(&output).contains("64 hexadecimal characters"), "{}", stderr(&output));
}

#[test]
fn a_passphrase_serves_as_master_key() {
    let directory = Directory::new();
    let passphrase = directory.write("passphrase", "correct horse battery staple\n");
    let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap()]);
    let output = init.env("RINGFENCE__SECRETS__PASSPHRASE_FILE", &passphrase).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!directory.path().join(KEY).exists());
    let shown = run(&["config", "show", "--config", &directory.file("ringfence.toml"), "--json"]);
    let effective: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    assert_eq!(effective["secrets"]["passphrase_file"], passphrase);
}

// Times of change and SQLite's own files apart.
fn contents(directory: &Directory) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|file| !file.to_str().unwrap().ends_with("-shm"))
        .map(|file| (file.display().to_string(), fs::read(file).unwrap()))
        .collect();
    files.sort();
    files
}
