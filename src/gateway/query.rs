//! The query, read once against the operation's declared parameters, written once in one canonical form.

use percent_encoding::percent_decode_str;

use super::denial::Invalid;
use crate::catalog::{Narrowing, Operation, Parameter, ParameterKind};

const MAX_PAIRS: usize = 200;
const MAX_VALUE: usize = 4_096;
const MAX_DIVISIONS: usize = 1_000;

/// The query's parameters: only declared ones, each valid; lists are taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, Vec<String>)>);

impl Query {
    /// Reads a raw query. An undeclared parameter, one twice, or a value out of bounds is refused.
    pub(super) fn read(raw: &str, operation: &Operation) -> Result<Self, Invalid> {
        let mut query = Self::default();
        if raw.is_empty() {
            return Ok(query);
        }
        let mut pairs = 0;
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            pairs += 1;
            if pairs > MAX_PAIRS {
                let message = format!("The query has more than {MAX_PAIRS} parameters.");
                return Err(Invalid::new("ringfence.query_too_long", message));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            query.take(&decode(name)?, decode(value)?, operation)?;
        }
        Ok(query)
    }

    fn take(&mut self, name: &str, value: String, operation: &Operation) -> Result<(), Invalid> {
        let kind = kind(name, operation)?;
        let values = check(name, value, kind, operation)?;
        let known = self.0.iter_mut().find(|(other, _)| other == name);
        match (known, kind) {
            (None, _) => self.0.push((name.to_owned(), values)),
            (
                Some((_, list)),
                Kind::Divisions | Kind::Declared(ParameterKind::List { .. } | ParameterKind::Expand),
            ) => list.extend(values),
            (Some(_), Kind::Declared(_)) => {
                let message = format!("The parameter `{name}` stands in the query twice; send it once.");
                return Err(Invalid::new("ringfence.parameter_twice", message));
            }
        }
        let max = match kind {
            Kind::Declared(ParameterKind::List { max, .. }) => *max,
            Kind::Divisions | Kind::Declared(_) => MAX_DIVISIONS,
        };
        let count = self.all(name).len();
        if count > max {
            let message = format!("The parameter `{name}` holds {count} values; at most {max} are allowed.");
            return Err(Invalid::new("ringfence.parameter_invalid", message));
        }
        Ok(())
    }

    /// The values of a parameter; none where it was not sent.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.iter().find(|(other, _)| other == name).map_or(&[], |(_, values)| values)
    }

    /// The one value of a parameter.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().map(String::as_str)
    }

    /// Sets a parameter's values, whatever they were.
    pub(super) fn set(&mut self, name: &str, values: Vec<String>) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), values));
    }

    /// Takes a parameter out.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| other != name);
    }

    /// The canonical form: lists repeat the name, as Genesys documents them (`collectionFormat: multi`).
    pub(super) fn encode(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (name, values) in &self.0 {
            for value in values {
                out.append_pair(name, value);
            }
        }
        out.finish()
    }
}

#[derive(Clone, Copy)]
enum Kind<'o> {
    Declared(&'o ParameterKind),
    /// The parameter that narrows.
    Divisions,
}

fn kind<'o>(name: &str, operation: &'o Operation) -> Result<Kind<'o>, Invalid> {
    let division = match &operation.narrowing {
        Narrowing::DivisionQuery { parameter, .. } => Some(parameter.as_str()),
        Narrowing::DivisionPredicate
        | Narrowing::Membership { .. }
        | Narrowing::Owned { .. }
        | Narrowing::DivisionField
        | Narrowing::OwnedDivision
        | Narrowing::Registered { .. }
        | Narrowing::Listed { .. }
        | Narrowing::Handle { .. }
        | Narrowing::Translate { .. }
        | Narrowing::Open { .. }
        | Narrowing::Own { .. } => None,
    };
    if division == Some(name) {
        return Ok(Kind::Divisions);
    }
    if let Some(Parameter { is, .. }) = operation.query.iter().find(|parameter| parameter.name == name) {
        return Ok(Kind::Declared(is));
    }
    let name: String = name.chars().take(80).collect();
    // An alias that we overlook and upstream understands would undo the narrowing.
    if name.to_ascii_lowercase().contains("division") {
        let remedy = division.map_or_else(
            || "leave it out: the request is narrowed to your divisions by itself".to_owned(),
            |right| format!("the division parameter here is `{right}`"),
        );
        let message = format!("`{name}` is not a parameter of this operation; {remedy}.");
        return Err(Invalid::new("ringfence.division_parameter_misplaced", message));
    }
    let known: Vec<_> =
        operation.query.iter().map(|parameter| parameter.name.as_str()).chain(division).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let message = format!("`{name}` is not a parameter that passes here; those that do: {known}.");
    Err(Invalid::new("ringfence.parameter_unknown", message))
}

fn check(name: &str, value: String, kind: Kind<'_>, operation: &Operation) -> Result<Vec<String>, Invalid> {
    let invalid = |expected: String| {
        Invalid::new("ringfence.parameter_invalid", format!("The parameter `{name}` must be {expected}."))
    };
    if value.len() > MAX_VALUE && matches!(kind, Kind::Declared(_)) {
        return Err(invalid(format!("at most {MAX_VALUE} bytes")));
    }
    let split = || -> Vec<String> {
        value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    match kind {
        Kind::Divisions | Kind::Declared(ParameterKind::List { .. }) => {
            let values = split();
            // An empty list must not read as "all".
            if values.is_empty() { Err(invalid("left out or hold a value".to_owned())) } else { Ok(values) }
        }
        Kind::Declared(ParameterKind::Integer { min, max }) => {
            let fits = value.parse::<i64>().is_ok_and(|number| (*min..=*max).contains(&number));
            if fits { Ok(vec![value]) } else { Err(invalid(format!("a whole number from {min} to {max}"))) }
        }
        Kind::Declared(ParameterKind::Boolean) => match value.as_str() {
            "true" | "false" => Ok(vec![value]),
            // The Python SDK writes its own words.
            "True" | "False" => Ok(vec![value.to_ascii_lowercase()]),
            _ => Err(invalid("`true` or `false`".to_owned())),
        },
        Kind::Declared(ParameterKind::Text { max }) => {
            let fits = (1..=*max).contains(&value.chars().count());
            if fits { Ok(vec![value]) } else { Err(invalid(format!("1 to {max} characters long"))) }
        }
        Kind::Declared(ParameterKind::OneOf { values }) => {
            let fits = values.contains(&value);
            if fits { Ok(vec![value]) } else { Err(invalid(format!("one of {}", values.join(", ")))) }
        }
        Kind::Declared(ParameterKind::Expand) => {
            let asked = split();
            check_expand(asked.iter().map(String::as_str), operation)?;
            Ok(asked)
        }
    }
}

/// Parts asked for by `expand`, in the query or in a body.
pub(super) fn check_expand<'a>(
    mut asked: impl Iterator<Item = &'a str>,
    operation: &Operation,
) -> Result<(), Invalid> {
    if asked.all(|part| operation.expand.iter().any(|one| one == part)) {
        return Ok(());
    }
    let parts = operation.expand.join(", ");
    let message = format!("`expand` may add {parts}; other parts would bring foreign objects.");
    Err(Invalid::new("ringfence.expand_refused", message))
}

fn decode(text: &str) -> Result<String, Invalid> {
    let spaced = text.replace('+', " ");
    let malformed = spaced.split('%').skip(1).any(|after| {
        !after.as_bytes().first_chunk::<2>().is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let decoded = percent_decode_str(&spaced).decode_utf8().ok();
    match decoded {
        Some(decoded) if !malformed && !decoded.chars().any(char::is_control) => Ok(decoded.into_owned()),
        Some(_) | None => Err(Invalid::new(
            "ringfence.query_malformed",
            "The query is not valid percent-encoded UTF-8, or holds control characters.",
        )),
    }
}
