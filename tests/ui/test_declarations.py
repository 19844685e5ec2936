"""What does not fit stops the process at start, and every word that can be shown has its Dutch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from entrepot.assembly import load_modules
from entrepot.kernel.facade import WiringError
from entrepot.kernel.module import Catalogue, Module
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui import site as sites
from entrepot.kernel.ui import texts, views
from entrepot.kernel.ui.labels import Kind, kind_of, label_of, plural, tone_of
from entrepot.kernel.ui.site import GROUPS, Site
from entrepot.modules.identity import queries
from entrepot.modules.identity.commands import people

UI = Path(sites.__file__).parent


def site_with(*pages: Any) -> Site:
    """A site of identity and one more module that has these pages."""
    return Site(
        Catalogue([*load_modules(["identity", "platform"]), Module(name="more", tier=9, title="More", pages=pages)])
    )


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (
            d.ListPage(queries.USERS, path="/x", columns=["shoe_size"]),
            "shows shoe_size, which the list users does not have",
        ),
        (d.ListPage(queries.USERS, path="/x", filters=["roles"]), "filters by roles, which cannot be"),
        (d.ListPage(queries.USERS, path="/x", icon="unicorn"), "has the icon 'unicorn', which is not in icons.txt"),
        (d.ListPage(queries.USERS, path="/x", menu="Elsewhere"), "stands under 'Elsewhere'; the groups are Sales,"),
        (d.ListPage(queries.USERS, path="/users"), "two pages stand at /users"),
        (
            d.ListPage(queries.USERS, path="/x", title="Unspoken words"),
            "pages show texts that are not translated: nl: Unspoken words",
        ),
        (
            d.DetailPage(queries.get_user, path="/x/{user_id}", name="nickname"),
            "is named by nickname, which UserShown does not have",
        ),
        (
            d.DetailPage(queries.get_user, path="/x/{user_id}", sections=[d.Section("Person", ["age"])]),
            "shows age, which UserShown does not have",
        ),
        (d.FormPage(people.create_user, path="/x", fields=["age"]), "asks for age, which create_user does not take"),
        (
            d.FormPage(people.create_user, path="/x", widgets={"roles": d.Lookup(queries.ROLES, value="colour")}),
            "shows colour, which the list roles does not have",
        ),
        (
            d.SettingsPage(command=people.create_user, path="/x", needs="moon.walk"),
            "needs the permission 'moon.walk', which no manifest",
        ),
        (
            d.DashboardPage(path="/x", title="Home", tiles=[d.Tile("Users", queries.USERS, {"colour": "red"})]),
            "filters by colour, which cannot be",
        ),
    ],
)
def test_a_page_that_does_not_fit_stops_the_start(page: Any, reason: str) -> None:
    with pytest.raises(WiringError, match=re.escape(reason)):
        site_with(page)


def test_every_word_of_the_kit_is_translated() -> None:
    wanted = set(views.UI_TEXTS.values()) | set(views.TITLES.values()) | set(views.ADVICE.values()) | set(GROUPS)
    for file in (UI / "templates").glob("*.html"):
        source = file.read_text(encoding="utf-8")
        wanted |= set(re.findall(r'\bt\("([^"]+)"', source)) | set(re.findall(r"\bt\('([^']+)'", source))
    for file in UI.glob("*.py"):
        source = file.read_text(encoding="utf-8")
        wanted |= set(re.findall(r'visit\.t\(\s*"([^"]+)"', source)) | set(
            re.findall(r'said(?:=| = )"([^"]+)"', source)
        )
    assert len(wanted) > 150
    assert texts.untranslated(wanted) == []


def test_every_permission_setting_and_state_is_translated() -> None:
    catalogue = Catalogue(load_modules())
    wanted = set(catalogue.permissions.values()) | {label_of(p.split(".")[0]) for p in catalogue.permissions}
    wanted |= {s.title for s in catalogue.settings.values()} | {
        label_of(s.category) for s in catalogue.settings.values()
    }
    for stateful in catalogue.machines.values():
        wanted |= {label_of(stateful.machine.entity), *texts.machine_texts(stateful.machine)}
    for place in Site(catalogue).places:
        wanted |= set(texts.texts_of(place, catalogue))
    assert texts.untranslated(wanted) == []


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("unit_price", "Unit price"),
        ("customer_id", "Customer"),
        ("placed_at", "Placed"),
        ("vat_number", "VAT number"),
        ("sku", "SKU"),
        ("id", "ID"),
        ("entity_id", "Company"),
        ("in_transit", "In transit"),
    ],
)
def test_a_label_follows_from_the_name(name: str, label: str) -> None:
    assert label_of(name) == label


def test_kinds_are_seen_through_optional_and_annotated() -> None:
    from decimal import Decimal
    from uuid import UUID

    from entrepot.pure.money import NonNegativeMoney

    assert kind_of(NonNegativeMoney | None) == Kind("number", optional=True)
    assert kind_of(list[str]) == Kind("words", inner="text")
    assert kind_of(list[queries.RoleShown]) == Kind("lines", inner=queries.RoleShown)
    assert kind_of(dict[str, str]).name == "languages"
    assert kind_of(UUID).name == "id"
    assert kind_of(Decimal).name == "number"


def test_plurals_and_tones() -> None:
    assert [plural(word) for word in ("category", "tag", "tax", "day")] == ["categories", "tags", "taxes", "days"]
    assert [tone_of(word) for word in ("paid", "cancelled", "pending", "whatever")] == [
        "success",
        "danger",
        "warning",
        "neutral",
    ]
