//! The one door to Genesys: tokens, and one exchange.

mod broker;
mod budget;
mod changed;
mod exchange;
mod memory;
mod organisations;
mod refusals;
mod regions;
mod repeats;
mod server;
mod sparing;
mod storm;
mod tokens;

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method};
use ringfence::{
    clock::Clock,
    model::ServiceAccount,
    secret::MasterKey,
    upstream::{
        Behalf, BudgetOptions, Effect, Options, Share, Upstream, UpstreamAnswer, UpstreamError,
        UpstreamRequest, patience, secret_context,
    },
};

use server::Genesys;

const LIMIT: usize = 100_000;

/// A door, the organisation behind it, and the account to go through it with.
struct House {
    upstream: Upstream,
    genesys: Genesys,
    account: Arc<ServiceAccount>,
    clock: Clock,
    master: MasterKey,
}

impl House {
    async fn open() -> Self {
        Self::with_timeout(Duration::from_secs(5)).await
    }

    async fn with_timeout(request_timeout: Duration) -> Self {
        Self::with(|options| options.request_timeout = request_timeout).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let genesys = Genesys::start().await;
        let clock = Clock::default();
        let master = MasterKey::generate().unwrap();
        let mut options = Options {
            request_timeout: Duration::from_secs(5),
            max_answer_bytes: LIMIT,
            answer_memory_bytes: 10 * LIMIT,
            clock: clock.clone(),
            // Far more than any test sends that is not about it.
            budget: BudgetOptions { requests_per_minute: Some(1_000_000), ..BudgetOptions::default() },
        };
        change(&mut options);
        let upstream = Upstream::new(options, master.clone()).unwrap();
        let account = Arc::new(account(&master, &genesys.url));
        Self { upstream, genesys, account, clock, master }
    }

    async fn get(&self, path_and_query: &str) -> Result<UpstreamAnswer, UpstreamError> {
        self.upstream
            .send(on_behalf(Share::Operator, &self.account, &|| true), get(path_and_query), Effect::Reads)
            .await
    }

    /// A change: `POST` with a body.
    async fn change(&self) -> Result<UpstreamAnswer, UpstreamError> {
        self.upstream
            .send(on_behalf(Share::Operator, &self.account, &|| true), change(), Effect::Writes)
            .await
    }

    /// Calls the API and says which token it saw.
    async fn token(&self) -> String {
        let answer = self.get("/api/v2/token").await.unwrap();
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    /// `calls` at once; returns how each ended.
    async fn crowd(&self, calls: usize) -> Vec<Result<UpstreamAnswer, UpstreamError>> {
        let tasks: Vec<_> = (0..calls)
            .map(|_| {
                let (upstream, account) = (self.upstream.clone(), Arc::clone(&self.account));
                tokio::spawn(async move {
                    upstream
                        .send(
                            on_behalf(Share::Operator, &account, &|| true),
                            get("/api/v2/token"),
                            Effect::Reads,
                        )
                        .await
                })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }
}

fn account(master: &MasterKey, url: &str) -> ServiceAccount {
    let id = "main".parse().unwrap();
    ServiceAccount {
        sealed_secret: master.seal(&secret_context(&id), server::SECRET.as_bytes()).unwrap(),
        id,
        client_id: server::CLIENT.to_owned(),
        api_url: url.to_owned(),
        login_url: url.to_owned(),
        shared: false,
        description: String::new(),
        tokens: 1,
        requests_per_minute: None,
        lend_idle: false,
        secret_at: Clock::default().now(),
        created_at: Clock::default().now(),
        version: 1,
    }
}

fn on_behalf<'b>(
    share: Share<'b>,
    account: &'b Arc<ServiceAccount>,
    confirm: &'b (dyn Fn() -> bool + Sync),
) -> Behalf<'b> {
    Behalf { share, account, until: patience(), confirm }
}

fn get(path_and_query: &str) -> UpstreamRequest {
    UpstreamRequest {
        method: Method::GET,
        path_and_query: path_and_query.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

fn change() -> UpstreamRequest {
    UpstreamRequest { method: Method::POST, body: Bytes::from_static(b"{}"), ..get("/api/v2/things") }
}

/// Waits for what must come true.
async fn eventually<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "never came true: {what}");
}
