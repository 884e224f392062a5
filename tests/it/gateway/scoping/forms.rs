//! Forms that tutorials teach and Genesys does not know: understood, put into Genesys's own, and noted.

use ringfence::simulator::{ALPHA, BETA, GAMMA};
use serde_json::{Value, json};

use super::super::organisation::{DETAILS, assert_refused, conversations, event, first_call, sent, set};
use crate::support::app::TestApp;

const FROM: &str = "2026-06-01T00:00:00.000Z";
const TO: &str = "2026-06-07T00:00:00.000Z";

fn tutorial(more: &Value) -> Value {
    let mut query = json!({"date_from": FROM, "date_to": TO, "size": 100});
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    query
}

#[tokio::test]
async fn the_tutorials_query_is_translated_stripped_and_noted() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    for divisions in ["division_ids", "divisionIds"] {
        app.simulator.organisation().clear_calls();
        let answer =
            pair.post(DETAILS, &tutorial(&json!({divisions: [BETA, GAMMA], "view": "detail"}))).await;
        assert_eq!(answer.headers["ringfence-divisions"], BETA);
        let event = event(&app, &answer).await;
        let own = conversations(&app, BETA).into_iter().map(|(id, _)| id).collect();
        assert_eq!(set(&answer.expect(200)["conversations"], "conversationId"), own);
        let predicate =
            json!({"type": "dimension", "dimension": "divisionId", "operator": "matches", "value": BETA});
        let sent = json!({
            "interval": format!("{FROM}/{TO}"),
            "paging": {"pageSize": 100, "pageNumber": 1},
            "conversationFilters": [{"type": "or", "predicates": [predicate]}],
        });
        assert_eq!(first_call(&app).1, sent);
        let notes = event["notes"].as_array().unwrap();
        for old in ["`divisionIds`", "`date_from`", "`size`", "`view`"] {
            assert!(notes.iter().any(|note| note.as_str().unwrap().starts_with(old)), "{old}: {notes:?}");
        }
        assert_eq!(event["divisions_asked"], json!([BETA, GAMMA]));
        assert_eq!(event["divisions"], json!([BETA]));
    }
    app.finish().await;
}

#[tokio::test]
async fn foreign_divisions_of_the_old_form_are_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = alpha.post(DETAILS, &tutorial(&json!({"division_ids": [BETA, GAMMA]}))).await;
    assert_refused(&foreign, 403, "ringfence.division_not_permitted");
    let none = alpha.post(DETAILS, &tutorial(&json!({"divisionIds": []}))).await;
    assert_refused(&none, 400, "ringfence.division_parameter_empty");
    let twice =
        alpha.post(DETAILS, &tutorial(&json!({"division_ids": [ALPHA], "divisionIds": [ALPHA]}))).await;
    assert_eq!(twice.status, 400, "{twice:?}");
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn old_and_new_forms_of_one_thing_do_not_mix() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for query in [
        json!({"date_from": FROM}),
        json!({"date_to": TO, "interval": format!("{FROM}/{TO}")}),
        json!({"date_from": FROM, "date_to": TO, "interval": format!("{FROM}/{TO}")}),
        tutorial(&json!({"paging": {"pageSize": 10, "pageNumber": 1}})),
        tutorial(&json!({"size": 101})),
        tutorial(&json!({"size": 0})),
    ] {
        assert_refused(&alpha.post(DETAILS, &query).await, 400, "ringfence.body_invalid");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}
