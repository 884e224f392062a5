//! What is sent again, and what never is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ringfence::{
    model::ServiceAccount,
    upstream::{Effect, Share, UpstreamError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{House, change, get, server::Trouble};

#[tokio::test]
async fn a_read_is_sent_again_when_upstream_fails() {
    let house = House::open().await;
    for (troubles, attempts) in [([502, 503], 3), ([504, 502], 3), ([503, 404], 2)] {
        let before = house.genesys.seen().len();
        house.genesys.troubles(troubles.map(Trouble::status));
        let answer = house.get("/api/v2/token").await.unwrap();
        assert_eq!(answer.status == 200, attempts == 3, "{troubles:?}");
        assert_eq!(house.genesys.seen().len() - before, attempts, "{troubles:?}");
    }
}

#[tokio::test]
async fn upstream_is_given_up_after_three_attempts_and_three_seconds() {
    let house = House::open().await;
    for (after, attempts) in [(0, 3), (1_000, 2), (1_600, 1)] {
        let before = house.genesys.seen().len();
        let slow = Trouble { after: Duration::from_millis(after), ..Trouble::status(503) };
        house.genesys.troubles(vec![slow; 4]);
        let begun = Instant::now();
        assert_eq!(house.get("/api/v2/token").await.unwrap().status, 503);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert_eq!(house.genesys.seen().len() - before, attempts, "{after} ms");
    }
}

#[tokio::test]
async fn what_repeating_cannot_mend_is_sent_once() {
    let house = House::open().await;
    for status in [400, 403, 404, 409, 429, 500, 501] {
        let before = house.genesys.seen().len();
        house.genesys.troubles([Trouble::status(status).with("retry-after", "1")]);
        assert_eq!(house.get("/api/v2/token").await.unwrap().status, status);
        assert_eq!(house.genesys.seen().len() - before, 1, "{status}");
        if status == 429 {
            tokio::time::sleep(Duration::from_millis(1_010)).await;
        }
    }
    // What asks for more time than there is is believed.
    for seconds in ["30", "18446744073709551615"] {
        let slow = Trouble { after: Duration::from_millis(700), ..Trouble::status(503) };
        house.genesys.troubles([slow.with("retry-after", seconds)]);
        let before = house.genesys.seen().len();
        assert_eq!(house.get("/api/v2/token").await.unwrap().status, 503);
        assert_eq!(house.genesys.seen().len() - before, 1);
    }
}

#[tokio::test]
async fn what_times_out_has_had_its_time() {
    let house = House::with_timeout(Duration::from_millis(200)).await;
    let error = house.get("/api/v2/never").await.unwrap_err();
    assert!(matches!(error, UpstreamError::TimedOut), "{error}");
    assert_eq!(house.genesys.seen().len(), 1);
}

#[tokio::test]
async fn a_change_that_was_sent_is_never_sent_again() {
    let house = House::open().await;
    for status in [502, 503, 504] {
        house.genesys.troubles([Trouble::status(status)]);
        let before = house.genesys.seen().len();
        assert_eq!(house.change().await.unwrap().status, status);
        assert_eq!(house.genesys.seen().len() - before, 1, "{status}");
    }
}

#[tokio::test]
async fn what_is_withdrawn_between_two_attempts_is_not_sent_again() {
    let house = House::open().await;
    house.genesys.troubles([Trouble::status(503)]);
    let asked = AtomicUsize::new(0);
    let only_once = || asked.fetch_add(1, Ordering::SeqCst) == 0;
    let request = get("/api/v2/token");
    let error = house
        .upstream
        .send(super::on_behalf(Share::Operator, &house.account, &only_once), request, Effect::Reads)
        .await
        .unwrap_err();
    assert!(matches!(error, UpstreamError::Withdrawn), "{error}");
    assert_eq!((asked.into_inner(), house.genesys.seen().len()), (2, 1));
}

/// An API that promises to keep each connection open and closes it behind its first answer.
async fn fickle() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&bodies);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n{}") {
                    if stream.read_buf(&mut read).await.unwrap() == 0 {
                        return;
                    }
                }
                count.fetch_add(1, Ordering::SeqCst);
                let answer = b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    (url, bodies)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_upstream_at_most_once_however_its_connection_ends() {
    const CALLS: usize = 300;
    let house = House::open().await;
    let (url, bodies) = fickle().await;
    let account = Arc::new(ServiceAccount { api_url: url, ..(*house.account).clone() });
    let mut answered = 0;
    for _ in 0..CALLS {
        match house
            .upstream
            .send(super::on_behalf(Share::Operator, &account, &|| true), change(), Effect::Writes)
            .await
        {
            Ok(_) => answered += 1,
            Err(UpstreamError::Broken { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    // Those that met a closed connection before a byte was written went out on another.
    assert_eq!(bodies.load(Ordering::SeqCst), answered);
    assert!(answered > CALLS / 2, "{answered} of {CALLS}");
}
