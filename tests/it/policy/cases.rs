//! `policies/tests/*.json`: request, decision, expected reasons.

use std::{collections::BTreeSet, fs, net::IpAddr, path::Path};

use chrono::{DateTime, Utc};
use ringfence::policy::{Attributes, Principal};
use serde::Deserialize;

use super::{A, B, FOREIGN, division, engine, key, own, tenant};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    template: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    own: Option<String>,
    request: Request,
    decision: String,
    /// What is given; left out: all asked for when allowed, none when denied.
    divisions: Option<Vec<String>>,
    reasons: Vec<String>,
    #[serde(default)]
    errors: usize,
    #[serde(default)]
    masks: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    operations: Vec<String>,
    divisions: Option<Vec<String>>,
    #[serde(default)]
    suspended: bool,
    #[serde(default)]
    read_only_key: bool,
    source: Option<IpAddr>,
    time: Option<DateTime<Utc>>,
    page_size: Option<i64>,
    interval_seconds: Option<i64>,
    #[serde(default)]
    ids: Vec<String>,
    #[serde(default)]
    metrics: Vec<String>,
    #[serde(default)]
    group_by: Vec<String>,
    #[serde(default)]
    expand: Vec<String>,
}

#[test]
fn every_case_in_policies_tests_is_decided_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests");
    let mut templates = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: File = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(!file.cases.is_empty(), "{} has no cases", path.display());
        for case in &file.cases {
            check(&file.template, case);
        }
        templates.insert(file.template);
    }
    assert_eq!(Vec::from_iter(templates), engine().templates(), "every template has its cases");
}

fn check(template: &str, case: &Case) {
    let engine = engine();
    let mut tenant = tenant(template);
    tenant.suspended = case.request.suspended;
    let mut key = key(&tenant);
    key.read_only = case.request.read_only_key;
    let policies = engine.tenant(&tenant, case.own.as_deref().map(own).as_ref()).unwrap();
    let asked = case.request.divisions.clone().unwrap_or_else(|| vec!["a".to_owned(), "b".to_owned()]);
    let given = match (case.decision.as_str(), &case.divisions) {
        ("allow", Some(divisions)) => divisions.clone(),
        ("allow", None) => asked.clone(),
        ("deny", None) => Vec::new(),
        other => panic!("{}: not a decision: {other:?}", case.name),
    };
    for operation in &case.request.operations {
        let principal = Principal { tenant: &tenant, key: &key };
        let decision = policies.decide(principal, operation, &ids(&asked), &told(&case.request));
        let place = format!("{template}: {}: {operation}: {decision:?}", case.name);
        assert_eq!(decision.divisions, ids(&given), "{place}");
        assert_eq!(decision.policies, case.reasons, "{place}");
        assert_eq!(decision.errors.len(), case.errors, "{place}");
        assert_eq!(decision.masks.to_string(), case.masks.join(", "), "{place}");
    }
}

fn ids(names: &[String]) -> Vec<ringfence::model::DivisionId> {
    let id = |name: &str| match name {
        "a" => A,
        "b" => B,
        "foreign" => FOREIGN,
        other => panic!("no division is called {other}"),
    };
    names.iter().map(|name| division(id(name))).collect()
}

fn told(request: &Request) -> Attributes {
    Attributes {
        source: request.source,
        time: request.time.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
        page_size: request.page_size,
        interval_seconds: request.interval_seconds,
        ids: request.ids.clone(),
        metrics: request.metrics.clone(),
        group_by: request.group_by.clone(),
        expand: request.expand.clone(),
    }
}
