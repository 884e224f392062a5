//! Everything built once from the configuration, then bound, served and drained.
//!
//! [`App::build`] opens the store and starts what lives as long as the process; [`App::bind`] takes the three listeners;
//! [`Bound::serve`] answers until it is told to drain. Tests go the same way, with port 0.

mod descriptors;
pub mod doctor;
mod keys;
mod proving;
mod serving;
mod watching;

use std::{fmt::Display, num::NonZeroU32, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use futures_util::future::BoxFuture;

pub use keys::{KeyFile, Keys, Rotation, Step, read_passphrase, sealed_under};
pub use serving::{Addresses, Bound};

use crate::{
    audit::{self, Audit, Reader},
    catalog::{Catalog, ChangedOperation, Denials},
    clock::Clock,
    cluster::{Cluster, Counters, Replicas},
    config::{self, Config, ConfigError},
    directory::Directory,
    gateway::{self, Gateway},
    operator::{self, Desk},
    policy::Engine,
    store::{Lost, Store},
    tenancy::Tenancy,
    upstream::{self, Upstream},
    web::listener::{Tls, TlsFiles},
};

/// The process's parts, started, not yet listening.
pub struct App {
    config: Config,
    store: Store,
    tenancy: Tenancy,
    audit: Audit,
    gateway: Gateway,
    directory: Directory,
    desk: Desk,
    clock: Clock,
    tls: Option<Tls>,
    following: BoxFuture<'static, ()>,
}

impl App {
    /// What serves tenants, for who measures it.
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Opens and migrates the store, opens the keys, and starts the record and the tenants' views.
    pub async fn build(config: Config, clock: Clock) -> anyhow::Result<Self> {
        let catalog = open_catalog(&config)?;
        Self::build_of(config, clock, catalog).await
    }

    /// As [`App::build`], of a catalog of the caller's.
    pub async fn build_of(config: Config, clock: Clock, catalog: Catalog) -> anyhow::Result<Self> {
        check_region(&config)?;
        let tls = config.gateway.tls.as_ref().map(open_tls).transpose()?;
        // Before the first counter, which would otherwise be lost.
        let _ = crate::telemetry::metrics();
        let store = open_store(&config).await?;
        let keys = Keys::load(&config.secrets, &store, &clock).await?;
        let followed = keys.follow();
        let catalog = Arc::new(catalog);
        let engine = Engine::new(&catalog.actions()).context("the base policies do not load")?;
        let engine = Arc::new(engine);
        let audit = open_record(&store, &clock, &config).await?;
        let cluster = join_cluster(&config, &store, &keys.installation, (&audit, &clock)).await?;
        let tenancy = Tenancy::start(store.clone(), Arc::clone(&engine), keys.master.clone()).await;
        let tenancy = tenancy.context("the tenants cannot be read")?;
        let telling = proving::tell(tenancy.clone(), store.clone(), clock.clone());
        let upstream = Upstream::new(upstream_options(&config, &clock), keys.master.clone())?;
        let (others, sending) = (cluster.clone(), upstream.clone());
        let following = Box::pin(async move {
            let divide = |replicas: Replicas| sending.set_part(None, Some(replicas.portion()));
            tokio::join!(followed, telling, others.follow(divide));
        });
        let directory = Directory::new(
            upstream.clone(),
            Arc::clone(catalog.entities()),
            config.upstream.neutral_divisions.clone(),
            store.clone(),
            clock.clone(),
        );
        let gateway = Gateway::new(gateway::Parts {
            catalog: Arc::clone(&catalog),
            tenancy: tenancy.clone(),
            directory: directory.clone(),
            upstream: upstream.clone(),
            audit: audit.clone(),
            reader: Reader::new(store.clone()),
            cluster: cluster.clone(),
            pepper: keys.pepper.clone(),
            handle_key: keys.handles,
            claim_key: keys.claims,
            installation: keys.installation,
            clock: clock.clone(),
            config: config.gateway.clone(),
            neutral_divisions: config.upstream.neutral_divisions.clone(),
        });
        let desk = Desk::new(operator::Parts {
            store: store.clone(),
            tenancy: tenancy.clone(),
            upstream,
            audit: audit.clone(),
            engine,
            catalog,
            master: keys.master,
            pepper: keys.pepper,
            clock: clock.clone(),
            upstream_defaults: config.upstream.clone(),
        });
        Ok(Self { config, store, tenancy, audit, gateway, directory, desk, clock, tls, following })
    }
}

/// What witnesses have seen of the record and the store does not have: an older copy of it was put back.
pub async fn lost(store: &Store, config: &Config) -> anyhow::Result<Vec<Lost>> {
    audit::lost(store, &config.audit).await.context("the record cannot be compared with its witnesses")
}

/// Opens the record. What was witnessed of it must be there: otherwise an older copy of the store was put back.
async fn open_record(store: &Store, clock: &Clock, config: &Config) -> anyhow::Result<Audit> {
    let lost = lost(store, config).await?;
    if let Some(first) = lost.first() {
        bail!(
            "the store is behind what was witnessed of its record, in {} stream(s), the first: {first}. It seems to be an older \
             copy: put the newer one back, or see what is lost with `ringfence audit accept-restore`",
            lost.len()
        );
    }
    let audit = Audit::start_with(store.clone(), clock.clone(), &config.audit).await;
    audit.context("the record cannot be opened")
}

/// Opens the configured store and applies the migrations that it lacks.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let url = &config.store.url;
    let store = Store::open(url.expose()).await.with_context(|| format!("`{url}` cannot be opened"))?;
    let applied = store.migrate().await.with_context(|| format!("`{url}` cannot be migrated"))?;
    if !applied.is_empty() {
        tracing::info!(migrations = applied.len(), "the store was migrated");
    }
    Ok(store)
}

/// What is embedded, without the operations that are to be denied as Genesys changed them.
fn open_catalog(config: &Config) -> anyhow::Result<Catalog> {
    let catalog = Catalog::embedded().context("the catalog of operations does not load")?;
    let Some(file) = &config.gateway.denied_operations_file else { return Ok(catalog) };
    let problem = |why: &dyn Display| {
        ConfigError::one("gateway.denied_operations_file", format!("`{}`: {why}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| problem(&error))?;
    let denials = Denials::read(&text).map_err(|error| problem(&error))?;
    for ChangedOperation { operation, changes } in &denials.denied {
        tracing::warn!(operation, ?changes, "denied until somebody has looked at what Genesys changed");
    }
    Ok(catalog.without(&denials).map_err(|error| problem(&error))?)
}

/// Redis is not waited for: without it each replica takes its fraction.
async fn join_cluster(
    config: &Config,
    store: &Store,
    installation: &str,
    (audit, clock): (&Audit, &Clock),
) -> anyhow::Result<Cluster> {
    let open = |url: &config::RedisUrl| {
        Counters::new(url.expose(), installation)
            .map_err(|error| ConfigError::one("cluster.redis_url", format!("`{url}`: {error}")))
    };
    let counters = config.cluster.redis_url.as_ref().map(open).transpose()?;
    let joined = Cluster::join(store.clone(), clock.clone(), audit.stream().clone(), counters).await;
    joined.context("it cannot be told who else serves")
}

fn open_tls(tls: &config::Tls) -> Result<Tls, ConfigError> {
    let config::Tls { cert, key, client_ca } = tls.clone();
    Tls::load(TlsFiles { cert, key, client_ca })
        .map_err(|error| ConfigError::one(&format!("gateway.tls.{}", error.setting), error.to_string()))
}

/// Regions are known to [`crate::upstream`] alone, so the configuration cannot check its own.
fn check_region(config: &Config) -> Result<(), ConfigError> {
    let region = &config.upstream.region;
    if upstream::region_urls(region).is_some() {
        return Ok(());
    }
    let what = format!("`{region}` is not a region of Genesys Cloud: write one such as `us-east-1`");
    Err(ConfigError::one("upstream.region", what))
}

fn upstream_options(config: &Config, clock: &Clock) -> upstream::Options {
    upstream::Options {
        request_timeout: Duration::from_millis(config.gateway.request_timeout_ms),
        max_answer_bytes: config.gateway.max_answer_bytes,
        answer_memory_bytes: config.gateway.answer_memory_bytes,
        clock: clock.clone(),
        budget: upstream::BudgetOptions {
            requests_per_minute: config.upstream.requests_per_minute.map(NonZeroU32::get),
            ..upstream::BudgetOptions::default()
        },
    }
}
