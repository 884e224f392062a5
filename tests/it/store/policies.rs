//! Tenants' own policies.

use ringfence::{model::PolicyMode, store::StoreError};

use super::things::{change, policy, service_account, tenant};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn policies_are_numbered_by_the_store_and_listed_newest_first() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        let mut first = policy("north", PolicyMode::Active, "permit (principal, action, resource);");
        let mut second = policy("north", PolicyMode::Shadow, "forbid (principal, action, resource);");
        first.version = store.add_policy(&first, &change()).await.unwrap();
        second.version = store.add_policy(&second, &change()).await.unwrap();
        assert!(second.version > first.version);
        assert_eq!(
            store.list_policies(&first.tenant_id, None).await.unwrap(),
            [second.clone(), first.clone()]
        );
        let before = store.list_policies(&first.tenant_id, Some(second.version)).await.unwrap();
        assert_eq!(before, [first]);
    }
}

#[tokio::test]
async fn a_policy_is_of_a_tenant_that_exists() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stray = store.add_policy(&policy("north", PolicyMode::Active, ""), &change()).await;
        assert!(matches!(stray, Err(StoreError::Missing { what }) if what == "tenant north"));
    }
}

#[tokio::test]
async fn the_newest_active_version_is_in_force_and_a_shadow_only_until_then() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        let north = tenant("north", "main");
        store.add_tenant(&north, &change()).await.unwrap();
        let mut seen = Vec::new();
        for (mode, source) in [
            (PolicyMode::Shadow, "a"),
            (PolicyMode::Active, "b"),
            (PolicyMode::Shadow, "c"),
            (PolicyMode::Shadow, "d"),
            (PolicyMode::Active, "e"),
        ] {
            store.add_policy(&policy("north", mode, source), &change()).await.unwrap();
            let own = store.own_policies(&north.id).await.unwrap();
            let [active, shadow] = [own.active(), own.shadow()]
                .map(|version| version.map_or("-", |version| &version.source).to_owned());
            seen.push(active + &shadow);
        }
        assert_eq!(seen, ["-a", "b-", "bc", "bd", "e-"]);
    }
}
