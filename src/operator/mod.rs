//! What operators do, as plain functions: no HTTP, no SQL.
//!
//! The doors ([`crate::admin`], later pages and commands) call these, so that a key issued by any of them passes the
//! same checks and leaves the same record.
//!
//! Each takes the [`Desk`] and the [`Author`] (no action without one), and goes the same way: authorize, validate, one
//! call of the store (the change and its event in one transaction), then the views in memory are refreshed, so that
//! the change holds at once here.

mod desk;
pub mod keys;
pub mod operators;
pub mod policies;
pub mod record;
mod refusal;
pub mod service_accounts;
pub mod tenants;

use std::{net::IpAddr, sync::Arc};

pub use desk::Desk;
pub use refusal::Refusal;
use serde::{Deserialize, Deserializer, de::IntoDeserializer};

use crate::{
    audit::Audit,
    catalog::Catalog,
    clock::Clock,
    config,
    model::{EventId, Operator},
    policy::Engine,
    secret::{MasterKey, Pepper},
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
    pub master: MasterKey,
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

const LONGEST_NAME: usize = 100;

/// A name for people: some text on one line.
fn check_name(name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(Refusal::invalid("name", format!("expected 1 to {LONGEST_NAME} characters on one line")));
    }
    Ok(())
}

/// The operations that tenants can be given, each with how it is narrowed and guarded.
pub async fn list_operations(desk: &Desk, author: &Author) -> Result<Vec<serde_json::Value>, Refusal> {
    desk.authorize(author, "operation.list").await?;
    Ok(desk.catalog.describe())
}
