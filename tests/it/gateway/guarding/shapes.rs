//! Answers that do not have the promised shape are refused; what is right keeps its bytes.

use ringfence::simulator::{ALPHA, BETA, GAMMA, INTERVAL};
use serde_json::json;

use super::{
    super::organisation::{DETAILS, DIVISIONS, NOBODY, QUEUES, SEARCH, USERS, assert_refused, event},
    canned::Canned,
};
use crate::support::app::{Answer, TestApp};

/// To the tenant there is nothing; the record says why.
async fn assert_withheld(app: &TestApp, answer: &Answer, why: &str) {
    assert_refused(answer, 404, "not.found");
    let outcome = &event(app, answer).await["outcome"];
    assert_eq!((&outcome["code"], &outcome["withheld"]), (&json!("not.found"), &json!(why)), "{outcome}");
}

#[tokio::test]
async fn by_its_id_an_entity_that_is_too_large_is_not_found() {
    let app = TestApp::start_with(|config| config.gateway.max_answer_bytes = 6_000).await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    canned.says(json!({"id": NOBODY, "division": {"id": BETA}, "name": "x".repeat(6_000)}).to_string());
    let answer = alpha.get(&format!("{QUEUES}/{NOBODY}")).await;
    assert_withheld(&app, &answer, "answer_too_large").await;
    app.finish().await;
}

#[tokio::test]
async fn an_entity_without_one_plain_division_is_refused_and_by_its_id_not_found() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    for division in [
        String::new(),
        r#","division":null"#.to_owned(),
        r#","division":7"#.to_owned(),
        format!(r#","division":"{ALPHA}""#),
        format!(r#","division":["{ALPHA}"]"#),
        format!(r#","division":[{{"id":"{ALPHA}"}}]"#),
        r#","division":{}"#.to_owned(),
        r#","division":{"id":null}"#.to_owned(),
        r#","division":{"id":7}"#.to_owned(),
        format!(r#","division":{{"id":["{ALPHA}"]}}"#),
        format!(r#","division":{{"id":["{ALPHA}","{BETA}"]}}"#),
        format!(r#","division":{{"id":{{"id":"{ALPHA}"}}}}"#),
        format!(r#","division":{{"ID":"{ALPHA}"}}"#),
        format!(r#","division":{{"id":"{ALPHA}","id":"{BETA}"}}"#),
        format!(r#","division":{{"id":"{ALPHA}"}},"division":{{"id":"{BETA}"}}"#),
        format!(r#","division":{{"id":"{ALPHA}"}},"d\u0069vision":{{"id":"{BETA}"}}"#),
    ] {
        let entity = format!(r#"{{"id":"{NOBODY}","name":"Somebody's"{division}}}"#);
        canned.says(&entity);
        for path in [QUEUES, USERS] {
            let answer = alpha.get(&format!("{path}/{NOBODY}")).await;
            assert_withheld(&app, &answer, "answer_refused").await;
        }
        canned.says(format!(r#"{{"entities":[{entity}],"total":1}}"#));
        assert_refused(&alpha.get(QUEUES).await, 502, "ringfence.answer_refused");
        canned.says(format!(r#"{{"results":[{entity}],"total":1}}"#));
        assert_refused(&alpha.get(USERS).await, 502, "ringfence.answer_refused");
        assert_refused(&alpha.post(SEARCH, &json!({})).await, 502, "ringfence.answer_refused");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_conversation_without_a_list_of_divisions_is_refused() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    let query = json!({"interval": INTERVAL});
    for divisions in [
        "",
        r#","divisionIds":null"#,
        r#","divisionIds":"A""#,
        r#","divisionIds":[7]"#,
        r#","divisionIds":{}"#,
    ] {
        let divisions = divisions.replace('A', ALPHA);
        canned.says(format!(r#"{{"conversations":[{{"conversationId":"{NOBODY}"{divisions}}}]}}"#));
        assert_refused(&alpha.post(DETAILS, &query).await, 502, "ringfence.answer_refused");
    }
    // A conversation of no division is nobody's.
    canned.says(format!(
        r#"{{"conversations":[{{"conversationId":"{NOBODY}","divisionIds":[]}}],"totalHits":1}}"#
    ));
    let answer = alpha.post(DETAILS, &query).await;
    assert_eq!(event(&app, &answer).await["outcome"]["violations"], 1);
    assert_eq!(answer.expect(200), json!({"conversations": []}));
    app.finish().await;
}

#[tokio::test]
async fn an_answer_of_another_kind_is_refused() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    for body in
        ["", "null", "7", "[]", "\"text\"", "<html>", "{", "{}{}", r#"{"a":1,"a":2}"#, "{\"a\":\"\u{0}\"}"]
    {
        canned.says(body);
        for path in [QUEUES, USERS, DIVISIONS, "/api/v2/organizations/me"] {
            assert_refused(&alpha.get(path).await, 502, "ringfence.answer_refused");
        }
        let answer = alpha.get(&format!("{QUEUES}/{NOBODY}")).await;
        assert_withheld(&app, &answer, "answer_refused").await;
    }
    for collection in ["null", "{}", "7", "[7]", "[[]]", "[null]"] {
        canned.says(format!(r#"{{"entities":{collection},"results":{collection}}}"#));
        for path in [QUEUES, USERS, DIVISIONS] {
            assert_refused(&alpha.get(path).await, 502, "ringfence.answer_refused");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_kept_keeps_its_bytes() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    let whole = format!(
        "{{ \"name\" : \"Gr\\u00fc\\/n\", \"description\":\"\\ud83d\\ude00\",\n \"id\": \"{NOBODY}\",\
         \"division\": {{\"id\":\"{ALPHA}\", \"name\":\"A\"}}, \"acwSettings\":{{\"x\":1.50e+2,\"y\":123456789012345678901234567890}} }}"
    );
    canned.says(&whole);
    assert_eq!(alpha.get(&format!("{QUEUES}/{NOBODY}")).await.text, whole);
    let list = format!(r#"{{"entities":[ {whole} ],"pageSize": 25}}"#);
    canned.says(&list);
    assert_eq!(alpha.get(QUEUES).await.text, list);
    // Where something is taken out, what stays keeps its bytes.
    canned.says(format!(r#"{{"secret": 1, "entities":[ {whole} ],"pageSize": 25}}"#));
    assert_eq!(alpha.get(QUEUES).await.text, format!(r#"{{"entities":[{whole}],"pageSize":25}}"#));
    app.finish().await;
}

#[tokio::test]
async fn fields_and_links_that_nobody_promised_are_removed() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    let entity = format!(r#"{{"id":"{NOBODY}","division":{{"id":"{ALPHA}"}},"newField":{{"of":"{BETA}"}}}}"#);
    canned.says(format!(
        r#"{{"entities":[{entity}],"total":1,"facets":["{BETA}"],"selfUri":"https://api.example/api/v2/routing/queues?a=b",
            "nextUri":"https://evil.example/steal","firstUri":"/api/v2/x","lastUri":7,"others":[{entity}]}}"#
    ));
    let entity = json!({"id": NOBODY, "division": {"id": ALPHA}});
    let shown = json!({"entities": [entity], "total": 1, "selfUri": "/api/v2/routing/queues?a=b", "firstUri": "/api/v2/x"});
    assert_eq!(alpha.get(QUEUES).await.expect(200), shown);
    app.finish().await;
}

#[tokio::test]
async fn facets_that_nobody_asked_for_are_removed() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    canned.says(format!(
        r#"{{"conversations":[],"totalHits":0,"aggregations":[
            {{"type":"termFrequency","dimension":"mediaType","count":1,"results":[{{"value":"voice","count":1}}]}},
            {{"type":"termFrequency","dimension":"divisionId","count":1,"results":[{{"value":"{BETA}","count":1}}]}}]}}"#
    ));
    let answer = alpha.post(DETAILS, &json!({"interval": INTERVAL})).await;
    assert!(!answer.text.contains(BETA));
    let kept = json!([{"type": "termFrequency", "dimension": "mediaType", "count": 1,
        "results": [{"value": "voice", "count": 1}]}]);
    assert_eq!(answer.expect(200)["aggregations"], kept);
    app.finish().await;
}

#[tokio::test]
async fn own_neighbours_stay_whatever_the_request_was_narrowed_to() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let pair = canned.tenant_of(&app, &[ALPHA, BETA]).await;
    let of = |division: &str| json!({"id": NOBODY, "division": {"id": division}});
    let mut queue = of(ALPHA);
    queue["memberGroups"] = json!([of(ALPHA), of(BETA), of(GAMMA), {"id": NOBODY}, 7]);
    queue["defaultScripts"] = json!({"CALL": of(GAMMA), "CHAT": of(BETA), "EMAIL": null});
    let mut shown = of(ALPHA);
    shown["memberGroups"] = json!([of(ALPHA), of(BETA)]);
    shown["defaultScripts"] = json!({"CHAT": of(BETA)});
    canned.says(queue.to_string());
    assert_eq!(pair.get(&format!("{QUEUES}/{NOBODY}")).await.expect(200), shown);
    canned.says(json!({"entities": [queue, of(BETA)]}).to_string());
    let listed = pair.get(&format!("{QUEUES}?divisionId={ALPHA}")).await;
    assert_eq!(event(&app, &listed).await["outcome"]["violations"], 1, "the queue itself was not asked for");
    assert_eq!(listed.expect(200)["entities"], json!([shown]));
    app.finish().await;
}

#[tokio::test]
async fn parts_of_an_entity_lose_what_names_or_counts_others() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    let segment = json!({"segmentType": "interact", "queueId": NOBODY});
    let session = json!({"sessionId": NOBODY, "metrics": [{"name": "tTalk", "value": 1}]});
    let participant = json!({"participantId": NOBODY, "userId": NOBODY});
    let evaluation = json!({"evaluationId": NOBODY, "oTotalScore": 7});
    let conversation = |foreign: bool| {
        let (mut segment, mut session) = (segment.clone(), session.clone());
        let (mut participant, mut evaluation) = (participant.clone(), evaluation.clone());
        if foreign {
            for field in ["requestedRoutingUserIds", "scoredAgents", "destinationConversationId", "new"] {
                segment[field] = json!([NOBODY]);
            }
            for field in
                ["proposedAgents", "eligibleAgentCounts", "assignerId", "selectedAgentId", "agentGroups"]
            {
                session[field] = json!([7]);
            }
            participant["teamId"] = json!(NOBODY);
            evaluation["evaluatorId"] = json!(NOBODY);
        }
        session["segments"] = json!([segment]);
        participant["sessions"] = json!([session]);
        json!({
            "conversationId": NOBODY, "divisionIds": [ALPHA], "participants": [participant], "evaluations": [evaluation],
        })
    };
    canned.says(json!({"conversations": [conversation(true)], "totalHits": 1}).to_string());
    let shown = alpha.post(DETAILS, &json!({"interval": INTERVAL})).await.expect(200);
    assert_eq!(shown, json!({"conversations": [conversation(false)], "totalHits": 1}));
    let whole = conversation(false).to_string();
    canned.says(format!(r#"{{"conversations":[{whole}]}}"#));
    let shown = alpha.post(DETAILS, &json!({"interval": INTERVAL})).await;
    assert_eq!(shown.text, format!(r#"{{"conversations":[{whole}]}}"#), "what is whole keeps its bytes");

    let flow = json!({"id": NOBODY, "name": "another's"});
    canned.says(
        json!({
            "id": NOBODY, "division": {"id": ALPHA}, "mediaSettings": {
                "callback": {"mode": "AgentFirst", "liveVoiceFlow": flow, "edgeGroup": flow, "site": flow},
                "email": {"alertingTimeoutSeconds": 30, "allOutboundEmailAddresses": [{"route": flow}]},
            },
        })
        .to_string(),
    );
    let queue = alpha.get(&format!("{QUEUES}/{NOBODY}")).await.expect(200);
    assert_eq!(
        queue["mediaSettings"],
        json!({"callback": {"mode": "AgentFirst"}, "email": {"alertingTimeoutSeconds": 30}})
    );
    app.finish().await;
}

#[tokio::test]
async fn a_total_that_cannot_be_is_left_out() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    canned.says(format!(r#"{{"results":[],"total":{}}}"#, i64::MAX));
    assert_eq!(alpha.get(USERS).await.expect(200)["entities"], json!([]));
    for total in ["-5", "1.5", "\"7\"", "null", "{}"] {
        canned.says(format!(r#"{{"results":[],"total":{total}}}"#));
        let shown = alpha.get(USERS).await.expect(200);
        assert!(shown.get("total").is_none() && shown.get("pageCount").is_none(), "{shown}");
    }
    app.finish().await;
}
