//! What grants something, altered in the database by another hand, before and beside a running gateway.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{
    app::TestApp,
    command::{GLANCE, PATIENCE, run, stderr, stdout},
};

const QUEUES: &str = "/api/v2/routing/queues";

/// What `doctor` finds wrong, by place.
fn problems(config: &str) -> Vec<String> {
    let output = run(&["doctor", "--config", config, "--json"]);
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let findings = found["findings"].as_array().unwrap().iter();
    let problems = findings.filter(|finding| finding["state"] == "problem");
    problems.map(|finding| finding["place"].as_str().unwrap().to_owned()).collect()
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(GLANCE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_altered_while_nothing_ran_is_refused_alone_named_recorded_and_can_be_accepted() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    app.admin().post("/tenants/alpha/suspend", &json!({})).await.expect(200);
    app.database().run("UPDATE tenant SET suspended = FALSE").await;
    let app = app.restart().await;
    let (alpha, beta) = (app.again(&alpha), app.again(&beta));
    beta.get(QUEUES).await.expect(200);
    let refused = alpha.get(QUEUES).await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (503, &json!("ringfence.grants_unproven")));
    assert!(!refused.headers.contains_key("retry-after"), "no SDK may repeat it by itself");
    until("it is on record", async || app.find_events("operation=grants.unproven").await.len() == 1).await;
    let event = &app.find_events("operation=grants.unproven").await[0];
    assert_eq!((&event["kind"], &event["tenant"]), (&json!("refusal"), &json!("alpha")), "{event}");
    let config = app.configuration_file();
    assert_eq!(problems(&config), ["tenant/alpha"]);

    let accept = ["secrets", "accept", "tenant/alpha", "--config", &config, "--reason", "a test", "--json"];
    let shown = run(&accept);
    assert!(shown.status.success(), "{}", stderr(&shown));
    let shown: Value = serde_json::from_str(&stdout(&shown)).unwrap();
    assert_eq!((&shown["unproven"], &shown["accepted"]), (&json!(["tenant/alpha"]), &json!([])));
    assert_eq!(alpha.get(QUEUES).await.status, 503, "to look changes nothing");
    let accepted = run(&[accept.as_slice(), &["--yes"]].concat());
    assert!(accepted.status.success(), "{}", stderr(&accepted));
    until("it is served again", async || alpha.get(QUEUES).await.status == 200).await;
    assert_eq!(problems(&config), Vec::<String>::new());
    assert_eq!(app.find_events("operation=secrets.accept").await.len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_says_that_it_changed_beside_a_running_gateway_lets_nobody_pass() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    let altered = "UPDATE tenant_key SET read_only = FALSE, version = (SELECT value + 1 FROM version)";
    app.database().run(altered).await;
    app.database().run("UPDATE version SET value = value + 1").await;
    until("nothing is answered", async || alpha.get(QUEUES).await.status == 503).await;
    let refused = alpha.get(QUEUES).await;
    assert_eq!(refused.body["code"], "ringfence.state_unconfirmed");
    assert_eq!(problems(&app.configuration_file()), ["tenant/alpha", "grants"]);
    let store = app.proving_store().await;
    app.accept_all(&store).await;
    until("it is served again", async || alpha.get(QUEUES).await.status == 200).await;
    assert!(!app.find_events("operation=grants.unproven").await.is_empty());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_say_that_it_changed_is_noticed_with_the_next_change_of_the_same_tenant() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    app.database().run("UPDATE tenant SET policy_template = 'read-only'").await;
    alpha.get(QUEUES).await.expect(200);
    app.admin().patch("/tenants/alpha", &json!({ "name": "Other" })).await.expect(200);
    assert_eq!(alpha.get(QUEUES).await.body["code"], "ringfence.grants_unproven");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_was_raised_in_the_database_is_refused_at_once() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let hired = json!({ "email": "ada@example.com", "role": "auditor" });
    let id = admin.post("/operators", &hired).await.expect(201)["id"].as_str().unwrap().to_owned();
    let token = admin.post(&format!("/operators/{id}/tokens"), &json!({})).await.expect(201);
    let token = token["token"].as_str().unwrap();
    let list = || {
        let url = format!("http://{}/admin/v1/tenants", app.addresses.operator);
        crate::support::app::read(app.client.get(url).bearer_auth(token))
    };
    list().await.expect(200);
    app.database().run("UPDATE operator SET role = 'admin'").await;
    let refused = list().await;
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (503, &json!("grants_unproven")));
    app.database().run("UPDATE operator SET role = 'auditor' WHERE email = 'ada@example.com'").await;
    list().await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_sent_to_a_login_that_another_hand_named() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    app.database().run(&format!("UPDATE service_account SET login_url = '{url}'")).await;
    let path = "/service-accounts/everything";
    let rotate = json!({ "client_secret": ringfence::simulator::CLIENT_SECRET });
    for (route, body) in [("check", json!({})), ("rotate", rotate)] {
        let refused = app.admin().post(&format!("{path}/{route}"), &body).await;
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (503, &json!("grants_unproven")));
    }
    let changed = app.admin().patch(path, &json!({ "tokens": 2 })).await;
    assert_eq!((changed.status.as_u16(), &changed.body["code"]), (503, &json!("grants_unproven")));
    assert_eq!(problems(&app.configuration_file()), ["service-account/everything"]);
    let came = tokio::time::timeout(std::time::Duration::from_millis(200), elsewhere.accept()).await;
    assert!(came.is_err(), "nobody knocked there");
    app.finish().await;
}
