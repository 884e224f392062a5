//! An upstream that answers whatever a test wants.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, http::header, routing::post};
use ringfence::simulator::ALPHA;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::support::app::{TenantClient, TestApp};

/// Answers every call of the API 200 with the same body.
pub(super) struct Canned {
    url: String,
    said: Arc<Mutex<(String, Duration)>>,
    serving: JoinHandle<()>,
}

impl Canned {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::<Mutex<(String, Duration)>>::default();
        let token =
            json!({"access_token": "canned", "token_type": "bearer", "expires_in": 86_400}).to_string();
        let json = [(header::CONTENT_TYPE, "application/json")];
        let routes = Router::new()
            .route("/oauth/token", post(async move || (json, token)))
            .fallback(async |State(said): State<Arc<Mutex<(String, Duration)>>>| {
                let (body, after) = said.lock().unwrap().clone();
                tokio::time::sleep(after).await;
                body
            })
            .with_state(Arc::clone(&said));
        let serving = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, said, serving }
    }

    /// What it answers from now on.
    pub(super) fn says(&self, body: impl Into<String>) {
        self.says_late(body, Duration::ZERO);
    }

    /// As [`Canned::says`], each time after a while.
    pub(super) fn says_late(&self, body: impl Into<String>, after: Duration) {
        *self.said.lock().unwrap() = (body.into(), after);
    }

    /// A tenant of the alpha division that is served from here.
    pub(super) async fn tenant(&self, app: &TestApp) -> TenantClient {
        self.tenant_of(app, &[ALPHA]).await
    }

    /// A tenant of these divisions that is served from here.
    pub(super) async fn tenant_of(&self, app: &TestApp, divisions: &[&str]) -> TenantClient {
        let account = json!({
            "id": "canned", "client_id": "canned", "client_secret": "secret", "api_url": self.url, "login_url": self.url,
        });
        app.admin().post("/service-accounts", &account).await.expect(201);
        app.tenant_with("alpha", divisions, json!({"service_account": "canned"})).await
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
