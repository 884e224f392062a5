//! Nothing is enabled that is not tested, and nothing loads that cannot be vouched for.

use std::{collections::BTreeSet, fs, path::Path};

use ringfence::catalog::{BodyModel, Catalog, Entry, Guarding, Narrowing, Operation, Place};

/// Of each operation with code or an entity of its own: the test that the tenant gets its own, and the test that a stranger's
/// is out of reach. What is data alone is tested by what is generated from the catalog.
const TESTS: &[(&str, &str, &str)] = &[
    (
        "postAnalyticsConversationsDetailsQuery",
        "a_query_finds_the_tenants_own_conversations_alone",
        "predicates_over_foreign_divisions_alone_are_refused",
    ),
    (
        "getAuthorizationDivisions",
        "the_list_of_divisions_holds_the_tenants_own_alone",
        "named_divisions_are_cut_to_the_permitted_ones",
    ),
    (
        "postAnalyticsConversationsAggregatesQuery",
        "aggregates_count_the_tenants_own_conversations_alone",
        "groups_name_the_tenants_own_users_queues_and_divisions_alone",
    ),
    (
        "postAnalyticsEvaluationsAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsFlowexecutionsAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsFlowsAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsSurveysAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsTaskmanagementAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsTranscriptsAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsCopilotsAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsCasemanagementAggregatesQuery",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
        "whatever_is_counted_by_division_is_the_tenants_own_alone",
    ),
    (
        "postAnalyticsAgentcopilotsAggregatesQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsKnowledgeAggregatesQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsResolutionsAggregatesQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsSummariesAggregatesQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsConversationsActivityQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsQueuesObservationsQuery",
        "what_knows_no_divisions_is_counted_over_the_tenants_own_queues_alone",
        "anothers_queue_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsAgentutilizationsAggregatesQuery",
        "what_users_do_is_told_of_dedicated_agents_alone",
        "anothers_user_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsUsersAggregatesQuery",
        "what_users_do_is_told_of_dedicated_agents_alone",
        "anothers_user_in_a_filter_finds_as_much_as_a_missing_one",
    ),
    (
        "postAnalyticsFlowsActivityQuery",
        "what_goes_on_in_flows_is_asked_of_the_tenants_own_alone",
        "what_goes_on_in_flows_is_asked_of_the_tenants_own_alone",
    ),
    (
        "postAnalyticsFlowsObservationsQuery",
        "what_goes_on_in_flows_is_asked_of_the_tenants_own_alone",
        "what_goes_on_in_flows_is_asked_of_the_tenants_own_alone",
    ),
    (
        "getAnalyticsConversationDetails",
        "an_own_conversation_is_shown_by_its_id",
        "anothers_conversation_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsDetails",
        "foreign_conversations_asked_for_by_id_vanish_like_missing_ones",
        "foreign_conversations_asked_for_by_id_vanish_like_missing_ones",
    ),
    (
        "getConversation",
        "an_own_conversation_is_shown_by_its_id",
        "anothers_conversation_looks_like_a_missing_one",
    ),
    (
        "getRoutingQueuesDivisionviews",
        "the_division_view_of_queues_holds_the_tenants_own_alone",
        "the_division_view_of_queues_holds_the_tenants_own_alone",
    ),
    (
        "getRoutingQueueMembers",
        "members_of_an_own_queue_are_the_tenants_own_alone_and_pages_are_whole",
        "members_of_anothers_queue_look_like_those_of_a_missing_one",
    ),
    (
        "getUserQueues",
        "queues_of_an_own_user_are_the_tenants_own_alone",
        "queues_of_anothers_user_look_like_those_of_a_missing_one",
    ),
    (
        "getUserPresence",
        "the_presence_of_an_own_user_is_shown",
        "queues_of_anothers_user_look_like_those_of_a_missing_one",
    ),
    (
        "getUserPresencesPurecloud",
        "the_presence_of_an_own_user_is_shown",
        "queues_of_anothers_user_look_like_those_of_a_missing_one",
    ),
    (
        "getPresenceDefinitions",
        "the_list_of_presence_definitions_holds_the_tenants_own_alone",
        "the_list_of_presence_definitions_holds_the_tenants_own_alone",
    ),
    (
        "getRoutingWrapupcodes",
        "the_list_of_wrap_up_codes_holds_the_tenants_own_alone",
        "anothers_wrap_up_code_looks_like_a_missing_one",
    ),
    (
        "getRoutingWrapupcode",
        "the_list_of_wrap_up_codes_holds_the_tenants_own_alone",
        "anothers_wrap_up_code_looks_like_a_missing_one",
    ),
    (
        "getRoutingSkills",
        "the_list_of_skills_holds_the_tenants_own_alone",
        "skills_of_others_asked_for_by_id_vanish_like_missing_ones",
    ),
    (
        "getRoutingSkill",
        "the_list_of_skills_holds_the_tenants_own_alone",
        "anothers_skill_looks_like_a_missing_one",
    ),
    (
        "getRoutingLanguages",
        "languages_are_the_same_for_all_tenants",
        "languages_are_the_same_for_all_tenants",
    ),
    (
        "getRoutingLanguage",
        "languages_are_the_same_for_all_tenants",
        "languages_are_the_same_for_all_tenants",
    ),
    (
        "gatewayWhoami",
        "a_tenant_learns_who_it_is_what_it_may_and_how_it_stands",
        "nothing_of_another_tenant_is_on_the_own_surface",
    ),
    (
        "gatewayOperations",
        "a_tenant_learns_who_it_is_what_it_may_and_how_it_stands",
        "nothing_of_another_tenant_is_on_the_own_surface",
    ),
    (
        "gatewayUsage",
        "a_tenant_learns_who_it_is_what_it_may_and_how_it_stands",
        "nothing_of_another_tenant_is_on_the_own_surface",
    ),
    (
        "gatewayKeys",
        "a_tenant_learns_who_it_is_what_it_may_and_how_it_stands",
        "nothing_of_another_tenant_is_on_the_own_surface",
    ),
    (
        "gatewayRotateKey",
        "a_key_puts_another_in_its_own_place",
        "nobody_rotates_a_key_that_is_not_its_own_or_gains_by_it",
    ),
    (
        "gatewayEvents",
        "the_access_log_is_paged_and_holds_what_is_asked_for",
        "nothing_of_another_tenant_is_on_the_own_surface",
    ),
    (
        "gatewayDenials",
        "nothing_of_another_tenant_is_on_the_own_surface",
        "a_foreign_and_a_missing_object_leave_the_same_events",
    ),
    ("getTokensMe", "the_token_is_the_gateways_own", "the_token_is_the_gateways_own"),
    ("headTokensMe", "the_token_is_the_gateways_own", "the_token_is_the_gateways_own"),
    (
        "getOrganizationsMe",
        "the_organisation_is_shown_without_what_concerns_others",
        "the_organisation_is_shown_without_what_concerns_others",
    ),
    (
        "getRoutingQueues",
        "the_list_of_queues_holds_the_tenants_own_alone",
        "foreign_divisions_alone_are_refused_and_not_sent",
    ),
    ("getRoutingQueue", "an_own_queue_is_shown_by_its_id", "anothers_queue_looks_like_a_missing_one"),
    (
        "getUsers",
        "the_list_of_users_holds_the_tenants_own_alone",
        "foreign_users_asked_for_by_id_vanish_from_the_list_like_missing_ones",
    ),
    ("getUser", "an_own_user_is_shown_by_its_id", "anothers_user_looks_like_a_missing_one"),
    ("postUsersSearch", "a_search_finds_the_tenants_own_alone", "a_search_for_foreign_users_finds_nobody"),
    ("postUsers", "a_user_is_made_in_the_tenants_division", "nothing_is_made_in_anothers_division"),
    (
        "patchUser",
        "an_own_user_is_changed_and_deleted",
        "anothers_user_is_changed_by_nobody_and_looks_like_a_missing_one",
    ),
    (
        "deleteUser",
        "an_own_user_is_changed_and_deleted",
        "anothers_user_is_changed_by_nobody_and_looks_like_a_missing_one",
    ),
    (
        "postRoutingQueues",
        "a_queue_is_made_changed_and_deleted_in_its_division",
        "nothing_is_made_in_anothers_division",
    ),
    (
        "putRoutingQueue",
        "a_queue_is_made_changed_and_deleted_in_its_division",
        "anothers_queue_is_changed_by_nobody_and_looks_like_a_missing_one",
    ),
    (
        "deleteRoutingQueue",
        "a_queue_is_made_changed_and_deleted_in_its_division",
        "anothers_queue_is_changed_by_nobody_and_looks_like_a_missing_one",
    ),
    (
        "postAnalyticsConversationsDetailsJobs",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsDetailsJob",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsDetailsJobResults",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "deleteAnalyticsConversationsDetailsJob",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "postAnalyticsConversationsAggregatesJobs",
        "a_job_counts_what_the_query_counts_and_names_nobody_else",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsAggregatesJob",
        "a_job_counts_what_the_query_counts_and_names_nobody_else",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsAggregatesJobResults",
        "a_job_counts_what_the_query_counts_and_names_nobody_else",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "deleteAnalyticsConversationsAggregatesJob",
        "a_job_counts_what_the_query_counts_and_names_nobody_else",
        "a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one",
    ),
    (
        "getAnalyticsConversationsDetailsJobsAvailability",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
        "a_job_finds_the_tenants_own_conversations_alone_page_by_page",
    ),
    ("getUsersMe", "a_key_is_no_user", "a_key_is_no_user"),
];

#[test]
fn what_is_enabled_is_tested_by_hand_or_is_data_alone() {
    let catalog = Catalog::embedded().unwrap();
    let enabled: BTreeSet<_> = catalog.operations().iter().map(|operation| &*operation.id).collect();
    let tested = by_hand();
    assert!(tested.is_subset(&enabled), "{:?}", tested.difference(&enabled));
    for operation in catalog.operations().iter().filter(|operation| !tested.contains(&*operation.id)) {
        assert!(is_data(operation) || follows(operation), "{} has no test of its own", operation.id);
    }
    let mut sources = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/gateway"), &mut sources);
    for (operation, own, stranger) in TESTS {
        for test in [own, stranger] {
            assert!(
                sources.contains(&format!("async fn {test}()")),
                "{operation}: there is no test `{test}`"
            );
        }
    }
}

/// The operations with tests of their own.
pub(in crate::gateway) fn by_hand() -> BTreeSet<&'static str> {
    TESTS.iter().map(|(operation, _, _)| *operation).collect()
}

/// Whether it follows from a query that counts, or from a body that names divisions: `scoping::jobs` and `scoping::fields`
/// ask each of them.
fn follows(operation: &Operation) -> bool {
    let ((Narrowing::Handle { kind, .. }, _) | (_, Guarding::Handle { kind, .. })) =
        (&operation.narrowing, &operation.guard)
    else {
        return false;
    };
    kind.ends_with("AggregatesJob") || kind == "routingAssessmentsJob"
}

/// Whether nothing of an operation is told by code.
fn is_data(operation: &Operation) -> bool {
    let is_told = match &operation.narrowing {
        Narrowing::DivisionQuery { .. }
        | Narrowing::Listed { .. }
        | Narrowing::DivisionField
        | Narrowing::OwnedDivision
        | Narrowing::Registered { .. }
        | Narrowing::Open { .. } => true,
        Narrowing::Owned { place, .. } => *place == Place::Path,
        Narrowing::DivisionPredicate
        | Narrowing::Membership { .. }
        | Narrowing::Handle { .. }
        | Narrowing::Translate { .. }
        | Narrowing::Own { .. } => false,
    };
    is_told && matches!(operation.body, None | Some(BodyModel::Declared(_)))
}

fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// `q64` holds a search that nobody can read, and so nobody can narrow.
#[test]
fn nothing_that_is_enabled_takes_an_opaque_search() {
    let catalog = Catalog::embedded().unwrap();
    let is_opaque = |name: &str| name.eq_ignore_ascii_case("q64");
    for operation in catalog.operations() {
        let Some(told) = catalog.api().operation(&operation.id) else { continue };
        let in_query = told.query.iter().any(|one| is_opaque(one.name));
        let passes = operation.query.iter().any(|one| is_opaque(&one.name));
        let model = told.body.and_then(|body| catalog.api().model_named(body));
        let in_body = model.is_some_and(|model| model.fields().iter().any(|field| is_opaque(field.name)));
        assert!(!in_query && !passes && !in_body, "{}", operation.id);
    }
}

#[test]
fn every_entry_says_how_it_is_narrowed_and_guarded_and_why() {
    let catalog = Catalog::embedded().unwrap();
    for entry in catalog.describe() {
        if entry["enabled"] == true {
            for half in ["narrowing", "guard"] {
                assert!(entry[half].is_object(), "{entry}");
            }
            assert!(entry["why"].as_str().is_some_and(|why| why.len() > 10), "{entry}");
        } else {
            assert!(entry["reason"].as_str().is_some_and(|reason| reason.len() > 10), "{entry}");
        }
    }
    for operation in catalog.operations() {
        // What takes no division may say nothing that has one.
        if let Narrowing::Open { reason } = &operation.narrowing {
            assert!(reason.len() > 10, "{}", operation.id);
        }
    }
}

const HEAD: &str = r#"
    id = "getRoutingQueues"
    groups = ["reads"]
    why = "a test"
"#;
const SHAPE: &str = r#"
    [shape.Thing]
    division = "division.id"
    keep = ["id", "division"]
"#;
const BY_QUERY: &str = r#"narrowing = { way = "division_query", parameter = "divisionId" }"#;
const AS_LIST: &str =
    r#"guard = { answer = "list", collection = "entities", shape = "Thing", foreign = "violation" }"#;

fn entry(parts: &[&str]) -> String {
    format!("[[operation]]\n{}\n{SHAPE}", parts.join("\n"))
}

fn refusal(text: &str) -> String {
    Catalog::from_files(&[("things.toml", text)]).expect_err(text).to_string()
}

#[test]
fn an_entry_with_both_halves_loads() {
    let text = entry(&[HEAD, BY_QUERY, AS_LIST]);
    let catalog = Catalog::from_files(&[("things.toml", &text)]).unwrap();
    assert!(catalog.find("GET", "/api/v2/routing/queues").is_some());
    assert!(catalog.find("POST", "/api/v2/routing/queues").is_none());
}

#[test]
fn an_entry_without_both_halves_does_not_load() {
    for (parts, missing) in [
        (&[HEAD, AS_LIST][..], "narrowing"),
        (&[HEAD, BY_QUERY][..], "guard"),
        (&[HEAD][..], "missing field"),
    ] {
        let refusal = refusal(&entry(parts));
        assert!(refusal.contains(missing), "{refusal}");
    }
}

#[test]
fn an_entry_whose_halves_do_not_fit_does_not_load() {
    let owned = r#"narrowing = { way = "owned", place = "path", name = "thingId" }"#;
    let open = r#"narrowing = { way = "open", reason = "nobody's" }"#;
    let predicate = r#"narrowing = { way = "division_predicate" }"#;
    let own = r#"narrowing = { way = "own", answer = "token" }"#;
    let translate = r#"narrowing = { way = "translate", to = "users_search" }"#;
    let as_entity = r#"guard = { answer = "entity", shape = "Thing" }"#;
    let as_fields = r#"guard = { answer = "fields", shape = "Thing" }"#;
    let as_own = r#"guard = { answer = "own" }"#;
    for (narrowing, guard) in [
        (BY_QUERY, as_entity),
        (BY_QUERY, as_fields),
        (BY_QUERY, as_own),
        (owned, AS_LIST),
        (owned, as_entity),
        (owned, as_own),
        (open, AS_LIST),
        (open, as_own),
        (predicate, AS_LIST),
        (predicate, as_fields),
        (own, AS_LIST),
        (translate, as_fields),
    ] {
        refusal(&entry(&[HEAD, narrowing, guard]));
    }
}

#[test]
fn an_entry_that_contradicts_itself_does_not_load() {
    for (from, to) in [
        ("\"getRoutingQueues\"", "\"getThings\""),
        ("\"getRoutingQueues\"", "\"getRoutingQueues\"\nmethod = \"GET\""),
        ("\"getRoutingQueues\"", "\"getRoutingQueues\"\npath = \"/api/v2/routing/queues\""),
        ("\"reads\"", "\"things\""),
        ("\"reads\"", "\"reads\", \"writes\""),
        ("a test", " "),
        ("why = ", "because = "),
        ("\"Thing\"", "\"Other\""),
        ("\"violation\"", "\"ignore\""),
        ("\"division_query\"", "\"none\""),
    ] {
        let text = entry(&[HEAD, BY_QUERY, AS_LIST]);
        assert!(text.contains(from), "{from}");
        refusal(&text.replace(from, to));
    }
    for query in [
        r#"query = [{ name = "divisionId", is = "text", max = 9 }]"#,
        r#"query = [{ name = "id", is = "text", max = 9 }, { name = "id", is = "boolean" }]"#,
    ] {
        refusal(&entry(&[HEAD, query, BY_QUERY, AS_LIST]));
    }
}

#[test]
fn the_gateways_own_operations_say_where_they_are() {
    let own = r#"
        [[operation]]
        id = "gatewayThings"
        method = "GET"
        path = "/gateway/v1/things"
        groups = ["reads"]
        why = "a test"
        narrowing = { way = "own", answer = "whoami" }
        guard = { answer = "own" }
    "#;
    let catalog = Catalog::from_files(&[("things.toml", own)]).unwrap();
    assert!(catalog.find("GET", "/gateway/v1/things").is_some());
    for (from, to) in [
        ("\"GET\"", "\"BREW\""),
        ("/gateway/v1/things", "/things"),
        ("/gateway/v1/things", "/api/v2/things"),
        ("method = \"GET\"", ""),
        ("path = \"/gateway/v1/things\"", ""),
    ] {
        assert!(own.contains(from), "{from}");
        refusal(&own.replace(from, to));
    }
    let other = own.replace("gatewayThings", "gatewayOthers");
    assert!(Catalog::from_files(&[("a.toml", own), ("b.toml", &other)]).is_err());
}

#[test]
fn nothing_stands_in_the_catalog_twice() {
    let whole = entry(&[HEAD, BY_QUERY, AS_LIST]);
    let operation = whole.replace(SHAPE, "");
    let denied = denied("no_division", "no", &["getRoutingQueues"]);
    for twice in [operation.as_str(), &denied, SHAPE] {
        assert!(Catalog::from_files(&[("a.toml", &whole), ("b.toml", twice)]).is_err(), "{twice}");
    }
}

fn denied(code: &str, reason: &str, operations: &[&str]) -> String {
    format!("[[denied]]\ncode = {code:?}\nreason = {reason:?}\noperations = {operations:?}")
}

#[test]
fn what_is_denied_is_in_the_api_once_and_says_why_in_known_words() {
    let good = denied("no_division", "no", &["getTeams", "getTeam"]);
    let catalog = Catalog::from_files(&[("things.toml", &good)]).unwrap();
    assert!(matches!(catalog.find("GET", "/api/v2/teams").unwrap().entry, Entry::Denied(_)));
    for wrong in [
        denied("no_division", "no", &["getTeam", "getTeam"]),
        denied("no_division", "no", &["getThings"]),
        denied("no_division", " ", &["getTeam"]),
        denied("no_division", "no", &[]),
        denied("because", "no", &["getTeam"]),
        format!("{good}\npath = \"/api/v2/teams\""),
        good.replace("reason = \"no\"", ""),
        good.replace("code = \"no_division\"", ""),
    ] {
        refusal(&wrong);
    }
}

#[test]
fn a_shape_that_contains_itself_does_not_load() {
    let nested = "nested = [{ at = \"parent\", holds = \"one\", shape = \"Thing\" }]";
    refusal(&format!("{}\n{nested}", entry(&[HEAD, BY_QUERY, AS_LIST])));
}

#[test]
fn what_may_be_expanded_is_what_the_shape_shows() {
    let query = r#"query = [{ name = "expand", is = "expand" }]"#;
    let text = entry(&[HEAD, query, BY_QUERY, AS_LIST]);
    let catalog = Catalog::from_files(&[("things.toml", &format!("{text}\nexpand = [\"id\"]"))]).unwrap();
    assert_eq!(catalog.operations()[0].expand, ["id"]);
    refusal(&text);
    refusal(&format!("{text}\nexpand = [\"manager\"]"));
}

/// Else the place would be kept as it stands, foreign entities and all.
#[test]
fn a_shape_that_keeps_what_it_should_look_into_does_not_load() {
    let other = SHAPE.replace("Thing", "Other");
    let nested = "nested = [{ at = \"id\", holds = \"one\", shape = \"Other\" }]";
    refusal(&format!("{}\n{nested}\n{other}", entry(&[HEAD, BY_QUERY, AS_LIST])));
}
