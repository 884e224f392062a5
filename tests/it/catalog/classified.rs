//! Every operation of the Genesys API is looked at: enabled, or denied with a reason that a tenant can read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use futures_util::{StreamExt, stream};
use reqwest::Method;
use ringfence::catalog::{Catalog, DeniedCode, Entry};
use serde_json::Value;

use crate::support::{
    app::TestApp,
    command::{run, stderr, stdout},
};

const SOMEONE: &str = "0b0d1e00-0000-4000-8000-000000000404";
const AT_ONCE: usize = 16;

#[test]
fn no_operation_of_the_api_is_unclassified() {
    let coverage = Catalog::embedded().unwrap().coverage();
    assert_eq!(coverage.unclassified, 0, "{:#?}", coverage.families);
    assert_eq!(coverage.operations, 3355);
    assert_eq!(coverage.enabled + coverage.denied, coverage.operations);
    assert!(coverage.enabled > 600, "{}", coverage.enabled);
}

#[test]
fn what_nobody_looked_at_is_counted_and_named() {
    let few =
        "[[denied]]\ncode = \"personal\"\nreason = \"a test\"\noperations = [\"getTeams\", \"getTeam\"]";
    let catalog = Catalog::from_files(&[("teams.toml", few)]).unwrap();
    assert_eq!(catalog.missing("postTeams"), "operation `postTeams` in the catalog: it is unclassified");
    let coverage = catalog.coverage();
    assert_eq!((coverage.enabled, coverage.denied, coverage.unclassified), (0, 2, 3353));
    let teams = coverage.families.iter().find(|family| family.family == "Teams").unwrap();
    assert_eq!((teams.operations, teams.denied.values().sum::<usize>(), teams.unclassified.len()), (9, 2, 7));
    assert!(teams.unclassified.contains(&"postTeams") && !teams.unclassified.contains(&"getTeams"));
}

/// The query that a job's operations follow from.
fn query_of(id: &str) -> Option<String> {
    let name = ["post", "get", "delete"].iter().find_map(|method| id.strip_prefix(method))?;
    let name = ["Jobs", "JobResults", "Job"].iter().find_map(|ending| name.strip_suffix(ending))?;
    Some(format!("post{name}Query"))
}

/// So that who looks for a family finds it.
#[test]
fn each_operation_stands_in_the_file_of_its_family() {
    let catalog = Catalog::embedded().unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/operations");
    let mut texts = BTreeMap::new();
    for operation in catalog.describe() {
        let Some(family) = operation["family"].as_str() else { continue };
        let words = family.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        let file = format!("{}.toml", words.collect::<Vec<_>>().join("-").to_lowercase());
        let text = texts
            .entry(file.clone())
            .or_insert_with(|| fs::read_to_string(files.join(&file)).unwrap_or_default());
        let id = operation["id"].as_str().unwrap();
        let stands = |id: &str| text.contains(&format!("\"{id}\""));
        assert!(
            stands(id) || query_of(id).is_some_and(|query| stands(&query)),
            "{id} does not stand in {file}"
        );
    }
}

#[tokio::test]
async fn every_denied_operation_is_denied_to_everyone_and_says_why() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let all = Catalog::embedded().unwrap().describe();
    let denied: Vec<_> = all.iter().filter(|entry| entry["enabled"] == false).collect();
    assert!(denied.len() > 2000);
    let refusals = denied.iter().map(|entry| {
        let alpha = &alpha;
        async move {
            let method: Method = entry["method"].as_str().unwrap().parse().unwrap();
            let path = filled(entry["path"].as_str().unwrap());
            let answer = alpha.send(alpha.request(method.clone(), &path)).await;
            assert_eq!(answer.status, 403, "{entry}");
            // What answers a HEAD has no body.
            if method != Method::HEAD {
                assert_eq!(answer.body["code"], "ringfence.operation_denied", "{entry}");
                assert_eq!(answer.body["message"], entry["reason"]);
            }
            (answer.headers["inin-correlation-id"].to_str().unwrap().to_owned(), entry["id"].clone())
        }
    });
    let refused: BTreeMap<String, Value> = stream::iter(refusals).buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(refused.len(), denied.len());
    let mut named = 0;
    for event in app.find_events("outcome=ringfence.operation_denied").await {
        if let Some(id) = refused.get(event["id"].as_str().unwrap()) {
            assert_eq!(event["operation"], *id);
            named += 1;
        }
    }
    assert_eq!(named, denied.len());
    assert_eq!(app.simulator.organisation().calls().len(), 0);
    app.finish().await;
}

/// The path of a template, with an id in each place.
fn filled(template: &str) -> String {
    let segments =
        template.split('/').map(|segment| if segment.starts_with('{') { SOMEONE } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Each leads to its own operation: parameters' names differ, and fixed words stand where others have an id.
#[test]
fn every_operation_is_found_by_its_method_and_path_with_the_names_of_its_parameters() {
    let catalog = Catalog::embedded().unwrap();
    for operation in catalog.describe() {
        let (method, template) = (operation["method"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let path = filled(template);
        let found = catalog.find(method, &path).unwrap();
        assert_eq!(found.entry.id(), operation["id"], "{method} {path}");
        let names = template.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let expected: Vec<_> = names.map(|name| (name.to_owned(), SOMEONE)).collect();
        assert_eq!(found.parameters, expected, "{method} {path}");
    }
}

/// `use GET /api/v2/users/{userId}` sends nobody to another closed door.
#[test]
fn what_a_reason_names_instead_is_enabled() {
    let catalog = Catalog::embedded().unwrap();
    let mut named = 0;
    for denied in catalog.describe().iter().filter(|entry| entry["enabled"] == false) {
        let words: Vec<_> = denied["reason"].as_str().unwrap().split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[1].starts_with('/')) {
            let (method, path) = (pair[0], pair[1].trim_end_matches([';', ',']));
            if method.chars().all(|letter| letter.is_ascii_uppercase()) {
                let found = catalog.find(method, path);
                assert!(matches!(found.unwrap().entry, Entry::Enabled(_)), "{denied}");
                named += 1;
            }
        }
    }
    assert!(named > 10, "reasons name operations in another form: {named}");
}

#[test]
fn every_kind_of_reason_is_explained() {
    let coverage = Catalog::embedded().unwrap().coverage();
    let mut used: BTreeSet<_> = coverage.families.iter().flat_map(|family| family.denied.keys()).collect();
    // What no file says.
    used.insert(&DeniedCode::Changed);
    let used: BTreeSet<_> = used.into_iter().map(|code| format!("| `{}` |", code.as_str())).collect();
    let operators =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operators.md")).unwrap();
    let (_, section) = operators.split_once("\n| denied as |").unwrap();
    let rows = section.lines().skip(2).take_while(|line| line.starts_with('|'));
    let explained: BTreeSet<_> = rows.map(|row| row[..row[1..].find('|').unwrap() + 2].to_owned()).collect();
    assert_eq!(explained, used);
}

#[test]
fn the_command_line_counts_what_is_classified() {
    let json = run(&["catalog", "coverage", "--json"]);
    let coverage: Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(coverage, serde_json::to_value(Catalog::embedded().unwrap().coverage()).unwrap());
    let table = stdout(&run(&["catalog", "coverage"]));
    let families: BTreeSet<_> = coverage["families"]
        .as_array()
        .unwrap()
        .iter()
        .map(|family| family["family"].as_str().unwrap())
        .collect();
    for family in families {
        assert!(table.contains(family), "{family}: {table}");
    }
    let sums = ["operations", "enabled", "denied", "unclassified"].map(|name| coverage[name].to_string());
    let last: Vec<_> = table.lines().last().unwrap().split_whitespace().collect();
    assert_eq!(last, [&["all".to_owned()], &sums[..]].concat());
}

#[test]
fn the_command_line_shows_an_operation() {
    let shown = stdout(&run(&["catalog", "show", "getUserQueues"]));
    for told in [
        "getUserQueues  GET /api/v2/users/{userId}/queues",
        "family    Routing",
        "narrowed  division_query (",
        "parameter: divisionId",
        "guarded   list (",
        "query     pageSize (is: integer, min: 1, max: 100)",
        "why       the user must be the tenant's own",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let denied = stdout(&run(&["catalog", "show", "postOauthClients"]));
    assert!(denied.contains("denied    credentials: credentials of the whole organisation"), "{denied}");
    let json: Value =
        serde_json::from_str(&stdout(&run(&["catalog", "show", "getUsers", "--json"]))).unwrap();
    let described = Catalog::embedded().unwrap().describe();
    assert_eq!(json, *described.iter().find(|operation| operation["id"] == "getUsers").unwrap());
}

#[test]
fn a_misspelt_operation_is_answered_with_what_may_have_been_meant() {
    let missing = run(&["catalog", "show", "getuserqueue"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("there is no operation `getuserqueue`; did you mean `getUserQueues`"));
    let nothing = run(&["catalog", "show", "?"]);
    assert!(stderr(&nothing).trim().ends_with("there is no operation `?`"), "{}", stderr(&nothing));
}
