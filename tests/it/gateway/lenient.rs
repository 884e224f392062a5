//! Tenants that are lenient: fields that a body's model does not know are left out, noted, and never sent.

use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::{
    organisation::{DETAILS, first_call, only_call, sent},
    refused::{assert_refused, event},
};
use crate::support::app::TestApp;

const SEARCH: &str = "/api/v2/users/search";
const CODES: &str = "/api/v2/routing/wrapupcodes";

fn lenient() -> Value {
    json!({ "lenient": true })
}

#[tokio::test]
async fn an_unknown_field_is_left_out_noted_and_not_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], lenient()).await;
    let plain = json!({ "interval": INTERVAL, "segmentFilters": [
        { "type": "or", "predicates": [{ "dimension": "mediaType", "value": "voice" }] },
    ] });
    let expected = alpha.post(DETAILS, &plain).await.expect(200);
    let as_sent = first_call(&app).1;
    app.simulator.organisation().clear_calls();

    let more = json!({ "interval": INTERVAL, "theme": { "dark": ["SECRET"] }, "segmentFilters": [
        { "type": "or", "label": "SECRET", "predicates": [{ "dimension": "mediaType", "value": "voice", "why": 1 }] },
    ] });
    let answer = alpha.post(DETAILS, &more).await;
    let event = event(&app, &answer).await;
    assert_eq!(answer.expect(200), expected);
    assert_eq!(first_call(&app).1, as_sent);
    let because = "was left out: the operation's body has no such field";
    let left_out = ["theme", "segmentFilters[].label", "segmentFilters[].predicates[].why"];
    let notes: std::collections::BTreeSet<_> =
        event["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().to_owned()).collect();
    assert_eq!(notes, left_out.map(|place| format!("`{place}` {because}")).into());
    assert!(!event.to_string().contains("SECRET"), "{event}");
    app.finish().await;
}

#[tokio::test]
async fn an_unknown_field_of_a_declared_body_is_left_out_too() {
    let app = TestApp::start().await;
    let (alpha, strict) =
        (app.tenant_with("alpha", &[ALPHA], lenient()).await, app.tenant("strict", &[BETA]).await);
    let body =
        json!({ "name": "Resolved", "division": { "id": ALPHA, "colour": "SECRET" }, "hint": "SECRET" });
    let refused = strict.post(CODES, &body).await;
    assert_refused(&app, "strict", &refused, 400, "ringfence.body_unknown_field").await;
    assert_eq!(sent(&app), []);
    let answer = alpha.post(CODES, &body).await;
    assert_eq!(event(&app, &answer).await["notes"].as_array().unwrap().len(), 2);
    answer.expect(200);
    assert_eq!(only_call(&app).1, json!({ "name": "Resolved", "division": { "id": ALPHA } }));
    app.finish().await;
}

#[tokio::test]
async fn what_chooses_whose_things_are_asked_for_is_refused_as_ever() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], lenient()).await;
    for (what, path, body) in [
        ("a division", SEARCH, json!({ "divisionId": BETA })),
        ("divisions", SEARCH, json!({ "x": 1, "divisionIds": [BETA] })),
        ("another case", DETAILS, json!({ "interval": INTERVAL, "DivisionIDs": [BETA] })),
        ("brackets", DETAILS, json!({ "interval": INTERVAL, "divisionIds[]": [BETA] })),
        ("an opaque search", SEARCH, json!({ "q64": "eyJ4IjoxfQ==" })),
    ] {
        let answer = alpha.post(path, &body).await;
        assert_refused(&app, what, &answer, 400, "ringfence.body_unknown_field").await;
    }
    let request = alpha.request(reqwest::Method::POST, SEARCH).header("content-type", "application/json");
    let answer = alpha.send(request.body(r#"{"x":{"y":1,"y":2}}"#)).await;
    assert_refused(&app, "twice", &answer, 400, "ringfence.body_duplicate_key").await;
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn what_a_model_knows_and_nobody_can_check_is_refused_as_ever() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], lenient()).await;
    let of_a_job = json!({ "interval": INTERVAL, "limit": 5 });
    // A query has no such field; its job has.
    let answer = alpha.post(DETAILS, &of_a_job).await;
    assert!(event(&app, &answer).await["notes"][0].as_str().unwrap().starts_with("`limit`"));
    answer.expect(200);
    app.simulator.organisation().clear_calls();
    let contact =
        json!({ "firstName": "A", "lastName": "B", "division": { "id": ALPHA }, "twitterId": { "id": "x" } });
    let answer = alpha.post("/api/v2/externalcontacts/contacts", &contact).await;
    assert_refused(&app, "a field that the model has", &answer, 400, "ringfence.body_unknown_field").await;
    assert_eq!(sent(&app), []);
    app.finish().await;
}
