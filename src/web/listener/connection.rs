//! One connection: which HTTP it speaks, and why it ends.

use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::BytesMut;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::{
    rt::Executor,
    server::conn::{http1, http2},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    net::TcpStream,
    time,
};
use tokio_util::task::TaskTracker;

use super::{
    Shared, Surface, Tls,
    door::Door,
    frames::ENHANCE_YOUR_CALM,
    pulse::{Late, Pulse, Watch},
    refusal::{self, Refusal},
    wire::{Version, Wire},
};

const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: u32 = 65_536;
const MAX_STREAMS: u32 = 100;
// What a client may send ahead of its being read, by stream and by connection.
const STREAM_WINDOW: u32 = 65_536;
const CONNECTION_WINDOW: u32 = 262_144;
// Streams that the client reset and nobody looked at yet, and those that broke the protocol.
const MAX_RESET_STREAMS: usize = 20;
const PING_EVERY: Duration = Duration::from_secs(20);
const WIND_DOWN: Duration = Duration::from_secs(1);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// hyper's two protocols, with our caps.
pub(super) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<InTime>,
}

/// Runs the requests of HTTP/2 connections, each no longer than it may take; who drains waits for them.
#[derive(Debug, Clone)]
struct InTime(Duration, TaskTracker);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for InTime {
    fn execute(&self, stream: F) {
        self.1.spawn(time::timeout(self.0, stream));
    }
}

impl Protocols {
    pub(super) fn new(stream_timeout: Duration, tasks: TaskTracker) -> Self {
        let mut http1 = http1::Builder::new();
        // The time that a head takes is `Pulse`'s to watch.
        http1.header_read_timeout(None).max_headers(MAX_HEADERS).max_buf_size(MAX_HEADER_BYTES as usize);
        let mut http2 = http2::Builder::new(InTime(stream_timeout, tasks));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
            .max_local_error_reset_streams(MAX_RESET_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_EVERY);
        Self { http1, http2 }
    }
}

/// Why a connection is over.
enum End {
    Closed(hyper::Result<()>),
    Late(Late),
    Cut,
}

/// Serves a connection until it ends; as long it keeps its place.
pub(super) async fn open<S: Surface, P>(
    shared: Arc<Shared<S>>,
    stream: TcpStream,
    peer: SocketAddr,
    _place: P,
) {
    // Boxed, here and where the version is known: most connections are idle, and take the memory of what they speak.
    match shared.tls.clone() {
        None => run(shared, stream, peer).await,
        Some(tls) => Box::pin(secure(shared, tls, stream, peer)).await,
    }
}

async fn secure<S: Surface>(shared: Arc<Shared<S>>, tls: Tls, stream: TcpStream, peer: SocketAddr) {
    let shaken = tokio::select! {
        shaken = time::timeout(shared.limits.header_timeout, tls.accept(stream)) => shaken,
        () = shared.closing.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => run(shared, stream, peer).await,
        Ok(Err(error)) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection brought no TLS");
        }
        Err(_) => tracing::debug!("a connection brought no TLS in time"),
    }
}

async fn run<S, T>(shared: Arc<Shared<S>>, mut stream: T, peer: SocketAddr)
where
    S: Surface,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let pulse = Pulse::new();
    let mut first = BytesMut::new();
    let version = tokio::select! {
        biased;
        version = time::timeout(shared.limits.header_timeout, read_version(&mut stream, &mut first)) => version,
        () = shared.closing.cancelled() => return,
    };
    let first = first.freeze();
    match version {
        Ok(Ok(Some(version))) => {
            let wire = TokioIo::new(Wire::new(stream, first, version, Arc::clone(&pulse)));
            let door = Door { shared: Arc::clone(&shared), peer, pulse };
            match version {
                Version::Http1 => Box::pin(http1(&shared, wire, door)).await,
                Version::Http2 => Box::pin(http2(&shared, wire, door)).await,
            }
        }
        // Who says nothing is told nothing.
        Err(_) if first.is_empty() => tracing::debug!("a connection brought no request in time"),
        Err(_) => refuse(&shared, &mut stream, &Refusal::TooSlow, peer).await,
        Ok(Ok(None) | Err(_)) => {}
    }
}

/// Reads until it is sure which HTTP is spoken; nothing if the client left before.
async fn read_version<T: AsyncRead + Unpin>(
    stream: &mut T,
    first: &mut BytesMut,
) -> std::io::Result<Option<Version>> {
    loop {
        if stream.read_buf(first).await? == 0 {
            return Ok(None);
        }
        let begins_alike = first.iter().zip(PREFACE).all(|(one, other)| one == other);
        if !begins_alike {
            return Ok(Some(Version::Http1));
        }
        if first.len() >= PREFACE.len() {
            return Ok(Some(Version::Http2));
        }
    }
}

async fn http1<S: Surface, T>(shared: &Shared<S>, wire: TokioIo<Wire<T>>, door: Door<S>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (pulse, peer) = (Arc::clone(&door.pulse), door.peer);
    let mut connection = shared.protocols.http1.serve_connection(wire, door);
    let end = drive(&mut connection, shared, &pulse).await;
    let parts = connection.into_parts();
    let wire = parts.io.into_inner();
    // In the midst of an answer, another would be taken for a part of it.
    let settled = wire.is_settled();
    let mut stream = wire.into_stream();
    let begun = !parts.read_buf.trim_ascii().is_empty();
    let refusal = match &end {
        _ if !settled => None,
        End::Closed(Err(error)) if error.is_parse_too_large() => Some(Refusal::TooLarge),
        End::Closed(Err(error)) if error.is_parse() => Some(Refusal::Malformed(error.to_string())),
        End::Late(Late::Head | Late::Idle) if begun => Some(Refusal::TooSlow),
        End::Closed(_) | End::Late(_) | End::Cut => None,
    };
    match (end, refusal) {
        (_, Some(refusal)) => refuse(shared, &mut stream, &refusal, peer).await,
        (End::Closed(Err(error)), None) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
        }
        (End::Closed(Ok(())), None) => refusal::close(&mut stream, pulse.had_body()).await,
        (End::Late(late), None) => tracing::debug!(?late, "a connection was cut"),
        (End::Cut, None) => {}
    }
}

async fn http2<S: Surface, T>(shared: &Shared<S>, wire: TokioIo<Wire<T>>, door: Door<S>)
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (pulse, peer) = (Arc::clone(&door.pulse), door.peer);
    let mut connection = shared.protocols.http2.serve_connection(wire, door);
    let end = drive(&mut connection, shared, &pulse).await;
    drop(connection);
    match end {
        End::Closed(Err(error)) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
        }
        End::Late(late) => tracing::debug!(?late, "a connection was cut"),
        End::Closed(Ok(())) | End::Cut => {}
    }
    if let Some(breach) = pulse.breach() {
        // The client was told by HTTP/2's own means: this is for the record.
        drop(shared.surface.refuse(&Refusal::Broken(breach), peer).await);
    }
}

async fn refuse<S: Surface, T>(shared: &Shared<S>, stream: &mut T, refusal: &Refusal, peer: SocketAddr)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let response = shared.surface.refuse(refusal, peer).await;
    refusal::write(stream, response).await;
    refusal::close(stream, true).await;
}

/// A connection of either protocol.
trait Driven {
    /// Whether it can tell its client that it is about to end.
    const TELLS: bool;

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>>;

    /// Takes no more requests, and ends when nothing is in flight.
    fn wind_down(&mut self);
}

impl<S: Surface, T: AsyncRead + AsyncWrite + Unpin> Driven for http1::Connection<TokioIo<Wire<T>>, Door<S>> {
    const TELLS: bool = false;

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.poll_without_shutdown(context)
    }

    fn wind_down(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

impl<S: Surface, T: AsyncRead + AsyncWrite + Unpin + 'static> Driven
    for http2::Connection<TokioIo<Wire<T>>, Door<S>, InTime>
{
    const TELLS: bool = true;

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Pin::new(self).poll(context)
    }

    fn wind_down(&mut self) {
        Pin::new(self).graceful_shutdown();
    }
}

/// What concerns a connection besides its bytes.
enum Event {
    Look,
    Flooded,
    Closing,
    Cut,
}

async fn drive<S: Surface, C: Driven>(connection: &mut C, shared: &Shared<S>, pulse: &Pulse) -> End {
    let mut watch = Watch::new();
    let mut next_look = time::Instant::now() + shared.limits.header_timeout;
    let mut winding_down = false;
    loop {
        // Polled only when it has something to say: its locks are every connection's.
        let mut events = FuturesUnordered::from_iter([event(shared, pulse, next_look, winding_down)]);
        let event = tokio::select! {
            biased;
            result = poll_fn(|context| connection.poll_end(context)) => return End::Closed(result),
            event = events.next() => event,
        };
        match event {
            Some(Event::Look) => match pulse.look(&mut watch, &shared.limits, shared.idle_timeout()) {
                Ok(next) => next_look = time::Instant::now() + next,
                Err(Late::Idle) if C::TELLS && !winding_down => {
                    winding_down = true;
                    connection.wind_down();
                    next_look = time::Instant::now() + WIND_DOWN;
                }
                Err(late) => return End::Late(late),
            },
            Some(Event::Closing) => {
                winding_down = true;
                connection.wind_down();
            }
            Some(Event::Flooded) => {
                tracing::warn!("a client takes back most of what it asks; its connection is closed");
                pulse.broke(ENHANCE_YOUR_CALM);
                return End::Cut;
            }
            Some(Event::Cut) | None => return End::Cut,
        }
    }
}

async fn event<S>(shared: &Shared<S>, pulse: &Pulse, look: time::Instant, winding_down: bool) -> Event {
    tokio::select! {
        () = time::sleep_until(look) => Event::Look,
        () = shared.crowded.notified() => Event::Look,
        () = pulse.flooded() => Event::Flooded,
        () = shared.closing.cancelled(), if !winding_down => Event::Closing,
        () = shared.cut.cancelled() => Event::Cut,
    }
}
