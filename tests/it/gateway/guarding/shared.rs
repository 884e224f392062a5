//! A conversation in which other divisions took part: redacted, the tenant's own parts are shown, and of the others when
//! they happened; or a stub.

use std::collections::BTreeSet;

use ringfence::{
    catalog::{Catalog, Entity, Narrowing},
    simulator::{ALPHA, BETA, Fault, GAMMA, HOME, INTERVAL, Match, Rule},
};
use serde_json::{Map, Value, json};

use super::super::organisation::{
    DETAILS, NOBODY, QUEUES, SEARCH, assert_refused, conversations, eventually, everything, owned, sent, text,
};
use crate::support::app::{TenantClient, TestApp};

const ONE: &str = "/api/v2/conversations";
const ANALYTICS: &str = "/api/v2/analytics/conversations";

fn shared(app: &TestApp) -> Vec<String> {
    conversations(app, ALPHA).into_iter().filter(|(_, with)| with.is_some()).map(|(id, _)| id).collect()
}

fn question() -> Value {
    json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1}})
}

fn kept(from: &Value, fields: &[&str]) -> Map<String, Value> {
    let there = fields.iter().filter(|field| from.get(**field).is_some_and(|value| !value.is_null()));
    there.map(|field| ((*field).to_owned(), from[*field].clone())).collect()
}

/// The tenant's own people and queues.
struct Own {
    users: BTreeSet<String>,
    queues: BTreeSet<String>,
}

impl Own {
    fn of(app: &TestApp) -> Self {
        Self { users: owned(app, ALPHA, "users"), queues: owned(app, ALPHA, "queues") }
    }

    fn has(&self, user: &Value, queues: &[&Value]) -> bool {
        let known = |one: &Value, own: &BTreeSet<String>| one.as_str().is_none_or(|id| own.contains(id));
        let named = user.is_string() || queues.iter().any(|queue| queue.is_string());
        named && known(user, &self.users) && queues.iter().all(|queue| known(queue, &self.queues))
    }

    /// A conversation of analytics as it is promised to be shown.
    fn redacted(&self, theirs: &Value) -> Value {
        let mut shown = kept(
            theirs,
            &[
                "conversationId",
                "conversationStart",
                "conversationEnd",
                "conversationInitiator",
                "originatingDirection",
            ],
        );
        shown.insert("divisionIds".to_owned(), json!([ALPHA]));
        let parts = theirs["participants"].as_array().unwrap().iter();
        shown.insert("participants".to_owned(), parts.map(|part| self.participant(part)).collect());
        shown.into()
    }

    fn participant(&self, theirs: &Value) -> Value {
        let mut shown = kept(theirs, &["participantId", "purpose"]);
        let sessions = theirs["sessions"].as_array().unwrap();
        let segments = || sessions.iter().flat_map(|session| session["segments"].as_array().unwrap());
        let queues: Vec<_> = segments().map(|segment| &segment["queueId"]).collect();
        if self.has(&theirs["userId"], &queues) && theirs["userId"].is_string() {
            shown.extend(kept(theirs, &["userId", "participantName"]));
        }
        let redact = |session: &Value| {
            let mut shown = kept(session, &["mediaType", "direction"]);
            if self.has(&theirs["userId"], &queues) {
                shown.extend(kept(
                    session,
                    &["sessionId", "provider", "requestedRoutings", "usedRouting", "metrics"],
                ));
            }
            let segment = |segment: &Value| {
                let mut shown = kept(segment, &["segmentType", "segmentStart", "segmentEnd"]);
                if self.has(&theirs["userId"], &[&segment["queueId"]]) {
                    let more = ["queueId", "disconnectType", "conference", "wrapUpCode", "wrapUpNote"];
                    shown.extend(kept(segment, &more));
                }
                Value::from(shown)
            };
            let segments = session["segments"].as_array().unwrap().iter().map(segment);
            shown.insert("segments".to_owned(), segments.collect());
            Value::from(shown)
        };
        shown.insert("sessions".to_owned(), sessions.iter().map(redact).collect());
        shown.into()
    }
}

/// A job's results, all of them.
async fn job(tenant: &TenantClient) -> Value {
    let jobs = format!("{ANALYTICS}/details/jobs");
    let begun = tenant.post(&jobs, &json!({"interval": INTERVAL})).await.expect(202);
    let id = text(&begun["jobId"]);
    eventually("the job is done", async || {
        let status = tenant.get(&format!("{jobs}/{id}")).await;
        (status.body["state"] == "FULFILLED").then_some(())
    })
    .await;
    tenant.get(&format!("{jobs}/{id}/results?pageSize=1000")).await.expect(200)
}

fn find<'a>(conversations: &'a Value, id: &str) -> &'a Value {
    let all = conversations["conversations"].as_array().unwrap();
    all.iter().find(|one| one["conversationId"] == id).unwrap()
}

#[tokio::test]
async fn unless_said_otherwise_a_shared_conversation_shows_own_parts_and_when_the_others_happened() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = Own::of(&app);
    let (listed, results) = (alpha.post(DETAILS, &question()).await.expect(200), job(&alpha).await);
    let (mut names, mut notes) = (0, 0);
    for id in shared(&app) {
        let theirs = everything(&app, &format!("{ANALYTICS}/{id}/details"), None).await;
        let expected = own.redacted(&theirs);
        assert_eq!(find(&listed, &id), &expected, "in a query");
        assert_eq!(find(&results, &id), &expected, "in a job");
        let single = alpha.get(&format!("{ANALYTICS}/{id}/details")).await.expect(200);
        assert_eq!(single, expected, "by its id");
        let among = alpha.get(&format!("{ANALYTICS}/details?id={id}")).await.expect(200);
        assert_eq!(among["conversations"], json!([expected]), "among ids");
        names += usize::from(expected.to_string().contains("participantName"));
        notes += usize::from(expected.to_string().contains("wrapUpNote"));
    }
    assert!(names > 0 && notes > 0, "own parts are shown: {names} {notes}");
    app.finish().await;
}

#[tokio::test]
async fn nothing_that_names_others_is_in_any_answer_about_a_shared_conversation() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut foreign = BTreeSet::new();
    for division in [BETA, GAMMA, HOME] {
        foreign.insert(division.to_owned());
        for kind in ["users", "queues"] {
            foreign.extend(owned(&app, division, kind));
        }
    }
    let mut answers = vec![alpha.post(DETAILS, &question()).await.expect(200), job(&alpha).await];
    let mut own_parts = 0;
    for id in shared(&app) {
        answers.push(alpha.get(&format!("{ANALYTICS}/{id}/details")).await.expect(200));
        let theirs = everything(&app, &format!("{ONE}/{id}"), None).await;
        let live = alpha.get(&format!("{ONE}/{id}")).await.expect(200);
        for (theirs, ours) in
            theirs["participants"].as_array().unwrap().iter().zip(live["participants"].as_array().unwrap())
        {
            for field in ["id", "purpose", "startTime", "endTime"] {
                assert_eq!(ours[field], theirs[field], "{field}");
            }
            for hidden in ["ani", "dnis", "address", "attributes", "teamId"] {
                assert!(ours.get(hidden).is_none(), "{hidden}: {ours}");
            }
            if let Some(user) = ours["userId"].as_str() {
                assert!(owned(&app, ALPHA, "users").contains(user));
                assert_eq!((&ours["name"], &ours["wrapup"]), (&theirs["name"], &theirs["wrapup"]));
                own_parts += 1;
            } else if !ours["queueId"].is_string() {
                assert!(ours.get("name").is_none() && ours.get("wrapup").is_none(), "{ours}");
            }
        }
        answers.push(live);
    }
    assert!(own_parts > 0);
    for answer in answers {
        let told = answer.to_string();
        let named: Vec<_> = foreign.iter().filter(|id| told.contains(id.as_str())).collect();
        assert!(named.is_empty(), "{named:?} in {answer}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_tenant_can_have_stubs_instead_and_change_its_mind() {
    let app = TestApp::start().await;
    let alpha = app.tenant_with("alpha", &[ALPHA], json!({"cross_division": "stub"})).await;
    let id = shared(&app).remove(0);
    let path = format!("{ANALYTICS}/{id}/details");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let stub = ["conversationId", "conversationStart", "conversationEnd"];
    assert_eq!(keys(&alpha.get(&path).await.expect(200)), stub);
    let change = json!({"cross_division": "redact"});
    let changed = app.admin().patch("/tenants/alpha", &change).await.expect(200);
    assert_eq!(changed["cross_division"], "redact");
    assert!(alpha.get(&path).await.expect(200)["participants"].is_array());
    app.finish().await;
}

/// Whose the parts are is read where there are such parts, and kept: most pages cost one exchange.
#[tokio::test]
async fn a_page_without_shared_conversations_costs_one_exchange() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = conversations(&app, ALPHA).into_iter().find(|(_, with)| with.is_none()).unwrap().0;
    alpha.get(&format!("{ANALYTICS}/{own}/details")).await.expect(200);
    assert_eq!(sent(&app).len(), 1);
    app.simulator.organisation().clear_calls();
    let shared = shared(&app).remove(0);
    for expected in [4, 5] {
        alpha.get(&format!("{ANALYTICS}/{shared}/details")).await.expect(200);
        assert_eq!(sent(&app).len(), expected, "users, queues and flows are read once");
    }
    app.finish().await;
}

/// Without the permission to read users there are no own users: less is shown, and nothing is refused.
#[tokio::test]
async fn where_it_cannot_be_told_whose_a_part_is_it_is_nobodys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let refused = |path: &str| {
        let below = Match { method: None, path_prefix: Some(path.to_owned()) };
        Rule::new(below, Fault::Status { status: 403, retry_after: None }, None)
    };
    app.simulator.organisation().set_faults([SEARCH, QUEUES, "/api/v2/flows"].map(refused).into());
    for id in shared(&app) {
        let shown = alpha.get(&format!("{ANALYTICS}/{id}/details")).await.expect(200);
        assert!(shown["participants"].is_array());
        for hidden in ["userId", "queueId", "participantName", "wrapUpNote", "metrics"] {
            assert!(!shown.to_string().contains(hidden), "{hidden}: {shown}");
        }
    }
    app.finish().await;
}

/// What of a shared conversation others said or heard is given to nobody: its recordings, transcripts, messages, summaries.
#[tokio::test]
async fn what_is_below_a_shared_conversation_is_missing_and_is_not_asked_for() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (shared, catalog) = (shared(&app).remove(0), Catalog::embedded().unwrap());
    let mut families = BTreeSet::new();
    for operation in catalog.operations() {
        let Narrowing::Owned { name, entity: Some(Entity::Conversation), .. } = &operation.narrowing else {
            continue;
        };
        if operation.method != "GET" {
            continue;
        }
        let path = operation.path.replace(&format!("{{{name}}}"), &shared);
        let path: Vec<_> =
            path.split('/').map(|part| if part.starts_with('{') { NOBODY } else { part }).collect();
        app.simulator.organisation().clear_calls();
        assert_refused(&alpha.get(&path.join("/")).await, 404, "not.found");
        let asked = sent(&app).into_iter().map(|(line, _)| line);
        assert!(asked.into_iter().all(|line| line == format!("GET {ONE}/{shared}")), "{}", operation.id);
        families.insert(catalog.api().operation(&operation.id).unwrap().family);
    }
    let named: BTreeSet<_> = families.iter().map(ToString::to_string).collect();
    for family in ["Recording", "Speech & Text Analytics", "Conversations", "Quality"] {
        assert!(named.contains(family), "{family} is not among {named:?}");
    }
    app.finish().await;
}
