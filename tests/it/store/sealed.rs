//! Sealed singletons.

use super::things::at;
use crate::support::database::TestDatabase;

#[tokio::test]
async fn the_first_value_of_a_purpose_stays() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        assert_eq!(store.sealed("pepper").await.unwrap(), None);
        assert_eq!(store.keep_sealed("pepper", b"first\0", at(0)).await.unwrap(), b"first\0");
        assert_eq!(store.keep_sealed("pepper", b"second", at(1)).await.unwrap(), b"first\0");
        assert_eq!(store.sealed("pepper").await.unwrap().unwrap(), b"first\0");
        assert_eq!(store.keep_sealed("signing-key", b"second", at(1)).await.unwrap(), b"second");
    }
}

#[tokio::test]
async fn racing_replicas_agree_on_one_value() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let race = (0..8_u8).map(|replica| {
            let store = store.clone();
            tokio::spawn(async move { store.keep_sealed("pepper", &[replica], at(0)).await.unwrap() })
        });
        let mut kept = Vec::new();
        for replica in race.collect::<Vec<_>>() {
            kept.push(replica.await.unwrap());
        }
        kept.dedup();
        assert_eq!(kept.len(), 1, "{kept:?}");
    }
}
