//! The record of one call or one change.

use std::{net::IpAddr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{DivisionId, EventId, KeyId, Mask, Masks, OperatorId, TenantId};

/// The intent: who, what, under which policies, in which divisions. Committed before any data or effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Also the correlation id.
    pub id: EventId,
    /// When the request was read.
    pub at: DateTime<Utc>,
    /// What kind of thing happened.
    pub kind: EventKind,
    /// Who did it.
    pub actor: Actor,
    /// Genesys's `operation_id`, `token.issue`, or an operator's action such as `tenant.add`.
    pub operation: Option<Arc<str>>,
    /// Where it came from.
    pub source: Option<IpAddr>,
    /// Everything else, as one JSON object ([`Call`], or `{"before": …, "after": …}` of a change), encoded once.
    pub detail: Arc<str>,
}

/// What kind of thing an event records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum EventKind {
    /// A tenant's request on the gateway listener.
    Call,
    /// An operator's change.
    Change,
    /// An operator's or auditor's search of the record.
    Search,
    /// An operator's request that was refused, or what came to the gateway listener and was no request.
    Refusal,
    /// Requests of one source or key in one minute that the limiter refused: counted, not listed.
    Flood,
}

/// Who did it, as far as that was established.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Actor {
    /// The tenant whose key it was, or whom an operator's change is about.
    pub tenant_id: Option<TenantId>,
    /// The key, or the key that an operator's change is about.
    pub key_id: Option<KeyId>,
    /// The operator.
    pub operator_id: Option<OperatorId>,
}

/// The detail of a tenant's call.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Call {
    /// The request's method.
    pub method: String,
    /// The request's path with its ids, as sent by the caller, cut to 2,000 bytes.
    pub path: String,
    /// Divisions that the request named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub divisions_asked: Vec<DivisionId>,
    /// Divisions that the policy granted: what the request was narrowed to.
    pub divisions: Arc<[DivisionId]>,
    /// `allow`, `deny`, or absent where no policy was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<&'static str>,
    /// The ids of the policies that decided.
    #[serde(skip_serializing_if = "is_empty")]
    pub policies: Arc<[String]>,
    /// What is masked for the key, where anything was permitted.
    #[serde(skip_serializing_if = "is_nothing")]
    pub masks: Masks,
    /// What the shadow policies would have decided otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Arc<ShadowDecision>>,
    /// SHA-256 of the caller's query and body, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_before: Option<String>,
    /// SHA-256 of the query and body that were sent upstream, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_after: Option<String>,
    /// Upstream's id of what the path names by a handle; for auditors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_id: Option<String>,
    /// Deprecated forms that were understood and translated; what is wrong with what is no request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a version in shadow says of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShadowDecision {
    /// Which version.
    pub version: i64,
    /// All divisions that it grants the key for the operation.
    #[schemars(with = "Vec<DivisionId>")]
    pub divisions: Arc<[DivisionId]>,
    /// The ids of the policies that decided.
    #[schemars(with = "Vec<String>")]
    pub policies: Arc<[String]>,
    /// Evaluation errors; any of them denies all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// What it would take out of the answer.
    #[serde(skip_serializing_if = "is_nothing")]
    #[schemars(with = "Vec<Mask>")]
    pub masks: Masks,
}

fn is_empty(policies: &Arc<[String]>) -> bool {
    policies.is_empty()
}

fn is_nothing<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How it ended. Follows its event, linked by the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The event that ended.
    pub event_id: EventId,
    /// When.
    pub at: DateTime<Utc>,
    /// `ok`, `aborted`, `unknown`, or the code of the refusal that the caller was shown.
    pub code: Arc<str>,
    /// The HTTP status that the caller was sent.
    pub status: Option<u16>,
    /// Everything else, as one JSON object: upstream status and correlation id, items dropped, bytes, durations.
    pub detail: Arc<str>,
}

/// The code of an outcome that nobody knows: its process ended before it was told, or was taken for dead.
pub const UNKNOWN: &str = "unknown";

impl Event {
    /// The outcome of what is done in the transaction that records it.
    pub fn ended_well(&self) -> Outcome {
        Outcome {
            event_id: self.id.clone(),
            at: self.at,
            code: "ok".into(),
            status: None,
            detail: "{}".into(),
        }
    }
}

/// An event with its outcome, as the record is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// What was intended.
    pub event: Event,
    /// How it ended; absent until known.
    pub outcome: Option<Outcome>,
}
