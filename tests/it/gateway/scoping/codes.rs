//! Wrap-up codes, languages, presence definitions and the division view of queues.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, assert_alike, assert_refused, each, everything, only_call, owned, sent, set, text,
};
use crate::support::app::TestApp;

const CODES: &str = "/api/v2/routing/wrapupcodes";
const DEFINITIONS: &str = "/api/v2/presence/definitions";
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
