//! The master key: what everything at rest is sealed under, and the ring of those that still open something.
//!
//! A sealed value is `format (1) ‖ key id (8) ‖ nonce (24) ‖ ciphertext and tag`, by XChaCha20-Poly1305. What and whose
//! it is, the format and the key's id are associated data: a value opens nowhere else, and under no other id.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{SecretError, hex};

pub(super) const KEY_LENGTH: usize = 32;
pub(super) const NONCE_LENGTH: usize = 24;
const ID_LENGTH: usize = 8;
const FORMAT: u8 = 2;

/// How a master key is named without telling it: the first bytes of a digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MasterKeyId([u8; ID_LENGTH]);

impl MasterKeyId {
    /// The key that a value says it is sealed under, if it has the form of a sealed value.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        let (format, rest) = sealed.split_first()?;
        let (id, message) = rest.split_first_chunk::<ID_LENGTH>()?;
        (*format == FORMAT && message.len() >= NONCE_LENGTH).then_some(Self(*id))
    }

    /// As the store keeps it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads what the store keeps.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKeyId({self})")
    }
}

/// How much work it is to derive a key from a passphrase; kept with the salt, so that it may be raised one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Effort {
    /// What new installations take: what OWASP's cheat sheet on passwords asks of argon2id.
    pub const NEW: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    // What a hand in the database may make a start cost, at the most.
    const MOST: Self = Self { memory_kib: 1_048_576, passes: 16, lanes: 16 };

    fn parameters(self) -> Option<argon2::Params> {
        let Self { memory_kib, passes, lanes } = self;
        let most = Self::MOST;
        if memory_kib > most.memory_kib || passes > most.passes || lanes > most.lanes {
            return None;
        }
        argon2::Params::new(memory_kib, passes, lanes, Some(KEY_LENGTH)).ok()
    }
}

/// One key that things at rest are sealed under.
#[derive(Clone)]
pub struct MasterKey {
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
    id: MasterKeyId,
}

impl MasterKey {
    /// Makes a random key.
    pub fn generate() -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| SecretError::Random)?;
        Ok(Self::new(bytes))
    }

    /// Reads a key from 64 hexadecimal characters, as the master key file holds it.
    pub fn from_hex(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.len() != KEY_LENGTH * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(SecretError::MalformedKey);
        }
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(index * 2..index * 2 + 2).ok_or(SecretError::MalformedKey)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| SecretError::MalformedKey)?;
        }
        Ok(Self::new(bytes))
    }

    /// Derives a key from a passphrase with argon2id; salt and effort are kept in the store.
    pub fn from_passphrase(passphrase: &str, salt: &[u8], effort: Effort) -> Result<Self, SecretError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        let parameters = effort.parameters().ok_or(SecretError::Passphrase)?;
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
            .hash_password_into(passphrase.as_bytes(), salt, bytes.as_mut_slice())
            .map_err(|_| SecretError::Passphrase)?;
        Ok(Self::new(bytes))
    }

    fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        let digest = Sha256::new().chain_update(b"ringfence master key id\n").chain_update(*bytes).finalize();
        let mut id = [0; ID_LENGTH];
        id.iter_mut().zip(digest).for_each(|(byte, digit)| *byte = digit);
        Self { bytes, id: MasterKeyId(id) }
    }

    /// What its sealed values are marked with.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    /// The key as the master key file holds it.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(self.bytes.as_slice()))
    }

    /// Seals a value. `context` says what and whose it is, so that it cannot be moved to another row.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| SecretError::Random)?;
        let associated = self.associated(context);
        let payload = Payload { msg: plain, aad: &associated };
        let sealed =
            self.cipher()?.encrypt(&XNonce::from(nonce), payload).map_err(|_| SecretError::Unopenable)?;
        Ok([[FORMAT].as_slice(), &self.id.0, &nonce, &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] made with the same context.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let id = MasterKeyId::of(sealed).ok_or(SecretError::Unopenable)?;
        if id != self.id {
            return Err(SecretError::OtherMasterKey { id });
        }
        let rest = sealed.get(1 + ID_LENGTH..).ok_or(SecretError::Unopenable)?;
        let (nonce, message) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(SecretError::Unopenable)?;
        let associated = self.associated(context);
        let payload = Payload { msg: message, aad: &associated };
        let plain =
            self.cipher()?.decrypt(&XNonce::from(*nonce), payload).map_err(|_| SecretError::Unopenable)?;
        Ok(Zeroizing::new(plain))
    }

    fn associated(&self, context: &str) -> Vec<u8> {
        [[FORMAT].as_slice(), &self.id.0, context.as_bytes()].concat()
    }

    // Wiped when it is dropped, as the key itself is.
    fn cipher(&self) -> Result<XChaCha20Poly1305, SecretError> {
        XChaCha20Poly1305::new_from_slice(self.bytes.as_slice()).map_err(|_| SecretError::MalformedKey)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id)
    }
}

/// The installation's master keys: the first seals, all open. Cheap to clone; all clones change together.
#[derive(Clone)]
pub struct MasterKeys(Arc<ArcSwap<Ring>>);

struct Ring {
    current: MasterKey,
    older: Vec<MasterKey>,
}

impl MasterKeys {
    /// The key that seals, and those that open what it did not seal.
    pub fn new(current: MasterKey, older: Vec<MasterKey>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(Ring { current, older })))
    }

    /// Puts others in the place of all of them, in all clones.
    pub fn replace(&self, current: MasterKey, older: Vec<MasterKey>) {
        self.0.store(Arc::new(Ring { current, older }));
    }

    /// The id of the key that seals.
    pub fn current(&self) -> MasterKeyId {
        self.0.load().current.id
    }

    /// The ids of all, the one that seals first.
    pub fn ids(&self) -> Vec<MasterKeyId> {
        self.0.load().all().map(MasterKey::id).collect()
    }

    /// Seals a value under the current key, as [`MasterKey::seal`].
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, SecretError> {
        self.0.load().current.seal(context, plain)
    }

    /// Opens a value under the key that it was sealed under, as [`MasterKey::open`].
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SecretError> {
        let id = MasterKeyId::of(sealed).ok_or(SecretError::Unopenable)?;
        let ring = self.0.load();
        let key = ring.all().find(|key| key.id == id).ok_or(SecretError::OtherMasterKey { id })?;
        key.open(context, sealed)
    }
}

impl Ring {
    fn all(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(key: MasterKey) -> Self {
        Self::new(key, Vec::new())
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("MasterKeys").field(&self.ids()).finish()
    }
}
