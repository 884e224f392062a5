//! Opening, migrating, closing.

use ringfence::store::{Database, Store, StoreError};

use crate::support::database::TestDatabase;

#[tokio::test]
async fn a_new_database_is_migrated_once_and_says_what_it_lacks() {
    for database in [TestDatabase::sqlite(), TestDatabase::empty_postgres().await] {
        let store = Store::open(&database.url()).await.unwrap();
        assert_eq!(store.pending().await.unwrap(), ["0001_tenants_and_events"]);
        assert_eq!(store.migrate().await.unwrap(), ["0001_tenants_and_events"]);
        assert!(store.pending().await.unwrap().is_empty());
        assert!(store.migrate().await.unwrap().is_empty());
        store.close().await;
    }
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

#[tokio::test]
async fn replicas_that_start_at_once_migrate_once() {
    for database in [TestDatabase::sqlite(), TestDatabase::empty_postgres().await] {
        let replicas: Vec<_> = (0..6)
            .map(|_| {
                let url = database.url();
                tokio::spawn(async move { Store::open(&url).await.unwrap().migrate().await })
            })
            .collect();
        for replica in replicas {
            replica.await.unwrap().unwrap();
        }
        assert!(Store::open(&database.url()).await.unwrap().migrate().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_no_store_url_is_refused_without_showing_its_password() {
    for (url, shown) in [
        ("", ""),
        ("ringfence.db", "ringfence.db"),
        ("sqlite://", "sqlite://"),
        ("sqlite::memory:", "sqlite::memory:"),
        ("sqlite://:memory:", "sqlite://:memory:"),
        ("sqlite://a.db?mode=ro", "sqlite://a.db?mode=ro"),
        ("mysql://root:hunter2@localhost/ringfence", "mysql://…@localhost/ringfence"),
        ("postgres://me:hunt@er2@localhost:port/x", "postgres://…@localhost:port/x"),
    ] {
        let opened = Store::open(url).await;
        let Err(error @ StoreError::Url { .. }) = opened else { panic!("{url}: {opened:?}") };
        let expected = format!("`{shown}` is not a store URL: expected sqlite://FILE or postgres://…");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn a_store_does_not_show_how_it_connects() {
    let [sqlite, postgres] = TestDatabase::both().await;
    assert_eq!(format!("{:?}", sqlite.store().await), "Store(Sqlite)");
    assert_eq!(format!("{:?}", postgres.store().await), "Store(Postgres)");
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_sqlite_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = TestDatabase::sqlite();
    let store = database.store().await;
    let directory = database.url().replace("sqlite://", "").replace("ringfence.db", "");
    let mut files = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        files += 1;
    }
    assert!(files >= 2, "the database and its log");
    store.close().await;
}
