"""JSON as the house writes it, to callers, neighbours, the bus and the database alike: a decimal is a string, so that no
reader makes a binary fraction of it."""

from __future__ import annotations

import msgspec

encode = msgspec.json.Encoder(decimal_format="string").encode
