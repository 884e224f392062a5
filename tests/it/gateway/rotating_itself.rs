//! A tenant's key puts another in its own place, and what becomes of the two.

use std::time::Duration;

use chrono::TimeDelta;
use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::{
    refused::assert_refused,
    rotation::{by_key, rotate, successor},
};
use crate::support::app::{Answer, TenantClient, TestApp};

const USERS: &str = "/api/v2/users";

/// Sends the key itself: an access token rotates none.
async fn rotate_by(app: &TestApp, key: &TenantClient, id: &str, body: Value) -> Answer {
    let request = app.client.post(format!("{}/gateway/v1/keys/{id}/rotate", app.gateway()));
    app.send(request.header("x-api-key", &key.api_key).json(&body)).await
}

pub(super) async fn rotate_itself(app: &TestApp, key: &TenantClient, overlap_seconds: u32) -> Answer {
    rotate_by(app, key, &key.client_id, json!({ "overlap_seconds": overlap_seconds })).await
}

#[tokio::test]
async fn a_key_puts_another_in_its_own_place() {
    let app = TestApp::start().await;
    let old = app.tenant("alpha", &[ALPHA]).await;
    let issued = rotate_itself(&app, &old, 60).await;
    let issued_by = issued.headers["inin-correlation-id"].clone();
    let issued = issued.expect(201);
    let new = successor(&app, &old, &issued).await;
    for client in [&old, &new] {
        client.get(USERS).await.expect(200);
    }
    let listed = new.get("/gateway/v1/keys").await.expect(200);
    assert_eq!(listed["keys"][0]["successor"], json!(new.client_id));
    assert_eq!(listed["keys"][1]["predecessor"], json!(old.client_id));
    let changes = app.find_events("operation=key.rotate").await;
    assert_eq!((&changes[0]["kind"], &changes[0]["key_id"]), (&json!("change"), &json!(old.client_id)));
    assert_eq!(changes[0]["call"], json!(issued_by.to_str().unwrap()));
    assert_eq!(changes[0]["after"]["next"]["created_by"], json!(old.client_id));
    // An auditor who looks for the new key finds how it came.
    let of_new = app.find_events(&format!("key={}&operation=key.rotate", new.client_id)).await;
    assert_eq!(of_new, changes);
    assert!(!json!(app.events().await).to_string().contains(issued["client_secret"].as_str().unwrap()));
    let again = rotate_itself(&app, &old, 60).await;
    assert_refused(&app, "again", &again, 409, "ringfence.key_rotated").await;
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(old.get(USERS).await.status, 401);
    app.finish().await;
}

#[tokio::test]
async fn a_key_rotates_itself_ten_times_a_day() {
    let app = TestApp::start().await;
    let mut key = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..10 {
        let issued = rotate_itself(&app, &key, 60).await.expect(201);
        key = successor(&app, &key, &issued).await;
    }
    key.get(USERS).await.expect(200);
    let often = rotate_itself(&app, &key, 60).await;
    assert_refused(&app, "the eleventh", &often, 409, "ringfence.key_rotated_often").await;
    app.clock.advance(TimeDelta::days(1));
    rotate_itself(&app, &key, 60).await.expect(201);
    app.finish().await;
}

/// Else a token that was found would become a key that outlives it.
#[tokio::test]
async fn an_access_token_rotates_no_key() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("/gateway/v1/keys/{}/rotate", alpha.client_id);
    let refused = alpha.post(&path, &json!({ "overlap_seconds": 60 })).await;
    assert!(refused.body["message"].as_str().unwrap().contains("the key itself"), "{refused:?}");
    let id = refused.headers["inin-correlation-id"].to_str().unwrap().to_owned();
    assert_refused(&app, "a token", &refused, 403, "ringfence.key_required").await;
    let told = alpha.get(&format!("/gateway/v1/denials/{id}")).await.expect(200);
    assert!(told["remedy"].as_str().unwrap().contains("the key itself"), "{told}");
    let shown = app.admin().get(&format!("/keys/{}", alpha.client_id)).await.expect(200);
    assert_eq!(shown["successor"], Value::Null);
    rotate_itself(&app, &alpha, 60).await.expect(201);
    app.finish().await;
}

/// A program to which the answer is lost still has its key for a minute.
#[tokio::test]
async fn a_key_that_rotates_itself_lives_for_a_minute_at_least() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for overlap in [0, 59, 2_592_001] {
        let refused = rotate_itself(&app, &alpha, overlap).await;
        let told = refused.body["message"].as_str().unwrap();
        assert!(told.contains("`overlap_seconds`") && told.contains("60 to 2592000"), "{told}");
        assert_refused(&app, "too short, or too long", &refused, 400, "ringfence.body_invalid").await;
    }
    rotate_itself(&app, &alpha, 60).await.expect(201);
    app.clock.advance(TimeDelta::seconds(59));
    by_key(&app, &alpha).await.expect(200);
    app.finish().await;
}

async fn revoke(app: &TestApp, key: &TenantClient) -> Value {
    app.admin().post(&format!("/keys/{}/revoke", key.client_id), &json!({})).await.expect(200)
}

/// Who holds a key that was found can have made others of it.
#[tokio::test]
async fn a_revoked_key_takes_along_what_it_made_of_itself_and_nothing_else() {
    let app = TestApp::start().await;
    let first = app.tenant("alpha", &[ALPHA]).await;
    let itself = async |key: &TenantClient| {
        let issued = rotate_itself(&app, key, 3_600).await.expect(201);
        successor(&app, key, &issued).await
    };
    let second = itself(&first).await;
    let third = itself(&second).await;
    let by_operator = rotate(&app, &third, 3_600).await;
    let last = itself(&by_operator).await;
    let ended = revoke(&app, &first).await;
    assert_eq!((&ended["key_id"], &ended["state"]), (&json!(first.client_id), &json!("revoked")));
    assert_eq!(ended["also"], json!([second.client_id, third.client_id]));
    for key in [&first, &second, &third] {
        assert_refused(&app, "revoked", &by_key(&app, key).await, 401, "ringfence.key_revoked").await;
        let found = app.find_events(&format!("key={}&operation=key.revoke", key.client_id)).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["also"][1]["after"]["key_id"], json!(third.client_id));
    }
    for key in [&by_operator, &last] {
        by_key(&app, key).await.expect(200);
        key.get(USERS).await.expect(200);
    }
    assert_eq!(revoke(&app, &last).await["also"], json!([]), "a key takes along no predecessor");
    assert_eq!(revoke(&app, &by_operator).await["also"], json!([]), "what has ended has ended");
    app.finish().await;
}

/// Whichever comes first, nothing of it lives on.
#[tokio::test]
async fn a_revocation_and_a_rotation_at_once_leave_no_successor_alive() {
    let app = TestApp::start().await;
    let mut key = app.tenant("alpha", &[ALPHA]).await;
    let (mut rotated, mut refused) = (0, 0);
    for turn in 0..30 {
        let path = format!("/keys/{}/revoke", key.client_id);
        // By turns one of them comes later, by ever more, and in the end when the other has long ended.
        let later = if turn < 28 { Duration::from_micros(turn * 200) } else { Duration::from_millis(300) };
        let wait = |is_later| tokio::time::sleep(if is_later { later } else { Duration::ZERO });
        let rotating = async {
            wait(turn % 2 == 1).await;
            rotate_itself(&app, &key, 60).await
        };
        let revoking = async {
            wait(turn % 2 == 0).await;
            app.admin().post(&path, &json!({})).await.expect(200)
        };
        let (answer, ended) = tokio::join!(rotating, revoking);
        if answer.status == 201 {
            rotated += 1;
            assert_eq!(ended["also"], json!([answer.body["key_id"]]));
        } else {
            refused += 1;
            assert!([401, 403, 409].contains(&answer.status.as_u16()), "{answer:?}");
        }
        let listed = app.admin().get("/tenants/alpha/keys").await.expect(200);
        let alive = listed["keys"].as_array().unwrap().iter().filter(|key| key["state"] == "active").count();
        assert_eq!(alive, 0, "{listed}");
        key = app.key("alpha", json!({ "name": "next" })).await;
    }
    assert!(rotated > 0 && refused > 0, "they never met: {rotated} rotated, {refused} refused");
    app.finish().await;
}

#[tokio::test]
async fn nobody_rotates_a_key_that_is_not_its_own_or_gains_by_it() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let other = app.key("alpha", json!({ "name": "other" })).await;
    let beta = app.tenant("beta", &[BETA]).await;
    for id in [&other.client_id, &beta.client_id, "aaaaaaaaaaaaaaaa"] {
        let refused = rotate_by(&app, &alpha, id, json!({ "overlap_seconds": 60 })).await;
        assert_refused(&app, id, &refused, 404, "not.found").await;
    }
    for body in [json!({}), json!({ "overlap_seconds": -1 }), json!({ "overlap_seconds": 2_592_001 })] {
        let refused = rotate_by(&app, &alpha, &alpha.client_id, body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
    }
    let fields = [
        json!({ "name": "reader", "read_only": true }),
        json!({ "name": "few", "allowed_operations": ["users"] }),
    ];
    for fields in fields {
        let key = app.key("alpha", fields).await;
        let refused = rotate_itself(&app, &key, 60).await;
        assert_refused(&app, "narrow", &refused, 403, "ringfence.not_permitted").await;
    }
    let fields = json!({
        "name": "itself", "allowed_operations": ["gatewayRotateKey", "users"], "allowed_cidrs": ["127.0.0.0/8"],
        "expires_in_days": 3, "limits": { "requests_per_day": 100 },
    });
    let itself = app.key("alpha", fields).await;
    let before = app.admin().get(&format!("/keys/{}", itself.client_id)).await.expect(200);
    let issued = rotate_itself(&app, &itself, 60).await.expect(201);
    let after = app.admin().get(&format!("/keys/{}", issued["key_id"].as_str().unwrap())).await.expect(200);
    for field in ["allowed_operations", "allowed_cidrs", "limits", "read_only", "expires_at", "origin"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    app.finish().await;
}

#[tokio::test]
async fn only_full_access_of_the_templates_permits_a_rotation() {
    let app = TestApp::start().await;
    for (place, template) in
        ["read-only", "analytics-reader", "supervisor", "user-administrator"].into_iter().enumerate()
    {
        let division = format!("a1a1a1a1-0000-4000-8000-00000000001{place}");
        let fields = json!({ "policy_template": template });
        let client = app.tenant_with(template, &[&division], fields).await;
        let refused = rotate_itself(&app, &client, 60).await;
        assert_refused(&app, template, &refused, 403, "ringfence.not_permitted").await;
    }
    app.finish().await;
}
