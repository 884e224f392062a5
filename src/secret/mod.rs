//! Secrets: the master key, what is sealed under it, and the pepper that credentials are hashed with.

mod claims;
mod grants;
mod master;
#[cfg(test)]
pub(crate) mod work;

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub use claims::ClaimKey;
pub use grants::{GrantsKey, Sum};
pub use master::{Effort, MasterKey, MasterKeyId, MasterKeys};
use master::{KEY_LENGTH, NONCE_LENGTH};

/// What can go wrong with a secret; never says what the secret is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    Random,
    /// A master key of the wrong form.
    #[error("a master key is 64 hexadecimal characters")]
    MalformedKey,
    /// A sealed value that its key does not open.
    #[error("a sealed value cannot be opened: it was altered or moved")]
    Unopenable,
    /// A value that was sealed under a key that is not there.
    #[error("it is sealed under the master key {id}, which is not among those that are configured")]
    OtherMasterKey {
        /// Which key.
        id: MasterKeyId,
    },
    /// A passphrase that could not be made into a key.
    #[error("the passphrase cannot be made into a key")]
    Passphrase,
}

/// The random key under which keys and tokens are hashed: a stolen table alone verifies nothing.
#[derive(Clone)]
pub struct Pepper(Zeroizing<Vec<u8>>);

impl Pepper {
    /// How the pepper's sealed row is named.
    pub const PURPOSE: &'static str = "pepper";

    /// Takes the opened bytes.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// HMAC-SHA-256 of a credential.
    pub fn hash(&self, credential: &str) -> Result<Vec<u8>, SecretError> {
        #[cfg(test)]
        work::note_hash();
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).map_err(|_| SecretError::MalformedKey)?;
        mac.update(credential.as_bytes());
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Whether a credential hashes to `expected`, in constant time.
    pub fn verify(&self, credential: &str, expected: &[u8]) -> bool {
        self.hash(credential).is_ok_and(|hash| is_equal(&hash, expected))
    }
}

fn is_equal(one: &[u8], other: &[u8]) -> bool {
    #[cfg(test)]
    work::note_comparison();
    one.ct_eq(other).into()
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pepper")
    }
}

/// What ids are handed out under, so that they open for whom they were sealed and tell nobody anything.
pub struct HandleKey {
    cipher: XChaCha20Poly1305,
    nonces: Sha256,
}

impl HandleKey {
    /// Derives the key from one that is random, and the same on every replica.
    pub fn derive(secret: &[u8]) -> Self {
        let keyed = |purpose: &[u8]| Sha256::new().chain_update(purpose).chain_update(secret);
        let key: [u8; KEY_LENGTH] = keyed(b"ringfence handle key\n").finalize().into();
        Self { cipher: XChaCha20Poly1305::new(&key.into()), nonces: keyed(b"ringfence handle nonce\n") }
    }

    /// Seals a value as text for a URL: the same one always in the same form. `context` says what it belongs to.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<String, SecretError> {
        let length = (context.len() as u64).to_be_bytes();
        let made =
            self.nonces.clone().chain_update(length).chain_update(context).chain_update(plain).finalize();
        let nonce = made.first_chunk::<NONCE_LENGTH>().ok_or(SecretError::Random)?;
        let payload = Payload { msg: plain, aad: context };
        let sealed =
            self.cipher.encrypt(&XNonce::from(*nonce), payload).map_err(|_| SecretError::Unopenable)?;
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`HandleKey::seal`] made with the same context.
    pub fn open(&self, context: &[u8], text: &str) -> Result<Vec<u8>, SecretError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SecretError::Unopenable)?;
        let (nonce, message) = bytes.split_first_chunk::<NONCE_LENGTH>().ok_or(SecretError::Unopenable)?;
        let payload = Payload { msg: message, aad: context };
        self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SecretError::Unopenable)
    }
}

impl fmt::Debug for HandleKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HandleKey")
    }
}

/// Seals a value under a random nonce, which stands before it.
fn seal_with(cipher: &XChaCha20Poly1305, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, SecretError> {
    let mut nonce = [0; NONCE_LENGTH];
    getrandom::fill(&mut nonce).map_err(|_| SecretError::Random)?;
    let payload = Payload { msg: plain, aad: context };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| SecretError::Unopenable)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal_with`] made with the same context.
fn open_with(
    cipher: &XChaCha20Poly1305,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let (nonce, message) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or(SecretError::Unopenable)?;
    let payload = Payload { msg: message, aad: context };
    let plain = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SecretError::Unopenable)?;
    Ok(Zeroizing::new(plain))
}

/// 32 random bytes, for a pepper or a signing key.
pub fn random_key() -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    getrandom::fill(&mut key).map_err(|_| SecretError::Random)?;
    Ok(key)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}
