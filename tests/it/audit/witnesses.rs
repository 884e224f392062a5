//! Witnesses: what is kept elsewhere shows what was cut off.

use std::{fs, path::Path};

use ringfence::{
    audit::Audit,
    clock::Clock,
    config,
    tlog::{Checkpoint, verify::read_checkpoints},
};

use super::{ending, record};
use crate::support::{
    command::Directory,
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
