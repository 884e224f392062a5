//! Opening, migrating, closing.

use ringfence::store::{Database, Store, StoreError};

use crate::support::database::TestDatabase;

#[tokio::test]
async fn a_new_database_is_migrated_once() {
    let database = TestDatabase::sqlite();
    let store = Store::open(&database.url()).await.unwrap();
    assert_eq!(store.migrate().await.unwrap(), ["0001_tenants_and_events"]);
    assert!(store.migrate().await.unwrap().is_empty());
    store.close().await;
}

#[tokio::test]
async fn an_open_store_answers_and_knows_its_kind() {
    for (database, kind) in TestDatabase::both().await.iter().zip([Database::Sqlite, Database::Postgres]) {
        let store = database.store().await;
        assert_eq!(store.database(), kind);
        store.ping().await.unwrap();
        store.close().await;
        assert!(matches!(store.ping().await, Err(StoreError::Database { .. })));
    }
}
