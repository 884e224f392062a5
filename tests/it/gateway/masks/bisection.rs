//! The attack: a number that is not shown is asked for, half of what it could be at a time, until it is known.

use std::cell::Cell;

use ringfence::simulator::{ALPHA, INTERVAL};
use serde_json::{Value, json};

use super::{
    super::organisation::{DETAILS, SEARCH, assert_refused, event, eventually, sent, text},
    NO_NUMBERS, put,
};
use crate::support::app::{Answer, TenantClient, TestApp};

const AGGREGATES: &str = "/api/v2/analytics/conversations/aggregates/query";
const JOBS: &str = "/api/v2/analytics/conversations/details/jobs";
const CONTACTS: &str = "/api/v2/externalcontacts/contacts";
const REVERSE: &str = "/api/v2/externalcontacts/reversewhitepageslookup";
const NO_ADDRESSES: &str = "@mask(\"addresses\") permit (principal, action, resource);";

/// A conversation of the tenant's own, and the number that its customer called from.
struct Victim {
    conversation: String,
    number: String,
}

impl Victim {
    async fn find(tenant: &TenantClient) -> Self {
        let query = json!({ "interval": INTERVAL, "paging": { "pageSize": 100, "pageNumber": 1 } });
        let answer = tenant.post(DETAILS, &query).await.expect(200);
        let number = |one: &Value| {
            let participants = one["participants"].as_array()?.iter();
            participants
                .filter(|one| one["purpose"] == "customer")
                .find_map(|one| one["sessions"][0]["ani"].as_str().map(str::to_owned))
        };
        let mut found = answer["conversations"].as_array().unwrap().iter().filter_map(|one| {
            Some(Self { conversation: text(&one["conversationId"]), number: number(one)? })
        });
        found.next().unwrap()
    }

    /// What the number could be, as far as whoever asks knows.
    fn candidates(&self) -> Vec<String> {
        let known = self.number.len() - 2;
        let all: Vec<_> = (0..100).map(|rest| format!("{}{rest:02}", &self.number[..known])).collect();
        assert!(all.contains(&self.number));
        all
    }

    /// Which conversations: this one, if its number is one of these.
    fn filters(&self, numbers: &[String]) -> (Value, Value) {
        let is_one = |number: &String| json!({ "dimension": "ani", "value": number });
        let numbers: Vec<_> = numbers.iter().map(is_one).collect();
        let this = json!({ "dimension": "conversationId", "value": self.conversation });
        (json!({ "type": "and", "predicates": [this] }), json!({ "type": "or", "predicates": numbers }))
    }

    fn details(&self, numbers: &[String]) -> Value {
        let (this, numbers) = self.filters(numbers);
        json!({ "interval": INTERVAL, "conversationFilters": [this], "segmentFilters": [numbers] })
    }

    /// Each question by which a number could be told, and the place where it stands.
    fn questions(&self) -> Vec<(&'static str, Value, &'static str)> {
        let half: Vec<_> = self.candidates().into_iter().take(50).collect();
        let (this, numbers) = self.filters(&half);
        let exists =
            json!({ "type": "and", "predicates": [{ "dimension": "dnis", "operator": "notExists" }] });
        let later = json!({ "type": "and", "predicates": [{ "dimension": "queueId", "value": self.conversation }],
                        "clauses": [{ "type": "or", "predicates": [{ "dimension": "addressFrom", "value": "x" }] }] });
        let details = |filters: Value| json!({ "interval": INTERVAL, "segmentFilters": filters });
        vec![
            (DETAILS, self.details(&half), "`segmentFilters[0].predicates[0].dimension`"),
            (JOBS, self.details(&half), "`segmentFilters[0].predicates[0].dimension`"),
            (DETAILS, details(json!([this, exists])), "`segmentFilters[1].predicates[0].dimension`"),
            (DETAILS, details(json!([later])), "`segmentFilters[0].clauses[0].predicates[0].dimension`"),
            (AGGREGATES, self.aggregates(&half), "`filter.clauses[1].predicates[0].dimension`"),
            (
                AGGREGATES,
                json!({ "interval": INTERVAL, "metrics": ["nConnected"], "groupBy": ["mediaType", "ani"] }),
                "`groupBy[1]`",
            ),
            (
                DETAILS,
                json!({ "interval": INTERVAL, "aggregations": [{ "type": "termFrequency", "dimension": "dnis" }] }),
                "`aggregations[0].dimension`",
            ),
            (DETAILS, json!({ "interval": INTERVAL, "orderBy": "ani" }), "`orderBy`"),
            (
                "/api/v2/analytics/queues/observations/query",
                json!({ "metrics": ["oInteracting"], "filter": numbers }),
                "`filter.predicates[0].dimension`",
            ),
            (
                "/api/v2/analytics/conversations/activity/query",
                json!({ "metrics": [{ "metric": "oInteracting" }], "groupBy": ["ani"] }),
                "`groupBy[0]`",
            ),
            (
                SEARCH,
                json!({ "query": [{ "type": "EXACT", "value": "x", "fields": ["name", "addresses.address"] }] }),
                "`query[0].fields[1]`",
            ),
            (
                SEARCH,
                json!({ "query": [{ "type": "EXACT", "group": [{ "type": "EXACT", "value": "x", "fields": ["primaryContactInfo"] }] }] }),
                "`query[0].group[0].fields[0]`",
            ),
            (SEARCH, json!({ "query": [], "sort": [{ "sortBy": "addresses" }] }), "`sort[0].sortBy`"),
            (SEARCH, json!({ "query": [], "sortBy": "addresses" }), "`sortBy`"),
        ]
    }

    fn aggregates(&self, numbers: &[String]) -> Value {
        let (this, numbers) = self.filters(numbers);
        let filter = json!({ "type": "and", "clauses": [this, numbers] });
        json!({ "interval": INTERVAL, "metrics": ["nConnected"], "filter": filter })
    }
}

/// Halves what it could be until it is known.
async fn bisect(mut candidates: Vec<String>, mut is_among: impl AsyncFnMut(&[String]) -> bool) -> String {
    while candidates.len() > 1 {
        let others = candidates.split_off(candidates.len() / 2);
        if !is_among(&candidates).await {
            candidates = others;
        }
    }
    candidates.remove(0)
}

async fn done(tenant: &TenantClient, body: &Value) -> String {
    let job = text(&tenant.post(JOBS, body).await.expect(202)["jobId"]);
    eventually("the job is done", async || {
        let status = tenant.get(&format!("{JOBS}/{job}")).await;
        (status.body["state"] == "FULFILLED").then_some(())
    })
    .await;
    job
}

async fn found_by_job(tenant: &TenantClient, job: &str) -> Value {
    tenant.get(&format!("{JOBS}/{job}/results")).await.expect(200)["conversations"].clone()
}

fn assert_masked(answer: &Answer, place: &str, mask: &str) {
    assert_refused(answer, 403, "ringfence.field_masked");
    let message = text(&answer.body["message"]);
    assert!(message.contains(place) && message.contains(mask), "{message}");
}

#[tokio::test]
async fn a_number_that_is_not_masked_is_found_by_halves() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let victim = Victim::find(&alpha).await;
    let asked = Cell::new(0);
    let by_details = bisect(victim.candidates(), async |numbers: &[String]| {
        asked.set(asked.get() + 1);
        let found = alpha.post(DETAILS, &victim.details(numbers)).await.expect(200);
        found["conversations"].as_array().is_some_and(|found| !found.is_empty())
    })
    .await;
    assert_eq!((by_details, asked.get()), (victim.number.clone(), 7), "7 questions tell one of 100");

    let by_aggregates = bisect(victim.candidates(), async |numbers: &[String]| {
        let found = alpha.post(AGGREGATES, &victim.aggregates(numbers)).await.expect(200);
        found["results"].as_array().is_some_and(|found| !found.is_empty())
    })
    .await;
    assert_eq!(by_aggregates, victim.number);

    let half: Vec<_> = victim.candidates().into_iter().take(50).collect();
    let is_in_half = half.contains(&victim.number);
    let job = done(&alpha, &victim.details(&half)).await;
    let found = found_by_job(&alpha, &job).await;
    assert_eq!(found.as_array().is_some_and(|found| !found.is_empty()), is_in_half, "{found}");
    app.finish().await;
}

#[tokio::test]
async fn a_masked_number_is_in_no_answer_and_found_by_no_question() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let victim = Victim::find(&alpha).await;
    let before = done(&alpha, &victim.details(&victim.candidates())).await;
    assert_eq!(found_by_job(&alpha, &before).await.as_array().unwrap().len(), 1);

    put(&app, "alpha", NO_NUMBERS).await;
    app.simulator.organisation().clear_calls();
    for (path, body, place) in victim.questions() {
        assert_masked(&alpha.post(path, &body).await, place, "numbers");
    }
    let (by_lookup, by_search) = (format!("{REVERSE}?lookupVal=%2B15551234567"), format!("{CONTACTS}?q=555"));
    assert_masked(&alpha.get(&by_lookup).await, "this operation", "numbers");
    let refused = alpha.get(&by_search).await;
    assert_masked(&refused, "the parameter `q`", "numbers");
    assert_eq!(event(&app, &refused).await["masks"], json!(["numbers"]));

    // Begun before: which rows it holds was chosen by the number.
    for path in [format!("{JOBS}/{before}"), format!("{JOBS}/{before}/results")] {
        let closed = alpha.get(&path).await;
        assert_refused(&closed, 404, "not.found");
        assert_eq!(event(&app, &closed).await["outcome"]["withheld"], "handle_made_under_fewer_masks");
    }
    assert_eq!(sent(&app), [], "nothing of it was asked upstream");

    let (this, _) = victim.filters(&[]);
    let digits = victim.number.trim_start_matches("tel:");
    let shown = alpha.post(DETAILS, &json!({ "interval": INTERVAL, "conversationFilters": [this] })).await;
    assert_eq!(shown.headers["ringfence-masks"], "numbers");
    assert!(shown.text.contains(&victim.conversation) && shown.text.contains("\"purpose\":\"customer\""));
    assert!(!shown.text.contains(digits) && !shown.text.contains("\"ani\""), "{}", shown.text);
    let after = done(&alpha, &json!({ "interval": INTERVAL, "conversationFilters": [this] })).await;
    let results = alpha.get(&format!("{JOBS}/{after}/results")).await;
    assert!(results.text.contains(&victim.conversation) && !results.text.contains(digits));
    app.finish().await;
}

#[tokio::test]
async fn an_address_is_spelt_out_by_a_search_until_addresses_are_masked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = alpha.get("/api/v2/users?pageSize=1").await.expect(200)["entities"][0].clone();
    let (id, email) = (text(&user["id"]), text(&user["email"]));
    let search = |begin: &str| {
        json!({ "query": [{ "type": "EXACT", "fields": ["id"], "value": id },
                          { "type": "STARTS_WITH", "fields": ["email"], "value": begin }] })
    };
    let mut known = String::new();
    while known != email {
        let letters = ('a'..='z').chain('0'..='9').chain(['.', '@', '-', '_', '+']);
        let mut next = None;
        for letter in letters {
            let found = alpha.post(SEARCH, &search(&format!("{known}{letter}"))).await.expect(200);
            if found["total"] == 1 {
                next = Some(letter);
                break;
            }
        }
        known.push(next.unwrap_or_else(|| panic!("{known} goes on otherwise than {email}")));
    }
    let contact = alpha.get(&format!("{CONTACTS}?pageSize=1")).await.expect(200)["entities"][0].clone();
    let mailbox = text(&contact["workEmail"]);
    let found = alpha.get(&format!("{CONTACTS}?q={mailbox}")).await.expect(200);
    assert_eq!(found["entities"][0]["id"], contact["id"]);
    let none = alpha.get(&format!("{CONTACTS}?q=not-{mailbox}")).await.expect(200);
    assert_eq!(none["entities"], json!([]));

    put(&app, "alpha", NO_ADDRESSES).await;
    assert_masked(&alpha.post(SEARCH, &search("a")).await, "`query[1].fields[0]`", "addresses");
    assert_masked(&alpha.get(&format!("{CONTACTS}?q={mailbox}")).await, "the parameter `q`", "addresses");
    assert_masked(&alpha.get(&format!("{REVERSE}?lookupVal={mailbox}")).await, "this operation", "addresses");
    let shown = alpha.get("/api/v2/users?pageSize=1").await;
    assert!(
        !shown.text.contains(&email) && shown.body["entities"][0]["name"] == user["name"],
        "{}",
        shown.text
    );
    let shown = alpha.get(&format!("{CONTACTS}?pageSize=1")).await;
    assert!(!shown.text.contains(&mailbox) && shown.body["entities"][0]["id"] == contact["id"]);
    app.finish().await;
}
