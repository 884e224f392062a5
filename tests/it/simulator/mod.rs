//! The stand-in organisation, over real HTTP: what the other tests lean on.

mod answers;
mod conversations;
mod faults;
mod generic;
mod reseeding;

use reqwest::{Method, RequestBuilder, Response};
use ringfence::simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator};
use serde_json::{Value, json};

/// A simulator, and a client that is logged in to it.
struct Sim {
    simulator: Simulator,
    client: reqwest::Client,
    token: String,
}

impl Sim {
    async fn start() -> Self {
        let simulator = Simulator::start(Options::default()).await.unwrap();
        let client = reqwest::Client::new();
        let token = log_in(&client, &simulator.url(), CLIENT_ID, CLIENT_SECRET).await;
        Self { simulator, client, token }
    }

    /// The same organisation for another client.
    async fn log_in_as(&mut self, id: &str, secret: &str) {
        self.token = log_in(&self.client, &self.simulator.url(), id, secret).await;
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.url())).bearer_auth(&self.token)
    }

    async fn send(&self, request: RequestBuilder) -> Response {
        send(request).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.send(self.request(Method::GET, path)).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let response = self.send(self.request(Method::POST, path).json(body)).await;
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The status and code of a request that is refused.
    async fn refusal(&self, request: RequestBuilder) -> (u16, String) {
        let response = self.send(request).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.unwrap();
        (status, body["code"].as_str().unwrap().to_owned())
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("http://{}{path}", self.simulator.control());
        let response = self.send(self.client.request(method, url).json(&body)).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn facts(&self) -> Value {
        self.control(Method::GET, "/facts", Value::Null).await
    }

    /// A division, as the facts tell it.
    async fn division(&self, id: &str) -> Value {
        let facts = self.facts().await;
        facts["divisions"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone()
    }

    async fn details(&self, query: &Value) -> Value {
        self.post("/api/v2/analytics/conversations/details/query", query).await
    }
}

async fn send(request: RequestBuilder) -> reqwest::Result<Response> {
    #[expect(clippy::disallowed_methods, reason = "tests reach the network themselves")]
    request.send().await
}

async fn log_in(client: &reqwest::Client, url: &str, id: &str, secret: &str) -> String {
    let request =
        token_request(client, url).basic_auth(id, Some(secret)).body("grant_type=client_credentials");
    let body: Value = send(request).await.unwrap().json().await.unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

fn token_request(client: &reqwest::Client, url: &str) -> RequestBuilder {
    client.post(format!("{url}/oauth/token")).header("Content-Type", "application/x-www-form-urlencoded")
}

/// The ids of a list of objects.
fn ids(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

fn of_division(id: &str) -> Value {
    json!({"type": "or", "predicates": [{"type": "dimension", "dimension": "divisionId", "value": id}]})
}
