//! What the simulator answers: JSON, Genesys's error shape, and the headers that come with each.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::{Value, json};

/// An answer before it becomes bytes on the wire.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Answer {
    /// 200 with a body that is already JSON.
    pub(super) fn ok(body: impl Into<String>) -> Self {
        Self { status: StatusCode::OK, body: body.into() }
    }

    /// 200 with a value.
    pub(super) fn json(value: &Value) -> Self {
        Self::ok(value.to_string())
    }

    /// Another status, with a value.
    pub(super) fn with(status: StatusCode, value: &Value) -> Self {
        Self { status, body: value.to_string() }
    }
}

/// A refusal in Genesys's `ErrorBody` shape. Texts and `entity…` fields tell more than a gateway may pass on.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    code: &'static str,
    message: String,
    entity: Option<(&'static str, String)>,
    retry_after: Option<u64>,
}

impl Failure {
    /// Any refusal.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), entity: None, retry_after: None }
    }

    /// 400: a value that the parameter or field cannot have.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid.value", message)
    }

    /// 400: a parameter or field that does not exist.
    pub(super) fn unknown(name: &str, of: &str) -> Self {
        let message = format!("Value [{name}] is not a valid property for object [{of}]");
        Self::new(StatusCode::BAD_REQUEST, "invalid.property", message)
    }

    /// 404: there is no such entity. Names it, as Genesys does.
    pub(super) fn missing(kind: &'static str, id: &str) -> Self {
        let mut failure = Self::new(
            StatusCode::NOT_FOUND,
            "not.found",
            format!("Unable to find a {kind} with that id: {id} (requested entity '{kind}')"),
        );
        failure.entity = Some((kind, id.to_owned()));
        failure
    }

    /// 403: the client's roles do not reach the entity's division. Names the division, as Genesys does.
    pub(super) fn foreign(
        kind: &'static str,
        id: &str,
        name: &str,
        division: &str,
        permission: &str,
    ) -> Self {
        let mut failure = Self::new(
            StatusCode::FORBIDDEN,
            "missing.division.permission",
            format!(
                "Client is missing the following permission '{permission}' in the provided division(s): {division} \
                 ({kind} '{name}')"
            ),
        );
        failure.entity = Some((kind, id.to_owned()));
        failure
    }

    /// 429, exactly as Genesys words it.
    pub(super) fn too_many(seconds: u64) -> Self {
        let message = format!("Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds");
        let mut failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "too.many.requests.retry.after", message);
        failure.retry_after = Some(seconds);
        failure
    }

    /// Adds or takes away the `Retry-After` header.
    pub(super) fn retry_after(mut self, seconds: Option<u64>) -> Self {
        self.retry_after = seconds;
        self
    }

    /// The error body, with the correlation id as its context.
    fn body(&self, correlation: &str) -> Value {
        let (kind, id) = self.entity.as_ref().map_or(("", ""), |(kind, id)| (*kind, id.as_str()));
        let mut body = json!({
            "message": self.message,
            "code": self.code,
            "status": self.status.as_u16(),
            "contextId": correlation,
            "details": [],
            "errors": [],
        });
        if let (Some(_), Some(fields)) = (&self.entity, body.as_object_mut()) {
            fields.insert("entityId".into(), json!(id));
            fields.insert("entityName".into(), json!(kind));
            fields.insert("messageWithParams".into(), json!("Unable to find {entity} {id}"));
            fields.insert("messageParams".into(), json!({"entity": kind, "id": id}));
            let detail =
                json!({"errorCode": self.code, "fieldName": "id", "entityId": id, "entityName": kind});
            fields.insert("details".into(), json!([detail]));
        }
        body
    }
}

/// What the rate headers tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) count: u64,
    pub(super) allowed: u64,
    pub(super) reset: u64,
}

/// Gives the outcome its bytes and headers.
pub(super) fn response(
    outcome: Result<Answer, Failure>,
    correlation: &str,
    rate: Option<Rate>,
) -> Response<Body> {
    let mut headers = HeaderMap::with_capacity(16);
    let (status, body) = match outcome {
        Ok(answer) => (answer.status, answer.body),
        Err(failure) => {
            if let Some(seconds) = failure.retry_after {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            (failure.status, failure.body(correlation).to_string())
        }
    };
    common(&mut headers, correlation, rate);
    if !body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The headers on every answer: Genesys's own, and what its servers add that is of no use to a caller.
fn common(headers: &mut HeaderMap, correlation: &str, rate: Option<Rate>) {
    if let Ok(value) = HeaderValue::from_str(correlation) {
        headers.insert(HeaderName::from_static("inin-correlation-id"), value.clone());
        headers.insert(HeaderName::from_static("x-amz-cf-id"), value);
    }
    if let Some(rate) = rate {
        headers.insert(HeaderName::from_static("inin-ratelimit-count"), HeaderValue::from(rate.count));
        headers.insert(HeaderName::from_static("inin-ratelimit-allowed"), HeaderValue::from(rate.allowed));
        headers.insert(HeaderName::from_static("inin-ratelimit-reset"), HeaderValue::from(rate.reset));
    }
    let fixed = [
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::SERVER, "openresty"),
        (header::VIA, "1.1 simulated.cloudfront.net (CloudFront)"),
        (header::SET_COOKIE, "AWSALB=simulated; Path=/; Secure"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=600; includeSubDomains"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
