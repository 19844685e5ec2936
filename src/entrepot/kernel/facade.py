"""Binding facades to functions, and calling them near (same transaction) or far (a signed request)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, get_type_hints
from uuid import UUID

import msgspec

from entrepot.kernel.ctx import Actor, Caller, Ctx
from entrepot.kernel.units import unit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import FAMILY, Refusal, Unauthenticated
from entrepot.pure.facade import Facade, Operation

if TYPE_CHECKING:
    from entrepot.kernel.house import House

CLOCK_SKEW = 120  # seconds a signed call may be old


class WiringError(Exception):
    """The house is put together wrongly; found at start, never in use."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A facade with the functions that keep its word."""

    facade: type[Facade]
    functions: dict[str, Callable[..., Awaitable[Any]]]
    operations: dict[str, Operation]


def offer(facade: type[Facade], *functions: Callable[..., Awaitable[Any]]) -> Offer:
    """Bind a facade to plain functions of the same names; refuses when names, parameters or types differ."""
    given = {function.__name__: function for function in functions}
    wanted = facade.operations()
    if missing := wanted.keys() - given.keys():
        raise WiringError(f"{facade.__name__} is offered without {', '.join(sorted(missing))}")
    if extra := given.keys() - wanted.keys():
        raise WiringError(f"{facade.__name__} has no {', '.join(sorted(extra))}")
    for name, function in given.items():
        hints = get_type_hints(function, include_extras=True)
        names = list(inspect.signature(function).parameters)[1:]
        parameters = {parameter: hints[parameter] for parameter in names}
        if parameters != wanted[name].parameters or hints.get("return", type(None)) != wanted[name].result:
            raise WiringError(
                f"{facade.__name__}.{name} promises {wanted[name].parameters} -> {wanted[name].result}, "
                f"but {function.__module__}.{name} takes {parameters} -> {hints.get('return')}"
            )
        undo = wanted[name].undo
        if undo is not None and undo not in wanted:
            raise WiringError(f"{facade.__name__}.{name} is undone by {undo}, which does not exist")
    return Offer(facade, given, wanted)


class Near:
    """A facade of a module in this process: plain calls in the same transaction."""

    def __init__(self, ctx: Ctx, made: Offer) -> None:
        self._ctx = ctx
        self._made = made

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        made = self._made
        if name not in made.functions:
            raise AttributeError(name)
        return partial(_call_near, self._ctx, made.operations[name], made.functions[name])


async def _call_near(
    ctx: Ctx, operation: Operation, function: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any
) -> Any:
    try:
        return await function(ctx, *arguments, **named)
    except Refusal as refusal:
        # The facts as they would have come from afar: a caller must not come to rely on more.
        refusal.facts = msgspec.json.decode(encode(refusal.facts))
        if operation.kind == "tell":
            # It may have written before it refused. Who goes on from here without `ctx.attempt` would commit that.
            ctx.spoil(refusal)
        raise


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A far call as it travels."""

    facade: str
    operation: str
    tenant: UUID
    entity: UUID
    actor: Actor
    caller: Caller
    locale: str
    arguments: dict[str, msgspec.Raw]
    preview: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What comes back: a result, or a refusal with its facts."""

    result: msgspec.Raw = msgspec.Raw(b"null")
    refused: str | None = None
    message: str = ""
    facts: dict[str, Any] = {}


class Far:
    """A facade of a module elsewhere: a signed POST, answered in a transaction of its own."""

    def __init__(
        self, ctx: Ctx, facade: type[Facade], send: Callable[[bytes, dict[str, str]], Awaitable[bytes]]
    ) -> None:
        for operation in facade.operations().values():
            setattr(self, operation.name, partial(_call_far, ctx, facade, operation, send))


async def _call_far(
    ctx: Ctx,
    facade: type[Facade],
    operation: Operation,
    send: Callable[[bytes, dict[str, str]], Awaitable[bytes]],
    *arguments: Any,
    **named: Any,
) -> Any:
    given = dict(zip(operation.parameters, arguments, strict=False)) | named
    call = Call(
        facade=facade.facade_name,
        operation=operation.name,
        tenant=ctx.tenant_id,
        entity=ctx.entity_id,
        actor=ctx.actor,
        caller=ctx.caller,
        locale=ctx.locale,
        arguments={name: msgspec.Raw(encode(value)) for name, value in given.items()},
        preview=ctx.preview,
    )
    body = encode(call)
    if operation.undo is not None:
        # Remembered before the call: an answer that never arrives may still have taken the goods.
        ctx.far_told(facade, operation.undo, next(iter(given.values())))
    # In a task of its own: who asks beside others shares one with them, and the client's timeouts are its task's.
    raw = await asyncio.ensure_future(send(body, sign(ctx.house.config.secret, body)))
    answer = msgspec.json.decode(raw, type=Answer)
    if answer.refused is not None:
        refusal = FAMILY.get(answer.refused, Refusal).of(answer.message, answer.facts)
        if operation.undo is not None:
            ctx.far_refused()
        if operation.kind == "tell":
            ctx.spoil(refusal)  # as if it were near: going on takes `ctx.attempt` wherever the other module runs
        raise refusal
    return msgspec.json.decode(answer.result, type=operation.result)


def sign(secret: str, body: bytes, at: float | None = None) -> dict[str, str]:
    """The headers that prove a call comes from a service of this house."""
    stamp = str(int(time.time() if at is None else at))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-entrepot-time": stamp, "x-entrepot-signature": mac, "content-type": "application/json"}


def verify(secret: str, body: bytes, stamp: str, signature: str) -> None:
    """Refuses with Unauthenticated what is not signed by this house, or not lately."""
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    proven = hmac.compare_digest(wanted.encode(), signature.encode())
    if not proven or not stamp.isdecimal() or abs(time.time() - int(stamp)) > CLOCK_SKEW:
        raise Unauthenticated("this call is not signed by a service of this house")


async def answer(house: House, body: bytes) -> bytes:
    """Answer a far call: its own tenant, its own transaction; a refusal travels back as a refusal."""
    call = msgspec.json.decode(body, type=Call)
    made = house.catalogue.offers_by_name.get(call.facade)
    if made is None or call.operation not in made.functions:
        return encode(Answer(refused="not_found", message="there is no such {what}", facts={"what": "facade"}))
    operation = made.operations[call.operation]
    try:
        arguments = {
            name: msgspec.json.decode(raw, type=operation.parameters[name]) for name, raw in call.arguments.items()
        }
        async with unit(
            house,
            call.tenant,
            call.actor,
            entity_id=call.entity,
            caller=call.caller,
            locale=call.locale,
            preview=call.preview,
            read_only=operation.kind == "ask",
        ) as ctx:
            with house.metrics.timed(f"{call.facade}.{call.operation}"):
                result = await made.functions[call.operation](ctx, **arguments)
    except Refusal as refusal:
        return encode(Answer(refused=refusal.code, message=refusal.message, facts=refusal.facts))
    return encode(Answer(result=msgspec.Raw(encode(result))))
