//! Where replicas note what they have used of each quota, and what they hold of it in advance.

use chrono::{DateTime, Utc};

pub use crate::store::{QuotaOf, QuotaShare};
use crate::{
    model::StreamId,
    store::{Store, StoreError},
};

/// The store cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("the shares of quotas cannot be read or written")]
pub struct LedgerLost(#[from] StoreError);

/// What is shared through the store.
#[derive(Debug)]
pub struct Ledger(Store);

impl Ledger {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Notes what this replica has used and takes what `hold` makes of the others' shares, which are returned; `None` of a
    /// quota that nobody shares yet, unless it is said what was used `before`.
    pub async fn claim(
        &self,
        of: &QuotaOf,
        own: (&StreamId, DateTime<Utc>),
        (spent, before): (u64, Option<u64>),
        hold: &(dyn Fn(&[QuotaShare]) -> u64 + Sync),
    ) -> Result<Option<Vec<QuotaShare>>, LedgerLost> {
        let hold = |others: &[QuotaShare]| kept(hold(others));
        Ok(self.0.claim_quota(of, own, (kept(spent), before.map(kept)), &hold).await?)
    }

    /// Notes what a replica that is gone has really used.
    pub async fn settle(&self, of: &QuotaOf, gone: &str, used: u64) -> Result<(), LedgerLost> {
        Ok(self.0.settle_quota(of, gone, kept(used)).await?)
    }

    /// Forgets all of one who is not limited any more.
    pub async fn forget(&self, subject: &str) -> Result<(), LedgerLost> {
        Ok(self.0.forget_quotas(subject).await?)
    }
}

fn kept(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
