//! Clients that misuse what a connection allows: over HTTP/2, and over HTTP/1.1 who takes no answer.

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

use super::organisation::{QUEUES, eventually};
use crate::support::{
    app::TestApp,
    frames::{
        CANCEL, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, GOAWAY, HEADERS, PING, RST_STREAM,
        SETTINGS, block, frame, opening,
    },
    socket::Socket,
};

fn get(more: &[(&str, &str)]) -> Vec<u8> {
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":path", "/api/v2/users"), (":authority", "gateway")];
    block(&[&fields, more].concat())
}

/// How the server ended something: the frame's kind and the error's code; 0 and 0 if the connection was only closed.
async fn ended(socket: &mut Socket) -> (u8, u32) {
    loop {
        match Frame::read(socket).await {
            Some(frame) if matches!(frame.kind, RST_STREAM | GOAWAY) => return (frame.kind, frame.error()),
            Some(_) => {}
            None => return (0, 0),
        }
    }
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
    assert!((kind, code) == (GOAWAY, ENHANCE_YOUR_CALM) || kind == 0, "{kind} {code}");
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
        max_connections_per_source: 10,
        proxies: Vec::new(),
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
async fn who_floods_with_what_has_to_be_acknowledged_and_takes_nothing_is_cut() {
    let drain = CancellationToken::new();
    let address = listen(Large(1), &drain).await;
    for one in [frame(PING, 0, 0, &[0; 8]), frame(SETTINGS, 0, 0, &[])] {
        let mut socket = Socket::to(address).await;
        // Far more than what the kernels hold on the way.
        let taken = socket.pour(&[opening(&[]), one.repeat(4_000_000)].concat()).await;
        assert!(!taken, "acknowledgements pile up");
        let mut other = Socket::to(address).await;
        other.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        assert!(other.end().await.ends_with("\r\n\r\nx"), "others are answered");
    }
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
        let frame = Frame::read(&mut socket).await.expect("the connection is kept");
        answered += u32::from(frame.kind == HEADERS);
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
