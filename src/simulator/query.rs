//! The query string of a request, read strictly: what is not expected is refused.

use serde::Serialize;

use super::answer::Failure;

/// The decoded parameters, in order.
#[derive(Debug, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Decodes a query string.
    pub(super) fn read(text: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes())
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self { pairs }
    }

    /// Refuses every parameter that the operation does not have.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Failure> {
        match self.pairs.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            Some((name, _)) => Err(Failure::unknown(name, "query parameters")),
            None => Ok(()),
        }
    }

    /// The value of a parameter that may stand once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Failure> {
        let mut values =
            self.pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(Failure::invalid(format!("Parameter [{name}] stands more than once")));
        }
        Ok(first)
    }

    /// The values of a list parameter: repeated, comma-joined, or both. None when it is not there.
    pub(super) fn list(&self, name: &str) -> Option<Vec<String>> {
        let mut found = None;
        for (_, value) in self.pairs.iter().filter(|(known, _)| known == name) {
            let list: &mut Vec<String> = found.get_or_insert_with(Vec::new);
            list.extend(value.split(',').filter(|part| !part.is_empty()).map(str::to_owned));
        }
        found
    }

    /// What `expand` asks for, each of them known.
    pub(super) fn expand(&self, known: &[&str]) -> Result<Vec<String>, Failure> {
        let asked = self.list("expand").unwrap_or_default();
        match asked.iter().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Failure::invalid(format!("Value [{name}] cannot be expanded"))),
            None => Ok(asked),
        }
    }

    /// A whole number from 1 to `most`.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Failure> {
        let Some(text) = self.one(name)? else { return Ok(default) };
        match text.parse::<usize>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(Failure::invalid(format!("Parameter [{name}] must be from 1 to {most}"))),
        }
    }

    /// `true` or `false`, false when it is not there.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.one(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::invalid(format!("Parameter [{name}] must be true or false"))),
        }
    }

    /// Whether `sortOrder` asks for the reverse order.
    pub(super) fn descending(&self) -> Result<bool, Failure> {
        match self.one("sortOrder")?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("asc" | "ascending") => Ok(false),
            Some("desc" | "descending") => Ok(true),
            Some(_) => Err(Failure::invalid("Parameter [sortOrder] must be asc or desc")),
        }
    }

    /// `pageSize` and `pageNumber`.
    pub(super) fn page(&self, most: usize) -> Result<Page, Failure> {
        Ok(Page {
            size: self.number("pageSize", 25, most)?,
            number: self.number("pageNumber", 1, 1_000_000)?,
        })
    }

    /// The same query for another page, as the links of a listing carry it.
    fn link(&self, path: &str, page: Page) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.pairs.iter().filter(|(name, _)| name != "pageSize" && name != "pageNumber")
        {
            text.append_pair(name, value);
        }
        text.append_pair("pageSize", &page.size.to_string())
            .append_pair("pageNumber", &page.number.to_string());
        format!("{path}?{}", text.finish())
    }
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) size: usize,
    pub(super) number: usize,
}

impl Page {
    /// How many items stand before the page.
    pub(super) fn before(self) -> usize {
        self.size.saturating_mul(self.number - 1)
    }
}

/// What stands around the entities of a listing. The links are relative.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    page_size: usize,
    page_number: usize,
    total: usize,
    first_uri: String,
    self_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_uri: Option<String>,
    last_uri: String,
    page_count: usize,
}

/// Writes a listing in Genesys's paged shape.
pub(super) fn listing(entities: &str, total: usize, page: Page, path: &str, query: &Query) -> String {
    let count = total.div_ceil(page.size);
    let link = |number: usize| query.link(path, Page { size: page.size, number });
    let paging = Paging {
        page_size: page.size,
        page_number: page.number,
        total,
        first_uri: link(1),
        self_uri: link(page.number),
        previous_uri: (page.number > 1).then(|| link(page.number - 1)),
        next_uri: (page.number < count).then(|| link(page.number + 1)),
        last_uri: link(count.max(1)),
        page_count: count,
    };
    let paging = serde_json::to_string(&paging).unwrap_or_default();
    format!("{{\"entities\":[{entities}],{}", paging.trim_start_matches('{'))
}
