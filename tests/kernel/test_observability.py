"""What a process tells about itself: logs, metrics, health."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from entrepot.kernel import jobs, logs
from entrepot.kernel.config import ConfigError
from entrepot.kernel.units import unit
from entrepot.testing.world import Person, World, test_config
from tests.kernel.helpers import break_at, poked, tell
from tests.kernel.trial.commands import note_later


class Lines(io.StringIO):
    """What was logged, as the structs it was."""

    def about(self, event: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.getvalue().splitlines()) if line["event"] == event]


@pytest.fixture
def lines(tmp_path: Any) -> Iterator[Lines]:
    before, handlers, level = structlog.get_config(), logging.root.handlers[:], logging.root.level
    found = Lines()
    logs.configure(test_config(tmp_path, log_format="json"), to=found)
    yield found
    structlog.configure(**before)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.mark.covers("OBS-006")
async def test_one_line_per_request_job_and_batch(trial: World, ada: Person, lines: Lines) -> None:
    thing = (await ada.post("/things", {"name": "x"}, headers={"x-request-id": "r-1"}))["id"]
    await ada.post(f"/things/{thing}/poke", {"number": 1, "later": True}, headers={"x-request-id": "r-2"})
    await ada.refused("GET", "/nothing?token=abc", status=404, headers={"x-request-id": "r-3"})
    await trial.settle()
    requests = lines.about("http.request")
    assert [(r["method"], r["path"], r["status"], r["request_id"], r["correlation"]) for r in requests] == [
        ("POST", "/api/v1/things", 201, "r-1", "r-1"),
        ("POST", f"/api/v1/things/{thing}/poke", 200, "r-2", "r-2"),
        ("GET", "/api/v1/nothing", 404, "r-3", "r-3"),
    ]
    assert [r["tenant"] for r in requests] == [str(ada.tenant), str(ada.tenant), None]
    assert all(isinstance(r["ms"], float) and r["level"] == "info" and r["timestamp"] for r in requests)
    [job] = lines.about("job.done")
    assert (job["job"], job["tenant"], job["correlation"], job["attempt"]) == (
        "trial.note_later",
        str(ada.tenant),
        "r-2",
        1,
    )
    batches = lines.about("relay.handled")
    assert {line["subscription"] for line in batches} >= {"trial.note_poke", "trial.echo_poke", "trial.note_pattern"}
    assert all(line["events"] >= 1 and isinstance(line["ms"], float) for line in batches)


async def test_failures_say_whose_they_are(fresh: World, lines: Lines) -> None:
    house = fresh.house_of("trial")
    tenant = (await fresh.tenant()).tenant
    await break_at(house, tenant, tenant, 1)
    await break_at(house, tenant, tenant, 1, "job")
    await tell(house, tenant, poked(tenant, 1))
    async with unit(house, tenant) as ctx:
        await jobs.enqueue(ctx, note_later, thing_id=tenant, number=1)
    await house.relay.drain()
    await house.jobs.drain()
    [parked] = lines.about("relay.parked")
    assert (parked["subscription"], parked["tenant"], parked["what"], parked["level"]) == (
        "trial.note_poke",
        str(tenant),
        "thing.poked",
        "warning",
    )
    [failed] = lines.about("job.failed")
    assert (failed["job"], failed["tenant"], failed["error"]) == (
        "trial.note_later",
        str(tenant),
        "RuntimeError('cannot bear 1')",
    )


async def test_secrets_are_never_logged(trial: World, ada: Person, lines: Lines) -> None:
    credential = ada.headers["authorization"].removeprefix("Bearer ")
    logger = structlog.get_logger("trial")
    logger.info(
        "trial",
        password="p4ss",
        access_token="t0k",
        url="amqp://guest:s3cret@broker:5672/",
        text=f"called with {credential} and Bearer abc.def",
        nested={"api_key": "k3y", "fine": "kept"},
    )
    try:
        raise ValueError(f"cannot use {credential}")
    except ValueError:
        logger.exception("broken")
    logging.getLogger("a.library").warning("its own %s", credential)
    await ada.get("/me")
    await ada.call("POST", "/auth/token", {"email": "a@b.test", "password": "p4ss-word-of-mine"})
    text = lines.getvalue()
    for secret in ("p4ss", "t0k", "s3cret", "k3y", "abc.def", credential, credential.rsplit("_", 1)[1]):
        assert secret not in text, secret
    [line] = lines.about("trial")
    assert (line["url"], line["nested"]) == ("amqp://guest:***@broker:5672/", {"api_key": "***", "fine": "kept"})
    assert "ValueError: cannot use ***" in lines.about("broken")[0]["exception"]
    assert lines.about("its own ***")[0]["level"] == "warning"


def test_as_text_and_only_what_is_wanted(tmp_path: Any, lines: Lines) -> None:
    out = io.StringIO()
    logs.configure(test_config(tmp_path, log_format="text", log_level="warning"), to=out)
    structlog.get_logger().info("not this")
    structlog.get_logger().warning("but this", number=5)
    assert "not this" not in out.getvalue()
    assert "but this" in out.getvalue()
    assert "number=5" in out.getvalue()
    for wrong in ({"log_level": "loud"}, {"log_format": "xml"}):
        with pytest.raises(ConfigError):
            logs.configure(test_config(tmp_path, **wrong))


@pytest.mark.covers("OBS-001", "OBS-002", "OBS-003", "OBS-004", "OBS-005", "OBS-007")
async def test_metrics(fresh: World) -> None:
    house = fresh.house_of("trial")
    person = await fresh.tenant()
    thing = (await person.post("/things", {"name": "only one"}))["id"]
    await person.refused("POST", "/things", {"name": "only one"}, status=409)
    await person.get("/users")
    await break_at(house, person.tenant, person.tenant, 1)
    await tell(house, person.tenant, poked(person.tenant, 1))
    await person.post(f"/things/{thing}/poke", {"number": 1, "later": True})
    await house.relay.drain()
    answer = await fresh.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    made = 'module="kernel",operation="make_thing"'
    assert float(found[f"module_operation_duration_count{{{made}}}"]) == 2
    assert float(found[f"module_operation_success_total{{{made}}}"]) == 1
    assert float(found[f"module_operation_refusals_total{{{made}}}"]) == 1
    assert float(found[f"module_operation_errors_total{{{made}}}"]) == 0
    assert float(found['module_operation_errors_total{module="trial",operation="note_poke"}']) >= 1
    assert float(found['module_operation_success_total{module="trial",operation="echo_poke"}']) == 2
    # A list is the work of the module whose rows it shows.
    assert float(found['module_operation_success_total{module="identity",operation="users"}']) == 1
    for module in ("identity", "platform", "trial"):
        assert float(found[f'module_health{{module="{module}"}}']) == 1
        assert float(found[f'module_dependencies{{dependency="database",module="{module}"}}']) == 1
    assert float(found['queue_depth{queue="jobs"}']) == 1
    assert float(found['queue_depth{queue="parked_events"}']) == 1


@pytest.mark.covers("GTW-010")
async def test_health_and_readiness(trial: World) -> None:
    health = await trial.client.get("/health")
    assert (health.status_code, health.json()) == (200, {"status": "ok", "service": "entrepot"})
    ready = (await trial.client.get("/ready")).json()
    assert (ready["status"], ready["databases"]) == ("ready", {"main": "ok"})
    assert "trial" in ready["modules"]
