//! Parameters: declared, once, well encoded, in range, and none of them a division by the back door.

use ringfence::simulator::ALPHA;

use super::{DIVISIONS, QUEUES, USER, USERS};
use crate::{
    gateway::refused::{assert_nothing_forwarded, assert_refused},
    support::app::TestApp,
};

/// Sends each query; each must be refused with its code, be recorded, and go no further.
async fn refuse_queries(cases: &[(&str, &str, &str)]) {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (path, query, code) in cases {
        let head =
            format!("GET {path}?{query} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {}\r\n\r\n", alpha.api_key);
        let answer = app.exchange(head.as_bytes()).await;
        assert_refused(&app, &query[..query.len().min(60)], &answer, 400, code).await;
    }
    assert_nothing_forwarded(&app);
    app.finish().await;
}

#[tokio::test]
async fn a_query_holds_declared_parameters_once_and_is_well_encoded() {
    let (unknown, twice) = ("ringfence.parameter_unknown", "ringfence.parameter_twice");
    let (malformed, expand) = ("ringfence.query_malformed", "ringfence.expand_refused");
    let pairs = "divisionId=x&".repeat(201);
    let cases = [
        (USERS, "x=1", unknown),
        (USERS, "q64=eyJ4IjoxfQ", unknown),
        (USERS, "=1", unknown),
        (USERS, "pagesize=5", unknown),
        (USERS, "pageSize[]=5", unknown),
        (USERS, "jabberId=x", unknown),
        (USER, "pageSize=5", unknown),
        (DIVISIONS, "ID=x", unknown),
        (DIVISIONS, "id[]=x", unknown),
        (DIVISIONS, "ids=x", unknown),
        ("/api/v2/organizations/me", "x=1", unknown),
        ("/api/v2/users/me", "expand=team", unknown),
        (USERS, "pageSize=5&pageSize=6", twice),
        (USERS, "pageSize=5&page%53ize=5", twice),
        (USERS, "pageNumber=1&pageSize=5&pageNumber=1", twice),
        (QUEUES, "name=a&name=b", twice),
        (QUEUES, pairs.as_str(), "ringfence.query_too_long"),
        (USERS, "pageSize=%", malformed),
        (USERS, "pageSize=%5", malformed),
        (USERS, "pageSize=%zz", malformed),
        (USERS, "%=5", malformed),
        (QUEUES, "name=%ff", malformed),
        (QUEUES, "name=%c0%ae", malformed),
        (QUEUES, "name=%ed%a0%80", malformed),
        (QUEUES, "name=%00", malformed),
        (QUEUES, "name=a%0d%0aX-Api-Key:b", malformed),
        (USERS, "expand=manager", expand),
        (USERS, "expand=team,locations", expand),
        (USERS, "expand=team&expand=station", expand),
        (USER, "expand=authorization", expand),
        (USER, "expand=TEAM", expand),
    ];
    refuse_queries(&cases).await;
}

#[tokio::test]
async fn a_parameter_is_in_range() {
    let invalid = "ringfence.parameter_invalid";
    let long = format!("name={}", "x".repeat(257));
    let ids = format!("id={}", "x,".repeat(101));
    let huge = format!("id={}", "x".repeat(4_097));
    let cases = [
        (USERS, "pageSize=0", invalid),
        (USERS, "pageSize=101", invalid),
        (USERS, "pageSize=-1", invalid),
        (USERS, "pageSize=1.5", invalid),
        (USERS, "pageSize=1e1", invalid),
        (USERS, "pageSize=", invalid),
        (USERS, "pageSize", invalid),
        (USERS, "pageSize=+5", invalid),
        (USERS, "pageSize=5%20", invalid),
        (USERS, "pageSize=99999999999999999999", invalid),
        (USERS, "pageSize=%EF%BC%95", invalid),
        (USERS, "pageNumber=1000001", invalid),
        (USERS, "sortOrder=sideways", invalid),
        (USERS, "state=ACTIVE", invalid),
        (USERS, "id=", invalid),
        (USERS, "id=,", invalid),
        (USERS, ids.as_str(), invalid),
        (USERS, huge.as_str(), invalid),
        (QUEUES, "name=", invalid),
        (QUEUES, long.as_str(), invalid),
        (DIVISIONS, "objectCount=yes", invalid),
    ];
    refuse_queries(&cases).await;
}

#[tokio::test]
async fn a_division_stands_in_the_one_parameter_that_narrows() {
    let (misplaced, invalid) = ("ringfence.division_parameter_misplaced", "ringfence.parameter_invalid");
    let cases = [
        (QUEUES, "divisionIds=x", misplaced),
        (QUEUES, "division_id=x", misplaced),
        (QUEUES, "DIVISIONID=x", misplaced),
        (QUEUES, "divisionid=x", misplaced),
        (QUEUES, "divisionId[]=x", misplaced),
        (QUEUES, "divisionId%5B0%5D=x", misplaced),
        (QUEUES, "divisionId%20=x", misplaced),
        (QUEUES, "+divisionId=x", misplaced),
        (QUEUES, "filter.divisionId=x", misplaced),
        (QUEUES, "division=x", misplaced),
        (USERS, "divisionId=x", misplaced),
        (USER, "divisionId=x", misplaced),
        (DIVISIONS, "divisionId=x", misplaced),
        ("/api/v2/tokens/me", "divisionId=x", misplaced),
        (QUEUES, "divisionId=", invalid),
        (QUEUES, "divisionId", invalid),
        (QUEUES, "divisionId=,", invalid),
        (QUEUES, "divisionId=%20", invalid),
        (QUEUES, "divisionId=x&divisionId=", invalid),
        (DIVISIONS, "id=", invalid),
    ];
    refuse_queries(&cases).await;
}
