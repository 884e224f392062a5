//! A process that is killed in the middle of its work has lost no answer that a client was given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use ringfence::simulator::{ALPHA, CLIENT_ID, CLIENT_SECRET, Options, Simulator};
use serde_json::{Value, json};

use crate::support::{
    app::read,
    command::{Directory, Process, ready_file, ringfence, stderr, stdout, until},
    database::TestDatabase,
};

const CLIENTS: usize = 24;
const ANSWERS: usize = 400;

/// The real binary, serving from a configuration.
struct Server {
    process: Process,
    gateway: String,
    operator: String,
}

impl Server {
    async fn start(config: &str, directory: &Directory, name: &str) -> Self {
        let ready = directory.file(name);
        let mut serve = ringfence(&["serve", "--config", config, "--ready-file", &ready]);
        for section in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
            serve.env(format!("RINGFENCE__{section}__LISTEN"), "127.0.0.1:0");
        }
        let process = Process::start(serve);
        let addresses = ready_file(&ready).await;
        let url = |name: &str| format!("http://{}", addresses[name].as_str().unwrap());
        Self { process, gateway: url("gateway"), operator: url("operator") }
    }
}

/// An operator's hand.
struct Admin {
    client: reqwest::Client,
    token: String,
}

impl Admin {
    async fn post(&self, server: &Server, path: &str, body: &Value) -> Value {
        let url = format!("{}/admin/v1{path}", server.operator);
        read(self.client.post(url).bearer_auth(&self.token).json(body)).await.expect(201)
    }

    /// The outcome of each call, by correlation id.
    async fn outcomes(&self, server: &Server) -> BTreeMap<String, Value> {
        let mut outcomes = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}/admin/v1/events?tenant=alpha&limit=500{cursor}", server.operator);
            let page = read(self.client.get(url).bearer_auth(&self.token)).await.expect(200);
            for event in page["events"].as_array().unwrap() {
                outcomes.insert(event["id"].as_str().unwrap().to_owned(), event["outcome"].clone());
            }
            let Some(next) = page["next_cursor"].as_str() else { return outcomes };
            cursor = format!("&cursor={next}");
        }
    }
}

/// Calls until the server is gone, and notes the correlation id of each whole answer.
#[expect(clippy::disallowed_methods, reason = "tests are clients")]
async fn load(client: reqwest::Client, url: String, api_key: String, answered: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        let Ok(response) = client.get(&url).bearer_auth(&api_key).send().await else { return };
        let status = response.status();
        let id = response.headers()["inin-correlation-id"].to_str().unwrap().to_owned();
        if response.bytes().await.is_err() {
            return;
        }
        assert_eq!(status, 200);
        answered.lock().unwrap().insert(id);
    }
}

#[tokio::test]
async fn a_killed_process_has_recorded_every_answer_that_it_gave() {
    let database = TestDatabase::chosen().await;
    let on_sqlite = matches!(database, TestDatabase::Sqlite { .. });
    let directory = Directory::new();
    let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
    let init = init.env("RINGFENCE__STORE__URL", database.url()).output().unwrap();
    assert!(init.status.success(), "{}", stderr(&init));
    let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
    let config = made["config"].as_str().unwrap();
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let admin = Admin { client: client.clone(), token: made["admin_token"].as_str().unwrap().to_owned() };

    let mut server = Server::start(config, &directory, "first.json").await;
    let account = json!({"id": "main", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        "api_url": simulator.url(), "login_url": simulator.url()});
    admin.post(&server, "/service-accounts", &account).await;
    let tenant = json!({"id": "alpha", "name": "Alpha", "division_ids": [ALPHA], "service_account": "main",
        "policy_template": "full-access"});
    admin.post(&server, "/tenants", &tenant).await;
    let key = admin.post(&server, "/tenants/alpha/keys", &json!({"name": "load"})).await;
    let api_key = key["api_key"].as_str().unwrap();

    let answered = Arc::new(Mutex::new(BTreeSet::new()));
    let url = format!("{}/api/v2/routing/queues", server.gateway);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(load(client.clone(), url.clone(), api_key.to_owned(), Arc::clone(&answered))))
        .collect();
    until("there is load", || (answered.lock().unwrap().len() >= ANSWERS).then_some(())).await;
    server.process.signal("KILL");
    server.process.ended().await;
    for client in clients {
        client.await.unwrap();
    }

    let server = Server::start(config, &directory, "second.json").await;
    let outcomes = admin.outcomes(&server).await;
    let answered = answered.lock().unwrap();
    let lost: Vec<_> = answered.iter().filter(|id| !outcomes.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} answers left no event: {lost:?}", lost.len(), answered.len());
    for (id, outcome) in outcomes.iter().filter(|(_, outcome)| outcome["code"] != "ok") {
        // Several processes share a PostgreSQL: there a silent one is taken for dead only after half a minute.
        let open = outcome["code"] == "unknown" || outcome.is_null() && !on_sqlite;
        assert!(open || outcome["code"] == "aborted", "{id}: {outcome}");
    }
}
