"""What every command loads, the smallest included, is what they all need."""

import json
import subprocess
import sys

_HOUSE = """
import json, sys
from entrepot import assembly
from entrepot.kernel.module import Catalogue
Catalogue(assembly.load_modules())
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_a_house_is_put_together_without_what_few_of_its_visitors_need() -> None:
    done = subprocess.run([sys.executable, "-c", _HOUSE], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {"entrepot", "asyncpg", "sqlalchemy"} <= loaded
    assert loaded & {"webauthn", "OpenSSL", "alembic", "aio_pika", "redis"} == set()
