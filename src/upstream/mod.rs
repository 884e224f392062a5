//! The one door to Genesys.
//!
//! A call goes out over a pooled HTTP/1.1 client with the token of its tenant's service account. Tokens are minted by
//! client credentials, one per account: whoever comes first starts the mint in a task of its own, all others wait for
//! it. From four fifths of its life on a token is renewed in the background while it still serves; from a minute before
//! its end it serves no more. A failed mint is remembered, so that a crowd does not become a crowd at the login.
//!
//! A token that the API refuses is dropped and the call repeated once with another: an expired upstream token never
//! becomes a tenant's 401.
//!
//! Reads are sent again when upstream, or the way to it, fails: at most three attempts within three seconds. A change is
//! sent again only if it never left. An account whose calls fail again and again is spared ([`breaker`]), one that
//! Genesys told to wait does ([`pause`]). All waiting of a call together stays within ten seconds.

mod breaker;
mod client;
mod line;
mod login;
mod memory;
mod pause;
mod regions;
mod repeat;
mod tokens;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use hyper_rustls::ConfigBuilderExt;
use secrecy::SecretString;
use tokio::time::{Instant, sleep_until};

use self::{
    line::{Line, Lines},
    repeat::Attempts,
};
use crate::{
    clock::Clock,
    model::{ServiceAccount, ServiceAccountId},
    secret::MasterKey,
};

pub use memory::{Held, Share};
pub use pause::{refuses_any, told_to_wait};
pub use regions::region_urls;

/// How long a call waits for a token and for its next attempt, together.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the door is built with.
#[derive(Debug, Clone)]
pub struct Options {
    /// For one exchange, from connecting to the answer's last byte.
    pub request_timeout: Duration,
    /// The largest answer that is read.
    pub max_answer_bytes: usize,
    /// What all answers may take together, until they are released.
    pub answer_memory_bytes: usize,
    /// By which tokens expire.
    pub clock: Clock,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The login failed, or failed a moment ago.
    #[error("no token could be had from Genesys's login for service account `{account}`: {why}")]
    NoToken {
        /// Whose token.
        account: String,
        /// What the login did; never contains a secret.
        why: String,
    },
    /// The request cannot be put together.
    #[error("the request cannot be sent: {why}")]
    Unsendable {
        /// What is wrong with it.
        why: String,
    },
    /// Genesys told the account to wait, and the time is not over: nothing was sent.
    #[error("Genesys accepts no more requests of the service account for {} s", left.as_secs() + 1)]
    Waiting {
        /// How long is left.
        left: Duration,
    },
    /// The calls before this one failed again and again: nothing was sent.
    #[error("Genesys has failed again and again, and is not called for a moment")]
    Spared,
    /// The request was never sent.
    #[error("Genesys could not be reached")]
    Unreachable {
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The exchange broke after the request was sent: whether it took effect is unknown.
    #[error("the exchange with Genesys broke off")]
    Broken {
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No whole answer within the time for one exchange: whether the request took effect is unknown.
    #[error("Genesys did not answer in time")]
    TimedOut,
    /// The answer is larger than the largest that is read.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The largest answer that is read, in bytes.
        limit: usize,
    },
    /// The answers under way leave no room for this one.
    #[error("there is no memory left for the answer")]
    NoRoom {
        /// Whether the request was sent: an answer of common size has its room before.
        sent: bool,
    },
    /// Upstream refused a fresh token twice.
    #[error("Genesys refuses the token of service account `{account}`")]
    Unauthorized {
        /// Whose token.
        account: String,
    },
    /// What permitted the call was withdrawn before it, or its repeat, was sent.
    #[error("the call was withdrawn before it was sent")]
    Withdrawn,
    /// The answer is not HTTP as promised (compressed though not asked for, …).
    #[error("the answer cannot be read: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl UpstreamError {
    /// Whether the request was sent, so that a change may have taken effect.
    pub fn came_after_sending(&self) -> bool {
        match self {
            Self::Broken { .. }
            | Self::TimedOut
            | Self::TooLarge { .. }
            | Self::NoRoom { sent: true }
            | Self::Malformed { .. } => true,
            Self::NoToken { .. }
            | Self::Unsendable { .. }
            | Self::Waiting { .. }
            | Self::Spared
            | Self::Unreachable { .. }
            | Self::NoRoom { sent: false }
            | Self::Unauthorized { .. }
            | Self::Withdrawn => false,
        }
    }
}

/// What a call does upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be repeated.
    Reads,
    /// Something: once sent, it is never repeated.
    Writes,
}

/// A request ready to send.
///
/// The path and query are canonical and already encoded; headers are those to send (host, authorization, user agent,
/// accepted encoding and content length are added here).
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// The method.
    pub method: Method,
    /// As it goes over the wire, appended to the account's API URL byte for byte.
    pub path_and_query: String,
    /// An allow-listed set; hop-by-hop headers are dropped whatever the list said.
    pub headers: HeaderMap,
    /// The whole body; empty for none.
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct UpstreamAnswer {
    /// The status; never 401.
    pub status: StatusCode,
    /// Without hop-by-hop headers.
    pub headers: HeaderMap,
    /// The whole body, as long as its headers promised.
    pub body: Bytes,
    /// The room that it takes.
    pub held: Held,
}

/// The door, cheap to clone. Made after the metrics recorder is installed, whose handles it keeps.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    client: client::Client,
    broker: tokens::Broker,
    lines: Lines,
}

impl Upstream {
    /// Builds the client and an empty token cache; nothing is sent yet.
    pub fn new(options: Options, master: MasterKey) -> anyhow::Result<Self> {
        let tls = tls()?;
        let client = client::Client::new(tls.clone(), &options);
        let broker = tokens::Broker::new(login::Login::new(tls, master)?, options.clock);
        Ok(Self(Arc::new(Inner { client, broker, lines: Lines::new() })))
    }

    /// A call with a cached token; a 401 invalidates that token, and the call is repeated once with another.
    ///
    /// The answer is held in `share`. `confirm` is asked right before each exchange whether the call still holds:
    /// waiting takes time.
    pub async fn send(
        &self,
        share: Share<'_>,
        account: &Arc<ServiceAccount>,
        request: UpstreamRequest,
        effect: Effect,
        confirm: &(dyn Fn() -> bool + Sync),
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let line = self.0.lines.of(account).await;
        line.check()?;
        let begun = Instant::now();
        let call = Call { share, account, request, confirm, deadline: begun + LONGEST_WAIT };
        let mut ended = self.attempt(&line, &call).await;
        let mut attempts = Attempts::new(effect, begun);
        while let Some(next) = attempts.next(&ended) {
            sleep_until(next).await;
            // By now another call may have learned better.
            if line.breaker.is_open() || line.pause.left().is_some() {
                break;
            }
            ended = self.attempt(&line, &call).await;
        }
        line.learn(&ended);
        ended
    }

    async fn attempt(&self, line: &Line, call: &Call<'_>) -> Result<UpstreamAnswer, UpstreamError> {
        let Inner { broker, .. } = &*self.0;
        let Call { account, deadline, .. } = call;
        let lease = broker.token(&line.slot, account, *deadline).await?;
        if let Some(answer) = self.exchange(call, lease.secret()).await? {
            return Ok(answer);
        }
        if broker.renounce(&lease) {
            let lease = broker.token(&line.slot, account, *deadline).await?;
            if let Some(answer) = self.exchange(call, lease.secret()).await? {
                return Ok(answer);
            }
            broker.mark_refused(&lease);
        }
        Err(UpstreamError::Unauthorized { account: account.id.to_string() })
    }

    /// One exchange, with room for its answer; none where the token is refused.
    async fn exchange(
        &self,
        call: &Call<'_>,
        token: &SecretString,
    ) -> Result<Option<UpstreamAnswer>, UpstreamError> {
        let Call { share, account, request, confirm, .. } = call;
        let held = self.0.client.room(*share).await?;
        if !confirm() {
            return Err(UpstreamError::Withdrawn);
        }
        let answer = self.0.client.exchange(&account.api_url, token, request, held).await?;
        Ok(Some(answer).filter(|answer| answer.status != StatusCode::UNAUTHORIZED))
    }

    /// For the operator's check: mints a token now and calls `GET /api/v2/tokens/me`.
    ///
    /// Genesys's `users/me` refuses client credentials; `tokens/me` is the self-check that works for them.
    pub async fn check(&self, account: &Arc<ServiceAccount>) -> Result<(), UpstreamError> {
        let Inner { client, broker, lines } = &*self.0;
        let line = lines.of(account).await;
        let lease = broker.mint_now(&line.slot, account).await?;
        let request = UpstreamRequest {
            method: Method::GET,
            path_and_query: "/api/v2/tokens/me".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let held = client.room(Share::Operator).await?;
        let answer = client.exchange(&account.api_url, lease.secret(), &request, held).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            broker.mark_refused(&lease);
            return Err(UpstreamError::Unauthorized { account: account.id.to_string() });
        }
        if !answer.status.is_success() {
            let why = format!("`GET /api/v2/tokens/me` was answered {}", answer.status.as_u16());
            return Err(UpstreamError::Malformed { why });
        }
        Ok(())
    }
}

/// One call, however often it is sent.
struct Call<'c> {
    share: Share<'c>,
    account: &'c Arc<ServiceAccount>,
    request: UpstreamRequest,
    confirm: &'c (dyn Fn() -> bool + Sync),
    deadline: Instant,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Upstream")
    }
}

/// How a service account's secret is sealed: the context for [`MasterKey::seal`].
pub fn secret_context(account: &ServiceAccountId) -> String {
    format!("service-account/{account}/client-secret")
}

/// TLS 1.2 and 1.3 against the public web's roots, for the API and the login alike.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_roots()
        .with_no_client_auth())
}
