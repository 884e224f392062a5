//! `[secrets]`: where the master key comes from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Problem;

/// Where the master key comes from: exactly one of the two.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Secrets {
    /// A file with 64 hexadecimal characters.
    pub master_key_file: Option<PathBuf>,
    /// A file with a passphrase that the key is derived from.
    pub passphrase_file: Option<PathBuf>,
}

/// The one of the two that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeySource<'a> {
    /// 64 hexadecimal characters.
    KeyFile(&'a Path),
    /// A passphrase, in any form.
    PassphraseFile(&'a Path),
}

impl Secrets {
    /// The one of the two that is set.
    pub fn master_key(&self) -> Option<MasterKeySource<'_>> {
        match (&self.master_key_file, &self.passphrase_file) {
            (Some(file), None) => Some(MasterKeySource::KeyFile(file)),
            (None, Some(file)) => Some(MasterKeySource::PassphraseFile(file)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    pub(super) fn make_absolute(&mut self, directory: &Path) {
        for file in [&mut self.master_key_file, &mut self.passphrase_file].into_iter().flatten() {
            *file = directory.join(&*file);
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        if self.master_key().is_none() {
            let what = match self.master_key_file {
                Some(_) => "`passphrase_file` is set too: write one of the two",
                None => "is missing: write `master_key_file = \"master.key\"`, or `passphrase_file`",
            };
            problems.push(Problem::new("secrets.master_key_file", what));
        }
    }
}
