//! Whose request is it: keys and access tokens, and what they are worth once something has changed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use jsonwebtoken::{EncodingKey, Header};
use reqwest::header::HeaderMap;
use ringfence::{
    model::ApiKey,
    simulator::{ALPHA, BETA, INTERVAL},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{
    login::{FORM, GRANT, assert_login_refused, get, post},
    refused::{assert_nothing_forwarded, assert_refused, assert_refused_as, event},
};
use crate::support::app::{Answer, TestApp};

const USERS: &str = "/api/v2/users";
const BAD: (u16, &str) = (401, "bad.credentials");

#[tokio::test]
async fn what_proves_nothing_looks_the_same_whatever_is_wrong() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let unknown = ApiKey::generate().unwrap().whole().expose_secret().to_owned();
    let wrong = forged(&alpha.client_id);
    let (start, last) = alpha.api_key.split_at(alpha.api_key.len() - 1);
    let mistyped = format!("{start}{}", if last == "x" { "y" } else { "x" });
    let keys = [
        (unknown, "ringfence.key_unknown"),
        (wrong, "ringfence.secret_wrong"),
        (mistyped, "ringfence.credentials_malformed"),
        ("rf_".to_owned(), "ringfence.credentials_malformed"),
    ];
    let mut seen: Vec<Value> = Vec::new();
    let mut logins: Vec<Value> = Vec::new();
    for (key, recorded) in &keys {
        for request in [get(&app, USERS).bearer_auth(key), get(&app, USERS).header("x-api-key", key)] {
            let answer = app.send(request).await;
            assert_refused_as(&app, key, &answer, BAD, recorded).await;
            seen.push(without_id(&answer));
        }
        let (id, secret) = key.trim_start_matches("rf_").split_once('_').unwrap_or_default();
        let login = post(&app, "/oauth/token").header("content-type", FORM).basic_auth(id, Some(secret));
        let login = app.send(login.body(GRANT)).await;
        assert_login_refused(&app, key, &login, (401, "invalid_client"), recorded).await;
        logins.push(without_id(&login));
    }
    let others = [
        get(&app, USERS).bearer_auth("nonsense"),
        get(&app, USERS).header("authorization", "Basic eDp5"),
        get(&app, USERS).header("authorization", "Bearer"),
        get(&app, USERS).header("x-api-key", &alpha.access_token),
    ];
    for request in others {
        let answer = app.send(request).await;
        assert_eq!(answer.status, 401);
        seen.push(without_id(&answer));
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:#?}");
    assert!(logins.windows(2).all(|pair| pair[0] == pair[1]), "{logins:#?}");
    assert_eq!(seen[0]["headers"]["www-authenticate"], "Bearer");
    app.finish().await;
}

#[tokio::test]
async fn a_key_is_accepted_without_a_login() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let key = &alpha.api_key;
    let requests = [
        get(&app, USERS).bearer_auth(key),
        get(&app, USERS).header("authorization", format!("bearer  {key}")),
        get(&app, USERS).header("x-api-key", key),
    ];
    for request in requests {
        let answer = app.send(request).await;
        let event = event(&app, &answer).await;
        assert_eq!((&event["tenant"], &event["key_id"]), (&json!("alpha"), &json!(alpha.client_id)));
        answer.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_request_carries_one_credential_once() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (key, token) = (&alpha.api_key, format!("Bearer {}", alpha.access_token));
    let twice = [
        get(&app, USERS).header("authorization", &token).header("x-api-key", key),
        get(&app, USERS).header("authorization", &token).header("authorization", &token),
        get(&app, USERS).header("x-api-key", key).header("x-api-key", key),
        get(&app, USERS).header("authorization", "Basic eDp5").header("authorization", &token),
    ];
    for request in twice {
        let answer = app.send(request).await;
        assert_refused(&app, "two", &answer, 400, "ringfence.credentials_ambiguous").await;
    }
    let none = app.send(get(&app, USERS)).await;
    let event = assert_refused(&app, "none", &none, 401, "authentication.required").await;
    assert_eq!((&event["tenant"], &event["key_id"]), (&Value::Null, &Value::Null));
    assert_eq!(none.headers["www-authenticate"], "Bearer");
    app.finish().await;
}

#[tokio::test]
async fn a_token_that_this_gateway_did_not_sign_is_nobodys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    app.tenant("beta", &[BETA]).await;
    let parts: Vec<&str> = alpha.access_token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("no JWT: {parts:?}") };
    let decoded = |part: &str| -> Value {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let encoded = |part: &Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let with = |part: &str, name: &str, value: Value| {
        let mut part = decoded(part);
        part[name] = value;
        encoded(&part)
    };
    let known: Header = serde_json::from_value(decoded(header)).unwrap();
    let stranger = EncodingKey::from_secret(&[7; 32]);
    let tokens = [
        ("another key", jsonwebtoken::encode(&known, &decoded(payload), &stranger).unwrap()),
        ("no signature", format!("{}.{payload}.", with(header, "alg", json!("none")))),
        ("none, signed", format!("{}.{payload}.{signature}", with(header, "alg", json!("none")))),
        ("RS256", format!("{}.{payload}.{signature}", with(header, "alg", json!("RS256")))),
        ("HS512", format!("{}.{payload}.{signature}", with(header, "alg", json!("HS512")))),
        ("another kid", format!("{}.{payload}.{signature}", with(header, "kid", json!("other")))),
        ("tenant", format!("{header}.{}.{signature}", with(payload, "tenant", json!("beta")))),
        ("longer life", format!("{header}.{}.{signature}", with(payload, "exp", json!(9_999_999_999_i64)))),
        ("no signature part", format!("{header}.{payload}")),
        ("empty parts", "..".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = app.send(get(&app, USERS).bearer_auth(token)).await;
        let event = assert_refused_as(&app, what, &answer, BAD, "ringfence.token_foreign").await;
        assert_eq!(event["tenant"], Value::Null, "{what}");
    }
    alpha.get(USERS).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn what_has_expired_says_so() {
    let app = TestApp::start().await;
    let lasting = app.tenant("alpha", &[ALPHA]).await;
    let short = app.key("alpha", json!({ "name": "short", "expires_in_days": 2 })).await;

    app.clock.advance(TimeDelta::hours(23));
    lasting.get(USERS).await.expect(200);
    app.clock.advance(TimeDelta::hours(1));
    let answer = lasting.get(USERS).await;
    assert_refused(&app, "token", &answer, 401, "ringfence.token_expired").await;
    lasting.log_in().await.expect(200);

    app.clock.advance(TimeDelta::hours(12));
    let granted = short.log_in().await.expect(200);
    let left = granted["expires_in"].as_i64().unwrap();
    assert!((42_000..=43_200).contains(&left), "a token ends with its key: {left} s");

    app.clock.advance(TimeDelta::hours(12));
    let answer = app.send(get(&app, USERS).header("x-api-key", &short.api_key)).await;
    assert_refused(&app, "key", &answer, 401, "ringfence.key_expired").await;
    let login = short.log_in().await;
    assert_login_refused(&app, "login", &login, (401, "invalid_client"), "ringfence.key_expired").await;
    app.finish().await;
}

#[tokio::test]
async fn revoking_a_key_ends_it_and_its_tokens_at_once() {
    let app = TestApp::start().await;
    let lost = app.tenant("alpha", &[ALPHA]).await;
    let kept = app.key("alpha", json!({ "name": "kept" })).await;
    lost.get(USERS).await.expect(200);
    app.admin().post(&format!("/keys/{}/revoke", lost.client_id), &json!({})).await.expect(200);
    app.simulator.organisation().clear_calls();
    let answers = [
        lost.get(USERS).await,
        app.send(get(&app, USERS).header("x-api-key", &lost.api_key)).await,
        app.send(get(&app, USERS).bearer_auth(&lost.api_key)).await,
    ];
    for answer in &answers {
        assert_refused(&app, "revoked", answer, 401, "ringfence.key_revoked").await;
    }
    let login = lost.log_in().await;
    assert_login_refused(&app, "login", &login, (401, "invalid_client"), "ringfence.key_revoked").await;
    assert_nothing_forwarded(&app);
    kept.get(USERS).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_suspended_tenant_is_shut_out_at_once_until_it_is_resumed() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let beta = app.tenant("beta", &[BETA]).await;
    alpha.get(USERS).await.expect(200);
    app.admin().post("/tenants/alpha/suspend", &json!({})).await.expect(200);
    let answers =
        [alpha.get(USERS).await, app.send(get(&app, USERS).header("x-api-key", &alpha.api_key)).await];
    for answer in &answers {
        assert_refused(&app, "suspended", answer, 403, "ringfence.tenant_suspended").await;
    }
    let login = alpha.log_in().await;
    assert_login_refused(&app, "login", &login, (403, "access_denied"), "ringfence.tenant_suspended").await;
    beta.get(USERS).await.expect(200);
    app.admin().post("/tenants/alpha/resume", &json!({})).await.expect(200);
    alpha.get(USERS).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_key_works_from_its_addresses_only() {
    let app =
        TestApp::start_with(|config| config.gateway.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()])
            .await;
    app.tenant("alpha", &[ALPHA]).await;
    let fields = json!({ "name": "office", "allowed_cidrs": ["203.0.113.0/24"] });
    let key = app.admin().post("/tenants/alpha/keys", &fields).await.expect(201);
    let key = key["api_key"].as_str().unwrap();
    let cases = [
        ("203.0.113.9", "203.0.113.9", 200),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9", 200),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7", 403),
        ("198.51.100.7", "198.51.100.7", 403),
        ("", "127.0.0.1", 403),
    ];
    for (forwarded, source, status) in cases {
        let request = get(&app, USERS).header("x-api-key", key).header("x-forwarded-for", forwarded);
        let answer = app.send(request).await;
        let event = event(&app, &answer).await;
        assert_eq!((&event["source"], answer.status.as_u16()), (&json!(source), status), "{forwarded}");
        if status == 403 {
            assert_refused(&app, forwarded, &answer, 403, "ringfence.address_not_allowed").await;
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_strangers_word_on_where_it_is_counts_for_nothing() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let fields = json!({ "name": "office", "allowed_cidrs": ["203.0.113.0/24"] });
    let key = app.admin().post("/tenants/alpha/keys", &fields).await.expect(201);
    for header in ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip"] {
        let request = get(&app, USERS).header("x-api-key", key["api_key"].as_str().unwrap());
        let answer = app.send(request.header(header, "203.0.113.9")).await;
        assert_refused(&app, header, &answer, 403, "ringfence.address_not_allowed").await;
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn a_read_only_key_may_query_and_search_by_post() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let reader = app.key("alpha", json!({ "name": "reader", "read_only": true })).await;
    reader.get(USERS).await.expect(200);
    reader.post("/api/v2/users/search", &json!({ "pageSize": 5 })).await.expect(200);
    let query = json!({ "interval": INTERVAL });
    reader.post("/api/v2/analytics/conversations/details/query", &query).await.expect(200);
    app.finish().await;
}

/// A key of the right form, with a known id and a secret that is not its own.
fn forged(id: &str) -> String {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let unchecked = format!("rf_{id}_{}", "A".repeat(43));
    let mut sum = crc32fast::hash(unchecked.as_bytes()) as usize;
    let mut checksum = String::new();
    for _ in 0..6 {
        checksum.insert(0, char::from(DIGITS[sum % 62]));
        sum /= 62;
    }
    let forged = format!("{unchecked}{checksum}");
    assert!(forged.parse::<ApiKey>().is_ok());
    forged
}

/// All that the caller sees of an answer, but for what is always new.
fn without_id(answer: &Answer) -> Value {
    let headers = |headers: &HeaderMap| -> Value {
        let fixed =
            headers.iter().filter(|(name, _)| !["inin-correlation-id", "date"].contains(&name.as_str()));
        fixed.map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect()
    };
    let mut body = answer.body.clone();
    body.as_object_mut().unwrap().remove("contextId");
    json!({ "status": answer.status.as_u16(), "headers": headers(&answer.headers), "body": body })
}
