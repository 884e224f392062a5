//! Numbers drawn from labels: the same labels always give the same numbers.

use uuid::{Builder, Uuid};

/// A stream of numbers that depends on nothing but the labels it was made of.
#[derive(Debug, Clone)]
pub(crate) struct Seed(u64);

impl Seed {
    /// The stream of one thing: the labels say whose, the number says which.
    pub(crate) fn of(seed: u64, labels: &[&str], number: u64) -> Self {
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        for label in labels {
            for byte in label.bytes().chain([0xff]) {
                state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        let mut made = Self(state ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        made.next();
        made
    }

    /// The next number (splitmix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end` (0 when `end` is 0).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// A whole number from `low` up to, but not including, `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low).unwrap_or_default().max(1);
        low + i64::try_from(self.next() % span).unwrap_or_default()
    }

    /// True once in `times` draws, on average.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times.max(1))
    }

    /// One of the words.
    pub(crate) fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words.get(self.below(words.len())).copied().unwrap_or_default()
    }

    /// One of the items, none of an empty slice.
    pub(crate) fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// An id in the form that Genesys uses: a random UUID in lower case.
    pub(crate) fn id(&mut self) -> String {
        let bytes = *Uuid::from_u64_pair(self.next(), self.next()).as_bytes();
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
