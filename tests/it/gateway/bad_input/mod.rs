//! Requests that cannot be understood, or ask for what no tenant may: each has its code, none goes any further.

mod queries;

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::refused::{assert_nothing_forwarded, assert_refused};
use crate::support::app::TestApp;

const USERS: &str = "/api/v2/users";
const USER: &str = "/api/v2/users/a1a1a1a1-0000-4000-8000-000000000001";
const QUEUES: &str = "/api/v2/routing/queues";
const DIVISIONS: &str = "/api/v2/authorization/divisions";
const SEARCH: &str = "/api/v2/users/search";
const CONVERSATIONS: &str = "/api/v2/analytics/conversations/details/query";

/// Sends each body; each must be refused with its code, be recorded, and go no further.
async fn refuse_bodies(path: &str, cases: Vec<(&str, Vec<u8>, &str)>) {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (what, body, code) in cases {
        let request = alpha.request(Method::POST, path).header("content-type", "application/json").body(body);
        let answer = app.send(request).await;
        assert_refused(&app, what, &answer, 400, code).await;
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

/// A conversation query that is right, but for one field.
fn with_interval(name: &str, value: Value) -> Vec<u8> {
    let mut query = json!({ "interval": INTERVAL });
    query[name] = value;
    query.to_string().into_bytes()
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let groups = |depth: usize| {
        let open = r#"{"type":"EXACT","group":["#.repeat(depth);
        format!(r#"{{"query":[{open}{}]}}"#, "]}".repeat(depth)).into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", b"".into(), "ringfence.body_missing"),
        ("blank", b" ".into(), "ringfence.body_not_json"),
        ("cut", br#"{"pageSize":"#.into(), "ringfence.body_not_json"),
        ("two", b"{} {}".into(), "ringfence.body_not_json"),
        ("a comma too many", br#"{"pageSize":1,}"#.into(), "ringfence.body_not_json"),
        ("a comment", b"{/* */}".into(), "ringfence.body_not_json"),
        ("single quotes", b"{'pageSize':1}".into(), "ringfence.body_not_json"),
        ("a byte order mark", b"\xef\xbb\xbf{}".into(), "ringfence.body_not_json"),
        ("NaN", br#"{"pageSize":NaN}"#.into(), "ringfence.body_not_json"),
        ("Infinity", br#"{"pageSize":-Infinity}"#.into(), "ringfence.body_not_json"),
        ("hexadecimal", br#"{"pageSize":0x10}"#.into(), "ringfence.body_not_json"),
        ("a leading zero", br#"{"pageSize":010}"#.into(), "ringfence.body_not_json"),
        ("a lone surrogate", br#"{"sortBy":"\ud800"}"#.into(), "ringfence.body_not_json"),
        ("two trailing surrogates", br#"{"sortBy":"\udc00\udc00"}"#.into(), "ringfence.body_not_json"),
        ("a lone surrogate in a key", br#"{"\ud800":1}"#.into(), "ringfence.body_not_json"),
        ("a control character", b"{\"sortBy\":\"\n\"}".into(), "ringfence.body_not_json"),
        ("UTF-16", b"{\0}\0".into(), "ringfence.body_not_json"),
        ("no UTF-8", b"{\"sortBy\":\"\xff\"}".into(), "ringfence.body_not_utf8"),
        ("overlong UTF-8", b"{\"sortBy\":\"\xc0\xae\"}".into(), "ringfence.body_not_utf8"),
        ("a surrogate in UTF-8", b"{\"sortBy\":\"\xed\xa0\x80\"}".into(), "ringfence.body_not_utf8"),
        ("beyond any number", br#"{"pageSize":1e999}"#.into(), "ringfence.body_number_out_of_range"),
        ("deep lists", b"[".repeat(10_000), "ringfence.body_too_deep"),
        ("deep objects", br#"{"a":"#.repeat(10_000), "ringfence.body_too_deep"),
        ("deep groups", groups(10_000), "ringfence.body_too_deep"),
        ("deep and whole", groups(70), "ringfence.body_too_deep"),
        ("deeper than Genesys takes", groups(12), "ringfence.filter_refused"),
    ];
    refuse_bodies(SEARCH, cases).await;
}

#[tokio::test]
async fn a_body_has_each_field_once_and_no_other() {
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a key twice", br#"{"pageSize":1,"pageSize":2}"#.into(), "ringfence.body_duplicate_key"),
        ("a key twice, alike", br#"{"pageSize":1,"pageSize":1}"#.into(), "ringfence.body_duplicate_key"),
        ("an escaped key", br#"{"query":[],"qu\u0065ry":[]}"#.into(), "ringfence.body_duplicate_key"),
        (
            "a nested key",
            br#"{"query":[{"type":"EXACT","value":"a","value":"b"}]}"#.into(),
            "ringfence.body_duplicate_key",
        ),
        ("in an unknown field", br#"{"x":[{"y":{"z":1,"z":2}}]}"#.into(), "ringfence.body_duplicate_key"),
        ("an unknown field", br#"{"divisionId":"x"}"#.into(), "ringfence.body_unknown_field"),
        ("a division of its own", br#"{"divisionIds":["x"]}"#.into(), "ringfence.body_unknown_field"),
        ("another case", br#"{"PageSize":1}"#.into(), "ringfence.body_unknown_field"),
        ("an opaque state", br#"{"q64":"eyJ4IjoxfQ=="}"#.into(), "ringfence.body_unknown_field"),
        (
            "a nested unknown field",
            br#"{"query":[{"type":"EXACT","x":1}]}"#.into(),
            "ringfence.body_unknown_field",
        ),
    ];
    refuse_bodies(SEARCH, cases).await;
}

#[tokio::test]
async fn a_body_has_the_form_of_its_model_and_asks_for_no_more_than_may_be() {
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a list", b"[]".into(), "ringfence.body_invalid"),
        ("a list of values", br#"["ASC","name",25,1]"#.into(), "ringfence.body_invalid"),
        ("a string", br#""{}""#.into(), "ringfence.body_invalid"),
        ("null", b"null".into(), "ringfence.body_invalid"),
        ("another type", br#"{"pageSize":"5"}"#.into(), "ringfence.body_invalid"),
        ("a fraction", br#"{"pageSize":1.5}"#.into(), "ringfence.body_invalid"),
        ("beyond a whole number", br#"{"pageSize":9223372036854775808}"#.into(), "ringfence.body_invalid"),
        (
            "an unknown operator",
            br#"{"query":[{"type":"EXACT","operator":"XOR"}]}"#.into(),
            "ringfence.body_invalid",
        ),
        ("no type", br#"{"query":[{"value":"a"}]}"#.into(), "ringfence.body_invalid"),
        ("a page of none", br#"{"pageSize":0}"#.into(), "ringfence.body_invalid"),
        ("a page too large", br#"{"pageSize":101}"#.into(), "ringfence.body_invalid"),
        ("a page before the first", br#"{"pageNumber":-1}"#.into(), "ringfence.body_invalid"),
        ("foreign objects", br#"{"expand":["team","manager"]}"#.into(), "ringfence.expand_refused"),
        (
            "too many conditions",
            json!({ "query": vec![json!({ "type": "EXACT" }); 201] }).to_string().into(),
            "ringfence.filter_refused",
        ),
    ];
    refuse_bodies(SEARCH, cases).await;
}

#[tokio::test]
async fn a_conversation_query_has_an_interval_and_pages_that_genesys_takes() {
    let with = with_interval;
    let interval = |interval: &str| with("interval", json!(interval));
    let invalid = "ringfence.body_invalid";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no interval", b"{}".into(), invalid),
        ("null", br#"{"interval":null}"#.into(), invalid),
        ("no times", interval("yesterday"), invalid),
        ("half", interval("2026-06-01T00:00:00Z/"), invalid),
        ("a duration", interval("2026-06-01T00:00:00Z/P1D"), invalid),
        ("three", interval("2026-06-01T00:00:00Z/2026-06-02T00:00:00Z/2026-06-03T00:00:00Z"), invalid),
        ("backwards", interval("2026-06-02T00:00:00Z/2026-06-01T00:00:00Z"), invalid),
        ("nothing long", interval("2026-06-01T00:00:00Z/2026-06-01T00:00:00Z"), invalid),
        ("a second too long", interval("2026-06-01T00:00:00Z/2026-07-02T00:00:01Z"), invalid),
        ("no such day", interval("2026-02-30T00:00:00Z/2026-03-01T00:00:00Z"), invalid),
        ("far too long", interval("0001-01-01T00:00:00Z/9999-12-31T00:00:00Z"), invalid),
        ("an end alone", br#"{"date_to":"2026-06-02T00:00:00Z"}"#.into(), invalid),
        ("two ways", with("date_from", json!("2026-06-01T00:00:00Z")), invalid),
        (
            "two page sizes",
            br#"{"interval":"x","size":5,"paging":{"pageSize":5,"pageNumber":1}}"#.into(),
            invalid,
        ),
        ("half a page", with("paging", json!({ "pageSize": 5 })), invalid),
        ("a page too large", with("paging", json!({ "pageSize": 101, "pageNumber": 1 })), invalid),
        ("a page of none", with("size", json!(0)), invalid),
        ("another order", with("order", json!("sideways")), invalid),
        ("by segments", with("orderBy", json!("segmentStart")), invalid),
    ];
    refuse_bodies(CONVERSATIONS, cases).await;
}

#[tokio::test]
async fn a_conversation_query_that_cannot_be_narrowed_is_refused() {
    let with = with_interval;
    let predicate = json!({ "dimension": "originatingDirection", "value": "inbound" });
    let filters = |filter: Value| with("conversationFilters", json!([filter]));
    let many = |count: usize| json!({ "type": "or", "predicates": vec![predicate.clone(); count] });
    let range = json!({ "dimension": "divisionId", "range": { "gt": 1 } });
    let (invalid, filter) = ("ringfence.body_invalid", "ringfence.filter_refused");
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("no divisions", with("divisionIds", json!([])), "ringfence.division_parameter_empty"),
        ("divisions twice", br#"{"divisionIds":["x"],"division_ids":["y"]}"#.into(), invalid),
        ("another case", with("DivisionIds", json!(["x"])), "ringfence.body_unknown_field"),
        ("an alias", with("divisionId", json!("x")), "ringfence.body_unknown_field"),
        ("brackets", with("divisionIds[]", json!(["x"])), "ringfence.body_unknown_field"),
        (
            "a facet of people",
            with("aggregations", json!([{ "dimension": "userId" }])),
            "ringfence.aggregation_refused",
        ),
        ("an empty filter", filters(json!({ "type": "and" })), filter),
        ("no predicates", filters(json!({ "type": "and", "predicates": [] })), filter),
        ("no clauses", filters(json!({ "type": "or", "clauses": [], "predicates": [] })), filter),
        (
            "an empty clause",
            filters(
                json!({ "type": "or", "clauses": [{ "type": "and", "predicates": [] }], "predicates": [predicate] }),
            ),
            filter,
        ),
        ("an empty segment filter", with("segmentFilters", json!([{ "type": "and" }])), filter),
        ("too many predicates", filters(many(1_001)), filter),
        ("too many together", with("conversationFilters", json!([many(600), many(600)])), filter),
        (
            "too many of all kinds",
            json!({ "interval": INTERVAL, "segmentFilters": [many(600)], "surveyFilters": [many(600)] })
                .to_string()
                .into(),
            filter,
        ),
        ("neither and nor or", filters(json!({ "type": "not", "predicates": [predicate] })), invalid),
        ("AND", filters(json!({ "type": "AND", "predicates": [predicate] })), invalid),
        ("a range of divisions", filters(json!({ "type": "and", "predicates": [range] })), invalid),
        (
            "a number too large",
            br#"{"interval":"x","segmentFilters":[{"type":"and","predicates":[{"range":{"gt":1e400}}]}]}"#
                .into(),
            "ringfence.body_number_out_of_range",
        ),
    ];
    refuse_bodies(CONVERSATIONS, cases).await;
}

#[tokio::test]
async fn the_body_has_its_type_and_its_place() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for content_type in
        ["text/plain", "application/xml", "application/jsonx", "multipart/form-data; boundary=x", ""]
    {
        let request = alpha.request(Method::POST, SEARCH).header("content-type", content_type).body("{}");
        let answer = app.send(request).await;
        assert_refused(&app, content_type, &answer, 415, "ringfence.media_type_unsupported").await;
    }
    for path in [USERS, USER, QUEUES, "/api/v2/tokens/me"] {
        for body in ["{}", " ", r#"{"divisionId":"x"}"#] {
            let answer = app.send(alpha.request(Method::GET, path).body(body)).await;
            assert_refused(&app, path, &answer, 400, "ringfence.body_unexpected").await;
        }
    }
    let large = alpha.request(Method::POST, SEARCH).body(" ".repeat(524_289));
    assert_refused(&app, "large", &app.send(large).await, 413, "request.entity.too.large").await;
    assert_nothing_forwarded(&app);

    for content_type in ["application/json", "Application/JSON; charset=utf-8"] {
        let request = alpha.request(Method::POST, SEARCH).header("content-type", content_type).body("{}");
        app.send(request).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn divisions_of_others_are_not_asked_for() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for path in [SEARCH, CONVERSATIONS] {
        let answer =
            alpha.post(&format!("{path}?divisionId={ALPHA}"), &json!({ "interval": INTERVAL })).await;
        assert_refused(&app, path, &answer, 400, "ringfence.division_parameter_misplaced").await;
    }
    let foreign = json!({ "interval": INTERVAL, "divisionIds": ["x", BETA] });
    let answer = alpha.post(CONVERSATIONS, &foreign).await;
    assert_refused(&app, "body", &answer, 403, "ringfence.division_not_permitted").await;
    for query in ["divisionId=x", "divisionId=x,y", "divisionId=*", "divisionId=x&divisionId=y"] {
        let answer = alpha.get(&format!("{QUEUES}?{query}")).await;
        assert_refused(&app, query, &answer, 403, "ringfence.division_not_permitted").await;
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn no_mutilated_body_makes_the_gateway_fail() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let whole = json!({
        "interval": INTERVAL, "paging": { "pageSize": 5, "pageNumber": 1 },
        "segmentFilters": [{ "type": "or", "predicates": [{ "dimension": "mediaType", "value": "voice" }] }],
    });
    let whole = whole.to_string().into_bytes();
    let mutilations = (0..whole.len()).flat_map(|place| {
        let cut = whole[..place].to_vec();
        let altered =
            b"\0\"[9\xff".iter().map(|other| [&whole[..place], &[*other], &whole[place + 1..]].concat());
        let doubled = [&whole[..place], &whole[place / 2..]].concat();
        altered.chain([cut, doubled]).collect::<Vec<_>>()
    });
    let mut refused = 0;
    // Every fifth, which is of every kind by turns.
    for body in mutilations.step_by(5) {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let request = alpha.request(Method::POST, CONVERSATIONS).header("content-type", "application/json");
        let answer = app.send(request.body(body)).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{shown}: {answer:?}");
        refused += usize::from(answer.status == 400);
    }
    assert!(refused > 100, "{refused}");
    app.finish().await;
}
