"""Things put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.pure.groups import grouped


@given(st.lists(st.tuples(st.integers(0, 4), st.text())))
def test_each_thing_stands_once_under_its_key_and_in_its_order(things):
    found = grouped(things, lambda thing: thing[0])
    assert found == {key: [thing for thing in things if thing[0] == key] for key, _ in things}
    assert list(found) == list(dict.fromkeys(key for key, _ in things)), "keys as they first come"
