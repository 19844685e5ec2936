"""kernel: event log, subscriptions, audit trail, status, numbers, jobs, idempotency, translations."""

from entrepot.kernel.schema import run, secure

revision = "0001"
down_revision = None


def upgrade() -> None:
    run(LOG)
    run(STATUS)
    run(WORK)
    run(AUDIT)
    run(PARTITIONS)
    secure("kernel.event", audited=False, append_only=True, system=True)
    secure("kernel.parked", audited=False, system=True)
    secure("kernel.status", audited=False, system=True)
    secure("kernel.status_history", audited=False, append_only=True)
    secure("kernel.hold", entity="hold")
    secure("kernel.number_series", audited=False)
    secure("kernel.job", audited=False, system=True)
    secure("kernel.idempotency", audited=False, system=True)
    secure("kernel.translation", entity="translation")
    secure("kernel.audit_trail", audited=False, append_only=True, insert=False)
    run("GRANT SELECT, INSERT, UPDATE ON kernel.subscription, kernel.schedule, kernel.inbox TO entrepot_app")
    run("GRANT SELECT, INSERT, UPDATE, DELETE ON kernel.subscription, kernel.schedule, kernel.inbox TO entrepot_system")
    run("GRANT USAGE, SELECT ON SEQUENCE kernel.event_seq TO entrepot_app, entrepot_system")
    run("SELECT kernel.ensure_partitions()")


# `xid` stands before `seq` and `at` behind it on purpose: defaults are evaluated in column order, so a row's
# transaction has its id before the row takes a number, and the time is taken after that. `kernel/positions.py` says
# what its fences conclude from it.
LOG = """
CREATE SEQUENCE kernel.event_seq AS bigint;
CREATE TABLE kernel.event (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    seq bigint NOT NULL DEFAULT nextval('kernel.event_seq'),
    id uuid NOT NULL,
    name text NOT NULL,
    version smallint NOT NULL DEFAULT 1,
    subject text NOT NULL,
    entity_id uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL,
    actor uuid,
    correlation text,
    causation text,
    data jsonb NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX event_seq_idx ON kernel.event (seq);
CREATE INDEX event_subject_idx ON kernel.event (tenant_id, subject, seq);
CREATE INDEX event_name_idx ON kernel.event (tenant_id, name, seq);
CREATE INDEX event_id_idx ON kernel.event (tenant_id, id);
CREATE TABLE kernel.event_rest PARTITION OF kernel.event DEFAULT;

CREATE TABLE kernel.subscription (
    name text PRIMARY KEY,
    done int8multirange NOT NULL DEFAULT '{}',
    fence_seq bigint,
    fence_xid bigint,
    fence_at timestamptz,
    since timestamptz NOT NULL DEFAULT '-infinity',
    handled bigint NOT NULL DEFAULT 0,
    paused boolean NOT NULL DEFAULT false,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE kernel.parked (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    subscription text NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    event_at timestamptz NOT NULL,
    subject text NOT NULL,
    name text NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL,
    error text,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, subscription, seq)
);
CREATE INDEX parked_due_idx ON kernel.parked (subscription, next_at);
CREATE TABLE kernel.inbox (
    source text NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, event_id)
);
"""

STATUS = """
CREATE TABLE kernel.status (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    status text NOT NULL,
    since timestamptz NOT NULL,
    deadline timestamptz,
    overdue boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, entity_type, entity_id)
) WITH (fillfactor = 80);
CREATE INDEX status_deadline_idx ON kernel.status (deadline) WHERE deadline IS NOT NULL AND NOT overdue;
CREATE TABLE kernel.status_history (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    from_status text,
    to_status text NOT NULL,
    move text,
    reason text,
    context jsonb,
    at timestamptz NOT NULL,
    actor uuid,
    actor_name text
);
CREATE INDEX status_history_idx ON kernel.status_history (tenant_id, entity_type, entity_id, seq);
CREATE TABLE kernel.hold (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    id uuid NOT NULL,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    aspect text NOT NULL,
    reason_category text NOT NULL,
    reason_details text NOT NULL DEFAULT '',
    estimated_resume_date date,
    escalate_at timestamptz,
    escalated boolean NOT NULL DEFAULT false,
    notify_customer boolean NOT NULL DEFAULT false,
    notify_partner boolean NOT NULL DEFAULT false,
    placed_at timestamptz NOT NULL,
    placed_by uuid,
    released_at timestamptz,
    released_by uuid,
    release_reason text,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX hold_open_key ON kernel.hold (tenant_id, entity_type, entity_id, aspect) WHERE released_at IS NULL;
CREATE TABLE kernel.number_series (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    entity_id uuid NOT NULL,
    document_type text NOT NULL,
    year int NOT NULL,
    pattern text NOT NULL,
    padding int NOT NULL,
    next bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, entity_id, document_type, year)
) WITH (fillfactor = 50);
"""

WORK = """
CREATE TABLE kernel.job (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    id uuid NOT NULL,
    name text NOT NULL,
    arguments jsonb NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'queued',
    unique_key text,
    run_at timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    max_attempts int NOT NULL DEFAULT 3,
    lease_until timestamptz,
    worker text,
    error text,
    progress int,
    correlation text,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 70);
CREATE INDEX job_due_idx ON kernel.job (run_at) WHERE state = 'queued';
CREATE INDEX job_lease_idx ON kernel.job (lease_until) WHERE state = 'running';
CREATE UNIQUE INDEX job_unique_key ON kernel.job (tenant_id, name, unique_key) WHERE state IN ('queued', 'running');
CREATE TABLE kernel.schedule (
    name text PRIMARY KEY,
    cron text NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz
);
CREATE TABLE kernel.idempotency (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    status smallint,
    headers jsonb,
    body bytea,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_created_idx ON kernel.idempotency (created_at);
CREATE TABLE kernel.translation (
    tenant_id uuid NOT NULL DEFAULT nullif(current_setting('app.tenant', true), '')::uuid,
    id uuid NOT NULL,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    locale text NOT NULL,
    fields jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, entity_type, entity_id, locale)
);
"""

# Statement-level triggers see all rows of a statement at once: one INSERT ... SELECT per statement, not per row.
# SECURITY DEFINER lets the application leave a trace without the right to write, change or delete one itself.
AUDIT = """
CREATE TABLE kernel.audit_trail (
    tenant_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    entity_type text NOT NULL,
    entity_id uuid NOT NULL,
    actor uuid,
    actor_name text,
    actor_kind text,
    address text,
    agent text,
    request_id text,
    correlation text,
    old jsonb,
    new jsonb
) PARTITION BY RANGE (at);
CREATE TABLE kernel.audit_trail_rest PARTITION OF kernel.audit_trail DEFAULT;
CREATE INDEX audit_trail_entity_idx ON kernel.audit_trail (tenant_id, entity_id, seq);
CREATE INDEX audit_trail_seq_idx ON kernel.audit_trail (tenant_id, seq);

CREATE FUNCTION kernel.audit_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c jsonb := coalesce(nullif(current_setting('app.context', true), ''), '{}')::jsonb;
    masked text[] := array_append(string_to_array(TG_ARGV[1], ','), 'tenant_id');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, new)
        SELECT n.tenant_id, 'create', TG_ARGV[0], n.id, (c->>'actor')::uuid, c->>'name', c->>'kind',
               c->>'address', c->>'agent', c->>'request', c->>'correlation', to_jsonb(n) - masked
        FROM new_rows n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old)
        SELECT o.tenant_id, 'delete', TG_ARGV[0], o.id, (c->>'actor')::uuid, c->>'name', c->>'kind',
               c->>'address', c->>'agent', c->>'request', c->>'correlation', to_jsonb(o) - masked
        FROM old_rows o;
    ELSE
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old, new)
        SELECT n.tenant_id, 'update', TG_ARGV[0], n.id, (c->>'actor')::uuid, c->>'name', c->>'kind',
               c->>'address', c->>'agent', c->>'request', c->>'correlation', d.old, d.new
        FROM new_rows n JOIN old_rows o ON o.tenant_id = n.tenant_id AND o.id = n.id
        CROSS JOIN LATERAL (
            SELECT coalesce(jsonb_object_agg(a.key, b.value), '{}') AS old,
                   coalesce(jsonb_object_agg(a.key, a.value), '{}') AS new
            FROM jsonb_each(to_jsonb(n) - masked) a JOIN jsonb_each(to_jsonb(o)) b USING (key)
            WHERE a.value IS DISTINCT FROM b.value
        ) d
        WHERE to_jsonb(n) - '{version,updated_at}'::text[] <> to_jsonb(o) - '{version,updated_at}'::text[];
    END IF;
    RETURN NULL;
END $$;
"""

PARTITIONS = """
CREATE FUNCTION kernel.ensure_partitions(months int DEFAULT 24) RETURNS int LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE parent text; first date; name text; made int := 0;
BEGIN
    FOREACH parent IN ARRAY ARRAY['event', 'audit_trail'] LOOP
        FOR i IN 0..months LOOP
            first := (date_trunc('month', now()) + make_interval(months => i))::date;
            name := parent || '_' || to_char(first, 'YYYY_MM');
            IF to_regclass('kernel.' || name) IS NULL THEN
                EXECUTE format('CREATE TABLE kernel.%I PARTITION OF kernel.%I FOR VALUES FROM (%L) TO (%L)',
                               name, parent, first, (first + interval '1 month')::date);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
GRANT EXECUTE ON FUNCTION kernel.ensure_partitions(int) TO entrepot_app;
"""
