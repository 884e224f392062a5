//! The aggregates query: its one filter is narrowed, and its groups name nobody else's.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, INTERVAL, Match, Rule};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, SEARCH, USERS, assert_alike, assert_refused, disturb_below, event, eventually,
    everything, owned, sent,
};
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

/// What Genesys is asked for, and how often, is the same whomever the groups would name, and if they name nobody.
#[tokio::test]
async fn what_groups_are_held_against_is_read_before_the_query_and_whatever_it_finds() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let nothing = json!({"type": "and", "predicates": [{"dimension": "conversationId", "value": NOBODY}]});
    let mut asked = Vec::new();
    for filter in [None, Some(nothing)] {
        let finds_something = filter.is_none();
        let mut more = json!({"groupBy": ["userId", "queueId"]});
        if let Some(filter) = filter {
            more["filter"] = filter;
        }
        let answer = ask(&alpha, more).await.expect(200);
        assert_eq!(answer["results"].as_array().unwrap().is_empty(), !finds_something);
        asked.push(sent(&app).into_iter().map(|(call, _)| call).collect::<Vec<_>>());
        app.simulator.organisation().clear_calls();
        app.clock.advance(TimeDelta::seconds(61));
    }
    let queues = format!("GET {QUEUES}?pageSize=100&pageNumber=1&divisionId={ALPHA}");
    let expected = [format!("POST {SEARCH}"), queues, format!("POST {AGGREGATES}")];
    assert_eq!(asked, [expected.clone(), expected]);
    app.finish().await;
}

#[tokio::test]
async fn a_limit_that_a_lookup_meets_is_passed_on_and_the_query_is_not_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb_below(&app, SEARCH, Fault::Status { status: 429, retry_after: Some(7) });
    let answer = ask(&alpha, json!({"groupBy": ["userId"]})).await;
    assert_refused(&answer, 429, "too.many.requests.retry.after");
    assert!(answer.text.contains("[7]"), "{}", answer.text);
    assert_eq!(sent(&app).len(), 1);
    app.finish().await;
}

/// More users than one page shows, sorted before all others.
async fn make_many(alpha: &TenantClient) {
    for number in 0..110 {
        let user = json!({"name": format!("Aaaa {number}"), "email": format!("a{number}@alpha.example")});
        alpha.post(USERS, &user).await.expect(200);
    }
}

/// The pages of users that were asked for, in order of the calls.
fn pages(app: &TestApp) -> Vec<u64> {
    let searches = sent(app).into_iter().filter(|(call, _)| call.ends_with(SEARCH));
    searches.map(|(_, search)| search["pageNumber"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn groups_are_held_against_all_pages_of_what_the_tenant_has() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let by_user = || ask(&alpha, json!({"groupBy": ["userId"]}));
    let before = by_user().await.expect(200);
    make_many(&alpha).await;
    app.simulator.organisation().clear_calls();
    assert_eq!(by_user().await.expect(200), before);
    let pages: BTreeSet<_> = pages(&app).into_iter().collect();
    assert!(pages.contains(&1) && pages.contains(&2) && pages.len() <= 5, "{pages:?}");
    app.finish().await;
}

#[tokio::test]
async fn what_a_caller_read_that_has_left_is_not_read_again() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let expected = ask(&alpha, json!({"groupBy": ["userId"]})).await.expect(200);
    make_many(&alpha).await;
    let meant = Match { method: Some("POST".to_owned()), path_prefix: Some(SEARCH.to_owned()) };
    let late = Rule::new(meant, Fault::Latency { ms: 10_000 }, None).from_nth(2);
    app.simulator.organisation().set_faults(vec![late]);
    app.simulator.organisation().clear_calls();
    let client = alpha.clone();
    let left = tokio::spawn(async move { ask(&client, json!({"groupBy": ["userId"]})).await });
    eventually("the second page is under way", async || pages(&app).contains(&2).then_some(())).await;
    left.abort();
    app.simulator.organisation().set_faults(Vec::new());
    app.simulator.organisation().clear_calls();
    assert_eq!(ask(&alpha, json!({"groupBy": ["userId"]})).await.expect(200), expected);
    let pages = pages(&app);
    assert!(pages.contains(&2) && !pages.contains(&1), "{pages:?}");
    app.finish_after_loss().await;
}

#[tokio::test]
async fn a_change_of_a_user_leaves_what_groups_are_held_against_and_a_new_user_does_not() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let by_user = async || {
        app.simulator.organisation().clear_calls();
        ask(&alpha, json!({"groupBy": ["userId"]})).await.expect(200);
        sent(&app).len()
    };
    assert_eq!(by_user().await, 2);
    let path = format!("{USERS}/{}", owned(&app, ALPHA, "users").first().unwrap());
    let version = alpha.get(&path).await.expect(200)["version"].clone();
    let change = json!({"version": version, "title": "Lead"});
    alpha.send(alpha.request(Method::PATCH, &path).json(&change)).await.expect(200);
    assert_eq!(by_user().await, 1);
    alpha.post(USERS, &json!({"name": "New", "email": "new@alpha.example"})).await.expect(200);
    assert_eq!((by_user().await, by_user().await), (2, 1));
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

#[tokio::test]
async fn whatever_is_counted_by_division_is_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (what, named) in [
        ("evaluations", vec!["userId", "queueId", "divisionId"]),
        ("flowexecutions", vec!["divisionId"]),
        ("flows", vec!["userId", "queueId", "divisionId"]),
        ("surveys", vec!["userId", "queueId", "divisionId"]),
        ("taskmanagement", vec!["userId", "queueId", "divisionId"]),
        ("transcripts", vec!["userId", "queueId", "divisionId"]),
        ("copilots", vec!["userId", "divisionId"]),
        ("casemanagement", vec!["divisionId"]),
    ] {
        let path = format!("/api/v2/analytics/{what}/aggregates/query");
        let body = json!({"interval": INTERVAL, "metrics": ["nCounted"]});
        let narrowed =
            json!({"interval": INTERVAL, "metrics": ["nCounted"], "filter": by_division(&[ALPHA])});
        let expected = everything(&app, &path, Some(&narrowed)).await;
        assert_eq!(alpha.post(&path, &body).await.expect(200), expected, "{what}");
        for dimension in named {
            let by = json!({"interval": INTERVAL, "metrics": ["nCounted"], "groupBy": [dimension]});
            let answer = alpha.post(&path, &by).await;
            let own = match dimension {
                "userId" => owned(&app, ALPHA, "users"),
                "queueId" => owned(&app, ALPHA, "queues"),
                _ => BTreeSet::from([ALPHA.to_owned()]),
            };
            let shown = values(&answer.expect(200), dimension);
            assert!(!shown.is_empty() && shown.is_subset(&own), "{what} by {dimension}: {shown:?}");
        }
        let foreign = json!({"interval": INTERVAL, "metrics": ["nCounted"], "filter": by_division(&[BETA])});
        assert_refused(&alpha.post(&path, &foreign).await, 403, "ringfence.division_not_permitted");
        for dimension in ["teamId", "evaluatorId", "assigneeId", "agentId", "ownerId", "scoredAgentId"] {
            let by = json!({"interval": INTERVAL, "metrics": ["nCounted"], "groupBy": [dimension]});
            assert_refused(&alpha.post(&path, &by).await, 400, "ringfence.aggregation_refused");
            let filter = json!({"type": "and", "predicates": [{"dimension": dimension, "value": NOBODY}]});
            let by = json!({"interval": INTERVAL, "metrics": ["nCounted"], "filter": filter});
            assert_refused(&alpha.post(&path, &by).await, 400, "ringfence.filter_refused");
        }
    }
    app.finish().await;
}
