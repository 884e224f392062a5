//! What is no request, or not yet one: refused like any other, in whole answers that are on record.

use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::{
    organisation::eventually,
    refused::{assert_nothing_forwarded, assert_refused, event, recorded_calls},
};
use crate::support::{
    app::{TenantClient, TestApp},
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, RST_STREAM, block, frame, opening,
    },
    socket::Socket,
};

const ME: &str = "/api/v2/tokens/me";
const USERS: &str = "/api/v2/users";
const SEARCH: &str = "/api/v2/users/search";
const MALFORMED: (u16, &str) = (400, "ringfence.request_malformed");
const TOO_LARGE: (u16, &str) = (431, "ringfence.head_too_large");
const TOO_SLOW: (u16, &str) = (408, "ringfence.head_timed_out");

fn request(tenant: &TenantClient, method: &str, target: &str, headers: &str) -> String {
    let key = &tenant.api_key;
    format!("{method} {target} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {key}\r\n{headers}\r\n")
}

/// The next answer refuses what is no request, wholly, and is the last.
async fn assert_unread(app: &TestApp, what: &str, mut socket: Socket, (status, code): (u16, &str)) {
    let answer = socket.answer().await;
    let event = assert_refused(app, what, &answer, status, code).await;
    assert_eq!(answer.headers["connection"], "close", "{what}");
    assert!(answer.headers.contains_key("date"), "{what}");
    assert_eq!((&event["kind"], &event["tenant"]), (&json!("refusal"), &Value::Null), "{what}");
    assert_eq!(event["source"], "127.0.0.1", "{what}");
    assert_eq!(event["notes"], json!([answer.body["message"]]), "{what}");
    assert_eq!(socket.end().await, "", "{what}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_whole_recorded_and_cut() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let before = recorded_calls(&app).await;
    let large = format!("X-Filler: {}\r\n", "x".repeat(70_000));
    let cases = [
        (request(&alpha, "POST", SEARCH, "Content-Length: 2\r\nContent-Length: 3\r\n"), MALFORMED),
        (request(&alpha, "POST", SEARCH, "Content-Length: +2\r\n"), MALFORMED),
        (request(&alpha, "POST", SEARCH, "Transfer-Encoding: gzip\r\n"), MALFORMED),
        (request(&alpha, "GET", USERS, "Bad Header: x\r\n"), MALFORMED),
        (request(&alpha, "GET", USERS, " folded: x\r\n"), MALFORMED),
        (request(&alpha, "GET", "/api/v2/users<x>", ""), MALFORMED),
        ("nonsense\r\n\r\n".to_owned(), MALFORMED),
        (request(&alpha, "GET", USERS, &"X-Filler: x\r\n".repeat(120)), TOO_LARGE),
        (request(&alpha, "GET", USERS, &large), TOO_LARGE),
    ];
    for (bytes, refusal) in &cases {
        let mut socket = app.socket().await;
        socket.write(bytes.as_bytes()).await;
        assert_unread(&app, &bytes[..bytes.len().min(300)], socket, *refusal).await;
    }
    assert_eq!(recorded_calls(&app).await, before, "none of them is a call");
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn what_stands_before_it_on_the_connection_is_answered_first() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let good = request(&alpha, "GET", ME, "");
    let search =
        request(&alpha, "POST", SEARCH, "Content-Length: 2\r\nContent-Type: application/json\r\n") + "{}";
    for written_at_once in [true, false] {
        let mut socket = app.socket().await;
        let bad = request(&alpha, "GET", USERS, "Bad Header: x\r\n");
        let behind = request(&alpha, "GET", USERS, "");
        let parts = [good.clone(), search.clone(), good.clone(), bad + &behind];
        if written_at_once {
            socket.write(parts.concat().as_bytes()).await;
        }
        for (place, part) in parts.iter().enumerate() {
            if !written_at_once {
                socket.write(part.as_bytes()).await;
            }
            if place < 3 {
                app.counted(socket.answer()).await.expect(200);
            }
        }
        assert_unread(&app, "behind good ones", socket, MALFORMED).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn a_head_that_is_not_whole_in_time_is_refused_and_silence_is_cut() {
    let app = TestApp::start_with(|config| {
        config.gateway.header_read_timeout_ms = 1_000;
        config.gateway.idle_timeout_ms = 1_500;
    })
    .await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let before = recorded_calls(&app).await;
    let half = format!("GET {ME} HTTP/1.1\r\nHost: gateway\r\nX-Slow: ");
    let whole = request(&alpha, "GET", ME, "");
    let mut silent = Vec::new();
    // Also on a connection that has served before, and of what came together with a whole request.
    for (answered, bytes) in [
        (0, String::new()),
        (0, "P".to_owned()),
        (0, "PRI * HTTP/2.0\r\n".to_owned()),
        (0, "GET ".to_owned()),
        (0, half.clone()),
        (1, whole.clone()),
        (1, whole.clone() + &half),
        (2, whole.clone() + &whole + "GET"),
    ] {
        let mut socket = app.socket().await;
        socket.write(bytes.as_bytes()).await;
        for _ in 0..answered {
            app.counted(socket.answer()).await.expect(200);
        }
        silent.push((bytes.len() % whole.len() > 0, bytes, socket));
    }
    for (begun, bytes, socket) in silent {
        if begun {
            assert_unread(&app, &bytes, socket, TOO_SLOW).await;
        } else {
            assert_eq!(socket.end().await, "", "who asks nothing is told nothing: {bytes}");
        }
    }
    assert_eq!(recorded_calls(&app).await, before + 4);
    app.finish().await;
}

#[tokio::test]
async fn a_refusal_arrives_although_the_client_is_still_sending() {
    let app = TestApp::start_with(|config| config.gateway.max_body_bytes = 1_000).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = " ".repeat(900_000);
    let search = request(&alpha, "POST", SEARCH, "Content-Length: 900000\r\n");
    let answer = app.exchange((search + &body).as_bytes()).await;
    assert_refused(&app, "too large", &answer, 413, "request.entity.too.large").await;

    let mut socket = app.socket().await;
    let bad = request(&alpha, "POST", SEARCH, "Bad Header: x\r\n");
    socket.write((bad + &body).as_bytes()).await;
    let answer = socket.answer().await;
    assert_eq!(event(&app, &answer).await["kind"], "refusal");
    app.finish().await;
}

/// HTTP/2 has frames to tell it in: there is no answer, but one event of each connection.
#[tokio::test]
async fn who_breaks_http_2_is_on_record_once_a_connection() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let fields = [(":method", "GET"), (":scheme", "http"), (":path", ME), (":authority", "gateway")];
    let key = ("x-api-key", alpha.api_key.as_str());
    let filler = block(&[("x", &"y".repeat(14_000))]);
    let mut oversized = frame(HEADERS, END_STREAM, 1, &block(&fields));
    for flags in [0, 0, 0, 0, END_HEADERS] {
        oversized.extend(frame(CONTINUATION, flags, 1, &filler));
    }
    let good =
        |stream| frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&[&fields[..], &[key]].concat()));
    // A header of HTTP/1.1's connections ends the stream; a frame of data on stream 0 ends the connection.
    let old = frame(
        HEADERS,
        END_STREAM | END_HEADERS,
        3,
        &block(&[&fields[..], &[("connection", "close")]].concat()),
    );
    let broken = frame(DATA, 0, 0, b"x");
    for (what, first, told) in [
        ("a frame on no stream", good(1), "HTTP/2: 1, the last with the error 1 "),
        ("a header of HTTP/1.1, too", old, "HTTP/2: 2, the last with the error 1 "),
        ("a large head, too", oversized, "; heads that were too large, answered 431: 1"),
    ] {
        let before = refusals(&app).await.len();
        let mut socket = app.socket().await;
        socket.pour(&[opening(&[]), first].concat()).await;
        let told_first = |frame: &Frame| matches!(frame.kind, HEADERS | RST_STREAM);
        while !told_first(&Frame::read(&mut socket).await.expect(what)) {}
        socket.pour(&broken).await;
        while Frame::read(&mut socket).await.is_some() {}
        let seen = eventually(what, async || {
            let seen = refusals(&app).await;
            (seen.len() > before).then_some(seen)
        })
        .await;
        assert_eq!(seen.len(), before + 1, "{what}");
        let event = &seen[0];
        assert_eq!(event["outcome"]["code"], "ringfence.http2_broken", "{what}: {event}");
        assert_eq!((&event["source"], &event["tenant"]), (&json!("127.0.0.1"), &Value::Null), "{what}");
        assert!(event["notes"][0].as_str().unwrap().contains(told), "{what}: {event}");
    }
    // Who leaves in order has broken nothing.
    let before = refusals(&app).await.len();
    let mut socket = app.socket().await;
    socket.pour(&[opening(&[]), good(1)].concat()).await;
    while Frame::read(&mut socket).await.is_none_or(|frame| frame.kind != DATA) {}
    drop(socket);
    let app = app.restart().await;
    assert_eq!(refusals(&app).await.len(), before);
    app.finish_after_loss().await;
}

/// What was no request, newest first.
async fn refusals(app: &TestApp) -> Vec<Value> {
    let mut events = app.events().await;
    events.retain(|event| event["kind"] == "refusal");
    events
}
