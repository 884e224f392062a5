//! A running operator listener with its personas, before a simulated organisation.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode, header::HeaderMap};
use ringfence::{
    admin,
    audit::Audit,
    catalog::Catalog,
    clock::Clock,
    config,
    model::Role,
    operator::{Desk, Parts, operators},
    policy::Engine,
    secret::{MasterKey, Pepper, random_key},
    simulator::{self, Simulator},
    store::Store,
    tenancy::Tenancy,
    upstream::{self, Upstream},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection, Row};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::support::database::TestDatabase;

pub(super) use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, GAMMA, HOME};

pub(super) struct Office {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) simulator: Simulator,
    url: String,
    client: reqwest::Client,
    admin: String,
    operator: String,
    auditor: String,
    server: JoinHandle<()>,
    // Last, so that it is dropped when nothing uses it any more.
    database: TestDatabase,
}

impl Office {
    /// Everything built as `serve` builds it, with an admin, an operator and an auditor.
    pub(super) async fn open() -> Self {
        let database = TestDatabase::chosen().await;
        let store = database.store().await;
        let clock = Clock::default();
        let simulator = Simulator::start(simulator::Options::default()).await.unwrap();
        let pepper = Pepper::new(random_key().unwrap());
        let admin = operators::bootstrap(&store, &pepper, &clock, "ana@example.com").await.unwrap();
        let desk = desk(&store, &clock, pepper, &simulator).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = admin::router(desk).into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let admin = admin.token.expose_secret().to_owned();
        let (operator, auditor) = (String::new(), String::new());
        let mut office =
            Self { store, clock, simulator, url, client, admin, operator, auditor, server, database };
        office.operator = office.hire("olu@example.com", Role::Operator).await;
        office.auditor = office.hire("ada@example.com", Role::Auditor).await;
        office
    }

    async fn hire(&self, email: &str, role: Role) -> String {
        let operator = self.admin().post("/operators", &json!({ "email": email, "role": role })).await;
        let id = operator.expect(201)["id"].as_str().unwrap().to_owned();
        let token = self.admin().post(&format!("/operators/{id}/tokens"), &json!({})).await;
        token.expect(201)["token"].as_str().unwrap().to_owned()
    }

    pub(super) fn admin(&self) -> Persona<'_> {
        self.bearer(&self.admin)
    }

    pub(super) fn operator(&self) -> Persona<'_> {
        self.bearer(&self.operator)
    }

    pub(super) fn auditor(&self) -> Persona<'_> {
        self.bearer(&self.auditor)
    }

    pub(super) fn stranger(&self) -> Persona<'_> {
        Persona { office: self, token: None }
    }

    pub(super) fn bearer<'a>(&'a self, token: &'a str) -> Persona<'a> {
        Persona { office: self, token: Some(token) }
    }

    /// Registers the simulated organisation's client as service account `id`.
    pub(super) async fn account(&self, id: &str, shared: bool) -> Value {
        let account = json!({
            "id": id, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "api_url": self.simulator.url(), "login_url": self.simulator.url(), "shared": shared,
        });
        self.admin().post("/service-accounts", &account).await.expect(201)
    }

    /// Registers a tenant on an account of its own.
    pub(super) async fn tenant(&self, id: &str, divisions: &[&str]) -> Value {
        self.account(id, false).await;
        self.admin().post("/tenants", &tenant(id, divisions)).await.expect(201)
    }

    /// All that is kept, as text: to look for what must not be there.
    pub(super) async fn everything_kept(&self) -> String {
        match &self.database {
            TestDatabase::Sqlite { directory } => {
                let files = fs::read_dir(directory).unwrap().map(|entry| fs::read(entry.unwrap().path()));
                files.map(|bytes| String::from_utf8_lossy(&bytes.unwrap()).into_owned()).collect()
            }
            TestDatabase::Postgres { .. } => everything_in_postgres(&self.database.url()).await,
        }
    }

    /// The events that the whole record holds, newest first, as an auditor reads them.
    pub(super) async fn events(&self, query: &str) -> Vec<Value> {
        let page = self.auditor().get(&format!("/events?limit=500&{query}")).await.expect(200);
        page["events"].as_array().unwrap().clone()
    }

    /// The event with this correlation id.
    pub(super) async fn event_of(&self, answer: &Answer) -> Value {
        let events = self.events(&format!("correlation_id={}", answer.correlation_id)).await;
        assert_eq!(events.len(), 1, "one event for one change");
        events[0].clone()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn desk(store: &Store, clock: &Clock, pepper: Pepper, simulator: &Simulator) -> Desk {
    let master = MasterKey::generate().unwrap();
    let catalog = Arc::new(Catalog::embedded().unwrap());
    let engine = Arc::new(Engine::new(&catalog.actions()).unwrap());
    let options = upstream::Options {
        request_timeout: Duration::from_secs(10),
        max_answer_bytes: 1 << 20,
        answer_memory_bytes: 1 << 24,
        clock: clock.clone(),
        budget: upstream::BudgetOptions::default(),
    };
    Desk::new(Parts {
        store: store.clone(),
        tenancy: Tenancy::start(store.clone(), Arc::clone(&engine), master.clone().into()).await.unwrap(),
        upstream: Upstream::new(options, master.clone()).unwrap(),
        audit: Audit::start(store.clone(), clock.clone()).await.unwrap(),
        engine,
        catalog,
        master: master.into(),
        pepper,
        clock: clock.clone(),
        upstream_defaults: config::Upstream {
            login_url: Some(simulator.url()),
            ..config::Upstream::default()
        },
    })
}

async fn everything_in_postgres(url: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    let tables = connection.fetch_all(tables).await.unwrap();
    let mut all = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = format!("SELECT row::text FROM \"{table}\" AS row");
        let rows = connection.fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(rows))).await.unwrap();
        all.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    all
}

/// What a tenant is registered with, on the service account of the same id.
pub(super) fn tenant(id: &str, divisions: &[&str]) -> Value {
    json!({
        "id": id, "name": id.to_uppercase(), "division_ids": divisions, "service_account": id,
        "policy_template": "full-access",
    })
}

/// Someone who sends requests.
#[derive(Clone, Copy)]
pub(super) struct Persona<'a> {
    office: &'a Office,
    token: Option<&'a str>,
}

impl Persona<'_> {
    pub(super) async fn get(self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(super) async fn post(self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub(super) async fn patch(self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// A request under `/admin/v1`, to be finished by hand.
    pub(super) fn request(self, method: Method, path: &str) -> RequestBuilder {
        let request = self.office.client.request(method, format!("{}/admin/v1{path}", self.office.url));
        match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A request outside `/admin/v1`.
    pub(super) fn outside(self, path: &str) -> RequestBuilder {
        let request = self.office.client.get(format!("{}{path}", self.office.url));
        self.token.iter().fold(request, RequestBuilder::bearer_auth)
    }
}

/// An answer that has what every answer must have.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) correlation_id: String,
    pub(super) body: Value,
}

#[expect(clippy::disallowed_methods, reason = "the test is the client")]
pub(super) async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, path) = (request.method().to_string(), request.url().path().to_owned());
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await.unwrap();
    let kind = headers["content-type"].to_str().unwrap();
    // An export is lines of JSON.
    let is_one = kind != "application/jsonl";
    let body: Value = if is_one { serde_json::from_str(&text).unwrap() } else { Value::Null };
    let correlation_id = headers["inin-correlation-id"].to_str().unwrap().to_owned();
    assert_eq!(headers["cache-control"], "no-store");
    assert!(!headers.contains_key("set-cookie"));
    if status.is_client_error() || status.is_server_error() {
        check_problem(status, &headers, &correlation_id, &body);
    } else {
        assert!(["application/json", "application/jsonl"].contains(&kind), "{kind}");
    }
    super::openapi::check(&method, &path, status.as_u16(), &body);
    Answer { status: status.as_u16(), headers, correlation_id, body }
}

fn check_problem(status: StatusCode, headers: &HeaderMap, correlation_id: &str, body: &Value) {
    assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    assert_eq!(body["type"], "about:blank");
    assert_eq!(body["title"], status.canonical_reason().unwrap());
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["correlation_id"], correlation_id);
    assert!(body["detail"].as_str().unwrap().len() > 10, "{body}");
    let code = body["code"].as_str().unwrap();
    assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
}

impl Answer {
    /// The body, if the status is the one expected.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body.clone()
    }

    /// Status, code and field of a problem, as one line.
    pub(super) fn refusal(&self) -> String {
        let text = |name: &str| self.body[name].as_str().unwrap_or("-");
        format!("{} {} {}", self.status, text("code"), text("field"))
    }
}
