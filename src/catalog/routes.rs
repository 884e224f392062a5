//! Which operation a method and a path lead to.

use std::collections::BTreeMap;

use super::{Entry, Found};

/// The table of methods and paths.
#[derive(Debug)]
pub(super) struct Routes(matchit::Router<Vec<Route>>);

/// One method of a path.
#[derive(Debug)]
struct Route {
    method: String,
    // Operations of one path may name its parameters differently, which the router does not take: it knows them by number.
    parameters: Vec<String>,
    entry: Entry,
}

impl Routes {
    /// Nothing may stand there twice; else which path, and what is wrong.
    pub(super) fn of(entries: &[Entry]) -> Result<Self, (String, String)> {
        // In order, which the router takes in faster than any other.
        let mut paths: BTreeMap<String, Vec<Route>> = BTreeMap::new();
        for entry in entries {
            let (method, path) = entry.place();
            let (numbered, parameters) = numbered(path);
            let routes = paths.entry(numbered).or_default();
            if routes.iter().any(|route| route.method == method) {
                return Err((path.to_owned(), format!("`{method} {path}` stands in the catalog twice")));
            }
            routes.push(Route { method: method.to_owned(), parameters, entry: entry.clone() });
        }
        let mut router = matchit::Router::new();
        for (path, routes) in paths {
            router.insert(&path, routes).map_err(|error| (path, error.to_string()))?;
        }
        Ok(Self(router))
    }

    pub(super) fn find<'p>(&self, method: &str, path: &'p str) -> Option<Found<'p>> {
        let matched = self.0.at(path).ok()?;
        let route = matched.value.iter().find(|route| route.method == method)?;
        let values = matched.params.iter().map(|(_, value)| value);
        let parameters = route.parameters.iter().cloned().zip(values).collect();
        Some(Found { entry: route.entry.clone(), parameters })
    }
}

/// The template with its parameters numbered, and their names.
fn numbered(path: &str) -> (String, Vec<String>) {
    let mut names = Vec::new();
    let segments = path.split('/').map(|segment| {
        let Some(name) = segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            return segment.to_owned();
        };
        names.push(name.to_owned());
        format!("{{{}}}", names.len())
    });
    let numbered = segments.collect::<Vec<_>>().join("/");
    (numbered, names)
}
