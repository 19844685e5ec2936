"""JSON as the house writes it."""

from __future__ import annotations

import json
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from entrepot.pure.encoding import encode


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_comes_back_as_it_went(number):
    [back] = json.loads(encode([number]))
    assert Decimal(back).as_tuple() == number.as_tuple()


def test_a_decimal_is_a_string_and_a_count_is_a_number():
    facts = {"total": Decimal("0.10"), "lines": 2, "id": UUID(int=7), "name": "Zoë </script>", "until": None}
    assert encode(facts).decode() == (
        '{"total":"0.10","lines":2,"id":"00000000-0000-0000-0000-000000000007","name":"Zoë </script>","until":null}'
    )
