//! Checkpoints: what a log says, signed, of how far it is.

use std::{fmt::Write, sync::Arc};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{Frontier, Hash, Note, NoteError, SigningKey, VerifierKey};

/// What a log was at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: an installation's name and a stream, as `name/stream`.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of its tree.
    pub root: Hash,
    /// What else was signed: `time …`, `catalog …`.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// Verifies a signed checkpoint. The name of the key is the first part of the origin: nobody speaks for another log.
    pub fn open(signed: &str, keys: &[VerifierKey]) -> Result<Self, NoteError> {
        let note = Note::open(signed, keys)?;
        let checkpoint = Self::read(note.text).ok_or(NoteError::Malformed)?;
        match checkpoint.origin.strip_prefix(note.signer).and_then(|rest| rest.strip_prefix('/')) {
            Some(_) => Ok(checkpoint),
            None => Err(NoteError::Malformed),
        }
    }

    /// The stream: what stands behind the name in the origin.
    pub fn stream(&self) -> &str {
        self.origin.rsplit('/').next().unwrap_or_default()
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, Hash::parse(lines.next()?)?);
        let is_number = size == "0" || size.starts_with(|first: char| first.is_ascii_digit() && first != '0');
        let size = size.parse().ok().filter(|_| is_number)?;
        Some(Self { origin: origin.to_owned(), size, root, extensions: lines.map(str::to_owned).collect() })
    }

    /// The text that is signed.
    fn text(&self) -> String {
        let Self { origin, size, root, extensions } = self;
        let mut text = format!("{origin}\n{size}\n{root}\n");
        for line in extensions {
            // A string takes all that is written.
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// Signs the checkpoints of an installation's logs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Arc<SigningKey>,
    catalog: Arc<str>,
}

impl Signer {
    /// `catalog` is the digest of the catalog that the process runs with.
    pub fn new(key: SigningKey, catalog: &str) -> Self {
        Self { key: Arc::new(key), catalog: catalog.into() }
    }

    /// What its checkpoints are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        self.key.verifier()
    }

    /// Signs what a stream is now.
    pub fn sign(&self, stream: &str, tree: &Frontier, now: DateTime<Utc>) -> String {
        let extensions = vec![
            format!("time {}", now.to_rfc3339_opts(SecondsFormat::Micros, true)),
            format!("catalog {}", self.catalog),
        ];
        let origin = format!("{}/{stream}", self.key.verifier().name());
        let checkpoint = Checkpoint { origin, size: tree.size(), root: tree.root(), extensions };
        self.key.sign(&checkpoint.text())
    }

    /// Signs any other text, which ends with a line feed and is told from a checkpoint by its first line.
    pub fn sign_text(&self, text: &str) -> String {
        self.key.sign(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_says_what_was_signed() {
        let signer = Signer::new(SigningKey::new("ringfence/one", &[7; 32]).unwrap(), "abc");
        let mut tree = Frontier::default();
        tree.push(Hash::leaf(b"entry"));
        let note = signer.sign("stream", &tree, DateTime::UNIX_EPOCH);
        let opened = Checkpoint::open(&note, &[signer.verifier().clone()]).unwrap();
        assert_eq!((opened.origin.as_str(), opened.stream()), ("ringfence/one/stream", "stream"));
        assert_eq!((opened.size, opened.root), (1, tree.root()));
        assert_eq!(opened.extensions, ["time 1970-01-01T00:00:00.000000Z", "catalog abc"]);
    }

    #[test]
    fn a_key_speaks_for_its_own_logs_alone() {
        let signer = Signer::new(SigningKey::new("ringfence/one", &[7; 32]).unwrap(), "abc");
        let keys = [signer.verifier().clone()];
        let root = Frontier::default().root();
        for text in [
            format!("ringfence/two/stream\n0\n{root}\n"),
            format!("ringfence/onestream\n0\n{root}\n"),
            format!("ringfence/one/stream\n00\n{root}\n"),
            format!("ringfence/one/stream\n+1\n{root}\n"),
            "ringfence/one/stream\n1\nroot\n".to_owned(),
            "ringfence/one/stream\n1\n".to_owned(),
        ] {
            assert_eq!(
                Checkpoint::open(&signer.sign_text(&text), &keys),
                Err(NoteError::Malformed),
                "{text}"
            );
        }
    }
}
