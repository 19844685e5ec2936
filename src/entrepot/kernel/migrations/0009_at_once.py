"""kernel: an event says which subscriptions handled it in the transaction that told it."""

from entrepot.kernel.schema import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run(EVENTS)
    run(AUDIT)


# Pausing a subscription is remembered, as nobody would ask for it with every sale; its position moves with every batch.
EVENTS = """
ALTER TABLE kernel.event ADD COLUMN at_once text[];
CREATE TRIGGER remembered AFTER UPDATE OF paused ON kernel.subscription
FOR EACH STATEMENT EXECUTE FUNCTION kernel.tell_changed('everybody');
"""

# As before, but a reference may have an origin for the rows of one module (`module.reference`): a sale and what the books
# make of it are written by one statement.
AUDIT = """
CREATE OR REPLACE FUNCTION kernel.audit_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c jsonb := coalesce(nullif(current_setting('app.context', true), ''), '{}')::jsonb;
    origins jsonb := c->'by';
    reference text := coalesce(TG_ARGV[2], 'id');
    masked text[] := array_append(string_to_array(TG_ARGV[1], ','), 'tenant_id');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, new)
        SELECT n.tenant_id, 'create', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', n.j - masked
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM new_rows r OFFSET 0) n
        CROSS JOIN LATERAL (SELECT coalesce(origins->(TG_TABLE_SCHEMA || '.' || (n.j->>reference)), origins->(n.j->>reference), c) AS c OFFSET 0) o;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old)
        SELECT d.tenant_id, 'delete', TG_ARGV[0], d.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', d.j - masked
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM old_rows r OFFSET 0) d
        CROSS JOIN LATERAL (SELECT coalesce(origins->(TG_TABLE_SCHEMA || '.' || (d.j->>reference)), origins->(d.j->>reference), c) AS c OFFSET 0) o;
    ELSE
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old, new)
        SELECT n.tenant_id, 'update', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', d.old, d.new
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM new_rows r OFFSET 0) n
        JOIN (SELECT tenant_id, id, to_jsonb(r) AS j FROM old_rows r OFFSET 0) b ON b.tenant_id = n.tenant_id AND b.id = n.id
        CROSS JOIN LATERAL (SELECT coalesce(origins->(TG_TABLE_SCHEMA || '.' || (n.j->>reference)), origins->(n.j->>reference), c) AS c OFFSET 0) o
        CROSS JOIN LATERAL (
            SELECT coalesce(jsonb_object_agg(x.key, y.value), '{}') AS old,
                   coalesce(jsonb_object_agg(x.key, x.value), '{}') AS new
            FROM jsonb_each(n.j - masked) x JOIN jsonb_each(b.j) y USING (key)
            WHERE x.value IS DISTINCT FROM y.value
        ) d
        WHERE n.j - '{version,updated_at}'::text[] <> b.j - '{version,updated_at}'::text[];
    END IF;
    RETURN NULL;
END $$;
"""
