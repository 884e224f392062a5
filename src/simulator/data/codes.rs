//! Small things of the organisation: wrap-up codes, skills and presence definitions of each division, languages of
//! nobody's.

use serde_json::{Value, json};

use super::{Plan, Roster, Seed, names};

/// A thing that is shown as it is.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The division's id, or `*` for all of them.
    pub(crate) division: String,
    pub(crate) body: Value,
}

/// Wrap-up codes: four of each division, and one of all.
pub(crate) fn wrap_up(plan: &Plan, rosters: &[Roster]) -> Vec<Item> {
    let mut codes = Vec::new();
    for (division, roster) in plan.divisions.iter().zip(rosters) {
        for (number, id) in roster.wrap_up_codes.iter().enumerate() {
            let topic = plan.own(division, "code-name", number).pick(names::TOPICS);
            let name = format!("{topic} {} {}", division.word, number + 1);
            codes.push(code(id, &name, division.id, &division.reference()));
        }
    }
    let id = Seed::of(plan.seed, &["code-of-all"], 0).id();
    codes.push(code(&id, "Default", "*", &json!({"id": "*", "name": "*"})));
    codes.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    codes
}

fn code(id: &str, name: &str, division: &str, reference: &Value) -> Item {
    let body = json!({
        "id": id, "name": name, "division": reference, "description": format!("Ends as {name}"),
        "dateCreated": "2026-01-15T08:00:00.000Z", "createdBy": Seed::of(1, &[id], 0).id(),
        "selfUri": format!("/api/v2/routing/wrapupcodes/{id}"),
    });
    Item { id: id.to_owned(), name: name.to_owned(), division: division.to_owned(), body }
}

/// Skills: three of each division, one of all, and one that does not say its division.
pub(crate) fn skills(plan: &Plan) -> Vec<Item> {
    let mut skills = Vec::new();
    for division in &plan.divisions {
        for number in 0..3 {
            let mut seed = plan.own(division, "skill", number);
            let id = seed.id();
            let name = format!("{} {} {}", seed.pick(names::TOPICS), division.word, number + 1);
            skills.push(skill(&id, &name, division.id, Some(division.reference())));
        }
    }
    let of_all = Seed::of(plan.seed, &["skill-of-all"], 0).id();
    skills.push(skill(&of_all, "Common", "*", Some(json!({"id": "*", "name": "*"}))));
    let of_nobody = Seed::of(plan.seed, &["skill-of-nobody"], 0).id();
    skills.push(skill(&of_nobody, "Legacy", "", None));
    skills.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    skills
}

fn skill(id: &str, name: &str, division: &str, reference: Option<Value>) -> Item {
    let mut body = json!({
        "id": id, "name": name, "dateModified": "2026-01-20T08:00:00.000Z", "state": "active", "version": "1",
        "selfUri": format!("/api/v2/routing/skills/{id}"),
    });
    if let (Some(reference), Some(fields)) = (reference, body.as_object_mut()) {
        fields.insert("division".to_owned(), reference);
    }
    Item { id: id.to_owned(), name: name.to_owned(), division: division.to_owned(), body }
}

/// Definitions of presences: two of each division.
pub(crate) fn presences(plan: &Plan) -> Vec<Item> {
    let mut definitions = Vec::new();
    for division in &plan.divisions {
        for number in 0..2 {
            let mut seed = plan.own(division, "presence", number);
            let id = seed.id();
            let name = format!("{} {}", seed.pick(names::TOPICS), division.word);
            let body = json!({
                "id": id, "name": name, "type": "User", "languageLabels": {"en_US": name},
                "systemPresence": seed.pick(&["Available", "Away", "Busy", "Meeting"]), "divisionId": division.id,
                "deactivated": false, "selfUri": format!("/api/v2/presence/definitions/{id}"),
            });
            definitions.push(Item { id, name, division: division.id.to_owned(), body });
        }
    }
    definitions
}

/// Languages of the whole organisation.
pub(crate) fn languages(plan: &Plan) -> Vec<Item> {
    let language = |name: &&str| {
        let id = Seed::of(plan.seed, &["language", name], 0).id();
        let body = json!({
            "id": id, "name": name, "dateModified": "2026-01-02T08:00:00.000Z", "state": "active", "version": "1",
            "selfUri": format!("/api/v2/routing/languages/{id}"),
        });
        Item { id, name: (*name).to_owned(), division: "*".to_owned(), body }
    };
    names::LANGUAGES.iter().map(language).collect()
}
