//! Service accounts: registered without ever being shown again.

use serde_json::{Value, json};

use super::office::{ALPHA, CLIENT_ID, CLIENT_SECRET, Office};

fn account(more: &Value) -> Value {
    let mut account = json!({ "id": "north", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
    account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    account
}

const SECRET: &str = "Zs3cretOfTheNorth-0123456789";

#[tokio::test]
async fn an_account_is_registered_and_its_secret_is_nowhere_to_be_seen() {
    let office = Office::open().await;
    let new = account(&json!({
        "client_secret": SECRET, "region": "eu-central-1", "description": "the north's own", "shared": true,
    }));
    let added = office.admin().post("/service-accounts", &new).await;
    let shown = added.expect(201);
    assert_eq!(shown["api_url"], "https://api.mypurecloud.de");
    assert_eq!(shown["login_url"], "https://login.mypurecloud.de");
    assert_eq!(shown["shared"], true);
    assert_eq!(office.auditor().get("/service-accounts/north").await.expect(200), shown);
    let listed = office.auditor().get("/service-accounts").await;
    assert_eq!(listed.expect(200), json!({ "service_accounts": [shown.clone()] }));
    let event = office.event_of(&added).await;
    assert_eq!(event["operation"], "service-account.add");
    assert_eq!(event["after"], shown);
    let events = office.events("").await;
    for text in [added.body.to_string(), listed.body.to_string(), json!(events).to_string()] {
        assert!(!text.contains(SECRET) && !text.contains("sealed"), "{text}");
    }
    assert!(!office.everything_kept().await.contains(SECRET));
}

#[tokio::test]
async fn what_an_account_does_not_say_is_configured() {
    let office = Office::open().await;
    let shown = office.admin().post("/service-accounts", &account(&json!({}))).await.expect(201);
    // The configuration names a login URL and, by default, a region.
    assert_eq!(shown["api_url"], "https://api.mypurecloud.com");
    assert_eq!(shown["login_url"], office.simulator.url());
}

#[tokio::test]
async fn an_id_has_one_account() {
    let office = Office::open().await;
    office.account("north", false).await;
    let again = office.admin().post("/service-accounts", &account(&json!({}))).await;
    assert_eq!(again.refusal(), "409 service_account_exists -");
}

#[tokio::test]
async fn what_cannot_be_an_account_is_refused_by_name() {
    let office = Office::open().await;
    for (more, refusal) in &[
        (json!({ "id": "North" }), "422 invalid_field id"),
        (json!({ "id": "" }), "422 invalid_field id"),
        (json!({ "id": 7 }), "422 invalid_field id"),
        (json!({ "client_id": "" }), "422 invalid_field client_id"),
        (json!({ "client_id": "a:b" }), "422 invalid_field client_id"),
        (json!({ "client_secret": "" }), "422 invalid_field client_secret"),
        (json!({ "client_secret": "with space" }), "422 invalid_field client_secret"),
        (json!({ "client_secret": null }), "422 invalid_field client_secret"),
        (json!({ "region": "mars-north-1" }), "422 invalid_field region"),
        (json!({ "region": "eu-central-1", "api_url": "https://x.example" }), "422 invalid_field region"),
        (json!({ "api_url": "http://api.mypurecloud.de" }), "422 invalid_field api_url"),
        (json!({ "api_url": "https://user:pw@api.mypurecloud.de" }), "422 invalid_field api_url"),
        (json!({ "login_url": "https://login.mypurecloud.de/oauth" }), "422 invalid_field login_url"),
        (json!({ "login_url": "nowhere" }), "422 invalid_field login_url"),
        (json!({ "shared": "yes" }), "422 invalid_field shared"),
        (json!({ "description": "x".repeat(501) }), "422 invalid_field description"),
        (json!({ "tenant": "north" }), "422 invalid_field tenant"),
    ] {
        let refused = office.admin().post("/service-accounts", &account(more)).await;
        assert_eq!(&refused.refusal(), refusal, "{more}: {}", refused.body);
        assert!(!refused.body.to_string().contains(CLIENT_SECRET));
    }
    assert_eq!(office.store.list_service_accounts().await.unwrap(), []);
}

#[tokio::test]
async fn an_unknown_account_is_missing() {
    let office = Office::open().await;
    for answer in [
        office.admin().get("/service-accounts/nobody").await,
        office.admin().post("/service-accounts/nobody/check", &json!({})).await,
        office.admin().get("/service-accounts/NO%20BODY").await,
    ] {
        assert_eq!(answer.refusal(), "404 not_found -");
    }
}

#[tokio::test]
async fn a_check_says_whether_genesys_takes_the_account() {
    let office = Office::open().await;
    office.account("good", false).await;
    let checked = office.operator().post("/service-accounts/good/check", &json!({})).await;
    assert_eq!(checked.expect(200), json!({ "ok": true }));
    let bad = json!({
        "id": "bad", "client_id": CLIENT_ID, "client_secret": "not-the-secret",
        "api_url": office.simulator.url(), "login_url": office.simulator.url(),
    });
    office.admin().post("/service-accounts", &bad).await.expect(201);
    let checked = office.operator().post("/service-accounts/bad/check", &json!({})).await;
    assert_eq!(checked.refusal(), "502 upstream_failed -");
    assert!(checked.body["detail"].as_str().unwrap().contains("`bad`"), "{}", checked.body);
    assert!(!checked.body.to_string().contains("not-the-secret"));
}

#[tokio::test]
async fn a_check_says_when_nobody_is_there() {
    let office = Office::open().await;
    let nobody = json!({
        "id": "gone", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "api_url": "http://127.0.0.1:1", "login_url": "http://127.0.0.1:1",
    });
    office.admin().post("/service-accounts", &nobody).await.expect(201);
    let checked = office.admin().post("/service-accounts/gone/check", &json!({})).await;
    assert_eq!(checked.refusal(), "502 upstream_failed -");
    // An onboarding goes on without Genesys, and its event says that the Home division was not looked at.
    let mut tenant = super::office::tenant("north", &[ALPHA]);
    tenant["service_account"] = json!("gone");
    let added = office.admin().post("/tenants", &tenant).await;
    added.expect(201);
    let event = office.event_of(&added).await;
    assert!(event["home_division"].as_str().unwrap().starts_with("not checked: "), "{event}");
}
