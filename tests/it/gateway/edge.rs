//! The edge: requests as bytes, before anything about them is decided.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Version, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use ringfence::simulator::{ALPHA, Fault, Match, Rule};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::refused::{assert_nothing_forwarded, assert_refused};
use crate::support::{
    app::{Answer, TenantClient, TestApp},
    command::until,
};

const ME: &str = "/api/v2/tokens/me";
const USERS: &str = "/api/v2/users";
const SEARCH: &str = "/api/v2/users/search";

#[tokio::test]
async fn a_request_with_two_readings_is_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let cases = [
        (request(&alpha, "GET", USERS, "Host: elsewhere\r\n"), "ringfence.host_twice"),
        (
            request(&alpha, "POST", SEARCH, "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
            "ringfence.length_ambiguous",
        ),
        (request(&alpha, "GET", "http://gateway/api/v2/users", ""), "ringfence.path_not_canonical"),
        (
            request(&alpha, "GET", "https://api.mypurecloud.com/api/v2/users", ""),
            "ringfence.path_not_canonical",
        ),
        (request(&alpha, "CONNECT", "gateway:443", ""), "ringfence.path_not_canonical"),
        (request(&alpha, "OPTIONS", "*", ""), "ringfence.path_not_canonical"),
    ];
    for (request, code) in cases {
        let answer = app.exchange(request.as_bytes()).await;
        assert_refused(&app, &request, &answer, 400, code).await;
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn chunks_outweigh_a_length_and_what_follows_them_is_not_read() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let json = "Content-Type: application/json\r\n";
    for lengths in [
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
    ] {
        let search = request(&alpha, "POST", SEARCH, &format!("{json}{lengths}"));
        let smuggled = request(&alpha, "GET", USERS, "");
        let mut socket = app.socket().await;
        socket.write(format!("{search}2\r\n{{}}\r\n0\r\n\r\n{smuggled}").as_bytes()).await;
        app.counted(socket.answer()).await.expect(200);
        assert_eq!(socket.end().await, "", "{lengths}");
    }
    app.finish().await;
}

#[tokio::test]
async fn requests_in_a_row_are_answered_and_recorded_one_by_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut socket = app.socket().await;
    let row =
        [("GET", ME, 200), ("DELETE", ME, 403), ("GET", USERS, 200), ("GET", "/api/v2/x/../users", 400)];
    let bytes: Vec<_> = row.iter().map(|(method, path, _)| request(&alpha, method, path, "")).collect();
    socket.write(bytes.concat().as_bytes()).await;
    for (_, _, status) in row {
        app.counted(socket.answer()).await.expect(status);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_answer_to_head_is_a_head() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (path, status) in [(ME, 200), (USERS, 404), ("/api/v2/users/", 400)] {
        let answer = app.send(alpha.request(Method::HEAD, path)).await;
        assert_eq!(answer.expect(status), Value::Null, "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_path_that_can_be_read_in_two_ways_goes_nowhere() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let paths = [
        "/api/v2/users/../oauth/clients",
        "/api/v2/users/x/../../oauth/clients",
        "/api/v2/users/./me",
        "/api/v2/users/%2e%2e/oauth/clients",
        "/api/v2/users/.%2E/oauth/clients",
        "/api/v2/users/x%2f..%2f..%2foauth%2fclients",
        "/api/v2/users%2Fme",
        "/api/v2/users/me;x=y",
        "/api/v2;/users",
        "/api/v2/users/%3b",
        "/api/v2/users\\me",
        "/api/v2/users/..%5coauth",
        "/api//v2/users",
        "/api/v2//users",
        "///api/v2/users",
        "/api/v2/users/",
        "/api/v2/users/%00",
        "/api/v2/users/x%00y",
        "/api/v2/users/%0d%0aX-Api-Key:%20x",
        "/api/v2/users/%252e%252e",
        "/api/v2/users/%252f",
        "/api/v2/%75sers",
        "/api/v2/users/%zz",
        "/api/v2/users/%",
        "/api/v2/users/%c0%ae%c0%ae/me",
        "/api/v2/users/%ff",
        "/oauth/token/",
        "/oauth//token",
        "/login/../oauth/token",
    ];
    for path in paths {
        let answer = app.exchange(request(&alpha, "GET", path, "").as_bytes()).await;
        let event = assert_refused(&app, path, &answer, 400, "ringfence.path_not_canonical").await;
        assert_eq!(event["path"], path, "the record shows what was sent");
    }
    let long = format!("/api/v2/users/{}", "x".repeat(3_000));
    let answer = app.exchange(request(&alpha, "GET", &long, "").as_bytes()).await;
    assert_refused(&app, "long", &answer, 400, "ringfence.path_not_canonical").await;
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn a_body_is_bounded_and_plain() {
    let app = TestApp::start_with(|config| config.gateway.max_body_bytes = 1_000).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let large = "request.entity.too.large";

    // None of these sends the body that it promises: it is refused by what was told.
    for length in ["1001", "10000000", "9223372036854775807"] {
        let head = request(&alpha, "POST", SEARCH, &format!("Content-Length: {length}\r\n"));
        assert_refused(&app, length, &app.exchange(head.as_bytes()).await, 413, large).await;
    }
    let head = request(&alpha, "POST", SEARCH, "Transfer-Encoding: chunked\r\n");
    let chunk = format!("258\r\n{}\r\n", " ".repeat(600));
    let answer = app.exchange(format!("{head}{chunk}{chunk}").as_bytes()).await;
    assert_refused(&app, "chunks", &answer, 413, large).await;

    for encoding in ["gzip", "zstd", "identity"] {
        let compressed = alpha.request(Method::POST, SEARCH).header("content-encoding", encoding).body("{}");
        let answer = app.send(compressed).await;
        assert_refused(&app, encoding, &answer, 415, "ringfence.body_compressed").await;
    }
    let broken = format!("{head}zz\r\n");
    let answer = app.exchange(broken.as_bytes()).await;
    assert_refused(&app, "broken", &answer, 400, "ringfence.body_broken_off").await;
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn a_strangers_body_is_not_read() {
    let app = TestApp::start().await;
    for told in [
        "Content-Length: 10000000\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 9\r\nExpect: 100-continue\r\n",
    ] {
        let head = format!("POST {SEARCH} HTTP/1.1\r\nHost: gateway\r\n{told}\r\n");
        // Without a byte of the body, the answer is there.
        let answer = app.exchange(head.as_bytes()).await;
        assert_refused(&app, told, &answer, 401, "authentication.required").await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_slow_answer_is_not_mistaken_for_a_slow_request() {
    let app = TestApp::start_with(|config| config.gateway.header_read_timeout_ms = 1_000).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let late = Rule::new(Match::default(), Fault::Latency { ms: 2_000 }, None);
    app.simulator.organisation().set_faults(vec![late]);
    app.exchange(request(&alpha, "GET", USERS, "").as_bytes()).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn what_is_not_in_the_catalog_is_refused_with_its_reason() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/api/v2"),
        (Method::GET, "/api/v2/nonsense"),
        (Method::GET, "/api/v1/users"),
        (Method::GET, "/API/V2/USERS"),
        (Method::GET, "/admin/v1/tenants"),
        (Method::DELETE, USERS),
        (Method::PUT, SEARCH),
        (Method::PATCH, ME),
        (Method::OPTIONS, USERS),
        (Method::TRACE, USERS),
    ] {
        let what = format!("{method} {path}");
        let answer = app.send(alpha.request(method, path)).await;
        let event = assert_refused(&app, &what, &answer, 404, "ringfence.operation_unknown").await;
        assert_eq!((&event["operation"], &event["tenant"]), (&Value::Null, &json!("alpha")), "{what}");
    }
    let denied = [
        (Method::GET, "/api/v2/oauth/clients", "getOauthClients", "credentials of the whole organisation"),
        (Method::PUT, "/api/v2/organizations/me", "putOrganizationsMe", "the organisation is every tenant's"),
    ];
    for (method, path, operation, reason) in denied {
        let answer = app.send(alpha.request(method, path)).await;
        let event = assert_refused(&app, path, &answer, 403, "ringfence.operation_denied").await;
        assert_eq!((&event["operation"], &answer.body["message"]), (&json!(operation), &json!(reason)));
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let stream = TcpStream::connect(app.addresses.gateway).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let get =
        |path: &str| Request::get(format!("{}{path}", app.gateway())).header("x-api-key", &alpha.api_key);
    let twice = Request::post(format!("{}{SEARCH}", app.gateway())).header("x-api-key", &alpha.api_key);
    let twice = twice.header("content-length", "0").header("content-length", "0");
    let requests = [
        (get(USERS), 200, Value::Null),
        (get(ME), 200, Value::Null),
        (get("/api/v2/users/../oauth/clients"), 400, json!("ringfence.path_not_canonical")),
        (get(USERS).header("host", "a").header("host", "b"), 400, json!("ringfence.host_twice")),
        (twice, 400, json!("ringfence.length_ambiguous")),
    ];
    for (request, status, code) in requests {
        let request = request.version(Version::HTTP_2).body(Full::<Bytes>::default()).unwrap();
        let exchange = async {
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer::new(head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(app.counted(exchange).await.expect(status)["code"], code);
    }
    drop(sender);
    connection.await.unwrap().unwrap();
    app.finish().await;
}

#[tokio::test]
async fn while_it_drains_it_answers_and_asks_clients_to_go() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut socket = app.socket().await;
    socket.write(request(&alpha, "GET", ME, "").as_bytes()).await;
    let answer = app.counted(socket.answer()).await;
    assert!(!answer.headers.contains_key("connection"), "{answer:?}");

    let late = Rule::new(Match::default(), Fault::Latency { ms: 2_500 }, None);
    app.simulator.organisation().set_faults(vec![late]);
    app.simulator.organisation().clear_calls();
    socket.write(request(&alpha, "GET", USERS, "").as_bytes()).await;
    let organisation = app.simulator.organisation();
    until("the call reaches upstream", || (!organisation.calls().is_empty()).then_some(())).await;
    app.drain();
    let answer = app.counted(socket.answer()).await;
    assert_eq!(answer.headers["connection"], "close");
    assert_eq!(answer.expect(200)["pageNumber"], 1);
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), socket.end()).await.unwrap(), "");
    app.finish().await;
}

/// The head of a tenant's request, byte for byte.
fn request(tenant: &TenantClient, method: &str, target: &str, headers: &str) -> String {
    let key = &tenant.api_key;
    format!("{method} {target} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {key}\r\n{headers}\r\n")
}
