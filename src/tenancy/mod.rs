//! Tenants, keys and policies as immutable views in memory, swapped whole on change.
//!
//! SKELETON: being filled in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]

use crate::{
    clock::Clock,
    policy::Engine,
    store::{Store, StoreError},
};
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Tenancy {}
impl Tenancy {
    /// Loads everything, then polls the version row every 250 ms in a task that ends when the last handle is dropped.
    pub async fn start(store: Store, engine: Arc<Engine>, clock: Clock) -> Result<Self, StoreError> {
        unimplemented!()
    }
    /// Reads changes now: called after a change made through this process.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    /// Confirmed against the store within the last 3 s.
    pub fn is_confirmed(&self) -> bool {
        unimplemented!()
    }
}
