//! Each refusal's status, on one screen.

use http::StatusCode;

use crate::{operator::Refusal, web::Problem};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            refusal @ Refusal::Untried(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "upstream_failed", chain(&refusal))
            }
            Refusal::Unauthenticated => Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail),
            Refusal::Forbidden { .. } => Self::new(StatusCode::FORBIDDEN, "forbidden", detail),
            Refusal::Invalid { field, .. } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail).about(field)
            }
            Refusal::Missing { .. } => Self::new(StatusCode::NOT_FOUND, "not_found", detail),
            Refusal::Conflict { code, .. } => Self::new(StatusCode::CONFLICT, code, detail),
            Refusal::Changed { .. } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "changed_meanwhile", detail)
            }
            Refusal::Policy(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_policy", detail).about("source")
            }
            Refusal::Upstream(error) => Self::new(StatusCode::BAD_GATEWAY, "upstream_failed", chain(&error)),
            Refusal::Unproven(error) => {
                tracing::error!(error = chain(&error), "what grants something was altered");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "grants_unproven", detail)
            }
            Refusal::Store(error) => {
                tracing::error!(error = chain(&error), "the store failed an operator's request");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail)
            }
            Refusal::Secret(error) => {
                tracing::error!(error = chain(&error), "a secret could not be made");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
            }
        }
    }
}

/// An error and its causes, as one sentence.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
