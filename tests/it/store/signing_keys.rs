//! The keys that access tokens are signed with.

use ringfence::{model::SealedSigningKey, secret::MasterKey, store::StoreError};

use super::things::{at, change};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn signing_keys_are_kept_in_the_order_of_their_numbers_and_dropped_with_the_next() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let key = |number: u32| SealedSigningKey {
            number,
            sealed: vec![u8::try_from(number).unwrap(); 8],
            created_at: at(i64::from(number)),
        };
        store.keep_sealed("signing-key", b"another purpose", at(0)).await.unwrap();
        for number in 1..=11 {
            store.add_signing_key(&key(number), &[], &change()).await.unwrap();
        }
        let numbers = |keys: Vec<SealedSigningKey>| keys.iter().map(|key| key.number).collect::<Vec<_>>();
        let kept = store.list_signing_keys().await.unwrap();
        assert_eq!(kept[1], key(2));
        assert_eq!(numbers(kept), (1..=11).collect::<Vec<_>>());

        let version = store.add_signing_key(&key(12), &[1, 2], &change()).await.unwrap();
        let changes = store.changes_since(version - 1).await.unwrap();
        assert_eq!(numbers(changes.signing_keys), (3..=12).collect::<Vec<_>>());
        let again = store.add_signing_key(&key(12), &[3], &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));
        assert_eq!(store.list_signing_keys().await.unwrap().len(), 10, "all of it or nothing");

        let retired = MasterKey::generate().unwrap();
        store.retire_master_key(retired.id(), at(0), &change()).await.unwrap();
        let stale = SealedSigningKey { sealed: retired.seal("x", b"x").unwrap(), ..key(13) };
        store.add_signing_key(&stale, &[], &change()).await.unwrap_err();
    }
}
