//! What can be looked up by its id, and where it says its division.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// What can be looked up by its id, and then says its division; how, the catalog says (`[entity.…]`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A user.
    User,
    /// A routing queue.
    Queue,
    /// A conversation, which may be of several divisions.
    Conversation,
    /// A group of users, which carries no division.
    Group,
    /// A routing skill.
    Skill,
    /// A group of agents by their skills.
    SkillGroup,
    /// A wrap-up code.
    WrapupCode,
    /// A team.
    Team,
    /// A presence definition.
    PresenceDefinition,
    /// A flow.
    Flow,
    /// A data table.
    DataTable,
    /// A flow's milestone.
    Milestone,
    /// A flow's outcome.
    Outcome,
    /// A prompt.
    Prompt,
    /// An IVR configuration.
    Ivr,
    /// A schedule of opening hours.
    Schedule,
    /// A group of schedules.
    ScheduleGroup,
    /// An emergency group.
    EmergencyGroup,
    /// A script.
    Script,
    /// An external contact.
    Contact,
    /// An external organisation.
    ExternalOrganization,
    /// A relationship of a user with an external organisation.
    Relationship,
    /// An outbound campaign by voice.
    Campaign,
    /// An outbound campaign by message.
    MessagingCampaign,
    /// A contact list.
    ContactList,
    /// A do-not-contact list.
    DncList,
    /// A form of evaluations.
    EvaluationForm,
    /// A form of surveys.
    SurveyForm,
    /// A business unit.
    BusinessUnit,
    /// A management unit.
    ManagementUnit,
    /// A bin of work items.
    Workbin,
    /// A type of work items.
    Worktype,
    /// A work item.
    Workitem,
}

/// How a kind of entity is looked up.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EntityKind {
    /// As it is written, in registrations too.
    #[serde(skip)]
    pub name: String,
    /// The path that shows one, with `{id}` in it.
    pub get: String,
    /// Where its division stands in that answer: field names from the outside in. A list on the way means that it may be
    /// of several. None where it carries no division: it is whose it is registered as.
    #[serde(default)]
    pub division: Option<String>,
    /// It carries no division.
    #[serde(default)]
    pub registered: bool,
    /// It comes to others by itself, as a conversation does that is transferred: where it was is not relied on.
    #[serde(default)]
    pub fleeting: bool,
    /// How all of a tenant's are found; without it they cannot be.
    #[serde(default)]
    pub all: Option<Enumeration>,
}

/// How all of a kind in certain divisions are found.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Enumeration {
    /// A search over `divisionId` and `state`, by pages.
    Search {
        /// Its path.
        path: String,
    },
    /// A list with the query parameters `divisionId`, `pageSize` and `pageNumber`.
    List {
        /// Its path.
        path: String,
    },
}

/// How each kind is looked up; every kind that an operation names is there.
pub type Entities = HashMap<Entity, EntityKind>;

/// A kind as it is written.
pub(super) fn name(entity: Entity) -> String {
    toml::Value::try_from(entity).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
}

/// What is wrong with how a kind is looked up.
pub(super) fn check(kind: &EntityKind) -> Result<(), String> {
    let path = kind.get.strip_prefix("/api/v2/").ok_or("its path is not below /api/v2/")?;
    if path.matches("{id}").count() != 1 || path.matches('{').count() != 1 {
        return Err("its path must hold `{id}`, once, and no other parameter".to_owned());
    }
    match &kind.division {
        Some(_) if kind.registered => Err("it is registered, and says a division all the same".to_owned()),
        Some(place) if !place.split('.').any(str::is_empty) => Ok(()),
        None if kind.registered && kind.all.is_none() => Ok(()),
        None if kind.registered => Err("all that is registered is known".to_owned()),
        Some(_) | None => Err("it does not say where its division stands".to_owned()),
    }
}
