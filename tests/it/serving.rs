//! A process's life: ready, serving, draining, gone.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use ringfence::{
    config::Config,
    simulator::{ALPHA, CLIENT_ID, CLIENT_SECRET, Fault, Match, Options, Rule, Simulator},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::{
    app::{Answer, TestApp, read},
    command::{Directory, PATIENCE, Process, ready_file, ringfence, stderr, stdout, until},
    database::TestDatabase,
};

const USERS: &str = "/api/v2/users";

/// The real binary, serving, with one tenant before a simulated organisation.
struct Server {
    process: Process,
    simulator: Simulator,
    client: reqwest::Client,
    gateway: String,
    operator: String,
    telemetry: String,
    admin_token: String,
    api_key: String,
    _directory: Directory,
    _database: TestDatabase,
}

impl Server {
    async fn start() -> Self {
        let database = TestDatabase::chosen().await;
        let directory = Directory::new();
        let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
        let init = init.env("RINGFENCE__STORE__URL", database.url()).output().unwrap();
        assert!(init.status.success(), "{}", stderr(&init));
        let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
        let ready = directory.file("ready.json");
        let mut serve =
            ringfence(&["serve", "--config", made["config"].as_str().unwrap(), "--ready-file", &ready]);
        for section in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
            serve.env(format!("RINGFENCE__{section}__LISTEN"), "127.0.0.1:0");
        }
        let process = Process::start(serve);
        let addresses = ready_file(&ready).await;
        let url = |name: &str| format!("http://{}", addresses[name].as_str().unwrap());
        let mut server = Self {
            process,
            simulator: Simulator::start(Options::default()).await.unwrap(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            gateway: url("gateway"),
            operator: url("operator"),
            telemetry: url("telemetry"),
            admin_token: made["admin_token"].as_str().unwrap().to_owned(),
            api_key: String::new(),
            _directory: directory,
            _database: database,
        };
        server.register().await;
        server
    }

    async fn register(&mut self) {
        let upstream = self.simulator.url();
        let account = json!({
            "id": "alpha", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "api_url": upstream, "login_url": upstream,
        });
        self.admin("/service-accounts", &account).await.expect(201);
        let tenant = json!({
            "id": "alpha", "name": "Alpha", "division_ids": [ALPHA], "service_account": "alpha",
            "policy_template": "full-access",
        });
        self.admin("/tenants", &tenant).await.expect(201);
        let key = self.admin("/tenants/alpha/keys", &json!({ "name": "first" })).await.expect(201);
        self.api_key = key["api_key"].as_str().unwrap().to_owned();
    }

    async fn admin(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}/admin/v1{path}", self.operator);
        read(self.client.post(url).bearer_auth(&self.admin_token).json(body)).await
    }

    fn users(&self) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{USERS}", self.gateway)).bearer_auth(&self.api_key)
    }

    async fn probe(&self, path: &str) -> Answer {
        read(self.client.get(format!("{}{path}", self.telemetry))).await
    }

    /// A call that upstream holds, and that is there by now.
    async fn call_in_flight(&self, fault: Fault) -> tokio::task::JoinHandle<Option<Answer>> {
        let users = Match { method: None, path_prefix: Some(USERS.to_owned()) };
        let rule = Rule::new(users, fault, None);
        self.simulator.organisation().set_faults(vec![rule]);
        let request = self.users();
        let call = tokio::spawn(async move {
            // A killed process answers nothing.
            tokio::spawn(read(request)).await.ok()
        });
        let organisation = self.simulator.organisation();
        let arrived = || {
            let calls = organisation.calls();
            calls.iter().any(|call| call["path"].as_str().unwrap().starts_with(USERS)).then_some(())
        };
        until("the call reaches upstream", arrived).await;
        call
    }

    async fn until_not_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.probe("/ready").await.status == 200 {
            assert!(Instant::now() < deadline, "`/ready` should fail");
        }
    }
}

#[tokio::test]
async fn probes_and_metrics_answer_while_it_serves() {
    let app = TestApp::start().await;
    let url = |path: &str| format!("http://{}{path}", app.addresses.telemetry);
    let health = read(app.client.get(url("/health"))).await;
    assert_eq!((health.status, &health.body), (StatusCode::OK, &json!({ "status": "alive" })));
    let ready = read(app.client.get(url("/ready"))).await;
    assert_eq!((ready.status, &ready.body), (StatusCode::OK, &json!({ "status": "ready" })));
    let metrics = metrics(&app).await;
    assert!(metrics.contains("ringfence_build_info{version="), "{metrics}");
    app.finish().await;
}

#[expect(clippy::disallowed_methods, reason = "tests are clients")]
async fn metrics(app: &TestApp) -> String {
    let answer = app.client.get(format!("http://{}/metrics", app.addresses.telemetry)).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

#[tokio::test]
async fn each_listener_serves_its_own_alone() {
    let app = TestApp::start().await;
    let url = |address: std::net::SocketAddr, path: &str| format!("http://{address}{path}");
    let admin_at_the_gateway = app.client.get(url(app.addresses.gateway, "/admin/v1/tenants"));
    assert_ne!(app.send(admin_at_the_gateway).await.status, 200);
    let ready_at_the_gateway = app.client.get(url(app.addresses.gateway, "/ready"));
    assert_ne!(app.send(ready_at_the_gateway).await.status, 200);
    let operator = read(app.client.get(url(app.addresses.operator, "/metrics"))).await;
    assert_ne!(operator.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_logs_in_and_reads_its_own_through_the_whole_of_it() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let users = alpha.get("/api/v2/users?pageSize=100").await.expect(200);
    let users = users["entities"].as_array().unwrap();
    assert!(!users.is_empty());
    assert!(users.iter().all(|user| user["division"]["id"] == ALPHA), "{users:#?}");
    app.finish().await;
}

#[tokio::test]
async fn the_first_signal_drains_what_is_in_flight_is_finished() {
    let mut server = Server::start().await;
    let call = server.call_in_flight(Fault::Latency { ms: 1_500 }).await;
    server.process.signal("TERM");
    server.until_not_ready().await;
    let not_ready = server.probe("/ready").await;
    assert_eq!(not_ready.status, 503);
    assert_eq!(not_ready.body["missing"], json!(["serving"]), "{:?}", not_ready.body);
    assert_eq!(not_ready.headers["connection"], "close");
    assert_eq!(server.probe("/health").await.status, 200, "alive until the end");
    let answer = call.await.unwrap().expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["connection"], "close");
    let ended = timeout(Duration::from_secs(20), server.process.ended()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test]
async fn connections_are_still_accepted_when_ready_begins_to_fail() {
    let mut server = Server::start().await;
    server.process.signal("TERM");
    server.until_not_ready().await;
    // On a connection of its own: what a load balancer sends that has not asked since.
    let late = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap();
    let request =
        late.request(Method::GET, format!("{}{USERS}", server.gateway)).bearer_auth(&server.api_key);
    let answer = read(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(server.process.ended().await.code(), Some(0));
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let mut server = Server::start().await;
    let call = server.call_in_flight(Fault::Hang).await;
    server.process.signal("INT");
    server.until_not_ready().await;
    server.process.signal("INT");
    let ended = timeout(Duration::from_secs(5), server.process.ended()).await.expect("at once");
    assert_eq!(ended.code(), Some(130));
    assert!(call.await.unwrap().is_none(), "no answer was promised");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let app = TestApp::start().await;
    let directory = Directory::new();
    let made = ringfence(&["init", "--dir", directory.path().to_str().unwrap()]).output().unwrap();
    assert!(made.status.success());
    let mut serve = ringfence(&["serve", "--config", &directory.file("ringfence.toml")]);
    let output = serve.env("RINGFENCE__GATEWAY__LISTEN", app.addresses.gateway.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`gateway.listen = "), "{}", stderr(&output));
    app.finish().await;
}

#[tokio::test]
async fn without_the_store_it_is_not_ready() {
    let broken = Config::standalone(std::path::Path::new("/nowhere/at/all"));
    let clock = ringfence::clock::Clock::default();
    let built = ringfence::app::App::build(broken, clock).await;
    let error = built.err().expect("there is no such directory");
    assert!(format!("{error:#}").contains("sqlite:///nowhere/at/all/ringfence.db"), "{error:#}");
}
