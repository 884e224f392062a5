//! A query string, read strictly: each parameter known, sent once, of the right form.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use http::StatusCode;

use super::Problem;

/// The parameters of a request, taken one by one.
#[derive(Debug)]
pub struct Query {
    values: BTreeMap<String, String>,
}

impl Query {
    /// Reads a query string that may hold the parameters of `known` and no others, each once and not empty.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let name: String = name.chars().take(80).collect();
            if !known.contains(&name.as_str()) {
                let detail = format!("`{name}` is not a parameter here; there are: {}", known.join(", "));
                return Err(refuse("unknown_parameter", detail, &name));
            }
            if value.is_empty() {
                let detail = format!("`{name}` is empty; leave it out to mean any");
                return Err(refuse("invalid_parameter", detail, &name));
            }
            if values.insert(name.clone(), value.into_owned()).is_some() {
                return Err(refuse(
                    "repeated_parameter",
                    format!("`{name}` is sent twice; send it once"),
                    &name,
                ));
            }
        }
        Ok(Self { values })
    }

    /// Takes a parameter, if it was sent.
    pub fn take<T>(&mut self, name: &str) -> Result<Option<T>, Problem>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(value) = self.values.remove(name) else {
            return Ok(None);
        };
        let refused = |error: T::Err| refuse("invalid_parameter", format!("`{name}`: {error}"), name);
        value.parse().map(Some).map_err(refused)
    }
}

fn refuse(code: &'static str, detail: String, name: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail).about(name)
}
