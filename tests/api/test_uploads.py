"""What hand-written handlers read themselves is limited and refused like any other body."""

from entrepot.testing.world import Person


async def test_a_form_that_cannot_be_read_is_malformed(tenant: Person) -> None:
    kind = "multipart/form-data; boundary=x"
    broken = b"--x\r\nContent-Disposition: form-data; name=\x0d\x0d\r\n\r\n\r\n--x--"
    problem = await tenant.refused("POST", "/documents", status=400, content=broken, headers={"content-type": kind})
    assert (problem["code"], problem["detail"]) == ("malformed", "the form cannot be read")
    assert await tenant.get("/documents") == []


async def test_an_upload_beyond_the_limit_is_refused(tenant: Person) -> None:
    kind = "multipart/form-data; boundary=x"
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    large = head + b"x" * 10_000_001 + b"\r\n--x--\r\n"
    problem = await tenant.refused("POST", "/documents", status=400, content=large, headers={"content-type": kind})
    assert problem["detail"] == "the request is larger than 10000000 bytes"
    assert await tenant.get("/documents") == []
