//! A part of what is shared.

/// So many parts of so many: a tenant's share of its account's budget, or what one process may send of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// Its own parts.
    pub weight: u32,
    /// All parts.
    pub total: u32,
}

impl Portion {
    /// The whole.
    pub const ALL: Self = Self { weight: 1, total: 1 };

    /// Its part of an amount, rounded down.
    pub fn of(self, amount: u32) -> u32 {
        let share = u64::from(amount) * u64::from(self.weight) / u64::from(self.total.max(1));
        u32::try_from(share).unwrap_or(u32::MAX).min(amount)
    }
}
