//! Limits that hold over several replicas: real processes on one PostgreSQL, with and without Redis.

mod budgets;
mod quotas;
mod rates;
mod spans;

use std::time::Duration;

use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, Options, Simulator};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use crate::support::{
    app::{Answer, read},
    command::{Directory, Process, ready_file, ringfence, stderr, stdout},
    database::TestDatabase,
};

/// What the gateway answers itself: it costs no call of Genesys.
const CHEAP: &str = "/api/v2/tokens/me";

/// What the account may send in a minute.
const BUDGET: u32 = 40;

struct Replica {
    gateway: String,
    operator: String,
    telemetry: String,
    process: Process,
}

/// Replicas with one store and one master key, and a tenant that is limited.
struct House {
    replicas: Vec<Replica>,
    client: reqwest::Client,
    admin_token: String,
    key: String,
    config: String,
    redis: Option<String>,
    started: usize,
    directory: Directory,
    simulator: Simulator,
    _database: TestDatabase,
}

impl House {
    async fn start(count: usize, redis: Option<String>, limits: Value) -> Self {
        let database = TestDatabase::postgres().await;
        let directory = Directory::new();
        let mut init = ringfence(&["init", "--dir", directory.path().to_str().unwrap(), "--json"]);
        let init = init.env("RINGFENCE__STORE__URL", database.url()).output().unwrap();
        assert!(init.status.success(), "{}", stderr(&init));
        let made: Value = serde_json::from_str(&stdout(&init)).unwrap();
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let mut house = Self {
            replicas: Vec::new(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            admin_token: made["admin_token"].as_str().unwrap().to_owned(),
            key: String::new(),
            config: made["config"].as_str().unwrap().to_owned(),
            redis,
            started: 0,
            directory,
            simulator,
            _database: database,
        };
        for _ in 0..count {
            let replica = house.replica().await;
            house.replicas.push(replica);
        }
        let url = house.simulator.url();
        let account = json!({
            "id": "alpha", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "api_url": url, "login_url": url,
            "requests_per_minute": BUDGET,
        });
        house.post("/service-accounts", &account).await.expect(201);
        let tenant = json!({
            "id": "alpha", "name": "Alpha", "division_ids": [ALPHA], "service_account": "alpha",
            "policy_template": "full-access", "limits": limits,
        });
        house.post("/tenants", &tenant).await.expect(201);
        let key = house.post("/tenants/alpha/keys", &json!({ "name": "first" })).await.expect(201);
        key["api_key"].as_str().unwrap().clone_into(&mut house.key);
        house.until_known().await;
        house.until_all_see(count).await;
        house
    }

    /// Waits until each replica knows the key: it then knows of another tenant's, which was made later.
    async fn until_known(&self) {
        let url = self.simulator.url();
        let account = json!({
            "id": "beta", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "api_url": url, "login_url": url,
        });
        self.post("/service-accounts", &account).await.expect(201);
        let tenant = json!({
            "id": "beta", "name": "Beta", "division_ids": [BETA], "service_account": "beta",
            "policy_template": "full-access",
        });
        self.post("/tenants", &tenant).await.expect(201);
        let later = self.post("/tenants/beta/keys", &json!({ "name": "later" })).await.expect(201);
        for replica in &self.replicas {
            eventually("the key is known", async || {
                let call = self.client.get(format!("{}{CHEAP}", replica.gateway));
                let answer = read(call.bearer_auth(later["api_key"].as_str().unwrap())).await;
                (answer.status == 200).then_some(())
            })
            .await;
        }
    }

    /// One more process; it serves when this returns.
    async fn replica(&mut self) -> Replica {
        self.started += 1;
        let ready = self.directory.file(&format!("{}.json", self.started));
        let mut serve = ringfence(&["serve", "--config", &self.config, "--ready-file", &ready]);
        for section in ["GATEWAY", "OPERATOR", "TELEMETRY"] {
            serve.env(format!("RINGFENCE__{section}__LISTEN"), "127.0.0.1:0");
        }
        if let Some(url) = &self.redis {
            serve.env("RINGFENCE__CLUSTER__REDIS_URL", url);
        }
        serve.env("RUST_LOG", "error");
        let process = Process::start(serve);
        let addresses = ready_file(&ready).await;
        let url = |name: &str| format!("http://{}", addresses[name].as_str().unwrap());
        let (gateway, operator, telemetry) = (url("gateway"), url("operator"), url("telemetry"));
        let replica = Replica { gateway, operator, telemetry, process };
        let ready = format!("{}/ready", replica.telemetry);
        eventually("it is ready", async || (read(self.client.get(&ready)).await.status == 200).then_some(()))
            .await;
        replica
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let url = format!("{}/admin/v1{path}", self.replicas[0].operator);
        read(self.client.post(url).bearer_auth(&self.admin_token).json(body)).await
    }

    async fn limit(&self, limits: &Value) {
        let url = format!("{}/admin/v1/tenants/alpha", self.replicas[0].operator);
        let change = self.client.patch(url).bearer_auth(&self.admin_token);
        read(change.json(&json!({ "limits": limits }))).await.expect(200);
    }

    async fn call(&self, replica: usize) -> Answer {
        let url = format!("{}{CHEAP}", self.replicas[replica].gateway);
        read(self.client.get(url).bearer_auth(&self.key)).await
    }

    /// So many at once at one replica: how many were accepted; what was not was refused by the limit.
    async fn burst(&self, replica: usize, many: usize) -> usize {
        self.burst_of(CHEAP, replica, many).await
    }

    async fn burst_of(&self, path: &str, replica: usize, many: usize) -> usize {
        let mut calls = JoinSet::new();
        for _ in 0..many {
            let url = format!("{}{path}", self.replicas[replica].gateway);
            calls.spawn(read(self.client.get(url).bearer_auth(&self.key)));
        }
        let answers = calls.join_all().await;
        assert!(answers.iter().all(|answer| [200, 429].contains(&answer.status.as_u16())), "{answers:?}");
        answers.iter().filter(|answer| answer.status == 200).count()
    }

    /// What a replica says of itself.
    async fn metric(&self, replica: usize, name: &str) -> Option<f64> {
        metric(&self.client, &self.replicas[replica].telemetry, name).await
    }

    async fn until_all_see(&self, count: usize) {
        for replica in 0..self.replicas.len() {
            self.until_says(replica, "ringfence_replicas", f64::from(u32::try_from(count).unwrap())).await;
        }
    }

    async fn until_says(&self, replica: usize, metric: &str, value: f64) {
        eventually(metric, async || {
            self.metric(replica, metric).await.is_some_and(|said| (said - value).abs() < 0.5).then_some(())
        })
        .await;
    }

    /// Kills a replica without a word.
    async fn kill(&mut self, replica: usize) {
        let mut killed = self.replicas.remove(replica);
        killed.process.signal("KILL");
        killed.process.ended().await;
    }
}

/// What is told of this name.
async fn metric(client: &reqwest::Client, telemetry: &str, name: &str) -> Option<f64> {
    let url = format!("{telemetry}/metrics");
    #[expect(clippy::disallowed_methods, reason = "tests are clients")]
    let text = client.get(url).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")).map(str::to_owned));
    line.map(|value| value.parse().unwrap())
}

/// Looks again and again until there is something to see.
async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
