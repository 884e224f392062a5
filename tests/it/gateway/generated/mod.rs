//! A cross-tenant test for each enabled operation, made from the catalog: nobody writes one by hand, and none can be
//! forgotten.
//!
//! Each is asked as the tenant, as another tenant, with foreign ids in every place that an id can stand, and of an upstream
//! that lies; in two organisations that differ in other divisions' data alone.

mod requests;
mod suite;

use std::collections::BTreeSet;

use ringfence::catalog::Catalog;

use self::suite::{Suite, told};

/// Operations that a tenant cannot use on what is its own in the simulated organisation. Only ever shortened.
const UNTESTED: &str = include_str!("untested.txt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_enabled_operation_keeps_tenants_apart() {
    let findings = Suite::start(|| Catalog::embedded().unwrap()).await.run(|_| true).await;
    assert!(findings.failures.is_empty(), "{:#}", told(&findings.failures));
    let known: BTreeSet<&str> = UNTESTED.lines().filter(|line| !line.is_empty()).collect();
    let untested: BTreeSet<&str> = findings.untested.keys().map(String::as_str).collect();
    let new: Vec<_> = findings.untested.iter().filter(|(id, _)| !known.contains(id.as_str())).collect();
    assert!(new.is_empty(), "not tested: {new:#?}");
    let tested: Vec<_> = known.difference(&untested).collect();
    assert!(tested.is_empty(), "these are tested by now; take them out of `untested.txt`: {tested:?}");
}
