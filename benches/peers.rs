//! What Ringfence is compared with: a canned upstream, and the barest proxy that the same libraries make.
//!
//! `benches/compare.sh` runs it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
    routing::{get, post},
    serve::ListenerExt,
};
use clap::Parser;
use http::{
    StatusCode,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

// The same allocator as Ringfence's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The division that the canned conversations lie in, where the query names none.
const DIVISION: &str = "a1a1a1a1-0000-4000-8000-00000000000a";
/// How many of them make an answer of about 4.5 KB.
const CONVERSATIONS: usize = 4;

#[derive(Parser)]
enum Peer {
    /// Answers every details query alike, but for the division that it asks for.
    Upstream { listen: SocketAddr },
    /// Passes everything on.
    Proxy { listen: SocketAddr, upstream: String },
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    match Peer::parse() {
        Peer::Upstream { listen } => serve(listen, upstream()).await,
        Peer::Proxy { listen, upstream } => serve(listen, proxy(upstream)).await,
    }
}

async fn serve(listen: SocketAddr, router: Router) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    // An orderly end: what a build that counts has counted is written then.
    let mut end = signal(SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, router) => served,
        _ = end.recv() => Ok(()),
    }
}

// === the canned upstream ===

struct Upstream {
    answer: String,
    mints: AtomicUsize,
    last_body_bytes: AtomicUsize,
}

fn upstream() -> Router {
    let upstream = Upstream {
        answer: answer().to_string(),
        mints: AtomicUsize::new(0),
        last_body_bytes: AtomicUsize::new(0),
    };
    Router::new()
        .route("/api/v2/analytics/conversations/details/query", post(query))
        .route("/api/v2/tokens/me", get(|| async { json_response("{}") }))
        .route("/oauth/token", post(mint))
        .route("/seen", get(seen))
        .with_state(Arc::new(upstream))
}

async fn query(State(upstream): State<Arc<Upstream>>, body: Bytes) -> Response {
    upstream.last_body_bytes.store(body.len(), Ordering::Relaxed);
    let answer = &upstream.answer;
    json_response(match division(&body) {
        Some(asked) if asked != DIVISION => answer.replace(DIVISION, asked),
        _ => answer.clone(),
    })
}

/// The division that the query was narrowed to, where it was: what it finds lies there.
fn division(body: &[u8]) -> Option<&str> {
    let (_, clause) = std::str::from_utf8(body).ok()?.rsplit_once("\"divisionId\"")?;
    clause.split_once("\"value\":\"")?.1.get(..DIVISION.len())
}

async fn mint(State(upstream): State<Arc<Upstream>>) -> Response {
    let number = upstream.mints.fetch_add(1, Ordering::Relaxed);
    let token =
        json!({"access_token": format!("token-{number}"), "token_type": "bearer", "expires_in": 86400});
    json_response(token.to_string())
}

/// What was seen so far, for the script.
async fn seen(State(upstream): State<Arc<Upstream>>) -> Response {
    let mints = upstream.mints.load(Ordering::Relaxed);
    let last_body_bytes = upstream.last_body_bytes.load(Ordering::Relaxed);
    json_response(json!({"mints": mints, "last_body_bytes": last_body_bytes}).to_string())
}

fn json_response(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

fn answer() -> Value {
    let conversations: Vec<Value> = (0..CONVERSATIONS).map(conversation).collect();
    json!({"conversations": conversations, "totalHits": CONVERSATIONS})
}

fn conversation(number: usize) -> Value {
    let id = |kind: usize| format!("{kind:08x}-0000-4000-8000-{number:012x}");
    json!({
        "conversationId": id(1),
        "conversationStart": "2026-06-01T09:30:00.000Z",
        "conversationEnd": "2026-06-01T09:36:12.000Z",
        "divisionIds": [DIVISION],
        "originatingDirection": "inbound",
        "participants": [
            {
                "participantId": id(2),
                "purpose": "customer",
                "sessions": [{
                    "sessionId": id(3),
                    "mediaType": "voice",
                    "direction": "inbound",
                    "ani": "tel:+15550100",
                    "dnis": "tel:+15550199",
                    "segments": [{
                        "segmentStart": "2026-06-01T09:30:00.000Z",
                        "segmentEnd": "2026-06-01T09:36:12.000Z",
                        "segmentType": "interact",
                        "conference": false
                    }]
                }]
            },
            {
                "participantId": id(4),
                "purpose": "agent",
                "userId": id(5),
                "sessions": [{
                    "sessionId": id(6),
                    "mediaType": "voice",
                    "direction": "inbound",
                    "metrics": [{"name": "tHandle", "value": 372_000, "emitDate": "2026-06-01T09:36:12.000Z"}],
                    "segments": [{
                        "segmentStart": "2026-06-01T09:30:10.000Z",
                        "segmentEnd": "2026-06-01T09:36:12.000Z",
                        "segmentType": "interact",
                        "queueId": id(7),
                        "conference": false
                    }]
                }]
            }
        ]
    })
}

// === the barest proxy ===

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: Arc<str>,
}

fn proxy(upstream: String) -> Router {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Router::new().fallback(pass).with_state(Proxy { client, upstream: upstream.into() })
}

async fn pass(State(proxy): State<Proxy>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let Ok(uri) = format!("{}{path}", proxy.upstream).parse() else { return failed() };
    *request.uri_mut() = uri;
    request.headers_mut().remove(HOST);
    proxy.client.request(request).await.map_or_else(|_| failed(), |response| response.map(Body::new))
}

fn failed() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
