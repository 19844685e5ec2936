"""What every migration calls for each table: policies, rights and the audit triggers, in one place."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy.util import await_only

# In a sub-select, the planner does not look up how much the tenant of this moment has: a plan is kept for all of them. One
# made for a tenant with three rows would read every row of one with a million, looking for a key.
POLICY = "tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid)"

# Every tenant is planned for as if it had one of so many equal parts of a table: a key is then always looked up by its index.
# By the average of a thousand small tenants it would seem cheaper to read all that a tenant has, and one that has much would
# pay for that with every sale.
LARGE = 10


def run(sql: str) -> None:
    """Run a script of several statements in the migration's transaction.

    The driver prepares what goes through SQLAlchemy, and only single statements can be prepared; a script goes to
    the driver itself. The lock timeout opens the transaction and keeps a migration from queueing behind users."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    adapted: Any = op.get_bind().connection.dbapi_connection
    await_only(adapted.driver_connection.execute(sql))


def secure(
    table: str,
    *,
    entity: str | None = None,
    audited: bool = True,
    append_only: bool = False,
    insert: bool = True,
    system: bool = False,
    masked: tuple[str, ...] = (),
    tenant_column: str = "tenant_id",
    caused_by: str = "id",
) -> None:
    """Force row-level security on a table, give the application its rights, and audit every change of a row.

    `append_only` withholds UPDATE and DELETE, `insert=False` INSERT as well. `system` lets the house itself (relay,
    jobs, tenant directory) see the rows of every tenant. `masked` columns stay out of the audit trail. `caused_by`
    is the column with the reference whose origin (`Ctx.act_for`) made the row: a line's order, say.
    """
    run(
        ";\n".join(
            secured(
                table,
                entity,
                audited and not append_only,
                append_only,
                insert,
                system,
                masked,
                tenant_column,
                caused_by,
            )
        )
    )


def secured(
    table: str,
    entity: str | None,
    audited: bool,
    append_only: bool,
    insert: bool,
    system: bool,
    masked: tuple[str, ...],
    tenant_column: str,
    caused_by: str,
) -> list[str]:
    """The statements of `secure`."""
    policy = POLICY.replace("tenant_id", tenant_column, 1)
    rights = ["SELECT"] + (["INSERT"] if insert else []) + ([] if append_only else ["UPDATE", "DELETE"])
    statements = [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY tenant ON {table} USING ({policy}) WITH CHECK ({policy})",
        f"GRANT {', '.join(rights)} ON {table} TO entrepot_app",
    ]
    if tenant_column == "tenant_id":
        statements.append(f"ALTER TABLE {table} ALTER COLUMN tenant_id SET (n_distinct = {LARGE})")
    if system:
        statements += [
            f"CREATE POLICY everywhere ON {table} TO entrepot_system USING (true) WITH CHECK (true)",
            f"GRANT {', '.join(rights)} ON {table} TO entrepot_system",
        ]
    name = entity or table.rsplit(".", 1)[-1].strip('"')
    if append_only and insert and not table.startswith("kernel."):
        statements.append(_previewed(table, name, masked, caused_by))
    if audited:
        statements += _audited(table, name, masked, caused_by)
    return statements


def remembered(*tables: str, inserts: bool = True) -> None:
    """Let every process that listens hear at the commit that what is remembered of these tables (`Ctx.recall`) has
    changed. Where only rows that were there already are remembered, a new one (`inserts`) tells nobody anything."""
    events = "INSERT OR UPDATE OR DELETE" if inserts else "UPDATE OR DELETE"
    run(
        ";\n".join(
            f"CREATE TRIGGER remembered AFTER {events} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION kernel.tell_changed()"
            for table in tables
        )
    )


def audit_by(table: str, column: str, *, entity: str | None = None, masked: tuple[str, ...] = ()) -> None:
    """Let the audit trail of a secured table name the origin of the reference in this column."""
    run(";\n".join(_untrailed(table) + _audited(table, entity or table.rsplit(".", 1)[-1].strip('"'), masked, column)))


def now_append_only(table: str, *, caused_by: str = "id") -> None:
    """From now on rows of an audited table stay as they were written, and therefore need no trail."""
    name = table.rsplit(".", 1)[-1].strip('"')
    withheld = f"REVOKE UPDATE, DELETE ON {table} FROM entrepot_app"
    run(";\n".join([withheld, *_untrailed(table), _previewed(table, name, (), caused_by)]))


def keyed_by(table: str, index: str) -> None:
    """Let what this unique index holds be the key of a table, whose `id` then needs no index: nobody looks for a part of
    something whole by itself, and every index costs each row that is written."""
    name = table.rsplit(".", 1)[-1]
    run(f"ALTER TABLE {table} DROP CONSTRAINT {name}_pkey, ADD CONSTRAINT {name}_pkey PRIMARY KEY USING INDEX {index}")


_ACTIONS = (
    ("INSERT", "NEW TABLE AS new_rows"),
    ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    ("DELETE", "OLD TABLE AS old_rows"),
)


def _untrailed(table: str) -> list[str]:
    return [f"DROP TRIGGER audit_{action.lower()} ON {table}" for action, _ in _ACTIONS]


def _previewed(table: str, name: str, masked: tuple[str, ...], caused_by: str) -> str:
    """What is never changed needs no trail, but a preview shows it."""
    return (
        f"CREATE TRIGGER preview_insert AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows "
        f"FOR EACH STATEMENT WHEN (current_setting('app.preview', true) = 'on') "
        f"EXECUTE FUNCTION kernel.audit_rows('{name}', '{','.join(masked)}', '{caused_by}')"
    )


def _audited(table: str, name: str, masked: tuple[str, ...], caused_by: str) -> list[str]:
    return [
        f"CREATE TRIGGER audit_{action.lower()} AFTER {action} ON {table} REFERENCING {rows} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION kernel.audit_rows('{name}', '{','.join(masked)}', '{caused_by}')"
        for action, rows in _ACTIONS
    ]
