//! The one door to Genesys. The only importer of `reqwest` (tokens); forwarding goes over a pooled hyper-util client.
//!
//! SKELETON: signatures agreed; the upstream's author fills them in.
#![expect(clippy::unimplemented, unused_variables, missing_docs, reason = "skeleton")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::{clock::Clock, model::ServiceAccount, secret::MasterKey};

pub struct Options {
    pub request_timeout: Duration,
    pub max_answer_bytes: usize,
    pub clock: Clock,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("no token could be had from Genesys's login for service account `{account}`: {why}")]
    NoToken { account: String, why: String },
    #[error("Genesys could not be reached")]
    Unreachable {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The exchange broke after the request was sent: whether it took effect is unknown.
    #[error("the exchange with Genesys broke off")]
    Broken {
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("Genesys did not answer in time")]
    TimedOut,
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    /// Upstream refused a fresh token twice.
    #[error("Genesys refuses the token of service account `{account}`")]
    Unauthorized { account: String },
    /// The answer is not HTTP as promised (compressed though not asked for, …).
    #[error("the answer cannot be read: {why}")]
    Malformed { why: String },
}

/// A request ready to send. The path and query are canonical and already encoded; headers are those to send (the
/// client adds host, authorization, user-agent and content-length itself).
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    pub method: Method,
    pub path_and_query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct UpstreamAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Debug, Clone)]
pub struct Upstream {}
impl Upstream {
    pub fn new(options: Options, master: MasterKey) -> anyhow::Result<Self> {
        unimplemented!()
    }
    /// One exchange with a cached token; a 401 invalidates that token and the call is repeated once.
    pub async fn send(
        &self,
        account: &Arc<ServiceAccount>,
        request: UpstreamRequest,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        unimplemented!()
    }
    /// For the operator's check: mints a token now and calls `GET /api/v2/tokens/me`.
    pub async fn check(&self, account: &Arc<ServiceAccount>) -> Result<(), UpstreamError> {
        unimplemented!()
    }
}
/// How a service account's secret is sealed: the context for [`MasterKey::seal`].
pub fn secret_context(account: &crate::model::ServiceAccountId) -> String {
    format!("service-account/{account}/client-secret")
}
/// The API and login URLs of a region (facts: the public region table), e.g. `eu-central-1`.
pub fn region_urls(region: &str) -> Option<(String, String)> {
    unimplemented!()
}
