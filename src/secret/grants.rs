//! The key that proves grants: what it digests nobody else can, and what it seals nobody else can read or make.

use std::{
    fmt,
    ops::{AddAssign, SubAssign},
};

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::{SecretError, open_with, seal_with};

const LENGTH: usize = 32;

/// Proves what the store holds of grants. Cheap to clone.
#[derive(Clone)]
pub struct GrantsKey {
    leaves: Hmac<Sha256>,
    cipher: XChaCha20Poly1305,
}

impl GrantsKey {
    /// How its sealed row is named.
    pub const PURPOSE: &'static str = "grants-key";

    /// Takes the opened bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretError> {
        let keyed = |key: &[u8]| <Hmac<Sha256> as KeyInit>::new_from_slice(key);
        let keyed = |key: &[u8]| keyed(key).map_err(|_| SecretError::MalformedKey);
        let derived = |purpose: &[u8]| Ok(keyed(bytes)?.chain_update(purpose).finalize().into_bytes());
        let cipher = XChaCha20Poly1305::new_from_slice(&derived(b"ringfence grants seal\n")?);
        Ok(Self {
            leaves: keyed(&derived(b"ringfence grants leaf\n")?)?,
            cipher: cipher.map_err(|_| SecretError::MalformedKey)?,
        })
    }

    /// A digest that nobody makes without the key.
    pub fn digest(&self, bytes: &[u8]) -> Sum {
        Sum(self.leaves.clone().chain_update(bytes).finalize().into_bytes().into())
    }

    /// Seals a sum for one place and version. Who cannot read sums learns nothing about what adds up to which.
    pub fn seal(&self, context: &[u8], sum: Sum) -> Result<Vec<u8>, SecretError> {
        seal_with(&self.cipher, context, &sum.0)
    }

    /// Opens what [`GrantsKey::seal`] made with the same context.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Sum, SecretError> {
        let plain = open_with(&self.cipher, context, sealed)?;
        plain.as_slice().try_into().map(Sum).map_err(|_| SecretError::Unopenable)
    }
}

impl fmt::Debug for GrantsKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("GrantsKey")
    }
}

/// Digests added up modulo 2^256: the same for the same ones in any order, and kept up to date one by one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum([u8; LENGTH]);

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        let mut carry = 0;
        for (byte, added) in self.0.iter_mut().zip(other.0) {
            let [low, high] = (u16::from(*byte) + u16::from(added) + carry).to_le_bytes();
            (*byte, carry) = (low, u16::from(high));
        }
    }
}

impl SubAssign for Sum {
    fn sub_assign(&mut self, other: Self) {
        let mut borrow = false;
        for (byte, taken) in self.0.iter_mut().zip(other.0) {
            let (once, under) = byte.overflowing_sub(taken);
            let (twice, again) = once.overflowing_sub(u8::from(borrow));
            (*byte, borrow) = (twice, under || again);
        }
    }
}

// A sum that is known helps whoever wants to put other rows together.
impl fmt::Debug for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sum")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_and_taken_again_leaves_nothing() {
        let key = GrantsKey::new(&[7; LENGTH]).unwrap();
        let digests: Vec<_> = (0..200_u8).map(|one| key.digest(&[one])).collect();
        let mut sum = Sum([255; LENGTH]);
        for one in &digests {
            sum += *one;
        }
        assert!(sum != Sum([255; LENGTH]));
        for one in digests.iter().rev() {
            sum -= *one;
        }
        assert!(sum == Sum([255; LENGTH]));
    }

    #[test]
    fn a_seal_opens_in_its_place_alone() {
        let key = GrantsKey::new(&[7; LENGTH]).unwrap();
        let sum = key.digest(b"alpha");
        let sealed = key.seal(b"here", sum).unwrap();
        assert!(key.open(b"here", &sealed).unwrap() == sum);
        key.open(b"there", &sealed).unwrap_err();
        GrantsKey::new(&[8; LENGTH]).unwrap().open(b"here", &sealed).unwrap_err();
    }
}
