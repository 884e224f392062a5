//! Bodies with a list of divisions: what was asked for and is permitted goes upstream, and nothing else.

use ringfence::{
    catalog::Catalog,
    simulator::{ALPHA, BETA, GAMMA},
};
use serde_json::json;

use super::super::organisation::{NOBODY, assert_alike, assert_refused, event, only_call, sent, text};
use crate::support::app::TestApp;

const JOBS: &str = "/api/v2/routing/assessments/jobs";

#[tokio::test]
async fn the_divisions_of_a_body_are_those_that_were_asked_for_and_are_permitted() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    for (body, divisions) in [
        (json!({}), vec![ALPHA, BETA]),
        (json!({ "divisionIds": null }), vec![ALPHA, BETA]),
        (json!({ "divisionIds": [ALPHA, BETA] }), vec![ALPHA, BETA]),
        (json!({ "divisionIds": [BETA] }), vec![BETA]),
        (json!({ "divisionIds": [GAMMA, BETA, "x", "*"] }), vec![BETA]),
    ] {
        app.simulator.organisation().clear_calls();
        let answer = pair.post(JOBS, &body).await;
        assert_eq!(only_call(&app).1, json!({ "divisionIds": divisions }), "{body}");
        assert_eq!(answer.headers["ringfence-divisions"], divisions.join(","));
        let upstream = text(&event(&app, &answer).await["outcome"]["upstream_id"]);
        let told = answer.expect(200);
        assert_eq!(told.as_object().unwrap().keys().collect::<Vec<_>>(), ["id"]);
        let handle = text(&told["id"]);
        assert!(!handle.contains(&upstream));
        let status = pair.get(&format!("{JOBS}/{handle}")).await.expect(200);
        assert!(status["state"].is_string() && status.get("id").is_none(), "{status}");
        assert_refused(&pair.get(&format!("{JOBS}/{upstream}")).await, 404, "not.found");
    }
    app.finish().await;
}

#[tokio::test]
async fn divisions_that_are_all_anothers_are_refused_and_so_are_none() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = "ringfence.division_not_permitted";
    for (body, status, code) in [
        (json!({ "divisionIds": [BETA] }), 403, foreign),
        (json!({ "divisionIds": ["*"] }), 403, foreign),
        (json!({ "divisionIds": [""] }), 403, foreign),
        (json!({ "divisionIds": [] }), 400, "ringfence.division_parameter_empty"),
        (json!({ "divisionIds": [null] }), 400, "ringfence.division_parameter_empty"),
        (json!({ "divisionIds": ALPHA }), 400, "ringfence.body_invalid"),
        (json!({ "divisionId": ALPHA }), 400, "ringfence.body_unknown_field"),
        (json!({ "divisionIds": [ALPHA], "DivisionIds": [BETA] }), 400, "ringfence.body_unknown_field"),
        (json!({ "division": { "id": BETA } }), 400, "ringfence.body_unknown_field"),
    ] {
        assert_refused(&alpha.post(JOBS, &body).await, status, code);
    }
    let misplaced = alpha.post(&format!("{JOBS}?divisionIds={BETA}"), &json!({})).await;
    assert_refused(&misplaced, 400, "ringfence.division_parameter_misplaced");
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn what_was_begun_for_divisions_is_closed_to_whom_they_are_not_permitted() {
    let app = TestApp::start().await;
    let (pair, gamma) = (app.tenant("pair", &[ALPHA, BETA]).await, app.tenant("gamma", &[GAMMA]).await);
    let handle = text(&pair.post(JOBS, &json!({})).await.expect(200)["id"]);
    let closed = gamma.get(&format!("{JOBS}/{handle}")).await;
    assert_refused(&closed, 404, "not.found");
    assert_alike(&closed, &gamma.get(&format!("{JOBS}/{NOBODY}")).await);
    app.admin().patch("/tenants/pair", &json!({ "division_ids": [ALPHA] })).await.expect(200);
    let withdrawn = super::super::organisation::eventually("the division is withdrawn", async || {
        let answer = pair.get(&format!("{JOBS}/{handle}")).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_alike(&withdrawn, &pair.get(&format!("{JOBS}/{NOBODY}")).await);
    app.finish().await;
}

#[test]
fn an_entry_that_does_not_say_where_its_divisions_stand_does_not_load() {
    let loads = |body: &str| {
        let entry = format!(
            "[[operation]]\nid = \"postRoutingAssessmentsJobs\"\ngroups = [\"writes\"]\nwhy = \"a test\"\n{body}\n\
             narrowing = {{ way = \"division_field\" }}\nguard = {{ answer = \"handle\", kind = \"a\", field = \"id\" }}\n"
        );
        Catalog::from_files(&[("a.toml", &entry)]).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(loads("body = { divisions = \"divisionIds\" }"), Ok(()));
    for body in ["", "body = {}", "body = { division = \"divisionIds\" }", "body = { divisions = \"other\" }"]
    {
        assert!(loads(body).is_err(), "{body}");
    }
}
