//! A process's life: ready, serving, draining, gone.

use std::{
    fs::File,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use ringfence::{
    config::Config,
    simulator::{ALPHA, CLIENT_ID, CLIENT_SECRET, Fault, INTERVAL, Match, Options, Rule, Simulator},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::{
    app::{Answer, TestApp, read},
    command::{Directory, PATIENCE, Process, ready_file, ringfence, stderr, stdout, until},
    database::TestDatabase,
    socket::Socket,
};

const USERS: &str = "/api/v2/users";

/// The real binary, serving, with one tenant before a simulated organisation.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) simulator: Simulator,
    client: reqwest::Client,
    pub(crate) gateway: String,
    operator: String,
    pub(crate) telemetry: String,
    admin_token: String,
    api_key: String,
    _directory: Directory,
    _database: TestDatabase,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts it; `configure` may set further variables and where it logs.
    pub(crate) async fn start_with(configure: impl FnOnce(&mut Command)) -> Self {
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
        serve.env("RUST_LOG", "error");
        configure(&mut serve);
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
        key["api_key"].as_str().unwrap().clone_into(&mut self.api_key);
    }

    async fn admin(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}/admin/v1{path}", self.operator);
        read(self.client.post(url).bearer_auth(&self.admin_token).json(body)).await
    }

    pub(crate) fn users(&self) -> reqwest::RequestBuilder {
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
    let body = json!({ "interval": INTERVAL });
    let page = alpha.post("/api/v2/analytics/conversations/details/query", &body).await.expect(200);
    assert!(!page["conversations"].as_array().unwrap().is_empty());

    let with_the_key = app.client.get(format!("{}{USERS}", app.gateway())).bearer_auth(&alpha.api_key);
    assert_eq!(app.send(with_the_key).await.status, 200);

    let found = app.find_events(&format!("tenant={}&operation=getUsers", alpha.id)).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    let operations: Vec<_> = app
        .events()
        .await
        .into_iter()
        .filter_map(|event| event["operation"].as_str().map(str::to_owned))
        .collect();
    for expected in ["operator.add", "tenant.add", "key.issue", "token.issue", "getUsers", "event.list"] {
        assert!(operations.iter().any(|operation| operation == expected), "{expected}: {operations:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_access_token_lives_for_a_day() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    app.clock.advance(TimeDelta::hours(23));
    assert_eq!(alpha.get(USERS).await.status, 200);
    app.clock.advance(TimeDelta::hours(2));
    assert_eq!(alpha.get(USERS).await.status, 401);
    let login = alpha.log_in().await.expect(200);
    let renewed = app.client.get(format!("{}{USERS}", app.gateway()));
    let renewed = renewed.bearer_auth(login["access_token"].as_str().unwrap());
    assert_eq!(app.send(renewed).await.status, 200);
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
async fn log_lines_are_json_when_asked_and_hold_no_secret() {
    let directory = Directory::new();
    let log = directory.file("log");
    let mut server = Server::start_with(|serve| {
        serve.env("RINGFENCE__TELEMETRY__LOG_FORMAT", "json").env("RUST_LOG", "debug");
        serve.stderr(File::create(&log).unwrap());
    })
    .await;
    read(server.users()).await.expect(200);
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code(), Some(0));
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let serving = lines.iter().find(|line| line["message"] == "serving").expect("it says that it serves");
    assert_eq!(format!("http://{}", serving["gateway"].as_str().unwrap()), server.gateway);
    for secret in [&server.admin_token, &server.api_key, CLIENT_SECRET] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test]
async fn spans_are_sent_where_they_are_asked_for_also_the_last_ones() {
    let received = Arc::new(Mutex::new(Vec::new()));
    let endpoint = collector(Arc::clone(&received)).await;
    let mut server = Server::start_with(|serve| {
        serve.env("RINGFENCE__TELEMETRY__OTLP_ENDPOINT", endpoint);
    })
    .await;
    let answer = read(server.users()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // At once: what was not sent yet is sent before the process ends.
    server.process.signal("TERM");
    assert_eq!(server.process.ended().await.code(), Some(0));
    let received = received.lock().unwrap();
    let text = String::from_utf8_lossy(&received);
    let correlation_id = answer.headers["inin-correlation-id"].to_str().unwrap();
    for expected in ["ringfence", "request", "upstream", "getUsers", correlation_id] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains(&server.api_key));
}

/// Takes what is sent to `/v1/traces`.
async fn collector(received: Arc<Mutex<Vec<u8>>>) -> String {
    let take = move |body: axum::body::Bytes| {
        received.lock().unwrap().extend_from_slice(&body);
        async {}
    };
    let router = axum::Router::new().route("/v1/traces", axum::routing::post(take));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}/v1/traces")
}

#[tokio::test]
async fn what_is_no_request_is_refused_whole_by_each_listener() {
    let app = TestApp::start().await;
    for address in [app.addresses.operator, app.addresses.telemetry] {
        for (bytes, status, code) in [
            ("nonsense\r\n\r\n".to_owned(), 400, "malformed_request"),
            (format!("GET / HTTP/1.1\r\n{}\r\n", "X-Filler: x\r\n".repeat(120)), 431, "head_too_large"),
        ] {
            let mut socket = Socket::to(address).await;
            socket.write(bytes.as_bytes()).await;
            let answer = socket.answer().await;
            let headers = &answer.headers;
            assert_eq!((answer.status.as_u16(), &answer.body["code"]), (status, &json!(code)));
            assert_eq!(answer.body["correlation_id"], headers["inin-correlation-id"].to_str().unwrap());
            assert_eq!(headers["content-type"], "application/problem+json");
            assert_eq!(headers["connection"], "close");
            assert_eq!(socket.end().await, "");
        }
    }
    app.finish().await;
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
async fn a_store_that_cannot_be_opened_is_named() {
    let broken = Config::standalone(std::path::Path::new("/nowhere/at/all"));
    let clock = ringfence::clock::Clock::default();
    let built = ringfence::app::App::build(broken, clock).await;
    let error = built.err().expect("there is no such directory");
    assert!(format!("{error:#}").contains("sqlite:///nowhere/at/all/ringfence.db"), "{error:#}");
}
