//! Queries that know no divisions: they are narrowed to all that the tenant has of the kind that Genesys can filter by.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{NOBODY, QUEUES, assert_alike, assert_refused, everything, owned, sent};
use crate::support::app::TestApp;

/// What each query needs beside its filter; all are narrowed by `queueId`.
fn queries() -> Vec<(&'static str, Value)> {
    let aggregates = |metric: &str| json!({"interval": INTERVAL, "metrics": [metric]});
    vec![
        ("/api/v2/analytics/resolutions/aggregates/query", aggregates("nNextContactAvoided")),
        ("/api/v2/analytics/summaries/aggregates/query", aggregates("nConversationSummaries")),
        ("/api/v2/analytics/agentcopilots/aggregates/query", aggregates("nDistinctSuggestions")),
        ("/api/v2/analytics/knowledge/aggregates/query", aggregates("nKnowledgeSearch")),
        ("/api/v2/analytics/conversations/activity/query", json!({"metrics": [{"metric": "oInteracting"}]})),
        ("/api/v2/analytics/queues/observations/query", json!({"metrics": ["oWaiting"]})),
    ]
}

fn is_grouped_by_itself(path: &str) -> bool {
    path.contains("observations")
}

fn by_queue(ids: &BTreeSet<String>) -> Value {
    let predicates: Vec<_> = ids.iter().map(|id| json!({"dimension": "queueId", "value": id})).collect();
    json!({"type": "or", "predicates": predicates})
}

fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What a tenant is shown of the groups.
fn shown(mut answer: Value) -> Value {
    for group in answer["results"].as_array_mut().unwrap() {
        group.as_object_mut().unwrap().retain(|name, _| name == "group" || name == "data");
        for data in group["data"].as_array_mut().unwrap() {
            data.as_object_mut().unwrap().retain(|name, _| name != "observations" && name != "truncated");
        }
    }
    json!({"results": answer["results"]})
}

#[tokio::test]
async fn what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "queues");
    for (path, body) in queries() {
        let expected = everything(&app, path, Some(&with(&body, &json!({"filter": by_queue(&own)})))).await;
        assert!(!expected["results"].as_array().unwrap().is_empty(), "{path}");
        let answer = alpha.post(path, &body).await;
        assert_eq!(answer.headers["ringfence-divisions"], ALPHA, "{path}");
        assert_eq!(answer.expect(200), shown(expected), "{path}");
        // What the caller's `or` asks for stays beside it, whatever its form.
        let theirs = json!({"type": "or", "clauses": [
            {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}]},
            {"type": "and", "predicates": [{"dimension": "mediaType", "value": "email"}, {"dimension": "queueId", "value": own.first().unwrap()}]},
        ]});
        let voice = alpha.post(path, &with(&body, &json!({"filter": theirs}))).await.expect(200);
        let filter = json!({"type": "and", "clauses": [by_queue(&own)], "predicates": [{"dimension": "mediaType", "value": "voice"}]});
        let all_voice = everything(&app, path, Some(&with(&body, &json!({"filter": filter})))).await;
        assert!(
            voice["results"].as_array().unwrap().len()
                >= shown(all_voice)["results"].as_array().unwrap().len()
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn anothers_queue_in_a_filter_finds_as_much_as_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let theirs = owned(&app, BETA, "queues");
    let own = owned(&app, ALPHA, "queues");
    for (path, body) in queries() {
        let ask = async |ids: &[&String]| {
            let ids = ids.iter().map(|id| (*id).clone()).collect();
            alpha.post(path, &with(&body, &json!({"filter": by_queue(&ids)}))).await
        };
        let nobody = NOBODY.to_owned();
        let foreign = ask(&[theirs.first().unwrap()]).await;
        let missing = ask(&[&nobody]).await;
        assert_eq!(foreign.body, json!({"results": []}), "{path}");
        assert_alike(&foreign, &missing);
        let mixed = ask(&[theirs.first().unwrap(), own.first().unwrap()]).await;
        let alone = ask(&[own.first().unwrap()]).await;
        assert_eq!(mixed.expect(200), alone.expect(200), "{path}");
    }
    for (_, within) in sent(&app).iter().filter(|(call, _)| call.contains("/api/v2/analytics")) {
        let clauses = within["filter"]["clauses"].as_array().unwrap();
        let last = clauses.last().unwrap()["predicates"].as_array().unwrap();
        assert!(last.iter().all(|one| {
            let id = one["value"].as_str().unwrap();
            one["dimension"] == "queueId"
                && (own.contains(id) || id == "00000000-0000-0000-0000-000000000000")
        }));
    }
    app.finish().await;
}

#[tokio::test]
async fn what_would_tell_others_from_one_another_is_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (path, body) in queries() {
        for predicate in [
            json!({"dimension": "queueId", "operator": "notExists"}),
            json!({"dimension": "queueId", "operator": "exists"}),
            json!({"dimension": "queueId", "range": {"gte": 1}}),
            json!({"dimension": "teamId", "value": NOBODY}),
            json!({"dimension": "divisionId", "value": ALPHA}),
        ] {
            let filter = json!({"type": "and", "predicates": [predicate]});
            let refused = alpha.post(path, &with(&body, &json!({"filter": filter}))).await;
            assert_refused(&refused, 400, "ringfence.filter_refused");
        }
        if !is_grouped_by_itself(path) {
            let refused = alpha.post(path, &with(&body, &json!({"groupBy": ["conversationId"]}))).await;
            assert_refused(&refused, 400, "ringfence.aggregation_refused");
        }
    }
    let users = json!({"metrics": ["oOnQueueUsers"]});
    let refused = alpha.post("/api/v2/analytics/queues/observations/query", &users).await;
    assert_refused(&refused, 400, "ringfence.aggregation_refused");
    app.finish().await;
}

#[tokio::test]
async fn more_than_genesys_takes_at_a_time_is_asked_for_in_parts_where_that_is_exact() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for number in 0..101 {
        alpha.post(QUEUES, &json!({"name": format!("More {number}")})).await.expect(200);
    }
    let own: BTreeSet<_> = owned(&app, ALPHA, "queues");
    for (path, body) in queries() {
        let is_counted_apart = is_grouped_by_itself(path);
        let whole = alpha.post(path, &body).await;
        let apart = if is_counted_apart {
            whole
        } else {
            assert_refused(&whole, 400, "ringfence.aggregation_refused");
            assert!(whole.text.contains("`groupBy`"), "{path}: {}", whole.text);
            alpha.post(path, &with(&body, &json!({"groupBy": ["queueId"]}))).await
        };
        let all = if is_counted_apart {
            with(
                &body,
                &json!({"filter": {"type": "or", "predicates": [{"dimension": "mediaType", "operator": "exists"}]}}),
            )
        } else {
            with(&body, &json!({"groupBy": ["queueId"]}))
        };
        // As one query would have it, if Genesys took it: what it tells of all queues, without others' groups.
        let mut expected = shown(everything(&app, path, Some(&all)).await);
        let groups = expected["results"].as_array_mut().unwrap();
        groups.retain(|one| one["group"]["queueId"].as_str().is_some_and(|id| own.contains(id)));
        assert!(!groups.is_empty(), "{path}");
        let mut apart = apart.expect(200);
        for answer in [&mut apart, &mut expected] {
            answer["results"].as_array_mut().unwrap().sort_by_key(|one| one["group"].to_string());
        }
        assert_eq!(apart, expected, "{path}");
        // Named, they are few.
        let named = by_queue(&own.iter().take(3).cloned().collect());
        alpha.post(path, &with(&body, &json!({"filter": named}))).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_goes_on_in_flows_is_asked_of_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let listed = alpha.get("/api/v2/flows").await.expect(200);
    let own: BTreeSet<_> = listed["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| flow["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!own.is_empty());
    for (path, body) in [
        ("/api/v2/analytics/flows/activity/query", json!({"metrics": [{"metric": "oFlow"}]})),
        ("/api/v2/analytics/flows/observations/query", json!({"metrics": ["oFlow"]})),
    ] {
        alpha.post(path, &body).await.expect(200);
        let (_, sent) = sent(&app).into_iter().rfind(|(call, _)| call.contains(path)).unwrap();
        let within = sent["filter"]["predicates"].as_array().unwrap();
        let ids: BTreeSet<_> = within.iter().map(|one| one["value"].as_str().unwrap().to_owned()).collect();
        assert!(within.iter().all(|one| one["dimension"] == "flowId"), "{path}");
        assert_eq!(ids, own, "{path}");
    }
    app.finish().await;
}
