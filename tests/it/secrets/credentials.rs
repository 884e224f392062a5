//! The credentials that Genesys is reached with are rotated while calls flow, and while processes are killed; what an account
//! may send is changed beside.

use std::time::Duration;

use ringfence::simulator::{ALPHA, CLIENT_ID, CLIENT_SECRET, Fault, Match, Options, Rule, Simulator};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::flow::{CALLERS, Flow};
use crate::{
    replicas::{Cluster, Taken, report},
    support::{
        app::{TestApp, read},
        command::{Directory, Process, ready_file, ringfence, stderr, stdout},
    },
};

const QUEUES: &str = "/api/v2/routing/queues";
/// The clients of the calls that reached the API.
fn clients(simulator: &Simulator) -> Vec<String> {
    let calls = simulator.organisation().calls();
    calls.iter().map(|call| call["client"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_the_credentials_are_rotated_under_load() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let simulated = app.simulator.organisation();
    // Calls are under way whenever something changes.
    let slow = Rule::new(
        Match { path_prefix: Some("/api/v2".to_owned()), ..Match::default() },
        Fault::Latency { ms: 15 },
        None,
    );
    simulated.set_faults(vec![slow]);
    let flow = Flow::of(move |_| {
        let alpha = alpha.clone();
        async move {
            let answer = alpha.get(QUEUES).await;
            (answer.status.as_u16(), answer.text)
        }
    });
    flow.until_more(50).await;
    for turn in 0..3 {
        let (client, secret) = (format!("client-{turn}"), format!("secret-{turn}"));
        simulated.add_client(&client, &secret, None);
        let asked = json!({ "client_id": client, "client_secret": secret });
        let rotated = app.admin().post("/service-accounts/everything/rotate", &asked).await.expect(200);
        assert_eq!(rotated["proven"]["roles"], "same");
        // What is under way ends with the old token; then nothing begins with it.
        flow.until_more(2 * CALLERS).await;
        simulated.clear_calls();
        flow.until_more(70).await;
        assert!(clients(&app.simulator).iter().all(|seen| *seen == client), "{:?}", clients(&app.simulator));
    }
    // The same client has another secret, and the old one is refused from then on.
    simulated.add_client("client-2", "another", None);
    flow.until_more(50).await;
    let asked = json!({ "client_secret": "another" });
    app.admin().post("/service-accounts/everything/rotate", &asked).await.expect(200);
    flow.until_more(100).await;
    flow.ends().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_replicas_use_the_new_credentials_within_a_second_and_no_call_fails() {
    let cluster = Cluster::start().await;
    let (_, key) = cluster.key().await;
    cluster.until(1, &key, 200).await;
    let urls = [0, 1].map(|replica| format!("{}{QUEUES}", cluster.replicas[replica].gateway));
    let client = cluster.client.clone();
    let flow = Flow::of(move |number| {
        let call = client.get(&urls[number % 2]).bearer_auth(&key);
        async move {
            let answer = read(call).await;
            (answer.status.as_u16(), answer.text)
        }
    });
    flow.until_more(100).await;
    let simulated = cluster.simulator.organisation();
    for turn in 0..5 {
        let (client, secret) = (format!("client-{turn}"), format!("secret-{turn}"));
        simulated.add_client(&client, &secret, None);
        let asked = json!({ "client_id": client, "client_secret": secret });
        cluster.change(turn % 2, "/service-accounts/alpha/rotate", &asked).await.expect(200);
        sleep(Duration::from_secs(1)).await;
        simulated.clear_calls();
        flow.until_more(60).await;
        assert!(clients(&cluster.simulator).iter().all(|seen| *seen == client), "turn {turn}");
    }
    flow.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_budget_holds_at_the_other_replica_within_a_second() {
    let cluster = Cluster::start().await;
    let until = async |capacity: u32| {
        let url = format!("{}/admin/v1/service-accounts/alpha/budget", cluster.replicas[1].operator);
        let begun = Instant::now();
        let mut otherwise = Duration::ZERO;
        loop {
            let sent = begun.elapsed();
            let budget = read(cluster.client.get(&url).bearer_auth(&cluster.admin_token)).await.expect(200);
            if budget["capacity"] == capacity {
                return Taken { otherwise, so: begun.elapsed() };
            }
            otherwise = sent;
            assert!(begun.elapsed() < Duration::from_secs(20), "still {budget} instead of {capacity}");
        }
    };
    let change = async |rate: u32| {
        let url = format!("{}/admin/v1/service-accounts/alpha", cluster.replicas[0].operator);
        let change = json!({ "requests_per_minute": rate });
        read(cluster.client.patch(url).bearer_auth(&cluster.admin_token).json(&change)).await.expect(200);
    };
    // Once they see each other, each has half of it.
    change(1_000).await;
    until(500).await;
    let mut changes = Vec::new();
    for turn in 1..=10 {
        change(1_000 + 100 * turn).await;
        changes.push(until(500 + 50 * turn).await);
    }
    report("a changed budget", changes);
}

#[tokio::test]
async fn a_process_killed_while_it_rotates_has_the_old_credentials_or_the_new() {
    let directory = Directory::new();
    let init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]).output().unwrap();
    assert!(init.status.success(), "{}", stderr(&init));
    let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let token = made["admin_token"].as_str().unwrap();
    let post = |operator: &str, path: &str, body: &Value| {
        client.post(format!("{operator}/admin/v1{path}")).bearer_auth(token).json(body)
    };
    let (mut process, mut operator) = serve(&directory, 0).await;
    let account = json!({
        "id": "main", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "api_url": simulator.url(), "login_url": simulator.url(),
    });
    read(post(&operator, "/service-accounts", &account)).await.expect(201);
    let mut seen = vec![CLIENT_ID.to_owned()];
    let mut switched = 0;
    for (turn, milliseconds) in (1..).zip([1, 4, 8, 12, 20, 40, 80, 1_000]) {
        let id = format!("client-{turn}");
        simulator.organisation().add_client(&id, "secret", None);
        let asked = json!({ "client_id": id, "client_secret": "secret" });
        let rotating = post(&operator, "/service-accounts/main/rotate", &asked);
        let rotating = tokio::spawn(async move { send(rotating).await });
        sleep(Duration::from_millis(milliseconds)).await;
        process.signal("KILL");
        process.ended().await;
        let answered = rotating.await.unwrap();
        (process, operator) = serve(&directory, turn).await;
        let path = format!("{operator}/admin/v1/service-accounts/main");
        let kept = read(client.get(path).bearer_auth(token)).await.expect(200)["client_id"].clone();
        let kept = kept.as_str().unwrap().to_owned();
        assert!(kept == id || Some(&kept) == seen.last(), "{kept}, after {seen:?} and {id}");
        assert!(!answered || kept == id, "what was answered is kept");
        switched += usize::from(kept == id);
        read(post(&operator, "/service-accounts/main/check", &json!({}))).await.expect(200);
        assert_eq!(clients(&simulator).last(), Some(&kept));
        seen.push(kept);
    }
    assert!((1..8).contains(&switched), "each was killed on the same side of the switch: {switched}");
}

/// Whether it was answered at all, and well.
#[expect(clippy::disallowed_methods, reason = "the test is the client")]
async fn send(request: reqwest::RequestBuilder) -> bool {
    request.send().await.is_ok_and(|answer| answer.status() == 200)
}

/// The operator listener of a new process.
async fn serve(directory: &Directory, number: usize) -> (Process, String) {
    let (config, ready) = (directory.file("ringfence.toml"), directory.file(&format!("{number}.json")));
    let mut serve = ringfence(&["serve", "--config", &config, "--ready-file", &ready]);
    for section in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
        serve.env(format!("RINGFENCE__{section}__LISTEN"), "127.0.0.1:0");
    }
    serve.env("RUST_LOG", "error");
    let process = Process::start(serve);
    let addresses = ready_file(&ready).await;
    (process, format!("http://{}", addresses["operator"].as_str().unwrap()))
}
