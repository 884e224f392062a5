//! The body: read after authentication, bounded, and parsed once, whole, as the operation's model.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use serde::Deserialize;

use super::{denial::Invalid, json, lenient::Unknown};
use crate::catalog::{BodyModel, ConversationQuery};

/// How long a caller may take to send its body.
pub(super) const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// As long as nobody knows who it is.
pub(super) const UNPROVEN_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the body whole. Compressed, oversized, late and broken-off ones are refused.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    max_bytes: usize,
    within: Duration,
) -> Result<Bytes, Invalid> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Invalid::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "ringfence.body_compressed",
            "Compressed bodies are not accepted; send it without `Content-Encoding`.",
        ));
    }
    let too_large = || {
        let message = format!("The body is larger than {max_bytes} bytes.");
        Invalid::of(StatusCode::PAYLOAD_TOO_LARGE, "request.entity.too.large", message)
    };
    // Before the first byte is read, where the length is told.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(within, Limited::new(body, max_bytes).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Invalid::new("ringfence.body_broken_off", "The body ended before it was whole.")),
        Err(_) => Err(Invalid::of(
            StatusCode::REQUEST_TIMEOUT,
            "ringfence.body_timed_out",
            format!("The body was not whole after {} s.", within.as_secs()),
        )),
    }
}

/// A body that says that it is JSON, and is there.
pub(super) fn check_type(headers: &HeaderMap, bytes: &[u8]) -> Result<(), Invalid> {
    let json_type = headers.get(header::CONTENT_TYPE).is_none_or(|value| {
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        value.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
    });
    if !json_type {
        return Err(Invalid::of(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "ringfence.media_type_unsupported",
            "The body must be `application/json`.",
        ));
    }
    if bytes.is_empty() {
        return Err(Invalid::new("ringfence.body_missing", "This operation needs a JSON body."));
    }
    Ok(())
}

/// Parses a JSON body as a model. What does not fit is looked at again, to say what is wrong and where.
pub(super) fn parse<'a, T: Deserialize<'a>>(headers: &HeaderMap, bytes: &'a [u8]) -> Result<T, Invalid> {
    check_type(headers, bytes)?;
    // A model would also parse from a bare list of its fields' values, which is not its documented form.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    // Checked to be UTF-8 once and whole: from bytes, serde checks string by string.
    match std::str::from_utf8(bytes).map(serde_json::from_str) {
        Ok(Ok(model)) if is_object => Ok(model),
        Ok(_) | Err(_) => Err(json::diagnose::<T>(bytes)),
    }
}

/// Fields that only a query has, or only a job.
pub(super) fn of_conversations(query: &ConversationQuery<'_>) -> [(&'static str, bool, bool); 4] {
    [
        ("paging", false, query.paging.is_some()),
        ("aggregations", false, query.aggregations.is_some()),
        ("limit", true, query.limit.is_some()),
        ("startOfDayIntervalMatching", true, query.start_of_day_interval_matching.is_some()),
    ]
}

/// Queries and their jobs share their fields but for those named here: whether a job has it, and whether it is sent.
pub(super) fn of_its_model(model: &BodyModel, fields: &[(&str, bool, bool)]) -> Result<(), Invalid> {
    let is_job = matches!(model, BodyModel::AsyncConversationQuery | BodyModel::AsyncAggregationQuery);
    match fields.iter().find(|(_, of_job, is_sent)| *is_sent && *of_job != is_job) {
        None => Ok(()),
        Some((name, ..)) => {
            let message = format!("`{name}` is not a field of this operation's body; leave it out.");
            let unknown = Unknown { at: Vec::new(), name: (*name).to_owned() };
            Err(Invalid::unknown_field(Some(unknown), message))
        }
    }
}
