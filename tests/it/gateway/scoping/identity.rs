//! Who one is, the divisions, and the doors that stay shut.

use std::collections::BTreeSet;

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, GAMMA};
use serde_json::json;

use super::super::organisation::{DIVISIONS, NOBODY, assert_refused, each, event, only_call, sent};
use crate::support::app::TestApp;

#[tokio::test]
async fn the_list_of_divisions_holds_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let answer = alpha.get(DIVISIONS).await;
    assert_eq!(answer.headers["ringfence-divisions"], ALPHA);
    let listing = answer.expect(200);
    assert_eq!((each(&listing["entities"], "id"), &listing["total"]), (vec![ALPHA.to_owned()], &1.into()));
    assert_eq!(only_call(&app).0, format!("GET {DIVISIONS}?id={ALPHA}"));
    let named = alpha.get(&format!("{DIVISIONS}?name=division")).await.expect(200);
    assert_eq!((each(&named["entities"], "id"), &named["total"]), (vec![ALPHA.to_owned()], &1.into()));
    let foreign = alpha.get(&format!("{DIVISIONS}?name=Beta")).await.expect(200);
    assert_eq!((&foreign["entities"], &foreign["total"]), (&json!([]), &0.into()));
    app.finish().await;
}

#[tokio::test]
async fn named_divisions_are_cut_to_the_permitted_ones() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let one = pair.get(&format!("{DIVISIONS}?id={BETA},{GAMMA}&pageSize=1")).await.expect(200);
    assert_eq!((each(&one["entities"], "id"), &one["total"]), (vec![BETA.to_owned()], &1.into()));
    let second = pair.get(&format!("{DIVISIONS}?pageSize=1&pageNumber=2")).await.expect(200);
    assert_eq!((each(&second["entities"], "id"), &second["total"]), (vec![BETA.to_owned()], &2.into()));
    app.simulator.organisation().clear_calls();
    for foreign in [GAMMA, NOBODY] {
        let answer = pair.get(&format!("{DIVISIONS}?id={foreign}")).await;
        assert_refused(&answer, 403, "ringfence.division_not_permitted");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn the_token_is_the_gateways_own() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = "/api/v2/tokens/me";
    let answer = alpha.get(path).await;
    let organization = json!({"id": "alpha", "name": "alpha"});
    let whole = json!({
        "organization": organization,
        "homeOrganization": organization,
        "authorizedScope": [],
        "OAuthClient": {
            "id": alpha.client_id, "name": "test", "authorizedGrantType": "CLIENT-CREDENTIALS",
            "organization": organization,
        },
    });
    assert_eq!(answer.expect(200), whole);
    let head = alpha.send(alpha.request(Method::HEAD, path)).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(event(&app, &head).await["operation"], "headTokensMe");
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn the_organisation_is_shown_without_what_concerns_others() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let organisation = alpha.get("/api/v2/organizations/me").await.expect(200);
    let fields: BTreeSet<_> = organisation.as_object().unwrap().keys().map(String::as_str).collect();
    let kept = ["defaultCountryCode", "defaultLanguage", "id", "name", "productPlatform", "state"];
    assert_eq!(fields, BTreeSet::from(kept));
    assert_eq!(organisation["defaultCountryCode"], "US");
    app.finish().await;
}

#[tokio::test]
async fn a_key_is_no_user() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let answer = alpha.get("/api/v2/users/me").await;
    assert_refused(&answer, 400, "not.a.user");
    assert_eq!(
        answer.body["message"],
        "This request is not valid when using the Client Credentials OAuth grant."
    );
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn what_the_catalog_does_not_list_does_not_exist() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (method, path) in [
        (Method::GET, "/api/v2/things"),
        (Method::GET, "/api/v2/authorization/divisions/home/things"),
        (Method::PUT, "/api/v2/users"),
        (Method::PATCH, "/api/v2/routing/queues/0b0d1e00-0000-4000-8000-000000000404"),
        (Method::HEAD, "/api/v2/users"),
        (Method::OPTIONS, "/api/v2/users"),
        (Method::GET, "/api/v2/users/search/conversation/target"),
    ] {
        let answer = alpha.send(alpha.request(method.clone(), path)).await;
        let code = answer.body["code"].as_str().unwrap_or_default();
        // A single segment below the queues is an id, and no queue has this one.
        let expected =
            if path.ends_with("divisionviews") { "not.found" } else { "ringfence.operation_unknown" };
        assert_eq!(answer.status, 404, "{method} {path}");
        assert!(method == Method::HEAD || code == expected, "{method} {path}: {code}");
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}
