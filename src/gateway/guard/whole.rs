//! One look over a list's answer: most are passed on as they stand, to the byte, and nothing is built for them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    entity::is_own_and_whole,
    list::{LINKS_BELOW, Rules, is_in},
    object::reader,
    scan::Scan,
};
use crate::{catalog::Foreign, model::Text};

/// Whether every entity is the tenant's own and shown with everything in it, and so is every field beside them.
///
/// Where it is not, for whatever reason, the answer is judged piece by piece. Lists that Genesys cannot narrow always
/// are: theirs must not tell by their form whether something was taken out.
pub(super) fn is_whole(json: &str, rules: &Rules<'_>) -> bool {
    if rules.foreign != Foreign::Violation {
        return false;
    }
    let mut deserializer = reader(json);
    deserializer.deserialize_map(Answer(rules)).is_ok() && deserializer.end().is_ok()
}

/// An error means no: nothing after it need be looked at.
fn no<E: Error>() -> E {
    E::custom("not as it stands")
}

struct Answer<'r>(&'r Rules<'r>);

impl<'de> Visitor<'de> for Answer<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let rules = self.0;
        let mut names: Vec<Text<'de>> = Vec::with_capacity(8);
        let mut has_list = false;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if names.contains(&name) {
                return Err(no());
            }
            if *name == *rules.collection {
                map.next_value_seed(Items(rules))?;
                has_list = true;
            } else if is_in(rules.keep, &name) {
                map.next_value::<IgnoredAny>()?;
            } else if is_in(rules.totals, &name) {
                map.next_value::<u64>()?;
            } else if is_in(rules.links, &name) {
                // Only what the piecewise check would leave as it is.
                let link = map.next_value::<&'de str>()?;
                if !link.starts_with(LINKS_BELOW) || link.contains("://") {
                    return Err(no());
                }
            } else {
                return Err(no());
            }
            names.push(name);
        }
        if has_list { Ok(()) } else { Err(no()) }
    }
}

struct Items<'r>(&'r Rules<'r>);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Rules { shape, divisions, .. } = *self.0;
        while let Some(scanned) = items.next_element_seed(Scan(shape))? {
            if !is_own_and_whole(&scanned, shape, divisions) {
                return Err(no());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::Catalog,
        gateway::{
            guard::{entity::Divisions, list},
            scope::Owned,
        },
        model::DivisionId,
    };

    const OWN: &str = "a0000000-0000-4000-8000-000000000000";
    const OTHER: &str = "b0000000-0000-4000-8000-000000000000";

    fn conversation(divisions: &str, rest: &str) -> String {
        format!(r#"{{"conversationId":"c","divisionIds":[{divisions}]{rest}}}"#)
    }

    /// Whether an answer is passed on as it stands, and what it becomes when it is judged piece by piece.
    fn both(json: &str, foreign: Foreign) -> (bool, Option<String>) {
        let catalog = Catalog::embedded().unwrap();
        let own: [DivisionId; 1] = [OWN.parse().unwrap()];
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let rules = Rules {
            collection: "conversations",
            shape: catalog.shape("AnalyticsConversation").unwrap(),
            foreign,
            keep: &words(&["pageSize"]),
            totals: &words(&["totalHits"]),
            links: &words(&["nextUri"]),
            facets: None,
            divisions: Divisions {
                narrowed: &own,
                granted: &own,
                neutral: &[],
                owned: &Owned::default(),
                redacts: false,
            },
        };
        let piecewise = list::check(json, &rules).and_then(|checked| checked.write(json, &rules));
        (is_whole(json, &rules), piecewise.ok())
    }

    #[test]
    fn what_is_passed_on_as_it_stands_is_what_judging_it_piece_by_piece_would_make() {
        let own = format!(r#""{OWN}""#);
        let one = conversation(&own, r#","participants":[{"purpose":"agent"}]"#);
        for json in [
            format!(r#"{{"conversations":[{one},{one}],"totalHits":2}}"#),
            r#"{"totalHits":0,"conversations":[],"pageSize":25,"nextUri":"/api/v2/users?pageNumber=2"}"#
                .to_owned(),
            format!(r#"{{"pageSize":[1,{{"a":2}}],"conversations":[{one}]}}"#),
        ] {
            assert_eq!(both(&json, Foreign::Violation), (true, Some(json.clone())));
            // What Genesys was not told to leave out is left out by us, and may not be seen to be.
            assert_eq!(both(&json, Foreign::Drop), (false, Some(json.clone())));
        }
    }

    #[test]
    fn whatever_is_not_wholly_the_tenants_own_is_judged_piece_by_piece() {
        let own = conversation(&format!(r#""{OWN}""#), "");
        let foreign = conversation(&format!(r#""{OTHER}""#), "");
        let shared = conversation(&format!(r#""{OWN}","{OTHER}""#), "");
        let unknown = conversation(&format!(r#""{OWN}""#), r#","secret":1"#);
        let twice = conversation(&format!(r#""{OWN}""#), &format!(r#","divisionIds":["{OTHER}"]"#));
        let single = conversation("", "").replace("[]", &format!(r#""{OWN}""#));
        for items in [&foreign, &shared, &unknown, &twice, &single, "{}", "1", r#"{"conversationId":"c"}"#] {
            for list in [items.to_owned(), format!("{own},{items}")] {
                assert!(!both(&format!(r#"{{"conversations":[{list}]}}"#), Foreign::Violation).0, "{list}");
            }
        }
        for beside in [
            r#""secret":1"#,
            r#""totalHits":"many""#,
            r#""totalHits":-1"#,
            r#""pageSize":1,"pageSize":2"#,
            r#""conversations":[]"#,
            r#""convers\u0061tions":[]"#,
            r#""nextUri":"https://elsewhere.example/api/v2/users""#,
            r#""nextUri":"//elsewhere.example""#,
            r#""nextUri":"/api/v2/users?to=a://b""#,
            r#""nextUri":null"#,
            r#""aggregations":[]"#,
        ] {
            let json = format!(r#"{{"conversations":[{own}],{beside}}}"#);
            assert!(!both(&json, Foreign::Violation).0, "{json}");
        }
        for json in [
            "",
            "[]",
            "null",
            "{",
            "{}",
            r#"{"totalHits":1}"#,
            r#"{"conversations":[]} x"#,
            r#"{"conversations":null}"#,
        ] {
            assert!(!both(json, Foreign::Violation).0, "{json}");
        }
    }
}
