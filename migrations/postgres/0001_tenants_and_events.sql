-- The first tables: who may do what (tenants, keys, policies, service accounts, operators), and what happened (events).
--
-- Text is compared byte by byte (`COLLATE "C"`), as SQLite does, so that both databases sort alike. Lengths are bounds
-- against runaway input; what people may choose is checked before it comes here.

-- The number of the last change. Every change raises it first, so changes become visible in its order.
CREATE TABLE version (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    value BIGINT NOT NULL,
    -- SECURITY: the sum of all seals, sealed with the number: no row and its seal are put back together.
    proof BYTEA
);

INSERT INTO version (id, value) VALUES (1, 0);

-- One value per purpose: pepper, signing key and the like, sealed under the master key.
CREATE TABLE sealed (
    purpose TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(purpose) BETWEEN 1 AND 63),
    value BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- Master keys under which nothing may be sealed any more. Their ids, which are digests: no key is ever kept here.
CREATE TABLE retired_master_key (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    retired_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE operator (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    email TEXT COLLATE "C" NOT NULL UNIQUE CHECK (length(email) BETWEEN 1 AND 320 AND email = lower(email)),
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'operator', 'auditor')),
    created_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE operator_token (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    operator_id TEXT COLLATE "C" NOT NULL REFERENCES operator (id),
    hmac BYTEA NOT NULL CHECK (length(hmac) = 32),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE service_account (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
    client_id TEXT COLLATE "C" NOT NULL CHECK (length(client_id) BETWEEN 1 AND 1000),
    sealed_secret BYTEA NOT NULL,
    api_url TEXT COLLATE "C" NOT NULL CHECK (length(api_url) BETWEEN 1 AND 2000),
    login_url TEXT COLLATE "C" NOT NULL CHECK (length(login_url) BETWEEN 1 AND 2000),
    shared BOOLEAN NOT NULL,
    description TEXT COLLATE "C" NOT NULL CHECK (length(description) <= 10000),
    tokens INTEGER NOT NULL CHECK (tokens BETWEEN 1 AND 20),
    requests_per_minute INTEGER CHECK (requests_per_minute BETWEEN 1 AND 1000000),
    lend_idle BOOLEAN NOT NULL,
    secret_at TIMESTAMPTZ NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE INDEX service_account_by_version ON service_account (version);

CREATE TABLE tenant (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 63),
    name TEXT COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
    service_account TEXT COLLATE "C" NOT NULL REFERENCES service_account (id),
    policy_template TEXT COLLATE "C" NOT NULL CHECK (length(policy_template) BETWEEN 1 AND 200),
    cross_division TEXT COLLATE "C" NOT NULL CHECK (cross_division IN ('redact', 'stub')),
    dedicated_agents BOOLEAN NOT NULL,
    dedicated_at TIMESTAMPTZ,
    dedicated_since TIMESTAMPTZ,
    lenient BOOLEAN NOT NULL,
    limits TEXT COLLATE "C" NOT NULL CHECK (length(limits) <= 1000),
    token_lifetime_seconds BIGINT NOT NULL CHECK (token_lifetime_seconds BETWEEN 60 AND 172800),
    budget_weight INTEGER NOT NULL CHECK (budget_weight BETWEEN 1 AND 1000),
    suspended BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    version BIGINT NOT NULL
);

CREATE INDEX tenant_by_version ON tenant (version);
CREATE INDEX tenant_by_account ON tenant (service_account);

-- SECURITY: the primary key is the fence: no division belongs to two tenants. `position` keeps the order as given.
CREATE TABLE tenant_division (
    division_id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(division_id) = 36),
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    position INTEGER NOT NULL,
    UNIQUE (tenant_id, position)
);

-- Since when each user of a tenant with dedicated agents has been in its division: one document per tenant, because it is
-- read and written as a whole. `seen_at` is when it was last looked at, `vouched_at` which word of the operator's it is by.
CREATE TABLE user_stays (
    tenant_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tenant (id),
    vouched_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    stays TEXT COLLATE "C" NOT NULL
);

-- What each replica has used of a day's or a month's quota, and what it holds in advance. The row without a stream says what
-- the record knew before anybody shared it; its lock serialises claims. Rows of ended spans go with the next span.
CREATE TABLE quota_share (
    subject TEXT COLLATE "C" NOT NULL CHECK (length(subject) BETWEEN 1 AND 100),
    span TEXT COLLATE "C" NOT NULL CHECK (span IN ('requests_per_day', 'requests_per_month', 'bytes_per_day')),
    start_at TIMESTAMPTZ NOT NULL,
    stream TEXT COLLATE "C" NOT NULL CHECK (length(stream) IN (0, 36)),
    since TIMESTAMPTZ NOT NULL,
    spent BIGINT NOT NULL CHECK (spent >= 0),
    held BIGINT NOT NULL CHECK (held >= 0),
    PRIMARY KEY (subject, span, start_at, stream)
);

-- A key that is rotated is followed by another: `origin` is the first of such a row, by which policies know them all.
CREATE TABLE tenant_key (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    name TEXT COLLATE "C" NOT NULL CHECK (length(name) <= 1000),
    hmac BYTEA NOT NULL CHECK (length(hmac) = 32),
    generation BIGINT NOT NULL,
    read_only BOOLEAN NOT NULL,
    allowed_operations TEXT COLLATE "C" NOT NULL,
    allowed_cidrs TEXT COLLATE "C" NOT NULL,
    limits TEXT COLLATE "C" NOT NULL CHECK (length(limits) <= 1000),
    created_by TEXT COLLATE "C" NOT NULL CHECK (length(created_by) <= 1000),
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ,
    origin TEXT COLLATE "C" NOT NULL CHECK (length(origin) = 16),
    predecessor TEXT COLLATE "C" CHECK (length(predecessor) = 16),
    successor TEXT COLLATE "C" CHECK (length(successor) = 16),
    version BIGINT NOT NULL
);

CREATE INDEX tenant_key_by_tenant ON tenant_key (tenant_id);
CREATE INDEX tenant_key_by_version ON tenant_key (version);

-- When each key was last used, and from where. No change that anybody waits for: it has no version and no event.
CREATE TABLE key_use (
    key_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES tenant_key (id),
    used_at TIMESTAMPTZ NOT NULL,
    source TEXT COLLATE "C" CHECK (length(source) <= 100)
);

-- Never edited: a higher version supersedes a lower one.
CREATE TABLE policy (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    version BIGINT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    mode TEXT COLLATE "C" NOT NULL CHECK (mode IN ('active', 'shadow')),
    author TEXT COLLATE "C" NOT NULL CHECK (length(author) <= 1000),
    reason TEXT COLLATE "C" NOT NULL CHECK (length(reason) <= 10000),
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

CREATE INDEX policy_by_version ON policy (version);

-- What carries no division and is a tenant's all the same: a call of its made it, or an operator gave it. What ended stays,
-- so that replicas see that it did.
CREATE TABLE registration (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenant (id),
    entity TEXT COLLATE "C" NOT NULL CHECK (length(entity) BETWEEN 1 AND 63),
    entity_id TEXT COLLATE "C" NOT NULL CHECK (length(entity_id) = 36),
    came TEXT COLLATE "C" NOT NULL CHECK (came IN ('made', 'given')),
    author TEXT COLLATE "C" NOT NULL CHECK (length(author) <= 1000),
    reason TEXT COLLATE "C" NOT NULL CHECK (length(reason) <= 10000),
    registered_at TIMESTAMPTZ NOT NULL,
    ended TEXT COLLATE "C" CHECK (ended IN ('deleted', 'taken')),
    version BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, entity, entity_id)
);

-- SECURITY: the fence: nothing is two tenants' at a time.
CREATE UNIQUE INDEX registration_in_force ON registration (entity, entity_id) WHERE ended IS NULL;
-- What is made is new: nobody ever had it.
CREATE INDEX registration_by_id ON registration (entity, entity_id);
CREATE INDEX registration_by_version ON registration (version);

-- SECURITY: the sum over the rows that grant something to one subject, sealed under a key that is not here in the clear.
CREATE TABLE grant_seal (
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('tenant', 'service-account', 'operator')),
    id TEXT COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 63),
    version BIGINT NOT NULL,
    seal BYTEA NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE INDEX grant_seal_by_version ON grant_seal (version);

-- One row per process start, and one for operators' changes. A process that stops coming back leaves events without an outcome; `settled_at` says when
-- those were last closed, so that a stream is searched once and not at every start.
CREATE TABLE stream (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(id) = 36),
    number BIGINT NOT NULL UNIQUE CHECK (number BETWEEN 1 AND 8388607),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('process', 'changes')),
    opened_at TIMESTAMPTZ NOT NULL,
    seen_at TIMESTAMPTZ NOT NULL,
    closed_at TIMESTAMPTZ,
    settled_at TIMESTAMPTZ,
    -- SECURITY: the tree of its entries, and the checkpoint that was signed with the last of them.
    size BIGINT NOT NULL CHECK (size >= 0),
    frontier BYTEA NOT NULL,
    checkpoint TEXT COLLATE "C" NOT NULL
);

-- Operators' changes have a stream of their own; one at a time.
CREATE UNIQUE INDEX stream_of_changes ON stream (kind) WHERE kind = 'changes' AND closed_at IS NULL;

-- What was signed of streams, each minute: the witnesses get these.
CREATE TABLE checkpoint (
    stream TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    note TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (stream, size)
);

-- What was witnessed of streams, and taken for lost by who has the machine: an older copy of the database was put back.
CREATE TABLE accepted_loss (
    stream TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL,
    event_id TEXT COLLATE "C" NOT NULL
);

-- Ids are in the order of time, so that time needs no index of its own. `place` is the number of a stream and, in the lower
-- 40 bits, the index in it; `hash` is that of the entry's line, a leaf of the stream's tree.
--
-- No references to tenants, keys or streams, and no bounds on lengths: an event must be writable whatever happened, one
-- refused row would refuse its whole batch, and each reference costs a look-up per row on the hottest write there is.
CREATE TABLE event (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('call', 'change', 'search', 'refusal', 'flood')),
    tenant_id TEXT COLLATE "C",
    key_id TEXT COLLATE "C",
    operator_id TEXT COLLATE "C",
    operation TEXT COLLATE "C",
    source TEXT COLLATE "C",
    detail TEXT COLLATE "C" NOT NULL
);

-- A key's events are found among its tenant's, without looking at the rows.
CREATE INDEX event_by_tenant ON event (tenant_id, id, key_id);
CREATE INDEX event_by_operation ON event (operation, id);
CREATE INDEX event_by_place ON event (place);

-- How an event ended: once for good, and once as `unknown` where its process was taken for dead. No reference to it, for the
-- same reasons; the one writer of a stream sends the event first.
CREATE TABLE event_outcome (
    event_id TEXT COLLATE "C" NOT NULL,
    known BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    place BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    code TEXT COLLATE "C" NOT NULL,
    status INTEGER,
    detail TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (event_id, known)
);

-- Nearly every call ends as `ok`: whoever looks for those finds them everywhere.
CREATE INDEX event_outcome_by_code ON event_outcome (code, event_id) WHERE code <> 'ok';
CREATE INDEX event_outcome_by_place ON event_outcome (place);

-- Calls that are to be made once: claimed with their intent, by a digest of whose and which they are. An `open` one is under
-- way, or its process ended before it was known how it ended. What it was answered is sealed. No references: what is claimed is
-- recorded whatever happened since, as events are.
CREATE TABLE claim (
    name BYTEA NOT NULL PRIMARY KEY CHECK (length(name) = 32),
    tenant_id TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL CHECK (length(fingerprint) = 32),
    event_id TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    claimed_at TIMESTAMPTZ NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'unknown', 'kept')),
    answer BYTEA CHECK (length(answer) <= 1000000),
    CHECK ((state = 'kept') = (answer IS NOT NULL))
);

CREATE INDEX claim_by_tenant ON claim (tenant_id, claimed_at);
CREATE INDEX claim_by_time ON claim (claimed_at);

-- SECURITY: what was recorded is not rewritten, not even by a mistake of ours.
CREATE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();

CREATE TRIGGER event_outcome_is_append_only BEFORE UPDATE ON event_outcome
FOR EACH STATEMENT EXECUTE FUNCTION refuse_update();
