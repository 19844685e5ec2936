"""kernel: the audit trail keeps a new row as it is; what nobody should read of it is left out where it is read."""

from entrepot.kernel.schema import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run(TRAIL)
    run(AUDIT)


# Nearly all that is trailed is new. To sort the columns of a new row by name, and then to make the whole anew without the tenant,
# took half the time of the trail. Ranks repeat an amount of the row, in sixteen digits.
TRAIL = """
ALTER TABLE kernel.audit_trail ADD COLUMN made json;
CREATE FUNCTION kernel.trailed(said jsonb, made json DEFAULT NULL) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT whole - ARRAY(SELECT name FROM jsonb_object_keys(whole) AS name
                         WHERE name = 'tenant_id' OR (name LIKE '%\\_rank' AND whole ? left(name, -5)))
    FROM coalesce(said, made::jsonb) AS whole
);
"""

# As before where a column is secret: that one is never stored. The columns that say whose work a row is are named where
# they are known, as looking one up by its name in what the row says takes as long as all the rest.
AUDIT = """
CREATE OR REPLACE FUNCTION kernel.audit_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c jsonb := coalesce(nullif(current_setting('app.context', true), ''), '{}')::jsonb;
    origins jsonb := c->'by';
    reference text := coalesce(TG_ARGV[2], 'id');
    place text := TG_TABLE_SCHEMA || '.';
    masked text[] := array_append(string_to_array(TG_ARGV[1], ','), 'tenant_id');
BEGIN
    IF TG_OP = 'INSERT' AND TG_ARGV[1] = '' AND reference = 'id' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, made)
        SELECT n.tenant_id, 'create', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', row_to_json(n)
        FROM new_rows n
        CROSS JOIN LATERAL (SELECT coalesce(origins->(place || n.id), origins->n.id::text, c) AS c OFFSET 0) o;
    ELSIF TG_OP = 'INSERT' AND TG_ARGV[1] = '' AND reference = 'reference_id' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, made)
        SELECT n.tenant_id, 'create', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', row_to_json(n)
        FROM new_rows n
        CROSS JOIN LATERAL (SELECT coalesce(origins->(place || n.reference_id), origins->n.reference_id::text, c) AS c OFFSET 0) o;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, new)
        SELECT n.tenant_id, 'create', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', n.j - masked
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM new_rows r OFFSET 0) n
        CROSS JOIN LATERAL (SELECT coalesce(origins->(place || (n.j->>reference)), origins->(n.j->>reference), c) AS c OFFSET 0) o;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old)
        SELECT d.tenant_id, 'delete', TG_ARGV[0], d.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', d.j - masked
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM old_rows r OFFSET 0) d
        CROSS JOIN LATERAL (SELECT coalesce(origins->(place || (d.j->>reference)), origins->(d.j->>reference), c) AS c OFFSET 0) o;
    ELSE
        INSERT INTO kernel.audit_trail (tenant_id, action, entity_type, entity_id, actor, actor_name, actor_kind,
                                        address, agent, request_id, correlation, old, new)
        SELECT n.tenant_id, 'update', TG_ARGV[0], n.id, (o.c->>'actor')::uuid, o.c->>'name', o.c->>'kind',
               o.c->>'address', o.c->>'agent', o.c->>'request', o.c->>'correlation', d.old, d.new
        FROM (SELECT tenant_id, id, to_jsonb(r) AS j FROM new_rows r OFFSET 0) n
        JOIN (SELECT tenant_id, id, to_jsonb(r) AS j FROM old_rows r OFFSET 0) b ON b.tenant_id = n.tenant_id AND b.id = n.id
        CROSS JOIN LATERAL (SELECT coalesce(origins->(place || (n.j->>reference)), origins->(n.j->>reference), c) AS c OFFSET 0) o
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
