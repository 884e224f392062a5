//! What the demo prints for people.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;

use super::{calls::Result, stage::Stage};

/// What each tenant saw, beside what the organisation holds.
pub(super) fn results(stage: &Stage, results: &[Result]) -> String {
    let mut table = table(&["tenant", "call", "saw", "the organisation holds", "as promised"]);
    for result in results {
        let kept = if result.as_promised() { "yes" } else { "NO" };
        table.add_row([&result.tenant, result.call, &result.saw, &result.holds, kept]);
    }
    let names: Vec<_> = stage.tenants.iter().map(|tenant| tenant.division.name.as_str()).collect();
    format!(
        "One simulated organisation of {} divisions; one service account that sees them all; two tenants ({}).\n\
         Each made the same calls through the gateway, with its own key:\n{table}\n",
        stage.facts.divisions.len(),
        names.join(", "),
    )
}

/// The record of those calls.
pub(super) fn events(results: &[Result]) -> String {
    let mut table = table(&["tenant", "operation", "outcome", "narrowed to", "event"]);
    for result in results {
        let text = |name: &str| {
            let value = result.event.as_ref().and_then(|event| event.get(name));
            value.and_then(Value::as_str).unwrap_or("-").to_owned()
        };
        let outcome = format!("{} {}", result.status, result.outcome_code().unwrap_or("not recorded"));
        table.add_row([result.tenant.clone(), text("operation"), outcome, divisions(result), text("id")]);
    }
    format!("Each call is on record (GET /admin/v1/events):\n{table}\n")
}

fn divisions(result: &Result) -> String {
    let divisions = result.event.as_ref().and_then(|event| event.get("divisions"));
    let divisions = divisions.and_then(Value::as_array).map_or([].as_slice(), Vec::as_slice);
    let divisions: Vec<_> = divisions.iter().filter_map(Value::as_str).collect();
    if divisions.is_empty() { "-".to_owned() } else { divisions.join(", ") }
}

/// How to go on by hand.
pub(super) fn farewell(stage: &Stage) -> String {
    let mut text = format!(
        "gateway    {}\noperator   {}   (token {})\nprobes     {}/ready   /health   /metrics\n\n",
        stage.gateway, stage.operator, stage.admin_token, stage.telemetry
    );
    for tenant in &stage.tenants {
        let _ = writeln!(text, "{:<10} {}", tenant.id, tenant.api_key);
    }
    text.push_str("\nGo on by hand:\n");
    for tenant in &stage.tenants {
        let _ = writeln!(
            text,
            "  curl -H 'Authorization: Bearer {}' '{}/api/v2/users?pageSize=5'",
            tenant.api_key, stage.gateway
        );
    }
    text.push_str("\nServing until Ctrl-C.");
    text
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}
