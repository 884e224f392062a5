"""Every enabled operation through the official Python SDK: while all is well, and while Genesys misbehaves."""

import json
import time
import unittest

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.rest import ApiException

from checks import UNKNOWN, Check

RECOVERY_SECONDS = 15
# What Genesys said of whose something is is remembered for a minute, a lie too.
LIE_SECONDS = 75

FAULTS = {
    "429 with a time to wait": {"kind": "status", "status": 429, "retry_after": 1},
    "401": {"kind": "status", "status": 401},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "504": {"kind": "status", "status": 504},
    "a reset": {"kind": "reset"},
    "a truncated answer": {"kind": "truncate"},
    "an answer cut within its chunks": {"kind": "cut_chunks"},
    "an answer that is not JSON": {"kind": "malformed"},
    "an empty answer": {"kind": "empty_body"},
    "a slow answer": {"kind": "latency", "ms": 300},
    "a lie": {"kind": "lie"},
}
# What is counted beside conversations, as the SDK's methods name it.
FIGURES = ["evaluations", "flowexecutions", "flows", "surveys", "taskmanagement", "transcripts", "copilots",
           "casemanagement", "agentcopilots", "knowledge", "resolutions", "summaries"]
REFUSED, UNDONE, OPEN = "too.many.requests.retry.after", "ringfence.upstream_failed", "ringfence.effect_unknown"
# How a change ends then; one that is answered with nothing but its status may end well.
ENDS = {"429 with a time to wait": REFUSED, "401": UNDONE, "a slow answer": None}


def made(model, **fields):
    """A model of the SDK's with these fields."""
    instance = model()
    for name, value in fields.items():
        setattr(instance, name, value)
    return instance


class Operations(Check):
    def reads(self, client):
        """All reads that ask Genesys, as an application makes them."""
        routing, users, presence = sdk.RoutingApi(client), sdk.UsersApi(client), sdk.PresenceApi(client)
        analytics, recording = sdk.AnalyticsApi(client), sdk.RecordingApi(client)
        alone = self.alone()
        queue, user = min(self.own("queues")), min(self.own("users"))
        conversation = self.house.division("alpha")["conversations"][0]["id"]
        interval = self.house.facts["interval"]
        search = made(sdk.UserSearchRequest, query=[made(sdk.UserSearchCriteria, type="MATCH_ALL")])
        aggregates = made(
            sdk.ConversationAggregationQuery, interval=interval, metrics=["nOffered"], group_by=["queueId"])
        details = made(
            sdk.ConversationQuery, interval=interval, paging=made(sdk.PagingSpec, page_size=50, page_number=1))
        return [
            lambda: routing.get_routing_queues(page_size=100),
            lambda: routing.get_routing_queue(queue),
            lambda: routing.get_routing_queues_divisionviews(page_size=100),
            lambda: routing.get_routing_queue_members(queue, page_size=100),
            lambda: routing.get_user_queues(user, page_size=100),
            lambda: routing.get_routing_wrapupcodes(page_size=100),
            lambda: routing.get_routing_wrapupcode(self.house.known["wrapup code"]),
            lambda: routing.get_routing_skills(page_size=100),
            lambda: routing.get_routing_skill(self.house.known["skill"]),
            lambda: routing.get_routing_languages(page_size=100),
            lambda: routing.get_routing_language(self.house.known["language"]),
            lambda: users.get_users(page_size=100),
            lambda: users.get_user(user),
            lambda: users.post_users_search(search),
            lambda: presence.get_user_presence(user, "PURECLOUD"),
            lambda: presence.get_user_presences_purecloud(user),
            lambda: presence.get_presence_definitions(),
            lambda: analytics.post_analytics_conversations_details_query(details),
            lambda: analytics.post_analytics_conversations_aggregates_query(aggregates),
            lambda: analytics.get_analytics_conversation_details(conversation),
            lambda: analytics.get_analytics_conversations_details(id=[conversation, UNKNOWN]),
            lambda: sdk.ConversationsApi(client).get_conversation(conversation),
            lambda: recording.get_conversation_recordings(alone, max_wait_ms=5000),
            lambda: recording.get_conversation_recording(alone, self.house.known["recording"]),
            lambda: recording.get_conversation_recordingmetadata(alone),
            lambda: recording.get_conversation_recordingmetadata_recording_id(
                alone, self.house.known["recording metadata"]),
            lambda: sdk.AuthorizationApi(client).get_authorization_divisions(),
            lambda: sdk.OrganizationApi(client).get_organizations_me(),
        ]

    def alone(self):
        """A conversation that no other division has a part in."""
        return next(one["id"] for one in self.house.division("alpha")["conversations"] if not one["shared_with"])

    def setUp(self):
        if not hasattr(self.house, "known"):
            routing, recording = sdk.RoutingApi(self.client()), sdk.RecordingApi(self.client())
            self.house.known = {
                "wrapup code": routing.get_routing_wrapupcodes().entities[0].id,
                "skill": routing.get_routing_skills().entities[0].id,
                "language": routing.get_routing_languages().entities[0].id,
                "recording": recording.get_conversation_recordings(self.alone())[0].id,
                "recording metadata": recording.get_conversation_recordingmetadata(self.alone())[0].id}

    def assert_nothing_foreign(self, text):
        """No id of an object that is another division's alone may stand anywhere in an answer."""
        mine = self.own("users") | self.own("queues")
        self.assertEqual([id for id in self.house.described()["all"] if id not in mine and id in text], [])


class WhileAllIsWell(Operations):
    def test_every_read_answers_and_shows_nothing_foreign(self):
        client = self.client()
        for read in self.reads(client):
            answer = client.sanitize_for_serialization(read())
            self.assertTrue(answer)
            self.assert_nothing_foreign(json.dumps(answer))

    def test_figures_of_all_kinds_name_nothing_foreign(self):
        client, interval = self.client(), self.house.facts["interval"]
        analytics = sdk.AnalyticsApi(client)
        activity, observed = {"metrics": [{"metric": "oCounted"}]}, {"metrics": ["oWaiting"]}
        asked = [(f"{what}_aggregates", {"interval": interval, "metrics": ["nCounted"]}) for what in FIGURES]
        asked += [("conversations_activity", activity), ("flows_activity", activity), ("queues_observations", observed)]
        asked += [("users_aggregates", {"interval": interval, "metrics": ["tSystemPresence"]}),
                  ("agentutilizations_aggregates", {"interval": interval, "metrics": ["nCounted"]})]
        for what, body in asked + [("flows_observations", {"metrics": ["oFlow"]})]:
            answer = getattr(analytics, f"post_analytics_{what}_query")(body)
            self.assert_nothing_foreign(json.dumps(client.sanitize_for_serialization(answer)))

    def test_a_job_is_begun_waited_for_read_and_given_up(self):
        client, interval = self.client(), self.house.facts["interval"]
        analytics = sdk.AnalyticsApi(client)
        self.assertTrue(analytics.get_analytics_conversations_details_jobs_availability())
        for kind, body in [("details", {"interval": interval}), ("aggregates", {"interval": interval, "metrics": ["nOffered"]})]:
            name = f"analytics_conversations_{kind}_job"
            job = getattr(analytics, f"post_{name}s")(body).job_id
            states = (getattr(analytics, f"get_{name}")(job).state for _ in range(20))
            self.assertIn("FULFILLED", states)
            answer = client.sanitize_for_serialization(getattr(analytics, f"get_{name}_results")(job))
            self.assertTrue(answer["conversations" if kind == "details" else "results"])
            self.assert_nothing_foreign(json.dumps(answer))
            getattr(analytics, f"delete_{name}")(job)
            self.assertEqual(self.refused(getattr(analytics, f"get_{name}"), job).status, 404)

    def test_lists_beyond_queues_and_users_are_the_tenants_own(self):
        client, division = self.client(), self.house.division("alpha")["id"]
        routing = sdk.RoutingApi(client)
        queue, user = min(self.own("queues")), min(self.own("users"))
        views = routing.get_routing_queues_divisionviews(page_size=100).entities
        self.assertEqual({one.id for one in views}, self.own("queues"))
        members = routing.get_routing_queue_members(queue, page_size=100).entities
        self.assertTrue(members)
        self.assertLessEqual({one.id for one in members}, self.own("users"))
        self.assertLessEqual({one.id for one in routing.get_user_queues(user).entities}, self.own("queues"))
        self.assertLessEqual({one.division.id for one in routing.get_routing_wrapupcodes().entities}, {division, "*"})
        self.assertEqual({one.division.id for one in routing.get_routing_skills().entities}, {division})
        divisions = sdk.AuthorizationApi(client).get_authorization_divisions()
        self.assertEqual({one.id for one in divisions.entities}, {division})

    def test_another_tenants_user_queue_and_conversation_are_as_missing(self):
        client = self.client()
        routing, analytics = sdk.RoutingApi(client), sdk.AnalyticsApi(client)
        queue, user = min(self.own("queues", "beta")), min(self.own("users", "beta"))
        theirs = next(one["id"] for one in self.house.division("beta")["conversations"] if not one["shared_with"])
        for call in [
            lambda: routing.get_routing_queue_members(queue), lambda: routing.get_user_queues(user),
            lambda: sdk.PresenceApi(client).get_user_presences_purecloud(user),
            lambda: analytics.get_analytics_conversation_details(theirs),
            lambda: sdk.ConversationsApi(client).get_conversation(theirs),
        ]:
            error = self.refused(call)
            self.assertEqual(error.status, 404)
            self.error_body(error)

    def test_the_token_is_told_of_and_is_no_users(self):
        client = self.client()
        sdk.TokensApi(client).head_tokens_me()
        self.assertEqual(self.refused(sdk.UsersApi(client).get_users_me).status, 400)


class Writes(Operations):
    """By a tenant of their own."""

    def test_a_user_is_made_changed_and_deleted(self):
        api, division = sdk.UsersApi(self.client("gamma")), self.house.division("gamma")["id"]
        user = api.post_users(made(sdk.CreateUser, name="Ana", email="ana@gamma.example"))
        self.assertEqual((user.name, user.division.id), ("Ana", division))
        self.assertEqual(
            api.patch_user(user.id, made(sdk.UpdateUser, title="Lead", version=user.version)).title, "Lead")
        api.delete_user(user.id)
        self.assertEqual(self.refused(api.get_user, user.id).status, 404)

    def test_a_queue_is_made_changed_and_deleted(self):
        api, division = sdk.RoutingApi(self.client("gamma")), self.house.division("gamma")["id"]
        queue = api.post_routing_queues(made(sdk.CreateQueueRequest, name="Made"))
        self.assertEqual((queue.name, queue.division.id), ("Made", division))
        self.assertEqual(api.put_routing_queue(queue.id, made(sdk.QueueRequest, name="Renamed")).name, "Renamed")
        api.delete_routing_queue(queue.id)
        self.assertEqual(self.refused(api.get_routing_queue, queue.id).status, 404)

    def test_what_is_anothers_is_not_changed(self):
        client = self.client("gamma")
        users, routing = sdk.UsersApi(client), sdk.RoutingApi(client)
        user, queue = min(self.own("users")), min(self.own("queues"))
        for call in [
            lambda: users.patch_user(user, made(sdk.UpdateUser, title="Lead", version=1)),
            lambda: users.delete_user(user),
            lambda: routing.put_routing_queue(queue, made(sdk.QueueRequest, name="Renamed")),
            lambda: routing.delete_routing_queue(queue),
        ]:
            error = self.refused(call)
            self.assertEqual(error.status, 404)
            self.error_body(error)


class WhileGenesysMisbehaves(Operations):
    """One for each fault: answered whole or refused in words the SDK reads, nothing foreign, no 401."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def __str__(self):
        return f"while Genesys misbehaves: {self.name}"

    def runTest(self):
        client, fault = self.client(), FAULTS[self.name]
        reads = self.reads(client)
        self.house.faults(fault)
        try:
            for read in reads:
                try:
                    self.assert_nothing_foreign(json.dumps(client.sanitize_for_serialization(read())))
                except ApiException as error:
                    self.error_body(error)
                    self.assert_nothing_foreign(error.body)
                    self.assertNotEqual(error.status, 401)
        finally:
            self.house.faults()
        # All answer again, soon.
        end = time.monotonic() + (LIE_SECONDS if self.name == "a lie" else RECOVERY_SECONDS)
        for read in reads:
            while True:
                try:
                    read()
                    break
                except ApiException as error:
                    self.assertLess(time.monotonic(), end, f"no recovery: {error}")
                    time.sleep(0.1)


class WritesWhileGenesysMisbehaves(Operations):
    """One for each fault: refused in words the SDK reads, sent once, and never told as undone if it may be done."""

    def __init__(self, name):
        super().__init__()
        self.name = name

    def __str__(self):
        return f"writes while Genesys misbehaves: {self.name}"

    def changes(self, client):
        """Changes, and how it is seen whether each was made."""
        users, routing, name = sdk.UsersApi(client), sdk.RoutingApi(client), f"While {self.name}"
        email = name.lower().replace(" ", "-") + "@gamma.example"
        user, leaver = (
            users.post_users(made(sdk.CreateUser, name=name, email=which + email)) for which in ("user-", "leaver-"))
        queue, old = (
            routing.post_routing_queues(made(sdk.CreateQueueRequest, name=f"{name}: {which}"))
            for which in ("queue", "old"))

        def is_queue(name):
            return bool(routing.get_routing_queues(name=name).entities)

        return [
            (lambda: users.post_users(made(sdk.CreateUser, name=name, email=email)),
             lambda: email in {one.email for one in users.get_users(page_size=100, state="any").entities}),
            (lambda: users.patch_user(user.id, made(sdk.UpdateUser, title="Lead", version=user.version)),
             lambda: users.get_user(user.id).title == "Lead"),
            (lambda: users.delete_user(leaver.id), lambda: self.is_gone(users.get_user, leaver.id)),
            (lambda: routing.post_routing_queues(made(sdk.CreateQueueRequest, name=f"{name}: new")),
             lambda: is_queue(f"{name}: new")),
            (lambda: routing.put_routing_queue(queue.id, made(sdk.QueueRequest, name=f"{name}: renamed")),
             lambda: is_queue(f"{name}: renamed")),
            (lambda: routing.delete_routing_queue(old.id), lambda: self.is_gone(routing.get_routing_queue, old.id)),
        ]

    def is_gone(self, get, id):
        try:
            get(id)
        except ApiException as error:
            self.assertEqual(error.status, 404)
            return True
        return False

    def runTest(self):
        client = self.client("gamma")
        changes = self.changes(client)
        self.house.faults_of_writes(FAULTS[self.name])
        try:
            ended = [self.attempt(change) for change, _ in changes]
        finally:
            self.house.faults()
        end = time.monotonic() + RECOVERY_SECONDS
        for (_, is_made), code in zip(changes, ended):
            while True:
                try:
                    was_made = is_made()
                    break
                except ApiException as error:
                    self.assertLess(time.monotonic(), end, f"no recovery: {error}")
                    time.sleep(0.1)
            self.assertTrue(code == OPEN or was_made == (code is None), f"{code}, made: {was_made}")

    def attempt(self, change):
        """Makes one change; tells the code of its refusal."""
        self.house.changes()
        code = None
        try:
            change()
        except ApiException as error:
            code = self.error_body(error).code
            self.assert_nothing_foreign(error.body)
            self.assertNotEqual(error.status, 401)
        sent, expected = self.house.changes(), ENDS.get(self.name, OPEN)
        # What was refused for its token was not done, and is sent once more with another, if there is one.
        self.assertIn(len(sent), (1, 2) if expected == UNDONE else (1,), sent)
        is_bare = expected == OPEN and sent[0]["method"] == "DELETE" or self.name == "a lie"
        self.assertIn(code, (expected, None) if is_bare else (expected,), sent)
        # Of a deletion its status is all that there is to go by, true or not.
        return OPEN if sent[0]["method"] == "DELETE" and expected == OPEN else code

    def assert_nothing_foreign(self, text):
        mine = self.own("users", "gamma") | self.own("queues", "gamma")
        self.assertEqual([id for id in self.house.described()["all"] if id not in mine and id in text], [])


class ToldNoTime(Operations):
    """A 429 without a time: the account waits for the end of Genesys's minute. Last, because all have to."""

    def test_what_was_sent_is_refused_at_once_and_what_waits_is_told_until_when(self):
        client = self.client("gamma")
        users = sdk.UsersApi(client)
        self.house.faults({"kind": "status", "status": 429})
        self.house.changes()
        begun = time.monotonic()
        error = self.refused(users.post_users, made(sdk.CreateUser, name="Late", email="late@gamma.example"))
        self.house.faults()
        # With a time, this SDK would have sent it again by itself.
        self.assertLess(time.monotonic() - begun, 5)
        self.assertEqual((error.status, self.error_body(error).code), (429, REFUSED))
        self.assertNotIn("Retry-After", error.headers)
        self.assertEqual(len(self.house.changes()), 1)
        seconds = int(error.headers["inin-ratelimit-reset"])
        # This one is not sent: the SDK is told when, waits, and knows nothing of it.
        self.assertTrue(sdk.RoutingApi(client).get_routing_queues().entities)
        self.assertLess(time.monotonic() - begun, seconds + 10)
        self.assertNotIn("late@gamma.example", {one.email for one in users.get_users(page_size=100).entities})


def load_tests(loader, _tests, _pattern):
    """In the order of the faults."""
    suite = loader.loadTestsFromTestCase(WhileAllIsWell)
    suite.addTests(loader.loadTestsFromTestCase(Writes))
    suite.addTests(WhileGenesysMisbehaves(name) for name in FAULTS)
    suite.addTests(WritesWhileGenesysMisbehaves(name) for name in FAULTS)
    suite.addTests(loader.loadTestsFromTestCase(ToldNoTime))
    return suite
