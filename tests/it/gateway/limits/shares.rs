//! A tenant's share of what Genesys accepts of its account.

use std::num::NonZeroU32;

use futures_util::future::join_all;
use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::{USERS, number, text};
use crate::support::app::{Answer, TenantClient, TestApp};

/// Sends a few more at once than a tenant may; how many were answered, and one that was refused.
async fn exhaust(tenant: &TenantClient, share: u64) -> (u64, Answer) {
    let mut answers = join_all((0..share + 3).map(|_| tenant.get(USERS))).await;
    answers.sort_by_key(|answer| answer.status);
    let answered = answers.iter().filter(|answer| answer.status == 200).count();
    (answered as u64, answers.pop().unwrap())
}

async fn budget(app: &TestApp) -> Value {
    let account = app.account().await;
    app.admin().get(&format!("/service-accounts/{account}/budget")).await.expect(200)
}

#[tokio::test]
async fn shares_are_by_weight_and_who_is_over_its_own_is_told_when_and_nothing_is_sent() {
    let app = TestApp::start_with(|config| config.upstream.requests_per_minute = NonZeroU32::new(40)).await;
    let alpha = app.tenant_with("alpha", &[ALPHA], json!({ "budget_weight": 3 })).await;
    let beta = app.tenant("beta", &[BETA]).await;
    let before = budget(&app).await;
    let share = |shown: &Value, number: usize| shown["tenants"][number]["share"].as_u64().unwrap();
    let (of_alpha, of_beta) = (share(&before, 0), share(&before, 1));
    assert!(of_alpha + of_beta <= 40 && of_alpha >= 3 * of_beta && of_alpha >= 24, "{before}");

    let (answered, refused) = exhaust(&alpha, of_alpha).await;
    assert_eq!(answered, of_alpha);
    let wait = number(&refused, "retry-after");
    assert!((1..=66).contains(&wait), "{wait}");
    assert_eq!(text(&refused, "inin-ratelimit-allowed"), of_alpha.to_string());
    assert_eq!(number(&refused, "inin-ratelimit-reset"), wait);
    assert_eq!(text(&refused, "ratelimit-policy"), format!("\"upstream-minute\";q={of_alpha};w=60"));
    let id = text(&refused, "inin-correlation-id").to_owned();
    assert_eq!(refused.expect(429)["code"], "ringfence.budget_exhausted");
    let events = app.find_events(&format!("correlation_id={id}")).await;
    assert_eq!(events[0]["outcome"]["code"], "ringfence.budget_exhausted");
    assert_eq!(events[0]["outcome"]["upstream_status"], Value::Null);

    // Of the other's flood nothing shows.
    app.simulator.organisation().clear_calls();
    let usage = beta.get("/gateway/v1/usage").await.expect(200)["upstream"].clone();
    assert_eq!((&usage["allowed"], &usage["left"]), (&json!(of_beta), &json!(of_beta)));
    let (answered, refused) = exhaust(&beta, of_beta).await;
    assert_eq!(answered, of_beta);
    assert_eq!(text(&refused, "inin-ratelimit-allowed"), of_beta.to_string());
    assert_eq!(app.simulator.organisation().calls().len() as u64, of_beta);
    app.finish().await;
}

#[tokio::test]
async fn who_is_suspended_has_no_share_and_the_others_have_it() {
    let app = TestApp::start_with(|config| config.upstream.requests_per_minute = NonZeroU32::new(100)).await;
    app.tenant("alpha", &[ALPHA]).await;
    app.tenant("beta", &[BETA]).await;
    let shares = async || -> Vec<u64> {
        let shown = budget(&app).await;
        shown["tenants"].as_array().unwrap().iter().map(|one| one["share"].as_u64().unwrap()).collect()
    };
    let both = shares().await;
    assert!(both.len() == 2 && both[0] == both[1] && both[0] >= 45, "{both:?}");
    app.admin().post("/tenants/beta/suspend", &json!({})).await.expect(200);
    let one = shares().await;
    assert!(one.len() == 1 && one[0] >= 2 * both[0], "{one:?}");
    app.admin().post("/tenants/beta/resume", &json!({})).await.expect(200);
    app.admin().patch("/tenants/beta", &json!({ "budget_weight": 4 })).await.expect(200);
    let both = shares().await;
    assert!(both[1] >= 4 * both[0], "{both:?}");
    let refused = app.admin().patch("/tenants/beta", &json!({ "budget_weight": 0 })).await;
    assert_eq!(refused.status, 422);
    app.finish().await;
}
