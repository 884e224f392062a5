//! What is withdrawn holds in time also while keys are made without pause, and while the database is slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{app::read, database::TestDatabase, proxy::Proxy};

use super::{Cluster, report};

/// Makes keys at both replicas, a hundred a second, until the flag falls. Other tests share the machine: benches/crowd.py makes
/// as many as it can.
fn storm(cluster: &Cluster, goes_on: &Arc<AtomicBool>, made: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut makers = JoinSet::new();
    for replica in cluster.replicas.iter().cycle().take(4) {
        let url = format!("{}/admin/v1/tenants/alpha/keys", replica.operator);
        let request =
            cluster.client.post(url).bearer_auth(&cluster.admin_token).json(&json!({ "name": "more" }));
        let (goes_on, made) = (Arc::clone(goes_on), Arc::clone(made));
        makers.spawn(async move {
            while goes_on.load(Ordering::Relaxed) {
                read(request.try_clone().unwrap()).await.expect(201);
                made.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    makers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_at_the_other_replica_within_a_second_in_a_storm_of_new_keys() {
    let cluster = Cluster::start().await;
    let (goes_on, made) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let makers = storm(&cluster, &goes_on, &made);
    let revocations = cluster.revocations(20).await;
    goes_on.store(false, Ordering::Relaxed);
    makers.join_all().await;
    let made = made.load(Ordering::Relaxed);
    assert!(made > 50, "{made} keys are no storm");
    report(&format!("a revocation among {made} new keys"), revocations);
}

/// Each word to the database and each of its answers is late by as much as between two countries; a change takes twenty of
/// them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_holds_at_the_other_replica_within_a_second_with_a_slow_database() {
    let database = TestDatabase::postgres().await;
    let wire = Proxy::slow(&database.address(), Duration::from_millis(10)).await;
    let url = database.url_at(wire.address());
    let cluster = Cluster::before(database, &url).await;
    let revocations = cluster.revocations(5).await;
    report("a revocation, the database 20 ms away", revocations);
}
