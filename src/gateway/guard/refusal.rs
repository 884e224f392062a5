//! Genesys's own refusals, rebuilt: a code that is known, with our words for it, and nothing else of its text.

use http::StatusCode;
use serde::Deserialize;

use crate::{
    catalog::{Guarding, Narrowing, Operation},
    gateway::denial::{Denial, Failure},
    upstream::refuses_any,
};

/// A refusal for a reason that the caller can mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) struct UpstreamRefusal(&'static Known);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

const fn bad(code: &'static str, message: &'static str) -> Known {
    Known { status: StatusCode::BAD_REQUEST, code, message }
}

const fn unchanged(status: StatusCode) -> Known {
    let message = "Genesys Cloud refused the change, so nothing was changed. Your operator can see why.";
    Known { status, code: "ringfence.upstream_refused", message }
}

/// Codes that say nothing about anyone's data (facts: errors), but that a name is taken; the first of each status stands
/// for all others.
static KNOWN: &[Known] = &[
    bad("bad.request", "Genesys Cloud does not accept the request as it is."),
    bad("invalid.property", "A field of the request is not a property that Genesys Cloud knows."),
    bad("invalid.value", "A value of the request is not one that Genesys Cloud accepts."),
    bad("constraint.validation", "A value of the request is outside what Genesys Cloud accepts."),
    bad(
        "response.entity.too.large",
        "The answer would be too large. Ask for smaller pages or a shorter interval.",
    ),
    bad("too.many.search.criteria", "The search has too many conditions."),
    bad("search.criteria.values.exceed.limit", "A condition of the search has too many values."),
    bad(
        "too.many.requested.results",
        "The search reaches past the last result that Genesys Cloud gives out.",
    ),
    Known {
        status: StatusCode::CONFLICT,
        code: "general.conflict",
        message: "The name or address is taken, or the version is not the newest. Read it again, and choose another.",
    },
    Known {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "request.entity.too.large",
        message: "The body is larger than Genesys Cloud accepts; send a smaller one.",
    },
    unchanged(StatusCode::FORBIDDEN),
    unchanged(StatusCode::PRECONDITION_FAILED),
    unchanged(StatusCode::UNPROCESSABLE_ENTITY),
];

/// For any other status, which says more of the gateway than of the request.
static OTHER: Known = unchanged(StatusCode::BAD_GATEWAY);

#[derive(Deserialize)]
struct Body {
    code: Option<String>,
}

impl UpstreamRefusal {
    /// Rebuilds the body of a refusal.
    pub(in crate::gateway) fn read(status: StatusCode, body: &[u8]) -> Self {
        let code = serde_json::from_slice::<Body>(body).ok().and_then(|body| body.code);
        let mut fitting = KNOWN.iter().filter(|known| known.status == status);
        let first = fitting.clone().next();
        Self(fitting.find(|known| code.as_deref() == Some(known.code)).or(first).unwrap_or(&OTHER))
    }

    pub(in crate::gateway) fn status(self) -> StatusCode {
        self.0.status
    }

    pub(in crate::gateway) fn code(self) -> &'static str {
        self.0.code
    }

    pub(in crate::gateway) fn message(self) -> &'static str {
        self.0.message
    }
}

/// Whether the answer alone says whose it is. Of what was looked up first, it is known that it is the tenant's own; not so
/// of what is named as a part of that.
pub(super) fn is_by_id(operation: &Operation) -> bool {
    matches!(operation.narrowing, Narrowing::Owned { entity: None, .. })
        || operation.shows_parts && matches!(operation.guard, Guarding::Entity { .. })
}

/// What a status other than 200 means to the caller.
pub(super) fn refusal(operation: &Operation, status: StatusCode, body: &[u8]) -> Denial {
    let by_id = is_by_id(operation);
    match status {
        // Genesys says 403 where the service account may not see the division: that it exists is another's secret.
        StatusCode::NOT_FOUND | StatusCode::GONE => Denial::NotFound,
        // Any other refusal of what was asked for could tell as much.
        refused if refuses_any(refused) => failure(operation, refused),
        refused if by_id && refused.is_client_error() => Denial::NotFound,
        StatusCode::BAD_REQUEST => Denial::UpstreamRefused(UpstreamRefusal::read(status, body)),
        // Nothing was changed, and the caller must know that. Of a read it could tell what is another's.
        refused if operation.is_write() && refused.is_client_error() => {
            Denial::UpstreamRefused(UpstreamRefusal::read(status, body))
        }
        other => failure(operation, other),
    }
}

/// A status that is Genesys's failure, whatever was asked.
pub(in crate::gateway) fn failure(operation: &Operation, status: StatusCode) -> Denial {
    Denial::Failed(match status {
        StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => Failure::UpstreamTimedOut,
        other => {
            tracing::warn!(operation.name = %operation.id, status = other.as_u16(), "Genesys refused a call");
            Failure::UpstreamFailed
        }
    })
}
