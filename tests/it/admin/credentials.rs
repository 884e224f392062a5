//! Service accounts change while they serve: what they are, and with which credentials.

use ringfence::simulator::{Fault, Match, Rule};
use serde_json::{Value, json};

use super::office::{ALPHA, Answer, BETA, CLIENT_ID, CLIENT_SECRET, Office, tenant};

const SECOND: &str = "second-client";
const SECRET: &str = "Zs3cretOfTheSecond-0123456789";

fn second() -> Value {
    json!({ "client_id": SECOND, "client_secret": SECRET })
}

impl Office {
    async fn rotate(&self, asked: &Value) -> Answer {
        self.admin().post("/service-accounts/north/rotate", asked).await
    }

    async fn works(&self) -> bool {
        self.operator().post("/service-accounts/north/check", &json!({})).await.status == 200
    }

    /// The client of the last call that reached the API.
    fn last_client(&self) -> Value {
        self.simulator.organisation().calls().last().unwrap()["client"].clone()
    }

    fn fault(&self, path: &str, fault: Fault) {
        let matching = Match { path_prefix: Some(path.to_owned()), ..Match::default() };
        self.simulator.organisation().set_faults(vec![Rule::new(matching, fault, Some(1))]);
    }
}

#[tokio::test]
async fn another_client_takes_over_and_what_is_left_to_do_is_said() {
    let office = Office::open().await;
    office.account("north", false).await;
    office.simulator.organisation().add_client(SECOND, SECRET, None);
    let rotated = office.rotate(&second()).await;
    let shown = rotated.expect(200);
    assert_eq!(shown["service_account"]["client_id"], SECOND);
    assert_eq!(shown["proven"], json!({ "organisation": "same", "roles": "same" }));
    let left = shown["left_to_do"][0].as_str().unwrap();
    assert!(left.contains(&format!("Delete the OAuth client `{CLIENT_ID}`")), "{left}");
    assert_eq!(office.auditor().get("/service-accounts/north").await.expect(200), shown["service_account"]);
    assert!(office.works().await);
    assert_eq!(office.last_client(), SECOND);
    let event = office.event_of(&rotated).await;
    assert_eq!(event["operation"], "service-account.rotate");
    assert_eq!(
        (&event["before"]["client_id"], &event["after"]["client_id"]),
        (&json!(CLIENT_ID), &json!(SECOND))
    );
    let told = json!(office.events("").await).to_string();
    assert!(!told.contains(SECRET) && !told.contains("sealed") && !rotated.body.to_string().contains(SECRET));
    assert!(!office.everything_kept().await.contains(SECRET));
}

#[tokio::test]
async fn the_same_client_has_another_secret_whether_or_not_genesys_still_takes_the_old() {
    let office = Office::open().await;
    office.account("north", false).await;
    let replace = |secret: &str| office.simulator.organisation().add_client(CLIENT_ID, secret, None);
    // With a token of the old secret, which outlives it.
    assert!(office.works().await);
    replace("first-new");
    let shown = office.rotate(&json!({ "client_secret": "first-new" })).await.expect(200);
    assert_eq!(shown["proven"]["roles"], "same");
    assert!(shown["left_to_do"][0].as_str().unwrap().contains("Nothing has to be deleted"), "{shown}");
    assert!(office.works().await);
    replace("second-new");
    office.simulator.organisation().expire_tokens();
    let shown = office.rotate(&json!({ "client_secret": "second-new" })).await.expect(200);
    assert_eq!(shown["proven"], json!({ "organisation": "not_told", "roles": "not_told" }));
    assert!(office.works().await);
}

#[tokio::test]
async fn what_is_not_proven_changes_nothing_and_says_why() {
    let office = Office::open().await;
    office.account("north", false).await;
    let before = office.admin().get("/service-accounts/north").await.expect(200);
    let simulated = office.simulator.organisation();
    simulated.add_client(SECOND, SECRET, None);
    simulated.add_client("narrow", SECRET, Some(vec![ALPHA.to_owned()]));
    let unchanged = async |answer: Answer, refusal: &str, words: &str| {
        assert_eq!(answer.refusal(), refusal, "{}", answer.body);
        assert!(answer.body["detail"].as_str().unwrap().contains(words), "{}", answer.body);
        assert!(!answer.body.to_string().contains(SECRET));
        assert_eq!(office.admin().get("/service-accounts/north").await.expect(200), before);
        assert!(office.works().await);
    };
    let wrong = json!({ "client_id": SECOND, "client_secret": "not-the-secret" });
    unchanged(office.rotate(&wrong).await, "422 invalid_field client_secret", "the login answered 401").await;
    let narrow = json!({ "client_id": "narrow", "client_secret": SECRET });
    unchanged(office.rotate(&narrow).await, "422 invalid_field client_id", "it lacks role").await;
    let instead = |field: &str, value: Value| {
        office.fault("/api/v2/tokens/me", Fault::Instead { field: field.to_owned(), value });
    };
    instead("organization", json!({ "id": "another" }));
    unchanged(office.rotate(&second()).await, "422 invalid_field client_id", "organisation `another`").await;
    instead("OAuthClient", json!({ "id": "somebody" }));
    unchanged(office.rotate(&second()).await, "422 invalid_field client_id", "client `somebody`'s").await;
    for (path, fault) in [
        ("/oauth", Fault::Status { status: 503, retry_after: None }),
        ("/oauth", Fault::EmptyBody),
        ("/api/v2/tokens/me", Fault::Status { status: 403, retry_after: None }),
        ("/api/v2/tokens/me", Fault::Status { status: 401, retry_after: None }),
        ("/api/v2/tokens/me", Fault::Malformed),
        ("/api/v2/tokens/me", Fault::Reset),
    ] {
        office.fault(path, fault);
        unchanged(office.rotate(&second()).await, "502 upstream_failed -", "nothing was changed").await;
    }
    for (asked, refusal) in [
        (json!({ "client_id": SECOND }), "422 invalid_field client_secret"),
        (json!({ "client_id": "a:b", "client_secret": SECRET }), "422 invalid_field client_id"),
        (json!({ "client_secret": "with space" }), "422 invalid_field client_secret"),
        (json!({ "client_secret": SECRET, "region": "eu-central-1" }), "422 invalid_field region"),
    ] {
        assert_eq!(office.rotate(&asked).await.refusal(), refusal, "{asked}");
    }
    let events = office.events("operation=service-account.rotate").await;
    assert_eq!(events, Vec::<Value>::new());
    simulated.set_faults(Vec::new());
    office.rotate(&second()).await.expect(200);
}

#[tokio::test]
async fn once_the_old_client_is_refused_another_must_reach_the_tenants_divisions() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let simulated = office.simulator.organisation();
    simulated.add_client(CLIENT_ID, "nobody-knows", None);
    simulated.expire_tokens();
    for (id, division) in [("of-beta", BETA), ("of-alpha", ALPHA)] {
        simulated.add_client(id, SECRET, Some(vec![division.to_owned()]));
    }
    let of_beta = office.rotate(&json!({ "client_id": "of-beta", "client_secret": SECRET })).await;
    assert_eq!(of_beta.refusal(), "422 invalid_field client_id");
    assert!(of_beta.body["detail"].as_str().unwrap().contains(ALPHA), "{}", of_beta.body);
    let shown = office.rotate(&json!({ "client_id": "of-alpha", "client_secret": SECRET })).await.expect(200);
    assert_eq!(shown["proven"]["organisation"], "not_told");
    assert!(office.works().await);
}

#[tokio::test]
async fn an_account_is_changed_while_it_serves() {
    let office = Office::open().await;
    office.account("north", false).await;
    let path = "/service-accounts/north";
    let capacity =
        async || office.admin().get(&format!("{path}/budget")).await.expect(200)["capacity"].clone();
    assert!(office.works().await);
    for (change, expected) in [
        (json!({ "requests_per_minute": 50 }), 50),
        (json!({ "tokens": 3 }), 150),
        (json!({ "requests_per_minute": 60, "tokens": 1 }), 60),
    ] {
        office.admin().patch(path, &change).await.expect(200);
        assert_eq!(capacity().await, expected, "{change}");
    }
    let changed =
        office.admin().patch(path, &json!({ "requests_per_minute": null, "description": "ß" })).await;
    let shown = changed.expect(200);
    assert_eq!((&shown["requests_per_minute"], &shown["description"]), (&Value::Null, &json!("ß")));
    let event = office.event_of(&changed).await;
    assert_eq!((&event["before"]["requests_per_minute"], &event["after"]), (&json!(60), &shown));
    assert!(office.works().await);
    for (change, refusal) in [
        (json!({ "tokens": 0 }), "422 invalid_field tokens"),
        (json!({ "tokens": 21 }), "422 invalid_field tokens"),
        (json!({ "requests_per_minute": 0 }), "422 invalid_field requests_per_minute"),
        (json!({ "description": "x".repeat(501) }), "422 invalid_field description"),
        (json!({ "shared": true }), "422 invalid_field reason"),
        (json!({ "shared": true, "reason": " " }), "422 invalid_field reason"),
        (json!({ "client_secret": CLIENT_SECRET }), "422 invalid_field client_secret"),
        (json!({ "api_url": "https://api.mypurecloud.de" }), "422 invalid_field api_url"),
    ] {
        let refused = office.admin().patch(path, &change).await;
        assert_eq!(refused.refusal(), refusal, "{change}: {}", refused.body);
    }
    let missing = office.admin().patch("/service-accounts/nobody", &json!({ "tokens": 2 })).await;
    assert_eq!(missing.refusal(), "404 not_found -");
}

#[tokio::test]
async fn who_serves_several_tenants_stays_shared() {
    let office = Office::open().await;
    office.account("hub", false).await;
    let on_hub = async |id: &str, division: &str| {
        let mut tenant = tenant(id, &[division]);
        tenant["service_account"] = json!("hub");
        office.admin().post("/tenants", &tenant).await.status
    };
    let share = async |shared: bool| {
        let change = json!({ "shared": shared, "reason": "small tenants" });
        office.admin().patch("/service-accounts/hub", &change).await
    };
    assert_eq!((on_hub("one", ALPHA).await, on_hub("two", BETA).await), (201, 409));
    let shared = share(true).await;
    shared.expect(200);
    assert_eq!(office.event_of(&shared).await["reason"], "small tenants");
    assert_eq!(on_hub("two", BETA).await, 201);
    let refused = share(false).await;
    assert_eq!(refused.refusal(), "409 service_account_shared -");
    assert!(refused.body["detail"].as_str().unwrap().contains("one, two"), "{}", refused.body);
}
