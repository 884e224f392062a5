//! The master key is rotated beside what serves, under load.

use std::time::Duration;

use ringfence::{
    app::{KeyFile, sealed_under},
    config::Config,
    secret::MasterKeyId,
    simulator::{ALPHA, CLIENT_ID, CLIENT_SECRET},
    store::Store,
};
use serde_json::{Value, json};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

use super::flow::Flow;
use crate::{
    replicas::{Cluster, Replica},
    support::{
        app::{TestApp, read},
        command::{ringfence, stderr, stdout},
    },
};

const QUEUES: &str = "/api/v2/routing/queues";

/// `secrets rotate`, as a shell runs it; what it said.
fn rotate(config: &str) -> JoinHandle<Value> {
    let mut command = ringfence(&["secrets", "rotate", "--config", config, "--json"]);
    spawn_blocking(move || {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str(&stdout(&output)).unwrap()
    })
}

/// The keys that anything is sealed under, as a file and its store have them.
async fn keys(config: &str) -> (Vec<MasterKeyId>, Vec<MasterKeyId>) {
    let config = Config::load(config.as_ref()).unwrap();
    let store = Store::open(config.store.url.expose()).await.unwrap();
    let file = KeyFile::open(&config.secrets, &store, &ringfence::clock::Clock::default()).await.unwrap();
    let under = sealed_under(&store).await.unwrap().into_keys().collect();
    store.close().await;
    (under, file.ids().await.unwrap())
}

/// Registering something seals it; who has not read the newest key yet is told to try again.
async fn seals(cluster: &Cluster, replica: usize, id: &str) {
    let url = cluster.simulator.url();
    let account = json!({
        "id": id, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "api_url": url, "login_url": url,
    });
    cluster.change(replica, "/service-accounts", &account).await.expect(201);
    cluster.change(replica, &format!("/service-accounts/{id}/check"), &json!({})).await.expect(200);
}

fn flow(cluster: &Cluster, key: &str, replicas: &'static [usize]) -> Flow {
    let urls = [0, 1].map(|replica| format!("{}{QUEUES}", cluster.replicas[replica].gateway));
    let (client, key) = (cluster.client.clone(), key.to_owned());
    Flow::of(move |number| {
        let call = client.get(&urls[replicas[number % replicas.len()]]).bearer_auth(&key);
        async move {
            let answer = read(call).await;
            (answer.status.as_u16(), answer.text)
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_serve_through_a_rotation_of_the_master_key_and_one_that_was_killed_comes_back() {
    let mut cluster = Cluster::start().await;
    let config = cluster.directory.file("ringfence.toml");
    let (_, key) = cluster.key().await;
    cluster.until(1, &key, 200).await;
    let before = keys(&config).await.0;
    let both = flow(&cluster, &key, &[0, 1]);
    both.until_more(100).await;
    let rotated = rotate(&config).await.unwrap();
    both.until_more(100).await;
    both.ends().await;
    let (under, in_file) = keys(&config).await;
    assert_eq!((under.len(), &under), (1, &in_file), "all is sealed under the one key of the file");
    assert_ne!(before, under);
    assert_eq!(rotated["dropped"], json!([before[0].to_string()]));
    for replica in [0, 1] {
        seals(&cluster, replica, &format!("after-{replica}")).await;
    }
    assert_eq!(keys(&config).await.0, under, "both seal under it");

    // Once more, and one of them does not see the end of it.
    let first = flow(&cluster, &key, &[0]);
    first.until_more(50).await;
    let rotating = rotate(&config);
    sleep(Duration::from_millis(1_600)).await;
    cluster.replicas[1].process.signal("KILL");
    cluster.replicas[1].process.ended().await;
    let ready = cluster.directory.file("again.json");
    cluster.replicas[1] = Replica::start(&config, &ready).await;
    cluster.until(1, &key, 200).await;
    rotating.await.unwrap();
    first.until_more(50).await;
    first.ends().await;
    let (last, in_file) = keys(&config).await;
    assert_eq!((last.len(), &last), (1, &in_file));
    assert_ne!(last, under);
    for replica in [0, 1] {
        seals(&cluster, replica, &format!("last-{replica}")).await;
        assert_eq!(cluster.call(replica, &key).await, 200);
    }
    assert_eq!(keys(&config).await.0, last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_while_a_command_rotates_the_master_key_beside_what_serves() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let config = app.configuration_file();
    let flow = Flow::of(move |_| {
        let alpha = alpha.clone();
        async move {
            let answer = alpha.get(QUEUES).await;
            (answer.status.as_u16(), answer.text)
        }
    });
    for _ in 0..2 {
        flow.until_more(100).await;
        rotate(&config).await.unwrap();
    }
    flow.until_more(100).await;
    flow.ends().await;
    let (under, in_file) = keys(&config).await;
    assert_eq!((under.len(), &under), (1, &in_file));
    let path = format!("/service-accounts/{}/check", app.account().await);
    app.admin().post(&path, &json!({})).await.expect(200);
    app.finish().await;
}
