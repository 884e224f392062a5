//! Witnesses: what is kept elsewhere shows what was cut off.

use std::{fs, path::Path, process::Stdio, thread::sleep, time::Duration};

use ringfence::{
    audit::Audit,
    clock::Clock,
    config,
    tlog::{Checkpoint, verify::read_checkpoints},
};

use super::{ending, record};
use crate::support::{
    command::{Directory, ringfence, run, stderr, stdout},
    database::{TestDatabase, signer},
};

/// What a file holds, all of it checkpoints.
fn held(file: &Path) -> Vec<Checkpoint> {
    let (held, wrong) = read_checkpoints(&fs::read_to_string(file).unwrap(), &[signer().verifier().clone()]);
    assert_eq!(wrong, []);
    held
}

async fn one_call(database: &TestDatabase, witnesses: &[&Path]) {
    let store = database.store().await;
    let witness = |file: &&Path| config::Witness { file: file.to_path_buf() };
    let config = config::Audit { checkpoint_seconds: 60, witnesses: witnesses.iter().map(witness).collect() };
    let audit = Audit::start_with(store.clone(), Clock::default(), &config).await.unwrap();
    let record = record(&audit).await;
    let id = record.id().clone();
    drop(record);
    ending(&store, &id).await;
    audit.stop().await;
}

#[tokio::test]
async fn a_witness_is_told_each_stream_once_and_again_when_its_file_is_gone() {
    for database in TestDatabase::both().await {
        let directory = Directory::new();
        let file = directory.path().join("witness");
        // One that cannot be told keeps nobody from being told.
        let dead = directory.path().join("nowhere/witness");
        // A crash left the beginning of the first checkpoint.
        fs::write(&file, "ringfence/").unwrap();
        one_call(&database, &[&dead, &file]).await;
        let first = held(&file);
        assert_eq!(first.iter().map(|one| one.size).collect::<Vec<_>>(), [2]);
        // A crash left half a checkpoint.
        fs::write(&file, fs::read_to_string(&file).unwrap() + "ringfence/hal").unwrap();
        one_call(&database, &[&file]).await;
        let second = held(&file);
        assert_eq!((second.len(), &second[0]), (2, &first[0]));
        fs::remove_file(&file).unwrap();
        one_call(&database, &[&file]).await;
        assert_eq!(held(&file).len(), 3);
        // Somebody else's file is left alone.
        fs::write(&file, "what is no checkpoint\n").unwrap();
        one_call(&database, &[&file]).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), "what is no checkpoint\n");
    }
}

/// Serves until it is ready, and stops in order; or ends by itself, with an error.
fn serve(directory: &Directory) -> Result<(), String> {
    let ready = directory.path().join("ready.json");
    let config = directory.file("ringfence.toml");
    let mut command = ringfence(&["serve", "--config", &config, "--ready-file", ready.to_str().unwrap()]);
    for listener in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
        command.env(format!("RINGFENCE__{listener}__LISTEN"), "127.0.0.1:0");
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let process = child.id().to_string();
    let mut ended = None;
    while ended.is_none() && !ready.exists() {
        sleep(Duration::from_millis(20));
        ended = child.try_wait().unwrap();
    }
    if ended.is_none() {
        fs::remove_file(&ready).unwrap();
        assert!(std::process::Command::new("kill").args(["-TERM", &process]).status().unwrap().success());
    }
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(stderr(&output)) }
}

fn copy(from: &Path, to: &Path) {
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_name().to_str().unwrap().starts_with("ringfence.db") {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

#[test]
fn an_older_copy_of_the_store_is_not_served_until_it_is_accepted() {
    let (directory, backup) = (Directory::new(), Directory::new());
    let witness = directory.path().join("elsewhere.checkpoints");
    let made = run(&["init", "--dir", directory.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", stderr(&made));
    let config = directory.file("ringfence.toml");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replace("[audit]\n", "[audit]\nwitnesses = [{ file = \"elsewhere.checkpoints\" }]\n");
    fs::write(&config, text).unwrap();
    let command = |arguments: &[&str]| {
        let output = run(&[arguments, &["--config", &config, "--reason", "a test"]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    serve(&directory).unwrap();
    copy(directory.path(), backup.path());
    // A change that the copy does not have.
    command(&["secrets", "accept", "all", "--yes"]);
    serve(&directory).unwrap();
    assert!(command(&["audit", "accept-restore", "--yes"]).contains("nothing is lost"));

    copy(backup.path(), directory.path());
    for _ in 0..2 {
        let refused = serve(&directory).unwrap_err();
        assert!(refused.contains("behind what was witnessed"), "{refused}");
        assert!(refused.contains("audit accept-restore"), "{refused}");
        assert!(command(&["audit", "accept-restore"]).contains("nothing was changed"));
    }
    assert!(command(&["audit", "accept-restore", "--yes"]).contains("goes on from here"));
    serve(&directory).unwrap();
    // The new stream of changes is witnessed too.
    assert!(command(&["audit", "accept-restore"]).contains("nothing is lost"));
    assert_eq!(fs::read_to_string(&witness).unwrap().matches("catalog ").count(), 3);
}
