//! Places on a listener: nobody takes all, and who asks nothing makes room.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use ringfence::web::listener::{self, Limits, Refusal, Surface};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::socket::Socket;

const KNOWN: &str = "GET /known HTTP/1.1\r\nHost: x\r\n\r\n";
const STRANGER: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Knows those who ask for it.
#[derive(Clone)]
struct Knowing;

impl Surface for Knowing {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Full<Bytes>> {
        let mut response = Response::default();
        if request.uri().path() != "/known" {
            *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        }
        response
    }

    async fn refuse(&self, _: &Refusal, _: SocketAddr) -> Response<Full<Bytes>> {
        Response::default()
    }
}

async fn listen(change: impl FnOnce(&mut Limits)) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut limits = Limits {
        header_timeout: Duration::from_mins(1),
        idle_timeout: Duration::from_mins(1),
        write_timeout: Duration::from_mins(1),
        stream_timeout: Duration::from_mins(1),
        max_connections: 10,
        max_connections_per_source: 10,
        proxies: Vec::new(),
        accept_while_draining: Duration::ZERO,
        finish: Duration::from_secs(1),
    };
    change(&mut limits);
    let drain = CancellationToken::new();
    tokio::spawn(listener::serve(Knowing, listener, limits, None, drain.clone()));
    (address, drain.drop_guard())
}

/// A connection that was answered; and whether it is kept.
async fn answered(request: &str, mut socket: Socket) -> (Socket, bool) {
    socket.write(request.as_bytes()).await;
    let answer = socket.answer().await;
    (socket, !answer.headers.contains_key("connection"))
}

#[tokio::test]
async fn one_source_has_a_share_of_the_connections_and_a_proxy_has_all() {
    let (address, _listening) = listen(|limits| limits.max_connections_per_source = 3).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(answered(KNOWN, Socket::to(address).await).await);
    }
    let mut fourth = Socket::to(address).await;
    fourth.pour(KNOWN.as_bytes()).await;
    assert_eq!(fourth.end().await, "", "it has its share");
    answered(KNOWN, Socket::between(OTHER, address).await).await;

    let (address, _listening) = listen(|limits| {
        limits.max_connections_per_source = 3;
        limits.proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(answered(KNOWN, Socket::to(address).await).await);
    }
}

#[tokio::test]
async fn when_few_places_are_left_idle_connections_make_room_and_strangers_are_not_kept() {
    let (address, _listening) = listen(|_| {}).await;
    let mut held = Vec::new();
    let (stranger, kept) = answered(STRANGER, Socket::to(address).await).await;
    assert!(kept, "there is room");
    held.push(stranger);
    for _ in 0..8 {
        held.push(answered(KNOWN, Socket::to(address).await).await.0);
    }
    let (stranger, kept) = answered(STRANGER, Socket::to(address).await).await;
    assert!(!kept, "there is hardly any");
    assert_eq!(stranger.end().await, "");
    // Places are taken by those who ask nothing, and may for a minute.
    for _ in 0..5 {
        held.push(answered(KNOWN, Socket::to(address).await).await.0);
    }
}
