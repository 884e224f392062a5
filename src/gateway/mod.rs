//! The path of a tenant's request, top to bottom.
//!
//! [`Gateway::pass`] is the product on one screen. Each step takes what the step before it made, and only that step can
//! make it: a request cannot be forwarded unless it was authenticated, permitted and scoped, and nothing is returned
//! unless it was guarded.
//!
//! | step | makes | means |
//! |---|---|---|
//! | [`authenticate`] | `Caller` | this key is real, live, and this tenant's |
//! | [`limit`] | – | the key and the tenant have not sent more than they may |
//! | [`authorize`] | `Permit` | a policy allows this caller this operation, in these divisions |
//! | [`masked`] | – | nothing is asked by what the policy hides |
//! | [`idempotency`] | – | what was sent before with the same key is told how it ended, and goes no further |
//! | [`scope`] | `Scoped` | this request cannot reach outside the permit |
//! | [`idempotency`] | `Ready` | it came without a key, or its claim is committed |
//! | [`forward`] | `Answer` | nobody has looked at this yet; it cannot be returned |
//! | [`registry`] | – | what was made or deleted is known as that, also where its caller has left |
//! | [`guard`] | `Guarded` | only what is the caller's |
//!
//! Beside the path runs the record: the intent is committed before the first byte of an answer leaves, whatever the
//! answer is; a request that is dropped half-way writes itself down as `aborted`.

mod answer;
mod asked;
mod attributes;
mod authenticate;
mod authorize;
mod body;
mod denial;
mod document;
mod edge;
mod forward;
mod guard;
mod handle;
mod idempotency;
mod json;
mod lenient;
mod limit;
mod listed;
mod masked;
mod meters;
mod oauth;
mod outliving;
mod own;
mod path;
mod query;
mod refused;
mod registry;
mod release;
pub mod scope;
mod token;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, StatusCode, request::Parts as Head};
use hyper::body::{Body, Incoming};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, field::Empty, info_span};

use self::{
    answer::Answered,
    asked::Asked,
    authenticate::Authenticator,
    authorize::Permit,
    denial::{Denial, Failure},
    handle::Handles,
    lenient::Sent,
    limit::{Limiter, Standing},
    listed::Lists,
    meters::Meters,
    path::CanonicalPath,
    refused::Refused,
    scope::Sendable,
    token::Tokens,
};
use crate::{
    audit::{Audit, Reader, Record},
    catalog::{Catalog, Entry, Narrowing, OwnAnswer},
    clock::Clock,
    cluster::Cluster,
    config,
    directory::Directory,
    model::{DivisionId, EventId},
    secret::{ClaimKey, Pepper, hex},
    tenancy::{Tenancy, Views},
    upstream::Upstream,
};

pub use self::limit::Upkeep;

/// What the gateway is made of.
pub struct Parts {
    /// The operations.
    pub catalog: Arc<Catalog>,
    /// Tenants, keys and policies.
    pub tenancy: Tenancy,
    /// Which division an entity is in.
    pub directory: Directory,
    /// Genesys.
    pub upstream: Upstream,
    /// The record.
    pub audit: Audit,
    /// The record, to be read.
    pub reader: Reader,
    /// The other replicas.
    pub cluster: Cluster,
    /// What keys are hashed under.
    pub pepper: Pepper,
    /// What ids are handed out under: 32 bytes, opened.
    pub handle_key: zeroize::Zeroizing<Vec<u8>>,
    /// What calls are claimed under that are to be made once.
    pub claim_key: ClaimKey,
    /// What tells this installation's access tokens from another's.
    pub installation: String,
    /// The time.
    pub clock: Clock,
    /// The `[gateway]` section.
    pub config: config::Gateway,
    /// Divisions that are nobody's secret.
    pub neutral_divisions: Vec<DivisionId>,
}

/// The tenants' side of Ringfence. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    parts: Parts,
    tokens: Tokens,
    meters: Meters,
    limiter: Limiter,
    // Turns at reading the record.
    readers: Semaphore,
    lists: Lists,
    handles: Handles,
    // What goes on although its caller left.
    outliving: TaskTracker,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let tokens = Tokens::new(&parts.installation);
        let meters = Meters::new(&parts.catalog);
        let limiter =
            Limiter::new(&parts.clock, parts.cluster.clone(), parts.config.failed_authentications_per_minute);
        let lists = Lists::new(Duration::from_millis(parts.config.request_timeout_ms));
        let handles = Handles::new(&parts.handle_key);
        let readers = Semaphore::new(own::READERS);
        let outliving = TaskTracker::new();
        Self(Arc::new(Inner { parts, tokens, meters, limiter, readers, lists, handles, outliving }))
    }

    fn config(&self) -> &config::Gateway {
        &self.0.parts.config
    }

    /// Answers a request, whatever happens, and sees to its record.
    async fn respond(&self, request: Request<Incoming>, peer: IpAddr) -> Answered {
        let started = Instant::now();
        let Some(place) = self.0.limiter.enter() else { return self.turn_away(request, peer).await };
        let Ok(mut record) = self.0.parts.audit.open().await else {
            let id = EventId::at(self.0.parts.clock.now());
            return Refused::failed(Failure::NotRecorded, request.uri().path()).answer(&id);
        };
        let id = record.id().clone();
        let (head, body) = request.into_parts();
        record.source = Some(edge::source(peer, &head.headers, &self.config().trusted_proxies));
        edge::note(&head, &mut record);
        let span = request_span(&head, &id);
        // Boxed: the future of the whole path is large, and would be copied into each one that wraps it.
        let mut standing = Standing::default();
        standing.enter(place);
        let route = Box::pin(self.route(head, body, &mut record, &mut standing)).instrument(span.clone());
        let routed = AssertUnwindSafe(route).catch_unwind().await;
        // A panic is a defect of ours; its request is answered and recorded like any other.
        let routed = routed.unwrap_or_else(|_| {
            let failure = if record.change_sent { Failure::EffectUnknown } else { Failure::Internal };
            Err(Refused::failed(failure, &record.call.path))
        });
        // A panic may have come between the intent and its commit; in all else the path has waited for the commit.
        let committed = record.is_intended() && !routed.as_ref().is_err_and(Refused::is_internal);
        let counted = routed.as_ref().is_err_and(Refused::is_counted);
        let (code, mut response) = match routed {
            Ok(response) => ("ok", response),
            Err(refused) => (refused.code(), refused.answer(&id)),
        };
        standing.show(response.headers_mut());
        let operation = record.operation.clone().unwrap_or_else(|| Arc::from("none"));
        span.record("operation.name", &*operation).record("outcome.code", code);
        span.record("http.response.status_code", response.status().as_u16());
        let took = started.elapsed();
        self.0.meters.count(operation, code, took);
        record.ended.durations_us.total = Some(forward::microseconds(took));
        record.ended.bytes = response.body().size_hint().exact();
        standing.charge(record.ended.bytes.unwrap_or_default());
        if counted {
            self.0.limiter.count(record, code, response.status());
            return response;
        }
        let status = response.status().as_u16();
        if committed {
            record.end(code, status);
            return response;
        }
        let path = record.call.path.clone();
        match record.refuse(code, status).await {
            Ok(()) => response,
            Err(_) => Refused::failed(Failure::NotRecorded, &path).answer(&id),
        }
    }

    /// The login, or the API.
    async fn route(
        &self,
        head: Head,
        body: Incoming,
        record: &mut Record,
        standing: &mut Standing,
    ) -> Result<Answered, Refused> {
        let routed = self.admit(&head, body, record, standing).await;
        routed.map_err(|refused| self.charge(refused, &head, record))
    }

    async fn admit(
        &self,
        head: &Head,
        body: Incoming,
        record: &mut Record,
        standing: &mut Standing,
    ) -> Result<Answered, Refused> {
        edge::check(head).map_err(Denial::from)?;
        let path = head.uri.path().to_owned();
        let path = CanonicalPath::read(&path).map_err(Denial::from)?;
        if path.is_login() {
            record.operation = Some(Arc::from("token.issue"));
            return self.login(head, body, record).await.map_err(Refused::Login);
        }
        self.pass(head, &path, body, record, standing).await
    }

    /// The path.
    async fn pass(
        &self,
        head: &Head,
        path: &CanonicalPath<'_>,
        body: Incoming,
        record: &mut Record,
        standing: &mut Standing,
    ) -> Result<Answered, Refused> {
        let parts = &self.0.parts;
        let views = self.views()?;

        let caller = self.authenticator(&views, record).request(&head.headers, &mut record.actor)?;
        let place = self.0.limiter.admit(&caller, record.opened_at(), standing)?;

        let found = parts.catalog.find(head.method.as_str(), path.api()).ok_or(Denial::OperationUnknown)?;
        let operation = match found.entry {
            Entry::Enabled(operation) => operation,
            Entry::Denied(denied) => {
                record.operation = Some(Arc::clone(&denied.id));
                return Err(Denial::OperationDenied(denied.reason.to_string()).into());
            }
        };
        record.operation = Some(Arc::clone(&operation.id));
        let key = idempotency::read(&head.headers, &operation).map_err(Denial::from)?;

        let parameters = found.parameters.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        let longest = self.config().max_body_bytes;
        let bytes =
            body::read(&head.headers, body, longest, body::READ_TIMEOUT).await.map_err(Denial::from)?;
        let query = head.uri.query().unwrap_or_default();
        record.call.request_before = Some(digest(query.as_bytes(), &bytes));
        let claim = key.map(|key| {
            let sent = idempotency::Sent { path: path.api(), query, body: &bytes };
            Box::new(idempotency::claim(&parts.claim_key, (&caller, &operation), &key, &sent))
        });
        let sent = Sent::new(bytes, caller.tenant().tenant().lenient);
        let mut asked = Asked::read(parts.catalog.api(), &operation, parameters, query, &head.headers, &sent)
            .map_err(Denial::from)?;
        asked.claim = claim;

        let permit = authorize::authorize(caller, Arc::clone(&operation), &asked, &parts.clock, record)?;
        masked::check(&parts.catalog, &permit, &asked)?;
        if let Narrowing::Own { answer } = operation.narrowing {
            let body = own::answer(self, answer, &permit, &asked, record).await?;
            if answer == OwnAnswer::RotateKey {
                // The key may have ended with it; who asked for that is told all the same.
                return Ok(answer::json(StatusCode::CREATED, record.id(), body));
            }
            // It may have waited for its turn at the record.
            self.confirm(&permit)?;
            return Ok(answer::json(StatusCode::OK, record.id(), body));
        }

        if !parts.audit.is_available() {
            return Err(Denial::Failed(Failure::NotRecorded).into());
        }
        if let Some(claim) = &asked.claim
            && let Some(first) = Box::pin(self.repeated(claim, &permit, record)).await?
        {
            return Ok(first);
        }
        self.send(permit, asked, (place, standing.held()), record).await
    }

    /// The path's second half: what is permitted is sent, and what comes back is looked at.
    async fn send(
        &self,
        permit: Permit,
        asked: Asked<'_>,
        places: impl Send + 'static,
        record: &mut Record,
    ) -> Result<Answered, Refused> {
        let (parts, operation) = (&self.0.parts, Arc::clone(permit.operation()));
        let confirm = |permit: &Permit| self.confirm(permit);
        let proven = scope::prove(&parts.directory, &permit, &asked, record, &confirm).await?;
        let tenant = permit.caller().key().tenant_id.clone();
        let changing =
            scope::changed(&permit, &asked).map(|change| parts.directory.changing(&tenant, change));
        let registering = scope::registering(&permit, &asked)?;
        let scoped = scope::scope(&parts.catalog, &self.0.handles, permit, asked, proven, record)?;
        let scoped = scope::identify(&parts.directory, scoped, record, &confirm).await?;
        confirm(scoped.permit())?;
        let ready = match scoped.ready() {
            Sendable::Ready(ready) => ready,
            Sendable::Unclaimed(unclaimed) => {
                // Boxed, as the next: nearly all requests do without, and would carry its size.
                return Box::pin(self.make_once(unclaimed, (registering, changing), places, record)).await;
            }
        };
        let answer = if let Some(registering) = registering {
            Box::pin(self.forward_and_register(registering, ready, (changing, places), record)).await?
        } else {
            self.forward(ready, changing, record).await?
        };
        let checked = self.check(answer, record).await;
        forward::let_others_come().await;
        let released = checked.and_then(|guarded| self.give(guarded, record));
        released.map_err(|denial| guard::settle(&operation, denial, record).into())
    }

    /// What answers are checked against.
    fn against(&self) -> guard::Against<'_> {
        let Inner { parts, lists, handles, .. } = &*self.0;
        guard::Against { catalog: &parts.catalog, neutral: &parts.neutral_divisions, lists, handles }
    }

    fn authenticator<'a>(&'a self, views: &'a Views, record: &Record) -> Authenticator<'a> {
        let parts = &self.0.parts;
        Authenticator {
            views,
            pepper: &parts.pepper,
            tokens: &self.0.tokens,
            now: parts.clock.now(),
            source: record.source,
        }
    }

    /// The current views, as long as they are known to be current.
    fn views(&self) -> Result<Arc<Views>, Denial> {
        let tenancy = &self.0.parts.tenancy;
        if tenancy.is_confirmed() {
            Ok(tenancy.views())
        } else {
            Err(Denial::Failed(Failure::StateUnconfirmed))
        }
    }
}

/// SHA-256 of a query and a body: what was sent can be proven, without being kept.
fn digest(query: &[u8], body: &Bytes) -> String {
    use sha2::{Digest, Sha256};
    hex(&Sha256::new().chain_update(query).chain_update(b"\n").chain_update(body).finalize())
}

// Made only where spans are sent; labelled by the catalog's words, never by the path or the tenant.
fn request_span(head: &Head, id: &EventId) -> Span {
    info_span!(
        "request",
        otel.kind = "server",
        correlation.id = %id,
        http.request.method = %head.method,
        http.response.status_code = Empty,
        operation.name = Empty,
        outcome.code = Empty,
    )
}
