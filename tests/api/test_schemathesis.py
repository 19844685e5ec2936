"""Every operation of the OpenAPI, tried with data that fits it and data that does not: nothing undocumented, no 5xx.

`ENTREPOT_FUZZ_EXAMPLES` sets how many examples an operation gets, `ENTREPOT_FUZZ_SEED` which ones.
"""

import asyncio
import copy
import itertools
import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from entrepot import assembly
from entrepot.kernel.http import BASE
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.openapi import openapi
from entrepot.kernel.routes import Route
from entrepot.testing.rows import one_of_each, words_of
from entrepot.testing.world import Person, World

CATALOGUE = Catalogue(assembly.load_modules())
DOCUMENT = openapi(CATALOGUE)
OPERATIONS = [(module, route) for module in CATALOGUE.modules.values() for route in module.all_routes()]
# The whole API shares one budget, so that the suite stays as quick when the API grows.
EXAMPLES = int(os.environ.get("ENTREPOT_FUZZ_EXAMPLES", "0")) or max(3, 1000 // len(OPERATIONS))
SEED = int(os.environ.get("ENTREPOT_FUZZ_SEED", "20251"))
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
# Random ones are refused at the door, and nothing behind it would be tried.
DOORS = ("X-Tenant-ID", "X-Business-Entity", "Authorization")
WHERE = "http://entrepot.test"


def loaded(document: dict[str, Any]) -> Any:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=WHERE)
    return schema


SCHEMA = loaded(DOCUMENT)


@pytest.mark.covers("PLT-021")
@pytest.mark.parametrize(("module", "route"), OPERATIONS, ids=[f"{r.method} {r.path}" for _, r in OPERATIONS])
async def test_operation(house_world: World, tenant: Person, module: Module, route: Route) -> None:
    async with house_world.unit(tenant.tenant, module.name) as ctx:
        made = await one_of_each(ctx, module.table_classes(), words_of(module))
    await asyncio.to_thread(explore, Caller(house_world, tenant), SCHEMA[BASE + route.path][route.method], made)


async def test_what_is_not_documented_is_found(house_world: World, tenant: Person) -> None:
    """The exam bites: without the 404 of its description, a user nobody has is a finding."""
    document = copy.deepcopy(DOCUMENT)
    del document["paths"][BASE + "/users/{user_id}"]["get"]["responses"]["404"]
    operation = loaded(document)[BASE + "/users/{user_id}"]["GET"]
    with pytest.raises(BaseException, match="Undocumented status code"):
        await asyncio.to_thread(explore, Caller(house_world, tenant), operation, {})


async def test_what_does_not_fit_its_schema_is_found(house_world: World, tenant: Person) -> None:
    document = copy.deepcopy(DOCUMENT)
    document["components"]["schemas"]["Me"]["properties"]["name"] = {"type": "integer"}
    operation = loaded(document)[BASE + "/me"]["GET"]
    with pytest.raises(BaseException, match="Response violates schema"):
        await asyncio.to_thread(explore, Caller(house_world, tenant), operation, {})


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
async def test_a_method_that_is_not_there_is_refused_with_those_that_are(house_world: World, path: str) -> None:
    there = {method.upper() for method in DOCUMENT["paths"][path]}
    allowed = ", ".join(sorted(there | ({"HEAD"} if "GET" in there else set())))
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"} - set(
        allowed.split(", ")
    ):
        response = await house_world.client.request(method, path.replace("{", "").replace("}", ""))
        assert (response.status_code, response.headers["allow"]) == (405, allowed), method
        assert response.headers["content-type"] == "application/problem+json"


class Caller:
    """Sends cases from Schemathesis' thread into the loop in which the house lives."""

    def __init__(self, world: World, person: Person) -> None:
        self.world = world
        self.person = person
        self.loop = asyncio.get_running_loop()

    def __call__(self, case: Any) -> Response:
        asked = case.as_transport_kwargs(base_url=WHERE)
        known = ("method", "url", "headers", "params", "json", "data", "files", "cookies")
        prepared = requests.Request(**{name: asked[name] for name in known if name in asked}).prepare()
        headers = {**prepared.headers, **self.person.headers}
        request = self.world.client.request(
            prepared.method or "",
            prepared.url or "",
            headers={
                name: value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")
                for name, value in headers.items()
            },
            content=prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b"",
        )
        return Response.from_any(asyncio.run_coroutine_threadsafe(request, self.loop).result(30))


def explore(call: Caller, operation: Any, made: dict[str, UUID]) -> None:
    """Examples that fit the description and examples that do not; every second one about a row that exists."""
    turns = itertools.count()
    rows: dict[str, Iterator[UUID]] = {}

    def row(name: str) -> UUID:
        if name not in rows:
            named = [id for table, id in made.items() if table.split(".")[1] == name.removesuffix("_id")]
            rows[name] = itertools.cycle(named or list(made.values()))
        return next(rows[name])

    def attempt(case: Any) -> None:
        for door in DOORS:
            case.headers.pop(door, None)
        ids = [p.name for p in operation.path_parameters if p.definition["schema"].get("format") == "uuid"]
        if made and ids and next(turns) % 2:
            case.path_parameters = {**case.path_parameters, **{name: str(row(name)) for name in ids}}
        case.validate_response(call(case), checks=CHECKS)

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        run = hypothesis.given(case=operation.as_strategy(generation_mode=mode))(attempt)
        run = hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )(run)
        hypothesis.seed(SEED)(run)()
