//! The key of claims: names what a call is claimed by, tells one request from another, and seals what it was answered.

use std::fmt;

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{SecretError, open_with, seal_with};

const LENGTH: usize = 32;

/// What claims are made and kept under, the same on every replica.
pub struct ClaimKey {
    names: Hmac<Sha256>,
    fingerprints: Hmac<Sha256>,
    cipher: XChaCha20Poly1305,
}

impl ClaimKey {
    /// How its sealed row is named.
    pub const PURPOSE: &'static str = "claim-key";

    /// Takes the opened bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let keyed = |key: &[u8]| <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        let keyed = |key: &[u8]| keyed(key).map_err(|_| SecretError::MalformedKey);
        let derived = |purpose: &[u8]| Ok(keyed(bytes)?.chain_update(purpose).finalize().into_bytes());
        let cipher = XChaCha20Poly1305::new_from_slice(&derived(b"ringfence claim answer\n")?);
        Ok(Self {
            names: keyed(&derived(b"ringfence claim name\n")?)?,
            fingerprints: keyed(&derived(b"ringfence claim fingerprint\n")?)?,
            cipher: cipher.map_err(|_| SecretError::MalformedKey)?,
        })
    }

    /// What a call is claimed by: of the same parts always the same, and nobody tells the parts from it.
    pub fn name(&self, parts: &[&[u8]]) -> [u8; LENGTH] {
        digest(&self.names, parts)
    }

    /// What tells a request from another.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> [u8; LENGTH] {
        digest(&self.fingerprints, parts)
    }

    /// Seals what a call was answered. `context` says which call.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        seal_with(&self.cipher, context, plain)
    }

    /// Opens what [`ClaimKey::seal`] made with the same context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        open_with(&self.cipher, context, sealed)
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClaimKey")
    }
}

/// With their lengths, so that none runs into the next.
fn digest(mac: &Hmac<Sha256>, parts: &[&[u8]]) -> [u8; LENGTH] {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_parts_apart_and_is_no_fingerprint() {
        let key = ClaimKey::new(&[7; LENGTH]).unwrap();
        let name = key.name(&[b"alpha", b"beta"]);
        assert_eq!(name, key.name(&[b"alpha", b"beta"]));
        assert_ne!(name, key.name(&[b"alphab", b"eta"]));
        assert_ne!(name, key.name(&[b"alpha", b"beta", b""]));
        assert_ne!(name, key.fingerprint(&[b"alpha", b"beta"]));
        assert_ne!(name, ClaimKey::new(&[8; LENGTH]).unwrap().name(&[b"alpha", b"beta"]));
    }

    #[test]
    fn an_answer_opens_for_its_call_alone() {
        let key = ClaimKey::new(&[7; LENGTH]).unwrap();
        let sealed = key.seal(b"here", b"{}").unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().as_slice(), b"{}");
        key.open(b"there", &sealed).unwrap_err();
        ClaimKey::new(&[8; LENGTH]).unwrap().open(b"here", &sealed).unwrap_err();
    }
}
