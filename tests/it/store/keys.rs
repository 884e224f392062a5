//! Keys.

use ringfence::{
    model::{Key, Limits},
    store::{Store, StoreError},
};

use super::things::{at, change, key, service_account, tenant};
use crate::support::database::TestDatabase;

async fn store_with_tenants(database: &TestDatabase) -> Store {
    let store = database.store().await;
    store.add_service_account(&service_account("main"), &change()).await.unwrap();
    store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
    store.add_tenant(&tenant("south", "main"), &change()).await.unwrap();
    store
}

#[tokio::test]
async fn a_key_is_kept_whole() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let cidrs = serde_json::from_str(r#"["203.0.113.0/24", "2001:db8::/32"]"#).unwrap();
        let key = Key {
            read_only: true,
            allowed_cidrs: cidrs,
            limits: Limits { requests_per_month: Some(9), ..Limits::default() },
            expires_at: Some(at(60)),
            ..key("aaaaaaaaaaaaaaaa", "north")
        };
        let version = store.add_key(&key, &change()).await.unwrap();
        assert_eq!(store.key(&key.id).await.unwrap(), Some(Key { version, ..key }));
        assert_eq!(store.key(&"bbbbbbbbbbbbbbbb".parse().unwrap()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_tenants_keys_are_listed_oldest_first() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let young = Key { created_at: at(9), ..key("aaaaaaaaaaaaaaaa", "north") };
        let old = key("bbbbbbbbbbbbbbbb", "north");
        for key in [&young, &old, &key("cccccccccccccccc", "south")] {
            store.add_key(key, &change()).await.unwrap();
        }
        let listed = store.list_keys(&"north".parse().unwrap()).await.unwrap();
        assert_eq!(listed.iter().map(|key| &key.id).collect::<Vec<_>>(), [&old.id, &young.id]);
    }
}

#[tokio::test]
async fn a_key_is_unique_and_of_a_tenant_that_exists() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let first = key("aaaaaaaaaaaaaaaa", "north");
        store.add_key(&first, &change()).await.unwrap();
        let again = store.add_key(&first, &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { what }) if what == "key aaaaaaaaaaaaaaaa"));
        let stray = store.add_key(&key("bbbbbbbbbbbbbbbb", "west"), &change()).await;
        assert!(matches!(stray, Err(StoreError::Missing { what }) if what == "tenant west"));
    }
}

#[tokio::test]
async fn revoking_raises_the_generation_and_keeps_the_first_time() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let issued = key("aaaaaaaaaaaaaaaa", "north");
        store.add_key(&issued, &change()).await.unwrap();
        let version = store.revoke_key(&issued.id, at(5), &change()).await.unwrap();
        let revoked = store.key(&issued.id).await.unwrap().unwrap();
        assert_eq!((revoked.revoked_at, revoked.version), (Some(at(5)), version));
        assert!(revoked.generation > issued.generation);
        store.revoke_key(&issued.id, at(6), &change()).await.unwrap();
        assert_eq!(store.key(&issued.id).await.unwrap().unwrap().revoked_at, Some(at(5)));

        let unknown = store.revoke_key(&"bbbbbbbbbbbbbbbb".parse().unwrap(), at(5), &change()).await;
        assert!(matches!(unknown, Err(StoreError::Missing { what }) if what == "key bbbbbbbbbbbbbbbb"));
    }
}
