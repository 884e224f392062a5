//! How a limit is divided.

use crate::model::Portion;

/// How many replicas serve, and which of them this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicas {
    count: u64,
    // From 0, in an order that all agree on.
    index: u64,
}

impl Replicas {
    /// One of so many.
    pub fn new(count: usize, index: usize) -> Self {
        let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Self { count: whole(count).max(1), index: whole(index) }
    }

    /// How many.
    pub fn count(self) -> u64 {
        self.count
    }

    /// This replica's part of what is divided evenly.
    pub fn portion(self) -> Portion {
        Portion { weight: 1, total: u32::try_from(self.count).unwrap_or(u32::MAX) }
    }

    /// This replica's fraction of a limit. Together they are the limit, or one each where it is smaller than their number:
    /// none would refuse everything.
    pub fn share(self, limit: u64) -> u64 {
        (limit / self.count + u64::from(self.index < limit % self.count)).max(1)
    }
}

/// How much of what is left a replica holds in advance: its part of it, and no more than it soon needs, so that little lies
/// idle where others are refused. Alone it holds all.
pub fn hold(left: u64, wanted: u64, replicas: Replicas) -> u64 {
    if replicas.count == 1 { left } else { left.div_ceil(replicas.count).min(wanted.max(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_together_the_limit_or_one_each() {
        for (limit, replicas) in [(10, 1), (10, 3), (600, 7), (3, 3), (1_000_000_000, 9)] {
            let whole: u64 = (0..replicas).map(|index| Replicas::new(replicas, index).share(limit)).sum();
            assert_eq!(whole, limit);
        }
        let few: Vec<_> = (0..3).map(|index| Replicas::new(3, index).share(2)).collect();
        assert_eq!(few, [1, 1, 1]);
    }

    #[test]
    fn the_last_ones_are_held_by_somebody_and_never_more_than_there_are() {
        let two = Replicas::new(2, 0);
        assert_eq!((hold(0, 10, two), hold(1, 10, two), hold(7, 10, two), hold(7, 2, two)), (0, 1, 4, 2));
        assert_eq!(hold(7, 0, Replicas::new(1, 0)), 7);
    }
}
