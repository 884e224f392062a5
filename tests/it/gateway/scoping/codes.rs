//! Wrap-up codes, skills, languages, presence definitions and the division view of queues.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, assert_alike, assert_refused, each, event, everything, only_call, owned, sent, set, text,
};
use crate::support::app::TestApp;

const CODES: &str = "/api/v2/routing/wrapupcodes";
const DEFINITIONS: &str = "/api/v2/presence/definitions";
const SKILLS: &str = "/api/v2/routing/skills";
const LANGUAGES: &str = "/api/v2/routing/languages";

fn of(listing: &Value, division: &str) -> Vec<String> {
    let all = listing["entities"].as_array().unwrap().iter();
    all.filter(|one| one["division"]["id"] == division || one["divisionId"] == division)
        .map(|one| text(&one["id"]))
        .collect()
}

#[tokio::test]
async fn the_list_of_wrap_up_codes_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let all = everything(&app, &format!("{CODES}?pageSize=100"), None).await;
    let own = of(&all, ALPHA);
    assert!(own.len() > 2 && own.len() < all["entities"].as_array().unwrap().len());
    let mine = alpha.get(&format!("{CODES}?pageSize=100")).await.expect(200);
    assert_eq!((each(&mine["entities"], "id"), &mine["total"]), (own.clone(), &own.len().into()));
    assert!(mine["entities"][0].get("createdBy").is_none(), "{mine}");
    assert_eq!(only_call(&app).0, format!("GET {CODES}?pageSize=100&divisionId={ALPHA}"));
    let one = alpha.get(&format!("{CODES}/{}", own[0])).await.expect(200);
    assert_eq!(one["id"], own[0]);
    app.finish().await;
}

#[tokio::test]
async fn anothers_wrap_up_code_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let all = everything(&app, &format!("{CODES}?pageSize=100"), None).await;
    // One that all divisions share is nobody's own.
    for division in [BETA, "*"] {
        let foreign = of(&all, division).remove(0);
        let theirs = alpha.get(&format!("{CODES}/{foreign}")).await;
        assert_alike(&theirs, &alpha.get(&format!("{CODES}/{NOBODY}")).await);
        assert_refused(&theirs, 404, "not.found");
    }
    let refused = alpha.get(&format!("{CODES}?divisionId={BETA}")).await;
    assert_refused(&refused, 403, "ringfence.division_not_permitted");
    let refused = alpha.get(&format!("{CODES}?divisionId=*")).await;
    assert_refused(&refused, 403, "ringfence.division_not_permitted");
    app.finish().await;
}

#[tokio::test]
async fn the_list_of_skills_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let all = everything(&app, &format!("{SKILLS}?pageSize=100"), None).await;
    let own = of(&all, ALPHA);
    assert!(own.len() > 2 && own.len() < all["entities"].as_array().unwrap().len());
    let listed = alpha.get(&format!("{SKILLS}?pageSize=2")).await;
    let outcome = event(&app, &listed).await["outcome"].clone();
    assert_eq!(outcome["unjudged"], 1, "one skill does not say its division: {outcome}");
    let first = listed.expect(200);
    assert_eq!((&first["total"], &first["pageCount"]), (&own.len().into(), &own.len().div_ceil(2).into()));
    let second = alpha.get(first["nextUri"].as_str().unwrap()).await.expect(200);
    let shown = [each(&first["entities"], "id"), each(&second["entities"], "id")].concat();
    assert_eq!(shown, own);
    let one = alpha.get(&format!("{SKILLS}/{}", own[0])).await.expect(200);
    assert_eq!((&one["id"], &one["division"]["id"]), (&json!(own[0]), &json!(ALPHA)));
    app.finish().await;
}

#[tokio::test]
async fn skills_of_others_asked_for_by_id_vanish_like_missing_ones() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let all = everything(&app, &format!("{SKILLS}?pageSize=100"), None).await;
    let (own, foreign) = (of(&all, ALPHA).remove(0), of(&all, BETA).remove(0));
    let with = |other: &str| format!("{SKILLS}?id={own},{other}");
    let (theirs, missing) = (alpha.get(&with(&foreign)).await, alpha.get(&with(NOBODY)).await);
    assert_eq!(theirs.text.replace(&foreign, NOBODY), missing.text);
    assert_eq!((each(&missing.body["entities"], "id"), &missing.body["total"]), (vec![own], &1.into()));
    let calls = sent(&app);
    assert!(
        calls.iter().all(|(call, _)| !call.contains("id=")),
        "whom it asks for is its own matter: {calls:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn anothers_skill_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let all = everything(&app, &format!("{SKILLS}?pageSize=100"), None).await;
    let undivided = all["entities"].as_array().unwrap().iter().find(|one| one["division"].is_null());
    let missing = alpha.get(&format!("{SKILLS}/{NOBODY}")).await;
    assert_refused(&missing, 404, "not.found");
    for foreign in [of(&all, BETA).remove(0), of(&all, "*").remove(0), text(&undivided.unwrap()["id"])] {
        assert_alike(&alpha.get(&format!("{SKILLS}/{foreign}")).await, &missing);
    }
    app.finish().await;
}

#[tokio::test]
async fn the_list_of_presence_definitions_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = of(&everything(&app, DEFINITIONS, None).await, ALPHA);
    let mine = alpha.get(DEFINITIONS).await.expect(200);
    assert_eq!((each(&mine["entities"], "id"), &mine["total"]), (own, &2.into()));
    let refused = alpha.get(&format!("{DEFINITIONS}?divisionId={BETA}")).await;
    assert_refused(&refused, 403, "ringfence.division_not_permitted");
    app.finish().await;
}

#[tokio::test]
async fn languages_are_the_same_for_all_tenants() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let (mine, theirs) = (alpha.get(LANGUAGES).await.expect(200), beta.get(LANGUAGES).await.expect(200));
    assert_eq!(mine, theirs);
    assert_eq!(mine["total"], 6);
    let first = &mine["entities"][0];
    assert_eq!(&alpha.get(&format!("{LANGUAGES}/{}", text(&first["id"]))).await.expect(200), first);
    assert_refused(&alpha.get(&format!("{LANGUAGES}/{NOBODY}")).await, 404, "not.found");
    app.finish().await;
}

#[tokio::test]
async fn the_division_view_of_queues_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("{QUEUES}/divisionviews");
    let mine = alpha.get(&format!("{path}?pageSize=100&sortBy=id")).await.expect(200);
    let own = owned(&app, ALPHA, "queues");
    assert_eq!((set(&mine["entities"], "id"), &mine["total"]), (own.clone(), &own.len().into()));
    app.simulator.organisation().clear_calls();
    for (path, code) in [
        (format!("{path}?divisionId={BETA}"), "ringfence.division_not_permitted"),
        (format!("{path}/all"), "ringfence.operation_denied"),
    ] {
        assert_refused(&alpha.get(&path).await, 403, code);
    }
    assert!(sent(&app).is_empty());
    let own = own.first().unwrap();
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    let named = alpha.get(&format!("{path}?id={own},{foreign}")).await.expect(200);
    assert_eq!((each(&named["entities"], "id"), &named["total"]), (vec![own.clone()], &json!(1)));
    app.finish().await;
}
