//! A claim: a call that is to be made once, however often it is sent.

use super::{EventId, TenantId};

/// What a call is claimed by. All of it is told by keyed digests: neither the key that it came with nor the request is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose call it is, which operation, and under which key of theirs.
    pub name: [u8; 32],
    /// What it asks.
    pub fingerprint: [u8; 32],
    /// The tenant, by which claims are counted.
    pub tenant_id: TenantId,
}

/// A claim that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What the call asked.
    pub fingerprint: Vec<u8>,
    /// The call that made it.
    pub call: EventId,
    /// What became of that.
    pub state: ClaimState,
}

/// What became of a call that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimState {
    /// It is under way.
    Open,
    /// It is over, and whether it took effect is unknown.
    Unknown,
    /// It was answered: what, sealed.
    Kept(Vec<u8>),
}

/// How a call that was claimed ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It was answered: what, sealed.
    Kept(Vec<u8>),
    /// Whether it took effect is unknown.
    Unknown,
    /// It took no effect: the claim holds no more.
    Released,
}
