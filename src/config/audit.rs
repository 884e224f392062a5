//! `[audit]`: how often the record is signed for good, and who is told.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Problem;

/// How often checkpoints of the record are kept, and who is told of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Seconds between two checkpoints of a stream that grows, at most 60.
    pub checkpoint_seconds: u64,
    /// Who keeps checkpoints where the store's own hands do not reach.
    pub witnesses: Vec<Witness>,
}

/// Who keeps checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    /// A file that signed notes are appended to.
    pub file: PathBuf,
}

impl Default for Audit {
    fn default() -> Self {
        Self { checkpoint_seconds: 60, witnesses: Vec::new() }
    }
}

impl Audit {
    pub(super) fn make_absolute(&mut self, directory: &Path) {
        for witness in &mut self.witnesses {
            witness.file = directory.join(&witness.file);
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if !(1..=60).contains(&self.checkpoint_seconds) {
            let what = format!("{} is not valid, expected 1 to 60", self.checkpoint_seconds);
            problems.push(Problem::new("audit.checkpoint_seconds", what));
        }
        let twice =
            |(at, witness): (usize, &Witness)| self.witnesses.iter().take(at).any(|one| one == witness);
        if self.witnesses.iter().enumerate().any(twice) {
            problems.push(Problem::new("audit.witnesses", "names a file twice: give each witness its own"));
        }
    }
}
