//! Witnesses: files elsewhere that the newest checkpoints are appended to.
//!
//! A file is its own cursor: what it holds is read when it is first seen, and again whenever it is not as it was left. So a
//! restart tells nothing twice, a file that was taken away is made again with the newest checkpoint of each stream, and what a
//! crash left half-written is cut off. Replicas may share a file: one at a time writes to it, under its lock.
//!
//! Nobody waits for a witness: each write has a thread of its own, and while one hangs the next is left out.
//!
//! Metric: `ringfence_witness_lag_seconds` by `witness`: since when it was last known to have all.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};
use tracing::warn;

use crate::{
    config,
    store::{Lost, Store, StoreError},
    tlog::{Checkpoint, VerifierKey, verify::read_checkpoints},
};

/// A larger file is refused: it is to be put aside first.
const LARGEST: u64 = 1 << 28;

/// A start waits no longer for what witnesses have seen: one may hang, or be locked by who hangs.
const ASKED_FOR: Duration = Duration::from_secs(30);

/// All witnesses. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Witnesses(Arc<[Witness]>);

#[derive(Debug)]
struct Witness {
    file: PathBuf,
    /// Held while it is written to.
    left: Arc<Mutex<Left>>,
    told: Arc<Mutex<Instant>>,
}

/// A file as it was left.
#[derive(Debug, Default)]
struct Left {
    /// Its device, inode and length.
    place: Option<(u64, u64, u64)>,
    /// The size up to which each stream is told.
    sizes: BTreeMap<String, u64>,
}

impl Witnesses {
    pub(super) fn new(config: &config::Audit) -> Self {
        let witness = |witness: &config::Witness| Witness {
            file: witness.file.clone(),
            left: Arc::default(),
            told: Arc::new(Mutex::new(Instant::now())),
        };
        Self(config.witnesses.iter().map(witness).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells all of them what they do not have of these. Who waits for it waits for the slowest.
    pub(super) async fn tell(&self, notes: Vec<String>, key: &VerifierKey) {
        let notes: Arc<[String]> = notes.into();
        let mut telling = JoinSet::new();
        for Witness { file, left, told } in &*self.0 {
            let (file, left, told) = (file.clone(), Arc::clone(left), Arc::clone(told));
            let (notes, key) = (Arc::clone(&notes), key.clone());
            telling.spawn_blocking(move || {
                let done = match left.try_lock() {
                    Ok(mut left) => left.tell(&file, &notes, &key),
                    Err(_) => Err(io::Error::other("it is still being written to")),
                };
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                match done {
                    Ok(()) => *told = Instant::now(),
                    Err(error) => warn!(
                        witness = %file.display(),
                        error = &error as &dyn std::error::Error,
                        "a witness could not be told: what is cut off the record now is not noticed by it"
                    ),
                }
                let lag =
                    metrics::gauge!("ringfence_witness_lag_seconds", "witness" => file.display().to_string());
                lag.set(told.elapsed().as_secs_f64());
            });
        }
        while telling.join_next().await.is_some() {}
    }
}

impl Left {
    fn tell(&mut self, path: &Path, notes: &[String], key: &VerifierKey) -> io::Result<()> {
        let keys = std::slice::from_ref(key);
        // It is made even where there is nothing to tell yet: whether it can be is known at once.
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.lock()?;
        if self.place.is_none() || Some(place(&file)?) != self.place {
            *self = Self { place: None, sizes: read(&file, key)? };
        }
        let (mut text, mut grown) = (String::new(), self.sizes.clone());
        for note in notes {
            let Ok(checkpoint) = Checkpoint::open(note, keys) else { continue };
            let size = grown.entry(checkpoint.stream().to_owned()).or_default();
            if checkpoint.size > *size {
                *size = checkpoint.size;
                text.push_str(note);
                text.push('\n');
            }
        }
        if !text.is_empty() {
            // Until it is known to be whole, it is not known what it holds.
            self.place = None;
            (&file).write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        *self = Self { place: Some(place(&file)?), sizes: grown };
        Ok(())
    }
}

fn place(file: &File) -> io::Result<(u64, u64, u64)> {
    let found = file.metadata()?;
    Ok((found.dev(), found.ino(), found.len()))
}

/// How far each stream is told in a file, without what a crash left half-written at its end: that is cut off.
fn read(file: &File, key: &VerifierKey) -> io::Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    let text = text_of(file)?;
    let (kept, whole) = checkpoints(&text, key)?;
    if whole < text.len() {
        file.set_len(whole as u64)?;
    }
    for checkpoint in kept {
        let size = sizes.entry(checkpoint.stream().to_owned()).or_default();
        *size = checkpoint.size.max(*size);
    }
    Ok(sizes)
}

/// The checkpoints that a file holds, and how much of it they are: a crash may have left half of one behind them.
fn checkpoints(text: &str, key: &VerifierKey) -> io::Result<(Vec<Checkpoint>, usize)> {
    let mut whole = 0;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if line == "\n" && whole > 0 || line.starts_with('\u{2014}') && line.ends_with('\n') {
            whole = end;
        }
    }
    let (kept, wrong) = read_checkpoints(text.get(..whole).unwrap_or_default(), std::slice::from_ref(key));
    // Somebody else's file is left as it is.
    let is_ours = text.starts_with(key.name()) || key.name().starts_with(text);
    if !is_ours || !wrong.is_empty() {
        return Err(io::Error::other("it holds what is no checkpoint of this installation: put it aside"));
    }
    Ok((kept, whole))
}

/// The largest checkpoint of each stream that a witness has seen. One that cannot be read is no witness now, and warned of.
fn witnessed(witnesses: &[config::Witness], key: &VerifierKey) -> Vec<Checkpoint> {
    let mut largest: BTreeMap<String, Checkpoint> = BTreeMap::new();
    for config::Witness { file } in witnesses {
        let read = File::open(file).and_then(|opened| {
            opened.lock_shared()?;
            Ok(checkpoints(&text_of(&opened)?, key)?.0)
        });
        let seen = read.unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                let error = &error as &dyn std::error::Error;
                warn!(witness = %file.display(), error, "a witness cannot be asked what it has seen");
            }
            Vec::new()
        });
        for checkpoint in seen {
            let stream = checkpoint.stream().to_owned();
            if largest.get(&stream).is_none_or(|known| known.size < checkpoint.size) {
                largest.insert(stream, checkpoint);
            }
        }
    }
    largest.into_values().collect()
}

/// What witnesses have seen of the record and the store does not have, unless it was accepted: an older copy of the database is
/// in its place.
pub async fn lost(store: &Store, config: &config::Audit) -> Result<Vec<Lost>, StoreError> {
    let (witnesses, key) = (config.witnesses.clone(), store.signer()?.verifier().clone());
    let asking = tokio::task::spawn_blocking(move || witnessed(&witnesses, &key));
    let seen = if let Ok(Ok(seen)) = timeout(ASKED_FOR, asking).await {
        seen
    } else {
        warn!("witnesses did not say what they have seen: whether the store is an older copy is not known");
        Vec::new()
    };
    store.lost(&seen).await
}

fn text_of(file: &File) -> io::Result<String> {
    let mut text = String::new();
    if file.take(LARGEST).read_to_string(&mut text)? as u64 == LARGEST {
        return Err(io::Error::other("it is too large to be read: put it aside, and a new one is made"));
    }
    Ok(text)
}
