//! What policies are told of a request is what is sent, whatever form it was asked in.

use chrono::DateTime;
use ringfence::{
    model::{Actor, Event, EventKind, PolicyMode, PolicyVersion},
    simulator::{ALPHA, INTERVAL},
};
use serde_json::{Value, json};

use super::super::organisation::{DETAILS, NOBODY, SEARCH, assert_refused, event, eventually, sent};
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

async fn give_policies(app: &TestApp, tenant: &str) {
    let policy = PolicyVersion {
        tenant_id: tenant.parse().unwrap(),
        version: 0,
        source: POLICIES.to_owned(),
        mode: PolicyMode::Active,
        author: "ada@bpo.example".to_owned(),
        reason: "because".to_owned(),
        created_at: DateTime::UNIX_EPOCH,
    };
    let change = Event {
        id: uuid::Uuid::now_v7().into(),
        at: DateTime::UNIX_EPOCH,
        stream: uuid::Uuid::now_v7().into(),
        kind: EventKind::Change,
        actor: Actor::default(),
        operation: None,
        source: None,
        detail: "{}".to_owned(),
    };
    let store = app.store().await;
    store.add_policy(&policy, &change).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn policies_are_told_what_is_sent_in_whatever_form_it_was_asked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    give_policies(&app, "alpha").await;
    eventually("the policies are in force", async || {
        (alpha.get("/api/v2/users").await.status == 403).then_some(())
    })
    .await;
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
