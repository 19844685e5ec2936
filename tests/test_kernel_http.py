async def test_me(world):
    tenant = await world.tenant()
    me = await tenant.get("/me")
    assert me["kind"] == "user"
    assert me["permissions"] == ["*"]
