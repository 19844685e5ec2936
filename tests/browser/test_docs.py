"""The viewer of the API under its strict policy: it shows every module, and calls with the token it was given."""

from typing import Any

import pytest

pytestmark = pytest.mark.browser


async def test_the_viewer_shows_the_api_and_calls_it(chromium: Any, shop: Any) -> None:
    page = await chromium.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(shop.url + "/docs")
        house = shop.world.house_of("identity")
        titles = sorted(m.title for m in house.catalogue.modules.values() if m.all_routes())
        # The viewer draws what is in sight only.
        await page.wait_for_selector(".opblock-tag")
        tags: set[str] = set()
        for _ in range(60):
            tags |= set(await page.locator(".opblock-tag").evaluate_all("tags => tags.map(tag => tag.dataset.tag)"))
            if len(tags) == len(titles):
                break
            await page.mouse.wheel(0, 500)
            await page.wait_for_timeout(100)
        assert sorted(tags) == titles
        await page.fill(".operation-filter-input", "Identity")
        await page.click("button.authorize")
        await page.fill(".auth-container input", shop.person.headers["authorization"].removeprefix("Bearer "))
        await page.click(".auth-btn-wrapper button[type=submit]")
        await page.click(".btn-done")
        await page.click("#operations-Identity-me .opblock-summary-control")
        await page.click("#operations-Identity-me .try-out__btn")
        await page.click("#operations-Identity-me .execute")
        answer = page.locator("#operations-Identity-me .live-responses-table")
        await answer.locator(".response-col_status", has_text="200").first.wait_for()
        assert str(shop.person.tenant) in await answer.inner_text()
        assert complaints == []
    finally:
        await page.close()
