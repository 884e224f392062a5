//! What stands in the way of serving: looked at from outside, nothing is changed.

mod certificate;
mod keys;
mod upstream;

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::ErrorKind,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::TimeDelta;
use serde::Serialize;
use tokio::net::TcpListener;

use super::{Keys, check_region, open_catalog, open_tls, upstream_options};
use crate::{
    catalog::Catalog,
    clock::Clock,
    cluster::Counters,
    config::{Config, MasterKeySource, Witness},
    model::OwnPolicies,
    policy::Engine,
    secret::Pepper,
    store::{Changes, Ledger, Store, Subject},
    upstream::Upstream,
};

/// How long before its end a certificate is complained of.
const EXPIRES_SOON: TimeDelta = TimeDelta::days(14);

/// Something that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Where: a setting, a file, a tenant.
    pub place: String,
    /// Whether it is as it should be.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Whether something is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    Ok,
    /// It works, but should be looked after.
    Warning,
    /// It keeps something from working.
    Problem,
}

/// All that was looked at.
#[derive(Debug)]
pub struct Examination {
    /// In the order in which things are needed.
    pub findings: Vec<Finding>,
    /// Whether the configuration file itself is wrong, so that nothing else could be looked at.
    pub misconfigured: bool,
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn ok(&mut self, place: impl Into<String>, found: impl Into<String>) {
        self.0.push(Finding { place: place.into(), state: State::Ok, found: found.into(), remedy: None });
    }

    fn warn(&mut self, place: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) {
        self.bad(State::Warning, place, found, remedy);
    }

    fn problem(&mut self, place: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) {
        self.bad(State::Problem, place, found, remedy);
    }

    fn bad(
        &mut self,
        state: State,
        place: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let (place, found, remedy) = (place.into(), found.into(), Some(remedy.into()));
        self.0.push(Finding { place, state, found, remedy });
    }
}

/// Looks at everything that serving with this configuration needs.
pub async fn examine(file: &Path, clock: &Clock) -> Examination {
    let mut findings = Findings::default();
    let place = file.display().to_string();
    let config = Config::load(file).and_then(|config| check_region(&config).map(|()| config));
    let misconfigured = config.is_err();
    match config {
        Ok(config) => {
            findings.ok(place, "the configuration is valid");
            key_file(&config, &mut findings);
            tls(&config, clock, &mut findings);
            changed_operations(&config, &mut findings);
            listeners(&config, &mut findings).await;
            redis(&config, &mut findings).await;
            if let Some(store) = store(&config, &mut findings).await {
                kept(&config, &store, clock, &mut findings).await;
                store.close().await;
            }
            witnesses(&config, &mut findings);
        }
        Err(error) => findings.problem(
            place,
            error.to_string(),
            "change what is named; `ringfence config show` checks it",
        ),
    }
    Examination { findings: findings.0, misconfigured }
}

/// Without a witness, an older copy of the store in its place is not noticed, nor is what was cut off the record's end.
fn witnesses(config: &Config, findings: &mut Findings) {
    const PLACE: &str = "audit.witnesses";
    if config.audit.witnesses.is_empty() {
        let remedy = "name a file where nobody who can write to the store can";
        findings.warn(PLACE, "witness: not configured", remedy);
    }
    for Witness { file } in &config.audit.witnesses {
        let shown = file.display();
        match OpenOptions::new().append(true).open(file) {
            Ok(_) => findings.ok(PLACE, format!("`{shown}` can be written to")),
            Err(error) if error.kind() == ErrorKind::NotFound && file.parent().is_some_and(Path::is_dir) => {
                findings.warn(PLACE, format!("`{shown}` is not there yet"), "`ringfence serve` makes it");
            }
            Err(error) => {
                let found = format!("`{shown}` cannot be written to: {error}");
                findings.problem(PLACE, found, "let the user that serves write to it, or name another file");
            }
        }
    }
}

fn key_file(config: &Config, findings: &mut Findings) {
    let (place, file) = match config.secrets.master_key() {
        Some(MasterKeySource::KeyFile(file)) => ("secrets.master_key_file", file),
        Some(MasterKeySource::PassphraseFile(file)) => ("secrets.passphrase_file", file),
        None => return,
    };
    match file.metadata().map(|metadata| metadata.permissions().mode()) {
        Ok(mode) if mode & 0o077 != 0 => {
            let found = format!("others may read `{}` (mode {:o})", file.display(), mode & 0o777);
            findings.problem(place, found, format!("chmod 600 {}", file.display()));
        }
        Ok(_) => findings.ok(place, format!("`{}` is its owner's alone", file.display())),
        Err(error) => {
            let found = format!("`{}` cannot be read: {error}", file.display());
            findings.problem(
                place,
                found,
                "put the key's file back from its copy; `ringfence init` makes a new installation",
            );
        }
    }
}

fn tls(config: &Config, clock: &Clock, findings: &mut Findings) {
    const PLACE: &str = "gateway.tls";
    let Some(files) = &config.gateway.tls else {
        return findings.ok(PLACE, "not configured: the gateway listener speaks plain HTTP");
    };
    if let Err(error) = open_tls(files) {
        return findings.problem(PLACE, error.to_string(), "put the right files there");
    }
    let until = std::fs::read(&files.cert).ok().and_then(|pem| certificate::valid_until(&pem));
    let renew = "renew the certificate; it is read again without a restart";
    match until {
        Some(until) if until <= clock.now() => {
            findings.problem(PLACE, format!("the certificate ended at {until}"), renew);
        }
        Some(until) if until <= clock.now() + EXPIRES_SOON => {
            findings.warn(PLACE, format!("the certificate ends at {until}"), renew);
        }
        Some(until) => findings.ok(PLACE, format!("the certificate is valid until {until}")),
        None => {
            findings.warn(
                PLACE,
                "the end of the certificate's validity cannot be read",
                "look at it by hand",
            );
        }
    }
}

fn changed_operations(config: &Config, findings: &mut Findings) {
    const PLACE: &str = "gateway.denied_operations_file";
    let Some(file) = &config.gateway.denied_operations_file else { return };
    match open_catalog(config) {
        Ok(_) => {
            let found = format!("the operations of `{}` are denied: Genesys changed them", file.display());
            findings.warn(PLACE, found, "look at what changed, and delete from the list what may be served");
        }
        Err(error) => {
            findings.problem(PLACE, error.to_string(), "have `ringfence catalog drift` write it anew");
        }
    }
}

async fn listeners(config: &Config, findings: &mut Findings) {
    for (place, address) in [
        ("gateway.listen", config.gateway.listen),
        ("operator.listen", config.operator.listen),
        ("telemetry.listen", config.telemetry.listen),
    ] {
        match free(address).await {
            Ok(()) => findings.ok(place, format!("{address} is free")),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                findings.ok(place, format!("{address} is being served: by this installation, if it runs"));
            }
            Err(error) => {
                let found = format!("{address} cannot be listened on: {error}");
                findings.problem(
                    place,
                    found,
                    "choose an address of this machine and a port that this user may take",
                );
            }
        }
    }
}

/// What limits are leased from, if anything.
async fn redis(config: &Config, findings: &mut Findings) {
    const PLACE: &str = "cluster.redis_url";
    let Some(url) = &config.cluster.redis_url else { return };
    let asked = async { Counters::new(url.expose(), "")?.ping().await };
    match asked.await {
        Ok(()) => findings.ok(PLACE, format!("`{url}` answers")),
        Err(error) => findings.warn(
            PLACE,
            format!("`{url}` does not answer: {error}"),
            "start it, or correct the URL: until then each replica takes its fraction of every limit",
        ),
    }
}

async fn free(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).await.map(drop)
}

/// The store, if it is there. A missing SQLite file is not made.
async fn store(config: &Config, findings: &mut Findings) -> Option<Store> {
    const PLACE: &str = "store.url";
    let url = &config.store.url;
    if let Some(file) =
        url.expose().strip_prefix("sqlite://").map(PathBuf::from).filter(|file| !file.exists())
    {
        findings.problem(
            PLACE,
            format!("there is no `{}`", file.display()),
            "`ringfence init` or `ringfence migrate` makes it",
        );
        return None;
    }
    match Store::open(url.expose()).await {
        Ok(store) => Some(store),
        Err(error) => {
            findings.problem(
                PLACE,
                format!("`{url}` cannot be opened: {error}"),
                "start the database, or correct the URL",
            );
            None
        }
    }
}

/// What is in the store, and what it leads to.
async fn kept(config: &Config, store: &Store, clock: &Clock, findings: &mut Findings) {
    match store.pending().await {
        Ok(pending) if !pending.is_empty() => {
            let found = format!("migrations are not applied yet: {}", pending.join(", "));
            return findings.problem(
                "store",
                found,
                "run `ringfence migrate`; `ringfence serve` does so too",
            );
        }
        Ok(_) => {}
        Err(error) => return findings.problem("store", error.to_string(), "see the database's log"),
    }
    let mut changes = match store.changes_since(Ledger::BEFORE_ALL).await {
        Ok(changes) => changes,
        Err(error) => {
            let found = format!("the tables cannot be read: {error}");
            return findings.problem("store", found, "see the database's log");
        }
    };
    findings.ok("store", format!("reachable and migrated, at version {}", changes.version));
    policies(&changes, findings);
    keys::examine(&changes, clock, findings);
    // To load the keys makes those that an installation lacks: only of one that has them.
    match store.sealed(Pepper::PURPOSE).await {
        Ok(Some(_)) => {}
        Ok(None) => {
            return findings.problem("secrets", "the store holds no keys yet", "run `ringfence init`");
        }
        Err(error) => return findings.problem("store", error.to_string(), "see the database's log"),
    }
    let door = match Keys::load(&config.secrets, store, clock).await {
        Ok(keys) => {
            keys::examine_signing(&changes, &keys.master, findings);
            Upstream::new(upstream_options(config, clock), keys.master)
        }
        Err(error) => {
            let found = format!("{error:#}");
            return findings.problem("secrets", found, "use the master key that this store was made with");
        }
    };
    findings.ok("secrets", "the master key opens what the store holds");
    // With what another hand wrote nobody logs in: it may name another login.
    let unproven = grants(store, &changes, findings);
    changes
        .service_accounts
        .retain(|account| !unproven.contains(&Subject::ServiceAccount(account.id.clone())));
    match door {
        Ok(door) => upstream::examine(&door, &changes, clock, findings).await,
        Err(error) => findings.problem("upstream", format!("{error:#}"), "see the cause"),
    }
}

/// What grants something, and whether it was written by us.
fn grants(store: &Store, changes: &Changes, findings: &mut Findings) -> BTreeSet<Subject> {
    const PLACE: &str = "grants";
    let key = match store.grants_key() {
        Ok(key) => key.clone(),
        Err(error) => {
            findings.problem(PLACE, error.to_string(), "see the database's log");
            return BTreeSet::new();
        }
    };
    let mut ledger = Ledger::new(key);
    let taken = ledger.take_in(changes);
    for subject in ledger.unproven() {
        findings.problem(
            subject.to_string(),
            "refused: a row that grants it something was altered, added, taken away or put back by another hand",
            format!(
                "compare it with its changes in the record (`GET /admin/v1/events`); what is right again is taken for \
                 right by `ringfence secrets accept {subject}`"
            ),
        );
    }
    match taken {
        Ok(failed) if failed.is_empty() => findings.ok(PLACE, "each row that grants something was written by Ringfence"),
        Ok(_) => {}
        Err(error) => findings.problem(
            PLACE,
            format!("all are refused; {error}"),
            "put the last backup of the database back, or, if it is known what was done, `ringfence secrets accept all`",
        ),
    }
    ledger.unproven().clone()
}

fn policies(changes: &Changes, findings: &mut Findings) {
    let engine = Catalog::embedded()
        .map_err(|error| error.to_string())
        .and_then(|catalog| Engine::new(&catalog.actions()).map_err(|error| error.to_string()));
    let engine = match engine {
        Ok(engine) => Arc::new(engine),
        Err(error) => {
            return findings.problem("policies", error, "replace this binary: what it holds is broken");
        }
    };
    for tenant in &changes.tenants {
        let own = changes.policies.iter().filter(|policy| policy.tenant_id == tenant.id).cloned();
        let own: OwnPolicies = own.collect();
        let place = format!("tenant {}: policies", tenant.id);
        match engine.tenant(tenant, own.active().map(|version| &**version)) {
            Ok(_) => findings
                .ok(place, format!("template `{}` and own policies hold together", tenant.policy_template)),
            Err(error) => {
                findings.problem(place, error.to_string(), "all calls are refused: put a policy that holds");
            }
        }
    }
}
