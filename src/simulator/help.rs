//! What the simulator says about itself: well-known ids, and the long help.

/// The id of the division `Home`.
pub const HOME: &str = "d0d0d0d0-0000-4000-8000-00000000000d";
/// The id of the division `Alpha Division`.
pub const ALPHA: &str = "a1a1a1a1-0000-4000-8000-00000000000a";
/// The id of the division `Beta Division`.
pub const BETA: &str = "b2b2b2b2-0000-4000-8000-00000000000b";
/// The id of the division `Gamma Division`.
pub const GAMMA: &str = "c3c3c3c3-0000-4000-8000-00000000000c";
/// The client that sees all divisions.
pub const CLIENT_ID: &str = "sim-client";
/// Its secret.
pub const CLIENT_SECRET: &str = "sim-secret";
/// The interval that holds every conversation.
pub const INTERVAL: &str = "2026-06-01T00:00:00.000Z/2026-06-07T00:00:00.000Z";
/// The organisation's id.
pub(super) const ORGANISATION: &str = "51000000-0000-4000-8000-000000000001";
/// The organisation's name.
pub(super) const ORGANISATION_NAME: &str = "Simulated Organisation";
/// The role that every client has in its divisions.
pub(super) const ROLE: &str = "51000000-0000-4000-8000-000000000002";
/// The largest body that is read, as Genesys's `request.bytes.max`.
pub(super) const MOST_BYTES: usize = 512_000;

/// Everything that `--help` and `GET /` of the control listener tell.
pub const HELP: &str = "\
THE ORGANISATION
  Login and API stand on one listener. The client `sim-client` with the secret `sim-secret` sees all divisions; the
  control listener makes others, whose roles reach the divisions that they are given.

  Divisions (fixed ids):
    d0d0d0d0-0000-4000-8000-00000000000d  Home
    a1a1a1a1-0000-4000-8000-00000000000a  Alpha Division
    b2b2b2b2-0000-4000-8000-00000000000b  Beta Division
    c3c3c3c3-0000-4000-8000-00000000000c  Gamma Division

  At scale 1 each division has 12 users, 4 queues and 30 conversations of its own. All conversations start in
  2026-06-01T00:00:00.000Z/2026-06-07T00:00:00.000Z, whatever the day is. Six of the 30 are shared: transferred to a
  queue and a user of a second division, tagged with both in `divisionIds`, and found by a `divisionId` predicate of
  either. The same seed gives the same data.

  What reaches into other divisions, as in the real organisation: a user's `manager` and `team`; a queue's
  `memberCount`, `memberGroups`, `createdBy`, `modifiedBy` and `defaultScripts`; owners and counts of groups.

API
  POST /oauth/token                       Basic credentials, grant_type=client_credentials
  GET  /api/v2/tokens/me                  also HEAD
  GET  /api/v2/organizations/me
  GET  /api/v2/users/me                   400 not.a.user, as for all client credentials
  GET  /api/v2/authorization/divisions    all divisions; pageSize pageNumber id name sortBy objectCount
  GET  /api/v2/authorization/divisions/home
  GET  /api/v2/authorization/divisions/{divisionId}
  GET  /api/v2/users                      all divisions; pageSize pageNumber id sortOrder expand state
  GET  /api/v2/users/{userId}             any division; expand state
  POST /api/v2/users/search               EXACT STARTS_WITH CONTAINS TERM TERMS REQUIRED_FIELDS MATCH_ALL QUERY_STRING
  GET  /api/v2/users/search?q64=          the search of an earlier answer's currentPage, nextPage or previousPage
  POST /api/v2/users                      name, email and divisionId; 409 for an address that is taken
  PATCH, DELETE /api/v2/users/{userId}    PATCH needs the newest version, else 409; who is deleted keeps state deleted
  POST /api/v2/routing/queues             name; sourceQueueId copies; 409 for a name that is taken
  PUT, DELETE /api/v2/routing/queues/{queueId}   PUT replaces the queue whole
  GET  /api/v2/routing/queues             pageNumber pageSize sortOrder name id divisionId expand
  GET  /api/v2/routing/queues/{queueId}
  GET  /api/v2/routing/queues/{queueId}/members   all divisions; pageNumber pageSize sortOrder expand name joined
  GET  /api/v2/routing/queues/divisionviews       pageNumber pageSize sortBy sortOrder name id divisionId
  GET  /api/v2/users/{userId}/queues              pageNumber pageSize joined divisionId
  GET  /api/v2/users/{userId}/presences/purecloud
  GET  /api/v2/presence/definitions               divisionId deactivated localeCode
  GET  /api/v2/routing/wrapupcodes[/{codeId}]     pageNumber pageSize sortBy sortOrder name id divisionId
  GET  /api/v2/routing/skills[/{skillId}]         pageNumber pageSize name id; no division narrows it
  GET  /api/v2/routing/languages[/{languageId}]   whole organisation; pageNumber pageSize sortOrder name id
  GET  /api/v2/conversations/{conversationId}
  GET  /api/v2/analytics/conversations/{conversationId}/details
  GET  /api/v2/analytics/conversations/details?id=
  POST /api/v2/analytics/{what}/activity|observations/query   what goes on, counted over the same sessions; no divisions
  POST /api/v2/analytics/{what}/aggregates/query          metrics of sessions, by the conversation's start; UTC alone.
                                          Of users and agentutilizations: of spells of each user, whomever they were for
  POST /api/v2/analytics/conversations/details/query
  POST /api/v2/analytics/conversations/{details,aggregates}/jobs   202; what the query would find, kept
  GET, DELETE …/jobs/{jobId}              for any client that knows the id: QUEUED when first asked, then FULFILLED
  GET  …/jobs/{jobId}/results             cursor; of details pageSize
  GET  …/details/jobs/availability

  Every other operation of the API is answered from the model of its answer. Collections hold a few things of each
  division (a few of nobody's, where their model has no place for a division); what stands below a thing is there
  exactly if that is, and what else stands in an object is by turns of the same division and of others. Lists show all
  divisions, or those that the query or the body names. Ids, and the second word of texts (`canary-b2b2b2b2-name-0`),
  begin as the id of the division does that they are of, or with 00000000.

  What is written stays until a division is reseeded. All else is 404. Parameters and body fields that an operation does not have are 400, bodies over 512000 bytes 413.
  A client with divisions sees only those where Genesys asks for a permission: searches, queues, analytics.

  Searches: criteria that are AND all hold and none that is NOT holds, or any that is OR holds. Use `group` to join
  them otherwise. Searchable fields: id name email username department title state divisionId teamId manager.

  Analytics: the elements of a filter list are joined by AND. An element of segmentFilters is held by one segment (with what
  its participant and session say), of evaluationFilters by one evaluation, and so on; `notExists` holds where the
  row lacks the dimension. Conversations count by their start. Intervals span at most 7 days, with a filter 31.

CONTROL (JSON; `GET /` is this text)
  GET    /facts                    seed, scale, interval, clients, and for each division the ids of its users, queues
                                   and conversations (`owner`, and `shared_with` for those of two divisions)
  GET    /things/api/v2/...        what can be named below that path: {\"id\", \"division\"}
  GET    /calls                    the last 1000 requests that reached the API, oldest first: method, path with
                                   query, body, headers, and the client of its token (logins are not among them)
  DELETE /calls                    forgets them
  GET    /logins                   {\"requests\", \"successes\"}: token requests so far
  GET    /tokens                   {\"expired_sent\", \"over_limit\", \"most_in_a_minute\"}: requests with a token after its
                                   end, those beyond its limit, and the most with one token in one of its minutes
  GET    /faults                   the faults that are set, with the times that are left
  PUT    /faults                   [{\"match\": {\"method\"?, \"path_prefix\"?}, \"fault\": {\"kind\": ...}, \"times\"?: N,
                                   \"nth\"?: N}]
                                   Replaces all. The first fitting one happens; latencies before it add up. With `nth`
                                   it begins at the Nth request that matches, and happens `times` times from there.
  DELETE /faults                   takes them all away
  POST   /divisions/{id}/reseed    {\"variation\": N} makes the division's own users, queues and conversations anew,
                                   with other ids and counts; 0 is how it began. Of other divisions' objects only
                                   what names this division's users and queues changes. Which conversations are
                                   shared, and when they were, never changes.
  POST   /divisions/{id}/users     {\"count\": N} adds so many users
  POST   /users/{id}/move          {\"division\": ID} moves a user, with all of the past
  POST   /tokens/expire            makes all tokens stale: 401 until the next login
  POST   /jobs/expire              makes all jobs EXPIRED, their results 404
  POST   /clients                  {\"client_id\", \"secret\", \"divisions\"?: [id]} adds or replaces a client
  POST   /settings                 {\"token_lifetime_seconds\"?, \"rate_per_minute\"?: 0 lifts the limit (as it begins),
                                   \"minute_ms\"?: how long that minute is}

FAULTS
  {\"kind\": \"latency\", \"ms\": N}                            a good answer, late
  {\"kind\": \"status\", \"status\": N, \"retry_after\"?: N}      that status, and nothing is done
  {\"kind\": \"reset\"}                                       the connection closes without an answer
  {\"kind\": \"truncate\"}                                    half of the promised body, then the connection closes
  {\"kind\": \"cut_chunks\"}                                  half of a body of unknown length, then the same
  {\"kind\": \"trickle\", \"bytes\": N, \"ms\": N}               a good answer, N bytes after each pause
  {\"kind\": \"endless\"}                                     a list that never ends
  {\"kind\": \"huge_headers\", \"bytes\": N}                   a good answer with a header of that size
  {\"kind\": \"content_type\", \"value\": TYPE}                a good answer that says to be something else
  {\"kind\": \"gzip\"}                                        a good answer, compressed, asked or not
  {\"kind\": \"totals\", \"add\": N}                           a good answer that counts so many too many
  {\"kind\": \"instead\", \"field\": NAME, \"value\": ANY}     a good answer with this in that field, of the first one
  {\"kind\": \"done\", \"status\": N}                        a good answer with that status
  {\"kind\": \"malformed\"}                                   200, not JSON
  {\"kind\": \"hang\"}                                        never an answer
  {\"kind\": \"empty_body\"}                                  200, no body
  {\"kind\": \"lie\", \"division\"?: ID}                      entities that were not asked for (of that division alone)
                                                          in the answer and its totals; for a read by id, another
                                                          division's entity
  {\"kind\": \"early\", \"hours\": N}                        aggregates from before the interval that was asked for
  For the login, match path_prefix /oauth.

READY FILE
  {\"api\": \"http://...\", \"login\": the same, \"control\": \"http://...\"}, written whole once both listeners serve.
";
