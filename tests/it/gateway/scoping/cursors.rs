//! Lists whose pages cursors turn: what leads to the next page is handed out sealed.

use std::collections::BTreeSet;

use ringfence::{
    catalog::Catalog,
    simulator::{ALPHA, BETA, Fault},
};
use serde_json::{Value, json};

use super::super::organisation::{
    assert_alike, assert_refused, disturb_below, each, event, eventually, sent, text,
};
use crate::support::app::{TenantClient, TestApp};

const SCAN: &str = "/api/v2/externalcontacts/scan/contacts";

/// All pages of a list, by the cursors and by the links, which must lead to the same.
async fn pages(tenant: &TenantClient, first: &str) -> Vec<Value> {
    let (mut pages, mut next) = (Vec::new(), first.to_owned());
    loop {
        let page = tenant.get(&next).await.expect(200);
        let (cursor, link) = (page["cursors"]["after"].as_str(), page["nextUri"].as_str());
        match (cursor, link) {
            (Some(cursor), Some(link)) => {
                assert_eq!(link, format!("{first}&cursor={cursor}"));
                link.clone_into(&mut next);
                pages.push(page);
            }
            (None, None) => {
                pages.push(page);
                return pages;
            }
            _ => panic!("{page}"),
        }
    }
}

fn own(app: &TestApp, path: &str, division: &str) -> BTreeSet<String> {
    let things = app.simulator.organisation().things(path);
    things.into_iter().filter(|(_, of)| *of == Some(division)).map(|(id, _)| id).collect()
}

#[tokio::test]
async fn a_scan_shows_all_that_is_the_tenants_own_page_by_page_and_no_cursor_of_genesys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let pages = pages(&alpha, &format!("{SCAN}?limit=1")).await;
    assert!(pages.len() > 1);
    let found: Vec<_> = pages.iter().flat_map(|page| each(&page["entities"], "id")).collect();
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), own(&app, SCAN, ALPHA));
    assert_eq!(found.len(), pages.len());
    let mut raw = 0;
    for (line, _) in sent(&app) {
        assert!(line.contains(&format!("divisionId={ALPHA}")), "{line}");
        if let Some((_, cursor)) = line.split_once("cursor=") {
            raw += 1;
            let cursor = cursor.split('&').next().unwrap();
            assert!(!json!(pages).to_string().contains(cursor));
        }
    }
    assert_eq!(raw, pages.len() - 1);
    app.finish().await;
}

#[tokio::test]
async fn a_scan_is_of_one_division() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    assert_refused(&pair.get(SCAN).await, 400, "ringfence.division_missing");
    assert_refused(
        &pair.get(&format!("{SCAN}?divisionId=c3c3c3c3-0000-4000-8000-00000000000c")).await,
        403,
        "ringfence.division_not_permitted",
    );
    assert_eq!(sent(&app), []);
    let found = pages(&pair, &format!("{SCAN}?divisionId={BETA}&limit=1")).await;
    let found: BTreeSet<_> = found.iter().flat_map(|page| each(&page["entities"], "id")).collect();
    assert_eq!(found, own(&app, SCAN, BETA));
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_opens_for_whom_and_where_it_was_handed_out_alone() {
    let app = TestApp::start().await;
    let (pair, beta) = (app.tenant("pair", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let first = pair.get(&format!("{SCAN}?limit=1")).await.expect(200);
    let cursor = text(&first["cursors"]["after"]);
    pair.get(&format!("{SCAN}?limit=1&cursor={cursor}")).await.expect(200);
    let (line, _) = sent(&app).pop().unwrap();
    let raw = line.split("cursor=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    app.simulator.organisation().clear_calls();
    let missing = pair.get(&format!("{SCAN}?limit=1&cursor=nothing")).await;
    assert_refused(&missing, 404, "not.found");
    for (what, client, path, sent) in [
        ("raw", &pair, SCAN, &raw),
        ("altered", &pair, SCAN, &cursor[1..].to_owned()),
        ("another tenant's", &beta, SCAN, &cursor),
        ("another list's", &pair, "/api/v2/externalcontacts/scan/notes", &cursor),
    ] {
        let closed = client.get(&format!("{path}?limit=1&cursor={sent}")).await;
        assert_alike(&closed, &missing);
        assert_eq!(event(&app, &closed).await["outcome"]["withheld"], "handle_unreadable", "{what}");
    }
    assert_eq!(sent(&app), [], "nothing of it was asked for");
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_from_before_a_division_was_withdrawn_leads_nowhere() {
    let app = TestApp::start().await;
    let pair = app.tenant("pair", &[ALPHA, BETA]).await;
    let path = format!("{SCAN}?limit=1&divisionId={BETA}");
    let cursor = text(&pair.get(&path).await.expect(200)["cursors"]["after"]);
    app.admin().patch("/tenants/pair", &json!({ "division_ids": [ALPHA] })).await.expect(200);
    eventually("the division is withdrawn", async || (pair.get(&path).await.status == 403).then_some(()))
        .await;
    let missing = pair.get(&format!("{SCAN}?limit=1&cursor=nothing")).await;
    let closed = pair.get(&format!("{SCAN}?limit=1&cursor={cursor}")).await;
    assert_refused(&closed, 404, "not.found");
    assert_alike(&closed, &missing);
    app.finish().await;
}

#[tokio::test]
async fn foreign_contacts_among_those_of_a_scan_are_dropped_and_told_to_auditors() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb_below(&app, SCAN, Fault::Lie { division: None });
    let answer = alpha.get(&format!("{SCAN}?limit=200")).await;
    assert!(!answer.text.contains(BETA));
    let event = event(&app, &answer).await;
    assert!(event["outcome"]["violations"].as_u64().unwrap() > 0, "{event}");
    let found = answer.expect(200);
    let shown: BTreeSet<_> = each(&found["entities"], "id").into_iter().collect();
    assert!(shown.len() == 2 && shown.is_subset(&own(&app, SCAN, ALPHA)), "{shown:?}");
    app.finish().await;
}

/// Upstream's own pages hold what is others' too: the tenant's are counted over what is its own.
#[tokio::test]
async fn a_list_of_all_that_cursors_turn_is_read_whole_and_its_pages_are_the_tenants_own() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    for path in ["/api/v2/teams", "/api/v2/routing/skillgroups"] {
        app.simulator.organisation().clear_calls();
        let (mut found, mut next, mut sizes) = (Vec::new(), format!("{path}?pageSize=2"), Vec::new());
        let mut cursors = Vec::new();
        loop {
            let page = alpha.get(&next).await.expect(200);
            let ids = each(&page["entities"], "id");
            sizes.push(ids.len());
            found.extend(ids);
            assert!(page.as_object().unwrap().keys().all(|name| name == "entities" || name == "nextUri"));
            let Some(link) = page["nextUri"].as_str() else { break };
            cursors.push(link.split("after=").nth(1).unwrap().to_owned());
            link.clone_into(&mut next);
        }
        let own = own(&app, path, ALPHA);
        assert!(own.len() > 2);
        assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), own);
        assert_eq!((found.len(), &sizes[..sizes.len() - 1]), (own.len(), &vec![2; sizes.len() - 1][..]));
        // Read once, all of its pages; none of Genesys's cursors was shown.
        let asked = sent(&app);
        assert!(asked.len() > 2, "{asked:?}");
        for (line, _) in &asked[1..] {
            let raw = line.split("after=").nth(1).unwrap().split('&').next().unwrap();
            assert!(!cursors.iter().any(|cursor| cursor.contains(raw)));
            let closed = alpha.get(&format!("{path}?pageSize=2&after={raw}")).await;
            assert_refused(&closed, 404, "not.found");
        }
        let theirs = beta.get(&format!("{path}?pageSize=2&after={}", cursors[0])).await;
        assert_alike(&theirs, &beta.get(&format!("{path}?pageSize=2&after=2")).await);
        assert_refused(&theirs, 404, "not.found");
    }
    app.finish().await;
}

#[test]
fn an_entry_whose_cursor_would_tell_of_others_does_not_load() {
    const QUERY: &str = r#"{ way = "division_query", parameter = "divisionId", one = true }"#;
    const LIST: &str = r#"{ answer = "list", collection = "entities", shape = "A", foreign = "violation" }"#;
    const CURSOR: &str = r#"{ parameter = "cursor", at = "cursors.after" }"#;
    let loads = |narrowing: &str, guard: &str, cursor: &str| {
        let entry = format!(
            "[[operation]]\nid = \"getExternalcontactsScanContacts\"\ngroups = [\"reads\"]\nwhy = \"a test\"\n\
             narrowing = {narrowing}\nguard = {guard}\ncursor = {cursor}\n\
             [shape.A]\ndivision = \"division.id\"\nkeep = []\n[shape.B]\nkeep = [\"nextUri\"]\n"
        );
        Catalog::from_files(&[("a.toml", &entry)]).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(loads(QUERY, LIST, CURSOR), Ok(()));
    for keep in [r#"keep = ["cursors"]"#, r#"links = ["nextUri"]"#, r#"links = ["selfUri"]"#] {
        let guard = LIST.replace(" }", &format!(", {keep} }}"));
        assert!(loads(QUERY, &guard, CURSOR).unwrap_err().contains("as it is"), "{keep}");
    }
    let dropped = LIST.replace("violation", "drop");
    assert!(loads(QUERY, &dropped, CURSOR).unwrap_err().contains("length"));
    let open = r#"{ way = "open", reason = "so" }"#;
    let fields = r#"{ answer = "fields", shape = "B" }"#;
    assert!(loads(open, fields, CURSOR).unwrap_err().contains("whose"));
}
