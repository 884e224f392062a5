//! A cross-tenant test for each enabled operation, made from the catalog: nobody writes one by hand, and none can be
//! forgotten.
//!
//! Each is asked as the tenant, as another tenant, with foreign ids in every place that an id can stand, and of an upstream
//! that lies; in two organisations that differ in other divisions' data alone.

mod handles;
mod holes;
mod masks;
mod requests;
mod strangers;
mod suite;
mod withdrawn;

use std::collections::BTreeSet;

use ringfence::catalog::Catalog;

use self::suite::{Suite, told};

/// Operations of which it is not shown here that they keep tenants apart: a tenant cannot use them on what is its own in the
/// simulated organisation, or an answer does not hold. Only ever shortened.
const UNTESTED: &str = include_str!("untested.txt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_enabled_operation_keeps_tenants_apart() {
    let findings = Suite::start(|| Catalog::embedded().unwrap()).await.run(|_| true).await;
    let known: BTreeSet<&str> = UNTESTED.lines().filter(|line| !line.is_empty()).collect();
    let mut failing = findings.failures;
    let unproved: BTreeSet<String> = failing.keys().chain(findings.untested.keys()).cloned().collect();
    failing.retain(|id, _| !known.contains(id.as_str()));
    assert!(failing.is_empty(), "an answer depends on other divisions' data:{}", told(&failing));
    let new: Vec<_> = findings.untested.iter().filter(|(id, _)| !known.contains(id.as_str())).collect();
    assert!(new.is_empty(), "not tested: {new:#?}");
    let proved: Vec<_> = known.iter().filter(|id| !unproved.contains(**id)).collect();
    assert!(proved.is_empty(), "these pass by now; take them out of `untested.txt`: {proved:?}");
    assert!(findings.requests > 1_000, "{}", findings.requests);
}
