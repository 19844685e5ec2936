"""Records come in from a sheet and go out to one."""

from __future__ import annotations


async def test_rows_come_in_or_are_listed_with_the_reason(house_world):
    shop = await house_world.tenant()
    sheet = "name,parent_id\r\nBread,\r\n'=Cakes,\r\n,\r\nTea,not-an-id\r\nBread,\r\n"
    csv = {"content-type": "text/csv"}
    answer = await shop.call("POST", "/categories/import", content=sheet.encode("utf-8-sig"), headers=csv)
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    assert found["created"] == 3
    assert [refused["row"] for refused in found["refused"]] == [3, 4]
    assert "name" in found["refused"][0]["reason"]
    names = [row["name"] for row in await shop.get("/categories")]
    assert sorted(names) == ["=Cakes", "Bread", "Bread"]
    exported = await shop.call("GET", "/categories?format=csv")
    back = await shop.call("POST", "/categories/import", content=exported.content, headers=csv)
    assert back.json()["data"] == {"created": 3, "refused": []}
    for broken in (b"\xff\xfe", b"a\x00b", b'"open'):
        refused = await shop.call("POST", "/categories/import", content=broken, headers=csv)
        assert refused.status_code == 400, refused.text
    reader = await house_world.colleague(shop, ["products.view"])
    assert (await reader.call("POST", "/categories/import", content=b"name\nX", headers=csv)).status_code == 403
    assert len(await shop.get("/categories")) == 6
