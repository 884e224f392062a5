//! Why a request went no further: its code, its status, its words.
//!
//! The list is closed on purpose: a new reason breaks every `match` that must know it. The same code goes to the caller,
//! into the event and into the metric, with one exception: until a secret has proved right, every failure to
//! authenticate is the same `bad.credentials` to the caller, and only the event says which it was.

mod failure;

use std::time::Duration;

use http::StatusCode;

pub(super) use self::failure::Failure;
use super::{guard::UpstreamRefusal, idempotency::Repeat, lenient::Unknown};

/// Status, code and message, as the caller is shown them.
type Shown<'d> = (StatusCode, &'static str, &'d str);

/// Why a tenant's request stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denial {
    /// The credential.
    Credential(Credential),
    /// The method and path are not in the catalog.
    OperationUnknown,
    /// The catalog denies the operation to everyone.
    OperationDenied(String),
    /// The request cannot be understood, or asks for what no tenant may.
    Invalid(Invalid),
    /// The policy permits the operation in none of the tenant's divisions.
    NotPermitted,
    /// It tells what users do for whomever, and the tenant's are not known to serve it alone.
    AgentsNotDedicated,
    /// The request asks by what the policy masks, or would replace it; with its place.
    FieldMasked(String),
    /// The request names divisions, none of which is permitted.
    DivisionNotPermitted,
    /// A policy could not be evaluated.
    PolicyFailed,
    /// What was permitted when the request came is permitted no longer.
    PermitWithdrawn,
    /// Another tenant's, or nobody's: the two look the same.
    NotFound,
    /// Genesys refused the request for a reason that the caller can mend.
    UpstreamRefused(UpstreamRefusal),
    /// Genesys has had enough requests for now.
    UpstreamLimited(Limited),
    /// The tenant's share of what Genesys accepts of its service account is used up.
    OverShare(Limited),
    /// More than the caller's limits allow, or too many failures from one address.
    OverLimit(Limited),
    /// It was sent before with the same `Idempotency-Key`, and is not made again.
    Repeat(Repeat),
    /// Not the caller's doing.
    Failed(Failure),
}

/// A limit of Genesys's on the service account, and when it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limited {
    seconds: u64,
    message: String,
    sent: bool,
    share: Option<u32>,
}

/// What is wrong with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    /// There is none.
    Missing,
    /// It proves nothing; why is for the event alone.
    Unproven(Unproven),
    /// There are two, or one twice.
    Ambiguous,
    /// The key proved right, and its time is over.
    KeyExpired,
    /// The key proved right, and was revoked.
    KeyRevoked,
    /// The access token proved right, and its time is over.
    TokenExpired,
    /// The key proved right, and its tenant is suspended.
    TenantSuspended,
    /// The key proved right, and what its tenant is granted was altered by another hand than ours.
    GrantsUnproven,
    /// The key proved right, but may not be used from there.
    AddressNotAllowed,
}

/// Why a credential proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproven {
    /// It does not have the form of a key or of an access token.
    Malformed,
    /// There is no such key.
    UnknownKey,
    /// The secret is not the key's.
    WrongSecret,
    /// The access token was not signed by this gateway.
    ForeignToken,
}

/// A request that cannot be understood, or asks for what no tenant may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invalid {
    /// 400, 408, 413 or 415.
    pub(super) status: StatusCode,
    /// Stable.
    pub(super) code: &'static str,
    /// What to change.
    pub(super) message: String,
    /// The field that the body's model does not know, where it is that alone.
    pub(super) unknown: Option<Box<Unknown>>,
}

impl Limited {
    /// Genesys refused this call.
    pub(super) fn told(wait: Duration) -> Self {
        Self::new(wait, true)
    }

    /// Genesys refused a call before; this one was not sent.
    pub(super) fn waiting(left: Duration) -> Self {
        Self::new(left, false)
    }

    /// The tenant has used up its share; this call was not sent.
    pub(super) fn share(left: Duration, allowed: u32) -> Self {
        let limited = Self::new(left, false);
        let message =
            format!("Your share of the requests that Genesys accepts is used up. {}", limited.message);
        Self { message, share: Some(allowed), ..limited }
    }

    /// In how many seconds it is over.
    pub(super) fn seconds(&self) -> u64 {
        self.seconds
    }

    /// The share that is used up, of requests a minute.
    pub(super) fn used_up(&self) -> Option<u32> {
        self.share
    }

    /// Whether the call itself was refused, and not one before it.
    pub(super) fn was_sent(&self) -> bool {
        self.sent
    }

    fn new(wait: Duration, sent: bool) -> Self {
        // A second too early would be refused again.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        // Genesys's own words (facts: errors).
        let message = format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
        Self { seconds, message, sent, share: None }
    }
}

impl From<Limited> for Denial {
    fn from(limited: Limited) -> Self {
        Self::UpstreamLimited(limited)
    }
}

impl Invalid {
    /// A 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::of(StatusCode::BAD_REQUEST, code, message)
    }

    /// Another status.
    pub(super) fn of(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), unknown: None }
    }

    /// A field of the body that its model does not know.
    pub(super) fn unknown_field(unknown: Option<Unknown>, message: impl Into<String>) -> Self {
        let invalid = Self::new("ringfence.body_unknown_field", message);
        Self { unknown: unknown.map(Box::new), ..invalid }
    }
}

impl From<Invalid> for Denial {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Credential> for Denial {
    fn from(credential: Credential) -> Self {
        Self::Credential(credential)
    }
}

impl From<Repeat> for Denial {
    fn from(repeat: Repeat) -> Self {
        Self::Repeat(repeat)
    }
}

impl From<Failure> for Denial {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Denial {
    /// The code that the event carries.
    pub(super) fn code(&self) -> &'static str {
        let Self::Credential(Credential::Unproven(why)) = self else { return self.shown().1 };
        match why {
            Unproven::Malformed => "ringfence.credentials_malformed",
            Unproven::UnknownKey => "ringfence.key_unknown",
            Unproven::WrongSecret => "ringfence.secret_wrong",
            Unproven::ForeignToken => "ringfence.token_foreign",
        }
    }

    /// The limit of Genesys's that it speaks of.
    pub(super) fn limited(&self) -> Option<&Limited> {
        if let Self::UpstreamLimited(limited) | Self::OverLimit(limited) | Self::OverShare(limited) = self {
            Some(limited)
        } else {
            None
        }
    }

    /// Whether our own limiter refused it: it is counted, and has no event of its own.
    pub(super) fn is_counted(&self) -> bool {
        matches!(self, Self::OverLimit(_))
    }

    /// Status, code and message, as the caller is shown them.
    pub(super) fn shown(&self) -> Shown<'_> {
        use StatusCode as S;
        match self {
            Self::Credential(credential) => credential.shown(),
            Self::OperationUnknown => {
                (S::NOT_FOUND, "ringfence.operation_unknown", "There is no such operation here.")
            }
            Self::OperationDenied(reason) => (S::FORBIDDEN, "ringfence.operation_denied", reason),
            Self::FieldMasked(place) => (S::FORBIDDEN, "ringfence.field_masked", place),
            Self::Invalid(invalid) => (invalid.status, invalid.code, &invalid.message),
            Self::NotPermitted => (
                S::FORBIDDEN,
                "ringfence.not_permitted",
                "Your policy does not permit this operation. Ask your operator.",
            ),
            Self::AgentsNotDedicated => (
                S::FORBIDDEN,
                "ringfence.agents_not_dedicated",
                "This tells what users do, for whomever they do it. If yours serve you alone, ask your operator to set \
                 `dedicated_agents`.",
            ),
            Self::DivisionNotPermitted => (
                S::FORBIDDEN,
                "ringfence.division_not_permitted",
                "None of the divisions that the request names is permitted. Leave them out, or name your own.",
            ),
            Self::PolicyFailed => (
                S::FORBIDDEN,
                "ringfence.policy_failed",
                "Your policy could not be evaluated, so nothing is permitted. Ask your operator.",
            ),
            Self::PermitWithdrawn => (
                S::FORBIDDEN,
                "ringfence.permit_withdrawn",
                "What was permitted when the request arrived is permitted no longer.",
            ),
            Self::NotFound => (S::NOT_FOUND, "not.found", "The requested resource was not found."),
            Self::UpstreamRefused(refusal) => (refusal.status(), refusal.code(), refusal.message()),
            // Genesys's own code and words (facts: h), so that clients know what to do.
            Self::UpstreamLimited(limited) | Self::OverLimit(limited) => {
                (S::TOO_MANY_REQUESTS, "too.many.requests.retry.after", &limited.message)
            }
            Self::OverShare(limited) => {
                (S::TOO_MANY_REQUESTS, "ringfence.budget_exhausted", &limited.message)
            }
            Self::Repeat(repeat) => repeat.shown(),
            Self::Failed(failure) => failure.shown(),
        }
    }
}

impl Credential {
    fn shown(self) -> Shown<'static> {
        use StatusCode as S;
        match self {
            // Genesys's own codes and words (facts: the login).
            Self::Missing => (
                S::UNAUTHORIZED,
                "authentication.required",
                "No authentication bearer token specified in authorization header.",
            ),
            Self::Unproven(_) => (S::UNAUTHORIZED, "bad.credentials", "Invalid login credentials."),
            Self::Ambiguous => (
                S::BAD_REQUEST,
                "ringfence.credentials_ambiguous",
                "Send one credential, once: either `Authorization: Bearer …` or `X-Api-Key`.",
            ),
            Self::KeyExpired => (
                S::UNAUTHORIZED,
                "ringfence.key_expired",
                "This key has expired. Ask your operator for a new one.",
            ),
            Self::KeyRevoked => (
                S::UNAUTHORIZED,
                "ringfence.key_revoked",
                "This key was revoked. Ask your operator for a new one.",
            ),
            Self::TokenExpired => {
                (S::UNAUTHORIZED, "ringfence.token_expired", "This access token has expired. Log in again.")
            }
            Self::TenantSuspended => {
                (S::FORBIDDEN, "ringfence.tenant_suspended", "Access is suspended. Ask your operator.")
            }
            Self::GrantsUnproven => (
                S::SERVICE_UNAVAILABLE,
                "ringfence.grants_unproven",
                "What you are permitted was altered by another hand than the gateway's, so nothing is answered. Ask your \
                 operator.",
            ),
            Self::AddressNotAllowed => (
                S::FORBIDDEN,
                "ringfence.address_not_allowed",
                "This key may not be used from this network address.",
            ),
        }
    }
}
