//! The three listeners, from bound to drained.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::Context;
use axum::{Router, http::HeaderValue, http::header::CONNECTION, response::Response, routing::get};
use futures_util::future;
use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;
use tokio::{
    net::TcpListener,
    time::{self, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{App, descriptors, watching};
use crate::{
    admin,
    audit::Audit,
    directory::Directory,
    gateway::Gateway,
    telemetry,
    tenancy::Tenancy,
    web::{
        health::{self, Part},
        listener::{self, Limits, Routed},
    },
};

// A client of these listeners is one of few, and known.
const HEADER: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(75);
const WRITE: Duration = Duration::from_secs(30);
const STREAM: Duration = Duration::from_mins(2);
const OPERATOR_CONNECTIONS: usize = 1_000;
const TELEMETRY_CONNECTIONS: usize = 100;
// How long connections are accepted after `/ready` began to fail, so that load balancers can turn away.
const STILL_ACCEPTING: Duration = Duration::from_millis(400);
// Together less than the 20 s within which a drained process has gone.
const IN_FLIGHT: Duration = Duration::from_secs(15);
const RECORD: Duration = Duration::from_secs(3);
const LAST_PROBES: Duration = Duration::from_millis(500);
const CLOSING: Duration = Duration::from_secs(1);
// As often as the metrics' library asks for.
const UPKEEP: Duration = Duration::from_secs(5);

/// Where a process listens.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Addresses {
    /// Tenants.
    pub gateway: SocketAddr,
    /// Operators and auditors.
    pub operator: SocketAddr,
    /// Metrics and probes.
    pub telemetry: SocketAddr,
}

/// An app that has its listeners. Connections are accepted from here on and answered once it serves.
pub struct Bound {
    app: App,
    gateway: TcpListener,
    operator: TcpListener,
    telemetry: TcpListener,
    addresses: Addresses,
}

impl App {
    /// Takes the configured listeners; port 0 takes a free one.
    pub async fn bind(self) -> anyhow::Result<Bound> {
        let connections = self.config.gateway.max_connections + OPERATOR_CONNECTIONS + TELEMETRY_CONNECTIONS;
        descriptors::raise(connections);
        let gateway = listen("gateway", self.config.gateway.listen).await?;
        let operator = listen("operator", self.config.operator.listen).await?;
        let telemetry = listen("telemetry", self.config.telemetry.listen).await?;
        let addresses = Addresses {
            gateway: gateway.local_addr()?,
            operator: operator.local_addr()?,
            telemetry: telemetry.local_addr()?,
        };
        Ok(Bound { app: self, gateway, operator, telemetry, addresses })
    }
}

async fn listen(section: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("`{section}.listen = \"{address}\"` cannot be bound: is it in use?"))
}

impl Bound {
    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Answers until `drain` is cancelled, then finishes what is in flight, writes the record and returns, within 20 s.
    pub async fn serve(self, drain: CancellationToken) -> anyhow::Result<()> {
        let App { config, store, tenancy, audit, gateway, directory, desk, clock, tls, following } = self.app;
        let (watched, used) = (tenancy.clone(), tenancy.clone());
        let probes = probes(drain.clone(), tenancy, audit.clone(), gateway.clone());
        // Probes outlive the rest, so that whoever asks during the drain is told.
        let drained = CancellationToken::new();
        let now = move || clock.now();
        let probes = Routed::new(told(probes, drain.clone()), now.clone());
        let probing = Limits { accept_while_draining: Duration::ZERO, ..limits(TELEMETRY_CONNECTIONS) };
        let telemetry = tokio::spawn(listener::serve(probes, self.telemetry, probing, None, drained.clone()));
        let watching = future::join(watching::watch(directory.clone(), watched), following);
        let watching = tokio::spawn(drain.clone().run_until_cancelled_owned(watching));
        let upkeep = tokio::spawn(drained.clone().run_until_cancelled_owned(upkeep(directory)));
        let operator = Routed::new(admin::router(desk), now);
        let operator =
            listener::serve(operator, self.operator, limits(OPERATOR_CONNECTIONS), None, drain.clone());
        let serving = Limits {
            header_timeout: Duration::from_millis(config.gateway.header_read_timeout_ms),
            idle_timeout: Duration::from_millis(config.gateway.idle_timeout_ms),
            // Two exchanges, the body before them and the answer behind them.
            stream_timeout: STREAM + 2 * Duration::from_millis(config.gateway.request_timeout_ms),
            max_connections_per_source: config.gateway.max_connections_per_source,
            proxies: proxies(config.gateway.trusted_proxies),
            ..limits(config.gateway.max_connections)
        };
        if let Some(tls) = tls.clone() {
            tokio::spawn(drained.clone().run_until_cancelled_owned(tls.follow()));
        }
        let counted = gateway.keep_limits(&drain);
        let by = async {
            drain.cancelled().await;
            Instant::now() + STILL_ACCEPTING + IN_FLIGHT
        };
        let serving = listener::serve(gateway.clone(), self.gateway, serving, tls, drain.clone());
        let ((), (), by) = tokio::join!(operator, serving, by);
        if time::timeout_at(by, gateway.finish()).await.is_err() {
            tracing::warn!("what callers left was still in flight when the time to drain was over");
        }
        let recorded = async {
            counted.stop().await;
            audit.stop().await;
            used.write_last_uses().await;
        };
        let recorded = time::timeout(RECORD, recorded).await;
        drained.cancel();
        let _ = time::timeout(LAST_PROBES, telemetry).await;
        let _ = time::timeout(CLOSING, store.close()).await;
        watching.abort();
        upkeep.abort();
        recorded.context("the end of the record could not be written in time")
    }
}

fn probes(drain: CancellationToken, tenancy: Tenancy, audit: Audit, gateway: Gateway) -> Router {
    let probes = health::router(move || {
        vec![
            Part { name: "serving", ready: !drain.is_cancelled() },
            Part { name: "store", ready: tenancy.is_confirmed() },
            Part { name: "record", ready: audit.is_available() },
            Part { name: "limits", ready: gateway.knows_limits() },
        ]
    });
    probes.route("/metrics", get(async || telemetry::metrics().render()))
}

// This machine's own programs are proxies, or could do worse than connect.
fn proxies(trusted: Vec<IpNet>) -> Vec<IpNet> {
    let own = [
        Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
    ];
    trusted.into_iter().chain(own).collect()
}

fn limits(max_connections: usize) -> Limits {
    Limits {
        header_timeout: HEADER,
        idle_timeout: IDLE,
        write_timeout: WRITE,
        stream_timeout: STREAM,
        max_connections,
        max_connections_per_source: max_connections,
        proxies: Vec::new(),
        accept_while_draining: STILL_ACCEPTING,
        finish: IN_FLIGHT,
    }
}

// Probes are still answered while the rest drains, and say so.
fn told(router: Router, drain: CancellationToken) -> Router {
    router.layer(axum::middleware::map_response(move |mut response: Response| {
        let draining = drain.is_cancelled();
        async move {
            if draining {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
    }))
}

async fn upkeep(directory: Directory) {
    let mut interval = time::interval(UPKEEP);
    loop {
        interval.tick().await;
        telemetry::metrics().run_upkeep();
        directory.sweep();
    }
}
