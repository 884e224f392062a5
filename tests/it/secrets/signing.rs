//! A key that access tokens are signed with, sealed under a master key that a process has not read.

use std::fs;

use chrono::TimeDelta;
use ringfence::{model::SealedSigningKey, secret::MasterKey, simulator::ALPHA};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{
    app::TestApp,
    beginning::change_at,
    command::{GLANCE, PATIENCE, run, stdout},
};

const QUEUES: &str = "/api/v2/routing/queues";

/// A new signing key by another replica, which has read another master key.
async fn add(app: &TestApp, number: u32, master: &MasterKey) {
    let sealed = master.seal(&SealedSigningKey::purpose(number), &[7; 32]).unwrap();
    let key = SealedSigningKey { number, sealed, created_at: app.clock.now() };
    app.proving_store().await.add_signing_key(&key, &[], &change_at(app.clock.now())).await.unwrap();
}

/// Puts a master key in front of those of the file.
fn put_in_front(app: &TestApp, master: &MasterKey) {
    let file = app.config().secrets.master_key_file.clone().unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let new = file.with_extension("new");
    fs::write(&new, format!("{}\n{before}", *master.to_hex())).unwrap();
    fs::rename(new, file).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signing_key_that_can_be_opened_a_moment_later_stops_nothing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let master = MasterKey::generate().unwrap();
    add(&app, 2, &master).await;
    let begun = Instant::now();
    let mut calls = 0;
    while begun.elapsed().as_secs() < 6 {
        alpha.get(QUEUES).await.expect(200);
        calls += 1;
        if calls == 20 {
            put_in_front(&app, &master);
        }
        sleep(GLANCE).await;
    }
    let shown = app.admin().get("/signing-keys").await.expect(200);
    assert_eq!(shown["signing_keys"].as_array().unwrap().len(), 2, "{shown}");
    app.clock.advance(TimeDelta::seconds(10));
    let login = alpha.log_in().await.expect(200);
    let header = jsonwebtoken::decode_header(login["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.kid.as_deref(), Some("2"), "it signs");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_signing_key_cannot_be_opened_nothing_is_answered_for_long_and_doctor_says_so() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let until = async |status: u16| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = alpha.get(QUEUES).await;
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < deadline, "never {status}");
            sleep(GLANCE).await;
        }
    };
    let master = MasterKey::generate().unwrap();
    add(&app, 2, &master).await;
    assert_eq!(until(503).await.body["code"], "ringfence.state_unconfirmed");
    // What is withdrawn meanwhile is withdrawn all the same.
    app.admin().post("/tenants/alpha/suspend", &json!({})).await.expect(200);
    app.admin().post("/tenants/alpha/resume", &json!({})).await.expect(200);
    put_in_front(&app, &master);
    until(200).await;

    // Garbled by another hand: it stays so until it is dropped.
    app.database().run("DELETE FROM sealed WHERE purpose = 'signing-key.2'").await;
    add(&app, 2, &master).await;
    let store = app.store().await;
    let (place, sealed) = store.list_sealed().await.unwrap().into_iter().find(is_second).unwrap();
    let mut garbled = sealed.clone();
    *garbled.last_mut().unwrap() ^= 1;
    let event = change_at(app.clock.now());
    assert!(app.proving_store().await.reseal(&place, (&sealed, &garbled), &event).await.unwrap());
    let app = app.restart_amid(async |_| {}).await;
    let alpha = app.again(&alpha);
    let refused = alpha.get(QUEUES).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (503, &json!("ringfence.state_unconfirmed"))
    );
    let doctor = run(&["doctor", "--config", &app.configuration_file(), "--json"]);
    let found: Value = serde_json::from_str(&stdout(&doctor)).unwrap();
    let found = found["findings"].as_array().unwrap().iter().find(|one| one["place"] == "signing key 2");
    assert!(
        found.unwrap()["remedy"].as_str().unwrap().contains("rotate-signing-key --end-tokens"),
        "{found:?}"
    );
    app.admin().post("/signing-keys/rotate", &json!({ "end_tokens": true })).await.expect(201);
    assert_eq!(alpha.log_in().await.status, 200);
    app.finish().await;
}

fn is_second((place, _): &(ringfence::store::SealedPlace, Vec<u8>)) -> bool {
    place.to_string() == "signing-key.2"
}
