//! Tenants' keys: shown once, listed without secrets, ended for good.

use chrono::TimeDelta;
use ringfence::model::ApiKey;
use serde_json::json;

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
