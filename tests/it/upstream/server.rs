//! A login and an API that do as they are told.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
    routing::{any, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};

pub(super) const CLIENT: &str = "client-of-ours";
pub(super) const SECRET: &str = "never-shown-anywhere";

/// What the login does.
#[derive(Debug, Clone)]
pub(super) enum Login {
    /// Issues a token that lives this many seconds.
    Issue(i64),
    /// Answers this status, with this `Retry-After`.
    Fail(u16, Option<&'static str>),
    /// Answers 200 with this body.
    Body(&'static str),
    /// Answers a redirect to this address.
    Redirect(String),
}

/// What the API does instead of answering.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) after: Duration,
}

impl Trouble {
    pub(super) fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What the API saw of a request.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Clone)]
pub(super) struct Genesys {
    pub(super) url: String,
    inner: Arc<Inner>,
}

struct Inner {
    login: Mutex<Login>,
    once: Mutex<Option<Login>>,
    held: watch::Sender<bool>,
    logins: watch::Sender<usize>,
    valid: Mutex<HashSet<String>>,
    seen: Mutex<Vec<Seen>>,
    troubles: Mutex<VecDeque<Trouble>>,
}

impl Genesys {
    pub(super) async fn start() -> Self {
        let inner = Arc::new(Inner {
            login: Mutex::new(Login::Issue(86_400)),
            once: Mutex::default(),
            held: watch::Sender::new(false),
            logins: watch::Sender::new(0),
            valid: Mutex::default(),
            seen: Mutex::default(),
            troubles: Mutex::default(),
        });
        let router = Router::new()
            .route("/oauth/token", post(issue))
            .fallback(any(answer))
            .with_state(Arc::clone(&inner));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, inner }
    }

    /// From now on the login does this.
    pub(super) fn login(&self, login: Login) {
        *self.inner.login.lock().unwrap() = login;
    }

    /// The next attempt gets this, whatever comes after.
    pub(super) fn once(&self, login: Login) {
        *self.inner.once.lock().unwrap() = Some(login);
    }

    /// Logins are left waiting until [`Genesys::release`].
    pub(super) fn hold(&self) {
        self.inner.held.send_replace(true);
    }

    pub(super) fn release(&self) {
        self.inner.held.send_replace(false);
    }

    /// The next requests to the API meet these, one each.
    pub(super) fn troubles(&self, troubles: impl IntoIterator<Item = Trouble>) {
        *self.inner.troubles.lock().unwrap() = troubles.into_iter().collect();
    }

    /// Every token issued so far is refused from now on.
    pub(super) fn revoke_all(&self) {
        self.inner.valid.lock().unwrap().clear();
    }

    /// Login attempts so far.
    pub(super) fn logins(&self) -> usize {
        *self.inner.logins.borrow()
    }

    /// Waits for the login attempt of this number.
    pub(super) async fn login_number(&self, number: usize) {
        let mut logins = self.inner.logins.subscribe();
        let wait = logins.wait_for(|count| *count >= number);
        tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap().unwrap();
    }

    /// What the API saw so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.inner.seen.lock().unwrap().clone()
    }
}

async fn issue(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    let mut number = 0;
    inner.logins.send_modify(|count| {
        *count += 1;
        number = *count;
    });
    inner.held.subscribe().wait_for(|held| !held).await.unwrap();
    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{CLIENT}:{SECRET}")));
    let honest = headers.get("authorization").is_some_and(|value| value == basic.as_str())
        && headers.get("content-type").is_some_and(|value| value == "application/x-www-form-urlencoded")
        && body == "grant_type=client_credentials";
    let once = inner.once.lock().unwrap().take();
    let next = once.unwrap_or_else(|| inner.login.lock().unwrap().clone());
    let login = if honest { next } else { Login::Fail(400, None) };
    match login {
        Login::Issue(life) => {
            let token = format!("token-{number}");
            inner.valid.lock().unwrap().insert(token.clone());
            let body = format!(r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{life}}}"#);
            Response::new(Body::from(body))
        }
        Login::Fail(status, retry_after) => {
            let mut response = status_only(status);
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.parse().unwrap());
            }
            response
        }
        Login::Body(body) => Response::new(Body::from(body)),
        Login::Redirect(to) => {
            let mut response = status_only(307);
            response.headers_mut().insert("location", to.parse().unwrap());
            response
        }
    }
}

async fn answer(State(inner): State<Arc<Inner>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let uri = parts.uri.to_string();
    inner.seen.lock().unwrap().push(Seen { uri: uri.clone(), headers: parts.headers.clone(), body });
    let authorization = parts.headers.get("authorization").map_or("", |value| value.to_str().unwrap());
    let token = authorization.strip_prefix("Bearer ").unwrap_or_default().to_owned();
    if !inner.valid.lock().unwrap().contains(&token) {
        return status_only(401);
    }
    let trouble = inner.troubles.lock().unwrap().pop_front();
    if let Some(Trouble { status, headers, after }) = trouble {
        tokio::time::sleep(after).await;
        let mut response = status_only(status);
        for (name, value) in headers {
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        return response;
    }
    let size = || uri.rsplit('=').next().unwrap().parse::<usize>().unwrap();
    match parts.uri.path() {
        "/api/v2/token" => Response::new(Body::from(token)),
        "/api/v2/never" => std::future::pending().await,
        "/api/v2/endless" => {
            Response::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
        }
        "/api/v2/whole" => Response::new(Body::from("x".repeat(size()))),
        "/api/v2/pieces" => {
            let pieces = (0..size()).map(|_| Ok::<_, std::io::Error>(Bytes::from("x".repeat(1000))));
            Response::new(Body::from_stream(stream::iter(pieces)))
        }
        "/api/v2/compressed" => with_header("content-encoding", "gzip"),
        "/api/v2/moved" => {
            let mut response = with_header("location", "/api/v2/elsewhere");
            *response.status_mut() = StatusCode::FOUND;
            response
        }
        "/api/v2/private" => {
            let mut response = with_header("connection", "x-private");
            response.headers_mut().insert("x-private", "1".parse().unwrap());
            response.headers_mut().insert("keep-alive", "timeout=5".parse().unwrap());
            response.headers_mut().insert("x-public", "1".parse().unwrap());
            response
        }
        _ => Response::new(Body::from("{}")),
    }
}

fn status_only(status: u16) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn with_header(name: &'static str, value: &'static str) -> Response {
    let mut response = Response::new(Body::from("{}"));
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

/// An API that reads a request's head, answers these bytes whatever it was, and closes.
pub(super) async fn breaks_off(bytes: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = Vec::new();
            let mut buffer = [0; 4096];
            while !read.windows(4).any(|window| window == b"\r\n\r\n") {
                let count = stream.read(&mut buffer).await.unwrap();
                read.extend_from_slice(&buffer[..count]);
            }
            stream.write_all(bytes.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    url
}
