//! Sealed singletons.

use ringfence::{secret::MasterKey, store::SealedPlace};

use super::things::{at, change, service_account};
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

#[tokio::test]
async fn a_value_is_sealed_anew_only_where_it_is_still_the_one() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        let first = old.seal("pepper", b"hot").unwrap();
        store.keep_sealed("pepper", &first, at(0)).await.unwrap();
        let account = service_account("main");
        store.add_service_account(&account, &change()).await.unwrap();
        let places = store.list_sealed().await.unwrap();
        assert_eq!(places[0], (SealedPlace::Purpose("pepper".to_owned()), first.clone()));
        assert_eq!(places[1].1, account.sealed_secret);
        let second = new.seal("pepper", b"hot").unwrap();
        assert!(!store.reseal(&places[0].0, (&second, &second), &change()).await.unwrap());
        assert!(store.reseal(&places[0].0, (&first, &second), &change()).await.unwrap());
        assert!(store.reseal(&places[1].0, (&account.sealed_secret, b"other"), &change()).await.unwrap());
        let now: Vec<_> = store.list_sealed().await.unwrap().into_iter().map(|(_, value)| value).collect();
        assert_eq!(now, [second, b"other".to_vec()]);
    }
}

#[tokio::test]
async fn nothing_is_kept_that_is_sealed_under_a_retired_key() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let (old, new) = (MasterKey::generate().unwrap(), MasterKey::generate().unwrap());
        assert_eq!(store.master_key_retired(old.id()).await.unwrap(), None);
        for second in [1, 2] {
            store.retire_master_key(old.id(), at(second), &change()).await.unwrap();
        }
        assert_eq!(store.master_key_retired(old.id()).await.unwrap(), Some(at(1)), "the first time stays");
        let mut account = service_account("main");
        account.sealed_secret = old.seal("main", b"secret").unwrap();
        store.add_service_account(&account, &change()).await.unwrap_err();
        store.keep_sealed("pepper", &account.sealed_secret, at(0)).await.unwrap_err();
        account.sealed_secret = new.seal("main", b"secret").unwrap();
        store.add_service_account(&account, &change()).await.unwrap();
    }
}
