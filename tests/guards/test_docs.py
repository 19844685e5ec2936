"""The generated pages are committed as they are generated; a setting, permission or event nobody wrote down is found."""

from pathlib import Path

import pytest

from entrepot import assembly
from entrepot.kernel import docs
from entrepot.kernel.config import EXPLAINED, Config
from entrepot.kernel.module import Catalogue


@pytest.mark.covers("OBS-013", "OBS-014")
def test_committed_pages_are_the_generated_ones() -> None:
    assert docs.differences(Catalogue(assembly.load_modules())) == []


def test_every_setting_of_the_process_is_explained() -> None:
    assert set(EXPLAINED) == set(Config.__struct_fields__)


def test_a_page_that_was_changed_by_hand_or_forgotten_is_found(tmp_path: Path) -> None:
    catalogue = Catalogue(assembly.load_modules(["identity", "platform"]))
    assert len(docs.write_all(catalogue, tmp_path)) == 6 + len(catalogue.events)
    assert docs.write_all(catalogue, tmp_path) == []
    assert docs.differences(catalogue, tmp_path) == []
    with (tmp_path / "events.md").open("a") as page:
        page.write("By hand.\n")
    (tmp_path / "modules" / "identity.md").unlink()
    (tmp_path / "modules" / "gone.md").write_text("# Gone\n")
    assert docs.differences(catalogue, tmp_path) == [
        "docs/modules/identity.md is not what is generated",
        "docs/events.md is not what is generated",
        "docs/modules/gone.md is of a module that is gone",
    ]
    assert sorted(file.name for file in docs.write_all(catalogue, tmp_path)) == ["events.md", "gone.md", "identity.md"]
    assert docs.differences(catalogue, tmp_path) == []


def test_a_page_tells_what_its_module_is() -> None:
    page = docs.pages(Catalogue(assembly.load_modules(["identity", "platform"])))["modules/identity.md"]
    assert "Who is who: tenants, their business entities, users, roles, API keys and sessions." in page
    assert "| `create_user` | `users.edit` | A person who can log in, once a password is set." in page
    assert "| `POST /api/v1/auth/token` | nobody known | Trade e-mail and password for a token." in page
    assert "| `user.created` |" in page
    assert "| `identity.entity` | ask | One business entity; NotFound for another tenant's. |" in page
