//! Configuration: a TOML file, then the `RINGFENCE__SECTION__KEY` variables of the environment.
//!
//! One file per section. What is here is checked: an unknown key, a wrong value and a missing one are errors that
//! name the key, where it stands and what to write instead. Paths are relative to the configuration file and absolute
//! once loaded. This is the only reader of the environment.

mod audit;
mod cluster;
mod gateway;
mod operator;
mod problem;
mod secrets;
mod store;
mod telemetry;
mod template;
mod upstream;
mod url;

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use figment::{
    Figment,
    providers::{Env, Format, Toml},
};
use serde::{Deserialize, Serialize};

pub use audit::{Audit, Witness};
pub use cluster::{Cluster, RedisUrl};
pub use gateway::{Gateway, Tls};
pub use operator::Operator;
pub use problem::{ConfigError, Problem};
pub use secrets::{MasterKeySource, Secrets};
pub use store::{Store, StoreUrl};
pub use telemetry::{LogFormat, Telemetry};
pub use template::toml;
pub use upstream::Upstream;

const PREFIX: &str = "RINGFENCE__";

/// Everything that can be set. `Debug` and `Serialize` show passwords as `***`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The listener for tenants.
    pub gateway: Gateway,
    /// The listener for operators and auditors.
    pub operator: Operator,
    /// The listener for metrics and probes; logs and spans.
    pub telemetry: Telemetry,
    /// Where everything is kept.
    pub store: Store,
    /// How the record is signed for good, and who is told.
    pub audit: Audit,
    /// What replicas share beside it.
    pub cluster: Cluster,
    /// What holds for service accounts that do not say otherwise.
    pub upstream: Upstream,
    /// Where the master key comes from.
    pub secrets: Secrets,
}

impl Config {
    /// Reads the file, then the environment, and checks the whole.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        let file = std::path::absolute(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
        Self::parse(&text, &file)
    }

    /// The configuration that `text` would give if it stood in `file`.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = Figment::from(Toml::string(text))
            .merge(environment())
            .extract()
            .map_err(|errors| ConfigError::from_figment(errors, file))?;
        let directory = file.parent().unwrap_or(Path::new("/"));
        config.gateway.make_absolute(directory);
        config.store.make_absolute(directory);
        config.audit.make_absolute(directory);
        config.secrets.make_absolute(directory);
        config.upstream.normalise();
        config.operator.normalise();
        config.check(file)?;
        Ok(config)
    }

    /// Everything in one directory and on free ports of this machine, whatever the environment says: for what is
    /// started to be looked at and thrown away.
    pub fn standalone(directory: &Path) -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut config = Self {
            gateway: Gateway { listen, ..Gateway::default() },
            operator: Operator { listen, ..Operator::default() },
            telemetry: Telemetry { listen, ..Telemetry::default() },
            secrets: Secrets { master_key_file: Some("master.key".into()), passphrase_file: None },
            ..Self::default()
        };
        config.store.make_absolute(directory);
        config.secrets.make_absolute(directory);
        config
    }

    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.gateway.check(&mut problems);
        self.operator.check(&mut problems);
        self.telemetry.check(&mut problems);
        self.store.check(&mut problems);
        self.audit.check(&mut problems);
        self.cluster.check(&mut problems);
        self.upstream.check(&mut problems);
        self.secrets.check(&mut problems);
        self.check_listeners(&mut problems);
        ConfigError::unless_empty(problems, file)
    }

    // Three listeners, so that what tenants can reach and what operators can reach never share a router.
    fn check_listeners(&self, problems: &mut Vec<Problem>) {
        let (gateway, operator, telemetry) =
            (self.gateway.listen, self.operator.listen, self.telemetry.listen);
        let pairs = [
            ("operator.listen", operator, "gateway.listen", gateway),
            ("telemetry.listen", telemetry, "gateway.listen", gateway),
            ("telemetry.listen", telemetry, "operator.listen", operator),
        ];
        for (key, address, other_key, other) in pairs {
            if address == other && address.port() != 0 {
                problems.push(Problem::new(
                    key,
                    format!("`{address}` is also `{other_key}`: give each listener a port of its own"),
                ));
            }
        }
    }
}

/// The text of a new configuration file: all settings explained, those that the environment sets now written out, so
/// that the file alone gives the same configuration.
pub fn new_file() -> String {
    template::render(environment())
}

/// What the log shows (`RUST_LOG`), or `default`.
#[expect(clippy::disallowed_methods, reason = "configuration is read once, here")]
pub fn log_filter(default: &str) -> String {
    std::env::var("RUST_LOG").ok().filter(|filter| !filter.trim().is_empty()).unwrap_or(default.to_owned())
}

/// Where `init` puts the configuration and the rest.
pub fn file_in(directory: &Path) -> PathBuf {
    directory.join("ringfence.toml")
}

fn environment() -> Env {
    Env::prefixed(PREFIX).split("__")
}

// The variable that sets a key, if it is set.
fn variable_of(key: &str) -> Option<String> {
    let name = format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
    std::env::vars_os().any(|(variable, _)| variable.as_os_str() == OsStr::new(&name)).then_some(name)
}
