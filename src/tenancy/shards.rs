//! A map that is copied in a moment however large it is: copies share all that is not changed in one of them.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// Of 100,000 entries, 400 are copied with a change.
const SHARDS: u64 = 256;

/// A map in parts, each of which is copied when it is changed while another map shares it.
#[derive(Debug, Clone)]
pub(super) struct Shards<K, V> {
    parts: Box<[Arc<HashMap<K, V>>]>,
    hasher: RandomState,
}

impl<K, V> Default for Shards<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self { parts: (0..SHARDS).map(|_| Arc::clone(&empty)).collect(), hasher: RandomState::new() }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.parts.get(self.part(key))?.get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some(part) = self.parts.get_mut(self.part(&key)) {
            Arc::make_mut(part).insert(key, value);
        }
    }

    pub(super) fn extend(&mut self, entries: impl IntoIterator<Item = (K, V)>) {
        entries.into_iter().for_each(|(key, value)| self.insert(key, value));
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.parts.iter().flat_map(|part| part.values())
    }

    fn part(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) % SHARDS).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_and_a_copy_stays_as_it_was(
            first in proptest::collection::vec((0_u16..900, any::<u8>()), 0..400),
            then in proptest::collection::vec((0_u16..900, any::<u8>()), 0..40),
        ) {
            let mut shards = Shards::default();
            shards.extend(first.iter().copied());
            let mut whole: HashMap<_, _> = first.iter().copied().collect();
            let (copy, before) = (shards.clone(), whole.clone());
            shards.extend(then.iter().copied());
            whole.extend(then.iter().copied());
            for (shards, whole) in [(shards, whole), (copy, before)] {
                prop_assert!((0..900).all(|key| shards.get(&key) == whole.get(&key)));
                prop_assert_eq!(shards.values().count(), whole.len());
            }
        }
    }

    #[test]
    fn what_is_not_changed_is_shared() {
        let mut shards = Shards::default();
        shards.extend((0..10_000).map(|key| (key, key)));
        let copy = shards.clone();
        shards.insert(3, 4);
        let shared = shards.parts.iter().zip(&copy.parts).filter(|(one, other)| Arc::ptr_eq(one, other));
        assert_eq!(shared.count() as u64, SHARDS - 1);
    }
}
