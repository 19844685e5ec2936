"""Asked of the migrated database itself: who may see and change what, and whether it is what the modules declare."""

from __future__ import annotations

from typing import Any

from entrepot.kernel.database import Connection
from entrepot.kernel.db import Table
from entrepot.kernel.module import Module
from entrepot.kernel.scaffold import in_order, tables_sql

Facts = dict[str, dict[str, Any]]
TENANT = "( SELECT (NULLIF(current_setting('app.tenant'::text, true), ''::text))::uuid AS \"nullif\")"
RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")


async def kept_apart(connection: Connection, module: Module) -> list[str]:
    """Every table of the module's schema shows a tenant its own rows and nobody more rights than it needs."""
    declared = {table.table.name: table for table in module.table_classes()}
    problems = []
    for row in await connection.fetch(_TABLES, module.name):
        name = f"{module.name}.{row['name']}"
        if row["name"] == "migration":
            if set(row["app"]) - {"SELECT"}:
                problems.append(f"{name}: the application may change its own migrations")
            continue
        table = declared.get(row["name"])
        if table is None:
            problems.append(f"{name} is in the database and not in tables")
            continue
        problems += [f"{name}: {problem}" for problem in _apart(row, table)]
    return problems


def _apart(row: Any, table: type[Table]) -> list[str]:
    problems = []
    if not row["secured"] or not row["forced"]:
        problems.append("row-level security is not forced")
    column = "tenant_id" if table.tenanted else "id"
    policies = {p["name"]: p for p in row["policies"]}
    own = policies.pop("tenant", None)
    wanted = f"({column} = {TENANT})"
    if own is None or (own["using"], own["check"], own["command"], own["roles"]) != (wanted, wanted, "*", ["public"]):
        problems.append(f"the policy of tenants is {own and own['using']}")
    if table.system:
        policies.pop("everywhere", None)
    problems += [f"the policy {name} lets others in" for name in sorted(policies)]
    rights = ["SELECT", "INSERT"] + ([] if table.append_only else ["UPDATE", "DELETE"])
    if set(row["app"]) - set(rights):
        problems.append(f"the application may {', '.join(sorted(set(row['app']) - set(rights)))}")
    if "SELECT" not in row["app"]:
        problems.append("the application may not read it")
    if row["system"] and not table.system:
        problems.append("the house itself sees it across tenants, which is not declared")
    if row["public"]:
        problems.append(f"anybody may {', '.join(row['public'])}")
    if row["owner"] in ("entrepot_app", "entrepot_system"):
        problems.append("the application owns it")
    audits = {f"audit_{action}" for action in ("insert", "update", "delete")}
    if table.audited and not audits <= set(row["triggers"]):
        problems.append("its changes leave no trace in the audit trail")
    return problems


async def led_by_tenant(connection: Connection, module: Module) -> list[str]:
    """Tenants can be spread over machines: `tenant_id` leads every key and index, and no foreign key leaves."""
    free = {table.table.name for table in module.table_classes() if not table.tenanted}
    problems = []
    for row in await connection.fetch(_INDEXES, module.name):
        if row["table"] in free or row["method"] not in ("btree", "hash"):
            continue
        if row["first"] != "tenant_id":
            problems.append(f"{module.name}.{row['table']}: the index {row['name']} begins with {row['first']}")
    for row in await connection.fetch(_FOREIGN, module.name):
        if row["to_schema"] != module.name:
            problems.append(
                f"{module.name}.{row['table']}: {row['name']} refers to {row['to_schema']}.{row['to_table']}"
            )
        elif row["table"] not in free and row["first"] != "tenant_id":
            problems.append(f"{module.name}.{row['table']}: {row['name']} could refer to a row of another tenant")
    return problems


async def declare(connection: Connection, module: Module) -> None:
    """Make the declared tables in an empty database, so that PostgreSQL itself can say what was meant."""
    tables = in_order(module.table_classes())
    await connection.execute(f"CREATE SCHEMA {module.name}")
    if tables:
        await connection.execute(tables_sql(tables))


async def facts(connection: Connection, schema: str) -> Facts:
    """Columns, indexes and constraints of a schema, as PostgreSQL writes them."""
    found: Facts = {}
    for row in await connection.fetch(_FACTS, schema):
        found.setdefault(row["table"], {})[f"{row['kind']} {row['name']}"] = row["fact"]
    found.pop("migration", None)
    return found


def compared(module: str, declared: Facts, migrated: Facts) -> list[str]:
    """Where the declared tables and the migrated ones are not the same."""
    problems = []
    for table in sorted(declared.keys() | migrated.keys()):
        if table not in migrated:
            problems.append(f"{module}.{table} is declared and no migration makes it")
            continue
        if table not in declared:
            problems.append(f"{module}.{table} is made by a migration and not declared")
            continue
        wanted, found = declared[table], migrated[table]
        for what in sorted(wanted.keys() | found.keys()):
            if wanted.get(what) != found.get(what):
                problems.append(
                    f"{module}.{table}: {what} is declared as {wanted.get(what)!r} and migrated as {found.get(what)!r}"
                )
    return problems


# Partitions take everything from their parent, so only the parent is asked.
_TABLES = """
SELECT c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
       pg_get_userbyid(c.relowner) AS owner,
       coalesce((SELECT jsonb_agg(jsonb_build_object('name', p.polname, 'command', p.polcmd,
           'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
           'roles', (SELECT jsonb_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r) END)
                     FROM unnest(p.polroles) r)))
         FROM pg_policy p WHERE p.polrelid = c.oid), '[]') AS policies,
       ARRAY(SELECT r FROM unnest($2::text[]) r WHERE has_table_privilege('entrepot_app', c.oid, r)) AS app,
       ARRAY(SELECT r FROM unnest($2::text[]) r WHERE has_table_privilege('entrepot_system', c.oid, r)) AS system,
       ARRAY(SELECT a.privilege_type FROM aclexplode(c.relacl) a WHERE a.grantee = 0) AS public,
       ARRAY(SELECT t.tgname::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
""".replace("$2::text[]", f"'{{{','.join(RIGHTS)}}}'::text[]")
_INDEXES = """
SELECT t.relname AS "table", c.relname AS name, m.amname AS method,
       pg_get_indexdef(i.indexrelid, 1, true) AS first
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_am m ON m.oid = c.relam JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = $1 AND t.relname <> 'migration' AND NOT t.relispartition ORDER BY t.relname, c.relname
"""
_FOREIGN = """
SELECT t.relname AS "table", k.conname AS name, fn.nspname AS to_schema, f.relname AS to_table, a.attname AS first
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace fn ON fn.oid = f.relnamespace
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.conkey[1]
WHERE k.contype = 'f' AND n.nspname = $1 AND NOT t.relispartition ORDER BY t.relname, k.conname
"""
_FACTS = """
WITH t AS (
    SELECT c.oid, c.relname, c.reloptions, c.relkind, pg_get_partkeydef(c.oid) AS partition
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
)
SELECT t.relname AS "table", 'column' AS kind, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
       || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
       || CASE WHEN a.attgenerated <> '' THEN ' generated' WHEN a.attidentity <> '' THEN ' identity' ELSE '' END AS fact
FROM t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT t.relname, 'index', c.relname, pg_get_indexdef(i.indexrelid)
FROM t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT t.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid)
FROM t JOIN pg_constraint k ON k.conrelid = t.oid WHERE k.contype <> 'n' AND k.contype <> 't'
UNION ALL
SELECT t.relname, 'storage', 'options', concat_ws(' ', array_to_string(t.reloptions, ','), t.partition) FROM t
"""
