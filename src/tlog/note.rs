//! Signed notes: a text, and signatures below it that name their keys.

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The number of Ed25519 among the kinds of signatures.
const ED25519_KIND: u8 = 1;
/// Longer ones are not read.
const LONGEST: usize = 16_384;

/// Why a note proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It has not the form of a signed note.
    #[error("not a signed note")]
    Malformed,
    /// None of its signatures is by a key that is known.
    #[error("signed by no key that is known (by {0})")]
    UnknownKey(String),
    /// A signature is not that of its key over this text.
    #[error("the signature is not that of the key {0} over this text")]
    Forged(String),
    /// A key has not the form of one.
    #[error("a key is `name+8 hexadecimal digits+base64`, as `ringfence audit key` prints it")]
    MalformedKey,
}

/// A key that notes are signed with.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SigningKey").field(&self.verifier.name).finish()
    }
}

impl SigningKey {
    /// From 32 random bytes. `name` must be neither empty nor have spaces or `+` in it.
    pub fn new(name: &str, seed: &[u8]) -> Result<Self, NoteError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| NoteError::MalformedKey)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| NoteError::MalformedKey)?;
        let verifier = VerifierKey::new(name, public)?;
        Ok(Self { pair, verifier })
    }

    /// What its signatures are verified with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a text, which ends with a line feed.
    pub fn sign(&self, text: &str) -> String {
        let key = &self.verifier;
        let signature = [&key.id[..], self.pair.sign(text.as_bytes()).as_ref()].concat();
        format!("{text}\n\u{2014} {} {}\n", key.name, STANDARD.encode(signature))
    }
}

/// What signatures are verified with; shown as `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    fn new(name: &str, public: [u8; 32]) -> Result<Self, NoteError> {
        if name.is_empty() || name.contains(|character: char| character.is_whitespace() || character == '+') {
            return Err(NoteError::MalformedKey);
        }
        let digest = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', ED25519_KIND])
            .chain_update(public)
            .finalize();
        let mut id = [0; 4];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Ok(Self { name: name.to_owned(), id, public })
    }

    /// Whose it is.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[ED25519_KIND], &self.public[..]].concat());
        write!(formatter, "{}+{:08x}+{key}", self.name, u32::from_be_bytes(self.id))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::MalformedKey);
        };
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::MalformedKey)?;
        let Some((&ED25519_KIND, public)) = bytes.split_first() else { return Err(NoteError::MalformedKey) };
        let key = Self::new(name, public.try_into().map_err(|_| NoteError::MalformedKey)?)?;
        let is_right = id.len() == 8 && u32::from_str_radix(id, 16) == Ok(u32::from_be_bytes(key.id));
        if is_right { Ok(key) } else { Err(NoteError::MalformedKey) }
    }
}

/// A note whose signature was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'n> {
    /// What was signed, with the line feed at its end.
    pub text: &'n str,
    /// Whose signature it is.
    pub signer: &'n str,
}

impl<'n> Note<'n> {
    /// Verifies a note: at least one signature by a key that is known, and none by such a key that is wrong.
    pub fn open(note: &'n str, keys: &[VerifierKey]) -> Result<Self, NoteError> {
        if note.len() > LONGEST {
            return Err(NoteError::Malformed);
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
        let text = note.get(..=text.len()).ok_or(NoteError::Malformed)?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?;
        let (mut signer, mut unknown) = (None, Vec::new());
        for line in signatures.split('\n') {
            let (name, id, signature) = read_signature(line).ok_or(NoteError::Malformed)?;
            let Some(key) = keys.iter().find(|key| key.name == name && key.id == id) else {
                unknown.push(name);
                continue;
            };
            UnparsedPublicKey::new(&ED25519, &key.public)
                .verify(text.as_bytes(), &signature)
                .map_err(|_| NoteError::Forged(name.to_owned()))?;
            signer = signer.or(Some(name));
        }
        let signer = signer.ok_or_else(|| NoteError::UnknownKey(unknown.join(", ")))?;
        Ok(Self { text, signer })
    }
}

fn read_signature(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk()?;
    (!name.is_empty()).then(|| (name, *id, signature.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, seed: u8) -> SigningKey {
        SigningKey::new(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_note_opens_with_its_key_alone() {
        let (ours, theirs) = (key("ours", 1), key("theirs", 2));
        let signed = ours.sign("a text\nof two lines\n");
        let opened = Note::open(&signed, &[theirs.verifier().clone(), ours.verifier().clone()]).unwrap();
        assert_eq!((opened.text, opened.signer), ("a text\nof two lines\n", "ours"));
        let unknown = Note::open(&signed, &[theirs.verifier().clone()]);
        assert_eq!(unknown, Err(NoteError::UnknownKey("ours".to_owned())));
        // The same name, and another key.
        let unknown = Note::open(&signed, &[key("ours", 2).verifier().clone()]);
        assert_eq!(unknown, Err(NoteError::UnknownKey("ours".to_owned())));
    }

    #[test]
    fn no_byte_of_a_note_can_be_changed() {
        let ours = key("ours", 1);
        let signed = ours.sign("a text\n");
        for at in 0..signed.len() {
            for bit in 0..8 {
                let mut bytes = signed.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(Note::open(&changed, &[ours.verifier().clone()]).is_err(), "{changed:?}");
            }
        }
    }

    /// The example of `c2sp.org/signed-note`, as the Go checksum database signs.
    #[test]
    fn what_others_sign_is_verified() {
        let key: VerifierKey =
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let signed = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
            \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        assert!(Note::open(signed, std::slice::from_ref(&key)).is_ok());
        assert_eq!(key.to_string().parse::<VerifierKey>(), Ok(key));
    }

    #[test]
    fn a_key_of_another_form_is_refused() {
        let key = key("ours", 1).verifier().to_string();
        for wrong in
            ["", "ours", "ours+00000000+AQ==", &key.replace("ours", "other"), &format!("{key}A"), &key[..40]]
        {
            assert_eq!(wrong.parse::<VerifierKey>(), Err(NoteError::MalformedKey), "{wrong}");
        }
        for name in ["", "a b", "a+b", "a\nb"] {
            assert!(SigningKey::new(name, &[1; 32]).is_err(), "{name}");
        }
    }
}
