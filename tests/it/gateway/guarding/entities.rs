//! What of an entity is shown: its own fields, its own neighbours, and a stub of what others share, where that is set.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, GAMMA, HOME, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{DETAILS, QUEUES, USERS, conversations, everything, text};
use crate::support::app::TestApp;

fn by_id<'a>(list: &'a Value, field: &str, id: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|one| one[field] == id).unwrap()
}

/// The tenant's conversations as upstream tells them.
async fn upstreams(app: &TestApp, division: &str) -> Value {
    let predicate = json!({"dimension": "divisionId", "value": division});
    let query = json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1},
        "conversationFilters": [{"type": "or", "predicates": [predicate]}]});
    everything(app, DETAILS, Some(&query)).await["conversations"].clone()
}

fn question() -> Value {
    json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1}})
}

fn stubs() -> Value {
    json!({"cross_division": "stub"})
}

fn stub(conversation: &Value) -> Value {
    let kept = ["conversationId", "conversationStart", "conversationEnd"];
    kept.iter()
        .map(|field| ((*field).to_owned(), conversation[*field].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// An own conversation, without the teams of its users and those who evaluate: they can be of other divisions.
fn whole(conversation: &Value) -> Value {
    let mut shown = conversation.clone();
    for participant in shown["participants"].as_array_mut().unwrap() {
        participant.as_object_mut().unwrap().remove("teamId");
    }
    for evaluation in shown["evaluations"].as_array_mut().unwrap() {
        for field in ["evaluatorId", "assigneeId", "calibrationId"] {
            evaluation.as_object_mut().unwrap().remove(field);
        }
    }
    shown
}

#[tokio::test]
async fn a_shared_conversation_is_a_stub_and_an_own_one_whole() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], stubs()).await;
    let upstreams = upstreams(&app, ALPHA).await;
    let shown = alpha.post(DETAILS, &question()).await.expect(200);
    let (mut stubs, mut own) = (0, 0);
    for (id, shared_with) in conversations(&app, ALPHA) {
        let theirs = by_id(&upstreams, "conversationId", &id);
        let ours = by_id(&shown["conversations"], "conversationId", &id);
        if shared_with.is_some() {
            assert_eq!(ours, &stub(theirs));
            stubs += 1;
        } else {
            assert_eq!(ours, &whole(theirs));
            own += 1;
        }
    }
    assert!(stubs > 0 && own > 0, "{stubs} {own}");
    app.finish().await;
}

#[tokio::test]
async fn what_two_own_divisions_share_is_whole() {
    let app = TestApp::start().await;
    let pair = app.tenant_with("pair", &[ALPHA, BETA], stubs()).await;
    let upstreams = upstreams(&app, ALPHA).await;
    let mut query = question();
    query["conversationFilters"] =
        json!([{"type": "and", "predicates": [{"dimension": "divisionId", "value": ALPHA}]}]);
    let shown = pair.post(DETAILS, &query).await.expect(200);
    let mut seen = BTreeSet::new();
    for (id, shared_with) in conversations(&app, ALPHA) {
        let theirs = by_id(&upstreams, "conversationId", &id);
        let ours = by_id(&shown["conversations"], "conversationId", &id);
        let foreign = matches!(shared_with.as_deref(), Some(GAMMA | HOME));
        assert_eq!(ours, &if foreign { stub(theirs) } else { whole(theirs) });
        seen.insert(shared_with);
    }
    assert!(seen.contains(&Some(BETA.to_owned())) && seen.len() > 2, "{seen:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_neutral_division_makes_no_conversation_foreign() {
    let app =
        TestApp::start_with(|config| config.upstream.neutral_divisions = vec![HOME.parse().unwrap()]).await;
    let alpha = app.tenant_with("alpha", &[ALPHA], stubs()).await;
    let upstreams = upstreams(&app, ALPHA).await;
    let shown = alpha.post(DETAILS, &question()).await.expect(200);
    let mut neutral = 0;
    for (id, shared_with) in conversations(&app, ALPHA) {
        let theirs = by_id(&upstreams, "conversationId", &id);
        let ours = by_id(&shown["conversations"], "conversationId", &id);
        match shared_with.as_deref() {
            None => assert_eq!(ours, &whole(theirs)),
            Some(HOME) => {
                assert_eq!(ours, &whole(theirs));
                neutral += 1;
            }
            Some(_) => assert_eq!(ours, &stub(theirs)),
        }
    }
    assert!(neutral > 0);
    // Neutral is not own: what is the neutral division's alone stays foreign.
    let queues = alpha.get(&format!("{QUEUES}?divisionId={HOME}")).await;
    assert_eq!(queues.status, 403);
    app.finish().await;
}

#[tokio::test]
async fn a_queue_loses_what_counts_or_names_others() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let theirs = everything(&app, &format!("{QUEUES}?pageSize=500&divisionId={ALPHA}"), None).await;
    let listed = alpha.get(&format!("{QUEUES}?pageSize=500")).await.expect(200);
    let removed =
        ["memberCount", "userMemberCount", "joinedMemberCount", "createdBy", "modifiedBy", "queueFlow"];
    let (mut foreign_groups, mut own_groups) = (0, 0);
    for theirs in theirs["entities"].as_array().unwrap() {
        let ours = by_id(&listed["entities"], "id", &text(&theirs["id"]));
        let mut expected = theirs.clone();
        let fields = expected.as_object_mut().unwrap();
        for field in removed {
            assert!(fields.remove(field).is_some(), "the organisation says {field}");
        }
        let groups = fields["memberGroups"].as_array_mut().unwrap();
        foreign_groups += groups.iter().filter(|group| group["division"]["id"] != ALPHA).count();
        groups.retain(|group| group["division"]["id"] == ALPHA);
        own_groups += groups.len();
        for group in groups {
            group.as_object_mut().unwrap().remove("memberCount").unwrap();
        }
        let scripts = fields["defaultScripts"].as_object_mut().unwrap();
        scripts.retain(|_, script| script["division"]["id"] == ALPHA);
        assert_eq!(ours, &expected);
        let single = alpha.get(&format!("{QUEUES}/{}", text(&ours["id"]))).await.expect(200);
        assert_eq!(&single, ours, "by its id as in the list");
    }
    assert!(foreign_groups > 0 && own_groups > 0, "{foreign_groups} {own_groups}");
    app.finish().await;
}

#[tokio::test]
async fn a_users_foreign_manager_and_team_are_not_shown() {
    let app = TestApp::start().await;
    let (mut managers, mut own_teams, mut foreign_teams) = (0, 0, 0);
    for (id, division) in [("alpha", ALPHA), ("beta", BETA), ("gamma", GAMMA)] {
        let tenant = app.tenant(id, &[division]).await;
        let theirs = everything(&app, &format!("{USERS}?state=any&expand=team&pageSize=500"), None).await;
        let listed = tenant.get(&format!("{USERS}?state=any&expand=team&pageSize=100")).await.expect(200);
        for ours in listed["entities"].as_array().unwrap() {
            let id = text(&ours["id"]);
            let mut expected = by_id(&theirs["entities"], "id", &id).clone();
            let fields = expected.as_object_mut().unwrap();
            managers += usize::from(fields.remove("manager").is_some());
            fields["team"].as_object_mut().unwrap().remove("memberCount").unwrap();
            if fields["team"]["division"]["id"] == division {
                own_teams += 1;
            } else {
                fields.remove("team");
                foreign_teams += 1;
            }
            assert_eq!(ours, &expected);
            let single = tenant.get(&format!("{USERS}/{id}?expand=team")).await.expect(200);
            assert_eq!(&single, ours, "by its id as in the list");
        }
    }
    assert!(managers > 0 && own_teams > 0 && foreign_teams > 0, "{managers} {own_teams} {foreign_teams}");
    app.finish().await;
}
