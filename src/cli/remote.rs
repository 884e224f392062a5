//! Requests to a running Ringfence, over HTTP as anyone would send them.

use std::io::Write;

use anyhow::{Context, bail, ensure};
use reqwest::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::output;

/// What every command takes that speaks to a running Ringfence.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    #[command(flatten)]
    server: Server,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Common {
    /// As [`Server::call`].
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        self.server.call(method, path, body).await
    }

    /// The JSON, or the text that people are shown.
    pub(super) fn print(&self, value: &Value, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { output::print_json(value) } else { Ok(output::print(&text())?) }
    }
}

/// Which Ringfence, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Server {
    /// The operator listener's address
    #[arg(long, value_name = "URL", env = "RINGFENCE_SERVER", default_value = "http://127.0.0.1:8081")]
    server: String,
    /// An operator's API token; best from the environment, where other users do not see it
    #[arg(long, value_name = "TOKEN", env = "RINGFENCE_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
}

impl Server {
    /// Sends a request to the admin API and reads its answer; a refusal is an error in its own words.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let (url, token) = self.url_and_token(path)?;
        let reply = Remote::new()?.call(method, &url, token.expose_secret(), body).await?;
        if (200..300).contains(&reply.status) {
            return Ok(reply.body);
        }
        refused(&url, &reply)
    }

    /// Writes what a path answers as it comes, however much; how many bytes it was.
    pub(super) async fn download(&self, path: &str, to: &mut impl Write) -> anyhow::Result<u64> {
        let (url, token) = self.url_and_token(path)?;
        let request = Remote::new()?.client.get(&url).bearer_auth(token.expose_secret());
        let lost = || format!("no whole answer from {url}");
        let mut response = begin(request).await.with_context(lost)?;
        if !response.status().is_success() {
            return refused(&url, &read(response).await.with_context(lost)?);
        }
        let mut bytes = 0;
        while let Some(piece) = response.chunk().await.with_context(lost)? {
            to.write_all(&piece).context("the answer cannot be written")?;
            bytes += piece.len() as u64;
        }
        to.flush().context("the answer cannot be written")?;
        Ok(bytes)
    }

    fn url_and_token(&self, path: &str) -> anyhow::Result<(String, &SecretString)> {
        let url = format!("{}/admin/v1{path}", self.server.trim_end_matches('/'));
        let token = self.token.as_ref().context("set RINGFENCE_TOKEN to an operator's API token")?;
        Ok((url, token))
    }
}

fn refused<T>(url: &str, reply: &Reply) -> anyhow::Result<T> {
    let text = |name: &str| reply.body.get(name).and_then(Value::as_str);
    let id = reply.correlation_id.as_deref().unwrap_or("none");
    match text("detail") {
        Some(detail) => {
            bail!("{detail} ({} {}, correlation id {id})", reply.status, text("code").unwrap_or("-"))
        }
        None => bail!("{url} answered {}: is it the operator listener of a Ringfence?", reply.status),
    }
}

/// A client for JSON over HTTP.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    client: reqwest::Client,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) correlation_id: Option<String>,
    pub(super) body: Value,
}

impl Remote {
    pub(super) fn new() -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("no HTTP client")?;
        Ok(Self { client })
    }

    /// Sends a request with a bearer token and reads the answer's JSON.
    pub(super) async fn call(
        &self,
        method: Method,
        url: &str,
        bearer: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Reply> {
        let mut request = self.client.request(method, url);
        if !bearer.is_empty() {
            request = request.bearer_auth(bearer);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        send(request).await.with_context(|| format!("no answer from {url}"))
    }

    /// As [`Remote::call`], for what must succeed.
    pub(super) async fn expect(
        &self,
        method: Method,
        url: &str,
        bearer: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let reply = self.call(method, url, bearer, body).await?;
        ensure!((200..300).contains(&reply.status), "{url} answered {}: {}", reply.status, reply.body);
        Ok(reply.body)
    }

    /// Logs in as a Genesys SDK does: client credentials in the Basic header.
    pub(super) async fn log_in(&self, gateway: &str, id: &str, secret: &str) -> anyhow::Result<String> {
        let url = format!("{gateway}/oauth/token");
        let request = self
            .client
            .post(&url)
            .basic_auth(id, Some(secret))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials");
        let reply = send(request).await.with_context(|| format!("no answer from {url}"))?;
        let token = reply.body.get("access_token").and_then(Value::as_str);
        let token = token.with_context(|| format!("{url} answered {}: {}", reply.status, reply.body))?;
        Ok(token.to_owned())
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line's own way to the network")]
async fn begin(request: reqwest::RequestBuilder) -> reqwest::Result<reqwest::Response> {
    request.send().await
}

async fn send(request: reqwest::RequestBuilder) -> anyhow::Result<Reply> {
    read(begin(request).await?).await
}

async fn read(response: reqwest::Response) -> anyhow::Result<Reply> {
    let correlation_id = response.headers().get("inin-correlation-id");
    let correlation_id = correlation_id.and_then(|id| id.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    let body = response.bytes().await?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
    Ok(Reply { status, correlation_id, body })
}
