//! What grants something, altered by another hand: noticed, whatever it is.

use std::collections::BTreeSet;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use ringfence::{
    model::{Ended, EntityId, Origin, PolicyMode, Registration, Tenant},
    store::{Ledger, Store, StoreError, Subject},
};

use super::{
    operators::token_of,
    things::{at, change, key, operator, policy, revoke, service_account, tenant},
};
use crate::support::database::TestDatabase;

const GROUP: &str = "5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11";
const ENDED: &str = "6f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11";

/// Children before their parents.
const TABLES: [&str; 10] = [
    "registration",
    "policy",
    "tenant_key",
    "tenant_division",
    "tenant",
    "operator_token",
    "operator",
    "service_account",
    "grant_seal",
    "version",
];

fn registration(id: &str) -> Registration {
    Registration {
        tenant_id: "alpha".parse().unwrap(),
        entity: "group".to_owned(),
        id: id.parse().unwrap(),
        came: Origin::Given,
        author: "ada@bpo.example".to_owned(),
        reason: "theirs".to_owned(),
        registered_at: at(0),
        ended: None,
        version: 0,
    }
}

/// Two tenants on two accounts, with one of everything.
async fn furnish(store: &Store) {
    for id in ["alpha", "beta"] {
        store.add_service_account(&service_account(id), &change()).await.unwrap();
        store.add_tenant(&tenant(id, id), &change()).await.unwrap();
    }
    let mut issued = key("aaaaaaaaaaaaaaaa", "alpha");
    issued.expires_at = Some(at(60));
    store.add_key(&issued, &change()).await.unwrap();
    revoke(store, &issued.id, 1).await.unwrap();
    let mut other = key("bbbbbbbbbbbbbbbb", "beta");
    other.hmac = vec![8; 32];
    store.add_key(&other, &change()).await.unwrap();
    for source in ["older", "newer"] {
        store.add_policy(&policy("alpha", PolicyMode::Active, source), &change()).await.unwrap();
    }
    for id in [GROUP, ENDED] {
        store.register(&registration(id), &change()).await.unwrap();
    }
    let ended: EntityId = ENDED.parse().unwrap();
    let alpha = "alpha".parse().unwrap();
    store.end_registration((&alpha, "group", &ended), Ended::Taken, &change()).await.unwrap();
    let mut ada = operator("ada@bpo.example");
    ada.role = ringfence::model::Role::Auditor;
    store.add_operator(&ada, &change()).await.unwrap();
    store.add_operator_token(&token_of(&ada, "cccccccccccccccc"), &change()).await.unwrap();
}

/// Whose grants are not proven, and whether it is which there are.
async fn unproven(store: &Store) -> (BTreeSet<&'static str>, bool) {
    let mut ledger = Ledger::new(store.grants_key().unwrap().clone());
    let taken = ledger.take_in(&store.changes_since(Ledger::BEFORE_ALL).await.unwrap());
    let kinds = ledger.unproven().iter().map(|subject| match subject {
        Subject::Tenant(id) if id.as_str() == "alpha" => "alpha",
        Subject::Tenant(_) => "beta",
        Subject::ServiceAccount(_) => "account",
        Subject::Operator(_) => "operator",
    });
    (kinds.collect(), matches!(taken, Err(StoreError::Unproven { .. })))
}

async fn save(database: &TestDatabase) {
    for table in TABLES {
        database.run(&format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).await;
    }
}

async fn put_back(database: &TestDatabase) {
    for table in TABLES {
        database.run(&format!("DELETE FROM {table}")).await;
    }
    for table in TABLES.iter().rev() {
        database.run(&format!("INSERT INTO {table} SELECT * FROM saved_{table}")).await;
    }
}

/// A statement, whose grants it touches, and whether it is which grants there are that it touches.
type Case = (&'static str, &'static [&'static str], bool);

const CASES: [Case; 30] = [
    ("UPDATE tenant SET suspended = TRUE WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET policy_template = 'full-access' WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET service_account = 'beta' WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET dedicated_agents = TRUE WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET lenient = TRUE WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET limits = '{\"burst\":1}' WHERE id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant SET version = version - 1 WHERE id = 'alpha'", &["alpha"], false),
    (
        "INSERT INTO tenant_division VALUES ('00000000-0000-4000-8000-000000000001', 'alpha', 1)",
        &["alpha"],
        false,
    ),
    (
        "UPDATE tenant_division SET tenant_id = 'alpha', position = 1 WHERE tenant_id = 'beta'",
        &["alpha", "beta"],
        false,
    ),
    ("DELETE FROM tenant_division WHERE tenant_id = 'alpha'", &["alpha"], false),
    ("UPDATE tenant_key SET revoked_at = NULL WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    ("UPDATE tenant_key SET expires_at = NULL WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    ("UPDATE tenant_key SET generation = 1 WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    ("UPDATE tenant_key SET read_only = TRUE WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    (
        "UPDATE tenant_key SET hmac = (SELECT hmac FROM saved_tenant_key WHERE id = 'bbbbbbbbbbbbbbbb') \
         WHERE id = 'aaaaaaaaaaaaaaaa'",
        &["alpha"],
        false,
    ),
    ("UPDATE tenant_key SET tenant_id = 'beta' WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha", "beta"], false),
    ("DELETE FROM tenant_key WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    ("UPDATE tenant_key SET id = 'dddddddddddddddd' WHERE id = 'aaaaaaaaaaaaaaaa'", &["alpha"], false),
    ("UPDATE policy SET source = 'mine' WHERE source = 'newer'", &["alpha"], false),
    ("DELETE FROM policy WHERE source = 'newer'", &["alpha"], false),
    ("UPDATE policy SET mode = 'shadow' WHERE source = 'newer'", &["alpha"], false),
    ("UPDATE registration SET ended = NULL", &["alpha"], false),
    ("UPDATE registration SET tenant_id = 'beta' WHERE ended IS NULL", &["alpha", "beta"], false),
    ("UPDATE service_account SET api_url = 'https://example.com' WHERE id = 'beta'", &["account"], false),
    ("UPDATE operator SET role = 'admin'", &["operator"], false),
    (
        "UPDATE operator_token SET expires_at = (SELECT created_at FROM tenant WHERE id = 'beta')",
        &["operator"],
        false,
    ),
    (
        "UPDATE grant_seal SET seal = (SELECT seal FROM saved_grant_seal WHERE kind = 'tenant' AND id = 'beta') \
         WHERE kind = 'tenant' AND id = 'alpha'",
        &["alpha"],
        true,
    ),
    ("DELETE FROM grant_seal WHERE kind = 'tenant' AND id = 'alpha'", &["alpha"], true),
    ("UPDATE version SET value = value + 1", &[], true),
    ("UPDATE version SET value = 0, proof = NULL", &[], true),
];

#[tokio::test]
async fn whatever_another_hand_alters_is_noticed_and_named() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        furnish(&store).await;
        save(&database).await;
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false), "as we wrote it");
        for (statement, subjects, all) in CASES {
            database.run(statement).await;
            let expected = (subjects.iter().copied().collect(), all);
            assert_eq!(unproven(&store).await, expected, "{statement}");
            put_back(&database).await;
            assert_eq!(unproven(&store).await, (BTreeSet::new(), false), "after {statement}");
        }
    }
}

#[tokio::test]
async fn an_old_row_put_back_with_its_old_seal_is_noticed() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        furnish(&store).await;
        save(&database).await;
        let alpha = store.tenant(&"alpha".parse().unwrap()).await.unwrap().unwrap();
        store.update_tenant(&Tenant { suspended: true, ..alpha }, &change()).await.unwrap();
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false));
        for statement in [
            "UPDATE tenant SET suspended = FALSE, version = (SELECT version FROM saved_tenant AS old WHERE \
             old.id = 'alpha'), updated_at = (SELECT updated_at FROM saved_tenant AS old WHERE old.id = 'alpha') \
             WHERE id = 'alpha'",
            "DELETE FROM grant_seal WHERE kind = 'tenant' AND id = 'alpha'",
            "INSERT INTO grant_seal SELECT * FROM saved_grant_seal WHERE kind = 'tenant' AND id = 'alpha'",
        ] {
            database.run(statement).await;
        }
        assert_eq!(unproven(&store).await, (BTreeSet::new(), true), "each adds up; together they do not");
        // With the old version row it is an old copy of it all but for what came since, and that is there too.
        for statement in ["DELETE FROM version", "INSERT INTO version SELECT * FROM saved_version"] {
            database.run(statement).await;
        }
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false), "the whole of an old copy is whole");
    }
}

#[tokio::test]
async fn a_change_does_not_wash_what_another_hand_altered() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        furnish(&store).await;
        database.run("UPDATE tenant SET policy_template = 'full-access' WHERE id = 'alpha'").await;
        let alpha = store.tenant(&"alpha".parse().unwrap()).await.unwrap().unwrap();
        store.update_tenant(&Tenant { name: "New".to_owned(), ..alpha }, &change()).await.unwrap();
        assert_eq!(unproven(&store).await, (BTreeSet::from(["alpha"]), false));
        database.run("UPDATE grant_seal SET version = 1 WHERE kind = 'tenant' AND id = 'alpha'").await;
        let alpha = store.tenant(&"alpha".parse().unwrap()).await.unwrap().unwrap();
        let refused = store.update_tenant(&alpha, &change()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Unproven { .. }), "{refused}");
    }
}

#[tokio::test]
async fn what_is_accepted_is_proven_from_then_on_and_nothing_else() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        furnish(&store).await;
        database.run("UPDATE tenant SET policy_template = 'full-access'").await;
        assert_eq!(unproven(&store).await, (BTreeSet::from(["alpha", "beta"]), false));
        let alpha = Subject::Tenant("alpha".parse().unwrap());
        assert_eq!(store.accept(Some(&alpha), &change()).await.unwrap(), [alpha]);
        assert_eq!(unproven(&store).await, (BTreeSet::from(["beta"]), false));
        database.run("UPDATE version SET proof = NULL").await;
        assert!(unproven(&store).await.1);
        store.accept(Some(&Subject::Tenant("beta".parse().unwrap())), &change()).await.unwrap_err();
        store.accept(None, &change()).await.unwrap();
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false));
        furnish_more(&store).await;
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false));
    }
}

async fn furnish_more(store: &Store) {
    store.add_policy(&policy("alpha", PolicyMode::Shadow, "tried"), &change()).await.unwrap();
}

/// One of the changes that the store knows, of few things: some are refused, which changes nothing.
async fn do_one(store: &Store, (what, which, flag): (u8, u8, bool)) {
    let tenant_id = if which % 2 == 0 { "alpha" } else { "beta" };
    let of: ringfence::model::TenantId = tenant_id.parse().unwrap();
    let letter = char::from(b'a' + which % 4);
    let key_id = String::from_iter([letter; 16]);
    let thing: EntityId = format!("0000000{}-0000-4000-8000-000000000000", which % 4).parse().unwrap();
    let mode = if flag { PolicyMode::Active } else { PolicyMode::Shadow };
    match what {
        0 => drop(store.add_key(&key(&key_id, tenant_id), &change()).await),
        1 => drop(revoke(store, &key_id.parse().unwrap(), which.into()).await),
        2 => drop(store.add_policy(&policy(tenant_id, mode, &key_id), &change()).await),
        3 => {
            let one = Registration { tenant_id: of, id: thing, ..registration(GROUP) };
            drop(store.register(&one, &change()).await);
        }
        4 => drop(store.end_registration((&of, "group", &thing), Ended::Deleted, &change()).await),
        5 => drop(store.add_operator(&operator(&format!("{key_id}@bpo.example")), &change()).await),
        _ => {
            if let Some(tenant) = store.tenant(&of).await.unwrap() {
                let changed = Tenant { suspended: flag, ..tenant };
                drop(store.update_tenant(&changed, &change()).await);
            }
        }
    }
}

#[tokio::test]
async fn after_any_changes_in_any_order_all_is_proven_read_at_once_or_one_by_one() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        furnish(&store).await;
        let mut ledger = Ledger::new(store.grants_key().unwrap().clone());
        let mut seen = Ledger::BEFORE_ALL;
        let steps = proptest::collection::vec((0..7_u8, 0..8_u8, proptest::bool::ANY), 120);
        let steps = steps.new_tree(&mut TestRunner::default()).unwrap().current();
        for (turn, step) in steps.iter().enumerate() {
            do_one(&store, *step).await;
            if turn % 7 == 0 {
                let changes = store.changes_since(seen).await.unwrap();
                assert_eq!(ledger.take_in(&changes).unwrap(), [], "{:?}", &steps[..=turn]);
                seen = changes.version;
            }
        }
        assert_eq!(unproven(&store).await, (BTreeSet::new(), false), "{steps:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_that_change_at_once_leave_what_is_proven() {
    let database = TestDatabase::postgres().await;
    furnish(&database.store().await).await;
    let mut replicas = tokio::task::JoinSet::new();
    for replica in 0..2_u8 {
        let store = database.store().await;
        replicas.spawn(async move {
            for turn in 0..40_u8 {
                do_one(&store, (turn % 7, turn / 7 + replica, turn % 2 == 0)).await;
            }
        });
    }
    replicas.join_all().await;
    assert_eq!(unproven(&database.store().await).await, (BTreeSet::new(), false));
}

#[tokio::test]
async fn a_store_whose_key_was_not_opened_changes_nothing() {
    let database = TestDatabase::sqlite();
    drop(database.store().await);
    let store = Store::open(&database.url()).await.unwrap();
    let refused = store.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unproven { .. }), "{refused}");
    assert_eq!(store.version().await.unwrap(), 0);
}
