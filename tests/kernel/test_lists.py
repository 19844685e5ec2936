"""The grammar of lists: every operator, order, search, pages without gap or repeat, and parameters that make no sense."""

from __future__ import annotations

import random
from typing import Any

import pytest

from entrepot.testing.world import Person, World

DUES = ["2026-01-01", "2026-02-01", None, "2026-04-01"]


@pytest.fixture
async def four(ada: Person) -> Person:
    for at, (name, due) in enumerate(zip(["alpha", "Beta", "gam_ma", "del%ta"], DUES, strict=True)):
        await ada.post("/things", {"name": name, "amount": f"{at}.50", "rank": at // 2, "due": due})
    return ada


async def names(person: Person, **query: str) -> list[str]:
    return [row["name"] for row in await person.get("/things", params={"sort": "amount", **query})]


@pytest.mark.parametrize(
    ("parameter", "value", "found"),
    [
        ("name", "alpha", "a"),
        ("name", "ALPHA", ""),
        ("name__ne", "alpha", "bcd"),
        ("name__in", "alpha,Beta,nobody", "ab"),
        ("name__contains", "A", "abcd"),
        ("name__contains", "_", "c"),
        ("name__contains", "%", "d"),
        ("amount", "1.5", "b"),
        ("amount", "1.50", "b"),
        ("amount__gt", "1.50", "cd"),
        ("amount__gte", "1.50", "bcd"),
        ("amount__lt", "1.50", "a"),
        ("amount__lte", "1.50", "ab"),
        ("amount__in", "0.5,3.5", "ad"),
        ("rank", "1", "cd"),
        ("rank__ne", "1", "ab"),
        ("good", "true", "abcd"),
        ("good", "false", ""),
        ("due", "2026-02-01", "b"),
        ("due__gte", "2026-02-01", "bd"),
        ("due__ne", "2026-02-01", "acd"),
        ("due__null", "true", "c"),
        ("due__null", "false", "abd"),
        ("created_at__gte", "2020-01-01", "abcd"),
        ("created_at__lt", "2020-01-01T00:00:00Z", ""),
        ("created_at__gt", "2020-01-01T00:00:00+02:00", "abcd"),
        ("q", "ET", "b"),
        ("q", "l_", ""),
        ("q", "m_m", "c"),
    ],
)
async def test_filters(four: Person, parameter: str, value: str, found: str) -> None:
    known = dict(zip("abcd", ["alpha", "Beta", "gam_ma", "del%ta"], strict=True))
    assert await names(four, **{parameter: value}) == [known[letter] for letter in found]


async def test_order_and_count(four: Person) -> None:
    assert await names(four, sort="-amount") == ["del%ta", "gam_ma", "Beta", "alpha"]
    assert await names(four, sort="-rank,amount") == ["gam_ma", "del%ta", "alpha", "Beta"]
    assert await names(four, sort="rank,-amount") == ["Beta", "alpha", "del%ta", "gam_ma"]
    answer = (await four.call("GET", "/things?count=true&limit=1&rank=1")).json()
    assert (answer["total"], len(answer["data"])) == (2, 1)
    assert "total" not in (await four.call("GET", "/things")).json()


async def test_what_makes_no_sense_is_refused_by_name(four: Person) -> None:
    far = "9" * 400
    for query, field in {
        "limit=0": "limit",
        "limit=201": "limit",
        "limit=-1": "limit",
        f"limit={far}": "limit",
        "limit=x": "limit",
        "sort=nothing": "sort",
        "sort=due": "sort",
        "sort=": None,
        "sort=-": "sort",
        "sort=name;drop": "sort",
        "cursor=x": "cursor",
        "cursor=W10": "cursor",
        "cursor=%00": None,
        "nothing=1": "nothing",
        "name__like=x": "name__like",
        "name__": None,
        "custom=1": "custom",
        "secret=1": "secret",
        "tenant_id=1": "tenant_id",
        "rank=x": "rank",
        f"rank={far}": "rank",
        "rank=1.5": "rank",
        "rank__in=1,x": "rank__in",
        "rank__contains=1": "rank__contains",
        "amount=NaN": "amount",
        "amount=Infinity": "amount",
        "amount=1e999999": "amount",
        "good=perhaps": "good",
        "due=2026-02-30": "due",
        "due=yesterday": "due",
        "created_at__gt=0001-01-01T00:00:00%2B14:00": "created_at__gt",
        "created_at__gt=9999-12-31T23:59:59-14:00": "created_at__gt",
        "created_at=x": "created_at",
        "id=x": "id",
        "format=exe": "format",
    }.items():
        answer = await four.call("GET", f"/things?{query}")
        assert answer.status_code in ((200, 400, 422) if field is None else (422,)), (query, answer.text)
        if field is not None:
            assert answer.json()["field"] == field, query
    for query in ("name=%FF", "name=%00", "&".join(f"a{n}=1" for n in range(200))):
        assert (await four.call("GET", f"/things?{query}")).status_code == 400
    assert await names(four, name="x' OR '1'='1") == []


@pytest.mark.parametrize("sort", ["rank", "-rank,name", "name,-amount", "-created_at", "good,-rank,amount"])
async def test_pages_have_no_gap_and_no_repeat_while_rows_are_added(trial: World, ada: Person, sort: str) -> None:
    chance = random.Random(sort)

    async def add(count: int) -> list[str]:
        body = lambda: {  # noqa: E731
            "name": f"n{chance.randrange(10)}",
            "amount": str(chance.randrange(5)),
            "rank": chance.randrange(4),
        }
        return [(await ada.post("/things", body()))["id"] for _ in range(count)]

    first = await add(25)
    seen: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"sort": sort, "limit": "4", **({"cursor": cursor} if cursor else {})}
        answer = (await ada.call("GET", "/things", params=query)).json()
        seen += answer["data"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        assert len(answer["data"]) == 4
        await add(1)
    ids = [row["id"] for row in seen]
    assert len(set(ids)) == len(ids)
    assert set(first) <= set(ids)
    whole = [row["id"] for row in await ada.get("/things", params={"sort": sort, "limit": "200"})]
    assert [id for id in whole if id in set(ids)] == ids


async def test_export_as_csv(four: Person) -> None:
    answer = await four.call("GET", "/things?format=csv&sort=amount&name__in=alpha,Beta")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'
    head, *lines = answer.content.decode("utf-8-sig").splitlines()
    assert head.startswith("id,name,amount,rank,state")
    assert [line.split(",")[1:5] for line in lines] == [["alpha", "0.50", "0", "draft"], ["Beta", "1.50", "0", "draft"]]
    await four.post("/things", {"name": "=1+1"})
    assert "'=1+1" in (await four.call("GET", "/things?format=csv&name==1%2B1")).text
    assert (await four.call("GET", "/things?format=xlsx")).content[:2] == b"PK"
