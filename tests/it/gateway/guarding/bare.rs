//! Answers that are a bare list: of entities the tenant's own, of parts what is kept of each.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::{
    super::organisation::{NOBODY, USERS, assert_alike, assert_refused, event, everything, owned, sent},
    canned::Canned,
};
use crate::support::app::TestApp;

const PRESENCES: &str = "/api/v2/systempresences";

#[tokio::test]
async fn of_a_bare_list_of_entities_the_tenants_own_are_shown() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    let path = format!("{USERS}/{user}/directreports");
    let is_own = |one: &&Value| one["division"]["id"] == ALPHA;
    let all = everything(&app, &path, None).await;
    let all = all.as_array().unwrap();
    let answer = alpha.get(&path).await;
    let shown = answer.body.as_array().unwrap();
    let own = all.iter().filter(is_own).count();
    assert!(own > 0 && own < all.len(), "{all:?}");
    assert_eq!((shown.len(), shown.iter().filter(is_own).count()), (own, own), "{shown:?}");
    assert!(shown.iter().all(|one| one.get("manager").is_none()), "{shown:?}");
    assert_eq!(event(&app, &answer).await["outcome"]["dropped"], all.len() - own);

    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    let others = alpha.get(&format!("{USERS}/{foreign}/directreports")).await;
    assert_refused(&others, 404, "not.found");
    assert_alike(&others, &alpha.get(&format!("{USERS}/{NOBODY}/directreports")).await);
    app.finish().await;
}

#[tokio::test]
async fn of_a_bare_list_of_parts_each_keeps_its_known_fields_and_what_is_no_list_is_refused() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    for (said, shown) in [
        ("[]", json!([])),
        (r#"[{"id": "BUSY", "name": "Busy", "usedBy": 7}]"#, json!([{"id": "BUSY", "name": "Busy"}])),
        (r#"[7, {"id": "BUSY"}, null, {"id": "A", "id": "B"}]"#, json!([{"id": "BUSY"}])),
    ] {
        canned.says(said);
        assert_eq!(alpha.get(PRESENCES).await.expect(200), shown, "{said}");
    }
    for said in ["{}", r#"{"entities": []}"#, "7", "", "[", "[]]"] {
        canned.says(said);
        assert_refused(&alpha.get(PRESENCES).await, 502, "ringfence.answer_refused");
    }
    app.finish().await;
}

/// A language is nobody's: its id is sent as it stands. A skill is somebody's: it is looked up.
#[tokio::test]
async fn an_id_that_is_declared_to_name_nothing_foreign_is_sent_and_any_other_is_looked_up() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    let languages = everything(&app, "/api/v2/routing/languages", None).await;
    let language = json!({"id": languages["entities"][0]["id"], "proficiency": 3});
    app.simulator.organisation().clear_calls();
    let path = format!("{USERS}/{user}/routinglanguages");
    alpha.post(&path, &language).await.expect(200);
    assert!(sent(&app).contains(&(format!("POST {path}"), language)), "{:?}", sent(&app));

    let skills = everything(&app, "/api/v2/routing/skills?pageSize=100", None).await;
    let skill = skills["entities"].as_array().unwrap().iter().find(|one| one["division"]["id"] == BETA);
    let path = format!("{USERS}/{user}/routingskills");
    app.simulator.organisation().clear_calls();
    let assign = async |id: &Value| alpha.post(&path, &json!({"id": id, "proficiency": 3})).await;
    let others = assign(&skill.unwrap()["id"]).await;
    assert_refused(&others, 404, "not.found");
    assert_alike(&others, &assign(&json!(NOBODY)).await);
    assert!(sent(&app).iter().all(|(call, _)| !call.starts_with("POST /api/v2/users/")), "{:?}", sent(&app));
    app.finish().await;
}
