//! Draining loses no request that was begun, on whatever kind of connection it came.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ringfence::simulator::{ALPHA, Fault, Match, Rule};
use tokio::{net::TcpStream, time::timeout};

use crate::support::{
    app::{Answer, TestApp},
    command::until,
    frames::{END_HEADERS, END_STREAM, HEADERS, block, frame, opening},
};

const USERS: &str = "/api/v2/users";
const WITHIN: Duration = Duration::from_secs(20);

/// Genesys takes its time, and forgets what it was asked so far.
fn slow(app: &TestApp) {
    let late = Rule::new(Match::default(), Fault::Latency { ms: 2_000 }, None);
    app.simulator.organisation().set_faults(vec![late]);
    app.simulator.organisation().clear_calls();
}

async fn arrived(app: &TestApp, calls: usize) {
    let organisation = app.simulator.organisation();
    until("the calls reach upstream", || (organisation.calls().len() >= calls).then_some(())).await;
}

#[tokio::test]
async fn the_one_that_was_begun_is_answered_and_those_behind_it_are_not_begun() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    slow(&app);
    let request = format!("GET {USERS} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {}\r\n\r\n", alpha.api_key);
    let mut socket = app.socket().await;
    socket.write(request.repeat(3).as_bytes()).await;
    let idle = app.socket().await;
    arrived(&app, 1).await;
    app.drain();
    assert_eq!(timeout(WITHIN, idle.end()).await.unwrap(), "");
    let answer = app.counted(socket.answer()).await;
    assert_eq!(answer.headers["connection"], "close", "what stands behind it was not read, says HTTP");
    answer.expect(200);
    assert_eq!(timeout(WITHIN, socket.end()).await.unwrap(), "");
    assert_eq!(app.simulator.organisation().calls().len(), 1);
    app.finish().await;
}

/// The streams of a connection outlive it: what was begun on one that is gone is on record when the process ends.
#[tokio::test]
async fn a_stream_whose_client_has_gone_is_waited_for() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    slow(&app);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", USERS),
        (":authority", "gateway"),
        ("x-api-key", alpha.api_key.as_str()),
    ];
    let asked = frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields));
    let mut socket = app.socket().await;
    socket.pour(&[opening(&[]), asked].concat()).await;
    arrived(&app, 1).await;
    drop(socket);
    let app = app.restart().await;
    let events = app.find_events("tenant=alpha&operation=getUsers").await;
    let outcomes: Vec<_> = events.iter().map(|event| &event["outcome"]["code"]).collect();
    assert_eq!(outcomes, ["aborted"], "not `unknown`, which the next start would have made of it");
    app.finish_after_loss().await;
}

#[tokio::test]
async fn all_streams_of_an_http_2_connection_are_answered() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    slow(&app);
    let stream = TcpStream::connect(app.addresses.gateway).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let exchanges = (0..20).map(|_| {
        let mut sender = sender.clone();
        let request = Request::get(format!("{}{USERS}", app.gateway())).header("x-api-key", &alpha.api_key);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        app.counted(async move {
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer::new(head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
        })
    });
    let drain = async {
        arrived(&app, 20).await;
        app.drain();
    };
    let (answers, ()) = tokio::join!(join_all(exchanges), drain);
    for answer in answers {
        answer.expect(200);
    }
    timeout(WITHIN, connection).await.expect("the connection ends in order").unwrap().unwrap();
    app.finish().await;
}
