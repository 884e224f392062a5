//! Bounded numbers of places, so that nobody takes what all need.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// So many at once, whoever they are: an addition to take, and one to give back.
#[derive(Debug)]
pub struct Places {
    most: usize,
    taken: AtomicUsize,
}

/// One of the [`Places`]; dropping it gives it back.
#[derive(Debug)]
pub struct Place(Arc<Places>);

impl Places {
    /// All of them are free.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicUsize::new(0) })
    }

    /// Takes one, if one is free.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        // Made first: what is one too many gives itself back.
        let before = self.taken.fetch_add(1, Relaxed);
        let place = Place(Arc::clone(self));
        (before < self.most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Relaxed);
    }
}

/// So many at once, and of each who takes them at most a share.
#[derive(Debug)]
pub struct Shares<K: Hash + Eq> {
    most: usize,
    each: usize,
    taken: Mutex<Taken<K>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    by: HashMap<K, usize>,
}

/// A place of somebody's share; dropping it gives it back.
#[derive(Debug)]
pub struct Share<K: Hash + Eq> {
    shares: Arc<Shares<K>>,
    who: K,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// Who asks has its share.
    Own,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// `most` of them, `each` for one.
    pub fn new(most: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { most, each, taken: Mutex::new(Taken { all: 0, by: HashMap::new() }) })
    }

    /// Takes one of somebody's share.
    pub fn take(self: &Arc<Self>, who: K) -> Result<Share<K>, Full> {
        let mut taken = self.taken();
        if taken.by.get(&who).is_some_and(|own| *own >= self.each) {
            return Err(Full::Own);
        }
        if taken.all >= self.most {
            return Err(Full::All);
        }
        taken.all += 1;
        *taken.by.entry(who.clone()).or_default() += 1;
        Ok(Share { shares: Arc::clone(self), who })
    }
}

impl<K: Hash + Eq> Shares<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        // Whoever panicked here has left numbers, and numbers can be counted on.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = self.shares.taken();
        taken.all = taken.all.saturating_sub(1);
        let own = taken.by.get_mut(&self.who).map_or(0, |own| {
            *own = own.saturating_sub(1);
            *own
        });
        if own == 0 {
            taken.by.remove(&self.who);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_and_a_refused_one_takes_none() {
        let places = Places::new(2);
        let (one, two) = (places.take(), places.take());
        assert!(one.is_some() && two.is_some() && places.take().is_none() && places.take().is_none());
        drop(one);
        let three = places.take();
        assert!(three.is_some() && places.take().is_none());
        drop((two, three));
        assert_eq!(places.taken.load(Relaxed), 0);
    }

    #[test]
    fn nobody_takes_more_than_its_share_and_who_has_none_is_forgotten() {
        let shares = Shares::new(3, 2);
        let mine = [shares.take('a').unwrap(), shares.take('a').unwrap()];
        assert_eq!(shares.take('a').unwrap_err(), Full::Own);
        let other = shares.take('b').unwrap();
        assert_eq!(shares.take('b').unwrap_err(), Full::All);
        drop(mine);
        assert!(shares.take('c').is_ok());
        drop(other);
        let taken = shares.taken();
        assert_eq!((taken.all, taken.by.len()), (0, 0));
    }
}
