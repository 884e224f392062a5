//! A tenant's credential: `rf_` + key id + `_` + secret + checksum.

use std::{fmt, net::IpAddr, str::FromStr};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{KeyId, TenantId};

// Never change the prefix: issued keys would stop working.
const PREFIX: &str = "rf_";
const ID_LENGTH: usize = 16;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A tenant's key, as kept: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The public half.
    pub id: KeyId,
    /// Whose it is.
    pub tenant_id: TenantId,
    /// For people.
    pub name: String,
    /// HMAC-SHA-256 of the whole key under the pepper.
    #[serde(skip)]
    pub hmac: Vec<u8>,
    /// Rises when the key changes; access tokens carry it and die with it.
    pub generation: i64,
    /// May call reads, queries and searches only.
    pub read_only: bool,
    /// Where it may be used from; empty means anywhere.
    pub allowed_cidrs: Vec<Cidr>,
    /// When it was issued.
    pub created_at: DateTime<Utc>,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The store's version at the last change.
    #[serde(skip)]
    pub version: i64,
}

/// A range of source addresses, such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cidr(ipnet::IpNet);

impl Cidr {
    /// Whether the address lies in the range. An IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

/// A whole key in the clear: shown once when issued, read from a request, never kept.
pub struct ApiKey {
    id: KeyId,
    whole: SecretString,
}

/// Text that is not a key: wrong form, or a checksum that does not fit (a typing mistake).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Ringfence key: expected `rf_`, 16 characters, `_` and 49 characters with a valid checksum")]
pub struct InvalidKey;

impl ApiKey {
    /// Makes a key of 256 random bits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut random = [0_u8; ID_LENGTH + 32];
        getrandom::fill(&mut random)?;
        let (id, secret) = random.split_at(ID_LENGTH);
        let id: String = id.iter().map(|byte| char::from(pick(BASE32, usize::from(byte % 32)))).collect();
        let unchecked = format!("{PREFIX}{id}_{}", base62(secret));
        let whole = format!("{unchecked}{}", checksum(&unchecked));
        Self::from_str(&whole).map_err(|InvalidKey| getrandom::Error::UNSUPPORTED)
    }

    /// Joins what an SDK sends apart: `client_id` is the key id, `client_secret` the secret and checksum.
    pub fn from_client(client_id: &str, client_secret: &str) -> Result<Self, InvalidKey> {
        Self::from_str(&format!("{PREFIX}{client_id}_{client_secret}"))
    }

    /// The public half.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The whole key.
    pub fn whole(&self) -> &SecretString {
        &self.whole
    }

    /// The secret and checksum, which an SDK sends as `client_secret`.
    pub fn client_secret(&self) -> SecretString {
        let start = PREFIX.len() + ID_LENGTH + 1;
        self.whole.expose_secret().get(start..).unwrap_or_default().to_owned().into()
    }
}

impl FromStr for ApiKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let rest = text.strip_prefix(PREFIX).ok_or(InvalidKey)?;
        let (id, secret) = rest.split_once('_').ok_or(InvalidKey)?;
        let id: KeyId = id.parse().map_err(|_| InvalidKey)?;
        let base62 = secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if secret.len() != SECRET_LENGTH + CHECKSUM_LENGTH || !base62 {
            return Err(InvalidKey);
        }
        let (unchecked, sum) = text.split_at(text.len() - CHECKSUM_LENGTH);
        if checksum(unchecked) != sum {
            return Err(InvalidKey);
        }
        Ok(Self { id, whole: text.to_owned().into() })
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ApiKey({})", self.id)
    }
}

/// CRC-32 of all before it, in base62, padded to six characters.
fn checksum(text: &str) -> String {
    let mut value = crc32fast::hash(text.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = pick(BASE62, (value % 62) as usize);
        value /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// Writes 256 bits as 43 base62 digits, most significant first.
fn base62(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = [b'0'; SECRET_LENGTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_usize;
        for byte in &mut number {
            let value = remainder * 256 + usize::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or_default();
            remainder = value % 62;
        }
        *digit = pick(BASE62, remainder);
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

fn pick(alphabet: &[u8], index: usize) -> u8 {
    alphabet.get(index).copied().unwrap_or(b'0')
}
