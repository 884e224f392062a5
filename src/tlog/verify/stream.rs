//! One stream, followed through an export.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Defect, Proven, Report, What};
use crate::tlog::{Checkpoint, Frontier, Hash};

/// More entries without their hashes are not waited for.
const LONGEST_RUN: usize = 4_096;

/// What is known of a stream so far: two trees, of the same size.
#[derive(Default)]
pub(super) struct Following {
    by_entries: Frontier,
    by_hashes: Frontier,
    // Entries whose hashes are still to come: line and hash, by index.
    waiting: BTreeMap<u64, (u64, Hash)>,
    last: Option<u64>,
    // Where the two trees differ, since a checkpoint was last proven.
    differing: Vec<Differing>,
    // Checkpoints from elsewhere, by the sizes that they are of.
    expected: BTreeMap<u64, Vec<Checkpoint>>,
    proven: Proven,
    is_seen: bool,
    // From where on nothing can be compared.
    is_broken: bool,
}

struct Differing {
    index: u64,
    // Of the entry, where it is there.
    line: Option<u64>,
    hashes: u64,
}

impl Following {
    /// A checkpoint that was kept elsewhere.
    pub(super) fn expect(&mut self, checkpoint: Checkpoint) {
        self.expected.entry(checkpoint.size).or_default().push(checkpoint);
    }

    pub(super) fn entry(&mut self, line: u64, index: u64, hash: Hash, stream: &str, report: &mut Report) {
        self.is_seen = true;
        let defect =
            |what| Defect { what, stream: Some(stream.to_owned()), index: Some(index), line: Some(line) };
        if index < self.by_entries.size() || self.waiting.contains_key(&index) {
            return report.add(defect(What::Inserted));
        }
        if self.last.is_some_and(|last| index < last) {
            report.add(defect(What::Reordered));
        }
        self.last = Some(index);
        self.proven.entries += 1;
        self.waiting.insert(index, (line, hash));
        if self.waiting.len() > LONGEST_RUN {
            self.without_hashes(stream, report);
        }
    }

    /// The hashes of what came before.
    pub(super) fn hashes(
        &mut self,
        line: u64,
        first: u64,
        hashes: &[Hash],
        stream: &str,
        report: &mut Report,
    ) {
        self.is_seen = true;
        if first < self.by_hashes.size() || hashes.len() > LONGEST_RUN {
            return report.add(of_hashes(What::HashesAltered, line, stream));
        }
        if self.is_broken {
            self.waiting.clear();
            return;
        }
        if self.by_hashes.size() < first {
            if self.waiting.contains_key(&self.by_hashes.size()) {
                // A line of hashes is missing before this one.
                report.add(of_hashes(What::HashesAltered, line, stream));
            }
            while self.by_hashes.size() < first
                && let Some((_, hash)) = self.waiting.remove(&self.by_hashes.size())
            {
                self.push(hash, hash, stream, report);
            }
        }
        if self.by_hashes.size() != first {
            // With entries missing too, the trees cannot be gone on with.
            let index = Some(self.by_hashes.size());
            report.add(Defect {
                what: What::Missing,
                stream: Some(stream.to_owned()),
                index,
                line: Some(line),
            });
            self.is_broken = true;
            return;
        }
        for (index, expected) in (first..).zip(hashes) {
            let found = self.waiting.remove(&index);
            let hash = found.map_or(*expected, |(_, hash)| hash);
            if found.is_none() || hash != *expected {
                self.differing.push(Differing { index, line: found.map(|(line, _)| line), hashes: line });
            }
            self.push(hash, *expected, stream, report);
        }
        let end = self.by_hashes.size();
        let next = self.waiting.split_off(&end);
        self.waiting = next;
        for (index, (line, _)) in std::mem::take(&mut self.waiting) {
            let what = What::Inserted;
            report.add(Defect {
                what,
                stream: Some(stream.to_owned()),
                index: Some(index),
                line: Some(line),
            });
        }
    }

    /// Entries whose hashes never came are taken as they are.
    fn without_hashes(&mut self, stream: &str, report: &mut Report) {
        if let Some((line, _)) = self.waiting.values().next() {
            report.add(of_hashes(What::HashesAltered, *line, stream));
        }
        while let Some((_, hash)) = self.waiting.remove(&self.by_entries.size()) {
            self.push(hash, hash, stream, report);
        }
        for (index, (line, _)) in std::mem::take(&mut self.waiting) {
            let what = What::NotProven;
            report.add(Defect {
                what,
                stream: Some(stream.to_owned()),
                index: Some(index),
                line: Some(line),
            });
        }
    }

    fn push(&mut self, entry: Hash, hash: Hash, stream: &str, report: &mut Report) {
        self.by_entries.push(entry);
        self.by_hashes.push(hash);
        for checkpoint in self.expected.remove(&self.by_entries.size()).unwrap_or_default() {
            self.compare(&checkpoint, None, stream, report);
        }
    }

    /// A checkpoint of the export itself.
    pub(super) fn checkpoint(
        &mut self,
        line: u64,
        checkpoint: Checkpoint,
        stream: &str,
        report: &mut Report,
    ) {
        self.without_hashes(stream, report);
        match checkpoint.size.cmp(&self.by_entries.size()) {
            Ordering::Greater => self.expect(checkpoint),
            Ordering::Equal => self.compare(&checkpoint, Some(line), stream, report),
            // It was put back, or entries were put before it.
            Ordering::Less => report.add(of_hashes(What::CheckpointForged, line, stream)),
        }
    }

    /// The trees are as large as the checkpoint's: which of them it is of.
    fn compare(&mut self, checkpoint: &Checkpoint, line: Option<u64>, stream: &str, report: &mut Report) {
        let (is_of_entries, is_of_hashes) =
            (self.by_entries.root() == checkpoint.root, self.by_hashes.root() == checkpoint.root);
        let differing = std::mem::take(&mut self.differing);
        let nothing_told = differing.is_empty();
        for Differing { index, line, hashes } in differing {
            let what = match line {
                None => What::Missing,
                Some(_) if is_of_entries => {
                    report.add(of_hashes(What::HashesAltered, hashes, stream));
                    continue;
                }
                Some(_) => What::Altered,
            };
            let line = Some(line.unwrap_or(hashes));
            report.add(Defect { what, stream: Some(stream.to_owned()), index: Some(index), line });
        }
        if is_of_entries || is_of_hashes {
            self.by_entries = if is_of_entries { self.by_entries.clone() } else { self.by_hashes.clone() };
            self.by_hashes = self.by_entries.clone();
            self.proven.size = self.proven.size.max(checkpoint.size);
            let time = checkpoint.extensions.iter().find_map(|line| line.strip_prefix("time "));
            self.proven.signed_at = time.map(str::to_owned);
        } else if nothing_told {
            let index = Some(self.proven.size);
            report.add(Defect { what: What::Altered, stream: Some(stream.to_owned()), index, line });
        }
    }

    /// The end of the file.
    pub(super) fn finish(mut self, stream: &str, report: &mut Report) -> Proven {
        self.without_hashes(stream, report);
        let size = self.by_entries.size();
        let mut defect = |what, index| {
            report.add(Defect { what, stream: Some(stream.to_owned()), index, line: None });
        };
        if !self.expected.is_empty() {
            if self.is_seen {
                defect(What::TailMissing, Some(size));
            } else {
                defect(What::StreamMissing, None);
            }
        } else if size > self.proven.size {
            for Differing { index, line, hashes } in std::mem::take(&mut self.differing) {
                let what = if line.is_some() { What::Altered } else { What::Missing };
                let line = Some(line.unwrap_or(hashes));
                report.add(Defect { what, stream: Some(stream.to_owned()), index: Some(index), line });
            }
            let index = Some(self.proven.size);
            report.add(Defect { what: What::NotProven, stream: Some(stream.to_owned()), index, line: None });
        }
        self.proven
    }
}

fn of_hashes(what: What, line: u64, stream: &str) -> Defect {
    Defect { what, stream: Some(stream.to_owned()), index: None, line: Some(line) }
}
