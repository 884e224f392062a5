//! The conversation details query: whatever the filter, it holds among the tenant's own conversations.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{
    DETAILS, NOBODY, assert_refused, conversations, each, everything, first_call, sent, set,
};
use crate::support::app::{TenantClient, TestApp};

/// Asks for the first hundred conversations of the interval that holds all.
async fn ask(tenant: &TenantClient, more: &Value) -> Value {
    tenant.post(DETAILS, &question(more, 1)).await.expect(200)
}

fn question(more: &Value, page: usize) -> Value {
    let mut query = json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": page}});
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    query
}

fn found(answer: &Value) -> BTreeSet<String> {
    set(&answer["conversations"], "conversationId")
}

fn own(app: &TestApp, division: &str) -> BTreeSet<String> {
    conversations(app, division).into_iter().map(|(id, _)| id).collect()
}

/// What a filter finds in the whole organisation.
async fn everyones(app: &TestApp, more: &Value) -> BTreeSet<String> {
    let first = everything(app, DETAILS, Some(&question(more, 1))).await;
    let second = everything(app, DETAILS, Some(&question(more, 2))).await;
    found(&first).union(&found(&second)).cloned().collect()
}

fn predicate(dimension: &str, value: &str) -> Value {
    json!({"type": "dimension", "dimension": dimension, "operator": "matches", "value": value})
}

#[tokio::test]
async fn a_query_finds_the_tenants_own_conversations_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let answer = alpha.post(DETAILS, &question(&json!({}), 1)).await;
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    let answer = answer.expect(200);
    let own = own(&app, ALPHA);
    assert_eq!((found(&answer), answer["totalHits"].as_u64()), (own.clone(), Some(own.len() as u64)));
    let clause = json!({"type": "or", "predicates": [predicate("divisionId", ALPHA)]});
    let mut sent = question(&json!({}), 1);
    sent["conversationFilters"] = json!([clause]);
    assert_eq!(first_call(&app), (format!("POST {DETAILS}"), sent));
    app.finish().await;
}

#[tokio::test]
async fn pages_of_conversations_are_whole() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = own(&app, ALPHA);
    let mut seen = BTreeSet::new();
    for number in 1..=own.len().div_ceil(10) + 1 {
        let paging = json!({"paging": {"pageSize": 10, "pageNumber": number}, "order": "desc"});
        let page = ask(&alpha, &paging).await;
        let entities = page["conversations"].as_array().unwrap().len();
        assert_eq!(entities, 10.min(own.len().saturating_sub((number - 1) * 10)), "page {number}");
        assert_eq!(page["totalHits"], own.len());
        seen.extend(each(&page["conversations"], "conversationId"));
    }
    assert_eq!(seen, own);
    app.finish().await;
}

#[tokio::test]
async fn any_filter_of_two_levels_holds_among_the_tenants_own() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (inbound, outbound) =
        (predicate("originatingDirection", "inbound"), predicate("originatingDirection", "outbound"));
    let always = json!({"dimension": "conversationId", "operator": "exists"});
    let from_agent = predicate("conversationInitiator", "agent");
    let long = json!({"type": "metric", "metric": "tHandle", "range": {"gte": 300_000}});
    let own = own(&app, ALPHA);
    for filters in [
        json!({"conversationFilters": [{"type": "and", "predicates": [inbound]}]}),
        json!({"conversationFilters": [{"type": "or", "predicates": [inbound, outbound]}]}),
        json!({"conversationFilters": [{"type": "or", "predicates": [from_agent, long]}]}),
        json!({"conversationFilters": [{"type": "or", "predicates": [always], "clauses": [
            {"type": "and", "predicates": [inbound, from_agent]}, {"type": "or", "predicates": [outbound]},
        ]}]}),
        json!({"conversationFilters": [{"type": "and", "predicates": [inbound], "clauses": [
            {"type": "or", "predicates": [long, from_agent]},
        ]}]}),
        json!({"conversationFilters": [
            {"type": "or", "predicates": [inbound]}, {"type": "or", "clauses": [{"type": "or", "predicates": [long]}]},
        ]}),
        json!({"conversationFilters": [{"type": "or", "predicates": [
            {"dimension": "divisionId", "operator": "exists"}, {"dimension": "divisionId", "operator": "notExists"},
        ]}]}),
        json!({"segmentFilters": [{"type": "or", "predicates": [predicate("mediaType", "voice"), predicate("purpose", "agent")]}]}),
        json!({"segmentFilters": [{"type": "and", "predicates": [predicate("mediaType", "email")]}],
            "conversationFilters": [{"type": "or", "predicates": [inbound, outbound]}]}),
        json!({"evaluationFilters": [{"type": "or", "predicates": [predicate("evaluationStatus", "Finished")]}]}),
    ] {
        let all = everyones(&app, &filters).await;
        let expected: BTreeSet<_> = all.intersection(&own).cloned().collect();
        let answer = ask(&alpha, &filters).await;
        assert_eq!(found(&answer), expected, "{filters}");
        assert_eq!(answer["totalHits"], expected.len(), "{filters}");
        assert!(all.len() > expected.len(), "the filter alone would find foreign ones: {filters}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_predicate_over_an_own_division_is_the_callers_to_make() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let filter = |logic: &str, values: &[&str]| {
        let predicates: Vec<_> = values.iter().map(|value| predicate("divisionId", value)).collect();
        json!({"conversationFilters": [{"type": logic, "predicates": predicates}]})
    };
    let (alphas, betas) = (own(&app, ALPHA), own(&app, BETA));
    assert_eq!(found(&ask(&pair, &json!({})).await), &alphas | &betas);
    assert_eq!(found(&ask(&pair, &filter("or", &[BETA])).await), betas);
    assert_eq!(found(&ask(&pair, &filter("and", &[ALPHA, BETA])).await), &alphas & &betas);
    assert_eq!(found(&ask(&pair, &filter("or", &[BETA, GAMMA])).await), betas, "own and foreign: own");
    app.finish().await;
}

#[tokio::test]
async fn predicates_over_foreign_divisions_alone_are_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = predicate("divisionId", BETA);
    for filters in [
        json!([{"type": "or", "predicates": [foreign]}]),
        json!([{"type": "and", "clauses": [{"type": "or", "predicates": [foreign, predicate("divisionId", NOBODY)]}]}]),
        json!([{"type": "or", "predicates": [predicate("originatingDirection", "inbound")]}, {"type": "and", "predicates": [foreign]}]),
    ] {
        let query = question(&json!({"conversationFilters": filters}), 1);
        assert_refused(&alpha.post(DETAILS, &query).await, 403, "ringfence.division_not_permitted");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

/// Else `own and foreign` would tell which of the tenant's conversations that division shares.
#[tokio::test]
async fn a_foreign_division_beside_an_own_one_matches_nothing_and_is_not_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let shared = conversations(&app, ALPHA).iter().filter(|(_, with)| with.as_deref() == Some(BETA)).count();
    assert!(shared > 0, "there is something to tell");
    for other in [BETA, NOBODY] {
        let both = json!({"type": "and", "predicates": [predicate("divisionId", ALPHA), predicate("divisionId", other)]});
        let answer = ask(&alpha, &json!({"conversationFilters": [both]})).await;
        assert_eq!((found(&answer).len(), &answer["totalHits"]), (0, &0.into()));
    }
    for (call, body) in sent(&app) {
        assert!(!body.to_string().contains(BETA), "{call} {body}");
    }
    let range = json!({"dimension": "divisionId", "range": {"gte": 0}});
    let ranged = question(&json!({"conversationFilters": [{"type": "or", "predicates": [range]}]}), 1);
    assert_refused(&alpha.post(DETAILS, &ranged).await, 400, "ringfence.body_invalid");
    app.finish().await;
}

#[tokio::test]
async fn filters_that_say_nothing_are_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for filters in [
        json!({"conversationFilters": [{"type": "or"}]}),
        json!({"conversationFilters": [{"type": "or", "predicates": []}]}),
        json!({"conversationFilters": [{"type": "and", "predicates": [predicate("divisionId", ALPHA)], "clauses": [{"type": "or", "predicates": []}]}]}),
        json!({"segmentFilters": [{"type": "and", "clauses": []}]}),
    ] {
        assert_refused(&alpha.post(DETAILS, &question(&filters, 1)).await, 400, "ringfence.filter_refused");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn aggregations_count_what_tells_nothing_of_others() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let terms = |dimension: &str| json!({"type": "termFrequency", "dimension": dimension});
    let own_total = own(&app, ALPHA).len();
    let allowed = ["mediaType", "originatingDirection", "purpose"];
    let answer = ask(&alpha, &json!({"aggregations": allowed.map(terms)})).await;
    let facets = answer["aggregations"].as_array().unwrap();
    assert_eq!(each(&answer["aggregations"], "dimension"), allowed);
    for facet in facets {
        assert_eq!(facet["count"], own_total, "every one of the tenant's own, and no other: {facet}");
    }
    app.simulator.organisation().clear_calls();
    for dimension in ["divisionId", "userId", "queueId", "teamId", "participantName", "ani", "wrapUpNote"] {
        let query = question(&json!({"aggregations": [terms("mediaType"), terms(dimension)]}), 1);
        assert_refused(&alpha.post(DETAILS, &query).await, 400, "ringfence.aggregation_refused");
    }
    let many = question(&json!({"aggregations": vec![terms("mediaType"); 21]}), 1);
    assert_refused(&alpha.post(DETAILS, &many).await, 400, "ringfence.aggregation_refused");
    assert_eq!(sent(&app), []);
    app.finish().await;
}

/// Their sums would be read out of stubs.
#[tokio::test]
async fn facets_over_metrics_and_ranges_are_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let ranges = json!([{"gte": 0, "lt": 1_000}]);
    for facet in [
        json!({"type": "numericRange", "metric": "tTalk", "ranges": ranges}),
        json!({"type": "numericRange", "metric": "tTalk"}),
        json!({"type": "termFrequency", "dimension": "mediaType", "metric": "tTalk"}),
        json!({"type": "termFrequency", "dimension": "mediaType", "ranges": ranges}),
        json!({"type": "termFrequency"}),
    ] {
        let query = question(&json!({"aggregations": [facet]}), 1);
        assert_refused(&alpha.post(DETAILS, &query).await, 400, "ringfence.aggregation_refused");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn predicates_are_over_listed_dimensions_in_their_one_spelling() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let by = |dimension: &str| json!({"dimension": dimension, "value": "x"});
    let property =
        |name: &str| json!({"type": "property", "property": name, "propertyType": "string", "value": "x"});
    let long = "x".repeat(200);
    for (kind, predicate) in [
        ("conversationFilters", by("accessAttribute")),
        ("conversationFilters", by("DivisionId")),
        ("conversationFilters", by("divisionId ")),
        ("conversationFilters", by("mediaType")),
        ("conversationFilters", by(&long)),
        ("conversationFilters", property("divisionId")),
        ("segmentFilters", by("divisionId")),
        ("segmentFilters", by("scoredAgentId")),
        ("segmentFilters", by("monitoredParticipantId")),
        ("segmentFilters", by("destinationConversationId")),
        ("segmentFilters", by("teamId")),
        ("segmentFilters", by("groupId")),
        ("segmentFilters", property("DIVISIONID")),
        ("segmentFilters", property("anything")),
        ("segmentFilters", json!({"dimension": "mediaType", "property": "divisionId", "value": "voice"})),
        ("segmentFilters", json!({"type": "metric", "metric": "t-Talk", "range": {"gt": 1}})),
        ("segmentFilters", json!({"metric": "tTalk", "dimension": "mediaType", "range": {"gt": 1}})),
        ("segmentFilters", json!({"value": "x"})),
        ("evaluationFilters", by("evaluatorId")),
        ("surveyFilters", by("evaluationId")),
        ("resolutionFilters", by("queueId")),
    ] {
        for filter in [
            json!({"type": "and", "predicates": [predicate]}),
            json!({"type": "or", "clauses": [{"type": "and", "predicates": [predicate]}]}),
        ] {
            let answer = alpha.post(DETAILS, &question(&json!({kind: [filter]}), 1)).await;
            assert_refused(&answer, 400, "ringfence.filter_refused");
            assert!(answer.text.contains(kind) && !answer.text.contains(&long), "{answer:?}");
        }
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn an_order_by_segments_is_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for order in
        [json!({"orderBy": "segmentStart"}), json!({"orderBy": "segmentEnd"}), json!({"order": "random"})]
    {
        assert_refused(&alpha.post(DETAILS, &question(&order, 1)).await, 400, "ringfence.body_invalid");
    }
    let by_end = ask(&alpha, &json!({"orderBy": "conversationEnd", "order": "asc"})).await;
    let ends = each(&by_end["conversations"], "conversationEnd");
    assert!(ends.is_sorted() && !ends.is_empty());
    app.finish().await;
}

/// Upstream allows 7 days without a filter and 31 with one; a narrowed query always has one.
#[tokio::test]
async fn twenty_days_need_no_filter_of_the_callers_own() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let days =
        |last: u32| json!({"interval": format!("2026-05-25T00:00:00Z/2026-06-{last:02}T00:00:00.000Z")});
    assert_eq!(found(&ask(&alpha, &days(14)).await), own(&app, ALPHA));
    let unzoned = json!({"interval": "2026-06-05T00:00:00/2026-06-01T00:00:00"});
    for wrong in [days(26), unzoned, json!({"interval": "P7D"}), json!({"interval": null})] {
        assert_refused(&alpha.post(DETAILS, &question(&wrong, 1)).await, 400, "ringfence.body_invalid");
    }
    app.finish().await;
}
