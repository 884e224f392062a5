"""What a tenant's application sees through the official Python SDK."""

import json
import unittest
from types import SimpleNamespace
from urllib.parse import urlsplit

import PureCloudPlatformClientV2 as sdk
from PureCloudPlatformClientV2.rest import ApiException

UNKNOWN = "00000000-0000-4000-8000-000000000000"


class Check(unittest.TestCase):
    house = None

    def client(self, tenant="alpha"):
        """Logged in by plain host."""
        key = self.house.keys[tenant]
        client = sdk.api_client.ApiClient(host=self.house.gateway)
        return client.get_client_credentials_token(key["client_id"], key["client_secret"])

    def own(self, what, tenant="alpha"):
        return set(self.house.division(tenant)[what])

    def refused(self, call, *arguments, **named):
        with self.assertRaises(ApiException) as raised:
            call(*arguments, **named)
        return raised.exception

    def error_body(self, error):
        """The refusal, as the SDK's own model of it; its correlation id is the header's."""
        client = sdk.api_client.ApiClient(host=self.house.gateway)
        answer = SimpleNamespace(data=error.body, getheader=error.headers.get)
        body = client.deserialize(answer, "ErrorBody")
        self.assertEqual(body.status, error.status)
        self.assertTrue(body.code)
        self.assertTrue(body.message)
        self.assertEqual(body.context_id, error.headers["ININ-Correlation-Id"])
        return body


class Login(Check):
    def test_by_plain_host(self):
        self.assertTrue(self.client().access_token)

    def test_by_gateway_configuration_set_before_the_client(self):
        address = urlsplit(self.house.gateway)
        configuration = sdk.configuration
        configuration.gateway_configuration = sdk.GatewayConfiguration(
            host=address.hostname, protocol="http", port=address.port, path_params_login="login",
            path_params_api="api")
        try:
            self.logs_in_and_reads(sdk.api_client.ApiClient())
        finally:
            configuration.gateway_configuration = None

    def test_by_set_gateway(self):
        address = urlsplit(self.house.gateway)
        for login, api in [("login", "api"), ("/login/", "/api/"), ("", ""), (None, None)]:
            with self.subTest(login=login, api=api):
                client = sdk.api_client.ApiClient()
                client.set_gateway(address.hostname, "http", address.port, login, api)
                self.logs_in_and_reads(client)

    def test_by_a_host_with_a_trailing_slash(self):
        self.logs_in_and_reads(sdk.api_client.ApiClient(host=self.house.gateway + "/"))

    def logs_in_and_reads(self, client):
        key = self.house.keys["alpha"]
        client.get_client_credentials_token(key["client_id"], key["client_secret"])
        page = sdk.RoutingApi(client).get_routing_queues(page_size=100)
        self.assertEqual({queue.id for queue in page.entities}, self.own("queues"))

    def test_a_bad_secret_is_refused_with_a_body_that_says_so(self):
        client = sdk.api_client.ApiClient(host=self.house.gateway)
        key = self.house.keys["alpha"]
        for client_id, secret in [(key["client_id"], "wrong"), (key["client_id"], self.house.keys["beta"]["client_secret"]),
                                  ("a" * 16, key["client_secret"]), ("nobody", "x")]:
            error = self.refused(client.get_client_credentials_token, client_id, secret)
            self.assertEqual(error.status, 401)
            self.assertEqual(json.loads(error.body)["error"], "invalid_client")

    def test_a_bad_token_is_refused(self):
        client = self.client()
        client.access_token += "x"
        error = self.refused(sdk.RoutingApi(client).get_routing_queues)
        self.assertEqual(error.status, 401)
        self.error_body(error)

    def test_the_key_itself_serves_as_a_token(self):
        client = sdk.api_client.ApiClient(host=self.house.gateway)
        client.access_token = self.house.keys["alpha"]["api_key"]
        self.assertTrue(sdk.RoutingApi(client).get_routing_queues().entities)

    def test_tokens_me_answers(self):
        info = sdk.TokensApi(self.client()).get_tokens_me()
        self.assertIsInstance(info, sdk.TokenInfo)
        self.assertTrue(info.organization.id)


class Queues(Check):
    def setUp(self):
        self.api = sdk.RoutingApi(self.client())

    def test_a_list_holds_the_tenants_own_and_says_so_in_its_total(self):
        page = self.api.get_routing_queues(page_size=100)
        self.assertEqual({queue.id for queue in page.entities}, self.own("queues"))
        self.assertEqual(page.total, len(self.own("queues")))
        self.assertEqual({queue.division.id for queue in page.entities}, {self.house.division("alpha")["id"]})

    def test_pages_are_whole_and_add_up(self):
        seen = []
        count = self.api.get_routing_queues(page_size=3, page_number=1).page_count
        for number in range(1, count + 1):
            page = self.api.get_routing_queues(page_size=3, page_number=number)
            self.assertEqual(page.total, len(self.own("queues")))
            seen += [queue.id for queue in page.entities]
        self.assertEqual(sorted(seen), sorted(self.own("queues")))

    def test_a_name_finds_own_queues_only(self):
        names = {queue.name: queue.id for queue in self.api.get_routing_queues(page_size=100).entities}
        name, own = sorted(names.items())[0]
        self.assertEqual([queue.id for queue in self.api.get_routing_queues(name=name).entities], [own])
        everything = self.api.get_routing_queues(name="*", page_size=100)
        self.assertEqual({queue.id for queue in everything.entities}, self.own("queues"))
        theirs = sdk.RoutingApi(self.client("beta")).get_routing_queues(page_size=100).entities
        for queue in theirs:
            if queue.name not in names:
                page = self.api.get_routing_queues(name=queue.name)
                self.assertEqual((page.entities, page.total), ([], 0))

    def test_one_by_id(self):
        own = min(self.own("queues"))
        self.assertEqual(self.api.get_routing_queue(own).id, own)

    def test_another_tenants_division_is_refused(self):
        error = self.refused(self.api.get_routing_queues, division_id=[self.house.division("beta")["id"]])
        self.assertEqual(error.status, 403)
        self.assertTrue(self.error_body(error).code.startswith("ringfence."))


class Users(Check):
    def setUp(self):
        self.api = sdk.UsersApi(self.client())

    def test_a_list_holds_the_tenants_own_page_by_page(self):
        seen, number, count = [], 1, 1
        while number <= count:
            page = self.api.get_users(page_size=5, page_number=number, state="any")
            self.assertEqual(page.total, len(self.own("users")))
            seen += [user.id for user in page.entities]
            number, count = number + 1, page.page_count
        self.assertEqual(sorted(seen), sorted(self.own("users")))

    def test_each_tenant_sees_its_own(self):
        for tenant in ("alpha", "beta"):
            api = sdk.UsersApi(self.client(tenant))
            everyone = api.get_users(page_size=100, state="any").entities
            self.assertEqual({user.id for user in everyone}, self.own("users", tenant))
            active = api.get_users(page_size=100).entities
            self.assertEqual({user.id for user in active}, {user.id for user in everyone if user.state == "active"})

    def test_one_by_id(self):
        own = min(self.own("users"))
        user = self.api.get_user(own)
        self.assertEqual((user.id, user.division.id), (own, self.house.division("alpha")["id"]))

    def test_a_search_finds_the_tenants_own(self):
        page = self.search(type="CONTAINS", fields=["email"], value="example")
        everything = self.search(type="MATCH_ALL")
        self.assertEqual({user.id for user in everything.results}, self.own("users"))
        self.assertEqual(everything.total, len(self.own("users")))
        self.assertLessEqual({user.id for user in page.results or []}, self.own("users"))

    def test_a_search_for_anothers_user_finds_nobody(self):
        theirs = sdk.UsersApi(self.client("beta")).get_users(page_size=1).entities[0]
        page = self.search(type="EXACT", fields=["email"], value=theirs.email)
        self.assertEqual((page.results or [], page.total), ([], 0))

    def search(self, **criteria):
        criterion = sdk.UserSearchCriteria()
        for name, value in criteria.items():
            setattr(criterion, name, value)
        request = sdk.UserSearchRequest()
        request.query, request.page_size, request.page_number = [criterion], 100, 1
        return self.api.post_users_search(request)


class Strangers(Check):
    """Another's and a missing object look the same."""

    def test_users(self):
        api = sdk.UsersApi(self.client())
        self.assert_alike(api.get_user, min(self.own("users", "beta")))

    def test_queues(self):
        api = sdk.RoutingApi(self.client())
        self.assert_alike(api.get_routing_queue, min(self.own("queues", "beta")))

    def assert_alike(self, get, foreign):
        answers = []
        for wanted in (foreign, UNKNOWN):
            error = self.refused(get, wanted)
            self.error_body(error)
            body = json.loads(error.body)
            body.pop("contextId")
            headers = sorted(name.lower() for name in error.headers)
            # The caller's own id may be named; nothing else may differ.
            answers.append((error.status, error.reason, json.dumps(body).replace(wanted, "ID"), headers))
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0][0], 404)


class Conversations(Check):
    def setUp(self):
        self.api = sdk.AnalyticsApi(self.client())

    def query(self, **fields):
        query = sdk.ConversationQuery()
        query.interval = self.house.facts["interval"]
        for name, value in fields.items():
            setattr(query, name, value)
        return query

    def everything(self, api, **fields):
        """All pages' conversations."""
        seen, number, total = [], 1, None
        while total is None or len(seen) < total:
            paging = sdk.PagingSpec()
            paging.page_size, paging.page_number = 7, number
            answer = api.post_analytics_conversations_details_query(self.query(paging=paging, **fields))
            total = answer.total_hits
            self.assertTrue(answer.conversations or len(seen) >= total, "pages end before the total")
            seen += answer.conversations or []
            number += 1
        self.assertEqual(len(seen), total)
        return seen

    def test_all_pages_are_the_tenants_own(self):
        for tenant in ("alpha", "beta"):
            division = self.house.division(tenant)
            seen = self.everything(sdk.AnalyticsApi(self.client(tenant)))
            self.assertEqual({one.conversation_id for one in seen}, {one["id"] for one in division["conversations"]})
            unshared = {one["id"] for one in division["conversations"] if not one["shared_with"]}
            for conversation in seen:
                if conversation.conversation_id in unshared:
                    self.assertEqual(conversation.division_ids, [division["id"]])
                    self.assertTrue(conversation.participants)

    def test_of_a_shared_conversation_nothing_of_another_tenant_is_shown(self):
        theirs = self.own("users", "beta") - self.own("users")
        shared = {one["id"] for one in self.house.division("alpha")["conversations"] if one["shared_with"]}
        seen = [one for one in self.everything(self.api) if one.conversation_id in shared]
        self.assertTrue(seen)
        for conversation in seen:
            text = json.dumps(self.api.api_client.sanitize_for_serialization(conversation))
            self.assertFalse([user for user in theirs if user in text])

    def test_filters_narrow_and_never_widen(self):
        own = {one["id"] for one in self.house.division("alpha")["conversations"]}
        queue = min(self.own("queues"))
        mine = self.everything(self.api, segment_filters=[self.filter("queueId", queue)])
        self.assertTrue(mine)
        self.assertLess({one.conversation_id for one in mine}, own)
        theirs = self.filter("queueId", min(self.own("queues", "beta")))
        self.assertLessEqual({one.conversation_id for one in self.everything(self.api, segment_filters=[theirs])}, own)

    def test_an_or_around_the_division_does_not_get_out(self):
        own = {one["id"] for one in self.house.division("alpha")["conversations"]}
        either = self.filter("conversationId", self.house.division("beta")["conversations"][0]["id"])
        either.predicates += self.filter("conversationId", self.house.division("alpha")["conversations"][0]["id"]).predicates
        seen = self.everything(self.api, conversation_filters=[either])
        self.assertLessEqual({one.conversation_id for one in seen}, own)

    def filter(self, dimension, value):
        cls = sdk.SegmentDetailQueryFilter if dimension == "queueId" else sdk.ConversationDetailQueryFilter
        predicate_cls = (sdk.SegmentDetailQueryPredicate if dimension == "queueId"
                         else sdk.ConversationDetailQueryPredicate)
        predicate = predicate_cls()
        predicate.type, predicate.dimension, predicate.operator, predicate.value = "dimension", dimension, "matches", value
        narrowed = cls()
        narrowed.type, narrowed.predicates = "or", [predicate]
        return narrowed


class Denials(Check):
    def test_a_denied_operation_is_refused_in_words_the_sdk_reads(self):
        error = self.refused(sdk.OAuthApi(self.client()).get_oauth_clients)
        self.assertEqual(error.status, 403)
        self.assertEqual(self.error_body(error).code, "ringfence.operation_denied")

    def test_an_operation_that_is_not_listed_does_not_exist(self):
        client = self.client()
        error = self.refused(client.call_api, "/api/v2/nothing", "GET", auth_settings=["PureCloud OAuth"])
        self.assertEqual(error.status, 404)
        self.assertEqual(self.error_body(error).code, "ringfence.operation_unknown")

    def test_a_path_smuggled_in_an_id_goes_nowhere(self):
        error = self.refused(sdk.UsersApi(self.client()).get_user, "x/../../oauth/clients")
        self.assertIn(error.status, (400, 403, 404))
        self.error_body(error)

    def test_every_answer_is_on_record(self):
        error = self.refused(sdk.UsersApi(self.client()).get_user, UNKNOWN)
        events = self.house.events(error.headers["ININ-Correlation-Id"])
        self.assertEqual([event["operation"] for event in events], ["getUser"])
