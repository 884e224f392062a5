//! The user search. The simulator joins criteria in the way that leaks most: one `OR` that holds is enough.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA};
use serde_json::{Value, json};

use super::super::organisation::{
    SEARCH, assert_refused, each, event, everything, only_call, owned, sent, set,
};
use crate::support::app::TestApp;

#[tokio::test]
async fn a_search_finds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "users");
    for query in [
        json!({}),
        json!({"query": []}),
        json!({"query": [{"type": "MATCH_ALL"}]}),
        json!({"query": [{"type": "MATCH_ALL", "operator": "OR"}]}),
        json!({"query": [
            {"type": "MATCH_ALL", "operator": "AND"},
            {"type": "TERMS", "fields": ["state"], "values": ["active", "inactive"], "operator": "OR"},
        ]}),
        json!({"query": [{"type": "TERMS", "fields": ["divisionId"], "values": [ALPHA, BETA], "operator": "OR"}]}),
        json!({"query": [{"type": "TERMS", "fields": ["divisionId"], "values": [BETA], "operator": "NOT"}]}),
        json!({"query": [{"type": "EXACT", "operator": "OR", "group": [{"type": "MATCH_ALL", "operator": "OR"}]}]}),
        json!({"query": [{"type": "STARTS_WITH", "fields": ["id"], "value": "zz", "operator": "NOT"}]}),
        json!({"enforcePermissions": false}),
    ] {
        let mut search = query.clone();
        search["pageSize"] = 100.into();
        let answer = alpha.post(SEARCH, &search).await;
        assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
        let found = answer.expect(200);
        assert_eq!(set(&found["results"], "id"), own, "{query}");
        assert_eq!((&found["total"], &found["pageCount"]), (&12.into(), &1.into()), "{query}");
        assert_eq!(found["types"], json!(["users"]));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_search_for_foreign_users_finds_nobody() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign: Vec<_> = owned(&app, BETA, "users").into_iter().collect();
    for query in [
        json!([{"type": "TERMS", "fields": ["id"], "values": foreign}]),
        json!([{"type": "TERMS", "fields": ["id"], "values": foreign, "operator": "OR"}]),
        json!([{"type": "TERMS", "fields": ["divisionId"], "values": [BETA, GAMMA], "operator": "OR"}]),
        json!([{"type": "TERMS", "fields": ["divisionId"], "values": [ALPHA], "operator": "NOT"}]),
        json!([{"type": "EXACT", "operator": "NOT", "group": [
            {"type": "TERMS", "fields": ["divisionId"], "values": [ALPHA], "operator": "OR"},
        ]}]),
    ] {
        let found = alpha.post(SEARCH, &json!({"query": query})).await.expect(200);
        assert_eq!((&found["results"], &found["total"]), (&json!([]), &0.into()), "{query}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_callers_conditions_hold_among_the_tenants_own() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for criteria in [
        json!([{"type": "EXACT", "fields": ["state"], "value": "active"}]),
        json!([{"type": "CONTAINS", "fields": ["name", "email"], "value": "an"}]),
        json!([
            {"type": "EXACT", "fields": ["department"], "value": "Support", "operator": "OR"},
            {"type": "CONTAINS", "fields": ["title"], "value": "a", "operator": "OR"},
        ]),
        json!([
            {"type": "MATCH_ALL", "operator": "AND"},
            {"type": "EXACT", "fields": ["state"], "value": "active", "operator": "NOT"},
        ]),
    ] {
        let search = json!({"query": criteria, "pageSize": 100, "sortBy": "email", "sortOrder": "DESC"});
        let everyones = everything(&app, SEARCH, Some(&search)).await;
        let everyones = everyones["results"].as_array().unwrap().iter();
        let own: Vec<Value> = everyones.filter(|user| user["division"]["id"] == ALPHA).cloned().collect();
        let mine = alpha.post(SEARCH, &search).await.expect(200);
        assert_eq!(each(&mine["results"], "id"), each(&own.into(), "id"), "{criteria}");
    }
    app.finish().await;
}

#[tokio::test]
async fn pages_of_a_search_have_no_opaque_continuation() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut seen = Vec::new();
    for number in 1..=3 {
        let page = alpha.post(SEARCH, &json!({"pageSize": 5, "pageNumber": number})).await.expect(200);
        let fields: BTreeSet<_> = page.as_object().unwrap().keys().map(String::as_str).collect();
        let whole = ["pageCount", "pageNumber", "pageSize", "results", "total", "types"];
        assert_eq!(fields, BTreeSet::from(whole));
        assert_eq!(
            (&page["total"], &page["pageCount"], &page["pageNumber"]),
            (&12.into(), &3.into(), &number.into())
        );
        seen.extend(each(&page["results"], "id"));
    }
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), owned(&app, ALPHA, "users"));
    app.finish().await;
}

#[tokio::test]
async fn the_callers_criteria_are_one_group_beside_the_division() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let theirs = json!([{"type": "MATCH_ALL", "operator": "OR"}, {"type": "TERM", "fields": ["name"], "value": "x", "operator": "NOT"}]);
    let answer = pair.post(SEARCH, &json!({"query": theirs})).await;
    assert_eq!(answer.headers["ringfence-divisions"], format!("{ALPHA},{BETA}"));
    let (call, body) = only_call(&app);
    assert_eq!(call, format!("POST {SEARCH}"));
    let narrowed = json!([
        {"type": "TERMS", "fields": ["divisionId"], "values": [ALPHA, BETA], "operator": "AND"},
        {"type": "EXACT", "group": theirs, "operator": "AND"},
    ]);
    assert_eq!(body["query"], narrowed);
    app.finish().await;
}

/// Managers and teams may be foreign: sorted or searched by them, own users would tell of other divisions.
#[tokio::test]
async fn hidden_fields_can_neither_be_searched_nor_sorted_by() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for search in [
        json!({"sortBy": "manager"}),
        json!({"sort": [{"sortBy": "name"}, {"sortBy": "teamId"}]}),
        json!({"query": [{"type": "REQUIRED_FIELDS", "fields": ["manager"]}]}),
        json!({"query": [{"type": "EXACT", "group": [{"type": "STARTS_WITH", "fields": ["name", "manager.id"], "value": "0"}]}]}),
    ] {
        let answer = alpha.post(SEARCH, &search).await;
        assert_refused(&answer, 400, "ringfence.filter_refused");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

/// Without fields, a condition would look at all of them; a query string and a score know the whole organisation.
#[tokio::test]
async fn a_condition_names_the_fields_it_looks_at_in_a_type_that_has_no_language_of_its_own() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let query = |one: Value| json!({"query": [one]});
    let inner = json!({"type": "CONTAINS", "fields": ["name"], "value": "a"});
    for search in [
        query(json!({"type": "EXACT", "value": "a"})),
        query(json!({"type": "TERM", "fields": [], "value": "a"})),
        query(json!({"type": "CONTAINS", "group": [], "value": "a"})),
        query(json!({"type": "CONTAINS", "group": [inner], "value": "a"})),
        query(json!({"type": "EXACT", "group": [inner, {"type": "TERMS", "values": ["a"]}]})),
        query(json!({"type": "REQUIRED_FIELDS"})),
        query(json!({"type": "QUERY_STRING", "value": "manager.id:0*"})),
        query(json!({"type": "QUERY_STRING", "fields": ["name"], "value": "manager.id:0*"})),
        query(json!({"type": "REGEX", "fields": ["name"], "value": ".*"})),
        query(json!({"type": "exact", "fields": ["name"], "value": "a"})),
        query(json!({"type": "QUERY_STRING", "group": [inner]})),
        json!({"sortBy": "name", "sortOrder": "SCORE"}),
        json!({"sortOrder": "score"}),
        json!({"sort": [{"sortBy": "name", "sortOrder": "ASC"}, {"sortBy": "email", "sortOrder": "SCORE"}]}),
    ] {
        assert_refused(&alpha.post(SEARCH, &search).await, 400, "ringfence.filter_refused");
    }
    assert_eq!(sent(&app), []);
    let sorted = json!({"query": [inner], "sort": [{"sortBy": "name", "sortOrder": "DESC"}]});
    alpha.post(SEARCH, &sorted).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_search_by_opaque_state_is_denied_to_everyone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let everyones = everything(&app, SEARCH, Some(&json!({"pageSize": 1}))).await;
    let next = everyones["nextPage"].as_str().unwrap();
    let answer = alpha.get(&format!("{SEARCH}?q64={next}")).await;
    assert_refused(&answer, 403, "ringfence.operation_denied");
    assert_eq!(event(&app, &answer).await["operation"], "getUsersSearch");
    assert_eq!(sent(&app), []);
    app.finish().await;
}
