//! A key's rotation: another key in its place, and some time in which both work.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Key, KeyId, KeyState};

/// A key as it ends, and the one that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The key; it and its access tokens live until the overlap has passed.
    pub ending: Key,
    /// The other: a key of its own, with no more rights.
    pub next: Key,
}

/// The new key's own half, and who rotates.
#[derive(Debug)]
pub struct Successor {
    /// The public half.
    pub id: KeyId,
    /// The hash of all of it.
    pub hmac: Vec<u8>,
    /// An operator's address, or the key that asks for it.
    pub created_by: String,
    /// When it stops working by itself.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why a key is not rotated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRotated {
    /// It does not work any more.
    #[error("key `{0}` has ended; issue another")]
    Ended(KeyId),
    /// It was rotated before.
    #[error("key `{key}` was rotated already; rotate `{successor}`, which followed it")]
    Followed {
        /// The key.
        key: KeyId,
        /// What followed it.
        successor: KeyId,
    },
    /// Both would work for too long.
    #[error("{seconds} is out of range: expected 0 to {}", Rotation::LONGEST_OVERLAP_SECONDS)]
    Overlap {
        /// What was asked for.
        seconds: u32,
    },
}

impl Rotation {
    /// The longest that both keys may work.
    pub const LONGEST_OVERLAP_SECONDS: u32 = 30 * 24 * 60 * 60;

    /// Puts another key in the place of this one, which ends when the overlap has passed, if not sooner.
    pub fn of(
        key: &Key,
        successor: Successor,
        overlap_seconds: u32,
        now: DateTime<Utc>,
    ) -> Result<Self, NotRotated> {
        if overlap_seconds > Self::LONGEST_OVERLAP_SECONDS {
            return Err(NotRotated::Overlap { seconds: overlap_seconds });
        }
        if let Some(successor) = &key.successor {
            return Err(NotRotated::Followed { key: key.id.clone(), successor: successor.clone() });
        }
        match key.state(now) {
            KeyState::Active => {}
            KeyState::Expired | KeyState::Revoked => return Err(NotRotated::Ended(key.id.clone())),
        }
        let end = now + TimeDelta::seconds(i64::from(overlap_seconds));
        // At once is at once, by whatever clock.
        let is_over = overlap_seconds == 0;
        let ending = Key {
            expires_at: Some(key.expires_at.map_or(end, |known| known.min(end))),
            revoked_at: key.revoked_at.or(is_over.then_some(now)),
            generation: key.generation + i64::from(is_over),
            successor: Some(successor.id.clone()),
            ..key.clone()
        };
        let next = Key {
            id: successor.id,
            hmac: successor.hmac,
            generation: 1,
            created_by: successor.created_by,
            created_at: now,
            expires_at: successor.expires_at,
            predecessor: Some(key.id.clone()),
            ..key.clone()
        };
        Ok(Self { ending, next })
    }
}
