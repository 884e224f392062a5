//! Tenants and their divisions.

use ringfence::{
    model::{Limits, ServiceAccount, Tenant},
    store::{EventFilter, Store, StoreError},
};

use super::things::{at, change, division, service_account, tenant};
use crate::support::database::TestDatabase;

async fn store_with_account(database: &TestDatabase) -> Store {
    let store = database.store().await;
    store.add_service_account(&service_account("main"), &change()).await.unwrap();
    store
}

#[tokio::test]
async fn a_tenant_is_kept_whole_with_its_divisions_in_order() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let mut divisions = vec![division(), division(), division()];
        divisions.reverse();
        let limits =
            Limits { concurrent_requests: Some(3), requests_per_day: Some(u32::MAX), ..Limits::default() };
        let north = Tenant {
            division_ids: divisions,
            dedicated_agents: true,
            lenient: true,
            limits,
            ..tenant("north", "main")
        };
        let version = store.add_tenant(&north, &change()).await.unwrap();
        let kept = store.tenant(&north.id).await.unwrap();
        assert_eq!(kept, Some(Tenant { version, ..north }));
        assert_eq!(store.tenant(&"south".parse().unwrap()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn tenants_are_listed_by_id_each_with_its_own_divisions() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let mut expected = Vec::new();
        for id in ["south", "north", "no-th"] {
            let tenant = Tenant { division_ids: vec![division(), division()], ..tenant(id, "main") };
            let version = store.add_tenant(&tenant, &change()).await.unwrap();
            expected.push(Tenant { version, ..tenant });
        }
        expected.reverse();
        assert_eq!(store.list_tenants().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_tenants_id_is_unique() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        let again = store.add_tenant(&tenant("north", "main"), &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { what }) if what == "tenant north"));
    }
}

#[tokio::test]
async fn a_tenant_needs_a_service_account_that_exists() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let added = store.add_tenant(&tenant("north", "other"), &change()).await;
        assert!(matches!(added, Err(StoreError::Missing { what }) if what == "service account other"));
        assert!(store.list_tenants().await.unwrap().is_empty());
    }
}

/// Whoever asked first may have asked another replica.
#[tokio::test]
async fn an_account_that_is_not_shared_serves_one_tenant() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let alone = ServiceAccount { shared: false, ..service_account("alone") };
        store.add_service_account(&alone, &change()).await.unwrap();
        let second = "a tenant of service account alone, which is not shared";
        let is_second = |refused: Result<i64, StoreError>| {
            assert!(matches!(refused, Err(StoreError::Conflict { what }) if what == second));
        };
        store.add_tenant(&tenant("north", "alone"), &change()).await.unwrap();
        is_second(store.add_tenant(&tenant("south", "alone"), &change()).await);
        let south = tenant("south", "main");
        let version = store.add_tenant(&south, &change()).await.unwrap();
        let moved = Tenant { service_account: alone.id.clone(), version, ..south };
        is_second(store.update_tenant(&moved, &change()).await);
        store.add_tenant(&tenant("west", "main"), &change()).await.unwrap();
        let mut main = store.service_account(&"main".parse().unwrap()).await.unwrap().unwrap();
        main.shared = false;
        let second = store.update_service_account(&main, &change()).await;
        assert!(
            matches!(second, Err(StoreError::Conflict { what }) if what.contains("service account main"))
        );
        assert_eq!(store.served_by(&alone.id).await.unwrap(), ["north".parse().unwrap()]);
    }
}

#[tokio::test]
async fn a_division_belongs_to_one_tenant() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let north = tenant("north", "main");
        store.add_tenant(&north, &change()).await.unwrap();

        let greedy = Tenant {
            division_ids: vec![division(), north.division_ids[0].clone()],
            ..tenant("south", "main")
        };
        let before = store.version().await.unwrap();
        let event = change();
        let added = store.add_tenant(&greedy, &event).await;
        let division = north.division_ids[0].as_str();
        assert!(matches!(added, Err(StoreError::Conflict { what }) if what.contains(division)));

        // Nothing of a refused change stays: no tenant, no free division taken, no version, no event.
        assert_eq!(store.tenant(&greedy.id).await.unwrap(), None);
        assert_eq!(store.version().await.unwrap(), before);
        let events = store.list_events(&EventFilter::default(), None, 100).await.unwrap();
        assert!(events.iter().all(|recorded| recorded.event.id != event.id));
        let modest = Tenant { division_ids: greedy.division_ids[..1].to_vec(), ..greedy };
        store.add_tenant(&modest, &change()).await.unwrap();

        let free = super::things::division();
        let [theirs, ours] = [&modest.division_ids[0], &north.division_ids[0]].map(Clone::clone);
        let mut owners = store.owners_of(&[free, theirs.clone(), ours.clone()]).await.unwrap();
        owners.sort();
        let mut expected = [(theirs, modest.id.clone()), (ours, north.id.clone())];
        expected.sort();
        assert_eq!(owners, expected);
    }
}

#[tokio::test]
async fn a_division_named_twice_is_refused() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let twice = division();
        let north = Tenant { division_ids: vec![twice.clone(), twice], ..tenant("north", "main") };
        let added = store.add_tenant(&north, &change()).await;
        assert!(matches!(added, Err(StoreError::Conflict { .. })));
    }
}

#[tokio::test]
async fn an_update_replaces_everything_but_id_and_birth() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        store.add_service_account(&service_account("second"), &change()).await.unwrap();
        let north = tenant("north", "main");
        let version = store.add_tenant(&north, &change()).await.unwrap();
        let changed = Tenant {
            name: "North & Co.".to_owned(),
            division_ids: vec![division(), north.division_ids[0].clone()],
            policy_template: "full-access".to_owned(),
            dedicated_agents: true,
            dedicated_at: Some(at(98)),
            dedicated_since: Some(at(12)),
            limits: Limits { requests_per_minute: Some(600), burst: Some(20), ..Limits::default() },
            suspended: true,
            created_at: at(77),
            updated_at: at(99),
            version,
            ..tenant("north", "second")
        };
        let newer = store.update_tenant(&changed, &change()).await.unwrap();
        assert!(newer > version);
        let kept = store.tenant(&north.id).await.unwrap();
        assert_eq!(kept, Some(Tenant { version: newer, created_at: at(0), ..changed }));
    }
}

#[tokio::test]
async fn an_update_of_an_outdated_tenant_is_refused() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let north = tenant("north", "main");
        let version = store.add_tenant(&north, &change()).await.unwrap();
        let current = Tenant { version, ..north };
        store.update_tenant(&current, &change()).await.unwrap();
        let late = store.update_tenant(&current, &change()).await;
        assert!(
            matches!(late, Err(StoreError::Conflict { what }) if what == "a newer version of tenant north")
        );
    }
}

#[tokio::test]
async fn an_update_of_what_does_not_exist_is_refused() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let ghost = store.update_tenant(&tenant("ghost", "main"), &change()).await;
        assert!(matches!(ghost, Err(StoreError::Missing { what }) if what == "tenant ghost"));

        let version = store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        let moved = Tenant { version, ..tenant("north", "nowhere") };
        let moved = store.update_tenant(&moved, &change()).await;
        assert!(matches!(moved, Err(StoreError::Missing { what }) if what == "service account nowhere"));
    }
}

#[tokio::test]
async fn an_update_cannot_take_anothers_division_but_one_that_was_given_up() {
    for database in TestDatabase::both().await {
        let store = store_with_account(&database).await;
        let north = tenant("north", "main");
        let south = tenant("south", "main");
        let north = Tenant { version: store.add_tenant(&north, &change()).await.unwrap(), ..north };
        let south = Tenant { version: store.add_tenant(&south, &change()).await.unwrap(), ..south };
        let greedy = Tenant { division_ids: north.division_ids.clone(), ..south.clone() };
        let taken = store.update_tenant(&greedy, &change()).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })));
        let kept = store.tenant(&south.id).await.unwrap().unwrap();
        assert_eq!(kept.division_ids, south.division_ids);

        let moved = Tenant { division_ids: vec![division()], ..north };
        store.update_tenant(&moved, &change()).await.unwrap();
        store.update_tenant(&greedy, &change()).await.unwrap();
    }
}
