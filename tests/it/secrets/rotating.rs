//! The master key is rotated: step by step, cut short anywhere, beside a running process.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use ringfence::{
    app::{KeyFile, Keys, Rotation, Step, sealed_under},
    config::Config,
    simulator::ALPHA,
};
use serde_json::{Value, json};

use super::{installed, installed_with};
use crate::support::{
    app::TestApp,
    command::{Directory, Process, ringfence, run, stderr, stdout},
};

const QUEUES: &str = "/api/v2/routing/queues";

async fn rotation(app: &TestApp, config: &Config) -> Rotation {
    let store = app.store().await;
    Keys::load(&config.secrets, &store, &app.clock).await.unwrap();
    let file = KeyFile::open(&config.secrets, &store, &app.clock).await.unwrap();
    Rotation::open(file, store, app.clock.clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_cut_short_at_any_step_goes_on_and_what_runs_serves_through_all_of_it() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let config = app.config().clone();
    let file = config.secrets.master_key_file.clone().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let added = rotation(&app, &config).await.begin(None).await.unwrap();
    let mut steps = Vec::new();
    // Each step by a process of its own, as if the one before had been killed after its step.
    loop {
        let step = rotation(&app, &config).await.step().await.unwrap();
        alpha.get(QUEUES).await.expect(200);
        steps.push(step.clone());
        if let Step::Done(id) = step {
            assert_eq!(id, added);
            break;
        }
    }
    let resealed = steps.iter().filter(|step| matches!(step, Step::Resealed(_))).count();
    assert!(matches!(steps[0], Step::Retired(_)) && resealed >= 3, "{steps:?}");
    let under = sealed_under(&app.store().await).await.unwrap();
    assert_eq!(under.keys().collect::<Vec<_>>(), [&added], "all is under the new key");
    let after = fs::read_to_string(&file).unwrap();
    assert!(!after.contains(before.trim()) && after.lines().count() == 1);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640, "as it was");

    let events = app.events().await;
    let of = |operation: &str| events.iter().filter(|event| event["operation"] == operation).count();
    assert_eq!((of("secrets.rotate"), of("secrets.drop"), of("secrets.reseal")), (1, 1, resealed));
    let told = serde_json::to_string(&events).unwrap();
    for secret in [before.trim(), after.trim()] {
        assert!(!told.contains(secret), "no key is in an event");
    }
    // What runs logs in with what was sealed anew, and what starts opens it.
    app.admin()
        .post(&format!("/service-accounts/{}/check", app.account().await), &json!({}))
        .await
        .expect(200);
    let app = app.restart().await;
    app.again(&alpha).get(QUEUES).await.expect(200);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_under_the_old_key_while_it_rotates_is_not_lost() {
    let app = TestApp::start().await;
    app.account().await;
    let config = app.config().clone();
    rotation(&app, &config).await.begin(None).await.unwrap();
    let mut rotating = rotation(&app, &config).await;
    let mut added = 0;
    loop {
        let step = rotating.step().await.unwrap();
        if let Step::Done(_) = step {
            break;
        }
        let url = app.simulator.url();
        let account = json!({
            "id": format!("late-{added}"), "client_id": "sim-client", "client_secret": "sim-secret",
            "api_url": url, "login_url": url,
        });
        let added_now = app.admin().post("/service-accounts", &account).await;
        // A process that has not read the new key yet is told to try again; nothing is kept under the old one.
        assert!([201, 409].contains(&added_now.status.as_u16()), "{}", added_now.text);
        if added_now.status == 201 {
            added += 1;
        }
    }
    assert!(added > 0);
    assert_eq!(sealed_under(&app.store().await).await.unwrap().len(), 1);
    let app = app.restart().await;
    app.admin().post("/service-accounts/late-0/check", &json!({})).await.expect(200);
    app.finish().await;
}

fn status(config: &str) -> Value {
    let output = run(&["secrets", "status", "--config", config, "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[tokio::test]
async fn a_process_killed_while_it_rotates_leaves_what_the_next_one_ends() {
    let directory = Directory::new();
    let config = installed(&directory);
    let rotate = ["secrets", "rotate", "--config", &*config, "--json"];
    for milliseconds in [20, 150, 1_480, 1_560, 1_640, 1_800] {
        let mut process = Process::start(ringfence(&rotate));
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        process.signal("KILL");
        process.ended().await;
        assert!(status(&config)["keys"].as_array().unwrap().iter().all(|key| key["in_file"] == true));
    }
    let output = run(&rotate);
    assert!(output.status.success(), "{}", stderr(&output));
    let status = status(&config);
    assert_eq!((status["rotating"].clone(), status["keys"].as_array().unwrap().len()), (json!(false), 1));
    assert!(!fs::exists(directory.file("master.key.new")).unwrap());
}

#[test]
fn a_passphrase_is_rotated_to_another() {
    let directory = Directory::new();
    let (config, passphrase) = installed_with(&directory, "correct horse battery staple");
    let without = run(&["secrets", "rotate", "--config", &config]);
    assert!(stderr(&without).contains("--new-passphrase-file"), "{}", stderr(&without));
    let next = directory.write("next", "# not a comment, a passphrase\n");
    let rotated = run(&["secrets", "rotate", "--config", &config, "--new-passphrase-file", &next]);
    assert!(rotated.status.success(), "{}", stderr(&rotated));
    assert_eq!(fs::read_to_string(&passphrase).unwrap(), "# not a comment, a passphrase\n");
    assert_eq!(status(&config)["keys"].as_array().unwrap().len(), 1);
}
