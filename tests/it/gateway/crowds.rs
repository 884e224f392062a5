//! Clients that are slow, idle or many take nothing from the others.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    StreamExt,
    future::join_all,
    stream::{FuturesUnordered, Pending, pending},
};
use http_body_util::{BodyExt, StreamBody};
use hyper::{Request, body::Frame, client::conn::http2, http::request::Builder};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

use super::{
    login::{FORM, GRANT, post},
    refused::assert_refused,
};
use crate::support::{
    app::{Answer, TenantClient, TestApp},
    command::PATIENCE,
};

const ME: &str = "/api/v2/tokens/me";
const SLOW: usize = 200;

/// The median of many calls, one after the other.
async fn median(alpha: &TenantClient) -> Duration {
    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        alpha.get(ME).await.expect(200);
        took.push(begun.elapsed());
    }
    took.sort();
    took[took.len() / 2]
}

#[tokio::test]
async fn slow_clients_do_not_slow_the_others() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let alone = median(&alpha).await;
    let head = format!("GET {ME} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {}\r\n", alpha.api_key);
    let mut slow = Vec::new();
    for _ in 0..SLOW {
        let mut socket = app.socket().await;
        socket.write(head.as_bytes()).await;
        slow.push(socket);
    }
    let dripping = async {
        loop {
            for socket in &mut slow {
                socket.pour(b"X-Drip: x\r\n").await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let among_slow_ones = tokio::select! {
        () = dripping => unreachable!("it drips without end"),
        median = median(&alpha) => median,
    };
    // Both were measured in one run; the allowance is for a busy machine.
    assert!(among_slow_ones < alone * 5, "{among_slow_ones:?} beside {SLOW} slow clients, {alone:?} alone");
    // At last, they are answered too.
    for mut socket in slow {
        socket.write(b"\r\n").await;
        app.counted(socket.answer()).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn beyond_the_cap_connections_wait_for_a_place() {
    let app = TestApp::start_with(|config| {
        config.gateway.max_connections = 2;
        config.gateway.idle_timeout_ms = 1_000;
        config.gateway.header_read_timeout_ms = 5_000;
    })
    .await;
    let request = format!("GET {ME} HTTP/1.1\r\nHost: gateway\r\n\r\n");
    let mut sockets = Vec::new();
    for _ in 0..6 {
        let mut socket = app.socket().await;
        socket.write(request.as_bytes()).await;
        sockets.push(socket);
    }
    // Each place is free again when its connection has been idle for too long.
    for socket in &mut sockets {
        app.counted(socket.answer()).await.expect(401);
    }
    app.finish().await;
}

/// A body that never comes.
type Unsent = StreamBody<Pending<Result<Frame<Bytes>, Infallible>>>;

/// So many streams are allowed on one connection.
const STREAMS: usize = 100;

async fn connection(app: &TestApp) -> http2::SendRequest<Unsent> {
    let stream = TcpStream::connect(app.addresses.gateway).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends the head of a request, and reads the answer.
async fn head(mut sender: http2::SendRequest<Unsent>, request: Builder) -> Answer {
    let request = request.body(StreamBody::new(pending())).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer::new(head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// From each source so many connections full of logins whose forms never come; how many were answered what.
async fn unsent_logins(app: &TestApp, sources: u8, connections: usize) -> BTreeMap<(u16, String), usize> {
    let mut logins = Vec::new();
    for source in 1..=sources {
        for _ in 0..connections {
            let sender = connection(app).await;
            logins.extend((0..STREAMS).map(|_| {
                let login = Request::post(format!("{}/oauth/token", app.gateway()));
                let login = login.header("x-forwarded-for", format!("192.0.2.{source}"));
                app.counted(head(sender.clone(), login))
            }));
        }
    }
    let mut counts = BTreeMap::new();
    for answer in join_all(logins).await {
        let error = answer.body["error"].as_str().unwrap().to_owned();
        *counts.entry((answer.status.as_u16(), error)).or_default() += 1;
    }
    counts
}

async fn believing() -> TestApp {
    TestApp::start_with(|config| {
        config.gateway.failed_authentications_per_minute = NonZeroU32::new(100_000).unwrap();
        config.gateway.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

#[tokio::test]
async fn one_source_has_a_share_of_the_places_for_forms_that_have_not_come_and_not_for_long() {
    let app = believing().await;
    let begun = Instant::now();
    let counts = unsent_logins(&app, 1, 2).await;
    let expected = [((408, "invalid_request".to_owned()), 128), ((429, "slow_down".to_owned()), 200 - 128)];
    assert_eq!(counts, BTreeMap::from(expected));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    app.finish().await;
}

#[tokio::test]
async fn strangers_who_never_send_their_forms_leave_the_gateway_to_the_others() {
    let app = believing().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (counts, took) = tokio::join!(unsent_logins(&app, 11, 1), median(&alpha));
    let expected = [
        ((408, "invalid_request".to_owned()), 1_024),
        ((503, "temporarily_unavailable".to_owned()), 1_100 - 1_024),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    assert!(took < Duration::from_secs(1), "{took:?}");
    let login = post(&app, "/oauth/token").basic_auth(&alpha.client_id, Some(&alpha.client_secret));
    app.send(login.header("content-type", FORM).body(GRANT)).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn each_tenant_has_a_share_of_the_requests_under_way_and_beyond_all_one_is_refused_whole() {
    let app = believing().await;
    let zeta = app.tenant("zeta", &[ALPHA]).await;
    let mut held = FuturesUnordered::new();
    for number in 1..=4 {
        let own = format!("{number}0000000-0000-4000-8000-000000000000");
        let tenant = app.tenant(&format!("tenant-{number}"), &[&own]).await;
        zeta.get(ME).await.expect(200);
        for _ in 0..21 {
            let sender = connection(&app).await;
            held.extend((0..STREAMS).map(|_| {
                let search = Request::post(format!("{}/api/v2/users/search", app.gateway()));
                head(sender.clone(), search.header("x-api-key", &tenant.api_key))
            }));
        }
        let refused = held.by_ref().take(21 * STREAMS - 2_048).collect::<Vec<_>>().await;
        // The last one's also meet those of its own that are about to be refused.
        for refused in refused.into_iter().filter(|_| number < 4) {
            assert_eq!(refused.headers["retry-after"], "1");
            assert_eq!(refused.expect(429)["code"], "too.many.requests.retry.after");
        }
    }
    // What they left.
    let sender = connection(&app).await;
    held.extend((0..STREAMS).map(|_| {
        let search = Request::post(format!("{}/api/v2/users/search", app.gateway()));
        head(sender.clone(), search.header("x-api-key", &zeta.api_key))
    }));
    let mut refused = held.next().await.unwrap();
    while refused.status != 503 {
        refused = held.next().await.unwrap();
    }
    assert!(refused.headers.contains_key("inin-correlation-id"));
    assert_eq!(refused.expect(503)["code"], "ringfence.crowded");
    let refused = zeta.get(ME).await;
    // The doors of the operators are not crowded.
    let event = assert_refused(&app, "one too many", &refused, 503, "ringfence.crowded").await;
    assert_eq!(
        (&event["kind"], &event["path"], &event["tenant"]),
        (&json!("call"), &json!(ME), &Value::Null)
    );
    assert_eq!(zeta.log_in().await.expect(503)["error"], "temporarily_unavailable");
    drop(held);
    let answered = async { while zeta.get(ME).await.status != 200 {} };
    timeout(PATIENCE, answered).await.expect("there is room again");
    app.finish_after_loss().await;
}
