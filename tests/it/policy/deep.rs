//! Sources made to exhaust: parser, validator and evaluator descend level by level on a thread's stack.

use std::{collections::HashSet, thread};

use ringfence::policy::PolicyError;

use super::{engine, tenant};

/// Half of what a worker thread has, so that there is room for the frames of a request.
const STACK_BYTES: usize = 1 << 20;

fn check(source: &str) -> Result<(), PolicyError> {
    let (engine, tenant) = (engine(), tenant("read-only"));
    let thread = thread::Builder::new().stack_size(STACK_BYTES);
    thread::scope(|scope| {
        let check = || {
            engine.check(&tenant, source, &HashSet::new())?;
            let own = super::own(source);
            let policies = engine.tenant(&tenant, Some(&own))?;
            let key = super::key(&tenant);
            let principal = ringfence::policy::Principal { tenant: &tenant, key: &key };
            let decision = policies.decide(principal, "getUsers", &tenant.division_ids, &super::attributes());
            assert_eq!(decision.divisions, tenant.division_ids, "{decision:?}");
            Ok(())
        };
        thread.spawn_scoped(scope, check).unwrap().join().unwrap()
    })
}

fn permit(condition: &str) -> String {
    format!("permit (principal, action, resource) when {{ {condition} }};")
}

#[test]
fn a_source_of_any_shape_is_answered() {
    let times = |text: &str, count: usize| text.repeat(count);
    for deep in [2_700, 400, 150] {
        for source in [
            permit(&format!("{}true{}", times("(", deep), times(")", deep))),
            permit(&format!("{}true", times("!", deep))),
            permit(&format!("1{}==1", times("-1", deep))),
            permit(&format!("true{}", times("&&true", deep))),
            permit(&format!("true{}", times("||true", deep))),
            permit(&format!("context{}", times(".a", deep))),
            permit(&format!("context{}", times("[\"\"]", deep))),
            permit(&format!("principal{} == 1", times("[\"a\"].b", deep))),
            permit(&format!("[1]{}", times(".contains(1)", deep))),
            permit(&format!("ip(\"::1\"){}", times(".isInRange(ip(\"::1\"))", deep))),
            permit(&format!("context{}", times(" has a", deep) + &times(".a", deep))),
            permit(&format!("true{}", times("&&!context has a", deep))),
            permit(&format!("1{} == 1", times("*1", deep))),
            permit(&format!("1{} == 1", times(" + 1", deep))),
            permit(&format!("true //\r{}\n", times("&& true", deep))),
            permit(&format!("1{}true{}", times("if true then 1", deep), times(" else true", deep))),
            format!("permit (principal, action, resource){};", times("when{true}", deep)),
            format!("permit (principal, action, resource){};", times("unless{false}\n", deep)),
            format!("permit (principal, action, resource){};", times("x{true}", deep)),
            permit(&format!("context{}", times("()", deep))),
            permit(&format!("true{}", times(" in principal", deep))),
            permit(&format!("\"a\"{}", times(" like \"a\"", deep))),
            permit(&format!("principal{}", times(" is Key", deep))),
            permit(&format!("principal is {}Key", times("a::", deep))),
            permit(&format!("true{}", times("==true", deep))),
            permit(&format!("1{}==1", times("%1", deep))),
            permit(&format!("{}true{}", times("if true then ", deep), times(" else true", deep))),
            permit(&format!("{}1{}.contains(1)", times("[", deep), times("]", deep))),
            permit(&format!("{}1{} == 1", times("{a:", deep), times("}", deep))),
            permit(&format!("\"\\\"\" == \"/\" {}", times("&& true // ;\n", deep))),
            format!("{}permit (principal, action, resource);", times("@a(\"b\")", deep)),
            times("permit (principal, action, resource);", deep.min(800)),
            times("(", deep),
            times("\"", deep),
            times("permit", deep),
        ] {
            let shown: String = source.chars().take(80).collect();
            assert!(check(&source).is_err(), "{shown}");
        }
    }
}

#[test]
fn what_is_just_not_too_deep_is_evaluated() {
    for source in [
        permit(&format!("{}true{}", "(".repeat(17), ")".repeat(17))),
        permit(&format!("true{}", " && true".repeat(118))),
        permit(&format!("{}true{}", "if true then ".repeat(118), " else true".repeat(118))),
        permit(&format!(
            "[{}\"x\"].contains(\"x\")",
            "\"(&&.((((((((((((((((((((((((((((((((\",".repeat(300)
        )),
        permit(&format!("[{}1].contains(1)", "1,".repeat(10_000))),
        permit(
            &format!("[{}1].contains(1)", "\"a\" == \"b\",".repeat(1_000))
                .replace(",1]", "].contains(false) || [1]"),
        ),
        format!("permit (principal, action, resource){};", "when{true}".repeat(120)),
        format!("permit (principal, action, resource){};", "unless{false}\n".repeat(120)),
        permit("true").repeat(100),
    ] {
        check(&source).unwrap();
    }
}

#[test]
fn the_refusal_says_where_and_what_to_do() {
    let links = format!("permit (principal, action, resource)\nwhen {{ true\n{} }};", "&& true ".repeat(121));
    let refused = check(&links).unwrap_err().to_string();
    assert!(
        refused.contains("line 3") && refused.contains("120") && refused.contains("contains"),
        "{refused}"
    );
    let many = check(&permit("true").repeat(101)).unwrap_err().to_string();
    assert!(many.contains("101") && many.contains("100"), "{many}");
    let long = check(&format!("// {}", "x".repeat(40_000))).unwrap_err().to_string();
    assert!(long.contains("32768"), "{long}");
}
