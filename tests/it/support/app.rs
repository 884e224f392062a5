//! The whole of Ringfence on free ports, before a simulated organisation: as `serve` runs it.

use std::{fs, path::PathBuf, sync::Arc};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use ringfence::{
    app::{Addresses, App, Keys},
    catalog::Catalog,
    clock::Clock,
    config::Config,
    secret::MasterKey,
    simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator},
    store::Store,
};
use serde_json::{Value, json};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    beginning::{change_at, first_admin, until_ready},
    command::{GLANCE, PATIENCE},
    database::TestDatabase,
    ledger::{Ledger, read_raw},
    socket::Socket,
};

/// A running Ringfence with a database and a simulated organisation of its own. End the test with [`TestApp::finish`].
pub(crate) struct TestApp {
    pub(crate) simulator: Simulator,
    pub(crate) clock: Clock,
    pub(crate) addresses: Addresses,
    pub(crate) client: reqwest::Client,
    admin_token: String,
    config: Config,
    drain: CancellationToken,
    serving: Option<JoinHandle<anyhow::Result<()>>>,
    ledger: Arc<Ledger>,
    files: PathBuf,
    database: TestDatabase,
}

/// A replica beside a [`TestApp`].
pub(crate) struct Beside {
    pub(crate) addresses: Addresses,
    drain: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Beside {
    /// A tenant's program that calls it.
    pub(crate) fn client(&self, of: &TenantClient) -> TenantClient {
        TenantClient { gateway: format!("http://{}", self.addresses.gateway), ..of.clone() }
    }

    pub(crate) async fn end(self) {
        self.drain.cancel();
        self.serving.await.unwrap().unwrap();
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// The body as it came.
    pub(crate) text: String,
}

/// An operator, through the admin API.
pub(crate) struct Admin<'a> {
    app: &'a TestApp,
}

/// A tenant's program: logged in with its key.
#[derive(Clone)]
pub(crate) struct TenantClient {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) api_key: String,
    pub(crate) access_token: String,
    gateway: String,
    client: reqwest::Client,
    ledger: Arc<Ledger>,
}

impl TestApp {
    /// Starts everything with the defaults.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts everything; `configure` may change what `serve` would have read.
    pub(crate) async fn start_with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::chosen().await, configure).await
    }

    /// As [`TestApp::start_with`], on a database of the test's choice.
    pub(crate) async fn start_on(database: TestDatabase, configure: impl FnOnce(&mut Config)) -> Self {
        Self::begin(database, configure, None).await
    }

    /// Starts everything with the defaults, but for the catalog.
    pub(crate) async fn start_of(catalog: Catalog) -> Self {
        Self::begin(TestDatabase::chosen().await, |_| {}, Some(catalog)).await
    }

    async fn begin(
        database: TestDatabase,
        configure: impl FnOnce(&mut Config),
        catalog: Option<Catalog>,
    ) -> Self {
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let files = std::env::temp_dir().join(format!("ringfence-app-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir(&files).unwrap();
        fs::write(files.join("master.key"), MasterKey::generate().unwrap().to_hex().as_str()).unwrap();
        let mut config = Config::standalone(&files);
        config.store.url = database.url().into();
        configure(&mut config);
        let clock = Clock::default();
        let admin_token = first_admin(&config, &clock).await;
        let (addresses, drain, serving) = serve(&config, &clock, catalog, async {}).await;
        let serving = Some(serving);
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        until_ready(&client, &addresses).await;
        let ledger = Arc::new(Ledger::default());
        Self {
            simulator,
            clock,
            addresses,
            client,
            admin_token,
            config,
            drain,
            serving,
            ledger,
            files,
            database,
        }
    }

    /// Drains, and starts again with the same configuration, at other addresses.
    pub(crate) async fn restart(self) -> Self {
        let app = self.restart_amid(async |_| {}).await;
        until_ready(&app.client, &app.addresses).await;
        app
    }

    /// As [`TestApp::restart`], with something done to the database before it serves; it may not be ready yet.
    pub(crate) async fn restart_amid(mut self, meanwhile: impl AsyncFnOnce(&TestDatabase)) -> Self {
        self.drain.cancel();
        self.serving.take().unwrap().await.unwrap().unwrap();
        let (addresses, drain, serving) =
            serve(&self.config, &self.clock, None, meanwhile(&self.database)).await;
        (self.addresses, self.drain, self.serving) = (addresses, drain, Some(serving));
        self
    }

    /// Another process with the same database, keys and clock. End it before the app.
    pub(crate) async fn beside(&self) -> Beside {
        let (addresses, drain, serving) = serve(&self.config, &self.clock, None, async {}).await;
        until_ready(&self.client, &addresses).await;
        Beside { addresses, drain, serving }
    }

    /// The database itself.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Where it keeps everything.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A tenant's program, told where the gateway is now.
    pub(crate) fn again(&self, client: &TenantClient) -> TenantClient {
        TenantClient { gateway: self.gateway(), ..client.clone() }
    }

    /// Where tenants are served.
    pub(crate) fn gateway(&self) -> String {
        format!("http://{}", self.addresses.gateway)
    }

    /// A configuration of what this one uses, for commands that read a file.
    pub(crate) fn configuration_file(&self) -> String {
        let key = self.files.join("master.key");
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let listen = "listen = \"127.0.0.1:0\"";
        let text = format!(
            "[gateway]\n{listen}\n[operator]\n{listen}\n[telemetry]\n{listen}\n\
             [store]\nurl = {:?}\n[secrets]\nmaster_key_file = \"{}\"\n",
            self.database.url(),
            key.display()
        );
        let file = self.files.join("ringfence.toml");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// The first admin's API token.
    pub(crate) fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The first admin.
    pub(crate) fn admin(&self) -> Admin<'_> {
        Admin { app: self }
    }

    /// Registers the simulated organisation's all-seeing client as a shared service account, once.
    pub(crate) async fn account(&self) -> &'static str {
        let known = self.admin().get("/service-accounts/everything").await;
        if known.status == 404 || known.status == 405 {
            let account = json!({
                "id": "everything", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "shared": true,
                "api_url": self.simulator.url(), "login_url": self.simulator.url(),
                "description": "sees every division, so that nothing but the gateway keeps tenants apart",
            });
            let added = self.admin().post("/service-accounts", &account).await;
            assert!(added.status == 201 || added.status == 409, "{added:?}");
        }
        "everything"
    }

    /// Registers a tenant with full access to its divisions, gives it a key and logs in with it.
    pub(crate) async fn tenant(&self, id: &str, divisions: &[&str]) -> TenantClient {
        self.tenant_with(id, divisions, json!({})).await
    }

    /// As [`TestApp::tenant`], with further fields of the tenant (`policy_template`, `cross_division`, …).
    pub(crate) async fn tenant_with(&self, id: &str, divisions: &[&str], fields: Value) -> TenantClient {
        let account = self.account().await;
        let mut tenant = json!({
            "id": id, "name": id, "division_ids": divisions, "service_account": account,
            "policy_template": "full-access",
        });
        let fields = fields.as_object().unwrap().clone();
        tenant.as_object_mut().unwrap().extend(fields);
        self.admin().post("/tenants", &tenant).await.expect(201);
        self.key(id, json!({ "name": "test" })).await
    }

    /// Gives a tenant another key and logs in with it.
    pub(crate) async fn key(&self, tenant: &str, fields: Value) -> TenantClient {
        let key = self.admin().post(&format!("/tenants/{tenant}/keys"), &fields).await.expect(201);
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        let mut client = TenantClient {
            id: tenant.to_owned(),
            client_id: text("client_id"),
            client_secret: text("client_secret"),
            api_key: text("api_key"),
            access_token: String::new(),
            gateway: self.gateway(),
            client: self.client.clone(),
            ledger: Arc::clone(&self.ledger),
        };
        let login = client.log_in().await;
        assert_eq!(login.status, 200, "{login:?}");
        // What registering asked upstream is not the tenant's doing.
        self.simulator.organisation().clear_calls();
        login.body["access_token"].as_str().unwrap().clone_into(&mut client.access_token);
        client
    }

    /// A request to the gateway as the test likes it; counted, like those of tenants.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.ledger.send(request).await
    }

    /// A request that the test sends by means of its own; counted, like the others.
    pub(crate) async fn counted(&self, answer: impl Future<Output = Answer>) -> Answer {
        self.ledger.count(answer).await
    }

    /// A request byte for byte, on a connection of its own; counted, like the others.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Answer {
        let mut socket = self.socket().await;
        socket.write(request).await;
        self.counted(socket.answer()).await
    }

    /// A connection to the gateway.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::to(self.addresses.gateway).await
    }

    /// Begins to drain, as a signal does.
    pub(crate) fn drain(&self) {
        self.drain.cancel();
    }

    /// All events, newest first, with their outcomes as far as they are known.
    pub(crate) async fn events(&self) -> Vec<Value> {
        self.find_events("").await
    }

    /// The events that a query (`tenant=alpha&operation=getUsers`) finds, newest first; of the calls that were answered, with
    /// their outcomes, which answers do not wait for.
    pub(crate) async fn find_events(&self, query: &str) -> Vec<Value> {
        self.until_ended().await;
        let mut events = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.admin().get(&format!("/events?limit=500&{query}{cursor}")).await.expect(200);
            events.extend(page["events"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return events,
            }
        }
    }

    async fn until_ended(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let newest = self.admin().get("/events?limit=500").await;
            let Some(events) = newest.body["events"].as_array() else { return };
            let mut open = events.iter().filter(|event| event["outcome"].is_null());
            if !open.any(|event| self.ledger.has_answer(event["id"].as_str().unwrap())) {
                return;
            }
            sleep(GLANCE).await;
        }
    }

    /// The store, opened beside the app.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.database.url()).await.unwrap()
    }

    /// The store beside the app, able to change what the app reads.
    pub(crate) async fn proving_store(&self) -> Store {
        let store = self.store().await;
        Keys::load(&self.config.secrets, &store, &self.clock).await.unwrap();
        store
    }

    /// Alters a row to what no door can make of it, as if it had always been so: it gets the next version.
    pub(crate) async fn alter(&self, statement: &str) {
        self.database.run(statement).await;
        self.accept_all(&self.proving_store().await).await;
    }

    /// Takes all that is there for right.
    pub(crate) async fn accept_all(&self, store: &Store) {
        store.accept(None, &change_at(self.clock.now())).await.unwrap();
    }

    /// Drains, and checks what must always hold: every request left exactly one event, and each event its outcome.
    pub(crate) async fn finish(mut self) {
        let (ledger, store) = self.end().await;
        ledger.assert_complete(&store).await;
        store.close().await;
    }

    /// As [`TestApp::finish`], after a loss of the store: refusals may be unrecorded then, data never.
    pub(crate) async fn finish_after_loss(mut self) {
        let (ledger, store) = self.end().await;
        ledger.assert_nothing_unrecorded(&store).await;
        store.close().await;
    }

    async fn end(&mut self) -> (Arc<Ledger>, Store) {
        self.drain.cancel();
        self.serving.take().unwrap().await.unwrap().unwrap();
        (Arc::clone(&self.ledger), self.store().await)
    }
}

async fn serve(
    config: &Config,
    clock: &Clock,
    catalog: Option<Catalog>,
    meanwhile: impl Future<Output = ()>,
) -> (Addresses, CancellationToken, JoinHandle<anyhow::Result<()>>) {
    let app = match catalog {
        Some(catalog) => App::build_of(config.clone(), clock.clone(), catalog).await,
        None => App::build(config.clone(), clock.clone()).await,
    };
    let bound = app.unwrap().bind().await.unwrap();
    let addresses = bound.addresses();
    meanwhile.await;
    let drain = CancellationToken::new();
    let serving = tokio::spawn(bound.serve(drain.clone()));
    (addresses, drain, serving)
}

impl Drop for TestApp {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.files));
        let checked = self.serving.is_none() || std::thread::panicking();
        assert!(checked, "end the test with `app.finish().await`: it checks the record");
    }
}

impl Admin<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("http://{}/admin/v1{path}", self.app.addresses.operator);
        let request = self.app.client.request(method, url).bearer_auth(&self.app.admin_token);
        read(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }
}

impl TenantClient {
    /// A request with the access token, to be changed before it is sent.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.gateway)).bearer_auth(&self.access_token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.ledger.send(request).await
    }

    /// As [`TenantClient::send`], with the body as it came.
    pub(crate) async fn send_raw(&self, request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
        self.ledger.send_raw(request).await
    }

    /// Asks for an access token as an SDK does.
    pub(crate) async fn log_in(&self) -> Answer {
        let request = self
            .client
            .post(format!("{}/oauth/token", self.gateway))
            .basic_auth(&self.client_id, Some(&self.client_secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        self.send(request).await
    }
}

impl Answer {
    /// An answer whose body is JSON, lines of JSON, or empty.
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, text: String) -> Self {
        let is_one = headers.get("content-type").is_none_or(|kind| kind != "application/jsonl");
        let is_one = is_one && !text.is_empty();
        let body = if is_one { serde_json::from_str(&text).unwrap() } else { Value::Null };
        Self { status, headers, body, text }
    }

    /// The body of an answer that must have this status.
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

/// Sends a request and reads the answer; the body must be JSON, or empty.
pub(crate) async fn read(request: RequestBuilder) -> Answer {
    let (status, headers, text) = read_raw(request).await;
    Answer::new(status, headers, text)
}
