//! Configuration.
//!
//! SKELETON: the config's author fills it in (one file per section).
#![expect(missing_docs, reason = "skeleton")]
use std::net::SocketAddr;
#[derive(Debug, Clone, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gateway {
    pub listen: SocketAddr,
    pub max_body_bytes: usize,
    pub max_answer_bytes: usize,
    pub header_read_timeout_ms: u64,
    pub request_timeout_ms: u64,
    pub max_connections: usize,
    pub trusted_proxies: Vec<ipnet::IpNet>,
}
impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            max_body_bytes: 524_288,
            max_answer_bytes: 16_777_216,
            header_read_timeout_ms: 10_000,
            request_timeout_ms: 60_000,
            max_connections: 10_000,
            trusted_proxies: Vec::new(),
        }
    }
}
