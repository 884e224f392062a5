//! Single conversations: judged by the divisions that each shows; shared ones are stubs.

use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, Match, Rule};
use serde_json::json;

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, conversations, disturb_below, each, event, eventually, only_call,
    sent,
};
use crate::support::app::TestApp;

const ONE: &str = "/api/v2/conversations";
const ANALYTICS: &str = "/api/v2/analytics/conversations";

fn pick(app: &TestApp, division: &str, shared: bool, not: &[&str]) -> String {
    let mut all = conversations(app, division).into_iter();
    let fits = |with: &Option<String>| {
        with.is_some() == shared && with.as_ref().is_none_or(|with| !not.contains(&with.as_str()))
    };
    all.find(|(_, with)| fits(with)).unwrap().0
}

#[tokio::test]
async fn an_own_conversation_is_shown_by_its_id() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = pick(&app, ALPHA, false, &[]);
    let details = alpha.get(&format!("{ANALYTICS}/{own}/details")).await.expect(200);
    assert_eq!((&details["conversationId"], &details["divisionIds"]), (&json!(own), &json!([ALPHA])));
    assert!(details["participants"][0]["sessions"][0]["segments"].is_array(), "{details}");
    assert_eq!(only_call(&app).0, format!("GET {ANALYTICS}/{own}/details"));
    let live = alpha.get(&format!("{ONE}/{own}")).await.expect(200);
    assert_eq!((&live["id"], &live["divisions"][0]["division"]["id"]), (&json!(own), &json!(ALPHA)));
    let participant = &live["participants"][0];
    assert_eq!(participant["attributes"]["account"], "4421");
    for hidden in ["calls", "teamId"] {
        assert!(participant.get(hidden).is_none(), "{hidden}: {participant}");
    }
    assert!(live.get("recentTransfers").is_none(), "{live}");
    app.finish().await;
}

#[tokio::test]
async fn anothers_conversation_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = pick(&app, BETA, true, &[ALPHA]);
    for path in [|id: &str| format!("{ANALYTICS}/{id}/details"), |id: &str| format!("{ONE}/{id}")] {
        let (theirs, missing) = (alpha.get(&path(&foreign)).await, alpha.get(&path(NOBODY)).await);
        assert_alike(&theirs, &missing);
        assert_refused(&theirs, 404, "not.found");
        assert_refused(&alpha.get(&path("not-an-id")).await, 404, "not.found");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_shared_conversation_is_a_stub_unless_all_its_divisions_are_the_tenants() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], json!({"cross_division": "stub"})).await;
    let shared = pick(&app, ALPHA, true, &[]);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let details = alpha.get(&format!("{ANALYTICS}/{shared}/details")).await.expect(200);
    assert_eq!(keys(&details), ["conversationId", "conversationStart", "conversationEnd"]);
    let live = alpha.get(&format!("{ONE}/{shared}")).await.expect(200);
    assert_eq!(keys(&live), ["id", "startTime", "endTime"]);
    let with = conversations(&app, ALPHA).into_iter().find(|(id, _)| *id == shared).unwrap().1.unwrap();
    app.simulator.organisation().clear_calls();
    let pair = app.tenant_with("pair", &[BETA, GAMMA], json!({"cross_division": "stub"})).await;
    if [BETA, GAMMA].contains(&with.as_str()) {
        assert_eq!(
            keys(&pair.get(&format!("{ONE}/{shared}")).await.expect(200)),
            ["id", "startTime", "endTime"]
        );
    }
    let both =
        conversations(&app, BETA).into_iter().find(|(_, with)| with.as_deref() == Some(GAMMA)).unwrap().0;
    let whole = pair.get(&format!("{ANALYTICS}/{both}/details")).await.expect(200);
    assert!(whole["participants"].is_array(), "{whole}");
    app.finish().await;
}

#[tokio::test]
async fn foreign_conversations_asked_for_by_id_vanish_like_missing_ones() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (own, foreign) = (pick(&app, ALPHA, false, &[]), pick(&app, BETA, false, &[]));
    let path = format!("{ANALYTICS}/details");
    let theirs = alpha.get(&format!("{path}?id={own},{foreign}")).await;
    let missing = alpha.get(&format!("{path}?id={own}&id={NOBODY}")).await;
    assert_alike(&theirs, &missing);
    let found = theirs.expect(200);
    assert_eq!(each(&found["conversations"], "conversationId"), [own]);
    let none = alpha.get(&format!("{path}?id=not-an-id")).await.expect(200);
    assert_eq!(none["conversations"], json!([]));
    app.simulator.organisation().clear_calls();
    assert_refused(&alpha.get(&path).await, 400, "ringfence.parameter_invalid");
    assert!(sent(&app).is_empty());
    app.finish().await;
}

/// The first exchanges below the path go wrong, so many of them.
fn once_below(app: &TestApp, path: &str, fault: Fault, times: u32) {
    let below = Match { method: None, path_prefix: Some(path.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(below, fault, Some(times))]);
    app.simulator.organisation().clear_calls();
}

fn refusals() -> impl Iterator<Item = Fault> {
    let refused = [400, 403, 404, 410].map(|status| Fault::Status { status, retry_after: None });
    refused.into_iter().chain([Fault::Malformed, Fault::EmptyBody, Fault::Gzip])
}

/// Genesys may refuse the whole list for one id, or send what cannot be passed on: the id is missing, and no more.
#[tokio::test]
async fn an_id_that_genesys_refuses_is_missing_from_the_list_as_one_that_is_not_there() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("{ANALYTICS}/details");
    let foreign = pick(&app, BETA, false, &[]);
    let missing = alpha.get(&format!("{path}?id={NOBODY}")).await;
    assert_eq!((missing.status.as_u16(), &missing.body), (200, &json!({"conversations": []})));
    for fault in refusals() {
        disturb_below(&app, &path, fault);
        assert_alike(&alpha.get(&format!("{path}?id={foreign}")).await, &missing);
        assert_alike(&alpha.get(&format!("{path}?id={foreign},{NOBODY}")).await, &missing);
    }
    app.finish().await;
}

#[tokio::test]
async fn own_conversations_are_shown_whatever_becomes_of_the_ids_beside_them() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("{ANALYTICS}/details");
    let foreign = pick(&app, BETA, false, &[]);
    let own: Vec<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).take(12).collect();
    let asked = format!("{path}?id={foreign},{}", own.join(","));
    let shown = alpha.get(&asked).await;
    assert_eq!(each(&shown.body["conversations"], "conversationId").len(), own.len());
    for fault in refusals() {
        once_below(&app, &path, fault, 1);
        let answer = alpha.get(&asked).await;
        assert_alike(&answer, &shown);
        assert_eq!(sent(&app).len(), 2 + own.len(), "all at once, then each alone");
        let outcome = event(&app, &answer).await["outcome"].clone();
        assert_eq!((&outcome["code"], &outcome["upstream_status"]), (&json!("ok"), &json!(200)));
    }
    // What is refused for the account, or fails, is not taken for an id's.
    for (status, told, code) in [
        (500, 502, "ringfence.upstream_failed"),
        (408, 504, "ringfence.upstream_timed_out"),
        (429, 429, "too.many.requests.retry.after"),
    ] {
        for spared in [1, 2, 7] {
            let below = Match { method: None, path_prefix: Some(path.clone()) };
            let refused = Rule::new(below.clone(), Fault::Status { status: 403, retry_after: None }, Some(1));
            let failing =
                Rule::new(below, Fault::Status { status, retry_after: None }, None).from_nth(spared);
            app.simulator.organisation().set_faults(vec![refused, failing]);
            assert_refused(&alpha.get(&asked).await, told, code);
        }
    }
    app.finish().await;
}

/// Asked for beside each other, they take room from each other; what finds none in time is not what cannot be seen.
#[tokio::test]
async fn own_conversations_are_shown_also_where_there_is_room_for_one_answer_at_a_time() {
    let app = TestApp::start_with(|config| {
        config.gateway.max_answer_bytes = 60_000;
        config.gateway.answer_memory_bytes = 4 * 90_000;
    })
    .await;
    let alpha = app.tenant_with("alpha", &[ALPHA], json!({"cross_division": "stub"})).await;
    let path = format!("{ANALYTICS}/details");
    let own: Vec<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).take(6).collect();
    let asked = format!("{path}?id={}", own.join(","));
    let shown = alpha.get(&asked).await;
    assert_eq!(each(&shown.body["conversations"], "conversationId").len(), own.len());
    let below = Match { method: None, path_prefix: Some(path) };
    let refused = Rule::new(below.clone(), Fault::Status { status: 403, retry_after: None }, Some(1));
    let slow = Rule::new(below, Fault::Latency { ms: 800 }, None);
    app.simulator.organisation().set_faults(vec![refused, slow]);
    assert_alike(&alpha.get(&asked).await, &shown);
    app.finish().await;
}

#[tokio::test]
async fn a_call_that_is_withdrawn_while_ids_are_asked_for_one_by_one_goes_no_further() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], json!({"cross_division": "stub"})).await;
    let path = format!("{ANALYTICS}/details");
    let own: Vec<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).take(30).collect();
    let below = Match { method: None, path_prefix: Some(path.clone()) };
    let refused = Rule::new(below.clone(), Fault::Status { status: 403, retry_after: None }, Some(1));
    let slow = Rule::new(below, Fault::Latency { ms: 3_000 }, None);
    app.simulator.organisation().set_faults(vec![refused, slow]);
    let (client, asked) = (alpha.clone(), format!("{path}?id={}", own.join(",")));
    app.simulator.organisation().clear_calls();
    let call = tokio::spawn(async move { client.get(&asked).await });
    eventually("the ids are asked for", async || (sent(&app).len() == 9).then_some(())).await;
    app.admin().post(&format!("/keys/{}/revoke", alpha.client_id), &json!({})).await.expect(200);
    assert_refused(&call.await.unwrap(), 401, "ringfence.key_revoked");
    assert_eq!(sent(&app).len(), 9, "nothing was sent after it was withdrawn");
    app.finish().await;
}
