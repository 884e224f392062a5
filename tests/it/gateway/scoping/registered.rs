//! What carries no division: groups, by whom they were made and to whom they were given.

use std::collections::BTreeSet;

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, Match, Rule};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, eventually, everything, facts, set, text,
};
use crate::support::app::{TenantClient, TestApp};

const GROUPS: &str = "/api/v2/groups";

fn groups(app: &TestApp, division: &str) -> Vec<String> {
    let all = app.simulator.organisation().things(GROUPS);
    all.into_iter().filter(|(_, of)| *of == Some(division)).map(|(id, _)| id).collect()
}

fn user(app: &TestApp, division: &str) -> String {
    text(&facts(app, division)["users"][0])
}

async fn give(app: &TestApp, tenant: &str, id: &str) {
    let named = json!({"entity": "group", "id": id, "reason": "theirs"});
    app.admin().post(&format!("/tenants/{tenant}/registry"), &named).await.expect(201);
}

async fn listed(client: &TenantClient) -> BTreeSet<String> {
    set(&client.get(GROUPS).await.expect(200)["entities"], "id")
}

fn new(name: &str) -> Value {
    json!({"name": name, "type": "official", "rulesVisible": true, "visibility": "public"})
}

async fn make(client: &TenantClient, name: &str) -> String {
    text(&client.post(GROUPS, &new(name)).await.expect(200)["id"])
}

#[tokio::test]
async fn a_group_is_there_for_whom_it_was_given_to_and_for_nobody_else() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let own = groups(&app, ALPHA)[0].clone();
    assert_eq!(listed(&alpha).await, BTreeSet::new());
    let before = alpha.get(&format!("{GROUPS}/{own}")).await;
    give(&app, "alpha", &own).await;
    app.simulator.organisation().clear_calls();
    let missing = beta.get(&format!("{GROUPS}/{NOBODY}")).await;
    assert_alike(&beta.get(&format!("{GROUPS}/{own}")).await, &missing);
    assert!(app.simulator.organisation().calls().is_empty(), "nothing is asked about what is not there");
    assert_alike(&before, &alpha.get(&format!("{GROUPS}/{NOBODY}")).await);

    assert_eq!(listed(&alpha).await, BTreeSet::from([own.clone()]));
    assert_eq!(listed(&beta).await, BTreeSet::new());
    let shown = alpha.get(&format!("{GROUPS}/{own}")).await.expect(200);
    assert_eq!((text(&shown["id"]), &shown["memberCount"]), (own.clone(), &Value::Null));
    let named = alpha.get(&format!("{GROUPS}?id={own}&id={NOBODY}")).await.expect(200);
    assert_eq!((set(&named["entities"], "id"), &named["total"]), (BTreeSet::from([own]), &1.into()));
    app.finish().await;
}

#[tokio::test]
async fn what_a_tenant_makes_is_its_own_at_once_and_ends_with_it() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    assert_eq!(listed(&alpha).await, BTreeSet::new(), "a list that is kept for a minute");
    let made = make(&alpha, "Alpha Circle").await;
    assert_eq!(listed(&alpha).await, BTreeSet::from([made.clone()]));
    let path = format!("{GROUPS}/{made}");
    assert_eq!(alpha.get(&path).await.expect(200)["name"], "Alpha Circle");
    for method in [Method::GET, Method::DELETE] {
        assert_refused(&beta.send(beta.request(method, &path)).await, 404, "not.found");
    }
    let registered = app.admin().get("/tenants/alpha/registry").await.expect(200);
    assert_eq!(registered["registrations"][0]["came"], "made");
    assert_eq!(registered["registrations"][0]["author"], alpha.client_id);

    let change = json!({"name": "Renamed", "version": 1});
    let changed = alpha.send(alpha.request(Method::PUT, &path).json(&change)).await.expect(200);
    assert_eq!(changed["name"], "Renamed");
    alpha.send(alpha.request(Method::DELETE, &path)).await.expect(204);
    assert_refused(&alpha.get(&path).await, 404, "not.found");
    assert_eq!(listed(&alpha).await, BTreeSet::new());
    let registered = app.admin().get("/tenants/alpha/registry").await.expect(200);
    assert_eq!(registered["registrations"], json!([]));
    for operation in ["registry.make", "registry.delete"] {
        let events = app.find_events(&format!("tenant=alpha&operation={operation}")).await;
        assert_eq!((events.len(), &events[0]["key_id"]), (1, &json!(alpha.client_id)), "{operation}");
        assert_eq!(events[0]["id"], made);
    }
    app.finish().await;
}

#[tokio::test]
async fn members_and_owners_are_the_tenants_own_users() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = groups(&app, ALPHA)[0].clone();
    give(&app, "alpha", &own).await;
    let (mine, theirs) = (user(&app, ALPHA), user(&app, BETA));
    let members = format!("{GROUPS}/{own}/members");
    for path in [&members, &format!("{GROUPS}/{own}/individuals")] {
        let all = everything(&app, path, None).await;
        let shown = alpha.get(path).await.expect(200);
        let known: BTreeSet<_> = facts(&app, ALPHA)["users"].as_array().unwrap().iter().map(text).collect();
        let (all, shown) = (set(&all["entities"], "id"), set(&shown["entities"], "id"));
        assert!(!shown.is_empty() && shown.is_subset(&known) && shown.len() < all.len(), "{shown:?} {all:?}");
    }
    let add = async |id: &str| alpha.post(&members, &json!({"memberIds": [id], "version": 1})).await;
    assert!(add(&mine).await.status.is_success());
    assert_alike(&add(&theirs).await, &add(NOBODY).await);
    let remove =
        async |id: &str| alpha.send(alpha.request(Method::DELETE, &format!("{members}?ids={id}"))).await;
    assert!(remove(&mine).await.status.is_success());
    assert_alike(&remove(&theirs).await, &remove(NOBODY).await);
    let owned = |id: &str| {
        let mut group = new("Owned");
        group["ownerIds"] = json!([id]);
        group
    };
    let (foreign, missing) =
        (alpha.post(GROUPS, &owned(&theirs)).await, alpha.post(GROUPS, &owned(NOBODY)).await);
    assert_alike(&foreign, &missing);
    alpha.post(GROUPS, &owned(&mine)).await.expect(200);
    let mut roles = new("Roles");
    roles["rolesEnabled"] = true.into();
    assert_refused(&alpha.post(GROUPS, &roles).await, 400, "ringfence.body_unknown_field");
    app.finish().await;
}

#[tokio::test]
async fn a_user_shows_the_groups_that_are_the_tenants_and_no_others() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mine = user(&app, ALPHA);
    let one = format!("/api/v2/users/{mine}?expand=groups");
    let group = everything(&app, &one, None).await["groups"][0].clone();
    let list = "/api/v2/users?pageSize=100&expand=groups";
    let search = json!({"query": [{"type": "MATCH_ALL"}], "pageSize": 100, "expand": ["groups"]});
    let shown = async || {
        let found = [
            alpha.get(list).await.expect(200)["entities"].clone(),
            alpha.post("/api/v2/users/search", &search).await.expect(200)["results"].clone(),
            json!([alpha.get(&one).await.expect(200)]),
        ];
        let groups = found.into_iter().map(|users| {
            let users = users.as_array().unwrap().iter();
            users.flat_map(|user| user["groups"].as_array().unwrap().clone()).collect::<Vec<_>>()
        });
        groups.collect::<Vec<_>>()
    };
    assert!(shown().await.iter().all(Vec::is_empty));
    give(&app, "alpha", &text(&group["id"])).await;
    let shown = shown().await;
    let reference = json!({
        "id": group["id"], "name": group["name"], "type": group["type"], "selfUri": group["selfUri"],
    });
    assert_eq!(shown[2], std::slice::from_ref(&reference));
    for groups in shown {
        assert!(!groups.is_empty() && groups.iter().all(|one| *one == reference), "{groups:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_taken_is_gone_for_the_tenant_and_stays_in_genesys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = groups(&app, ALPHA)[0].clone();
    give(&app, "alpha", &own).await;
    let path = format!("{GROUPS}/{own}");
    alpha.get(&path).await.expect(200);
    let named = json!({"entity": "group", "id": own, "reason": "by mistake"});
    app.admin().post("/tenants/alpha/registry/take", &named).await.expect(200);
    assert_refused(&alpha.get(&path).await, 404, "not.found");
    assert_refused(&alpha.send(alpha.request(Method::DELETE, &path)).await, 404, "not.found");
    assert_eq!(text(&everything(&app, &path, None).await["id"]), own);
    let app = app.restart().await;
    assert_refused(&app.again(&alpha).get(&path).await, 404, "not.found");
    give(&app, "alpha", &own).await;
    app.again(&alpha).get(&path).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn what_genesys_did_not_make_is_not_registered_and_what_it_does_not_name_is_unknown() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let posts = || Match { method: Some("POST".to_owned()), path_prefix: Some(GROUPS.to_owned()) };
    let organisation = app.simulator.organisation();
    organisation.set_faults(vec![Rule::new(posts(), Fault::Malformed, None)]);
    let unknown = alpha.post(GROUPS, &new("Unnamed")).await;
    assert_refused(&unknown, 502, "ringfence.effect_unknown");
    organisation.set_faults(Vec::new());
    let refused = alpha.post(GROUPS, &json!({"name": "Incomplete"})).await;
    assert_eq!(refused.status, 400, "{refused:?}");
    let registered = app.admin().get("/tenants/alpha/registry").await.expect(200);
    assert_eq!(registered["registrations"], json!([]));
    app.finish().await;
}

#[tokio::test]
async fn a_change_of_its_state_deletes_no_group() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("{GROUPS}/{}", make(&alpha, "Kept").await);
    app.simulator.organisation().clear_calls();
    for state in ["deleted", "inactive", "active"] {
        let change = json!({"name": "Kept", "version": 1, "state": state});
        let refused = alpha.send(alpha.request(Method::PUT, &path).json(&change)).await;
        assert_refused(&refused, 400, "ringfence.body_unknown_field");
    }
    let changes = |call: &Value| call["method"] != "GET";
    assert!(!app.simulator.organisation().calls().iter().any(changes));
    alpha.get(&path).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn an_id_in_another_spelling_names_no_group() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let made = make(&alpha, "Spelled").await;
    app.simulator.organisation().clear_calls();
    for other in [made.to_uppercase(), made.replace('-', ""), format!("urn:uuid:{made}")] {
        for method in [Method::GET, Method::DELETE] {
            let path = format!("{GROUPS}/{other}");
            assert_refused(&alpha.send(alpha.request(method, &path)).await, 404, "not.found");
        }
    }
    assert!(app.simulator.organisation().calls().is_empty());
    assert_eq!(listed(&alpha).await, BTreeSet::from([made]));
    app.finish().await;
}

#[tokio::test]
async fn what_was_made_is_told_also_where_it_cannot_be_read_anew() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(GROUPS).await.expect(200);
    app.database().execute("ALTER TABLE policy RENAME TO gone").await;
    let made = make(&alpha, "Told").await;
    app.database().execute("ALTER TABLE gone RENAME TO policy").await;
    let path = format!("{GROUPS}/{made}");
    eventually("it is the tenant's", async || (alpha.get(&path).await.status == 200).then_some(())).await;
    app.finish().await;
}

#[tokio::test]
async fn a_list_asks_for_what_is_the_tenants_and_for_nothing_else() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let organisation = app.simulator.organisation();
    organisation.clear_calls();
    let none = alpha.get(GROUPS).await.expect(200);
    assert_eq!((&none["entities"], &none["total"]), (&json!([]), &0.into()));
    assert!(organisation.calls().is_empty(), "there is nothing to be asked for");

    let mut made = BTreeSet::new();
    for name in ["gamma", "Beta", "alpha"] {
        made.insert(make(&alpha, name).await);
    }
    // Those that Genesys has no more are asked for too, so that these take more than one page.
    for _ in 0..120 {
        give(&app, "alpha", &uuid::Uuid::new_v4().to_string()).await;
    }
    organisation.clear_calls();
    let names = async |query: &str| -> Vec<String> {
        let page = alpha.get(&format!("{GROUPS}?{query}")).await.expect(200);
        assert_eq!(page["total"], 3, "{page}");
        page["entities"].as_array().unwrap().iter().map(|group| text(&group["name"])).collect()
    };
    assert_eq!(names("").await, ["alpha", "Beta", "gamma"]);
    assert_eq!(names("pageSize=2&pageNumber=2").await, ["gamma"]);
    let calls = organisation.calls();
    let asked: Vec<_> = calls.iter().map(|call| text(&call["path"]).matches("id=").count()).collect();
    assert_eq!(asked, [100, 23], "{calls:?}");
    assert_eq!(names("sortOrder=desc").await, ["gamma", "Beta", "alpha"]);
    assert_eq!(listed(&alpha).await, made);
    app.finish().await;
}
