//! What of each account's budget may be sent from this process: several share it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::model::{Portion, ServiceAccountId};

/// The parts of all accounts, and of single ones.
#[derive(Debug, Default)]
pub(in crate::upstream) struct Parts {
    all: Arc<Part>,
    own: Mutex<HashMap<ServiceAccountId, Arc<Part>>>,
}

/// Changed and read without waiting: zero while nothing is said.
#[derive(Debug, Default)]
struct Part(AtomicU64);

/// One account's.
pub(in crate::upstream) struct Here {
    all: Arc<Part>,
    own: Arc<Part>,
}

impl Parts {
    pub(in crate::upstream) fn set(&self, account: Option<&ServiceAccountId>, part: Option<Portion>) {
        match account {
            None => self.all.set(part),
            Some(account) => self.own(account).set(part),
        }
    }

    pub(in crate::upstream) fn of(&self, account: &ServiceAccountId) -> Here {
        Here { all: Arc::clone(&self.all), own: self.own(account) }
    }

    fn own(&self, account: &ServiceAccountId) -> Arc<Part> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(own.entry(account.clone()).or_default())
    }
}

impl Here {
    pub(super) fn part(&self) -> Portion {
        self.own.get().or_else(|| self.all.get()).unwrap_or(Portion::ALL)
    }
}

impl Part {
    fn set(&self, part: Option<Portion>) {
        let packed = part.map_or(0, |Portion { weight, total }| u64::from(weight) << 32 | u64::from(total));
        self.0.store(packed, Ordering::Relaxed);
    }

    fn get(&self) -> Option<Portion> {
        let packed = self.0.load(Ordering::Relaxed);
        let half = |shift: u32| u32::try_from(packed >> shift & u64::from(u32::MAX)).unwrap_or_default();
        (packed != 0).then(|| Portion { weight: half(32), total: half(0) })
    }
}
