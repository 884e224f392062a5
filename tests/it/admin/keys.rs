//! Tenants' keys: shown once, listed without secrets, ended for good.

use chrono::{DateTime, TimeDelta, Utc};
use ringfence::model::ApiKey;
use serde_json::{Value, json};

use super::office::{ALPHA, Office};

#[tokio::test]
async fn a_key_is_shown_once() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let new = json!({
        "name": "reports", "expires_in_days": 30, "read_only": true,
        "allowed_cidrs": ["203.0.113.0/24", "2001:db8::/32"],
    });
    let issued = office.operator().post("/tenants/north/keys", &new).await;
    let shown = issued.expect(201);
    let text = |name: &str| shown[name].as_str().unwrap();
    assert_eq!(text("client_id"), text("key_id"));
    let key: ApiKey = text("api_key").parse().unwrap();
    assert_eq!(key.id().as_str(), text("key_id"));
    assert_eq!(text("api_key"), format!("rf_{}_{}", text("client_id"), text("client_secret")));
    assert_eq!(shown["read_only"], true);
    assert_eq!(shown["allowed_cidrs"], new["allowed_cidrs"]);
    let listed = office.auditor().get("/tenants/north/keys").await.expect(200);
    let mut kept = shown.clone();
    for secret in ["client_id", "client_secret", "api_key"] {
        kept.as_object_mut().unwrap().remove(secret);
    }
    assert_eq!(listed, json!({ "keys": [kept.clone()] }));
    let event = office.event_of(&issued).await;
    assert_eq!(event["operation"], "key.issue");
    assert_eq!(event["after"], kept);
    assert_eq!((&event["tenant"], &event["key_id"]), (&json!("north"), &shown["key_id"]));
    let secret = &text("client_secret")[..43];
    assert!(!json!(office.events("").await).to_string().contains(secret));
    assert!(!office.everything_kept().await.contains(secret));
}

#[tokio::test]
async fn no_two_keys_are_the_same() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let issue = || async {
        office.operator().post("/tenants/north/keys", &json!({ "name": "same" })).await.expect(201)
    };
    let (one, other) = (issue().await, issue().await);
    assert_ne!(one["key_id"], other["key_id"]);
    assert_ne!(one["client_secret"], other["client_secret"]);
    assert_eq!(one["expires_at"], json!(null));
    assert_eq!(one["allowed_cidrs"], json!([]));
}

#[tokio::test]
async fn a_keys_state_is_listed() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for (name, days) in [("short", Some(1)), ("long", Some(3)), ("revoked", None)] {
        let new = json!({ "name": name, "expires_in_days": days });
        let key = office.admin().post("/tenants/north/keys", &new).await.expect(201);
        assert_eq!(key["state"], "active");
        if name == "revoked" {
            let path = format!("/keys/{}/revoke", key["key_id"].as_str().unwrap());
            let revoked = office.operator().post(&path, &json!({})).await;
            assert_eq!(revoked.expect(200)["state"], "revoked");
            let event = office.event_of(&revoked).await;
            assert_eq!(event["operation"], "key.revoke");
            assert_eq!(event["before"]["state"], "active");
            assert_eq!(event["after"]["state"], "revoked");
            assert_eq!((&event["tenant"], &event["key_id"]), (&json!("north"), &key["key_id"]));
        }
    }
    office.clock.advance(TimeDelta::days(1));
    let listed = office.admin().get("/tenants/north/keys").await.expect(200);
    let states: Vec<_> =
        listed["keys"].as_array().unwrap().iter().map(|key| [&key["name"], &key["state"]]).collect();
    assert_eq!(json!(states), json!([["short", "expired"], ["long", "active"], ["revoked", "revoked"]]));
}

#[tokio::test]
async fn revoking_twice_keeps_the_first_time() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let key = office.admin().post("/tenants/north/keys", &json!({ "name": "k" })).await.expect(201);
    let path = format!("/keys/{}/revoke", key["key_id"].as_str().unwrap());
    let first = office.admin().post(&path, &json!({})).await.expect(200);
    office.clock.advance(TimeDelta::hours(1));
    let second = office.admin().post(&path, &json!({})).await.expect(200);
    assert_eq!(first["revoked_at"], second["revoked_at"]);
    let listed = office.admin().get("/tenants/north/keys").await.expect(200);
    assert_eq!(listed["keys"][0]["revoked_at"], first["revoked_at"]);
}

#[tokio::test]
async fn an_unknown_key_is_missing() {
    let office = Office::open().await;
    for id in ["aaaaaaaaaaaaaaaa", "nobody", "..%2Ftenants"] {
        let refused = office.admin().post(&format!("/keys/{id}/revoke"), &json!({})).await;
        assert_eq!(refused.refusal(), "404 not_found -", "{id}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_key_is_refused_by_name() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for (new, refusal) in [
        (json!({}), "422 invalid_field name"),
        (json!({ "name": "" }), "422 invalid_field name"),
        (json!({ "name": null }), "422 invalid_field name"),
        (json!({ "name": "k", "expires_in_days": 0 }), "422 invalid_field expires_in_days"),
        (json!({ "name": "k", "expires_in_days": 3651 }), "422 invalid_field expires_in_days"),
        (json!({ "name": "k", "expires_in_days": -1 }), "422 invalid_field expires_in_days"),
        (json!({ "name": "k", "expires_in_days": "30" }), "422 invalid_field expires_in_days"),
        (json!({ "name": "k", "read_only": "true" }), "422 invalid_field read_only"),
        (json!({ "name": "k", "allowed_cidrs": ["everywhere"] }), "422 invalid_field allowed_cidrs[0]"),
        (json!({ "name": "k", "allowed_cidrs": ["10.0.0.0/33"] }), "422 invalid_field allowed_cidrs[0]"),
        (json!({ "name": "k", "allowed_cidrs": "10.0.0.0/8" }), "422 invalid_field allowed_cidrs"),
        (json!({ "name": "k", "quotas": {} }), "422 invalid_field quotas"),
    ] {
        let refused = office.admin().post("/tenants/north/keys", &new).await;
        assert_eq!(refused.refusal(), refusal, "{new}");
    }
    assert_eq!(office.store.list_keys(&"north".parse().unwrap()).await.unwrap(), []);
}

#[tokio::test]
async fn a_rotation_answers_as_issuing_does_and_is_on_record() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let new = json!({ "name": "k", "expires_in_days": 10 });
    let old = office.admin().post("/tenants/north/keys", &new).await.expect(201);
    let path = format!("/keys/{}/rotate", old["key_id"].as_str().unwrap());
    office.clock.advance(TimeDelta::days(5));
    let rotated = office.operator().post(&path, &json!({ "overlap_seconds": 60 })).await;
    let next = rotated.expect(201);
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&next), fields(&old));
    assert_eq!(next["created_by"], "olu@example.com");
    let time = |value: &Value| value.as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!(time(&next["expires_at"]) - time(&next["created_at"]), TimeDelta::days(10));
    let event = office.event_of(&rotated).await;
    assert_eq!((&event["operation"], &event["key_id"]), (&json!("key.rotate"), &old["key_id"]));
    assert_eq!(event["before"]["successor"], Value::Null);
    assert_eq!(event["after"]["ending"]["successor"], next["key_id"]);
    assert_eq!(event["after"]["next"]["predecessor"], old["key_id"]);
    let secret = &next["client_secret"].as_str().unwrap()[..43];
    assert!(!office.everything_kept().await.contains(secret));
}

#[tokio::test]
async fn what_cannot_be_rotated_says_why() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let issue = async |fields: Value| {
        let key = office.admin().post("/tenants/north/keys", &fields).await.expect(201);
        key["key_id"].as_str().unwrap().to_owned()
    };
    let rotate =
        async |id: &str, body: Value| office.admin().post(&format!("/keys/{id}/rotate"), &body).await;
    let asked = json!({ "overlap_seconds": 0 });

    let once = issue(json!({ "name": "once" })).await;
    rotate(&once, json!({ "overlap_seconds": 60 })).await.expect(201);
    assert_eq!(rotate(&once, asked.clone()).await.refusal(), "409 key_rotated -");

    let revoked = issue(json!({ "name": "revoked" })).await;
    office.admin().post(&format!("/keys/{revoked}/revoke"), &json!({})).await.expect(200);
    assert_eq!(rotate(&revoked, asked.clone()).await.refusal(), "409 key_ended -");
    let change = office.admin().patch(&format!("/keys/{revoked}"), &json!({ "name": "x" })).await;
    assert_eq!(change.refusal(), "409 key_ended -");

    let expired = issue(json!({ "name": "expired", "expires_in_days": 1 })).await;
    let alive = issue(json!({ "name": "alive" })).await;
    office.clock.advance(TimeDelta::days(2));
    assert_eq!(rotate(&expired, asked.clone()).await.refusal(), "409 key_ended -");
    for (body, refusal) in [
        (json!({}), "422 invalid_field overlap_seconds"),
        (json!({ "overlap_seconds": -1 }), "422 invalid_field overlap_seconds"),
        (json!({ "overlap_seconds": 2_592_001 }), "422 invalid_field overlap_seconds"),
        (json!({ "overlap_seconds": 0, "expires_in_days": 0 }), "422 invalid_field expires_in_days"),
    ] {
        assert_eq!(rotate(&alive, body.clone()).await.refusal(), refusal, "{body}");
    }
    assert_eq!(rotate("aaaaaaaaaaaaaaaa", asked).await.refusal(), "404 not_found -");
}

#[tokio::test]
async fn operations_that_there_are_not_are_refused_with_those_that_may_have_been_meant() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for (name, told) in [
        ("getUserz", "`getUsers`"),
        ("reeds", "groups are: analytics, "),
        ("postOauthClients", "is denied to everyone"),
    ] {
        let new = json!({ "name": "k", "allowed_operations": ["reads", name] });
        let refused = office.admin().post("/tenants/north/keys", &new).await;
        assert_eq!(refused.refusal(), "422 invalid_field allowed_operations", "{name}");
        assert!(refused.body["detail"].as_str().unwrap().contains(told), "{}", refused.body);
    }
    let new = json!({ "name": "k", "allowed_operations": ["reads", "getUsers"] });
    let key = office.admin().post("/tenants/north/keys", &new).await.expect(201);
    assert_eq!(key["allowed_operations"], new["allowed_operations"]);
}

#[tokio::test]
async fn a_tenants_tokens_live_as_long_as_is_said() {
    let office = Office::open().await;
    let north = office.tenant("north", &[ALPHA]).await;
    assert_eq!(north["token_lifetime_seconds"], 86_400);
    for seconds in [59, 172_801] {
        let change = json!({ "token_lifetime_seconds": seconds });
        let refused = office.admin().patch("/tenants/north", &change).await;
        assert_eq!(refused.refusal(), "422 invalid_field token_lifetime_seconds");
    }
    let change = json!({ "token_lifetime_seconds": 60 });
    assert_eq!(
        office.admin().patch("/tenants/north", &change).await.expect(200)["token_lifetime_seconds"],
        60
    );
}
