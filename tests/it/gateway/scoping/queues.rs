//! Queues: the list has a division parameter, a single one is judged by its own division.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA, HOME};
use serde_json::Value;

use super::super::organisation::{
    NOBODY, QUEUES, assert_alike, assert_refused, each, event, everything, only_call, owned, sent, set,
};
use crate::support::app::TestApp;

#[tokio::test]
async fn the_list_of_queues_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let answer = alpha.get(&format!("{QUEUES}?pageSize=500")).await;
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    let own = owned(&app, ALPHA, "queues");
    let listing = answer.expect(200);
    assert_eq!(set(&listing["entities"], "id"), own);
    assert_eq!((&listing["total"], &listing["pageCount"]), (&own.len().into(), &1.into()));
    assert_eq!(only_call(&app).0, format!("GET {QUEUES}?pageSize=500&divisionId={ALPHA}"));
    app.finish().await;
}

#[tokio::test]
async fn pages_of_queues_are_whole_and_their_links_lead_on() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let own: BTreeSet<_> = &owned(&app, ALPHA, "queues") | &owned(&app, BETA, "queues");
    assert_eq!(own.len(), 8, "what the pages below are counted from");
    let mut path = format!("{QUEUES}?pageSize=3&sortOrder=desc");
    let mut seen = Vec::new();
    for (number, entities) in [(1, 3), (2, 3), (3, 2)] {
        let page = pair.get(&path).await.expect(200);
        let found = each(&page["entities"], "id");
        assert_eq!((found.len(), page["pageNumber"].as_i64()), (entities, Some(number)));
        assert_eq!((&page["total"], &page["pageCount"]), (&8.into(), &3.into()));
        seen.extend(found);
        assert_eq!(page["nextUri"].is_null(), number == 3, "{page}");
        path = page["nextUri"].as_str().unwrap_or_default().to_owned();
        for (_, link) in page.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("Uri")) {
            assert!(link.as_str().unwrap().starts_with("/api/v2/routing/queues?"), "{link}");
        }
    }
    assert_eq!((seen.len(), BTreeSet::from_iter(seen)), (8, own));
    app.finish().await;
}

#[tokio::test]
async fn a_filter_by_name_finds_no_foreign_queue() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let everyones = everything(&app, &format!("{QUEUES}?name=*a*&pageSize=500"), None).await;
    let mine = alpha.get(&format!("{QUEUES}?name=*a*&pageSize=500")).await.expect(200);
    let own: BTreeSet<_> =
        set(&everyones["entities"], "id").intersection(&owned(&app, ALPHA, "queues")).cloned().collect();
    assert!(!own.is_empty() && own.len() < everyones["entities"].as_array().unwrap().len());
    assert_eq!((set(&mine["entities"], "id"), mine["total"].as_u64()), (own.clone(), Some(own.len() as u64)));
    let mut everyones = everyones["entities"].as_array().unwrap().iter();
    let foreign = everyones.find(|queue| queue["division"]["id"] == BETA).unwrap();
    let name = foreign["name"].as_str().unwrap().replace(' ', "%20");
    let none = alpha.get(&format!("{QUEUES}?name={name}")).await;
    let missing = alpha.get(&format!("{QUEUES}?name={}", "x".repeat(name.len()))).await.expect(200);
    let none = none.expect(200);
    assert_eq!((&none["entities"], &none["total"]), (&missing["entities"], &missing["total"]));
    assert_eq!(none["total"], 0);
    app.finish().await;
}

#[tokio::test]
async fn foreign_queues_asked_for_by_id_vanish_from_the_list_like_missing_ones() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "queues").first().unwrap().clone();
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    let with_foreign = alpha.get(&format!("{QUEUES}?id={own},{foreign}")).await.expect(200);
    let with_missing = alpha.get(&format!("{QUEUES}?id={own}&id={NOBODY}")).await.expect(200);
    assert_eq!(each(&with_foreign["entities"], "id"), [own]);
    assert_eq!(with_foreign["entities"], with_missing["entities"]);
    assert_eq!((&with_foreign["total"], &with_missing["total"]), (&1.into(), &1.into()));
    app.finish().await;
}

#[tokio::test]
async fn named_divisions_of_queues_are_cut_to_the_permitted_ones() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    for named in [
        format!("divisionId={BETA}"),
        format!("divisionId={GAMMA}&divisionId={BETA}"),
        format!("divisionId={GAMMA},{BETA},{HOME}"),
        format!("divisionId={NOBODY}&divisionId=%20{BETA}%2C{GAMMA}"),
    ] {
        app.simulator.organisation().clear_calls();
        let answer = pair.get(&format!("{QUEUES}?{named}&pageSize=100")).await;
        assert_eq!(answer.headers["ringfence-divisions"], BETA, "{named}");
        assert_eq!(set(&answer.expect(200)["entities"], "id"), owned(&app, BETA, "queues"), "{named}");
        let (call, _) = only_call(&app);
        assert!(call.contains(&format!("divisionId={BETA}")) && !call.contains(GAMMA), "{call}");
    }
    app.finish().await;
}

#[tokio::test]
async fn foreign_divisions_alone_are_refused_and_not_sent() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for named in [BETA.to_owned(), NOBODY.to_owned(), format!("{BETA},{GAMMA}"), ALPHA.to_uppercase()] {
        let answer = alpha.get(&format!("{QUEUES}?divisionId={named}")).await;
        assert_refused(&answer, 403, "ringfence.division_not_permitted");
        assert!(answer.headers.get("ringfence-divisions").is_none());
    }
    let named = alpha.get(&format!("{QUEUES}?divisionId={BETA}")).await;
    let event = event(&app, &named).await;
    assert_eq!((&event["divisions_asked"][0], &event["decision"]), (&BETA.into(), &"deny".into()));
    for alias in ["divisionIds", "divisionid", "division", "filterDivision"] {
        let answer = alpha.get(&format!("{QUEUES}?{alias}={ALPHA}")).await;
        assert_refused(&answer, 400, "ringfence.division_parameter_misplaced");
    }
    for empty in ["divisionId=", "divisionId", "divisionId=%20,"] {
        let answer = alpha.get(&format!("{QUEUES}?{empty}")).await;
        assert_refused(&answer, 400, "ringfence.parameter_invalid");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn an_own_queue_is_shown_by_its_id() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for id in owned(&app, ALPHA, "queues") {
        app.simulator.organisation().clear_calls();
        let answer = alpha.get(&format!("{QUEUES}/{id}")).await;
        assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
        let queue = answer.expect(200);
        assert_eq!((&queue["id"], &queue["division"]["id"]), (&Value::from(id.clone()), &ALPHA.into()));
        assert_eq!(only_call(&app).0, format!("GET {QUEUES}/{id}"));
    }
    app.finish().await;
}

#[tokio::test]
async fn anothers_queue_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let missing = alpha.get(&format!("{QUEUES}/{NOBODY}")).await;
    assert_refused(&missing, 404, "not.found");
    for division in [BETA, GAMMA, HOME] {
        for id in owned(&app, division, "queues") {
            assert_alike(&alpha.get(&format!("{QUEUES}/{id}")).await, &missing);
        }
    }
    // Where the service account's own roles end, upstream answers 403 instead.
    let organisation = app.simulator.organisation();
    organisation.add_client(
        ringfence::simulator::CLIENT_ID,
        ringfence::simulator::CLIENT_SECRET,
        Some(vec![ALPHA.to_owned()]),
    );
    organisation.expire_tokens();
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    assert_alike(&alpha.get(&format!("{QUEUES}/{foreign}")).await, &missing);
    app.finish().await;
}

#[tokio::test]
async fn an_id_that_is_none_is_missing_and_nobody_is_asked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let missing = alpha.get(&format!("{QUEUES}/{NOBODY}")).await;
    app.simulator.organisation().clear_calls();
    let bare = NOBODY.replace('-', "");
    for id in ["x", "mine", "1", "%7B%7D", bare.as_str(), "0b0d1e00-0000-4000-8000-00000000040g"] {
        assert_alike(&alpha.get(&format!("{QUEUES}/{id}")).await, &missing);
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}
