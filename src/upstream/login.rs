//! Genesys's login: client credentials for a token.

use std::time::Duration;

use http::{StatusCode, header::RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::secret_context;
use crate::{model::ServiceAccount, secret::MasterKeys};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER_BYTES: usize = 65_536;
// No token that Genesys issues lives longer than 48 hours.
const LONGEST_LIFE: Duration = Duration::from_hours(48);

/// What the login gave.
pub(super) struct Grant {
    pub(super) secret: SecretString,
    pub(super) life: Duration,
}

/// What the login did instead.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    /// For people; never contains a secret, nor what the login said.
    pub(super) why: String,
    pub(super) kind: FailureKind,
}

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The credentials were refused: asking again changes nothing until they are changed.
    Refused,
    /// It may pass; the login may have said when.
    Passing { retry_after: Option<Duration> },
}

/// The client for the login; follows no redirect, so that the secret goes nowhere else.
pub(super) struct Login {
    http: reqwest::Client,
    master: MasterKeys,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    expires_in: i64,
}

impl Login {
    pub(super) fn new(tls: rustls::ClientConfig, master: MasterKeys) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .no_proxy()
            .user_agent(concat!("ringfence/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, master })
    }

    /// Asks for a token, once.
    #[expect(clippy::disallowed_methods, reason = "the one door to the login")]
    pub(super) async fn grant(&self, account: &ServiceAccount) -> Result<Grant, Failure> {
        let secret = self.client_secret(account)?;
        let answer = self
            .http
            .post(format!("{}/oauth/token", account.login_url))
            .basic_auth(&account.client_id, Some(secret.expose_secret()))
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(http::header::ACCEPT, "application/json")
            .body("grant_type=client_credentials")
            .send()
            .await
            .map_err(|error| passing(reason(&error)))?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Err(refusal(status, &answer));
        }
        parse(&read(answer).await?)
    }

    fn client_secret(&self, account: &ServiceAccount) -> Result<SecretString, Failure> {
        let refused = |why: &str| Failure { why: why.to_owned(), kind: FailureKind::Refused };
        let plain = self
            .master
            .open(&secret_context(&account.id), &account.sealed_secret)
            .map_err(|_| refused("its sealed secret cannot be opened with this master key"))?;
        let text = std::str::from_utf8(&plain).map_err(|_| refused("its secret is not text"))?;
        Ok(SecretString::from(text))
    }
}

/// What may pass by itself.
pub(super) fn passing(why: &str) -> Failure {
    Failure { why: why.to_owned(), kind: FailureKind::Passing { retry_after: None } }
}

/// In our own words: the error's text names the URL and more.
fn reason(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "the login did not answer in time"
    } else if error.is_connect() {
        "the login could not be reached"
    } else {
        "the exchange with the login broke off"
    }
}

fn refusal(status: StatusCode, answer: &reqwest::Response) -> Failure {
    let why = format!("the login answered {}", status.as_u16());
    let passes = status.is_server_error()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT;
    if !passes {
        return Failure { why, kind: FailureKind::Refused };
    }
    let retry_after = answer
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    Failure { why, kind: FailureKind::Passing { retry_after } }
}

async fn read(mut answer: reqwest::Response) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut whole = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = answer.chunk().await.map_err(|error| passing(reason(&error)))? {
        if whole.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(passing("the login's answer is too large"));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// A 200 is not yet a token: Genesys's login has been seen to answer 200 with nothing in it.
fn parse(body: &[u8]) -> Result<Grant, Failure> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|_| passing("the login answered 200 without a token"))?;
    let secret = SecretString::from(answer.access_token);
    let text = secret.expose_secret();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(passing("the login answered 200 without a usable token"));
    }
    if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(passing("the login issued something else than a bearer token"));
    }
    let life = u64::try_from(answer.expires_in).map_or(Duration::ZERO, Duration::from_secs);
    if life.is_zero() {
        return Err(passing("the login issued a token that has expired already"));
    }
    Ok(Grant { secret, life: life.min(LONGEST_LIFE) })
}
