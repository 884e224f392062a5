//! The aggregates query: its one filter is narrowed, and its groups name nobody else's.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{NOBODY, assert_alike, assert_refused, event, everything, owned, sent};
use crate::support::app::{Answer, TenantClient, TestApp};

const AGGREGATES: &str = "/api/v2/analytics/conversations/aggregates/query";

fn query(more: &Value) -> Value {
    let mut query = json!({"interval": INTERVAL, "metrics": ["nConnected", "tTalk", "nOffered"]});
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    query
}

async fn ask(tenant: &TenantClient, more: Value) -> Answer {
    tenant.post(AGGREGATES, &query(&more)).await
}

fn values(answer: &Value, dimension: &str) -> BTreeSet<String> {
    let all = answer["results"].as_array().unwrap().iter();
    all.filter_map(|one| one["group"][dimension].as_str().map(str::to_owned)).collect()
}

fn by_division(divisions: &[&str]) -> Value {
    let predicates: Vec<_> =
        divisions.iter().map(|id| json!({"dimension": "divisionId", "value": id})).collect();
    json!({"type": "or", "predicates": predicates})
}

#[tokio::test]
async fn aggregates_count_the_tenants_own_conversations_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut expected = query(&json!({"granularity": "P1D", "groupBy": ["mediaType"]}));
    expected["filter"] = by_division(&[ALPHA]);
    let expected = everything(&app, AGGREGATES, Some(&expected)).await;
    let answer = ask(&alpha, json!({"granularity": "P1D", "groupBy": ["mediaType"]})).await;
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    assert_eq!(answer.expect(200), expected);
    // What the caller's `or` asks for stays beside the division, whatever its form.
    let theirs = json!({"type": "or", "clauses": [
        {"type": "and", "predicates": [{"dimension": "mediaType", "value": "voice"}, {"dimension": "purpose", "value": "agent"}]},
        {"type": "or", "predicates": [{"dimension": "mediaType", "value": "email"}]},
    ]});
    let narrowed =
        ask(&alpha, json!({"filter": theirs, "groupBy": ["divisionId", "mediaType"]})).await.expect(200);
    assert_eq!(values(&narrowed, "divisionId"), BTreeSet::from([ALPHA.to_owned()]));
    assert_eq!(values(&narrowed, "mediaType"), BTreeSet::from(["email".to_owned(), "voice".to_owned()]));
    app.finish().await;
}

#[tokio::test]
async fn groups_name_the_tenants_own_users_queues_and_divisions_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut all = query(&json!({"groupBy": ["userId", "queueId", "divisionId"]}));
    all["filter"] = by_division(&[ALPHA]);
    let all = everything(&app, AGGREGATES, Some(&all)).await;
    for (dimension, own) in [
        ("userId", owned(&app, ALPHA, "users")),
        ("queueId", owned(&app, ALPHA, "queues")),
        ("divisionId", BTreeSet::from([ALPHA.to_owned()])),
    ] {
        let theirs: BTreeSet<_> = values(&all, dimension).difference(&own).cloned().collect();
        assert!(!theirs.is_empty(), "no shared conversation shows a foreign {dimension}");
        let answer = ask(&alpha, json!({"groupBy": [dimension]})).await;
        let shown = values(&answer.body, dimension);
        assert!(!shown.is_empty() && shown.is_subset(&own), "{dimension}: {shown:?}");
        assert!(theirs.iter().all(|id| !answer.text.contains(id)), "{dimension}");
        assert!(event(&app, &answer).await["outcome"]["dropped"].as_u64().is_some_and(|dropped| dropped > 0));
    }
    app.finish().await;
}

#[tokio::test]
async fn what_has_been_looked_up_is_not_asked_for_again() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    ask(&alpha, json!({"groupBy": ["userId"]})).await.expect(200);
    assert_eq!(sent(&app).len(), 2);
    ask(&alpha, json!({"groupBy": ["userId"]})).await.expect(200);
    assert_eq!(sent(&app).len(), 3);
    app.finish().await;
}

#[tokio::test]
async fn aggregates_over_foreign_divisions_are_refused_or_find_nothing() {
    let app = TestApp::start().await;
    let (alpha, pair) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("pair", &[BETA, GAMMA]).await);
    app.simulator.organisation().clear_calls();
    for filter in [by_division(&[BETA]), by_division(&[BETA, NOBODY])] {
        let refused = ask(&alpha, json!({"filter": filter})).await;
        assert_refused(&refused, 403, "ringfence.division_not_permitted");
    }
    assert_refused(
        &ask(&alpha, json!({"division_ids": [BETA]})).await,
        403,
        "ringfence.division_not_permitted",
    );
    assert!(sent(&app).is_empty());
    let (both, missing) = (by_division(&[BETA, ALPHA]), by_division(&[BETA, NOBODY]));
    assert_alike(&ask(&pair, json!({"filter": both})).await, &ask(&pair, json!({"filter": missing})).await);
    let named = ask(&pair, json!({"divisionIds": [GAMMA, ALPHA], "groupBy": ["divisionId"]})).await;
    assert_eq!(named.headers["ringfence-divisions"], GAMMA);
    app.finish().await;
}

#[tokio::test]
async fn what_would_show_others_is_refused_before_anything_is_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let predicate = |one: Value| json!({"filter": {"type": "and", "predicates": [one]}});
    for (more, code) in [
        (json!({"groupBy": ["ani"]}), "ringfence.aggregation_refused"),
        (json!({"groupBy": ["teamId"]}), "ringfence.aggregation_refused"),
        (json!({"groupBy": ["DivisionId"]}), "ringfence.aggregation_refused"),
        (
            json!({"groupBy": ["divisionId"], "flattenMultivaluedDimensions": true}),
            "ringfence.aggregation_refused",
        ),
        (
            json!({"groupBy": ["mediaType", "userId"], "flattenMultivaluedDimensions": true}),
            "ringfence.aggregation_refused",
        ),
        (json!({"queryType": "topN"}), "ringfence.body_unknown_field"),
        (json!({"sortMetric": {"name": "tTalk"}}), "ringfence.body_unknown_field"),
        (json!({"metrics": []}), "ringfence.body_invalid"),
        (json!({"interval": "yesterday"}), "ringfence.body_invalid"),
        (json!({"interval": "2020-01-01T00:00:00Z/2022-01-01T00:00:00Z"}), "ringfence.body_invalid"),
        (json!({"granularity": "P1D&x"}), "ringfence.body_invalid"),
        (json!({"filter": {"type": "or", "predicates": []}}), "ringfence.filter_refused"),
        (predicate(json!({"dimension": "teamId", "value": NOBODY})), "ringfence.filter_refused"),
        (predicate(json!({"metric": "tTalk", "range": {"gte": 1}})), "ringfence.filter_refused"),
        (
            predicate(json!({"type": "property", "property": "x", "propertyType": "string", "value": "y"})),
            "ringfence.filter_refused",
        ),
        (json!({"divisionIds": []}), "ringfence.division_parameter_empty"),
    ] {
        assert_refused(&ask(&alpha, more).await, 400, code);
    }
    assert!(sent(&app).is_empty());
    let views: Vec<_> = (0..11).map(|number| json!({"target": "tTalk", "name": format!("v{number}"), "function": "rangeBound", "range": {"gte": 0}})).collect();
    assert_refused(&ask(&alpha, json!({"views": views})).await, 400, "ringfence.body_invalid");
    let some = ask(
        &alpha,
        json!({"views": &views[..2], "groupBy": ["requestedRouting"], "flattenMultivaluedDimensions": true}),
    )
    .await;
    let some = some.expect(200);
    assert_eq!(some["results"][0]["data"][0]["views"].as_array().unwrap().len(), 2, "{some}");
    app.finish().await;
}
