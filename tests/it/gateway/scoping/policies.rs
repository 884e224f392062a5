//! What policies are told of a request is what is sent, whatever form it was asked in.

use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{DETAILS, NOBODY, SEARCH, assert_refused, event, sent};
use crate::support::app::TestApp;

/// Each forbids what one attribute says; the id is `NOBODY`.
const POLICIES: &str = r#"
@id("long") forbid (principal, action, resource)
    when { context has intervalSeconds && context.intervalSeconds > 86400 };
@id("large") forbid (principal, action, resource) when { context has pageSize && context.pageSize > 50 };
@id("unsaid") forbid (principal, action == Ringfence::Action::"getUsers", resource)
    when { context has pageSize && context.pageSize == 25 };
@id("somebody") forbid (principal, action, resource)
    when { context.ids.contains("0b0d1e00-0000-4000-8000-000000000404") };
@id("talk") forbid (principal, action, resource) when { context.metrics.contains("tTalk") };
@id("by-purpose") forbid (principal, action, resource) when { context.groupBy.contains("purpose") };
"#;

async fn put(app: &TestApp, source: &str, mode: &str) -> Value {
    let policy = json!({ "source": source, "reason": "a test", "mode": mode });
    app.admin().put("/tenants/alpha/policies", &policy).await.expect(200)
}

#[tokio::test]
async fn policies_are_told_what_is_sent_in_whatever_form_it_was_asked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    put(&app, POLICIES, "active").await;
    app.simulator.organisation().clear_calls();

    let day = "2026-06-01T00:00:00Z/2026-06-02T00:00:00Z";
    let old = json!({"date_from": "2026-06-01T00:00:00Z", "date_to": "2026-06-02T00:00:00Z", "size": 50});
    let mut longer = old.clone();
    longer["date_to"] = "2026-06-02T00:00:01Z".into();
    let mut larger = old.clone();
    larger["size"] = 51.into();
    let filter = |kind: &str, predicate: Value| json!({"interval": day, kind: [{"type": "and", "predicates": [predicate]}]});
    let by = |dimension: &str| json!({"dimension": dimension, "value": NOBODY});
    let inner = json!({"type": "TERMS", "fields": ["id"], "values": ["x", NOBODY]});
    for (path, body, reason) in [
        (DETAILS, json!({"interval": INTERVAL}), "long"),
        (DETAILS, longer, "long"),
        (DETAILS, larger, "large"),
        (DETAILS, filter("conversationFilters", by("conversationId")), "somebody"),
        (DETAILS, filter("segmentFilters", by("userId")), "somebody"),
        (DETAILS, filter("segmentFilters", by("queueId")), "somebody"),
        (DETAILS, filter("conversationFilters", json!({"metric": "tTalk", "range": {"gt": 1}})), "talk"),
        (DETAILS, json!({"interval": day, "aggregations": [{"metric": "tTalk"}]}), "talk"),
        (DETAILS, json!({"interval": day, "aggregations": [{"dimension": "purpose"}]}), "by-purpose"),
        (SEARCH, json!({"query": [{"type": "EXACT", "fields": ["id"], "value": NOBODY}]}), "somebody"),
        (SEARCH, json!({"query": [{"type": "EXACT", "group": [inner]}]}), "somebody"),
    ] {
        let answer = alpha.post(path, &body).await;
        assert_refused(&answer, 403, "ringfence.not_permitted");
        assert_eq!(event(&app, &answer).await["policies"], json!([reason]), "{body}");
    }
    let answer = alpha.get("/api/v2/users").await;
    assert_eq!(event(&app, &answer).await["policies"], json!(["unsaid"]));
    assert_eq!(sent(&app), []);
    alpha.get("/api/v2/users?pageSize=24").await.expect(200);
    alpha.post(DETAILS, &old).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_policy_put_here_holds_for_the_next_call_and_until_it_is_superseded() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get("/api/v2/users").await.expect(200);
    put(&app, "@id(\"closed\") forbid (principal, action, resource);", "active").await;
    let refused = alpha.get("/api/v2/users").await;
    assert_refused(&refused, 403, "ringfence.not_permitted");
    assert_eq!(event(&app, &refused).await["policies"], json!(["closed"]));
    put(&app, "", "active").await;
    alpha.get("/api/v2/users").await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_policy_that_fails_denies_whatever_else_permits() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for effect in ["permit", "forbid"] {
        put(
            &app,
            &format!("{effect} (principal, action, resource) when {{ 9223372036854775807 + 1 == 0 }};"),
            "active",
        )
        .await;
        assert_refused(&alpha.get("/api/v2/users").await, 403, "ringfence.policy_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_shadow_decides_nothing_and_what_it_says_otherwise_is_in_the_event() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA, BETA]).await;
    let source = format!(
        "@id(\"not-beta\") forbid (principal, action == Ringfence::Action::\"getUsers\", resource == Ringfence::Division::\"{BETA}\");
         @id(\"small-pages\") forbid (principal, action == Ringfence::Action::\"getRoutingQueues\", resource)
           when {{ context has pageSize && context.pageSize > 50 }};"
    );
    let version = put(&app, &source, "shadow").await["version"].clone();
    let answer = alpha.get("/api/v2/users").await;
    assert_eq!(answer.headers["ringfence-divisions"], format!("{ALPHA},{BETA}"));
    let expected =
        json!({ "version": version, "divisions": [ALPHA], "policies": ["full-access.all", "not-beta"] });
    assert_eq!(event(&app, &answer).await["shadow"], expected);
    let answer = alpha.get("/api/v2/routing/queues?pageSize=51").await;
    let expected = json!({ "version": version, "divisions": [], "policies": ["small-pages"] });
    assert_eq!(event(&app, &answer).await["shadow"], expected);
    // It says the same.
    let answer = alpha.get("/api/v2/routing/queues?pageSize=50").await;
    assert_eq!(event(&app, &answer).await.get("shadow"), None);
    // A newer version ends it.
    put(&app, "", "active").await;
    let answer = alpha.get("/api/v2/users").await;
    assert_eq!(event(&app, &answer).await.get("shadow"), None);
    app.finish().await;
}
