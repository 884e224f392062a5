//! Who may do what: every template and every enabled operation of the catalog, on one page that is read in review.

use std::{fmt::Write, sync::Arc};

use ringfence::{
    catalog::Catalog,
    policy::{Engine, Principal},
};

use super::{A, attributes, division, key, tenant};

const GOLDEN: &str = include_str!("matrix.txt");

/// What a caller is, beside its template.
#[derive(Clone, Copy, PartialEq)]
enum Persona {
    Plain,
    ReadOnlyKey,
    Suspended,
}

/// `✔ full-access.all`: the decision and the policies that made it; `✘` alone: no policy permits it.
fn cell(engine: &Arc<Engine>, template: &str, persona: Persona, operation: &str) -> String {
    let mut tenant = tenant(template);
    tenant.suspended = persona == Persona::Suspended;
    let mut key = key(&tenant);
    key.read_only = persona == Persona::ReadOnlyKey;
    let policies = engine.tenant(&tenant, None).unwrap();
    let principal = Principal { tenant: &tenant, key: &key };
    let decision = policies.decide(principal, operation, &[division(A)], &attributes());
    assert_eq!(decision.errors, Vec::<String>::new());
    let mark = if decision.divisions.is_empty() { "✘" } else { "✔" };
    format!("{mark} {}", decision.policies.join(" ")).trim_end().to_owned()
}

#[test]
fn who_may_do_what_is_as_it_was_reviewed() {
    let catalog = Catalog::embedded().unwrap();
    let engine = Arc::new(Engine::new(&catalog.actions()).unwrap());
    let mut personas: Vec<_> =
        engine.templates().into_iter().map(|template| (template.clone(), template, Persona::Plain)).collect();
    for (name, persona) in [("read-only key", Persona::ReadOnlyKey), ("suspended", Persona::Suspended)] {
        personas.push((format!("full-access, {name}"), "full-access".to_owned(), persona));
    }
    let mut table = String::new();
    for (name, template, persona) in &personas {
        writeln!(table, "{name}").unwrap();
        for operation in catalog.operations() {
            writeln!(table, "  {:<40} {}", operation.id, cell(&engine, template, *persona, &operation.id))
                .unwrap();
        }
        table.push('\n');
    }
    if std::env::var_os("RINGFENCE_WRITE_DOCUMENTS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/policy/matrix.txt");
        return std::fs::write(file, format!("{}\n", table.trim_end())).unwrap();
    }
    let differs = table.lines().zip(GOLDEN.lines()).find(|(now, reviewed)| now != reviewed);
    assert!(
        table.trim_end() == GOLDEN.trim_end(),
        "who may do what has changed, first at {differs:?}; run this test with RINGFENCE_WRITE_DOCUMENTS=1 set and review it"
    );
}
