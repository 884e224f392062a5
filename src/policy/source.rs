//! Cedar source: parsed, named by `@id`, validated, with the place of what is wrong.

use std::collections::HashSet;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, ValidationMode, Validator};
use miette::Diagnostic;

use super::PolicyError;
use crate::model::Masks;

/// What a policy masks for the keys that its head means: `@mask("numbers, names")`.
const MASK: &str = "mask";

/// Parses policies in the order they stand in. One without `@id` is named by its place: `own.1`, `own.2`, …
pub(super) fn parse(text: &str, prefix: &str) -> Result<Vec<Policy>, PolicyError> {
    let set: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        let first = errors.iter().next();
        let (line, column) = first.and_then(|error| place(error, text)).unwrap_or((1, 1));
        let message = first.map_or_else(|| errors.to_string(), ToString::to_string);
        PolicyError::Syntax { line, column, message }
    })?;
    if let Some(template) = set.templates().next() {
        let id = template.annotation("id").unwrap_or("without id");
        return Err(PolicyError::invalid(format!(
            "policy {id}: slots such as `?principal` cannot be filled here"
        )));
    }
    // Cedar numbers them `policy0`, `policy1`, … and keeps no order.
    let mut policies: Vec<_> = set.policies().collect();
    policies.sort_by_key(|policy| number(policy));
    let mut taken = HashSet::new();
    let mut named = Vec::with_capacity(policies.len());
    for policy in policies {
        let name = match policy.annotation("id") {
            Some(id) => id.to_owned(),
            None => format!("{prefix}.{}", number(policy) + 1),
        };
        if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(PolicyError::invalid("a policy id must have 1 to 100 printable characters"));
        }
        named.push(policy.new_id(PolicyId::new(&name)));
        if let Some(name) = taken.replace(name) {
            return Err(PolicyError::invalid(format!("the policy id `{name}` stands twice")));
        }
    }
    named.iter().try_for_each(|policy| masks(policy).map(drop))?;
    Ok(named)
}

/// What a policy masks.
pub(super) fn masks(policy: &Policy) -> Result<Masks, PolicyError> {
    let id = policy.id();
    // Cedar takes any annotation: misspelt, it would mask nothing and say nothing.
    let meant = |name: &&str| name.to_ascii_lowercase().starts_with(MASK) && *name != MASK;
    if let Some(name) = policy.annotations().map(|(name, _)| name).find(meant) {
        return Err(PolicyError::invalid(format!(
            "policy `{id}`: `@{name}` means nothing here; write `@{MASK}`"
        )));
    }
    let Some(written) = policy.annotation(MASK) else { return Ok(Masks::NONE) };
    if policy.effect() == Effect::Forbid {
        let why = format!(
            "policy `{id}`: a `forbid` shows nothing that `@{MASK}` could hide; it stands on a `permit`"
        );
        return Err(PolicyError::invalid(why));
    }
    written.parse().map_err(|unknown| PolicyError::invalid(format!("policy `{id}`: {unknown}")))
}

/// Checks them strictly against the schema; all that is wrong goes into one message.
pub(super) fn validate(validator: &Validator, policies: &[Policy], text: &str) -> Result<(), PolicyError> {
    let set = PolicySet::from_policies(policies.iter().cloned()).map_err(PolicyError::invalid)?;
    let result = validator.validate(&set, ValidationMode::Strict);
    let mut found: Vec<_> = result
        .validation_errors()
        .map(|error| match place(error, text) {
            Some((line, column)) => format!("{error} (line {line}, column {column})"),
            None => error.to_string(),
        })
        .collect();
    found.sort();
    if found.is_empty() { Ok(()) } else { Err(PolicyError::invalid(found.join("; "))) }
}

fn number(policy: &Policy) -> usize {
    let id: &str = policy.id().as_ref();
    id.strip_prefix("policy").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX - 1)
}

/// Line and column of what a diagnostic points at, in characters, from 1.
fn place(diagnostic: &impl Diagnostic, text: &str) -> Option<(usize, usize)> {
    let offset = diagnostic.labels()?.next()?.offset();
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    Some((line, before.get(line_start..)?.chars().count() + 1))
}
