//! Recordings: given out where all divisions of their conversation are the tenant's or neutral, and where each says that it is
//! of that conversation alone.

use ringfence::simulator::{ALPHA, BETA, Fault, HOME};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, conversations, disturb_below, event, eventually, everything, sent,
    text,
};
use crate::support::app::{TenantClient, TestApp};

const ONE: &str = "/api/v2/conversations";
const KINDS: [&str; 2] = ["recordings", "recordingmetadata"];

/// A conversation of a division, alone or with another.
fn of(app: &TestApp, division: &str, with: Option<&str>) -> String {
    let mut all = conversations(app, division).into_iter();
    all.find(|(_, other)| other.as_deref() == with).unwrap().0
}

/// What there is in truth, and what is shown of it.
async fn recordings(app: &TestApp, client: &TenantClient, path: &str) -> (Vec<Value>, Vec<Value>) {
    let all = everything(app, path, None).await.as_array().unwrap().clone();
    (all, client.get(path).await.expect(200).as_array().unwrap().clone())
}

#[tokio::test]
async fn those_of_an_own_conversation_are_shown_with_their_links_and_own_people() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = of(&app, ALPHA, None);
    for kind in KINDS {
        let list = format!("{ONE}/{own}/{kind}");
        let (all, shown) = recordings(&app, &alpha, &list).await;
        assert!(!all.is_empty() && shown.len() == all.len(), "{kind}");
        for (whole, shown) in all.iter().zip(&shown) {
            assert_eq!((&shown["id"], &shown["conversationId"]), (&whole["id"], &json!(own)));
            for hidden in ["path", "associatedConversationIds", "remainingRestorationsAllowedForOrg"] {
                assert!(whole.get(hidden).is_some() || kind == "recordingmetadata");
                assert!(shown.get(hidden).is_none(), "{hidden}: {shown}");
            }
            assert!(!shown.to_string().contains(&BETA[..8]), "{shown}");
            assert_eq!(alpha.get(&format!("{list}/{}", text(&whole["id"]))).await.expect(200), *shown);
        }
    }
    let (all, shown) = recordings(&app, &alpha, &format!("{ONE}/{own}/recordings")).await;
    assert!(shown[0]["mediaUris"].is_object());
    assert_eq!(shown[0]["mediaUris"], all[0]["mediaUris"]);
    app.finish().await;
}

#[tokio::test]
async fn those_of_a_conversation_with_a_foreign_division_are_missing_and_not_asked_for() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let shared = conversations(&app, ALPHA).into_iter().find(|(_, with)| with.is_some()).unwrap().0;
    let theirs = of(&app, BETA, None);
    for kind in KINDS {
        let recording = text(&everything(&app, &format!("{ONE}/{shared}/{kind}"), None).await[0]["id"]);
        for (conversation, recording) in [(&shared, recording.as_str()), (&theirs, NOBODY)] {
            for below in [String::new(), format!("/{recording}")] {
                app.simulator.organisation().clear_calls();
                let refused = alpha.get(&format!("{ONE}/{conversation}/{kind}{below}")).await;
                assert_refused(&refused, 404, "not.found");
                assert_alike(&refused, &alpha.get(&format!("{ONE}/{NOBODY}/{kind}{below}")).await);
                let asked = sent(&app).into_iter().map(|(line, _)| line);
                assert!(asked.into_iter().all(|line| !line.contains(kind)));
            }
        }
    }
    beta.get(&format!("{ONE}/{theirs}/recordings")).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn those_of_a_conversation_with_a_neutral_division_are_shown() {
    let app =
        TestApp::start_with(|config| config.upstream.neutral_divisions = vec![HOME.parse().unwrap()]).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mixed = of(&app, ALPHA, Some(HOME));
    for kind in KINDS {
        let list = format!("{ONE}/{mixed}/{kind}");
        let (all, shown) = recordings(&app, &alpha, &list).await;
        assert!(!all.is_empty() && shown.len() == all.len(), "{kind}");
        alpha.get(&format!("{list}/{}", text(&all[0]["id"]))).await.expect(200);
    }
    app.finish().await;
}

/// Genesys is asked for a recording below a conversation; whether it looks if the two belong together, nobody knows.
#[tokio::test]
async fn one_that_is_of_another_conversation_or_of_others_too_is_missing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (own, other) = (of(&app, ALPHA, None), of(&app, BETA, None));
    for (kind, field, value) in [
        ("recordings", "conversationId", json!(other)),
        ("recordings", "conversationId", Value::Null),
        ("recordings", "associatedConversationIds", json!([own, other])),
        ("recordings", "associatedConversationIds", json!("none")),
        ("recordings", "media", json!("screen")),
        ("recordings", "media", Value::Null),
        ("recordingmetadata", "conversationId", json!(other)),
        ("recordingmetadata", "media", json!("screen")),
    ] {
        let list = format!("{ONE}/{own}/{kind}");
        app.simulator.organisation().set_faults(Vec::new());
        let all = everything(&app, &list, None).await;
        let (first, second) = (text(&all[0]["id"]), text(&all[1]["id"]));
        let fault = Fault::Instead { field: field.to_owned(), value: value.clone() };
        disturb_below(&app, &format!("{list}/{first}"), fault.clone());
        let refused = alpha.get(&format!("{list}/{first}")).await;
        assert_refused(&refused, 404, "not.found");
        assert_alike(&refused, &alpha.get(&format!("{list}/{NOBODY}")).await);
        disturb_below(&app, &list, fault);
        let answer = alpha.get(&list).await;
        let event = event(&app, &answer).await;
        assert_eq!(event["outcome"]["dropped"], 1, "{field} {value}");
        let shown = answer.expect(200);
        assert_eq!((shown.as_array().unwrap().len(), text(&shown[0]["id"])), (1, second), "{field} {value}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_transcript_or_a_message_of_another_conversation_is_missing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (own, other) = (of(&app, ALPHA, None), of(&app, BETA, None));
    for (above, below, field, value) in [
        (
            format!("/api/v2/speechandtextanalytics/conversations/{own}/communications"),
            "/transcripturls",
            "conversation",
            json!({ "id": other }),
        ),
        (format!("/api/v2/conversations/messages/{own}/messages"), "", "conversationId", json!(other)),
    ] {
        app.simulator.organisation().set_faults(Vec::new());
        let id = app.simulator.organisation().things(&above).first().unwrap().0.clone();
        let path = format!("{above}/{id}{below}");
        alpha.get(&path).await.expect(200);
        for value in [value, Value::Null] {
            disturb_below(&app, &path, Fault::Instead { field: field.to_owned(), value });
            assert_refused(&alpha.get(&path).await, 404, "not.found");
        }
    }
    app.finish().await;
}

/// A call may wait for seconds until its recording is ready, and be transferred to others meanwhile.
#[tokio::test]
async fn others_that_come_to_a_conversation_while_genesys_works_are_noticed() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = format!("{ONE}/{}", of(&app, ALPHA, None));
    let divisions = everything(&app, &own, None).await["divisions"].clone();
    let mut mixed = divisions.as_array().unwrap().clone();
    mixed.push(json!({ "division": { "id": BETA }, "entities": [] }));
    disturb_below(&app, &format!("{own}/recordings"), Fault::Latency { ms: 1_500 });
    let (client, path) = (alpha.clone(), format!("{own}/recordings"));
    let call = tokio::spawn(async move { client.get(&path).await });
    eventually("the recordings are asked for", async || {
        sent(&app).iter().any(|(line, _)| line.contains("/recordings")).then_some(())
    })
    .await;
    disturb_below(&app, &own, Fault::Instead { field: "divisions".to_owned(), value: json!(mixed) });
    assert_refused(&call.await.unwrap(), 404, "not.found");
    disturb_below(&app, &own, Fault::Instead { field: "divisions".to_owned(), value: divisions });
    alpha.get(&format!("{own}/recordings")).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn those_that_are_not_ready_are_told_as_such() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let list = format!("{ONE}/{}/recordings", of(&app, ALPHA, None));
    let all = everything(&app, &list, None).await;
    disturb_below(&app, &list, Fault::Done { status: 202 });
    let shown = alpha.get(&format!("{list}?maxWaitMs=1")).await.expect(202);
    assert_eq!(shown[0]["id"], all[0]["id"]);
    alpha.get(&format!("{list}/{}", text(&all[0]["id"]))).await.expect(202);
    disturb_below(&app, &list, Fault::EmptyBody);
    assert_refused(&alpha.get(&list).await, 502, "ringfence.answer_refused");
    app.finish().await;
}
