//! Single conversations: judged by the divisions that each shows; shared ones are stubs.

use ringfence::simulator::{ALPHA, BETA, GAMMA};
use serde_json::json;

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, conversations, each, only_call, sent,
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
    assert_eq!(participant["attributes"], json!({"account": "4421"}));
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
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let shared = pick(&app, ALPHA, true, &[]);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let details = alpha.get(&format!("{ANALYTICS}/{shared}/details")).await.expect(200);
    assert_eq!(keys(&details), ["conversationId", "conversationStart", "conversationEnd"]);
    let live = alpha.get(&format!("{ONE}/{shared}")).await.expect(200);
    assert_eq!(keys(&live), ["id", "startTime", "endTime"]);
    let with = conversations(&app, ALPHA).into_iter().find(|(id, _)| *id == shared).unwrap().1.unwrap();
    app.simulator.organisation().clear_calls();
    let pair = app.tenant("pair", &[BETA, GAMMA]).await;
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
