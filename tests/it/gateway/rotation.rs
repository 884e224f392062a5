//! A key's life after it was issued: what it may call, its rotation, and what is left of the one before.

use chrono::{DateTime, TimeDelta, Utc};
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::refused::assert_refused;
use crate::support::app::{Answer, TenantClient, TestApp};

const USERS: &str = "/api/v2/users";
const QUEUES: &str = "/api/v2/routing/queues";

/// Rotates a key as an operator does.
pub(super) async fn rotate(app: &TestApp, key: &TenantClient, overlap_seconds: u32) -> TenantClient {
    let asked = json!({ "overlap_seconds": overlap_seconds });
    let issued = app.admin().post(&format!("/keys/{}/rotate", key.client_id), &asked).await.expect(201);
    successor(app, key, &issued).await
}

/// What a client is once it has been given what a rotation answers.
pub(super) async fn successor(app: &TestApp, key: &TenantClient, issued: &Value) -> TenantClient {
    let text = |name: &str| issued[name].as_str().unwrap().to_owned();
    let mut next = app.again(key);
    next.client_id = text("client_id");
    next.client_secret = text("client_secret");
    next.api_key = text("api_key");
    logged_in(next).await
}

pub(super) async fn logged_in(mut client: TenantClient) -> TenantClient {
    let granted = client.log_in().await.expect(200);
    granted["access_token"].as_str().unwrap().clone_into(&mut client.access_token);
    client
}

pub(super) async fn by_key(app: &TestApp, client: &TenantClient) -> Answer {
    app.send(app.client.get(format!("{}{USERS}", app.gateway())).header("x-api-key", &client.api_key)).await
}

#[tokio::test]
async fn a_rotated_key_and_its_tokens_live_until_the_overlap_has_passed() {
    let app = TestApp::start().await;
    let old = app.tenant("alpha", &[ALPHA]).await;
    let new = rotate(&app, &old, 3_600).await;
    assert_ne!(old.client_id, new.client_id);
    for client in [&old, &new] {
        client.get(USERS).await.expect(200);
        by_key(&app, client).await.expect(200);
        client.log_in().await.expect(200);
    }
    app.clock.advance(TimeDelta::seconds(3_601));
    for answer in [old.get(USERS).await, by_key(&app, &old).await] {
        assert_refused(&app, "after the overlap", &answer, 401, "ringfence.key_expired").await;
    }
    assert_eq!(old.log_in().await.status, 401);
    new.get(USERS).await.expect(200);
    by_key(&app, &new).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn without_an_overlap_the_old_key_and_its_tokens_end_at_once() {
    let app = TestApp::start().await;
    let old = app.tenant("alpha", &[ALPHA]).await;
    old.get(USERS).await.expect(200);
    let new = rotate(&app, &old, 0).await;
    for answer in [old.get(USERS).await, by_key(&app, &old).await] {
        assert_refused(&app, "replayed", &answer, 401, "ringfence.key_revoked").await;
    }
    new.get(USERS).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn the_new_key_may_what_the_old_one_might_and_no_more() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let fields = json!({
        "name": "narrow", "read_only": true, "allowed_operations": ["users"], "allowed_cidrs": ["127.0.0.0/8"],
        "limits": { "requests_per_day": 1000 }, "expires_in_days": 10,
    });
    let old = app.key("alpha", fields.clone()).await;
    let new = rotate(&app, &old, 60).await;
    new.get(USERS).await.expect(200);
    assert_refused(&app, "outside", &new.get(QUEUES).await, 403, "ringfence.not_permitted").await;
    let shown = app.admin().get(&format!("/keys/{}", new.client_id)).await.expect(200);
    for field in ["name", "read_only", "allowed_operations", "allowed_cidrs"] {
        assert_eq!(shown[field], fields[field], "{field}");
    }
    assert_eq!(shown["limits"]["requests_per_day"], 1000);
    assert_eq!((&shown["predecessor"], &shown["origin"]), (&json!(old.client_id), &json!(old.client_id)));
    let shown = app.admin().get(&format!("/keys/{}", old.client_id)).await.expect(200);
    assert_eq!((&shown["successor"], &shown["expires_soon"]), (&json!(new.client_id), &json!(true)));
    app.finish().await;
}

/// Else to rotate a key would lift what is forbidden to it, and show what is masked for it.
#[tokio::test]
async fn what_policies_say_of_a_key_holds_for_those_that_it_is_rotated_into() {
    let app = TestApp::start().await;
    let old = app.tenant("alpha", &[ALPHA]).await;
    let head = format!("principal == Ringfence::Key::\"{}\"", old.client_id);
    let source = format!(
        "@id(\"closed\") forbid ({head}, action == Ringfence::Action::\"getUsers\", resource);\n\
         @id(\"masked\") @mask(\"names\") permit ({head}, action, resource);"
    );
    let policy = json!({ "source": source, "reason": "a test" });
    app.admin().put("/tenants/alpha/policies", &policy).await.expect(200);
    let mut key = old;
    for _ in 0..2 {
        key = rotate(&app, &key, 60).await;
        assert_refused(&app, "named", &key.get(USERS).await, 403, "ringfence.not_permitted").await;
        let queues = key.get(QUEUES).await;
        assert_eq!(queues.headers["ringfence-masks"], "names");
        queues.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_key_calls_only_the_operations_that_it_was_issued_for() {
    let app = TestApp::start().await;
    let fields = json!({ "policy_template": "read-only" });
    app.tenant_with("alpha", &[ALPHA], fields).await;
    let key = json!({ "name": "few", "allowed_operations": ["getUsers", "deleteUser", "identity"] });
    let few = app.key("alpha", key).await;
    few.get(USERS).await.expect(200);
    let refused = few.get(QUEUES).await;
    let event = assert_refused(&app, "not named", &refused, 403, "ringfence.not_permitted").await;
    assert_eq!(event["policies"], json!(["key.allowed-operations"]));
    // Named, but the tenant's policies do not permit it.
    let own = "0b0d1e00-0000-4000-8000-000000000404";
    let request = few.request(reqwest::Method::DELETE, &format!("{USERS}/{own}"));
    let refused = app.send(request).await;
    assert_refused(&app, "not permitted", &refused, 403, "ringfence.not_permitted").await;
    let listed = few.get("/gateway/v1/operations").await.expect(200);
    let listed = listed["operations"].as_array().unwrap();
    assert!(listed.iter().any(|one| one["id"] == "getUsers"));
    assert!(listed.iter().all(|one| one["id"] != "deleteUser" && one["id"] != "getRoutingQueues"));
    app.finish().await;
}

#[tokio::test]
async fn a_changed_key_is_what_its_tokens_are_checked_against() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("/keys/{}", alpha.client_id);
    alpha.get(USERS).await.expect(200);
    let change = json!({ "allowed_operations": ["queues"] });
    app.admin().patch(&path, &change).await.expect(200);
    assert_refused(&app, "narrowed", &alpha.get(USERS).await, 403, "ringfence.not_permitted").await;
    alpha.get(QUEUES).await.expect(200);
    let change = json!({ "allowed_cidrs": ["192.0.2.0/24"], "name": "elsewhere" });
    let changed = app.admin().patch(&path, &change).await.expect(200);
    assert_eq!((&changed["name"], &changed["allowed_operations"]), (&json!("elsewhere"), &json!(["queues"])));
    assert_refused(&app, "moved", &alpha.get(QUEUES).await, 403, "ringfence.address_not_allowed").await;
    app.finish().await;
}

#[tokio::test]
async fn it_is_shown_when_a_key_was_last_used_and_from_where() {
    let app = TestApp::start().await;
    let old = app.tenant("alpha", &[ALPHA]).await;
    let new = rotate(&app, &old, 3_600).await;
    app.clock.advance(TimeDelta::minutes(10));
    let before = app.clock.now();
    new.get(USERS).await.expect(200);
    let shown = |key: &TenantClient| {
        let (path, admin) = (format!("/keys/{}", key.client_id), app.admin());
        async move { admin.get(&path).await.expect(200)["last_used"].clone() }
    };
    let (of_old, of_new) = (shown(&old).await, shown(&new).await);
    let time = |used: &Value| used["at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert!(time(&of_old) < before - TimeDelta::minutes(9), "{of_old}");
    assert!(time(&of_new) >= before - TimeDelta::seconds(1), "{of_new}");
    assert_eq!(of_new["source"], "127.0.0.1");
    let listed = new.get("/gateway/v1/keys").await.expect(200);
    assert_eq!(listed["keys"][0]["last_used"], of_old);
    // Kept when it stops, and by nobody else's looking.
    let app = app.restart().await;
    let kept = app.admin().get("/tenants/alpha/keys").await.expect(200);
    assert_eq!(kept["keys"][0]["last_used"], of_old);
    app.finish().await;
}

#[tokio::test]
async fn a_key_in_its_last_days_says_so_with_each_answer() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let key = app.key("alpha", json!({ "name": "ends", "expires_in_days": 31 })).await;
    let early = key.get(USERS).await;
    assert!(!early.headers.contains_key("ringfence-key-expires"));
    app.clock.advance(TimeDelta::days(2));
    let key = logged_in(key).await;
    let late = key.get(USERS).await;
    let end = late.headers["ringfence-key-expires"].to_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    let shown = app.admin().get(&format!("/keys/{}", key.client_id)).await.expect(200);
    let known = shown["expires_at"].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!((end.timestamp(), &shown["expires_soon"]), (known.timestamp(), &json!(true)));
    let refused = key.get("/api/v2/nothing").await;
    assert!(refused.headers.contains_key("ringfence-key-expires"), "refusals too");
    app.finish().await;
}
