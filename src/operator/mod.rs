//! What operators do, as plain functions: no HTTP, no SQL.
//!
//! The doors ([`crate::admin`], later pages and commands) call these, so that a key issued by any of them passes the
//! same checks and leaves the same record.
//!
//! Each takes the [`Desk`] and the [`Author`] (no action without one), and goes the same way: authorize, validate, one
//! call of the store (the change and its event in one transaction), then the views in memory are refreshed, so that
//! the change holds at once here.

pub mod catalog;
mod desk;
pub mod export;
pub mod keys;
pub mod operators;
pub mod policies;
pub mod record;
mod refusal;
pub mod registry;
pub mod service_accounts;
pub mod signing_keys;
pub mod tenants;
mod unsettled;

use std::{fmt, marker::PhantomData, net::IpAddr, num::NonZeroU32, sync::Arc};

pub use desk::Desk;
pub use refusal::Refusal;
use serde::{
    Deserialize, Deserializer,
    de::{IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    audit::Audit,
    catalog::Catalog,
    clock::Clock,
    config,
    model::{EventId, Limits, Operator},
    policy::Engine,
    secret::{MasterKeys, Pepper},
    store::Store,
    tenancy::Tenancy,
    upstream::Upstream,
};

/// What a [`Desk`] is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// Told of each change.
    pub tenancy: Tenancy,
    /// For checks of service accounts.
    pub upstream: Upstream,
    /// Names the stream that this process's events belong to.
    pub audit: Audit,
    /// Says what a role may do, and which templates there are.
    pub engine: Arc<Engine>,
    /// The operations that tenants can be given.
    pub catalog: Arc<Catalog>,
    /// What service accounts' secrets are sealed under.
    pub master: MasterKeys,
    /// What keys and tokens are hashed under.
    pub pepper: Pepper,
    /// The time.
    pub clock: Clock,
    /// What holds for service accounts that do not say.
    pub upstream_defaults: config::Upstream,
}

/// Who does it, in which request: on every event that follows from it.
#[derive(Debug, Clone)]
pub struct Author {
    /// Who.
    pub operator: Operator,
    /// From where.
    pub source: Option<IpAddr>,
    /// The request's correlation id, and the id of its event.
    pub event_id: EventId,
}

/// For `deserialize_with`: one of several words. An enum by itself would also be read from an object, and anything else
/// be called malformed JSON.
fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// As [`word`], or nothing.
fn word_if_any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

/// For `deserialize_with`: an object's fields by their names, or nothing. A list would name them by their places.
fn object_if_any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ObjectIfAny(PhantomData))
}

struct ObjectIfAny<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectIfAny<T> {
    type Value = Option<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

const LONGEST_NAME: usize = 100;

/// A name for people: some text on one line.
fn check_name(name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Refusal::invalid("name", format!("expected 1 to {LONGEST_NAME} characters on one line")));
    }
    Ok(())
}

const LONGEST_REASON: usize = 500;

/// Why something is done: some text on one line.
fn check_reason(reason: &str) -> Result<(), Refusal> {
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > LONGEST_REASON || reason.chars().any(char::is_control) {
        let why = format!("say why, in 1 to {LONGEST_REASON} characters on one line");
        return Err(Refusal::invalid("reason", why));
    }
    Ok(())
}

/// A bound that nobody reaches is a mistake, and so is one that stops everything.
const LARGEST_LIMIT: u32 = 1_000_000_000;
/// A petabyte.
const MOST_BYTES: u64 = 1_000_000_000_000_000;

/// Limits that can be met, and a burst only of something.
fn check_limits(limits: &Limits) -> Result<(), Refusal> {
    let Limits {
        requests_per_minute,
        burst,
        concurrent_requests,
        requests_per_day,
        requests_per_month,
        bytes_per_day,
    } = *limits;
    if let Some(limit) = bytes_per_day.filter(|limit| !(1..=MOST_BYTES).contains(limit)) {
        let why = format!("{limit} is out of range: `bytes_per_day` is 1 to {MOST_BYTES}, or left out");
        return Err(Refusal::invalid("limits", why));
    }
    for limit in [requests_per_minute, burst, concurrent_requests, requests_per_day, requests_per_month] {
        if let Some(limit) = limit.filter(|limit| !(1..=LARGEST_LIMIT).contains(limit)) {
            let why = format!(
                "{limit} is out of range: each is 1 to {LARGEST_LIMIT}, or left out where nothing is limited"
            );
            return Err(Refusal::invalid("limits", why));
        }
    }
    if burst.is_some() && requests_per_minute.is_none() {
        return Err(Refusal::invalid(
            "limits",
            "`burst` says nothing without `requests_per_minute`; send both",
        ));
    }
    let per_minute = requests_per_minute.and_then(NonZeroU32::new);
    if let (Some(burst), Some(most)) = (burst, per_minute.map(Limits::largest_burst))
        && burst > most.get()
    {
        let why = format!(
            "a `burst` of {burst} takes longer than a month to come back; with this `requests_per_minute` it is at most {most}"
        );
        return Err(Refusal::invalid("limits", why));
    }
    Ok(())
}

/// Whether the author may read how the admin API is described.
pub async fn check_describe(desk: &Desk, author: &Author) -> Result<(), Refusal> {
    desk.authorize(author, "api.describe").await
}
