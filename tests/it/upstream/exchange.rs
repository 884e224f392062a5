//! One exchange with the API.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ringfence::{
    model::ServiceAccount,
    upstream::{Effect, UpstreamError, UpstreamRequest},
};

use super::{House, LIMIT, get, server::breaks_off};

/// Calls an API that answers these bytes and closes.
async fn cut(bytes: &'static str) -> UpstreamError {
    let house = House::open().await;
    let account = ServiceAccount { api_url: breaks_off(bytes).await, ..(*house.account).clone() };
    house
        .upstream
        .send(
            super::on_behalf(super::Share::Operator, &Arc::new(account), &|| true),
            get("/api/v2/token"),
            Effect::Reads,
        )
        .await
        .unwrap_err()
}

#[tokio::test]
async fn path_and_query_go_out_byte_for_byte() {
    let house = House::open().await;
    let asked = "/api/v2/users/a%20b%2Fc?name=%C3%A4&id=1,2&id=3&empty=&x=//y";
    house.get(asked).await.unwrap();
    assert_eq!(house.genesys.seen()[0].uri, asked);
}

#[tokio::test]
async fn a_path_that_could_reach_another_host_is_not_sent() {
    let house = House::open().await;
    for path in ["@evil.example/", ".evil.example/", "", "/api/v2/users#x"] {
        let error = house.get(path).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Unsendable { .. }), "{path}: {error}");
    }
    assert!(house.genesys.seen().is_empty());
}

#[tokio::test]
async fn what_concerns_one_connection_stays_there() {
    let house = House::open().await;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("connection", "keep-alive, x-listed"),
        ("x-listed", "1"),
        ("keep-alive", "timeout=5"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers"),
        ("upgrade", "h2c"),
        ("transfer-encoding", "chunked"),
        ("content-length", "99"),
        ("host", "evil.example"),
        ("cookie", "a=b"),
        ("authorization", "Bearer theirs"),
        ("accept-encoding", "gzip"),
        ("user-agent", "theirs"),
        ("content-type", "application/json"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let body = Bytes::from_static(b"{}");
    let request =
        UpstreamRequest { method: Method::POST, path_and_query: "/api/v2/x".to_owned(), headers, body };
    house
        .upstream
        .send(super::on_behalf(super::Share::Operator, &house.account, &|| true), request, Effect::Reads)
        .await
        .unwrap();
    let seen = house.genesys.seen().remove(0);
    let mut names: Vec<_> = seen.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["accept-encoding", "authorization", "content-length", "content-type", "host", "user-agent"]
    );
    assert_eq!(seen.headers["authorization"], "Bearer token-1");
    assert_eq!(seen.headers["accept-encoding"], "identity");
    assert_eq!(seen.headers["content-length"], "2");
    assert_eq!(format!("http://{}", seen.headers["host"].to_str().unwrap()), house.genesys.url);
    assert_eq!(seen.body, "{}");
}

#[tokio::test]
async fn an_answers_connection_headers_are_dropped() {
    let house = House::open().await;
    let answer = house.get("/api/v2/private").await.unwrap();
    assert_eq!(answer.headers["x-public"], "1");
    for name in ["connection", "x-private", "keep-alive", "transfer-encoding"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let house = House::open().await;
    let answer = house.get("/api/v2/moved").await.unwrap();
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(house.genesys.seen().len(), 1);
}

#[tokio::test]
async fn a_compressed_answer_is_refused() {
    let house = House::open().await;
    let error = house.get("/api/v2/compressed").await.unwrap_err();
    assert!(matches!(error, UpstreamError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_the_largest_size_is_read_whole() {
    let house = House::open().await;
    let announced = house.get(&format!("/api/v2/whole?size={LIMIT}")).await.unwrap();
    assert_eq!(announced.body.len(), LIMIT);
    let pieces = house.get(&format!("/api/v2/pieces?count={}", LIMIT / 1000)).await.unwrap();
    assert_eq!(pieces.body, "x".repeat(LIMIT));
}

#[tokio::test]
async fn an_answer_too_large_is_refused() {
    let house = House::open().await;
    for path in
        [format!("/api/v2/whole?size={}", LIMIT + 1), format!("/api/v2/pieces?count={}", LIMIT / 1000 + 1)]
    {
        let error = house.get(&path).await.unwrap_err();
        assert!(matches!(error, UpstreamError::TooLarge { limit: LIMIT }), "{path}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let house = House::with_timeout(Duration::from_millis(200)).await;
    for path in ["/api/v2/never", "/api/v2/endless"] {
        let error = house.get(path).await.unwrap_err();
        assert!(matches!(error, UpstreamError::TimedOut), "{path}: {error}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_is_no_answer() {
    for bytes in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"a\":",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n",
    ] {
        let error = cut(bytes).await;
        assert!(matches!(error, UpstreamError::Broken { .. }), "{bytes:?}: {error:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let error = cut("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    assert!(matches!(error, UpstreamError::Broken { .. }), "{error:?}");
}

#[tokio::test]
async fn an_api_that_is_not_there_was_sent_nothing() {
    let house = House::open().await;
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let account = ServiceAccount { api_url: gone, ..(*house.account).clone() };
    let error = house
        .upstream
        .send(
            super::on_behalf(super::Share::Operator, &Arc::new(account), &|| true),
            get("/api/v2/token"),
            Effect::Reads,
        )
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Unreachable { .. }), "{error:?}");
}
