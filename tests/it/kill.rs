//! A process that is killed in the middle of its work has lost no answer that a client was given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, Fault, Match, Options, Rule, Simulator};
use serde_json::{Value, json};

use crate::support::{
    app::read,
    command::{Directory, Process, ready_file, ringfence, stderr, stdout, until},
    database::TestDatabase,
};

const CLIENTS: usize = 24;
const ANSWERS: usize = 400;
/// What a client asks for in turn: half of it is data.
const KINDS: [u16; 8] = [200, 401, 200, 403, 200, 404, 200, LOGIN];

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

    async fn get(&self, server: &Server, path: &str) -> Value {
        let url = format!("{}/admin/v1{path}", server.operator);
        read(self.client.get(url).bearer_auth(&self.token)).await.expect(200)
    }

    /// The outcome of each call, by correlation id.
    async fn outcomes(&self, server: &Server) -> BTreeMap<String, Value> {
        let mut outcomes = BTreeMap::new();
        let mut cursor = String::new();
        loop {
            let url = format!("{}/admin/v1/events?limit=500{cursor}", server.operator);
            let page = read(self.client.get(url).bearer_auth(&self.token)).await.expect(200);
            for event in page["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "call") {
                outcomes.insert(event["id"].as_str().unwrap().to_owned(), event["outcome"].clone());
            }
            let Some(next) = page["next_cursor"].as_str() else { return outcomes };
            cursor = format!("&cursor={next}");
        }
    }
}

/// What each whole answer was, by correlation id: a call's status, or `LOGIN`.
type Answered = Arc<Mutex<BTreeMap<String, u16>>>;

/// A login, which is answered 200 too.
const LOGIN: u16 = 0;

/// A tenant's program.
#[derive(Clone)]
struct Load {
    client: reqwest::Client,
    gateway: String,
    key: Value,
    foreign: String,
    answered: Answered,
}

impl Load {
    /// Calls, is refused and logs in until the server is gone; notes each whole answer.
    #[expect(clippy::disallowed_methods, reason = "tests are clients")]
    async fn run(self, first: usize) {
        for turn in first.. {
            let kind = KINDS[turn % KINDS.len()];
            let Ok(response) = self.request(kind).send().await else { return };
            let status = response.status().as_u16();
            let id = response.headers()["inin-correlation-id"].to_str().unwrap().to_owned();
            if response.bytes().await.is_err() {
                return;
            }
            assert_eq!(status, if kind == LOGIN { 200 } else { kind });
            self.answered.lock().unwrap().insert(id, kind);
        }
    }

    /// A request that is answered with that status.
    fn request(&self, kind: u16) -> reqwest::RequestBuilder {
        let key = |name: &str| self.key[name].as_str().unwrap();
        let get = |path: &str| self.client.get(format!("{}/api/v2{path}", self.gateway));
        match kind {
            LOGIN => self
                .client
                .post(format!("{}/oauth/token", self.gateway))
                .basic_auth(key("client_id"), Some(key("client_secret")))
                .header("content-type", "application/x-www-form-urlencoded")
                .body("grant_type=client_credentials"),
            401 => get("/routing/queues"),
            403 => {
                self.client.delete(format!("{}/api/v2/tokens/me", self.gateway)).bearer_auth(key("api_key"))
            }
            404 => get(&format!("/routing/queues/{}", self.foreign)).bearer_auth(key("api_key")),
            _ => get("/routing/queues").bearer_auth(key("api_key")),
        }
    }
}

/// An installation with a tenant, and the key of its program.
struct House {
    database: TestDatabase,
    directory: Directory,
    config: String,
    simulator: Simulator,
    admin: Admin,
    server: Server,
    key: Value,
}

impl House {
    async fn start() -> Self {
        let database = TestDatabase::chosen().await;
        let directory = Directory::new();
        let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
        let init = init.env("RINGFENCE__STORE__URL", database.url()).output().unwrap();
        assert!(init.status.success(), "{}", stderr(&init));
        let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
        let config = made["config"].as_str().unwrap().to_owned();
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let admin = Admin { client, token: made["admin_token"].as_str().unwrap().to_owned() };

        let server = Server::start(&config, &directory, "first.json").await;
        let account = json!({"id": "main", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "api_url": simulator.url(), "login_url": simulator.url()});
        admin.post(&server, "/service-accounts", &account).await;
        let tenant = json!({"id": "alpha", "name": "Alpha", "division_ids": [ALPHA], "service_account": "main",
            "policy_template": "full-access"});
        admin.post(&server, "/tenants", &tenant).await;
        let key = admin.post(&server, "/tenants/alpha/keys", &json!({"name": "load"})).await;
        Self { database, directory, config, simulator, admin, server, key }
    }
}

/// A queue of another division than the tenant's.
fn foreign_queue(simulator: &Simulator) -> String {
    let facts = simulator.organisation().facts();
    let divisions = facts["divisions"].as_array().unwrap();
    let beta = divisions.iter().find(|division| division["id"] == BETA).unwrap();
    beta["queues"][0].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_killed_process_has_recorded_every_answer_that_it_gave() {
    let house = House::start().await;
    let House { database, directory, simulator, admin, server, key, config } = house;
    let on_sqlite = matches!(database, TestDatabase::Sqlite { .. });
    let answered = Answered::default();
    let load = Load {
        client: admin.client.clone(),
        gateway: server.gateway.clone(),
        key,
        foreign: foreign_queue(&simulator),
        answered: Arc::clone(&answered),
    };
    let clients: Vec<_> = (0..CLIENTS).map(|first| tokio::spawn(load.clone().run(first))).collect();
    until("there is load", || (answered.lock().unwrap().len() >= ANSWERS).then_some(())).await;
    let mut process = server.process;
    process.signal("KILL");
    process.ended().await;
    for client in clients {
        client.await.unwrap();
    }

    let server = Server::start(&config, &directory, "second.json").await;
    let outcomes = admin.outcomes(&server).await;
    let answered = answered.lock().unwrap();
    let kinds: BTreeSet<_> = answered.values().copied().collect();
    assert_eq!(kinds, KINDS.into_iter().collect(), "every kind of answer was given");
    let lost: Vec<_> = answered.iter().filter(|(id, _)| !outcomes.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} of {} answers left no event: {lost:?}", lost.len(), answered.len());
    // Of a refusal that stops here the outcome is committed with the event.
    for (id, kind) in answered.iter().filter(|(_, kind)| matches!(kind, 401 | 403)) {
        assert_eq!(outcomes[id]["status"], *kind, "{id}: {}", outcomes[id]);
    }
    for (id, outcome) in outcomes.iter().filter(|(_, outcome)| outcome["status"].is_null()) {
        // Several processes share a PostgreSQL: there a silent one is taken for dead only after half a minute.
        let open = outcome["code"] == "unknown" || outcome.is_null() && !on_sqlite;
        assert!(open || outcome["code"] == "aborted", "{id}: {outcome}");
    }
}

/// What Genesys made for a process that was killed before it heard of it is nobody's, and the operator is told of the call.
#[tokio::test]
async fn a_group_that_a_killed_process_did_not_hear_of_is_told_to_the_operator() {
    let house = House::start().await;
    let House { database, directory, config, simulator, admin, mut server, key } = house;
    let slow = Fault::Trickle { bytes: 1, ms: 1_000 };
    let making = Match { method: Some("POST".to_owned()), path_prefix: Some("/api/v2/groups".to_owned()) };
    simulator.organisation().set_faults(vec![Rule::new(making, slow, None)]);
    let group = json!({"name": "Orphan", "type": "official", "rulesVisible": true, "visibility": "public"});
    let post = admin.client.post(format!("{}/api/v2/groups", server.gateway));
    let post = post.bearer_auth(key["api_key"].as_str().unwrap()).json(&group);
    #[expect(clippy::disallowed_methods, reason = "tests are clients")]
    let call = tokio::spawn(async move { post.send().await.map(|answer| answer.status()) });
    let making = |call: &Value| call["method"] == "POST" && call["path"] == "/api/v2/groups";
    let begun = || simulator.organisation().calls().iter().any(making).then_some(());
    until("Genesys has the call", begun).await;
    server.process.signal("KILL");
    server.process.ended().await;
    assert!(call.await.unwrap().is_err(), "the caller has no answer");

    // What a silent process left is closed at the next start, or on PostgreSQL, which several share, half a minute later.
    if matches!(database, TestDatabase::Sqlite { .. }) {
        let server = Server::start(&config, &directory, "second.json").await;
        let known = admin.get(&server, "/tenants/alpha/registry").await;
        assert_eq!(known["registrations"], json!([]));
        let [one] = known["unsettled"].as_array().unwrap().as_slice() else { panic!("{known}") };
        assert_eq!((&one["entity"], &one["key_id"]), (&json!("group"), &key["key_id"]));
        assert_eq!((&one["outcome"], &one["id"]), (&json!("unknown"), &Value::Null));
    }
}

/// What was under way with an `Idempotency-Key` when the process was killed is never sent again; what was answered still is.
#[tokio::test]
async fn a_create_with_a_key_that_a_killed_process_sent_is_not_sent_again() {
    let house = House::start().await;
    let House { database, directory, config, simulator, admin, mut server, key } = house;
    let post = |server: &Server, key_of_call: &str, name: &str| {
        let url = format!("{}/api/v2/routing/queues", server.gateway);
        let call = admin.client.post(url).bearer_auth(key["api_key"].as_str().unwrap());
        call.header("idempotency-key", key_of_call).json(&json!({ "name": name }))
    };
    let is_create = |call: &Value| call["method"] == "POST" && call["path"] == "/api/v2/routing/queues";
    let creates = || simulator.organisation().calls().iter().filter(|call| is_create(call)).count();
    let first = read(post(&server, "answered", "Answered")).await;
    assert_eq!(first.status, 200, "{first:?}");
    let slow = Fault::Trickle { bytes: 1, ms: 1_000 };
    let making =
        Match { method: Some("POST".to_owned()), path_prefix: Some("/api/v2/routing/queues".to_owned()) };
    simulator.organisation().set_faults(vec![Rule::new(making, slow, None)]);
    let under_way = post(&server, "under-way", "Lost");
    #[expect(clippy::disallowed_methods, reason = "tests are clients")]
    let call = tokio::spawn(async move { under_way.send().await.map(|answer| answer.status()) });
    until("Genesys has the call", || (creates() == 2).then_some(())).await;
    server.process.signal("KILL");
    server.process.ended().await;
    assert!(call.await.unwrap().is_err(), "the caller has no answer");
    simulator.organisation().set_faults(Vec::new());

    let server = Server::start(&config, &directory, "second.json").await;
    let again = read(post(&server, "answered", "Answered")).await;
    assert_eq!(
        (&again.headers["idempotency-replayed"], &again.text),
        (&"true".parse().unwrap(), &first.text)
    );
    let refused = read(post(&server, "under-way", "Lost")).await;
    // Several processes share a PostgreSQL: there a silent one is taken for dead only after half a minute.
    let on_sqlite = matches!(database, TestDatabase::Sqlite { .. });
    let code =
        if on_sqlite { "ringfence.idempotency_effect_unknown" } else { "ringfence.idempotency_in_progress" };
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (409, &json!(code)), "{refused:?}");
    assert_eq!(creates(), 2);
}
