//! Keys.

use ringfence::{
    model::{Key, KeyUse, Limits, Rotation, Successor},
    store::{Store, StoreError},
};

use super::things::{at, change, key, revoke, service_account, tenant};
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
        let version = revoke(&store, &issued.id, 5).await.unwrap();
        let revoked = store.key(&issued.id).await.unwrap().unwrap();
        assert_eq!((revoked.revoked_at, revoked.version), (Some(at(5)), version));
        assert!(revoked.generation > issued.generation);
        revoke(&store, &issued.id, 6).await.unwrap();
        assert_eq!(store.key(&issued.id).await.unwrap().unwrap().revoked_at, Some(at(5)));
    }
}

/// Else a key that was rotated between the look and the revocation would leave its successor alive.
#[tokio::test]
async fn keys_are_revoked_only_as_they_were_read_and_all_of_them_or_none() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let mut old = key("aaaaaaaaaaaaaaaa", "north");
        old.version = store.add_key(&old, &change()).await.unwrap();
        let mut other = Key { hmac: vec![8; 32], ..key("bbbbbbbbbbbbbbbb", "north") };
        other.version = store.add_key(&other, &change()).await.unwrap();
        let successor = Successor {
            id: "cccccccccccccccc".parse().unwrap(),
            hmac: vec![7; 32],
            created_by: old.id.to_string(),
            expires_at: None,
        };
        let rotation = Rotation::of(&old, successor, 60, at(10)).unwrap();
        store.rotate_key(&rotation, &change()).await.unwrap();
        let late = store.revoke_keys(&[other.clone(), old.clone()], at(11), &change()).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
        assert_eq!(store.key(&other.id).await.unwrap().unwrap().revoked_at, None);
        // And the other way round: what was revoked meanwhile is not rotated.
        let ended = store.key(&rotation.next.id).await.unwrap().unwrap();
        let successor = Successor {
            id: "dddddddddddddddd".parse().unwrap(),
            hmac: vec![9; 32],
            created_by: ended.id.to_string(),
            expires_at: None,
        };
        let rotation = Rotation::of(&ended, successor, 60, at(12)).unwrap();
        store.revoke_keys(&[ended], at(13), &change()).await.unwrap();
        let late = store.rotate_key(&rotation, &change()).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    }
}

#[tokio::test]
async fn a_key_is_changed_only_as_it_was_read() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let issued = key("aaaaaaaaaaaaaaaa", "north");
        let version = store.add_key(&issued, &change()).await.unwrap();
        let mut changed = Key {
            name: "other".to_owned(),
            allowed_operations: vec!["reads".to_owned()],
            allowed_cidrs: serde_json::from_str(r#"["203.0.113.0/24"]"#).unwrap(),
            limits: Limits { burst: Some(3), requests_per_minute: Some(9), ..Limits::default() },
            version,
            ..issued
        };
        changed.version = store.update_keys(&[changed.clone()], &change()).await.unwrap();
        assert_eq!(store.key(&changed.id).await.unwrap(), Some(changed.clone()));
        let stale = store.update_keys(&[Key { version, ..changed }], &change()).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })));
    }
}

#[tokio::test]
async fn a_rotation_ends_one_key_and_adds_another_or_does_neither() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let mut old = key("aaaaaaaaaaaaaaaa", "north");
        old.version = store.add_key(&old, &change()).await.unwrap();
        let successor = Successor {
            id: "bbbbbbbbbbbbbbbb".parse().unwrap(),
            hmac: vec![7; 32],
            created_by: "ana@example.com".to_owned(),
            expires_at: None,
        };
        let mut rotation = Rotation::of(&old, successor, 60, at(10)).unwrap();
        let version = store.rotate_key(&rotation, &change()).await.unwrap();
        let kept = store.list_keys(&"north".parse().unwrap()).await.unwrap();
        rotation.ending.version = version;
        rotation.next.version = version;
        assert_eq!(kept, [rotation.ending.clone(), rotation.next.clone()]);
        assert_eq!((kept[0].expires_at, &kept[1].origin), (Some(at(70)), &old.id));

        rotation.ending.version = old.version;
        rotation.next.id = "cccccccccccccccc".parse().unwrap();
        let again = store.rotate_key(&rotation, &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })));
        assert_eq!(store.list_keys(&"north".parse().unwrap()).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn of_each_key_the_last_use_is_kept_whoever_writes_it() {
    for database in TestDatabase::both().await {
        let store = store_with_tenants(&database).await;
        let (one, other) = (key("aaaaaaaaaaaaaaaa", "north"), key("bbbbbbbbbbbbbbbb", "south"));
        store.add_key(&one, &change()).await.unwrap();
        store.add_key(&other, &change()).await.unwrap();
        let used = |seconds: i64, source: Option<&str>| KeyUse {
            at: at(seconds),
            source: source.map(|source| source.parse().unwrap()),
        };
        let north = "north".parse().unwrap();
        assert_eq!(store.key_uses(&north).await.unwrap(), []);
        store.note_key_uses(&[]).await.unwrap();
        let first = used(60, Some("203.0.113.9"));
        store.note_key_uses(&[(one.id.clone(), first), (other.id.clone(), used(1, None))]).await.unwrap();
        assert_eq!(store.key_uses(&north).await.unwrap(), [(one.id.clone(), first)]);
        // What another replica saw before.
        store.note_key_uses(&[(one.id.clone(), used(59, None))]).await.unwrap();
        assert_eq!(store.key_uses(&north).await.unwrap(), [(one.id.clone(), first)]);
        let last = used(3_600, Some("2001:db8::1"));
        store.note_key_uses(&[(one.id.clone(), last)]).await.unwrap();
        assert_eq!(store.key_uses(&north).await.unwrap(), [(one.id.clone(), last)]);
        assert_eq!(store.key_uses(&"south".parse().unwrap()).await.unwrap(), [(other.id, used(1, None))]);
    }
}
