//! Service accounts.

use ringfence::{model::ServiceAccount, store::StoreError};

use super::things::{change, service_account};
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
