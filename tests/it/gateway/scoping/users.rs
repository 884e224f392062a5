//! Users: Genesys lists them all to anyone, so the list is translated into a search that can be narrowed.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA, HOME};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, SEARCH, USERS, assert_alike, assert_refused, each, everything, only_call, owned, sent, set, text,
};
use crate::support::app::TestApp;

#[tokio::test]
async fn the_list_of_users_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let answer = alpha.get(&format!("{USERS}?state=any&pageSize=100")).await;
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    let listing = answer.expect(200);
    let own = owned(&app, ALPHA, "users");
    assert_eq!((set(&listing["entities"], "id"), listing["total"].as_u64()), (own, Some(12)));
    let (call, search) = only_call(&app);
    assert_eq!(call, format!("POST {SEARCH}"), "the list itself cannot be narrowed");
    let division = json!({"type": "TERMS", "fields": ["divisionId"], "values": [ALPHA], "operator": "AND"});
    assert_eq!(search["query"][0], division);
    app.finish().await;
}

#[tokio::test]
async fn pages_of_users_are_whole_and_their_links_lead_on() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let own: BTreeSet<_> = &owned(&app, ALPHA, "users") | &owned(&app, BETA, "users");
    let mut path = format!("{USERS}?pageSize=10&state=any");
    let mut seen = Vec::new();
    for (number, entities) in [(1, 10), (2, 10), (3, 4)] {
        let page = pair.get(&path).await.expect(200);
        let fields: BTreeSet<_> = page.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = BTreeSet::from([
            "entities",
            "pageSize",
            "pageNumber",
            "total",
            "pageCount",
            "selfUri",
            "firstUri",
            "lastUri",
        ]);
        expected.extend((number > 1).then_some("previousUri"));
        expected.extend((number < 3).then_some("nextUri"));
        assert_eq!(fields, expected, "page {number} in the form of a listing");
        assert_eq!((&page["pageNumber"], &page["pageSize"]), (&number.into(), &10.into()));
        assert_eq!((&page["total"], &page["pageCount"]), (&24.into(), &3.into()));
        assert_eq!(page["entities"].as_array().unwrap().len(), entities);
        seen.extend(each(&page["entities"], "id"));
        for (_, link) in page.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("Uri")) {
            assert!(link.as_str().unwrap().starts_with("/api/v2/users?state=any"), "{link}");
        }
        path = page["nextUri"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((seen.len(), BTreeSet::from_iter(seen)), (24, own));
    app.finish().await;
}

#[tokio::test]
async fn foreign_users_asked_for_by_id_vanish_from_the_list_like_missing_ones() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own: Vec<_> = owned(&app, ALPHA, "users").into_iter().take(2).collect();
    let (first, second) = (&own[0], &own[1]);
    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    let with_foreign =
        alpha.get(&format!("{USERS}?state=any&id={first},{foreign}&id={second}")).await.expect(200);
    let with_missing =
        alpha.get(&format!("{USERS}?state=any&id={first},{NOBODY}&id={second}")).await.expect(200);
    assert_eq!(set(&with_foreign["entities"], "id"), BTreeSet::from_iter(own));
    assert_eq!(with_foreign["entities"], with_missing["entities"]);
    assert_eq!((&with_foreign["total"], &with_missing["total"]), (&2.into(), &2.into()));
    let none = alpha.get(&format!("{USERS}?state=any&id={foreign}")).await.expect(200);
    assert_eq!((&none["entities"], &none["total"]), (&json!([]), &0.into()));
    app.finish().await;
}

#[tokio::test]
async fn the_lists_state_and_order_mean_what_they_mean_upstream() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for query in ["", "&state=active", "&state=inactive", "&state=any", "&state=deleted", "&sortOrder=DESC"] {
        let everyones = everything(&app, &format!("{USERS}?pageSize=500{query}"), None).await;
        let everyones = everyones["entities"].as_array().unwrap().iter();
        let own: Vec<_> =
            everyones.filter(|user| user["division"]["id"] == ALPHA).map(|user| text(&user["id"])).collect();
        let mine = alpha.get(&format!("{USERS}?pageSize=100{query}")).await.expect(200);
        assert_eq!(each(&mine["entities"], "id"), own, "{query}");
        assert_eq!(mine["total"], own.len(), "{query}");
    }
    app.finish().await;
}

#[tokio::test]
async fn only_what_says_something_about_the_user_alone_can_be_expanded() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "users").first().unwrap().clone();
    let listed =
        alpha.get(&format!("{USERS}?state=any&id={own}&expand=languages,presence")).await.expect(200);
    let single = alpha.get(&format!("{USERS}/{own}?expand=languages&expand=presence")).await.expect(200);
    assert_eq!(listed["entities"][0], single);
    assert!(single["languages"].is_array() && single["presence"].is_object(), "{single}");
    app.simulator.organisation().clear_calls();
    for part in ["authorization", "station", "conversationSummary", "locations", "skills,groups"] {
        for path in [USERS.to_owned(), format!("{USERS}/{own}")] {
            let answer = alpha.get(&format!("{path}?expand={part}")).await;
            assert_refused(&answer, 400, "ringfence.expand_refused");
        }
        let answer = alpha.post(SEARCH, &json!({"expand": part.split(',').collect::<Vec<_>>()})).await;
        assert_refused(&answer, 400, "ringfence.expand_refused");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn an_own_user_is_shown_by_its_id() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for id in owned(&app, ALPHA, "users") {
        let answer = alpha.get(&format!("{USERS}/{id}")).await;
        assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
        let user = answer.expect(200);
        assert_eq!((&user["id"], &user["division"]["id"]), (&Value::from(id), &ALPHA.into()));
    }
    app.finish().await;
}

#[tokio::test]
async fn anothers_user_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let missing = alpha.get(&format!("{USERS}/{NOBODY}")).await;
    assert_refused(&missing, 404, "not.found");
    for division in [BETA, GAMMA, HOME] {
        for id in owned(&app, division, "users") {
            assert_alike(&alpha.get(&format!("{USERS}/{id}")).await, &missing);
        }
    }
    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    let expanded = alpha.get(&format!("{USERS}/{foreign}?expand=team&state=any")).await;
    assert_alike(&expanded, &missing);
    app.simulator.organisation().clear_calls();
    assert_alike(&alpha.get(&format!("{USERS}/ana@alpha.example")).await, &missing);
    assert_eq!(sent(&app), []);
    app.finish().await;
}
