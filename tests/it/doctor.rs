//! `doctor`: what stands in the way is named, with its place and what to do.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use chrono::TimeDelta;
use reqwest::StatusCode;
use ringfence::{
    app::doctor::{State, examine},
    clock::Clock,
    simulator::{ALPHA, Fault, HOME, Rule},
};
use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    command::{Directory, ringfence, stdout},
};

/// What is wrong, as `state place: found`, but for what is always said.
async fn wrong(file: &str, clock: &Clock) -> Vec<String> {
    let findings = examine(Path::new(file), clock).await.findings;
    assert!(findings.iter().all(|finding| (finding.state == State::Ok) == finding.remedy.is_none()));
    let wrong =
        findings.iter().filter(|finding| finding.state != State::Ok && finding.place != "audit.witnesses");
    wrong.map(|finding| format!("{:?} {}: {}", finding.state, finding.place, finding.found)).collect()
}

#[tokio::test]
async fn an_installation_that_works_is_healthy_but_for_its_shared_account() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let file = app.configuration_file();
    let seen = wrong(&file, &Clock::default()).await;
    assert_eq!(
        seen,
        ["Warning service account everything: shared by 1 tenants: Genesys enforces no fence between them"]
    );
    app.finish().await;
}

#[tokio::test]
async fn what_is_wrong_upstream_is_told_of_the_account_and_the_division() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let missing = "0b0d1e00-0000-4000-8000-000000000404";
    app.tenant("lost", &[missing]).await;
    let file = app.configuration_file();
    let late = Clock::default();
    late.advance(TimeDelta::minutes(2));
    let seen = wrong(&file, &late).await;
    assert!(seen.iter().any(|one| one.starts_with("Problem clock: this machine's clock is 1")), "{seen:?}");
    let place = format!("Problem tenant lost: division {missing}: there is no such division");
    assert!(seen.contains(&place), "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_account_that_genesys_refuses_and_a_home_division_are_problems() {
    let app = TestApp::start().await;
    app.simulator.organisation().set_faults(vec![Rule::new(
        ringfence::simulator::Match { path_prefix: Some("/api".to_owned()), method: None },
        Fault::Status { status: StatusCode::FORBIDDEN.as_u16(), retry_after: None },
        None,
    )]);
    // While the check is not possible, nothing stands against it.
    app.tenant("home", &[HOME]).await;
    let file = app.configuration_file();
    let refused = ["Problem service account everything: `tokens/me` answered 403"];
    assert_eq!(wrong(&file, &Clock::default()).await, refused);
    app.simulator.organisation().set_faults(Vec::new());
    let seen = wrong(&file, &Clock::default()).await;
    let place = format!("Problem tenant home: division {HOME}: it is the Home division");
    assert!(seen.iter().any(|one| one.starts_with(&place)), "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn the_command_exits_by_what_is_wrong_and_names_it() {
    let directory = Directory::new();
    let doctor = |file: &str| {
        let output = ringfence(&["doctor", "--config", file, "--json"])
            .env("RINGFENCE__GATEWAY__LISTEN", "127.0.0.1:0")
            .env("RINGFENCE__OPERATOR__LISTEN", "127.0.0.1:0")
            .env("RINGFENCE__TELEMETRY__LISTEN", "127.0.0.1:0")
            .output()
            .unwrap();
        let shown: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let findings = shown["findings"].as_array().unwrap().clone();
        let problems = findings.iter().filter(|finding| finding["state"] == "problem");
        let problems: Vec<_> = problems.map(|finding| finding["place"].clone()).collect();
        assert_eq!(shown["healthy"], json!(problems.is_empty()));
        (output.status.code().unwrap(), problems)
    };
    let nowhere = directory.file("nowhere.toml");
    assert_eq!(doctor(&nowhere), (64, vec![json!(nowhere)]));
    let misspelt = directory.file("misspelt.toml");
    fs::write(&misspelt, "[gatewai]\nlisten = \"127.0.0.1:0\"\n").unwrap();
    assert_eq!(doctor(&misspelt), (64, vec![json!(misspelt)]));

    let made = directory.file("made");
    assert!(ringfence(&["init", "--dir", &made]).output().unwrap().status.success());
    let (file, key) = (format!("{made}/ringfence.toml"), format!("{made}/master.key"));
    assert_eq!(doctor(&file), (0, vec![]));
    let text = fs::read_to_string(&file).unwrap();
    let witness = |path: &str| {
        let named = format!("[audit]\nwitnesses = [{{ file = \"{path}\" }}]\n");
        fs::write(&file, text.replace("[audit]\n", &named)).unwrap();
    };
    witness("elsewhere.checkpoints");
    assert_eq!(doctor(&file), (0, vec![]));
    witness("gone/elsewhere.checkpoints");
    assert_eq!(doctor(&file), (1, vec![json!("audit.witnesses")]));
    fs::write(&file, &text).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(doctor(&file), (1, vec![json!("secrets.master_key_file")]));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "00".repeat(32)).unwrap();
    assert_eq!(doctor(&file), (1, vec![json!("secrets")]));
    fs::write(&key, kept).unwrap();
    fs::remove_file(format!("{made}/ringfence.db")).unwrap();
    assert_eq!(doctor(&file), (1, vec![json!("store.url")]));
    assert!(!Path::new(&format!("{made}/ringfence.db")).exists());
    fs::write(format!("{made}/ringfence.db"), "").unwrap();
    assert_eq!(doctor(&file), (1, vec![json!("store")]));
    assert!(ringfence(&["migrate", "--config", &file]).output().unwrap().status.success());
    // Migrated now, but empty: the keys went with the lost file.
    assert_eq!(doctor(&file), (1, vec![json!("secrets")]));
}

#[tokio::test]
async fn operations_that_are_denied_as_genesys_changed_them_are_named() {
    let app = TestApp::start().await;
    let directory = Directory::new();
    let list = directory.write("changed.toml", "[[denied]]\noperation = \"getUsers\"\n");
    let file = app.configuration_file();
    let setting = format!("[gateway]\ndenied_operations_file = {list:?}\n");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("[gateway]\n", &setting)).unwrap();
    let place = "gateway.denied_operations_file";
    let told = format!("Warning {place}: the operations of `{list}` are denied: Genesys changed them");
    assert_eq!(wrong(&file, &Clock::default()).await, [told]);
    directory.write("changed.toml", "[[denied]]\noperation = \"getUserz\"\n");
    let seen = wrong(&file, &Clock::default()).await.concat();
    assert!(
        seen.starts_with(&format!("Problem {place}: ")) && seen.contains("no operation `getUserz`"),
        "{seen}"
    );
    app.finish().await;
}
