//! Clients that are slow, idle or many take nothing from the others.

use std::time::{Duration, Instant};

use ringfence::simulator::ALPHA;

use crate::support::app::{TenantClient, TestApp};

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
        config.gateway.header_read_timeout_ms = 1_000;
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
