//! What access tokens are signed with, as kept.

use chrono::{DateTime, Utc};

const PURPOSE: &str = "signing-key.";

/// A key that access tokens are signed with, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSigningKey {
    /// One more than that of the key before; the `kid` of the tokens that it signs.
    pub number: u32,
    /// The key, sealed under a master key for its [`SealedSigningKey::purpose`].
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl SealedSigningKey {
    /// How the sealed row of the key with this number is named; also the context that it is sealed with.
    pub fn purpose(number: u32) -> String {
        format!("{PURPOSE}{number}")
    }

    /// The number of the key whose row is so named.
    pub fn number(purpose: &str) -> Option<u32> {
        let number = purpose.strip_prefix(PURPOSE)?.parse().ok()?;
        // One name for each number.
        (Self::purpose(number) == purpose).then_some(number)
    }
}
