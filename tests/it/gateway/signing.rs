//! The keys that access tokens are signed with: another takes over without a gap.

use chrono::TimeDelta;
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::{
    login::assert_login_refused,
    organisation::eventually,
    refused::{assert_refused, assert_refused_as},
};
use crate::support::app::{TenantClient, TestApp};

const USERS: &str = "/api/v2/users";
const BAD: (u16, &str) = (401, "bad.credentials");

async fn rotate(app: &TestApp, end_tokens: bool) -> Value {
    app.admin().post("/signing-keys/rotate", &json!({ "end_tokens": end_tokens })).await.expect(201)
}

async fn log_in(client: &TenantClient) -> TenantClient {
    let granted = client.log_in().await.expect(200);
    let mut again = client.clone();
    granted["access_token"].as_str().unwrap().clone_into(&mut again.access_token);
    again
}

fn kid(client: &TenantClient) -> String {
    let header = jsonwebtoken::decode_header(&client.access_token).unwrap();
    header.kid.unwrap()
}

#[tokio::test]
async fn a_new_signing_key_takes_over_without_a_gap() {
    let app = TestApp::start().await;
    let fields = json!({ "token_lifetime_seconds": 172_000 });
    let first = app.tenant_with("alpha", &[ALPHA], fields).await;
    let shown = rotate(&app, false).await;
    assert_eq!(shown["signing_keys"].as_array().unwrap().len(), 2, "{shown}");
    let early = log_in(&first).await;
    assert_eq!((kid(&first), kid(&early)), ("1".to_owned(), "1".to_owned()), "not known everywhere yet");
    app.clock.advance(TimeDelta::seconds(10));
    app.admin().patch("/tenants/alpha", &json!({ "token_lifetime_seconds": 172_800 })).await.expect(200);
    let second = log_in(&first).await;
    assert_eq!(kid(&second), "2");
    for client in [&first, &early, &second] {
        client.get(USERS).await.expect(200);
    }
    let app = app.restart().await;
    for client in [&first, &early, &second].map(|client| app.again(client)) {
        client.get(USERS).await.expect(200);
    }
    app.clock.advance(TimeDelta::seconds(172_100));
    let expired = app.again(&first).get(USERS).await;
    assert_refused(&app, "the first", &expired, 401, "ringfence.token_expired").await;
    app.again(&second).get(USERS).await.expect(200);
    // Over, it is dropped with the next.
    app.clock.advance(TimeDelta::seconds(800));
    let over = app.again(&early).get(USERS).await;
    assert_refused_as(&app, "signed by what is over", &over, BAD, "ringfence.token_foreign").await;
    let shown = rotate(&app, false).await;
    let numbers: Vec<_> =
        shown["signing_keys"].as_array().unwrap().iter().map(|key| key["number"].clone()).collect();
    assert_eq!(json!(numbers), json!([2, 3]));
    app.finish().await;
}

#[tokio::test]
async fn all_tokens_can_be_ended_at_once() {
    let app = TestApp::start().await;
    let before = app.tenant("alpha", &[ALPHA]).await;
    before.get(USERS).await.expect(200);
    rotate(&app, true).await;
    let answer = before.get(USERS).await;
    assert_refused_as(&app, "replayed", &answer, BAD, "ringfence.token_foreign").await;
    let after = log_in(&before).await;
    assert_eq!(kid(&after), "2");
    after.get(USERS).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_signing_key_that_does_not_sign_yet_is_not_rotated() {
    let app = TestApp::start().await;
    app.clock.advance(TimeDelta::seconds(10));
    rotate(&app, false).await;
    let refused = app.admin().post("/signing-keys/rotate", &json!({})).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (409, &json!("signing_key_conflict")));
    rotate(&app, true).await;
    let events = app.find_events("operation=signing-key.rotate").await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((&events[0]["after"]["added"], &events[0]["after"]["dropped"]), (&json!(3), &json!([1, 2])));
    app.finish().await;
}

/// Ids that were handed out do not depend on what signs.
#[tokio::test]
async fn a_jobs_id_outlives_the_signing_keys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let query = json!({ "interval": ringfence::simulator::INTERVAL });
    let begun = alpha.post("/api/v2/analytics/conversations/details/jobs", &query).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let path =
        format!("/api/v2/analytics/conversations/details/jobs/{}", begun.body["jobId"].as_str().unwrap());
    rotate(&app, true).await;
    let again = log_in(&alpha).await;
    eventually("the job is known", async || (again.get(&path).await.status == 200).then_some(())).await;
    app.finish().await;
}

#[tokio::test]
async fn a_token_lives_as_long_as_its_tenant_says() {
    let app = TestApp::start().await;
    let fields = json!({ "token_lifetime_seconds": 60 });
    let brief = app.tenant_with("alpha", &[ALPHA], fields).await;
    assert_eq!(brief.log_in().await.expect(200)["expires_in"], 60);
    brief.get(USERS).await.expect(200);
    app.clock.advance(TimeDelta::seconds(61));
    let answer = brief.get(USERS).await;
    assert_refused(&app, "brief", &answer, 401, "ringfence.token_expired").await;
    // Remembered or not.
    let answer = brief.get(USERS).await;
    assert_refused(&app, "again", &answer, 401, "ringfence.token_expired").await;
    app.admin().patch("/tenants/alpha", &json!({ "token_lifetime_seconds": 172_800 })).await.expect(200);
    assert_eq!(brief.log_in().await.expect(200)["expires_in"], 172_800);
    app.admin().post("/tenants/alpha/suspend", &json!({})).await.expect(200);
    let login = brief.log_in().await;
    assert_login_refused(&app, "login", &login, (403, "access_denied"), "ringfence.tenant_suspended").await;
    app.finish().await;
}
