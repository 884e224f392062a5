//! The login: a key for an access token, as every official SDK asks for it.
//!
//! SDKs send the client id and secret in a Basic header; tutorials teach the form. Both are understood, never both at
//! once. Errors have the shape of Genesys's login (`error`, `description`, `error_description`), not of its API.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request::Parts as Head};
use hyper::body::Incoming;
use serde::Serialize;

use super::{
    Gateway,
    answer::{self, Answered},
    authenticate::{Authenticator, Caller},
    body,
    denial::{Credential, Denial, Failure, Invalid, Unproven},
};
use crate::{
    audit::Record,
    model::{ApiKey, Call},
};

/// A request for a token is a short form.
const MAX_LOGIN_BYTES: usize = 8_192;

/// What the login answers.
#[derive(Serialize)]
pub(super) struct Granted {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// Why it does not.
#[derive(Debug)]
pub(super) enum LoginDenial {
    /// Not a request for a token.
    Malformed(&'static str, String),
    /// The credential.
    Denied(Denial),
}

impl Gateway {
    /// A key for an access token.
    pub(super) async fn login(
        &self,
        head: &Head,
        body: Incoming,
        record: &mut Record,
    ) -> Result<Answered, LoginDenial> {
        if head.method != Method::POST {
            let description = "tokens are issued by POST".to_owned();
            return Err(LoginDenial::Malformed("invalid_request", description));
        }
        let waited_for = self.0.limiter.wait_for(record.source).map_err(LoginDenial::Denied)?;
        let form = body::read(&head.headers, body, MAX_LOGIN_BYTES, body::UNPROVEN_TIMEOUT).await?;
        drop(waited_for);
        let views = self.views().map_err(LoginDenial::Denied)?;
        let authenticator = self.authenticator(&views, record);
        let caller = prove(&authenticator, &head.headers, &form, record)?;
        let _place = self.0.limiter.admit_login(&caller).map_err(LoginDenial::Denied)?;
        let granted = issue(&authenticator, &caller).map_err(LoginDenial::Denied)?;
        Ok(answer::value(StatusCode::OK, record.id(), &granted))
    }
}

/// The shape of Genesys's login errors.
#[derive(Serialize)]
pub(super) struct LoginError<'a> {
    error: &'static str,
    description: &'a str,
    error_description: &'a str,
}

impl LoginDenial {
    /// The code that the event carries.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Malformed(..) => "ringfence.login_malformed",
            Self::Denied(denial) => denial.code(),
        }
    }

    /// Status and body.
    pub(super) fn shown(&self) -> (StatusCode, LoginError<'_>) {
        let (status, error, description) = match self {
            Self::Malformed(error, description) => (StatusCode::BAD_REQUEST, *error, description.as_str()),
            Self::Denied(denial) => {
                let (status, _, message) = denial.shown();
                match status {
                    StatusCode::UNAUTHORIZED
                        if matches!(denial, Denial::Credential(Credential::Unproven(_))) =>
                    {
                        (status, "invalid_client", "authentication failed")
                    }
                    StatusCode::UNAUTHORIZED => (status, "invalid_client", message),
                    StatusCode::FORBIDDEN => (status, "access_denied", message),
                    // The one word that OAuth has for it (RFC 8628).
                    StatusCode::TOO_MANY_REQUESTS => (status, "slow_down", message),
                    StatusCode::SERVICE_UNAVAILABLE => (status, "temporarily_unavailable", message),
                    StatusCode::INTERNAL_SERVER_ERROR => (status, "server_error", message),
                    _ => (status, "invalid_request", message),
                }
            }
        };
        (status, LoginError { error, description, error_description: description })
    }
}

impl From<Invalid> for LoginDenial {
    fn from(invalid: Invalid) -> Self {
        Self::Denied(Denial::Invalid(invalid))
    }
}

/// Reads a request for a token: whose it is.
pub(super) fn prove(
    authenticator: &Authenticator<'_>,
    headers: &HeaderMap,
    form: &Bytes,
    record: &mut Record,
) -> Result<Caller, LoginDenial> {
    let form = Form::read(headers, form)?;
    match form.grant_type.as_deref() {
        Some("client_credentials") => {}
        Some(_) => {
            let description = "only the grant type client_credentials is supported".to_owned();
            return Err(LoginDenial::Malformed("unsupported_grant_type", description));
        }
        None => return Err(malformed("grant_type is missing")),
    }
    let key = client(headers, form, &mut record.call)?;
    authenticator.key(&key, &mut record.actor).map_err(|why| LoginDenial::Denied(why.into()))
}

/// Makes the token.
pub(super) fn issue(authenticator: &Authenticator<'_>, caller: &Caller) -> Result<Granted, Denial> {
    let issued = authenticator
        .tokens
        .issue(
            authenticator.views.signing_keys(),
            (caller.key(), caller.tenant().tenant()),
            authenticator.now,
        )
        .ok_or(Denial::Failed(Failure::Internal))?;
    Ok(Granted { access_token: issued.token, token_type: "bearer", expires_in: issued.expires_in_seconds })
}

fn malformed(description: &str) -> LoginDenial {
    LoginDenial::Malformed("invalid_request", description.to_owned())
}

#[derive(Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    fn read(headers: &HeaderMap, bytes: &Bytes) -> Result<Self, LoginDenial> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_form = content_type.is_some_and(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        if !is_form {
            return Err(malformed("the body must be application/x-www-form-urlencoded"));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(bytes) {
            let field = match name.as_ref() {
                "grant_type" => &mut form.grant_type,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                // Genesys ignores scopes for client credentials.
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(malformed("a parameter stands in the form twice"));
            }
        }
        Ok(form)
    }
}

/// The client of the Basic header, or of the form.
fn client(headers: &HeaderMap, form: Form, call: &mut Call) -> Result<ApiKey, LoginDenial> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (id, secret) = match (sent.next(), sent.next()) {
        (Some(_), Some(_)) => return Err(malformed("two Authorization headers")),
        (Some(_), None) if form.client_secret.is_some() => {
            return Err(malformed("credentials in the Authorization header and in the form: send one"));
        }
        (Some(value), None) => {
            let (id, secret) = basic(value.to_str().unwrap_or_default())
                .ok_or(LoginDenial::Denied(Denial::Credential(Credential::Unproven(Unproven::Malformed))))?;
            if form.client_id.is_some_and(|other| other != id) {
                return Err(malformed("two different client ids"));
            }
            (id, secret)
        }
        (None, _) => {
            let (Some(id), Some(secret)) = (form.client_id, form.client_secret) else {
                return Err(malformed("no client credentials: send them in a Basic Authorization header"));
            };
            call.notes.push("client credentials in the form: deprecated, send a Basic header".to_owned());
            (id, secret)
        }
    };
    ApiKey::from_client(&id, &secret)
        .map_err(|_| LoginDenial::Denied(Denial::Credential(Credential::Unproven(Unproven::Malformed))))
}

fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}
