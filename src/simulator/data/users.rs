//! Users: generated people, some with a manager or a team of another division.

use serde_json::{Value, json};

use super::{Division, Person, Plan, Roster, Seed, names, other};

/// A user: what can be searched, and how it is written.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) department: String,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) version: u64,
    pub(crate) team: String,
    pub(crate) manager: Option<String>,
    /// The division's place in the plan.
    pub(crate) division: usize,
    /// The object without its closing brace, so that expansions can follow.
    json: String,
    expansions: Vec<(&'static str, String)>,
}

impl User {
    /// Writes the user as JSON, with what was asked to be expanded.
    pub(crate) fn write(&self, into: &mut String, expand: &[String]) {
        into.push_str(&self.json);
        for (name, value) in &self.expansions {
            if expand.iter().any(|asked| asked == name) {
                // The one expansion that is not spelled as its field is.
                let key = if *name == "lasttokenissued" { "lastTokenIssued" } else { name };
                into.push_str(",\"");
                into.push_str(key);
                into.push_str("\":");
                into.push_str(value);
            }
        }
        into.push('}');
    }
}

impl User {
    /// A user that was made by a call, of a division at a place of the plan.
    pub(crate) fn made(body: &Value, division: usize) -> Self {
        let mut user = Self {
            id: String::new(),
            name: String::new(),
            email: String::new(),
            department: String::new(),
            title: String::new(),
            state: String::new(),
            version: 0,
            team: String::new(),
            manager: None,
            division,
            json: String::new(),
            expansions: Vec::new(),
        };
        user.take(body);
        user
    }

    /// The user as an object, without expansions.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&format!("{}}}", self.json)).unwrap_or_default()
    }

    /// Becomes what an object says.
    pub(crate) fn take(&mut self, body: &Value) {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.id = text("id");
        self.name = text("name");
        self.email = text("email");
        self.department = text("department");
        self.title = text("title");
        self.state = text("state");
        self.version = body.get("version").and_then(Value::as_u64).unwrap_or_default();
        let manager = body.get("manager").and_then(|manager| manager.get("id")).and_then(Value::as_str);
        self.manager = manager.map(str::to_owned);
        self.json = body.to_string();
        self.json.pop();
    }
}

/// The id and name of one of a division's users.
pub(crate) fn person(plan: &Plan, division: &Division, number: usize) -> Person {
    let mut seed = plan.own(division, "user", number);
    let id = seed.id();
    Person { id, name: format!("{} {}", seed.pick(names::GIVEN), seed.pick(names::FAMILY)) }
}

/// All users of all divisions.
pub(crate) fn all(plan: &Plan, rosters: &[Roster]) -> Vec<User> {
    let mut users = Vec::new();
    for (place, (division, roster)) in plan.divisions.iter().zip(rosters).enumerate() {
        for (number, person) in roster.users.iter().enumerate() {
            let mut seed = plan.own(division, "user-details", number);
            let foreign = other(plan, place, &mut seed);
            users.push(user(plan, rosters, place, foreign, person, number, seed));
        }
    }
    users
}

fn user(
    plan: &Plan,
    rosters: &[Roster],
    place: usize,
    foreign: usize,
    person: &Person,
    number: usize,
    mut seed: Seed,
) -> User {
    let word = plan.divisions.get(place).map_or("", |division| division.word).to_lowercase();
    let email = format!("{}.{number}@{word}.example", person.name.to_lowercase().replace(' ', "."));
    let manager_place = if seed.one_in(4) { foreign } else { place };
    let manager = rosters
        .get(manager_place)
        .and_then(|roster| seed.choose(&roster.users))
        .filter(|manager| manager.id != person.id)
        .map(|manager| manager.id.clone());
    let team_place = if seed.one_in(5) { foreign } else { place };
    let department = seed.pick(names::DEPARTMENTS);
    let title = seed.pick(names::TITLES);
    // The first of each division stays active, so that there is always somebody to find.
    let state = if number > 0 && seed.one_in(8) { "inactive" } else { "active" };
    // Drawn where it always was: what follows it must not change.
    let address = format!("+1555{:07}", seed.below(10_000_000));
    let version = 1 + seed.below(40) as u64;
    let mut body = json!({
        "id": person.id,
        "name": person.name,
        "division": plan.divisions.get(place).map(Division::reference),
        "chat": {"jabberId": format!("{}@simulated.orgspan.com", person.id.replace('-', ""))},
        "department": department,
        "email": email,
        "primaryContactInfo": [{"address": email, "mediaType": "EMAIL", "type": "PRIMARY"}],
        "addresses": [{"address": address, "mediaType": "PHONE", "type": "WORK"}],
        "state": state,
        "title": title,
        "username": email,
        "images": [],
        "version": version,
        "acdAutoAnswer": seed.one_in(3),
        "selfUri": format!("/api/v2/users/{}", person.id),
    });
    if let (Some(manager), Some(fields)) = (&manager, body.as_object_mut()) {
        fields
            .insert("manager".into(), json!({"id": manager, "selfUri": format!("/api/v2/users/{manager}")}));
    }
    let mut open = body.to_string();
    open.pop();
    User {
        id: person.id.clone(),
        name: person.name.clone(),
        email,
        department: department.to_owned(),
        title: title.to_owned(),
        state: state.to_owned(),
        version,
        team: rosters.get(team_place).map(|roster| roster.team.0.clone()).unwrap_or_default(),
        manager,
        division: place,
        json: open,
        expansions: expansions(plan, rosters, team_place, person, &mut seed),
    }
}

/// Every expansion of a user that the simulator knows, by the name that asks for it.
fn expansions(
    plan: &Plan,
    rosters: &[Roster],
    team_place: usize,
    person: &Person,
    seed: &mut Seed,
) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, Value)> = vec![
        ("team", team(plan, rosters, team_place)),
        ("groups", groups(plan, rosters, seed)),
        ("authorization", authorization(seed)),
    ];
    all.extend(working(person, seed));
    all.extend(personal(seed));
    all.into_iter().map(|(name, value)| (name, value.to_string())).collect()
}

fn team(plan: &Plan, rosters: &[Roster], place: usize) -> Value {
    let (Some(division), Some(roster)) = (plan.divisions.get(place), rosters.get(place)) else {
        return Value::Null;
    };
    let (id, name) = &roster.team;
    json!({"id": id, "name": name, "division": division.reference(), "memberCount": roster.users.len(),
        "selfUri": format!("/api/v2/teams/{id}")})
}

/// Groups carry no division: their members and owners come from all of them.
fn groups(plan: &Plan, rosters: &[Roster], seed: &mut Seed) -> Value {
    let number = seed.below(6);
    let mut group = Seed::of(plan.seed, &["group"], number as u64);
    let id = group.id();
    let owner = group.choose(rosters).and_then(|roster| roster.users.first());
    json!([{
        "id": id, "name": format!("{} Circle", group.pick(names::TOPICS)), "type": "official", "state": "active",
        "memberCount": rosters.iter().map(|roster| roster.users.len()).sum::<usize>() / 6, "version": 1,
        "rulesVisible": true, "visibility": "public",
        "owners": owner.iter().map(|user| json!({"id": user.id, "selfUri": format!("/api/v2/users/{}", user.id)})).collect::<Vec<_>>(),
        "selfUri": format!("/api/v2/groups/{id}"),
    }])
}

fn authorization(seed: &mut Seed) -> Value {
    json!({
        "roles": [{"id": seed.id(), "name": seed.pick(&["employee", "Agent", "Supervisor"])}],
        "permissions": ["routing:queue:view", "analytics:conversationDetail:view"],
        "permissionPolicies": [],
    })
}

fn working(person: &Person, seed: &mut Seed) -> Vec<(&'static str, Value)> {
    let status = seed.pick(&["OFF_QUEUE", "IDLE", "INTERACTING", "NOT_RESPONDING", "COMMUNICATING"]);
    let presence = seed.pick(&["Available", "Away", "Busy", "Offline", "On Queue"]);
    let (skill, language) = (seed.id(), seed.id());
    let media =
        json!({"contactCenter": {"active": seed.below(3), "acw": 0}, "enterprise": {"active": 0, "acw": 0}});
    vec![
        (
            "routingStatus",
            json!({"userId": person.id, "status": status, "startTime": "2026-06-01T08:00:00.000Z"}),
        ),
        (
            "presence",
            json!({"source": "PURECLOUD", "primary": true, "message": "", "modifiedDate": "2026-06-01T08:00:00.000Z",
            "presenceDefinition": {"id": seed.id(), "systemPresence": presence},
            "selfUri": format!("/api/v2/users/{}/presences/purecloud", person.id)}),
        ),
        (
            "conversationSummary",
            json!({"userId": person.id, "call": media, "callback": media, "email": media, "message": media,
            "chat": media}),
        ),
        (
            "station",
            json!({"associatedStation": {"id": seed.id(), "name": format!("Station {}", seed.below(900))}}),
        ),
        (
            "skills",
            json!([{"id": skill, "name": seed.pick(names::SKILLS), "proficiency": 1 + seed.below(5),
            "state": "active", "skillUri": format!("/api/v2/routing/skills/{skill}"),
            "selfUri": format!("/api/v2/users/{}/routingskills/{skill}", person.id)}]),
        ),
        (
            "languages",
            json!([{"id": language, "name": seed.pick(names::LANGUAGES), "proficiency": 1 + seed.below(5),
            "state": "active", "languageUri": format!("/api/v2/routing/languages/{language}"),
            "selfUri": format!("/api/v2/users/{}/routinglanguages/{language}", person.id)}]),
        ),
        (
            "outOfOffice",
            json!({"active": false, "indefinite": false,
            "selfUri": format!("/api/v2/users/{}/outofoffice", person.id)}),
        ),
    ]
}

fn personal(seed: &mut Seed) -> Vec<(&'static str, Value)> {
    vec![
        (
            "locations",
            json!([{"id": seed.id(), "notes": "", "locationDefinition": {"id": seed.id(), "name": "Main building"}}]),
        ),
        ("geolocation", json!({"type": "location", "primary": true, "country": "US", "city": "Springfield"})),
        ("profileSkills", json!([seed.pick(names::SKILLS)])),
        ("certifications", json!([])),
        ("languagePreference", json!("en-US")),
        (
            "employerInfo",
            json!({"employeeId": format!("E{:05}", seed.below(100_000)), "employeeType": "Full-time"}),
        ),
        ("biography", json!({"biography": "", "interests": [], "hobbies": []})),
        ("dateLastLogin", json!("2026-06-06T07:58:11.000Z")),
        ("dateWelcomeSent", json!("2026-01-05T09:00:00.000Z")),
        ("lasttokenissued", json!({"dateIssued": "2026-06-06T07:58:11.000Z"})),
        ("integrationPresence", json!({"source": "MicrosoftTeams", "primary": false})),
        ("workPlanBidRanks", json!({})),
        ("externalContactsSettings", json!({})),
    ]
}

/// The names that `expand` of a user may hold.
pub(crate) const EXPANSIONS: &[&str] = &[
    "routingStatus",
    "presence",
    "integrationPresence",
    "conversationSummary",
    "outOfOffice",
    "geolocation",
    "station",
    "authorization",
    "lasttokenissued",
    "authorization.unusedRoles",
    "team",
    "workPlanBidRanks",
    "externalContactsSettings",
    "groups",
    "profileSkills",
    "certifications",
    "locations",
    "skills",
    "languages",
    "languagePreference",
    "employerInfo",
    "biography",
    "dateLastLogin",
    "dateWelcomeSent",
];
