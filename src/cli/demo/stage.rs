//! What the demo starts and registers: the organisation, the gateway, two tenants.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::PathBuf,
};

use anyhow::Context;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::remote::Remote;
use crate::{
    app::{Addresses, App},
    cli::init,
    clock::Clock,
    config::Config,
    simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator},
};

const SERVICE_ACCOUNT: &str = "simulated";
const TENANTS: [(&str, &str); 2] = [("alpha", "Alpha Division"), ("beta", "Beta Division")];

/// All that runs, and how to reach it.
pub(super) struct Stage {
    pub(super) remote: Remote,
    pub(super) facts: Facts,
    pub(super) tenants: Vec<Tenant>,
    pub(super) gateway: String,
    pub(super) operator: String,
    pub(super) telemetry: String,
    pub(super) admin_token: String,
    simulator: Simulator,
    drain: CancellationToken,
    ended: CancellationToken,
    serving: JoinHandle<anyhow::Result<()>>,
    // Removed when all else has ended.
    _directory: TemporaryDirectory,
}

/// What the organisation says it holds.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    pub(super) interval: String,
    pub(super) counts: Counts,
    pub(super) divisions: Vec<Division>,
}

/// How much it holds in all.
#[derive(Debug, Deserialize)]
pub(super) struct Counts {
    pub(super) users: usize,
    pub(super) conversations: usize,
}

/// What it holds in one division.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Division {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) users: Vec<String>,
    pub(super) conversations: Vec<Conversation>,
}

/// A conversation that took place in a division, maybe in another one too.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Conversation {
    pub(super) id: String,
}

/// A registered tenant and its key.
pub(super) struct Tenant {
    pub(super) id: String,
    pub(super) division: Division,
    pub(super) api_key: String,
    pub(super) access_token: String,
}

impl Stage {
    /// Starts everything and registers the tenants through the admin API.
    pub(super) async fn set() -> anyhow::Result<Self> {
        let directory = TemporaryDirectory::make()?;
        let simulator = Simulator::start(Options::default()).await?;
        let config = Config::standalone(&directory.0);
        let admin = init::add_first_admin(&config, "admin@demo.example").await?;
        let bound = App::build(config, Clock::default()).await?.bind().await?;
        let Addresses { gateway, operator, telemetry } = bound.addresses();
        let (drain, ended) = (CancellationToken::new(), CancellationToken::new());
        let serving = {
            let (drain, ended) = (drain.clone(), ended.clone().drop_guard());
            tokio::spawn(async move {
                let _ended = ended;
                bound.serve(drain).await
            })
        };
        let remote = Remote::new()?;
        let facts = format!("http://{}/facts", simulator.control());
        let facts = remote.expect(Method::GET, &facts, "", None).await?;
        let mut stage = Self {
            remote,
            facts: serde_json::from_value(facts).context("the organisation's facts have another form")?,
            tenants: Vec::new(),
            gateway: format!("http://{gateway}"),
            operator: format!("http://{operator}"),
            telemetry: format!("http://{telemetry}"),
            admin_token: admin.token.expose_secret().to_owned(),
            simulator,
            drain,
            ended,
            serving,
            _directory: directory,
        };
        stage.register().await?;
        Ok(stage)
    }

    /// Sends a request to the admin API; it must succeed.
    pub(super) async fn admin(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/admin/v1{path}", self.operator);
        self.remote.expect(method, &url, &self.admin_token, body).await
    }

    /// Resolves if the gateway stops before it is told to.
    pub(super) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Drains and stops everything.
    pub(super) async fn clear(self) -> anyhow::Result<()> {
        self.drain.cancel();
        self.serving.await.context("the gateway failed")??;
        self.simulator.stop().await;
        Ok(())
    }

    // One service account that sees the whole organisation, for both: all that keeps them apart is the gateway.
    async fn register(&mut self) -> anyhow::Result<()> {
        let upstream = self.simulator.url();
        let account = json!({
            "id": SERVICE_ACCOUNT, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "api_url": upstream, "login_url": upstream,
            "shared": true, "description": "sees every division of the simulated organisation",
        });
        self.admin(Method::POST, "/service-accounts", Some(&account)).await?;
        for (id, division) in TENANTS {
            let tenant = self.register_tenant(id, division).await?;
            self.tenants.push(tenant);
        }
        Ok(())
    }

    async fn register_tenant(&self, id: &str, division: &str) -> anyhow::Result<Tenant> {
        let found = self.facts.divisions.iter().find(|known| known.name == division);
        let division = found.with_context(|| format!("the organisation has no `{division}`"))?.clone();
        let tenant = json!({
            "id": id, "name": division.name, "division_ids": [division.id],
            "service_account": SERVICE_ACCOUNT, "policy_template": "full-access",
        });
        self.admin(Method::POST, "/tenants", Some(&tenant)).await?;
        let key = self
            .admin(Method::POST, &format!("/tenants/{id}/keys"), Some(&json!({ "name": "demo" })))
            .await?;
        let text = |field: &str| {
            let value = key.get(field).and_then(Value::as_str);
            value.map(str::to_owned).with_context(|| format!("the new key has no `{field}`"))
        };
        let (client_id, client_secret) = (text("client_id")?, text("client_secret")?);
        let access_token = self.remote.log_in(&self.gateway, &client_id, &client_secret).await?;
        Ok(Tenant { id: id.to_owned(), division, api_key: text("api_key")?, access_token })
    }
}

struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    fn make() -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("ringfence-demo-{}", Uuid::now_v7().simple()));
        let made = DirBuilder::new().mode(0o700).create(&directory);
        made.with_context(|| format!("`{}` cannot be made", directory.display()))?;
        Ok(Self(directory))
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever cleans the temporary directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}
