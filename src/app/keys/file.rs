//! The file with the master keys: one a line, the one that seals first.
//!
//! A master key file holds 64 hexadecimal characters a line, a passphrase file a passphrase a line. Usually there is one;
//! while a rotation is under way, the old one stands below the new one.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context, ensure};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::{MasterKeySource, Secrets},
    secret::{self, Effort, MasterKey, MasterKeyId},
    store::{PASSPHRASE_SALT, Store},
};

/// Where the master keys stand, and how a line becomes one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Hex,
    Passphrase { salt: Vec<u8>, effort: Effort },
}

/// A file's text, wiped when dropped.
type Text = Zeroizing<String>;

/// What tells a changed file from an unchanged one: one that was put in its place has another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    inode: u64,
    length: u64,
    changed: Option<SystemTime>,
}

impl KeyFile {
    /// The configured file. A salt that the store lacks is made.
    pub async fn open(secrets: &Secrets, store: &Store, clock: &Clock) -> anyhow::Result<Self> {
        let (path, form) = match secrets.master_key().context("no master key is configured")? {
            MasterKeySource::KeyFile(path) => (path, Form::Hex),
            MasterKeySource::PassphraseFile(path) => {
                // The salt is no secret: it only makes one passphrase give different keys in different installations.
                let made = salted(Effort::NEW, &secret::random_key()?);
                let kept = store.keep_sealed(PASSPHRASE_SALT, &made, clock.now()).await?;
                let (effort, salt) =
                    unsalted(&kept).context("the store's salt of passphrases was altered")?;
                (path, Form::Passphrase { salt: salt.to_vec(), effort })
            }
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its lines are passphrases.
    pub fn holds_passphrases(&self) -> bool {
        match self.form {
            Form::Hex => false,
            Form::Passphrase { .. } => true,
        }
    }

    /// The keys, the one that seals first.
    pub(super) async fn keys(&self) -> anyhow::Result<(MasterKey, Vec<MasterKey>)> {
        let mode = self.path.metadata().map_or(0, |metadata| metadata.permissions().mode());
        if mode & 0o077 != 0 {
            tracing::warn!(file = %self.path.display(), "others may read the master key: chmod 600");
        }
        let text = read(&self.path)?;
        let mut keys = Vec::new();
        for line in text.lines().filter(|line| self.is_key(line)) {
            keys.push(self.key(line).await?);
        }
        ensure!(!keys.is_empty(), "`{}` holds no {}", self.path.display(), self.noun());
        Ok((keys.remove(0), keys))
    }

    /// The ids of the keys, the one that seals first.
    pub async fn ids(&self) -> anyhow::Result<Vec<MasterKeyId>> {
        let (current, older) = self.keys().await?;
        Ok(std::iter::once(&current).chain(&older).map(MasterKey::id).collect())
    }

    /// Puts a new key in front of all others; which.
    pub(super) async fn put_in_front(&self, line: &str) -> anyhow::Result<MasterKeyId> {
        ensure!(self.is_key(line), "the new {} is empty", self.noun());
        let id = self.key(line).await?.id();
        let text = read(&self.path)?;
        self.replace(&Zeroizing::new(format!("{line}\n{}", *text)))?;
        Ok(id)
    }

    /// Takes all keys but this one out of the file.
    pub(super) async fn keep_only(&self, kept: MasterKeyId) -> anyhow::Result<()> {
        let text = read(&self.path)?;
        let mut left = Zeroizing::new(String::with_capacity(text.len()));
        for line in text.lines() {
            if !self.is_key(line) || self.key(line).await?.id() == kept {
                left.push_str(line);
                left.push('\n');
            }
        }
        self.replace(&left)
    }

    pub(super) fn mark(&self) -> std::io::Result<Mark> {
        let metadata = self.path.metadata()?;
        Ok(Mark { inode: metadata.ino(), length: metadata.len(), changed: metadata.modified().ok() })
    }

    fn noun(&self) -> &'static str {
        match self.form {
            Form::Hex => "master key",
            Form::Passphrase { .. } => "passphrase",
        }
    }

    // A passphrase may begin with anything.
    fn is_key(&self, line: &str) -> bool {
        let is_comment = match self.form {
            Form::Hex => line.trim_start().starts_with('#'),
            Form::Passphrase { .. } => false,
        };
        !is_comment && !line.trim().is_empty()
    }

    async fn key(&self, line: &str) -> anyhow::Result<MasterKey> {
        let what = || format!("`{}` does not hold a {} in each line", self.path.display(), self.noun());
        match &self.form {
            Form::Hex => MasterKey::from_hex(line).with_context(what),
            Form::Passphrase { salt, effort } => {
                let (line, salt, effort) = (Zeroizing::new(line.to_owned()), salt.clone(), *effort);
                let derive = move || MasterKey::from_passphrase(&line, &salt, effort);
                tokio::task::spawn_blocking(derive).await?.with_context(what)
            }
        }
    }

    /// Puts a text in the file's place: a reader sees the old one or the new one, whenever the machine stops.
    fn replace(&self, text: &str) -> anyhow::Result<()> {
        let written = || -> std::io::Result<()> {
            let old = self.path.metadata()?;
            let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let directory = directory.unwrap_or(Path::new("."));
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(".new");
            let new = self.path.with_file_name(name);
            // One that a killed process left holds no more than the file itself will.
            let _ = fs::remove_file(&new);
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            file.set_permissions(old.permissions())?;
            if (old.uid(), old.gid()) != (file.metadata()?.uid(), file.metadata()?.gid()) {
                chown(&new, Some(old.uid()), Some(old.gid()))?;
            }
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            fs::File::open(directory)?.sync_all()
        };
        written().with_context(|| format!("`{}` cannot be replaced", self.path.display()))
    }
}

fn read(file: &Path) -> anyhow::Result<Text> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("the master key's file `{}` cannot be read", file.display()))?;
    Ok(Zeroizing::new(text))
}

/// The first line of a file with a passphrase.
pub fn read_passphrase(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = read(file)?;
    let line = text.lines().find(|line| !line.trim().is_empty());
    Ok(Zeroizing::new(
        line.with_context(|| format!("`{}` is empty: write a passphrase", file.display()))?.to_owned(),
    ))
}

fn salted(effort: Effort, salt: &[u8]) -> Vec<u8> {
    let Effort { memory_kib, passes, lanes } = effort;
    [memory_kib, passes, lanes].into_iter().flat_map(u32::to_be_bytes).chain(salt.iter().copied()).collect()
}

fn unsalted(kept: &[u8]) -> Option<(Effort, &[u8])> {
    let (memory_kib, rest) = kept.split_first_chunk()?;
    let (passes, rest) = rest.split_first_chunk()?;
    let (lanes, salt) = rest.split_first_chunk()?;
    let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
    let effort = Effort { memory_kib: number(memory_kib), passes: number(passes), lanes: number(lanes) };
    (salt.len() >= 16).then_some((effort, salt))
}
