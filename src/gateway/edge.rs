//! The edge: our own accept loop, because a framework's has no timers, and what is refused before anything is decided.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Version, header, request::Parts};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use ipnet::IpNet;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use super::{Gateway, denial::Invalid};

/// How long connections are still accepted once draining has begun: load balancers need a moment to notice.
const ACCEPT_WHILE_DRAINING: Duration = Duration::from_millis(400);
/// How long requests in flight may take to finish.
const DRAIN: Duration = Duration::from_secs(15);
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 * 1_024;
const MAX_STREAMS: u32 = 100;

/// Accepts until `drain` is cancelled and a moment longer, then finishes what is in flight.
pub(super) async fn serve(gateway: Gateway, listener: TcpListener, drain: CancellationToken) {
    let config = gateway.config();
    let builder = builder(Duration::from_millis(config.header_read_timeout_ms));
    let places = Arc::new(Semaphore::new(config.max_connections));
    let graceful = GracefulShutdown::new();
    let closing = async {
        drain.cancelled().await;
        tokio::time::sleep(ACCEPT_WHILE_DRAINING).await;
    };
    tokio::pin!(closing);
    loop {
        let accepted = async {
            // Waits for a place before it accepts: beyond the cap, connections queue in the kernel.
            let place = Arc::clone(&places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let (place, stream) = tokio::select! {
            () = &mut closing => break,
            accepted = accepted => match accepted {
                Some((place, Ok((stream, peer)))) => (place, (stream, peer)),
                Some((_, Err(error))) => {
                    // Out of descriptors, most likely: a busy loop would make it worse.
                    tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                None => break,
            },
        };
        tokio::spawn(connection(&gateway, &builder, stream, &drain, &graceful, place));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to drain was over");
    }
}

fn builder(header_read_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_read_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(20));
    builder
}

fn connection(
    gateway: &Gateway,
    builder: &auto::Builder<TokioExecutor>,
    (stream, peer): (TcpStream, SocketAddr),
    drain: &CancellationToken,
    graceful: &GracefulShutdown,
    place: OwnedSemaphorePermit,
) -> impl Future<Output = ()> + Send + use<> {
    // A small answer must not wait for the next.
    let _ = stream.set_nodelay(true);
    let gateway = gateway.clone();
    let drain = drain.clone();
    let patience = Duration::from_millis(gateway.config().header_read_timeout_ms);
    let begun = Arc::new(Notify::new());
    let first_request = Arc::clone(&begun);
    let service = service_fn(move |request: Request<Incoming>| {
        begun.notify_one();
        let gateway = gateway.clone();
        let drain = drain.clone();
        async move {
            let version = request.version();
            // Boxed: hyper moves the future about.
            let mut response = Box::pin(gateway.respond(request, peer.ip())).await;
            if drain.is_cancelled() && version < Version::HTTP_2 {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    // hyper's own timer runs from the first byte that is no HTTP/2 preface; who sends none is cut here.
    let silent = async move {
        if tokio::time::timeout(patience, first_request.notified()).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    async move {
        tokio::select! {
            ended = connection => if let Err(error) = ended {
                tracing::debug!(error, "a connection ended early");
            },
            () = silent => tracing::debug!("a connection brought no request in time"),
        }
        drop(place);
    }
}

/// Refuses what two readers of the same bytes could understand differently.
pub(super) fn check(parts: &Parts) -> Result<(), Invalid> {
    let more_than_one = |name| parts.headers.get_all(name).iter().nth(1).is_some();
    if more_than_one(header::HOST) {
        return Err(Invalid::new("ringfence.host_twice", "The request has two `Host` headers; send one."));
    }
    // Of chunks beside a length hyper keeps the chunks, and closes the connection behind them (RFC 9112, 6.3).
    if more_than_one(header::CONTENT_LENGTH) || more_than_one(header::TRANSFER_ENCODING) {
        let message =
            "The request tells its body's length twice; send `Content-Length` or `Transfer-Encoding`, once.";
        return Err(Invalid::new("ringfence.length_ambiguous", message));
    }
    if parts.uri.scheme().is_some() && parts.version < Version::HTTP_2 {
        let message = "Send the path alone in the request line, without scheme and host.";
        return Err(Invalid::new("ringfence.path_not_canonical", message));
    }
    Ok(())
}

/// Where a request comes from. `X-Forwarded-For` counts only from trusted proxies, from the right.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    let told: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let mut source = peer;
    for hop in told.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        // Beyond an address that cannot be read, nothing can be believed.
        let Some(address) = address(hop) else { break };
        source = address.to_canonical();
        if !is_trusted(&source) {
            break;
        }
    }
    source
}

fn address(hop: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(hop).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_from_the_right_and_only_from_trusted_proxies() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        let source_of = |peer: &str, forwarded: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
            }
            source(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        let source = |peer: &str, forwarded: &[&str]| {
            source_of(peer, &forwarded.iter().map(|value| value.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(
            source("192.0.2.1", &["198.51.100.7"]),
            "192.0.2.1",
            "a stranger's word counts for nothing"
        );
        assert_eq!(source("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(source("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["198.51.100.7, nonsense"]), "10.0.0.1");
        assert_eq!(source("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(source_of("10.0.0.1", &[b"\xff, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(source_of("10.0.0.1", &[b"127.0.0.9", b"\xff, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(source_of("10.0.0.1", &[b"198.51.100.7", b"203.0.113.9, \xff"]), "10.0.0.1");
        assert_eq!(source_of("10.0.0.1", &[b"198.51.100.7", b"\xff, 127.0.0.9"]), "127.0.0.9");
    }
}
