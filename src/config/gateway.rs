//! `[gateway]`: the listener for tenants.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Problem;

// Two exchanges and the other timers of a call stay below `store::events::LONGEST_CALL`.
const LONGEST_REQUEST_MS: u64 = 300_000;

/// The listener for tenants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The longest request body that is read.
    pub max_body_bytes: usize,
    /// The longest answer of Genesys that is read before it is checked.
    pub max_answer_bytes: usize,
    /// What all answers may take together, from when they are read until the last byte is sent.
    pub answer_memory_bytes: usize,
    /// How long a client may take to send its headers.
    pub header_read_timeout_ms: u64,
    /// How long a connection is kept between requests.
    pub idle_timeout_ms: u64,
    /// How long one exchange with Genesys may take, at most five minutes.
    pub request_timeout_ms: u64,
    /// How many requests one source address (of IPv6 one /64) may send in a minute that fail before a credential has
    /// proved right; further ones of those are 429.
    pub failed_authentications_per_minute: NonZeroU32,
    /// How many connections are open at once; further ones wait.
    pub max_connections: usize,
    /// How many of them one source address may have (of IPv6 one /64), `trusted_proxies` excepted; further ones are
    /// closed.
    pub max_connections_per_source: usize,
    /// Proxies whose `X-Forwarded-For` is believed, counted from the right.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Operations that Genesys changed, as `ringfence catalog drift --write` lists them: they are denied.
    pub denied_operations_file: Option<PathBuf>,
    /// Serve HTTPS, with these files.
    pub tls: Option<Tls>,
}

/// The files of `gateway.tls`, all PEM; read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, then those that vouch for it.
    pub cert: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// Who vouches for clients, which then must show a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            max_body_bytes: 524_288,
            max_answer_bytes: 16_777_216,
            answer_memory_bytes: 268_435_456,
            header_read_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
            request_timeout_ms: 60_000,
            failed_authentications_per_minute: const { NonZeroU32::new(100).unwrap() },
            max_connections: 10_000,
            max_connections_per_source: 2_500,
            trusted_proxies: Vec::new(),
            denied_operations_file: None,
            tls: None,
        }
    }
}

impl Gateway {
    pub(super) fn make_absolute(&mut self, directory: &Path) {
        if let Some(file) = &mut self.denied_operations_file {
            *file = directory.join(&*file);
        }
        let Some(tls) = &mut self.tls else { return };
        for file in [&mut tls.cert, &mut tls.key].into_iter().chain(&mut tls.client_ca) {
            *file = directory.join(&*file);
        }
    }

    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let positive = [
            ("gateway.max_body_bytes", self.max_body_bytes == 0),
            ("gateway.max_answer_bytes", self.max_answer_bytes == 0),
            ("gateway.header_read_timeout_ms", self.header_read_timeout_ms == 0),
            ("gateway.idle_timeout_ms", self.idle_timeout_ms == 0),
            ("gateway.request_timeout_ms", self.request_timeout_ms == 0),
            ("gateway.max_connections", self.max_connections == 0),
            ("gateway.max_connections_per_source", self.max_connections_per_source == 0),
        ];
        if self.request_timeout_ms > LONGEST_REQUEST_MS {
            let message = format!("at most {LONGEST_REQUEST_MS}: the record relies on calls that end sooner");
            problems.push(Problem::new("gateway.request_timeout_ms", message));
        }
        if self.answer_memory_bytes / 4 < self.max_answer_bytes {
            let message = format!(
                "less than four times `gateway.max_answer_bytes`, so that no answer of that size could ever be read (one \
                 tenant holds at most a quarter): write {} or more",
                self.max_answer_bytes.saturating_mul(4)
            );
            problems.push(Problem::new("gateway.answer_memory_bytes", message));
        }
        let zeros = positive.into_iter().filter(|(_, zero)| *zero);
        problems
            .extend(zeros.map(|(key, _)| Problem::new(key, "0 would refuse everything: write 1 or more")));
    }
}
