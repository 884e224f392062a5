//! What a view has decided, as long as the view lives.
//!
//! No cache with a policy of its own: one of those takes some 50 KB before it holds anything, and there is one of these for
//! each tenant.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::Verdict;
use crate::model::KeyId;

/// How many decisions a view remembers; when there are more, it begins anew.
const MOST: usize = 10_000;

/// Decisions, by key and operation.
#[derive(Debug, Default)]
pub(super) struct Remembered(RwLock<Decisions>);

#[derive(Debug, Default)]
struct Decisions {
    count: usize,
    by_key: HashMap<KeyId, HashMap<Arc<str>, Arc<Verdict>>>,
}

impl Remembered {
    /// What was decided, or what is decided now.
    pub(super) fn get_or_decide(
        &self,
        key: &KeyId,
        operation: &Arc<str>,
        decide: impl FnOnce() -> Verdict,
    ) -> Arc<Verdict> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(verdict) = known.by_key.get(key).and_then(|by_operation| by_operation.get(operation)) {
            return Arc::clone(verdict);
        }
        drop(known);
        // Two at once decide alike: the view never changes.
        let verdict = Arc::new(decide());
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.count >= MOST {
            *known = Decisions::default();
        }
        let of_key = known.by_key.entry(key.clone()).or_default();
        if of_key.insert(Arc::clone(operation), Arc::clone(&verdict)).is_none() {
            known.count += 1;
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Masks;

    fn verdict() -> Verdict {
        let (divisions, policies) = (Arc::from([]), Arc::from([]));
        Verdict { divisions, policies, errors: Vec::new(), masks: Masks::NONE, shadow: None }
    }

    #[test]
    fn what_was_decided_is_not_decided_again_and_no_more_is_kept_than_may_be() {
        let remembered = Remembered::default();
        let key: KeyId = "abcdefghijklmnop".parse().unwrap();
        let other: KeyId = "ponmlkjihgfedcba".parse().unwrap();
        let operation = |number: usize| -> Arc<str> { format!("operation{number}").into() };
        let first = remembered.get_or_decide(&key, &operation(0), verdict);
        let again = remembered.get_or_decide(&key, &operation(0), || panic!("it is known"));
        assert!(Arc::ptr_eq(&first, &again));
        let apart = remembered.get_or_decide(&other, &operation(0), verdict);
        assert!(!Arc::ptr_eq(&first, &apart));
        for number in 0..2 * MOST + 7 {
            remembered.get_or_decide(&key, &operation(number), verdict);
        }
        let known = remembered.0.read().unwrap();
        assert!(known.count <= MOST);
        assert_eq!(known.count, known.by_key.values().map(HashMap::len).sum::<usize>());
    }
}
