//! One exchange with the API: a request out, an answer read whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HOST,
        PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use metrics::Counter;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, timeout_at};

use super::{
    Options, UpstreamAnswer, UpstreamError, UpstreamRequest,
    memory::{Held, Memory, Share},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
// Shorter than load balancers keep an idle connection, so that few requests meet one that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 512;
// Of an answer's head: Genesys's are a few KiB.
const MAX_HEAD_BYTES: usize = 131_072;
// Room for an answer before anything is sent, so that running out of room says nothing about small ones.
const SMALL_ANSWER: usize = 65_536;
const AGENT: &str = concat!("ringfence/", env!("CARGO_PKG_VERSION"));

/// The pooled client, shared by all service accounts: a connection carries no identity, each request does.
pub(super) struct Client {
    pool: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    request_timeout: Duration,
    max_answer_bytes: usize,
    memory: Memory,
    counters: Counters,
}

impl Client {
    pub(super) fn new(tls: rustls::ClientConfig, options: &Options) -> Self {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // Which plain addresses are acceptable was decided when the account was registered.
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            // Only what was never written to a connection is sent again, so writes are safe too.
            .retry_canceled_requests(true)
            .build(https);
        Self {
            pool,
            request_timeout: options.request_timeout,
            max_answer_bytes: options.max_answer_bytes,
            memory: Memory::new(options.answer_memory_bytes),
            counters: Counters::new(),
        }
    }

    /// Room for a small answer, which is all that nearly every call needs.
    pub(super) async fn room(&self, share: Share<'_>, until: Instant) -> Result<Held, UpstreamError> {
        let held = self.memory.hold(share, SMALL_ANSWER.min(self.max_answer_bytes));
        timeout_at(until, held).await.unwrap_or(Err(UpstreamError::NoRoom { sent: false }))
    }

    /// Sends and reads, within the time for one exchange; counted by how it ended.
    pub(super) async fn exchange(
        &self,
        api_url: &str,
        token: &SecretString,
        request: &UpstreamRequest,
        held: Held,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let result = match build(api_url, token, request) {
            Ok(request) => tokio::time::timeout(self.request_timeout, self.pass(request, held))
                .await
                .unwrap_or(Err(UpstreamError::TimedOut)),
            Err(why) => Err(UpstreamError::Unsendable { why }),
        };
        self.counters.count(&result);
        result
    }

    async fn pass(&self, request: Request<Full<Bytes>>, held: Held) -> Result<UpstreamAnswer, UpstreamError> {
        let (mut parts, body) = self.pool.request(request).await.map_err(unsent_or_broken)?.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::Malformed { why: "the protocol was switched unasked".to_owned() });
        }
        if let Some(encoding) = parts.headers.get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let why = format!("it is compressed ({encoding:?}) though that was not asked for");
            return Err(UpstreamError::Malformed { why });
        }
        let (body, held) = self.read(body, held).await?;
        drop_hop_by_hop(&mut parts.headers);
        Ok(UpstreamAnswer { status: parts.status, headers: parts.headers, body, held })
    }

    /// Reads what is neither too large nor more than there is room for; what announces itself as too large is not read.
    async fn read(&self, mut body: Incoming, mut held: Held) -> Result<(Bytes, Held), UpstreamError> {
        let limit = self.max_answer_bytes;
        let announced = body.size_hint().lower();
        if announced > limit as u64 {
            return Err(UpstreamError::TooLarge { limit });
        }
        let announced = usize::try_from(announced).unwrap_or_default();
        held.start_at(announced).await?;
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| UpstreamError::Broken { source: error.into() })?;
            let Ok(data) = frame.into_data() else { continue };
            let length = first.len() + whole.len() + data.len();
            if length > limit {
                return Err(UpstreamError::TooLarge { limit });
            }
            // Most answers are one frame, which is passed on as it is.
            if first.is_empty() && whole.is_empty() {
                held.grow_to(length).await?;
                first = data;
                continue;
            }
            if length > whole.capacity() {
                let room = length.max(announced).max((2 * whole.capacity()).min(limit));
                held.grow_to(room).await?;
                let mut larger = BytesMut::with_capacity(room);
                larger.extend_from_slice(&std::mem::take(&mut first));
                larger.extend_from_slice(&whole);
                whole = larger;
            }
            whole.extend_from_slice(&data);
        }
        let body = match whole.len() {
            0 => first,
            length if length == whole.capacity() => whole.freeze(),
            // Room that is empty is given back.
            _ => Bytes::copy_from_slice(&whole),
        };
        held.shrink_to(body.len());
        Ok((body, held))
    }
}

/// Puts the request together, or says why it cannot be sent.
fn build(
    api_url: &str,
    token: &SecretString,
    request: &UpstreamRequest,
) -> Result<Request<Full<Bytes>>, String> {
    let UpstreamRequest { method, path_and_query, headers, body } = request;
    let mut headers = headers.clone();
    // SECURITY: the path is appended, not joined. Without its slash it could become part of the host.
    if !path_and_query.starts_with('/') || path_and_query.contains('#') {
        return Err("the path does not start with `/`, or has a fragment".to_owned());
    }
    let uri: Uri =
        format!("{api_url}{path_and_query}").parse().map_err(|error| format!("the URL: {error}"))?;
    drop_hop_by_hop(&mut headers);
    // Ours, and what hyper adds: it does not grow.
    headers.reserve(8);
    for ours in [HOST, CONTENT_LENGTH, COOKIE] {
        headers.remove(ours);
    }
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|_| "the token cannot stand in a header".to_owned())?;
    bearer.set_sensitive(true);
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let mut out = Request::new(Full::new(body.clone()));
    *out.method_mut() = method.clone();
    *out.uri_mut() = uri;
    *out.headers_mut() = headers;
    Ok(out)
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Drops what concerns one connection only, and whatever `Connection` lists.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in listed {
        headers.remove(name);
    }
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in [KEEP_ALIVE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, PROXY_CONNECTION] {
        headers.remove(name);
    }
}

/// Tells a request that never left from one whose fate is unknown.
fn unsent_or_broken(error: legacy::Error) -> UpstreamError {
    let unsent = error.is_connect()
        || std::error::Error::source(&error)
            .and_then(|source| source.downcast_ref::<hyper::Error>())
            // hyper hands a request back as cancelled only while none of it was written.
            .is_some_and(hyper::Error::is_canceled);
    let source = Box::new(error);
    if unsent { UpstreamError::Unreachable { source } } else { UpstreamError::Broken { source } }
}

/// Exchanges by how they ended: the class of the status, or what went wrong.
struct Counters {
    informational: Counter,
    success: Counter,
    redirection: Counter,
    client_error: Counter,
    server_error: Counter,
    unreachable: Counter,
    broken: Counter,
    timed_out: Counter,
    refused: Counter,
}

impl Counters {
    fn new() -> Self {
        let counter =
            |status: &'static str| metrics::counter!("ringfence_upstream_requests_total", "status" => status);
        Self {
            informational: counter("1xx"),
            success: counter("2xx"),
            redirection: counter("3xx"),
            client_error: counter("4xx"),
            server_error: counter("5xx"),
            unreachable: counter("unreachable"),
            broken: counter("broken"),
            timed_out: counter("timed_out"),
            refused: counter("unreadable"),
        }
    }

    fn count(&self, result: &Result<UpstreamAnswer, UpstreamError>) {
        let counter = match result {
            Ok(answer) => match answer.status.as_u16() / 100 {
                1 => &self.informational,
                2 => &self.success,
                3 => &self.redirection,
                4 => &self.client_error,
                _ => &self.server_error,
            },
            Err(
                UpstreamError::Unreachable { .. }
                | UpstreamError::NoToken { .. }
                | UpstreamError::Unsendable { .. }
                | UpstreamError::Waiting { .. }
                | UpstreamError::Exhausted { .. }
                | UpstreamError::ShareTooSmall { .. }
                | UpstreamError::Spared,
            ) => &self.unreachable,
            Err(UpstreamError::Broken { .. }) => &self.broken,
            Err(UpstreamError::TimedOut) => &self.timed_out,
            Err(
                UpstreamError::TooLarge { .. }
                | UpstreamError::NoRoom { .. }
                | UpstreamError::Malformed { .. }
                | UpstreamError::Unauthorized { .. }
                | UpstreamError::Withdrawn,
            ) => &self.refused,
        };
        counter.increment(1);
    }
}
