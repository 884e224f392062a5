//! The one door to Genesys.
//!
//! A call goes out over a pooled HTTP/1.1 client with the token of its tenant's service account. Tokens are minted by
//! client credentials, one per account: whoever comes first starts the mint in a task of its own, all others wait for
//! it. From four fifths of its life on a token is renewed in the background while it still serves; from a minute before
//! its end it serves no more. A failed mint is remembered, so that a crowd does not become a crowd at the login.
//!
//! Who rotates an account's credentials finds no call refused: those under way end with the token that they have, the next
//! ones log in with the new credentials, and what was counted of the account's budget stays ([`mod@line`]).
//!
//! A token that the API refuses is dropped and the call repeated once with another: an expired upstream token never
//! becomes a tenant's 401.
//!
//! Reads are sent again when upstream, or the way to it, fails: at most three attempts within three seconds. A change is
//! sent again only if it never left. An account whose calls fail again and again is spared ([`breaker`]), one that
//! Genesys told to wait does ([`pause`]). All waiting of a call together stays within ten seconds.

mod breaker;
mod budget;
mod client;
mod error;
mod identity;
mod line;
mod login;
mod memory;
mod pause;
mod regions;
mod repeat;
mod tokens;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use hyper_rustls::ConfigBuilderExt;
use tokio::time::{Instant, sleep_until};

use self::{
    budget::{Among, Parts, Payer, Ticket},
    line::{Line, Lines},
    repeat::Attempts,
};
use crate::{
    clock::Clock,
    model::{Portion, ServiceAccount, ServiceAccountId, TenantId},
    secret::MasterKeys,
};

pub use budget::{AccountStanding, BudgetOptions, ShareStanding};
pub use error::UpstreamError;
pub use identity::{Identity, Role};
pub use memory::{Held, Share};
pub use pause::{refuses_any, told_to_wait};
pub use regions::region_urls;

/// How long a call waits for its turn, for room, for tokens and for its next attempts, together.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What the door is built with.
#[derive(Debug, Clone)]
pub struct Options {
    /// For one exchange, from connecting to the answer's last byte.
    pub request_timeout: Duration,
    /// The largest answer that is read.
    pub max_answer_bytes: usize,
    /// What all answers may take together, until they are released.
    pub answer_memory_bytes: usize,
    /// By which tokens expire.
    pub clock: Clock,
    /// How much may be sent.
    pub budget: BudgetOptions,
}

/// What a call does upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be repeated.
    Reads,
    /// Something: once sent, it is never repeated.
    Writes,
}

/// On whose behalf a call is made.
#[derive(Clone, Copy)]
pub struct Behalf<'b> {
    /// Who pays for it, and holds its answer.
    pub share: Share<'b>,
    /// Whose tokens it is made with.
    pub account: &'b Arc<ServiceAccount>,
    /// Until when it may wait, as [`patience`] tells.
    pub until: Instant,
    /// How much was to be sent for the same call before this, all of which it sends again when it comes again: counted here.
    pub sent: Option<&'b AtomicU32>,
    /// Asked right before each exchange whether the call still holds: waiting takes time.
    pub confirm: &'b (dyn Fn() -> bool + Sync),
}

impl<'b> Behalf<'b> {
    /// The operator's.
    pub fn operator(account: &'b Arc<ServiceAccount>) -> Self {
        Self { share: Share::Operator, account, until: patience(), sent: None, confirm: &always }
    }
}

fn always() -> bool {
    true
}

/// Until when a call that begins now may wait, whatever it takes.
pub fn patience() -> Instant {
    Instant::now() + LONGEST_WAIT
}

/// A request ready to send.
///
/// The path and query are canonical and already encoded; headers are those to send (host, authorization, user agent,
/// accepted encoding and content length are added here).
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    /// The method.
    pub method: Method,
    /// As it goes over the wire, appended to the account's API URL byte for byte.
    pub path_and_query: String,
    /// An allow-listed set; hop-by-hop headers are dropped whatever the list said.
    pub headers: HeaderMap,
    /// The whole body; empty for none.
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct UpstreamAnswer {
    /// The status; never 401.
    pub status: StatusCode,
    /// Without hop-by-hop headers.
    pub headers: HeaderMap,
    /// The whole body, as long as its headers promised.
    pub body: Bytes,
    /// The room that it takes.
    pub held: Held,
}

/// The door, cheap to clone. Made after the metrics recorder is installed, whose handles it keeps.
#[derive(Clone)]
pub struct Upstream(Arc<Inner>);

struct Inner {
    client: client::Client,
    broker: tokens::Broker,
    lines: Lines,
    parts: Parts,
    longest_exchange: Duration,
}

impl Upstream {
    /// Builds the client and an empty token cache; nothing is sent yet.
    pub fn new(options: Options, master: impl Into<MasterKeys>) -> anyhow::Result<Self> {
        let tls = tls()?;
        let client = client::Client::new(tls.clone(), &options);
        let broker = tokens::Broker::new(login::Login::new(tls, master.into())?, options.clock);
        let lines = Lines::new(options.budget);
        let (parts, longest_exchange) = (Parts::default(), options.request_timeout);
        Ok(Self(Arc::new(Inner { client, broker, lines, parts, longest_exchange })))
    }

    /// How long a token may be in use by a call that had it when the account was given other credentials: it may be sent
    /// again, and where its token is refused with another of the same credentials.
    pub fn longest_call(&self) -> Duration {
        LONGEST_WAIT + repeat::GIVEN_UP_AFTER + 2 * self.0.longest_exchange
    }

    /// What of an account's budget may be sent from this process; of all accounts that nothing is said of, where none is
    /// named. Without a part, all of it.
    pub fn set_part(&self, account: Option<&ServiceAccountId>, part: Option<Portion>) {
        self.0.parts.set(account, part);
    }

    /// How a tenant stands with its share of an account's budget.
    pub fn share(&self, account: &Arc<ServiceAccount>, tenant: &TenantId, portion: Portion) -> ShareStanding {
        self.line(account).budget.share(tenant, portion)
    }

    /// How an account stands with its budget.
    pub fn standing(&self, account: &Arc<ServiceAccount>) -> AccountStanding {
        self.line(account).budget.account()
    }

    /// A call with a cached token; a 401 invalidates that token, and the call is repeated once with another.
    pub async fn send(
        &self,
        behalf: Behalf<'_>,
        request: UpstreamRequest,
        effect: Effect,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let line = self.line(behalf.account);
        let before = behalf.sent.map_or(0, |sent| sent.fetch_add(1, Ordering::Relaxed));
        let call = Call { behalf, request, before };
        let ended = self.send_on_newest(line, &call, effect).await;
        // What was never to leave takes no place when it comes again.
        if let Some(sent) = behalf.sent.filter(|_| matches!(ended, Err(UpstreamError::Withdrawn))) {
            sent.fetch_sub(1, Ordering::Relaxed);
        }
        ended
    }

    async fn send_on_newest(
        &self,
        line: Arc<Line>,
        call: &Call<'_>,
        effect: Effect,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let ended = self.send_on(&line, call, effect).await;
        // Nothing was done with credentials that are not accepted: if there are others by now, they are tried.
        let is_refused =
            matches!(ended, Err(UpstreamError::NoToken { .. } | UpstreamError::Unauthorized { .. }));
        if is_refused {
            let newest = self.line(line.account());
            if newest.differs_from(&line) {
                return self.send_on(&newest, call, effect).await;
            }
        }
        ended
    }

    async fn send_on(
        &self,
        line: &Line,
        call: &Call<'_>,
        effect: Effect,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        line.check()?;
        let begun = Instant::now();
        let mut ended = self.attempt(line, call).await;
        let mut attempts = Attempts::new(effect, begun);
        while let Some(next) = attempts.next(&ended) {
            sleep_until(next).await;
            // By now another call may have learned better.
            if line.breaker.is_open() || line.resting().is_some() {
                break;
            }
            let again = self.attempt(line, call).await;
            // What there is no place for is not repeated: how it ended stands.
            if matches!(
                again,
                Err(UpstreamError::Exhausted { .. }
                    | UpstreamError::ShareTooSmall { .. }
                    | UpstreamError::Waiting { .. })
            ) {
                break;
            }
            ended = again;
        }
        line.learn(&ended);
        ended
    }

    fn line(&self, account: &Arc<ServiceAccount>) -> Arc<Line> {
        self.0.lines.of(account, &self.0.parts)
    }

    async fn attempt(&self, line: &Line, call: &Call<'_>) -> Result<UpstreamAnswer, UpstreamError> {
        let Inner { broker, .. } = &*self.0;
        let account = call.behalf.account;
        let ready = self.ready(line, call).await?;
        let refused = match self.exchange(line, call, ready).await? {
            Ok(answer) => return Ok(answer),
            Err(refused) => refused,
        };
        if broker.renounce(&refused) {
            let ready = self.ready(line, call).await?;
            match self.exchange(line, call, ready).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) => broker.mark_refused(&refused),
            }
        }
        Err(UpstreamError::Unauthorized { account: account.id.to_string() })
    }

    /// All that an exchange needs, had at one time: whatever is waited for, nothing else is kept from others meanwhile for
    /// long, and the token is one that serves now.
    async fn ready<'l>(&self, line: &'l Line, call: &'l Call<'_>) -> Result<Ready<'l>, UpstreamError> {
        let Inner { client, broker, .. } = &*self.0;
        let (Behalf { share, until, .. }, account) = (call.behalf, line.account());
        loop {
            let ticket = line.take(payer(share), (until, call.before)).await?;
            let held = client.room(share, until).await?;
            let slot = line.slot(ticket.token())?;
            if let Some(lease) = broker.at_once(slot, account) {
                return Ok(Ready { ticket, held, lease });
            }
            drop((ticket, held));
            broker.token(slot, account, until).await?;
        }
    }

    /// One exchange; the lease, where its token is refused.
    async fn exchange(
        &self,
        line: &Line,
        call: &Call<'_>,
        ready: Ready<'_>,
    ) -> Result<Result<UpstreamAnswer, tokens::Lease>, UpstreamError> {
        let Ready { mut ticket, held, lease } = ready;
        if !(call.behalf.confirm)() {
            return Err(UpstreamError::Withdrawn);
        }
        ticket.send();
        let api_url = &call.behalf.account.api_url;
        let ended = self.0.client.exchange(api_url, lease.secret(), &call.request, held).await;
        let answer = line.settle(ticket, ended)?;
        Ok(if answer.status == StatusCode::UNAUTHORIZED { Err(lease) } else { Ok(answer) })
    }

    /// For the operator's check: mints a token now and calls `GET /api/v2/tokens/me`.
    pub async fn check(&self, account: &Arc<ServiceAccount>) -> Result<(), UpstreamError> {
        let Inner { client, broker, .. } = &*self.0;
        let line = self.line(account);
        let behalf = Behalf::operator(account);
        let ticket = line.budget.take(Payer::Operator, Among::First, (behalf.until, 0)).await?;
        let held = client.room(behalf.share, behalf.until).await?;
        let lease = broker.mint_now(line.slot(ticket.token())?, line.account()).await?;
        let call = Call { behalf, request: identity::asked(), before: 0 };
        match self.exchange(&line, &call, Ready { ticket, held, lease }).await? {
            Err(refused) => {
                broker.mark_refused(&refused);
                Err(UpstreamError::Unauthorized { account: account.id.to_string() })
            }
            Ok(answer) => identity::check(&answer),
        }
    }

    /// Whom Genesys takes the account for, by the token that it has, or is given now.
    pub async fn identity(&self, account: &Arc<ServiceAccount>) -> Result<Identity, UpstreamError> {
        identity::read(&self.send(Behalf::operator(account), identity::asked(), Effect::Reads).await?)
    }

    /// Whom Genesys takes the account for with credentials that it is to have: by a token of their own, which nothing else is
    /// sent with.
    pub async fn try_out(&self, account: &Arc<ServiceAccount>) -> Result<Identity, UpstreamError> {
        let Inner { client, broker, .. } = &*self.0;
        let lease = broker.mint_now(&Arc::default(), account).await?;
        let held = client.room(Share::Operator, patience()).await?;
        let answer = client.exchange(&account.api_url, lease.secret(), &identity::asked(), held).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(UpstreamError::Unauthorized { account: account.id.to_string() });
        }
        identity::read(&answer)
    }
}

/// One call, however often it is sent.
struct Call<'c> {
    behalf: Behalf<'c>,
    request: UpstreamRequest,
    // What else was to be sent for it before this.
    before: u32,
}

/// What one exchange needs.
struct Ready<'l> {
    ticket: Ticket<'l>,
    held: Held,
    lease: tokens::Lease,
}

fn payer(share: Share<'_>) -> Payer<'_> {
    match share {
        Share::Operator => Payer::Operator,
        Share::Of(tenant, portion) | Share::MoreOf(tenant, portion) => Payer::Tenant(tenant, portion),
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Upstream")
    }
}

/// How a service account's secret is sealed: the context for [`MasterKeys::seal`].
pub fn secret_context(account: &ServiceAccountId) -> String {
    format!("service-account/{account}/client-secret")
}

/// TLS 1.2 and 1.3 against the public web's roots, for the API and the login alike.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_roots()
        .with_no_client_auth())
}
