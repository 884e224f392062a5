//! One accept loop for every listener, because a framework's has no timers and no caps.
//!
//! | file | knows |
//! |---|---|
//! | `mod.rs` | how many connections there are, and how they end when the process drains |
//! | `connection.rs` | which HTTP a connection speaks, and why it ends |
//! | `door.rs` | how a request reaches its [`Surface`] |
//! | `pulse.rs` | what a connection has been doing, and for how long |
//! | `frames.rs` | what HTTP/2 says to a client that breaks it |
//! | `wire.rs` | the bytes, as hyper reads and writes them |
//! | `refusal.rs` | the answer to what hyper could not read as a request |
//! | `tls.rs` | certificates |
//! | `routed.rs` | a router as a [`Surface`] |

mod connection;
mod door;
mod frames;
mod pulse;
mod refusal;
mod routed;
mod tls;
mod wire;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use ipnet::IpNet;
use tokio::{
    net::TcpListener,
    sync::{Notify, Semaphore},
    time,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::Protocols;
pub use self::{
    refusal::{Refusal, date},
    routed::Routed,
    tls::{Tls, TlsError, TlsFiles},
};
use super::{Full as NoPlace, Share, Shares, Source};

/// How long requests that were cut off have to write themselves down.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Out of descriptors, most likely: a busy loop would make it worse.
const AFTER_AN_ERROR: Duration = Duration::from_millis(50);

/// How long a connection is kept between requests when few places are left.
const IDLE_IN_A_CROWD: Duration = Duration::from_secs(5);

/// What answers the requests of a listener.
pub trait Surface: Clone + Send + Sync + 'static {
    /// What its answers are made of.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;

    /// Answers a request, whatever happens.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// The whole answer to what could not be read as a request; the connection is closed behind it.
    fn refuse(
        &self,
        refusal: &Refusal,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// What a listener grants its clients.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long a new connection may say nothing, and how long the head of a request may take.
    pub header_timeout: Duration,
    /// How long a connection is kept between requests.
    pub idle_timeout: Duration,
    /// How long a client may take none of the bytes that wait for it; it may take ten times as long over all of them.
    pub write_timeout: Duration,
    /// How long a request over HTTP/2 may take, from its head to the end of its answer. (Over HTTP/1.1 the bytes are
    /// watched: there, who takes no answer stops the connection.)
    pub stream_timeout: Duration,
    /// How many connections are open at once; further ones wait in the kernel.
    pub max_connections: usize,
    /// How many of them one source may have; further ones are closed.
    pub max_connections_per_source: usize,
    /// From where more come than one client's: proxies.
    pub proxies: Vec<IpNet>,
    /// How long connections are still accepted once draining has begun: load balancers need a moment to notice.
    pub accept_while_draining: Duration,
    /// How long requests in flight may then take to finish.
    pub finish: Duration,
}

/// What the connections of a listener share.
struct Shared<S> {
    surface: S,
    limits: Limits,
    tls: Option<Tls>,
    protocols: Protocols,
    // Of connections.
    places: Arc<Semaphore>,
    sources: Arc<Shares<Source>>,
    // Told when few places are left.
    crowded: Notify,
    // Asked to end: answers say so.
    drain: CancellationToken,
    // Connections end as soon as nothing is in flight on them.
    closing: CancellationToken,
    // Connections end.
    cut: CancellationToken,
}

impl<S> Shared<S> {
    /// Whether more than nine tenths of the places are taken: then who asks nothing makes room soon.
    fn is_crowded(&self) -> bool {
        self.places.available_permits() < self.limits.max_connections / 10
    }

    fn idle_timeout(&self) -> Duration {
        if self.is_crowded() {
            self.limits.idle_timeout.min(IDLE_IN_A_CROWD)
        } else {
            self.limits.idle_timeout
        }
    }

    /// A place of the source's share; proxies and this machine have all there are.
    fn share(&self, peer: SocketAddr) -> Result<Option<Share<Source>>, NoPlace> {
        let address = peer.ip().to_canonical();
        if self.limits.proxies.iter().any(|range| range.contains(&address)) {
            return Ok(None);
        }
        self.sources.take(Source::of(Some(address))).map(Some)
    }
}

/// Answers until `drain` is cancelled and a moment longer, then finishes what is in flight.
pub async fn serve<S: Surface>(
    surface: S,
    listener: TcpListener,
    limits: Limits,
    tls: Option<Tls>,
    drain: CancellationToken,
) {
    // Connections, and the streams on them: each ends by itself, some moments after its connection.
    let tasks = TaskTracker::new();
    let shared = Arc::new(Shared {
        surface,
        protocols: Protocols::new(limits.stream_timeout, tasks.clone()),
        places: Arc::new(Semaphore::new(limits.max_connections)),
        sources: Shares::new(limits.max_connections, limits.max_connections_per_source),
        crowded: Notify::new(),
        drain,
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
        limits,
        tls,
    });
    accept(&shared, listener, &tasks).await;
    shared.closing.cancel();
    tasks.close();
    if time::timeout(shared.limits.finish, tasks.wait()).await.is_err() {
        tracing::warn!("requests were still in flight when the time to drain was over");
        shared.cut.cancel();
        let _ = time::timeout(LAST_WORDS, tasks.wait()).await;
    }
}

async fn accept<S: Surface>(shared: &Arc<Shared<S>>, listener: TcpListener, tasks: &TaskTracker) {
    let closing = async {
        shared.drain.cancelled().await;
        time::sleep(shared.limits.accept_while_draining).await;
    };
    tokio::pin!(closing);
    let mut was_crowded = false;
    loop {
        let accepted = async {
            // Waits for a place before it accepts: beyond the cap, connections queue in the kernel.
            let place = Arc::clone(&shared.places).acquire_owned().await.ok()?;
            Some((place, listener.accept().await))
        };
        let accepted = tokio::select! {
            () = &mut closing => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Some((place, Ok((stream, peer)))) => {
                let Ok(share) = shared.share(peer) else {
                    tracing::debug!(%peer, "a source has its share of the connections already");
                    continue;
                };
                let is_crowded = shared.is_crowded();
                if is_crowded && !was_crowded {
                    tracing::warn!("nine tenths of the connections are taken; idle ones are closed soon");
                    shared.crowded.notify_waiters();
                }
                was_crowded = is_crowded;
                // A small answer must not wait for the next.
                let _ = stream.set_nodelay(true);
                tasks.spawn(connection::open(Arc::clone(shared), stream, peer, (place, share)));
            }
            Some((_, Err(error))) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                time::sleep(AFTER_AN_ERROR).await;
            }
            None => return,
        }
    }
}
