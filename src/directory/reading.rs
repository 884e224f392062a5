//! All that a tenant has of a kind: how it is read, page by page, and how it is kept.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::{
    LookupError, MAX_PAGES, is_id,
    lookup::{AT_ONCE, Page},
    memory::Begun,
};
use crate::{clock::Clock, model::DivisionId};

/// Pages that are asked for beside each other, once the first was full.
const PAGES_AT_ONCE: usize = 4;

/// The divisions of all entities of a kind, by their ids. Compact: there may be tens of thousands.
#[derive(Debug, Default)]
pub struct Own {
    divisions: Vec<DivisionId>,
    // Each at its place in `divisions`.
    places: HashMap<Uuid, u16>,
    // When they were read.
    pub(super) from: DateTime<Utc>,
    pub(super) until: DateTime<Utc>,
}

impl Own {
    /// Where an entity is, if it is one of these.
    pub fn get(&self, id: &str) -> Option<&DivisionId> {
        self.divisions.get(usize::from(*self.places.get(&read_id(id)?)?))
    }

    /// All ids, in order.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<_> = self.places.keys().map(Uuid::to_string).collect();
        ids.sort_unstable();
        ids
    }

    /// Each with its division.
    pub(super) fn iter(&self) -> impl Iterator<Item = (String, &DivisionId)> {
        let place = |place: &u16| self.divisions.get(usize::from(*place));
        self.places.iter().filter_map(move |(id, at)| Some((id.to_string(), place(at)?)))
    }

    /// How many they are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn add(&mut self, id: &str, division: &DivisionId) {
        // What is in none of the divisions that were asked for, or has no id as Genesys's are, is nobody's.
        let place = self.divisions.iter().position(|known| known == division);
        if let (Some(id), Some(Ok(place))) = (read_id(id), place.map(u16::try_from)) {
            self.places.insert(id, place);
        }
    }
}

fn read_id(id: &str) -> Option<Uuid> {
    is_id(id).then(|| Uuid::try_parse(id).ok()).flatten()
}

/// What has been read so far. Whoever's turn is next goes on where a caller left that had no more time.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) begun: Begun,
    own: Own,
    next: usize,
}

impl Reading {
    pub(super) fn new(begun: Begun, divisions: &[DivisionId]) -> Self {
        let own = Own { divisions: divisions.to_vec(), ..Own::default() };
        Self { begun, own, next: 1 }
    }

    /// Whether it is of these divisions.
    pub(super) fn is_of(&self, divisions: &[DivisionId]) -> bool {
        self.own.divisions == divisions
    }

    /// Reads what is left. Each page counts as soon as it and all before it are there, also where this is dropped.
    pub(super) async fn go_on<F>(&mut self, page: impl Fn(usize) -> F) -> Result<(), LookupError>
    where
        F: Future<Output = Result<Page, LookupError>>,
    {
        if self.next == 1 && !self.take(&page(1).await?)? {
            return Ok(());
        }
        let mut pages = stream::iter(self.next..=MAX_PAGES).map(page).buffered(PAGES_AT_ONCE);
        while let Some(next) = pages.next().await {
            if !self.take(&next?)? {
                return Ok(());
            }
        }
        Err(LookupError::TooMany)
    }

    /// All of them, once they are read: as of now.
    pub(super) fn finish(mut self, clock: &Clock) -> Own {
        self.own.places.shrink_to_fit();
        self.own.until = clock.now();
        let took = clock.elapsed().saturating_sub(self.begun.at);
        self.own.from = self.own.until - took;
        self.own
    }

    /// Whether there may be more.
    fn take(&mut self, page: &Page) -> Result<bool, LookupError> {
        // Known from the first page on: the others would be read in vain, again and again.
        if page.total.is_some_and(|total| total > MAX_PAGES * AT_ONCE) {
            return Err(LookupError::TooMany);
        }
        for (id, division) in &page.found {
            self.own.add(id, division);
        }
        self.next += 1;
        Ok(page.is_full)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use super::*;
    use crate::directory::memory::Memories;

    const DIVISION: &str = "a0000000-0000-4000-8000-000000000000";

    fn reading() -> Reading {
        let memory = Memories::new([], Clock::default()).of(&"alpha".parse().unwrap());
        Reading::new(memory.begin(), &[DIVISION.parse().unwrap()])
    }

    fn id(number: usize) -> String {
        Uuid::from_u128(number as u128).to_string()
    }

    /// One page of so many in all.
    fn page(number: usize, all: usize, total: Option<usize>) -> Page {
        let ids = (number - 1) * AT_ONCE..all.min(number * AT_ONCE);
        let found: Vec<_> = ids.map(|number| (id(number), DIVISION.parse().unwrap())).collect();
        let is_full = found.len() == AT_ONCE;
        Page { found, is_full, total }
    }

    #[tokio::test]
    async fn far_more_than_ten_thousand_are_read_and_told_from_others() {
        let all = MAX_PAGES * AT_ONCE - 1;
        let mut reading = reading();
        reading.go_on(async |number| Ok(page(number, all, Some(all)))).await.unwrap();
        let own = reading.finish(&Clock::default());
        assert_eq!(own.len(), all);
        assert_eq!(own.get(&id(all - 1)).map(DivisionId::as_str), Some(DIVISION));
        assert_eq!((own.get(&id(all)), own.get("no id")), (None, None));
    }

    #[tokio::test]
    async fn who_has_too_many_is_refused_after_the_first_page_that_says_so() {
        let all = MAX_PAGES * AT_ONCE + 1;
        for (total, expected) in [(Some(all), 1), (None, MAX_PAGES)] {
            let asked = RefCell::new(0);
            let read = async |number| {
                *asked.borrow_mut() += 1;
                Ok(page(number, all, total))
            };
            assert!(matches!(reading().go_on(read).await, Err(LookupError::TooMany)));
            assert_eq!(*asked.borrow(), expected);
        }
    }

    #[tokio::test]
    async fn a_reading_that_is_given_up_goes_on_where_it_was() {
        let mut reading = reading();
        let mut first = Box::pin(reading.go_on(async |number| match number {
            1..=3 => Ok(page(number, 450, None)),
            _ => pending().await,
        }));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        let asked = RefCell::new(Vec::new());
        let read = async |number| {
            asked.borrow_mut().push(number);
            Ok(page(number, 450, None))
        };
        reading.go_on(read).await.unwrap();
        assert_eq!(asked.borrow().first(), Some(&4));
        assert_eq!(reading.finish(&Clock::default()).len(), 450);
    }

    #[test]
    fn what_is_in_a_division_that_was_not_asked_for_is_nobodys() {
        let mut own = reading().finish(&Clock::default());
        own.add(&id(1), &"b0000000-0000-4000-8000-000000000000".parse().unwrap());
        own.add("no id", &DIVISION.parse().unwrap());
        assert_eq!(own.len(), 0);
    }
}
