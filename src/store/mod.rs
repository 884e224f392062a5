//! Everything kept, in SQLite or PostgreSQL behind one [`Store`].
//!
//! Each statement is written once, as one text that both databases understand, and run on whichever pool is open:
//! `on_pool!` and `in_change!` expand it for both, so the compiler checks the bound and read types against each.
//! Where the two must differ (appending events in bulk), the method says so and has a constant for each.
//!
//! **Changes are in order.** Every change is one transaction that first raises the row of table `version`: that
//! row's lock serialises changes, so whoever sees version *n* sees all changes up to *n*. The number is stamped into
//! the changed row, and [`Store::changes_since`] reads what a view in memory has missed. The change's event commits
//! in the same transaction: no effect without a record.
//!
//! **Grants are proven.** Every change says which rows it touches, and what grants something there is sealed anew
//! ([`grants`]).
//!
//! **The record is a log**: each process, and the changes together, append to a stream of their own, whose tree is signed
//! with each commit ([`log`]).
//!
//! **Time is bound, never asked of the database**: callers pass it, cut to microseconds, which is what both keep.
//!
//! **A lost database is known soon**: what the hot path waits for fails after [`Database::patience`], and pools mend
//! themselves when the database is back.
#![expect(clippy::disallowed_methods, reason = "this is where SQL lives")]

mod append;
mod calls;
mod claims;
mod error;
mod events;
mod grants;
mod key_uses;
mod keys;
mod log;
mod open;
mod operators;
mod policies;
mod pool;
mod presence;
mod quotas;
mod registrations;
mod sealed;
mod service_accounts;
mod signing_keys;
mod stays;
mod streams;
mod tenants;
mod views;
mod wakeups;

use std::sync::{Arc, OnceLock};

use crate::{secret::GrantsKey, tlog::Signer};

pub use calls::{Calls, CallsOf};
pub use error::StoreError;
pub use events::EventFilter;
pub use grants::{Ledger, Subject};
pub use log::{Entry, Lost, Stream, StreamHead};
pub use open::Database;
pub use presence::Presence;
pub use quotas::{QuotaOf, QuotaShare};
pub use sealed::{PASSPHRASE_SALT, SealedPlace};
pub use streams::Unsettled;
pub use views::Changes;

/// A handle, cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: pool::Pool,
    grants: Arc<OnceLock<GrantsKey>>,
    signer: Arc<OnceLock<Signer>>,
}

impl std::fmt::Debug for Store {
    // The pools' own `Debug` would show the database's password.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Store").field(&self.database()).finish()
    }
}
