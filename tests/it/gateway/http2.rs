//! HTTP/2, frame by frame: what breaks the protocol ends the stream or the connection, and nobody else's.
//!
//! Where RFC 9113 names a narrower error (`COMPRESSION_ERROR`, `FRAME_SIZE_ERROR`), or one of the stream alone, the library
//! sometimes says `PROTOCOL_ERROR` or ends the connection: stricter than asked, and nothing else differs from it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use ringfence::{
    simulator::{ALPHA, BETA},
    web::listener::{self, Limits, Refusal, Surface},
};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    organisation::{QUEUES, eventually},
    refused::assert_refused,
};
use crate::support::{app::TestApp, socket::Socket};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 32;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;
const CANCEL: u32 = 8;
const CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block, literal by literal.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn get(more: &[(&str, &str)]) -> Vec<u8> {
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":path", "/api/v2/users"), (":authority", "gateway")];
    block(&[&fields, more].concat())
}

fn opening(settings: &[u8]) -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, settings)].concat()
}

/// How the server ended something: the frame's kind and the error's code; 0 and 0 if the connection was only closed.
async fn ended(socket: &mut Socket) -> (u8, u32) {
    loop {
        let Some(head) = socket.bytes(9).await else { return (0, 0) };
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let Some(payload) = socket.bytes(length as usize).await else { return (0, 0) };
        let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match head[3] {
            RST_STREAM => return (RST_STREAM, code(0)),
            GOAWAY => return (GOAWAY, code(4)),
            _ => {}
        }
    }
}

/// What breaks the protocol, and how it ends: the kind of the frame that says so, and its error.
fn breaches() -> Vec<(&'static str, Vec<u8>, (u8, u32))> {
    let whole = END_STREAM | END_HEADERS;
    let request = |stream| frame(HEADERS, END_HEADERS, stream, &get(&[]));
    let odd = |more: &[(&str, &str)]| frame(HEADERS, whole, 1, &get(more));
    let continued =
        [frame(HEADERS, 0, 1, &get(&[])), frame(CONTINUATION, 0, 1, &block(&[("x", "y")])).repeat(20_000)];
    vec![
        ("a frame that is too large", frame(DATA, 0, 1, &vec![0; 16_385]), (GOAWAY, FRAME_SIZE_ERROR)),
        ("data of a stream that there is not", frame(DATA, 0, 1, b"x"), (GOAWAY, PROTOCOL_ERROR)),
        ("a stream of the server's", frame(HEADERS, whole, 2, &get(&[])), (GOAWAY, PROTOCOL_ERROR)),
        ("a stream again", [request(3), request(1)].concat(), (GOAWAY, PROTOCOL_ERROR)),
        ("no stream", frame(HEADERS, whole, 0, &get(&[])), (GOAWAY, PROTOCOL_ERROR)),
        (
            "more padding than there is",
            [request(1), frame(DATA, PADDED, 1, &[9, 0])].concat(),
            (GOAWAY, PROTOCOL_ERROR),
        ),
        ("a block that is none", frame(HEADERS, whole, 1, &[0xff; 9]), (GOAWAY, PROTOCOL_ERROR)),
        ("a block that never ends", continued.concat(), (GOAWAY, CALM)),
        (
            "something inside a block",
            [frame(HEADERS, 0, 1, &get(&[])), frame(PING, 0, 0, &[0; 8])].concat(),
            (GOAWAY, PROTOCOL_ERROR),
        ),
        ("a ping that is too short", frame(PING, 0, 0, &[0; 7]), (GOAWAY, PROTOCOL_ERROR)),
        ("settings of a stream", frame(SETTINGS, 0, 1, &[]), (GOAWAY, PROTOCOL_ERROR)),
        ("half a setting", frame(SETTINGS, 0, 0, &[0; 5]), (GOAWAY, PROTOCOL_ERROR)),
        (
            "a window beyond all",
            frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()),
            (GOAWAY, FLOW_CONTROL_ERROR),
        ),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4]), (GOAWAY, PROTOCOL_ERROR)),
        (
            "a stream that waits for itself",
            frame(HEADERS, whole | WITH_PRIORITY, 1, &[vec![0, 0, 0, 1, 9], get(&[])].concat()),
            (RST_STREAM, PROTOCOL_ERROR),
        ),
        ("a priority of itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 9]), (RST_STREAM, PROTOCOL_ERROR)),
        ("a header in capitals", odd(&[("X-Api-Key", "x")]), (GOAWAY, PROTOCOL_ERROR)),
        ("a header of the connection", odd(&[("connection", "close")]), (RST_STREAM, PROTOCOL_ERROR)),
        ("chunks", odd(&[("transfer-encoding", "chunked")]), (RST_STREAM, PROTOCOL_ERROR)),
        ("a pseudo-header behind others", odd(&[("x", "y"), (":path", "/")]), (RST_STREAM, PROTOCOL_ERROR)),
        ("a pseudo-header of one's own", odd(&[(":own", "x")]), (GOAWAY, PROTOCOL_ERROR)),
        ("a line end in a header", odd(&[("x", "a\r\nx-api-key: b")]), (GOAWAY, PROTOCOL_ERROR)),
        (
            "less than was told",
            [
                frame(HEADERS, END_HEADERS, 1, &get(&[("content-length", "9")])),
                frame(DATA, END_STREAM, 1, b"x"),
            ]
            .concat(),
            (RST_STREAM, PROTOCOL_ERROR),
        ),
    ]
}

#[tokio::test]
async fn what_breaks_the_protocol_ends_the_stream_or_the_connection_and_no_other() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for (what, frames, expected) in breaches() {
        let mut socket = app.socket().await;
        socket.pour(&[opening(&[]), frames].concat()).await;
        let found = ended(&mut socket).await;
        if found != expected {
            wrong.push(format!("{what}: {found:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Some of these streams were requests before they broke; others are still answered.
    app.exchange(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n").await.expect(401);
    app.finish_after_loss().await;
}

#[tokio::test]
async fn a_preface_that_is_none_is_no_request() {
    let app = TestApp::start().await;
    let mut socket = app.socket().await;
    socket.write(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    let answer = socket.answer().await;
    assert_refused(&app, "preface", &answer, 400, "ringfence.request_malformed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_asks_and_takes_back_without_end_is_cut() {
    let app = TestApp::start().await;
    let mut socket = app.socket().await;
    let asked = |stream| {
        [
            frame(HEADERS, END_STREAM | END_HEADERS, stream, &get(&[])),
            frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()),
        ]
    };
    let flood: Vec<u8> = (0..20_000).flat_map(|number| asked(2 * number + 1).concat()).collect();
    socket.pour(&[opening(&[]), flood].concat()).await;
    let (kind, code) = ended(&mut socket).await;
    assert!((kind, code) == (GOAWAY, CALM) || kind == 0, "{kind} {code}");
    app.finish_after_loss().await;
}

/// Answers everything with as much as it is asked for.
#[derive(Clone)]
struct Large(usize);

impl Surface for Large {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        Response::new(Full::from(vec![b'x'; self.0]))
    }

    async fn refuse(&self, _: &Refusal, _: SocketAddr) -> Response<Full<Bytes>> {
        Response::default()
    }
}

async fn listen(surface: Large, drain: &CancellationToken) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        header_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(1),
        write_timeout: Duration::from_secs(1),
        stream_timeout: Duration::from_secs(1),
        max_connections: 10,
        accept_while_draining: Duration::ZERO,
        finish: Duration::from_secs(1),
    };
    tokio::spawn(listener::serve(surface, listener, limits, None, drain.clone()));
    address
}

#[tokio::test]
async fn who_makes_no_room_for_an_answer_does_not_keep_it_waiting() {
    let drain = CancellationToken::new();
    let address = listen(Large(1_000_000), &drain).await;
    let mut socket = Socket::to(address).await;
    // The setting 4 is the room that a stream has.
    let no_room = [0, 4, 0, 0, 0, 0];
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get(&[]));
    socket.write(&[opening(&no_room), request].concat()).await;
    assert_eq!(ended(&mut socket).await, (RST_STREAM, CANCEL));
    // And a connection on which nothing is asked any more is closed, after it was told.
    assert_eq!(ended(&mut socket).await, (GOAWAY, 0));
    drain.cancel();
}

#[tokio::test]
async fn who_takes_no_answer_over_http_1_is_cut() {
    let drain = CancellationToken::new();
    let large = 64_000_000;
    let address = listen(Large(large), &drain).await;
    let mut socket = Socket::to(address).await;
    socket.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // Nothing is read for longer than it may be.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(socket.end_bytes().await.len() < large, "what the kernels held, and no more");

    // Who takes it, if slowly, gets it whole.
    let mut socket = Socket::to(address).await;
    socket.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let mut taken = 0;
    while socket.bytes(8_000_000).await.is_some() {
        taken += 8_000_000;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(taken, large);
    drain.cancel();
}

#[tokio::test]
async fn a_tenant_that_takes_no_byte_of_its_answers_stops_nobody_else() {
    let app = TestApp::start_with(|config| {
        config.gateway.max_answer_bytes = 60_000;
        config.gateway.answer_memory_bytes = 240_000;
    })
    .await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let path = format!("{QUEUES}?pageSize=100");
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", path.as_str()),
        (":authority", "gateway"),
        ("x-api-key", alpha.api_key.as_str()),
    ];
    let (request, no_window) = (block(&fields), [0, 4, 0, 0, 0, 0]);
    let streams =
        (0..100).flat_map(|number| frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &request));
    let mut socket = app.socket().await;
    socket.pour(&[opening(&no_window), streams.collect()].concat()).await;
    // All are answered, or refused for want of room; no answer is taken.
    let mut answered = 0;
    while answered < 100 {
        let head = socket.bytes(9).await.expect("the connection is kept");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        socket.bytes(length as usize).await.unwrap();
        answered += u32::from(head[3] == HEADERS);
    }
    for _ in 0..10 {
        beta.get(QUEUES).await.expect(200);
    }
    let of_alpha = app.find_events("tenant=alpha").await;
    let full = |event: &&Value| event["outcome"]["code"] == "ringfence.answer_memory_full";
    assert!(of_alpha.iter().filter(full).count() > 0, "alpha has taken all it may");
    drop(socket);
    eventually("its room is its own again", async || (alpha.get(QUEUES).await.status == 200).then_some(()))
        .await;
    app.finish_after_loss().await;
}
