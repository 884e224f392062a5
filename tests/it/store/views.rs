//! The version and what changed since one.

use std::{collections::BTreeSet, sync::Arc};

use ringfence::model::{PolicyMode, Tenant};

use super::things::{change, key, operator, policy, revoke, service_account, tenant};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn every_change_raises_the_version_by_one() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        assert_eq!(store.version().await.unwrap(), 0);
        let north = tenant("north", "main");
        let issued = key("aaaaaaaaaaaaaaaa", "north");
        let versions = [
            store.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap(),
            store.add_service_account(&service_account("main"), &change()).await.unwrap(),
            store.add_tenant(&north, &change()).await.unwrap(),
            store.update_tenant(&Tenant { version: 3, ..north }, &change()).await.unwrap(),
            store.add_key(&issued, &change()).await.unwrap(),
            revoke(&store, &issued.id, 1).await.unwrap(),
            store.add_policy(&policy("north", PolicyMode::Active, "x"), &change()).await.unwrap(),
        ];
        assert_eq!(versions, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(store.version().await.unwrap(), 7);
    }
}

#[tokio::test]
async fn changes_hold_whole_rows_and_only_those_that_changed() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let main = service_account("main");
        store.add_service_account(&main, &change()).await.unwrap();
        let north = tenant("north", "main");
        let north = Tenant { version: store.add_tenant(&north, &change()).await.unwrap(), ..north };
        let south = tenant("south", "main");
        let south = Tenant { version: store.add_tenant(&south, &change()).await.unwrap(), ..south };
        let issued = key("aaaaaaaaaaaaaaaa", "north");
        store.add_key(&issued, &change()).await.unwrap();

        let all = store.changes_since(0).await.unwrap();
        assert_eq!(all.version, 4);
        assert_eq!(all.tenants, [north.clone(), south.clone()]);
        let keys = store.list_keys(&north.id).await.unwrap();
        assert_eq!(all.keys, keys.into_iter().map(Arc::new).collect::<Vec<_>>());
        assert_eq!(all.service_accounts, store.list_service_accounts().await.unwrap());

        revoke(&store, &issued.id, 1).await.unwrap();
        let later = store.changes_since(4).await.unwrap();
        assert_eq!((later.version, later.tenants.len(), later.service_accounts.len()), (5, 0, 0));
        assert_eq!(later.keys, [Arc::new(store.key(&issued.id).await.unwrap().unwrap())]);

        let suspended = Tenant { suspended: true, ..south };
        let version = store.update_tenant(&suspended, &change()).await.unwrap();
        let later = store.changes_since(5).await.unwrap();
        assert_eq!(later.tenants, [Tenant { version, ..suspended }]);
        assert!(later.keys.is_empty());

        let nothing = store.changes_since(version).await.unwrap();
        assert_eq!(nothing.version, version);
        assert!(nothing.tenants.is_empty() && nothing.keys.is_empty() && nothing.policies.is_empty());
    }
}

#[tokio::test]
async fn only_the_newest_policy_of_each_mode_counts_as_changed() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        store.add_tenant(&tenant("south", "main"), &change()).await.unwrap();
        for (id, mode, source) in [
            ("north", PolicyMode::Active, "old"),
            ("south", PolicyMode::Active, "south"),
            ("north", PolicyMode::Active, "new"),
            ("north", PolicyMode::Shadow, "tried"),
        ] {
            store.add_policy(&policy(id, mode, source), &change()).await.unwrap();
        }
        let sources = |policies: Vec<ringfence::model::PolicyVersion>| {
            policies.into_iter().map(|policy| policy.source).collect::<Vec<_>>()
        };
        assert_eq!(sources(store.changes_since(0).await.unwrap().policies), ["south", "new", "tried"]);
        assert_eq!(sources(store.changes_since(5).await.unwrap().policies), ["new", "tried"]);
        assert_eq!(sources(store.changes_since(6).await.unwrap().policies), ["tried"]);
        assert_eq!(sources(store.changes_since(7).await.unwrap().policies), [""; 0]);
    }
}

/// A reader that follows the versions while replicas change things misses nothing: versions become visible in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_misses_no_change_of_racing_replicas() {
    const EACH: usize = 10;
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let mut replicas = Vec::new();
        for replica in 0..4 {
            let store = database.store().await;
            replicas.push(tokio::spawn(async move {
                for number in 0..EACH {
                    let account = service_account(&format!("account-{replica}-{number}"));
                    store.add_service_account(&account, &change()).await.unwrap();
                }
            }));
        }
        let (mut version, mut seen) = (0, BTreeSet::new());
        while seen.len() < 4 * EACH {
            let changes = store.changes_since(version).await.unwrap();
            assert!(changes.version >= version);
            assert!(changes.service_accounts.iter().all(|account| account.version <= changes.version));
            version = changes.version;
            seen.extend(changes.service_accounts.into_iter().map(|account| account.version));
            assert_eq!(seen.len(), usize::try_from(version).unwrap(), "a change became visible late");
            tokio::task::yield_now().await;
        }
        for replica in replicas {
            replica.await.unwrap();
        }
    }
}

#[tokio::test]
async fn postgresql_sends_word_of_a_change_to_whoever_listens() {
    let database = TestDatabase::postgres().await;
    let (store, other) = (database.store().await, database.store().await);
    let (sender, mut words) = tokio::sync::mpsc::unbounded_channel();
    let listening = tokio::spawn(async move { store.listen(|| sender.send(()).unwrap()).await });
    // The first is for what happened before.
    words.recv().await.unwrap();
    other.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap();
    let word = tokio::time::timeout(std::time::Duration::from_secs(10), words.recv()).await;
    assert_eq!(word, Ok(Some(())));
    listening.abort();
}
