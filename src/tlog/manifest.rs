//! The manifest of an export: what was exported, signed, behind its last line.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::{Note, NoteError, Signer, VerifierKey};

/// The first line of what is signed: no checkpoint begins so.
const KIND: &str = "ringfence-export/1";

/// Counts and digests the lines of an export as they are written, or read.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    lines: u64,
    digest: Sha256,
}

impl Manifest {
    /// Takes some more, whole lines with their line feeds.
    pub fn add(&mut self, lines: &[u8]) {
        self.lines += lines.split_inclusive(|byte| *byte == b'\n').count() as u64;
        self.digest.update(lines);
    }

    /// Signs what was taken, and what is said about it: each a line of its own.
    pub fn sign(self, signer: &Signer, about: &[String]) -> String {
        let mut text = self.head();
        for line in about {
            // A string takes all that is written.
            let _ = writeln!(text, "{line}");
        }
        signer.sign_text(&text)
    }

    /// Whether a signed manifest is that of what was taken; a signature that proves nothing is an error.
    pub fn is_of(&self, signed: &str, keys: &[VerifierKey]) -> Result<bool, NoteError> {
        let note = Note::open(signed, keys)?;
        if !note.text.starts_with(KIND) {
            return Err(NoteError::Malformed);
        }
        Ok(note.text.starts_with(&self.clone().head()))
    }

    fn head(self) -> String {
        let digest =
            self.digest.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        format!("{KIND}\nlines {}\nsha256 {digest}\n", self.lines)
    }
}
