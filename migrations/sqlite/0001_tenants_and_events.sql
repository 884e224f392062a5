-- The first tables: who may do what (tenants, keys, policies, service accounts, operators), and what happened (events).
--
-- Timestamps are RFC 3339 text in UTC, written by the program alone: `+00:00` sorts before a fraction, so text order is
-- time order. Lengths are bounds against runaway input; what people may choose is checked before it comes here.

-- The number of the last change. Every change raises it first, so changes become visible in its order.
CREATE TABLE version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    value INTEGER NOT NULL,
    -- SECURITY: the sum of all seals, sealed with the number: no row and its seal are put back together.
    proof BLOB
) STRICT;

INSERT INTO version (id, value) VALUES (1, 0);

-- One value per purpose: pepper, signing key and the like, sealed under the master key.
CREATE TABLE sealed (
    purpose TEXT NOT NULL PRIMARY KEY CHECK (length(purpose) BETWEEN 1 AND 63),
    value BLOB NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

-- Master keys under which nothing may be sealed any more. Their ids, which are digests: no key is ever kept here.
CREATE TABLE retired_master_key (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    retired_at TEXT NOT NULL
) STRICT;

CREATE TABLE operator (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    email TEXT NOT NULL UNIQUE CHECK (length(email) BETWEEN 1 AND 320 AND email = lower(email)),
    role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'auditor')),
    created_at TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE operator_token (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    operator_id TEXT NOT NULL REFERENCES operator (id),
    hmac BLOB NOT NULL CHECK (length(hmac) = 32),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE service_account (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
    client_id TEXT NOT NULL CHECK (length(client_id) BETWEEN 1 AND 1000),
    sealed_secret BLOB NOT NULL,
    api_url TEXT NOT NULL CHECK (length(api_url) BETWEEN 1 AND 2000),
    login_url TEXT NOT NULL CHECK (length(login_url) BETWEEN 1 AND 2000),
    shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
    description TEXT NOT NULL CHECK (length(description) <= 10000),
    tokens INTEGER NOT NULL CHECK (tokens BETWEEN 1 AND 20),
    requests_per_minute INTEGER CHECK (requests_per_minute BETWEEN 1 AND 1000000),
    lend_idle INTEGER NOT NULL CHECK (lend_idle IN (0, 1)),
    secret_at TEXT NOT NULL,
    created_at TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE INDEX service_account_by_version ON service_account (version);

CREATE TABLE tenant (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
    service_account TEXT NOT NULL REFERENCES service_account (id),
    policy_template TEXT NOT NULL CHECK (length(policy_template) BETWEEN 1 AND 200),
    cross_division TEXT NOT NULL CHECK (cross_division IN ('redact', 'stub')),
    dedicated_agents INTEGER NOT NULL CHECK (dedicated_agents IN (0, 1)),
    dedicated_at TEXT,
    dedicated_since TEXT,
    lenient INTEGER NOT NULL CHECK (lenient IN (0, 1)),
    limits TEXT NOT NULL CHECK (length(limits) <= 1000),
    token_lifetime_seconds INTEGER NOT NULL CHECK (token_lifetime_seconds BETWEEN 60 AND 172800),
    budget_weight INTEGER NOT NULL CHECK (budget_weight BETWEEN 1 AND 1000),
    suspended INTEGER NOT NULL CHECK (suspended IN (0, 1)),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE INDEX tenant_by_version ON tenant (version);
CREATE INDEX tenant_by_account ON tenant (service_account);

-- SECURITY: the primary key is the fence: no division belongs to two tenants. `position` keeps the order as given.
CREATE TABLE tenant_division (
    division_id TEXT NOT NULL PRIMARY KEY CHECK (length(division_id) = 36),
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    position INTEGER NOT NULL,
    UNIQUE (tenant_id, position)
) STRICT;

-- Since when each user of a tenant with dedicated agents has been in its division: one document per tenant, because it is
-- read and written as a whole. `seen_at` is when it was last looked at, `vouched_at` which word of the operator's it is by.
CREATE TABLE user_stays (
    tenant_id TEXT NOT NULL PRIMARY KEY REFERENCES tenant (id),
    vouched_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    stays TEXT NOT NULL
) STRICT;

-- What each replica has used of a day's or a month's quota, and what it holds in advance. The row without a stream says what
-- the record knew before anybody shared it; its lock serialises claims. Rows of ended spans go with the next span.
CREATE TABLE quota_share (
    subject TEXT NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
    span TEXT NOT NULL CHECK (span IN ('requests_per_day', 'requests_per_month', 'bytes_per_day')),
    start_at TEXT NOT NULL,
    stream TEXT NOT NULL CHECK (length(stream) IN (0, 36)),
    since TEXT NOT NULL,
    spent INTEGER NOT NULL CHECK (spent >= 0),
    held INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (subject, span, start_at, stream)
) STRICT;

-- A key that is rotated is followed by another: `origin` is the first of such a row, by which policies know them all.
CREATE TABLE tenant_key (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    name TEXT NOT NULL CHECK (length(name) <= 1000),
    hmac BLOB NOT NULL CHECK (length(hmac) = 32),
    generation INTEGER NOT NULL,
    read_only INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    allowed_operations TEXT NOT NULL,
    allowed_cidrs TEXT NOT NULL,
    limits TEXT NOT NULL CHECK (length(limits) <= 1000),
    created_by TEXT NOT NULL CHECK (length(created_by) <= 1000),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    origin TEXT NOT NULL CHECK (length(origin) = 16),
    predecessor TEXT CHECK (length(predecessor) = 16),
    successor TEXT CHECK (length(successor) = 16),
    version INTEGER NOT NULL
) STRICT;

CREATE INDEX tenant_key_by_tenant ON tenant_key (tenant_id);
CREATE INDEX tenant_key_by_version ON tenant_key (version);

-- When each key was last used, and from where. No change that anybody waits for: it has no version and no event.
CREATE TABLE key_use (
    key_id TEXT NOT NULL PRIMARY KEY REFERENCES tenant_key (id),
    used_at TEXT NOT NULL,
    source TEXT CHECK (length(source) <= 100)
) STRICT;

-- Never edited: a higher version supersedes a lower one.
CREATE TABLE policy (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    version INTEGER NOT NULL,
    source TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('active', 'shadow')),
    author TEXT NOT NULL CHECK (length(author) <= 1000),
    reason TEXT NOT NULL CHECK (length(reason) <= 10000),
    created_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, version)
) STRICT;

CREATE INDEX policy_by_version ON policy (version);

-- What carries no division and is a tenant's all the same: a call of its made it, or an operator gave it. What ended stays,
-- so that replicas see that it did.
CREATE TABLE registration (
    tenant_id TEXT NOT NULL REFERENCES tenant (id),
    entity TEXT NOT NULL CHECK (length(entity) BETWEEN 1 AND 63),
    entity_id TEXT NOT NULL CHECK (length(entity_id) = 36),
    came TEXT NOT NULL CHECK (came IN ('made', 'given')),
    author TEXT NOT NULL CHECK (length(author) <= 1000),
    reason TEXT NOT NULL CHECK (length(reason) <= 10000),
    registered_at TEXT NOT NULL,
    ended TEXT CHECK (ended IN ('deleted', 'taken')),
    version INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, entity, entity_id)
) STRICT;

-- SECURITY: the fence: nothing is two tenants' at a time.
CREATE UNIQUE INDEX registration_in_force ON registration (entity, entity_id) WHERE ended IS NULL;
-- What is made is new: nobody ever had it.
CREATE INDEX registration_by_id ON registration (entity, entity_id);
CREATE INDEX registration_by_version ON registration (version);

-- SECURITY: the sum over the rows that grant something to one subject, sealed under a key that is not here in the clear.
CREATE TABLE grant_seal (
    kind TEXT NOT NULL CHECK (kind IN ('tenant', 'service-account', 'operator')),
    id TEXT NOT NULL CHECK (length(id) BETWEEN 1 AND 63),
    version INTEGER NOT NULL,
    seal BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE INDEX grant_seal_by_version ON grant_seal (version);

-- One row per process start, and one for operators' changes. A process that stops coming back leaves events without an outcome; `settled_at` says when
-- those were last closed, so that a stream is searched once and not at every start.
CREATE TABLE stream (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    number INTEGER NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 8388607),
    kind TEXT NOT NULL CHECK (kind IN ('process', 'changes')),
    opened_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    closed_at TEXT,
    settled_at TEXT,
    -- SECURITY: the tree of its entries, and the checkpoint that was signed with the last of them.
    size INTEGER NOT NULL CHECK (size >= 0),
    frontier BLOB NOT NULL,
    checkpoint TEXT NOT NULL
) STRICT;

-- Operators' changes have a stream of their own; one at a time.
CREATE UNIQUE INDEX stream_of_changes ON stream (kind) WHERE kind = 'changes' AND closed_at IS NULL;

-- What was signed of streams, each minute: the witnesses get these.
CREATE TABLE checkpoint (
    stream TEXT NOT NULL,
    size INTEGER NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (stream, size)
) STRICT, WITHOUT ROWID;

-- What was witnessed of streams, and taken for lost by who has the machine: an older copy of the database was put back.
CREATE TABLE accepted_loss (
    stream TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    event_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Ids are in the order of time, so that time needs no index of its own. `place` is the number of a stream and, in the lower
-- 40 bits, the index in it; `hash` is that of the entry's line, a leaf of the stream's tree.
--
-- No references to tenants, keys or streams, and no bounds on lengths: an event must be writable whatever happened, one
-- refused row would refuse its whole batch, and each reference costs a look-up per row on the hottest write there is.
CREATE TABLE event (
    id TEXT NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('call', 'change', 'search', 'refusal', 'flood')),
    tenant_id TEXT,
    key_id TEXT,
    operator_id TEXT,
    operation TEXT,
    source TEXT,
    detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A key's events are found among its tenant's, without looking at the rows.
CREATE INDEX event_by_tenant ON event (tenant_id, id, key_id);
CREATE INDEX event_by_operation ON event (operation, id);
CREATE INDEX event_by_place ON event (place);

-- How an event ended: once for good, and once as `unknown` where its process was taken for dead. No reference to it, for the
-- same reasons; the one writer of a stream sends the event first.
CREATE TABLE event_outcome (
    event_id TEXT NOT NULL,
    known INTEGER NOT NULL,
    at TEXT NOT NULL,
    place INTEGER NOT NULL,
    hash BLOB NOT NULL,
    code TEXT NOT NULL,
    status INTEGER,
    detail TEXT NOT NULL,
    PRIMARY KEY (event_id, known)
) STRICT, WITHOUT ROWID;

-- Nearly every call ends as `ok`: whoever looks for those finds them everywhere.
CREATE INDEX event_outcome_by_code ON event_outcome (code, event_id) WHERE code <> 'ok';
CREATE INDEX event_outcome_by_place ON event_outcome (place);

-- Calls that are to be made once: claimed with their intent, by a digest of whose and which they are. An `open` one is under
-- way, or its process ended before it was known how it ended. What it was answered is sealed. No references: what is claimed is
-- recorded whatever happened since, as events are.
CREATE TABLE claim (
    name BLOB NOT NULL PRIMARY KEY CHECK (length(name) = 32),
    tenant_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    event_id TEXT NOT NULL,
    stream TEXT NOT NULL,
    claimed_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'unknown', 'kept')),
    answer BLOB CHECK (length(answer) <= 1000000),
    CHECK ((state = 'kept') = (answer IS NOT NULL))
) STRICT;

CREATE INDEX claim_by_tenant ON claim (tenant_id, claimed_at);
CREATE INDEX claim_by_time ON claim (claimed_at);

-- SECURITY: what was recorded is not rewritten, not even by a mistake of ours.
CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event
BEGIN
    SELECT raise(ABORT, 'events are append-only');
END;

CREATE TRIGGER event_outcome_is_append_only BEFORE UPDATE ON event_outcome
BEGIN
    SELECT raise(ABORT, 'outcomes are append-only');
END;
