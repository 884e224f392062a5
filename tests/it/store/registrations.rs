//! What carries no division, and whose it is.

use std::sync::Arc;

use ringfence::{
    catalog::Catalog,
    model::{Ended, Origin, Registration},
    policy::Engine,
    secret::MasterKey,
    store::StoreError,
    tenancy::Tenancy,
};

use super::things::{at, change, id, service_account, tenant};
use crate::support::database::TestDatabase;

fn group(tenant: &str) -> Registration {
    Registration {
        tenant_id: tenant.parse().unwrap(),
        entity: "group".to_owned(),
        id: id::<uuid::Uuid>().to_string().parse().unwrap(),
        came: Origin::Given,
        author: "ada@bpo.example".to_owned(),
        reason: "because".to_owned(),
        registered_at: at(0),
        ended: None,
        version: 0,
    }
}

#[tokio::test]
async fn nothing_is_two_tenants_at_a_time() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        for id in ["north", "south"] {
            store.add_tenant(&tenant(id, "main"), &change()).await.unwrap();
        }
        let mut first = group("north");
        first.version = store.register(&first, &change()).await.unwrap();
        let second = Registration { tenant_id: "south".parse().unwrap(), ..first.clone() };
        let taken = store.register(&second, &change()).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        assert_eq!(store.registration("group", &first.id).await.unwrap(), Some(first.clone()));
        assert_eq!(store.registration("script", &first.id).await.unwrap(), None);
        assert_eq!(store.list_registrations(&first.tenant_id).await.unwrap(), [first.clone()]);
        assert_eq!(store.list_registrations(&second.tenant_id).await.unwrap(), []);

        let whose = (&first.tenant_id, "group", &first.id);
        let version = store.end_registration(whose, Ended::Taken, &change()).await.unwrap();
        let gone = store.end_registration(whose, Ended::Taken, &change()).await;
        assert!(matches!(gone, Err(StoreError::Missing { .. })), "{gone:?}");
        assert_eq!(store.list_registrations(&first.tenant_id).await.unwrap(), []);
        let changes = store.changes_since(version - 1).await.unwrap();
        let ended = Registration { ended: Some(Ended::Taken), version, ..first.clone() };
        assert_eq!(changes.registrations, [ended]);

        store.register(&second, &change()).await.unwrap();
        let again = store.register(&first, &change()).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
        let whose = (&second.tenant_id, "group", &second.id);
        store.end_registration(whose, Ended::Deleted, &change()).await.unwrap();
        let known = Registration { came: Origin::Made, ..first.clone() };
        let again = store.register(&known, &change()).await;
        assert!(
            matches!(again, Err(StoreError::Conflict { .. })),
            "what is new was never anybody's: {again:?}"
        );
        store.register(&first, &change()).await.unwrap();
        let made = Registration { came: Origin::Made, tenant_id: first.tenant_id, ..group("south") };
        store.register(&made, &change()).await.unwrap();
        let known = store.registration("group", &made.id).await.unwrap().unwrap();
        assert_eq!((known.came, known.ended, known.tenant_id), (Origin::Made, None, made.tenant_id));
    }
}

#[tokio::test]
async fn a_registration_is_of_a_tenant_that_exists() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stray = store.register(&group("north"), &change()).await;
        assert!(matches!(stray, Err(StoreError::Missing { what }) if what == "tenant north"));
    }
}

/// Two calls that delete it at a time: both were told by Genesys that it is no more.
#[tokio::test]
async fn what_has_ended_can_be_ended_by_a_second_call() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        store.add_service_account(&service_account("main"), &change()).await.unwrap();
        store.add_tenant(&tenant("north", "main"), &change()).await.unwrap();
        let engine = Engine::new(&Catalog::embedded().unwrap().actions()).unwrap();
        let tenancy = Tenancy::start(store.clone(), Arc::new(engine), MasterKey::generate().unwrap().into())
            .await
            .unwrap();
        let one = group("north");
        let holds =
            || tenancy.views().tenant(&one.tenant_id).unwrap().registry().holds("group", one.id.as_str());
        tenancy.register(&one, &change()).await.unwrap();
        assert!(holds());
        for _ in 0..2 {
            tenancy.deregister(&one.tenant_id, ("group", &one.id), &change()).await.unwrap();
            assert!(!holds());
        }
    }
}
