//! How much is enough: failures of strangers per address, requests of keys and tenants.

mod allowances;
mod failures;
mod floods;
mod quotas;
mod rotated;
mod settings;
mod shares;

use crate::support::app::Answer;

const USERS: &str = "/api/v2/users";

/// A header as a number.
fn number(answer: &Answer, name: &str) -> u64 {
    text(answer, name).parse().unwrap()
}

fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no `{name}` in {answer:?}")).to_str().unwrap()
}

/// The limiter's refusal: Genesys's code, whole, with the time to wait, which it answers.
fn assert_limited(answer: &Answer) -> u64 {
    let wait = number(answer, "retry-after");
    let id = text(answer, "inin-correlation-id");
    let whole = serde_json::json!({
        "message": format!("Rate limit exceeded the maximum. Retry the request in [{wait}] seconds"),
        "code": "too.many.requests.retry.after", "status": 429, "contextId": id, "details": [], "errors": [],
    });
    assert_eq!((answer.status.as_u16(), &answer.body), (429, &whole));
    assert!(wait > 0);
    wait
}
