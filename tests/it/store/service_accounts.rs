//! Service accounts.

use ringfence::{model::ServiceAccount, secret::MasterKey, store::StoreError};

use super::things::{at, change, service_account};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn a_service_account_is_kept_whole() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let main = ServiceAccount { shared: true, ..service_account("main") };
        let version = store.add_service_account(&main, &change()).await.unwrap();
        let kept = store.service_account(&main.id).await.unwrap();
        assert_eq!(kept, Some(ServiceAccount { version, ..main }));
        assert_eq!(store.service_account(&"other".parse().unwrap()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn service_accounts_are_listed_by_id() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        // A locale would sort the hyphen and the digit elsewhere.
        for id in ["b", "a-c", "ab", "a1"] {
            store.add_service_account(&service_account(id), &change()).await.unwrap();
        }
        let listed = store.list_service_accounts().await.unwrap();
        let ids: Vec<_> = listed.iter().map(|account| account.id.as_str()).collect();
        assert_eq!(ids, ["a-c", "a1", "ab", "b"]);
    }
}

#[tokio::test]
async fn a_service_accounts_id_is_unique() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        let again = store.add_service_account(&service_account("main"), &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { what }) if what == "service account main"));
    }
}

#[tokio::test]
async fn a_service_account_is_changed_once_by_version_and_never_under_a_retired_key() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let version = store.add_service_account(&service_account("main"), &change()).await.unwrap();
        let changed = ServiceAccount {
            client_id: "another".to_owned(),
            sealed_secret: vec![7, 7],
            shared: true,
            description: "changed".to_owned(),
            tokens: 3,
            requests_per_minute: Some(60),
            lend_idle: true,
            secret_at: at(7),
            version,
            ..service_account("main")
        };
        let later = store.update_service_account(&changed, &change()).await.unwrap();
        assert_eq!(
            store.service_account(&changed.id).await.unwrap(),
            Some(ServiceAccount { version: later, ..changed.clone() })
        );
        let seen = store.changes_since(version).await.unwrap();
        assert_eq!(seen.service_accounts.len(), 1, "replicas hear of it");
        let stale = store.update_service_account(&changed, &change()).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
        let nobody = ServiceAccount { id: "nobody".parse().unwrap(), ..changed.clone() };
        let missing = store.update_service_account(&nobody, &change()).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");

        let retired = MasterKey::generate().unwrap();
        store.retire_master_key(retired.id(), at(0), &change()).await.unwrap();
        let sealed_secret = retired.seal("x", b"x").unwrap();
        let stale = ServiceAccount { sealed_secret, version: later, ..changed };
        let refused = store.update_service_account(&stale, &change()).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        let kept = store.service_account(&stale.id).await.unwrap().unwrap();
        assert_eq!(kept.sealed_secret, [7, 7]);
    }
}
