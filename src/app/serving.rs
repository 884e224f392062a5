//! The three listeners, from bound to drained.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{Router, http::HeaderValue, http::header::CONNECTION, response::Response, routing::get};
use serde::Serialize;
use tokio::{net::TcpListener, time};
use tokio_util::sync::CancellationToken;

use super::App;
use crate::{
    admin, telemetry,
    web::health::{self, Part},
};

// How long connections are accepted after `/ready` began to fail, so that load balancers can turn away.
const STILL_ACCEPTING: Duration = Duration::from_millis(300);
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
        let App { store, tenancy, audit, gateway, desk, config: _ } = self.app;
        let probes = {
            let (drain, audit) = (drain.clone(), audit.clone());
            health::router(move || {
                vec![
                    Part { name: "serving", ready: !drain.is_cancelled() },
                    Part { name: "store", ready: tenancy.is_confirmed() },
                    Part { name: "record", ready: audit.is_available() },
                ]
            })
        };
        let probes = probes.route("/metrics", get(async || telemetry::metrics().render()));
        // Probes outlive the rest, so that whoever asks during the drain is told.
        let drained = CancellationToken::new();
        let telemetry = tokio::spawn(answer(
            self.telemetry,
            closing(probes, drain.clone()),
            drained.clone().cancelled_owned(),
        ));
        let upkeep = tokio::spawn(drained.clone().run_until_cancelled_owned(upkeep()));
        let stop = {
            let drain = drain.clone();
            async move {
                drain.cancelled().await;
                time::sleep(STILL_ACCEPTING).await;
            }
        };
        let operator = answer(self.operator, closing(admin::router(desk), drain.clone()), stop);
        let operator = within(&drain, STILL_ACCEPTING + IN_FLIGHT, operator);
        let (operated, ()) = tokio::join!(operator, gateway.serve(self.gateway, drain.clone()));
        let recorded = time::timeout(RECORD, audit.stop()).await;
        drained.cancel();
        let _ = time::timeout(LAST_PROBES, telemetry).await;
        let _ = time::timeout(CLOSING, store.close()).await;
        upkeep.abort();
        recorded.context("the end of the record could not be written in time")?;
        operated.context("the operator listener failed")
    }
}

async fn answer(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await
}

// Gives up what is still in flight `longest` after the drain began.
async fn within<T: Default>(
    drain: &CancellationToken,
    longest: Duration,
    work: impl Future<Output = std::io::Result<T>>,
) -> std::io::Result<T> {
    let too_late = async {
        drain.cancelled().await;
        time::sleep(longest).await;
    };
    tokio::select! {
        done = work => done,
        () = too_late => Ok(T::default()),
    }
}

// Tells clients to connect elsewhere next time.
fn closing(router: Router, drain: CancellationToken) -> Router {
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

async fn upkeep() {
    let mut interval = time::interval(UPKEEP);
    loop {
        interval.tick().await;
        telemetry::metrics().run_upkeep();
    }
}
