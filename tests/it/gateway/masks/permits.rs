//! Whose permit masks what, and from when on.

use reqwest::Method;
use ringfence::simulator::{ALPHA, Fault, INTERVAL};
use serde_json::{Value, json};

use super::{
    super::organisation::{DETAILS, USERS, assert_refused, disturb_below, event, in_flight, text},
    NO_NUMBERS, put,
};
use crate::support::app::{Answer, TestApp};

const CONTACTS: &str = "/api/v2/externalcontacts/contacts";
const FLOWS: &str = "/api/v2/flows";

fn masks(answer: &Answer) -> Option<&str> {
    answer.headers.get("ringfence-masks").map(|names| names.to_str().unwrap())
}

#[tokio::test]
async fn one_key_is_shown_what_another_of_the_same_tenant_is_not() {
    let app = TestApp::start().await;
    let whole = app.tenant("alpha", &[ALPHA]).await;
    let part = app.key("alpha", json!({ "name": "part" })).await;
    let source = format!(
        "@mask(\"numbers, names\") permit (principal == Ringfence::Key::\"{}\", action, resource);",
        part.client_id
    );
    put(&app, "alpha", &source).await;
    let path = format!("{CONTACTS}?pageSize=5");
    for _ in 0..2 {
        let (shown, hidden) = (whole.get(&path).await, part.get(&path).await);
        assert_eq!((masks(&shown), masks(&hidden)), (None, Some("numbers, names")));
        for (one, other) in
            shown.body["entities"].as_array().unwrap().iter().zip(hidden.body["entities"].as_array().unwrap())
        {
            assert_eq!((&one["id"], &one["workEmail"]), (&other["id"], &other["workEmail"]));
            assert!(one["firstName"].is_string() && one["workPhone"]["e164"].is_string());
            assert!(other.get("firstName").is_none() && other["workPhone"].get("e164").is_none());
        }
        assert_eq!(shown.body["total"], hidden.body["total"]);
        assert_eq!(event(&app, &hidden).await["masks"], json!(["numbers", "names"]));
        assert_eq!(event(&app, &shown).await.get("masks"), None);
    }
    // A list that is kept for one is masked for the other.
    let (first, second) = (whole.get(FLOWS).await.expect(200), part.get(FLOWS).await.expect(200));
    assert_eq!(first["total"], second["total"]);
    // What one began, the other does not open.
    let jobs = "/api/v2/analytics/conversations/details/jobs";
    let job = text(&whole.post(jobs, &json!({ "interval": INTERVAL })).await.expect(202)["jobId"]);
    whole.get(&format!("{jobs}/{job}")).await;
    assert_refused(&part.get(&format!("{jobs}/{job}")).await, 404, "not.found");
    for (key, masked) in [(&whole, json!([])), (&part, json!(["numbers", "names"]))] {
        assert_eq!(key.get("/gateway/v1/operations").await.expect(200)["masks"], masked);
    }
    // Nor does the record tell one by which paths the other looked.
    let path = |events: &Value, of: &str| {
        let events = events["events"].as_array().unwrap();
        events.iter().find(|event| event["key_id"] == of).unwrap().get("path").cloned()
    };
    let read = part.get("/gateway/v1/events").await.expect(200);
    assert_eq!(path(&read, &whole.client_id), None);
    assert!(path(&read, &part.client_id).is_some());
    let read = whole.get("/gateway/v1/events").await.expect(200);
    assert!(path(&read, &part.client_id).is_some());
    app.finish().await;
}

#[tokio::test]
async fn what_is_masked_is_so_whatever_the_key_calls() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let email = text(&alpha.get(USERS).await.expect(200)["entities"][0]["email"]);
    let source = "@mask(\"names, addresses\") permit (principal, action in Ringfence::Action::\"contacts\", resource);";
    put(&app, "alpha", source).await;
    // Of users another permit speaks, which masks nothing: what one operation hides, another would show.
    let users = alpha.get(USERS).await;
    assert_eq!((masks(&users), users.text.contains(&email)), (Some("names, addresses"), false));
    let user = &users.body["entities"][0];
    let path = format!("{USERS}/{}", text(&user["id"]));
    let change = json!({ "version": user["version"], "title": "Lead" });
    let echo = alpha.send(alpha.request(Method::PATCH, &path).json(&change)).await;
    assert_eq!(
        (echo.status.as_u16(), &echo.body["title"], echo.body.get("email")),
        (200, &json!("Lead"), None)
    );
    let contacts = alpha.get(CONTACTS).await;
    assert_eq!(masks(&contacts), Some("names, addresses"));
    let ani = json!({ "type": "and", "predicates": [{ "dimension": "ani", "operator": "exists" }] });
    let asked = alpha.post(DETAILS, &json!({ "interval": INTERVAL, "segmentFilters": [ani] })).await;
    assert_refused(&asked, 403, "ringfence.field_masked");
    app.finish().await;
}

#[tokio::test]
async fn a_mask_that_comes_while_a_call_is_under_way_holds_for_it() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb_below(&app, CONTACTS, Fault::Latency { ms: 1_500 });
    let call = in_flight(&app, &alpha, CONTACTS).await;
    put(&app, "alpha", NO_NUMBERS).await;
    assert_refused(&call.await.unwrap(), 403, "ringfence.permit_withdrawn");

    // One that goes, or stays as it is, does not.
    for source in [NO_NUMBERS, ""] {
        let call = in_flight(&app, &alpha, CONTACTS).await;
        put(&app, "alpha", source).await;
        let answer = call.await.unwrap();
        assert_eq!((answer.status.as_u16(), masks(&answer)), (200, Some("numbers")));
        assert!(!answer.text.contains("e164"));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_from_before_something_was_masked_leads_nowhere() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let scan = "/api/v2/externalcontacts/scan/contacts?limit=1";
    let before = alpha.get(scan).await.expect(200);
    let next = |page: &Value| format!("{scan}&cursor={}", text(&page["cursors"]["after"]));
    alpha.get(&next(&before)).await.expect(200);
    put(&app, "alpha", NO_NUMBERS).await;
    assert_refused(&alpha.get(&next(&before)).await, 404, "not.found");
    let after = alpha.get(scan).await.expect(200);
    let page = alpha.get(&next(&after)).await;
    assert_eq!((page.status.as_u16(), masks(&page)), (200, Some("numbers")));
    assert!(!page.text.contains("e164"));
    app.finish().await;
}
