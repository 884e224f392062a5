//! The tree: hashes, and what is kept of a tree to go on with it.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// SHA-256 of a leaf, of a node, or of nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash([u8; Self::LENGTH]);

impl Hash {
    /// In bytes.
    pub const LENGTH: usize = 32;

    /// Of an entry.
    pub fn leaf(entry: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
    }

    /// Of two subtrees that stand side by side.
    fn node(left: Self, right: Self) -> Self {
        Self(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From its bytes; `None` where there are more or fewer than 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// From the form in which it is shown: base64 with padding.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_bytes(&STANDARD.decode(text).ok()?)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("a hash is 32 bytes in base64"))
    }
}

/// All that is needed of a tree to append to it: its size, and the roots of the complete subtrees that it consists of, the
/// largest first. There is one for each bit that is set in the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// How many entries the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry by its hash.
    pub fn push(&mut self, leaf: Hash) {
        self.merge(0, leaf);
    }

    /// Appends a complete subtree of `2^level` entries by its root; `false`, and nothing done, where none can begin here.
    #[must_use]
    pub fn push_subtree(&mut self, level: u32, root: Hash) -> bool {
        let fits = level < 63 && self.size.trailing_zeros() >= level;
        if fits {
            self.merge(level, root);
        }
        fits
    }

    fn merge(&mut self, mut level: u32, mut root: Hash) {
        let added = 1 << level;
        while self.size >> level & 1 == 1 {
            // There is a peak for each bit.
            let Some(left) = self.peaks.pop() else { break };
            root = Hash::node(left, root);
            level += 1;
        }
        self.peaks.push(root);
        self.size += added;
    }

    /// The root of the tree: of an empty one the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        match peaks.next() {
            Some(last) => peaks.fold(last, |right, left| Hash::node(left, right)),
            None => Hash(Sha256::digest([]).into()),
        }
    }

    /// The roots of its subtrees, one behind the other; with the size it is the whole of it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.peaks.iter().flat_map(|peak| peak.0).collect()
    }

    /// What [`Self::to_bytes`] gave for a tree of this size; `None` where it cannot have.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (peaks, rest) = bytes.as_chunks::<{ Hash::LENGTH }>();
        (rest.is_empty() && peaks.len() == size.count_ones() as usize)
            .then(|| Self { size, peaks: peaks.iter().copied().map(Hash).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962, 2.1, as it is written.
    fn root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest([]).into()),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                Hash::node(root(left), root(right))
            }
        }
    }

    fn hashes(count: usize) -> Vec<Hash> {
        (0..count).map(|number| Hash::leaf(&number.to_be_bytes())).collect()
    }

    /// The tree of the eight entries that implementations of Certificate Transparency are tested with.
    #[test]
    fn the_root_is_that_of_certificate_transparency() {
        let entries: [&[u8]; 8] = [
            b"",
            b"\0",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut tree = Frontier::default();
        for entry in entries {
            tree.push(Hash::leaf(entry));
        }
        // Base64 of 5dc9da79 a70659a9 ad559cb7 01ded9a2 ab9d823a ad2f4960 cfe370ef f4604328.
        assert_eq!(tree.root().to_string(), "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=");
    }

    proptest! {
        #[test]
        fn any_way_of_putting_it_together_gives_the_same_tree(count in 0_usize..200, levels in prop::collection::vec(0_u32..6, 0..200)) {
            let all = hashes(count);
            let mut one_by_one = Frontier::default();
            for leaf in &all {
                one_by_one.push(*leaf);
            }
            prop_assert_eq!(one_by_one.root(), root(&all));
            let (mut in_pieces, mut levels) = (Frontier::default(), levels.into_iter());
            while in_pieces.size() < count as u64 {
                let (at, level) = (usize::try_from(in_pieces.size()).unwrap(), levels.next().unwrap_or(0));
                let piece = all.get(at..at + (1 << level)).map(root);
                let taken = piece.is_some_and(|piece| in_pieces.push_subtree(level, piece));
                prop_assert_eq!(taken, piece.is_some() && at % (1 << level) == 0);
                if !taken {
                    in_pieces.push(all[at]);
                }
            }
            prop_assert_eq!(&in_pieces, &one_by_one);
            prop_assert_eq!(Frontier::from_bytes(count as u64, &one_by_one.to_bytes()), Some(one_by_one));
        }
    }
}
