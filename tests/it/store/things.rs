//! Things to keep, with what the tests do not care about filled in.

use chrono::{DateTime, TimeDelta, Utc};
use ringfence::{
    model::{
        Actor, CrossDivision, DivisionId, Event, EventId, EventKind, Key, KeyId, Limits, Operator, Outcome,
        PolicyMode, PolicyVersion, Role, ServiceAccount, Tenant,
    },
    store::{Store, StoreError, Stream},
};

/// Seconds after a fixed time, some of which have a fraction.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap() + TimeDelta::seconds(seconds)
}

/// A new id of any kind made by us; later ones sort after earlier ones.
pub(super) fn id<T: From<uuid::Uuid>>() -> T {
    uuid::Uuid::now_v7().into()
}

pub(super) fn division() -> DivisionId {
    uuid::Uuid::now_v7().to_string().parse().unwrap()
}

/// The event that a change needs.
pub(super) fn change() -> Event {
    Event { kind: EventKind::Change, ..event() }
}

pub(super) fn event() -> Event {
    Event {
        id: id(),
        at: at(0),
        kind: EventKind::Call,
        actor: Actor::default(),
        operation: Some("getUsers".into()),
        source: None,
        detail: r#"{"path":"/api/v2/users"}"#.into(),
    }
}

/// An event of a call that came and was read at one time.
pub(super) fn event_at(at: DateTime<Utc>) -> Event {
    Event { id: EventId::at(at), at, ..event() }
}

pub(super) fn outcome(event: &Event, code: &str) -> Outcome {
    Outcome {
        event_id: event.id.clone(),
        at: event.at,
        code: code.into(),
        status: Some(200),
        detail: "{}".into(),
    }
}

/// Appends to a stream of its own.
pub(super) async fn append(store: &Store, events: &[Event], outcomes: &[Outcome]) -> Stream {
    let stream = store.open_stream(&id(), at(0)).await.unwrap();
    store.append(&stream, events, outcomes, at(0)).await.unwrap()
}

/// Revokes a key as it is now.
pub(super) async fn revoke(store: &Store, id: &KeyId, seconds: i64) -> Result<i64, StoreError> {
    let missing = StoreError::Missing { what: format!("key {id}") };
    let key = store.key(id).await?.ok_or(missing)?;
    store.revoke_keys(&[key], at(seconds), &change()).await
}

pub(super) fn operator(email: &str) -> Operator {
    Operator { id: id(), email: email.to_owned(), role: Role::Admin, created_at: at(0) }
}

pub(super) fn service_account(id: &str) -> ServiceAccount {
    ServiceAccount {
        id: id.parse().unwrap(),
        client_id: "0b0cbf1f-client".to_owned(),
        sealed_secret: vec![0, 255, 1],
        api_url: "https://api.mypurecloud.de".to_owned(),
        login_url: "https://login.mypurecloud.de".to_owned(),
        shared: true,
        description: "for tests — ß".to_owned(),
        tokens: 1,
        requests_per_minute: None,
        lend_idle: false,
        secret_at: at(0),
        created_at: at(0),
        version: 0,
    }
}

pub(super) fn tenant(id: &str, service_account: &str) -> Tenant {
    Tenant {
        id: id.parse().unwrap(),
        name: format!("Tenant {id}"),
        division_ids: vec![division()],
        service_account: service_account.parse().unwrap(),
        policy_template: "read-only".to_owned(),
        cross_division: CrossDivision::Redact,
        dedicated_agents: false,
        dedicated_at: None,
        dedicated_since: None,
        lenient: false,
        limits: Limits::default(),
        token_lifetime_seconds: Tenant::TOKEN_LIFETIME_SECONDS,
        budget_weight: 1,
        suspended: false,
        created_at: at(0),
        updated_at: at(0),
        version: 0,
    }
}

pub(super) fn key(id: &str, tenant: &str) -> Key {
    Key {
        id: id.parse().unwrap(),
        tenant_id: tenant.parse().unwrap(),
        name: "reports".to_owned(),
        hmac: vec![9; 32],
        generation: 1,
        read_only: false,
        allowed_operations: Vec::new(),
        allowed_cidrs: Vec::new(),
        limits: Limits::default(),
        created_by: "ana@example.com".to_owned(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
        origin: id.parse().unwrap(),
        predecessor: None,
        successor: None,
        version: 0,
    }
}

pub(super) fn policy(tenant: &str, mode: PolicyMode, source: &str) -> PolicyVersion {
    PolicyVersion {
        tenant_id: tenant.parse().unwrap(),
        version: 0,
        source: source.to_owned(),
        mode,
        author: "ada@bpo.example".to_owned(),
        reason: "because".to_owned(),
        created_at: at(0),
    }
}
