//! What was answered once is given out again only to whom it could be given out now.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::json;

use super::{
    super::{
        masks::{NO_NUMBERS, put},
        organisation::{QUEUES, USERS, assert_refused, eventually, sent, text},
        rotation::successor,
    },
    GROUPS, assert_replayed, is_replayed, made, post, user,
};
use crate::support::app::{Answer, TenantClient, TestApp};

const WITHHELD: &str = "ringfence.idempotency_answer_withheld";

/// What a repeat is answered once a change holds.
async fn once_it_holds(tenant: &TenantClient, path: &str, body: &serde_json::Value) -> Answer {
    eventually("the change holds", async || {
        let answer = post(tenant, path, "k", body).await;
        (!answer.status.is_success()).then_some(answer)
    })
    .await
}

#[tokio::test]
async fn an_answer_is_not_shown_again_without_its_division_and_is_when_that_is_back() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let body = json!({ "name": "Once", "division": { "id": BETA } });
    let first = post(&pair, QUEUES, "k", &body).await;
    assert!(first.status.is_success(), "{first:?}");
    let forbid = format!(
        "permit (principal, action, resource); forbid (principal, action, resource == Ringfence::Division::\"{BETA}\");"
    );
    put(&app, "pair", &forbid).await;
    app.simulator.organisation().clear_calls();
    let refused = post(&pair, QUEUES, "k", &body).await;
    assert_refused(&refused, 403, "ringfence.division_not_permitted");
    assert_eq!(sent(&app), []);
    put(&app, "pair", "permit (principal, action, resource);").await;
    assert_replayed(&app, &first, &post(&pair, QUEUES, "k", &body).await).await;
    app.finish().await;
}

/// What stands inside of an answer may be of any division that was permitted, whichever the caller named.
#[tokio::test]
async fn an_answer_for_one_division_is_withheld_once_another_that_was_permitted_is_not() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let body = json!({ "name": "Once", "division": { "id": ALPHA } });
    let first = post(&pair, QUEUES, "k", &body).await;
    assert!(first.status.is_success(), "{first:?}");
    app.admin().patch("/tenants/pair", &json!({ "division_ids": [ALPHA] })).await.expect(200);
    let refused = once_it_holds(&pair, QUEUES, &body).await;
    assert_refused(&refused, 403, WITHHELD);
    app.admin().patch("/tenants/pair", &json!({ "division_ids": [ALPHA, BETA] })).await.expect(200);
    let again = eventually("it is back", async || {
        let answer = post(&pair, QUEUES, "k", &body).await;
        answer.status.is_success().then_some(answer)
    })
    .await;
    assert_replayed(&app, &first, &again).await;
    app.finish().await;
}

/// What is below a queue is of all divisions that are permitted, and says none.
#[tokio::test]
async fn an_answer_that_was_made_under_more_divisions_is_withheld() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let queue = text(
        &pair.post(QUEUES, &json!({ "name": "Q", "division": { "id": ALPHA } })).await.expect(200)["id"],
    );
    let path = format!("{QUEUES}/{queue}/wrapupcodes");
    let first = post(&pair, &path, "k", &json!([])).await;
    assert!(first.status.is_success(), "{first:?}");
    let forbid = format!(
        "permit (principal, action, resource); forbid (principal, action, resource == Ringfence::Division::\"{BETA}\");"
    );
    put(&app, "pair", &forbid).await;
    app.simulator.organisation().clear_calls();
    assert_refused(&post(&pair, &path, "k", &json!([])).await, 403, WITHHELD);
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn an_answer_is_not_shown_again_to_whom_more_is_masked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = user("ana");
    let first = post(&alpha, USERS, "k", &body).await;
    put(&app, "alpha", NO_NUMBERS).await;
    let refused = once_it_holds(&alpha, USERS, &body).await;
    assert_refused(&refused, 403, WITHHELD);
    let masked = post(&alpha, USERS, "m", &user("ben")).await;
    assert!(masked.status.is_success() && masked.headers.contains_key("ringfence-masks"), "{masked:?}");
    // Shown less then, nothing more is shown now.
    put(&app, "alpha", "permit (principal, action, resource);").await;
    assert_replayed(&app, &masked, &post(&alpha, USERS, "m", &user("ben")).await).await;
    assert_replayed(&app, &first, &post(&alpha, USERS, "k", &body).await).await;
    assert_eq!(made(&app), 2);
    app.finish().await;
}

#[tokio::test]
async fn what_was_taken_from_the_tenant_is_not_shown_again() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = json!({ "name": "Once", "type": "official", "rulesVisible": true, "visibility": "public" });
    let first = post(&alpha, GROUPS, "k", &body).await;
    assert_replayed(&app, &first, &post(&alpha, GROUPS, "k", &body).await).await;
    let group = text(&first.body["id"]);
    let taken = json!({ "entity": "group", "id": group, "reason": "a test" });
    app.admin().post("/tenants/alpha/registry/take", &taken).await.expect(200);
    assert_refused(&once_it_holds(&alpha, GROUPS, &body).await, 403, WITHHELD);
    app.finish().await;
}

#[tokio::test]
async fn a_repeat_is_refused_as_any_call_is() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = user("ana");
    let first = post(&alpha, USERS, "k", &body).await;
    put(&app, "alpha", "forbid (principal, action == Ringfence::Action::\"postUsers\", resource);").await;
    assert_refused(&once_it_holds(&alpha, USERS, &body).await, 403, "ringfence.not_permitted");
    put(&app, "alpha", "permit (principal, action, resource);").await;
    assert_replayed(&app, &first, &post(&alpha, USERS, "k", &body).await).await;
    app.admin().post("/tenants/alpha/suspend", &json!({})).await.expect(200);
    assert_refused(&once_it_holds(&alpha, USERS, &body).await, 403, "ringfence.tenant_suspended");
    app.admin().post("/tenants/alpha/resume", &json!({})).await.expect(200);
    app.admin().post(&format!("/keys/{}/revoke", alpha.client_id), &json!({})).await.expect(200);
    assert_refused(&once_it_holds(&alpha, USERS, &body).await, 401, "ringfence.key_revoked");
    assert_eq!(made(&app), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_rotated_key_repeats_what_the_one_before_it_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let first = post(&alpha, USERS, "k", &user("ana")).await;
    let asked = json!({ "overlap_seconds": 0 });
    let issued = app.admin().post(&format!("/keys/{}/rotate", alpha.client_id), &asked).await.expect(201);
    let next = successor(&app, &alpha, &issued).await;
    assert_replayed(&app, &first, &post(&next, USERS, "k", &user("ana")).await).await;
    assert_eq!(made(&app), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_repeat_counts_as_a_call() {
    let app = TestApp::start().await;
    let fields = json!({ "limits": { "requests_per_day": 3 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], fields).await;
    let first = post(&alpha, USERS, "k", &user("ana")).await;
    assert!(first.status.is_success());
    for _ in 0..2 {
        assert!(is_replayed(&post(&alpha, USERS, "k", &user("ana")).await));
    }
    let over = post(&alpha, USERS, "k", &user("ana")).await;
    assert_eq!((over.status.as_u16(), is_replayed(&over)), (429, false));
    assert!(over.headers.contains_key("retry-after"));
    app.finish().await;
}
