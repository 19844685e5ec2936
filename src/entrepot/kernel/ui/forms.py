"""Form pages: a post runs the command; a refusal comes back beside the fields, and a review shows the effect first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from entrepot.kernel import idempotency
from entrepot.kernel.commands import describe
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.fields import FieldDefinition
from entrepot.kernel.http import AGAIN, RETRIES, STATUS, invalid
from entrepot.kernel.layouts import Placed, arranged, layout_of
from entrepot.kernel.preview import Preview, Previewed, previewed
from entrepot.kernel.ui.arranging import entity_of_list
from entrepot.kernel.ui.asking import Data, Form, Typed, form_of, input_name, read_form
from entrepot.kernel.ui.declare import DetailPage, FormPage, ListPage
from entrepot.kernel.ui.fields import Drawn, draw_form
from entrepot.kernel.ui.labels import label_of
from entrepot.kernel.ui.rows import crumbs_of
from entrepot.kernel.ui.show import Cell
from entrepot.kernel.ui.site import Place
from entrepot.kernel.ui.visit import Visit
from entrepot.pure.encoding import encode
from entrepot.pure.errors import Conflict, Denied, Invalid, NotFound, Refusal, Stale
from entrepot.pure.ids import new_id

QUIET = ("version", "updated_at", "created_at", "id", "tenant_id")


class Line(msgspec.Struct, frozen=True):
    """One change of a review: what happens to what, and the values."""

    action: str
    what: str
    values: list[tuple[str, str, str]]


async def show_form(visit: Visit) -> None:
    """The empty or loaded form."""
    place, form, values = _here(visit)
    async with visit.unit(read_only=True) as ctx:
        before = await load(ctx, form.page, values)
        form, definitions, layout = await laid_out(ctx, form, visit)
        prefilled = {k: [v] for k, v in visit.query.items() if k in {f.name for f in form.fields}} or None
        drawn = await draw_form(visit, ctx, form, prefilled, before, {}, definitions)
    await _page(visit, place, form, before, arranged(drawn, layout, _name))


async def post_form(visit: Visit) -> None:
    """Run the command, or show what is wrong, or show what it would do."""
    place, form, values = _here(visit)
    data = await visit.data()
    reviewing = form.page.review and data.get("step", [""])[-1] not in ("confirm", "edit")
    editing = data.get("step", [""])[-1] == "edit"
    before: Any = None
    definitions: list[FieldDefinition] = []
    layout: list[Placed] = []
    typed = Typed()
    effect: Previewed | None = None
    try:
        async with visit.unit(read_only=True) as ctx:
            before = await load(ctx, form.page, values)
            form, definitions, layout = await laid_out(ctx, form, visit)
        typed = read_form(form, data, visit.formats, definitions, before)
        if typed.problems:
            raise Invalid("some fields are wrong", fields=[])
        if not editing:
            outcome = await run(visit, form, values, typed, data, reviewing)
            if not isinstance(outcome, Previewed):
                await _after(visit, place, form, values, outcome)
                return
            effect = outcome
    except (Invalid, Conflict) as refusal:
        await _again(visit, place, form, layout, before, definitions, data, typed, refusal)
        return
    async with visit.unit(read_only=True) as ctx:
        drawn = await draw_form(visit, ctx, form, data, before, {}, definitions)
    drawn = arranged(drawn, layout, _name)
    await _page(visit, place, form, before, drawn, data=data, review=review_of(visit, effect) if effect else None)


async def _again(
    visit: Visit,
    place: Place,
    form: Form,
    layout: list[Placed],
    before: Any,
    definitions: list[FieldDefinition],
    data: Data,
    typed: Typed,
    refusal: Refusal,
) -> None:
    problems = dict(typed.problems)
    message = visit.say(refusal)
    fields: Any = refusal.facts.get("fields") or []
    for wrong in fields:
        only = len(fields) == 1 and refusal.facts.get("field") == wrong["field"]
        problems.setdefault(
            input_name(str(wrong["field"])), message if only else visit.t(str(wrong["problem"]), **refusal.facts)
        )
    async with visit.unit(read_only=True) as ctx:
        drawn = arranged(await draw_form(visit, ctx, form, data, before, problems, definitions), layout, _name)
    shown = all_names(drawn)
    beside = bool(problems) and problems.keys() <= shown
    await _page(
        visit,
        place,
        form,
        before,
        drawn,
        data=data,
        problem=visit.t("Some fields need another look.") if beside else message,
        status=STATUS[refusal.code] if not typed.problems else 422,
    )


def all_names(drawn: list[Drawn]) -> set[str]:
    """The inputs a problem can stand beside."""
    found: set[str] = set()
    for field in drawn:
        found |= {field.name} | all_names(field.parts)
        for line in field.lines:
            found |= all_names(line)
    return found


async def run(visit: Visit, form: Form, values: dict[str, Any], typed: Typed, data: Data, reviewing: bool) -> Any:
    """The command in a unit of its own; the same form sent twice takes effect once."""
    key = data.get("once", [""])[-1][:64] if not reviewing else ""
    assert visit.principal is not None
    tenant = visit.principal.tenant_id
    locks = idempotency.locks_of(tenant, key)
    typed_in = repr(sorted(typed.values.items(), key=str)).encode()
    fingerprint = idempotency.fingerprint_of(visit.exchange.path, typed_in)
    for attempt in range(1, RETRIES + 1):
        try:
            async with visit.unit(preview=reviewing, locks=locks) as ctx:
                if key:
                    kept = await idempotency.kept(ctx, key, fingerprint)
                    if kept is not None:
                        return _kept(kept.body)
                await must_be_fresh(ctx, form, values, data)
                result = await call_command(ctx, form, values, typed.values)
                if reviewing:
                    return await previewed(Preview(ctx), result)
                if key:
                    await idempotency.keep(ctx, key, fingerprint, 200, encode(_plain(result)))
                return result
        except AGAIN:
            if attempt == RETRIES:
                raise Conflict("too many people are changing this at once; try again") from None
    raise AssertionError


def _plain(result: Any) -> Any:
    return str(result) if isinstance(result, UUID) else None


def _kept(body: bytes) -> Any:
    found = msgspec.json.decode(body)
    return UUID(found) if found else None


async def must_be_fresh(ctx: Ctx, form: Form, values: Mapping[str, Any], data: Data) -> None:
    """Refuse a change of what somebody else changed since this form was shown."""
    seen = data.get("version", [""])[-1]
    if not seen or form.page.load is None:
        return
    current = getattr(await load(ctx, form.page, values), "version", None)
    if current is not None and str(current) != seen:
        raise Stale("somebody changed this after you looked; read it again", current=str(current))


async def call_command(ctx: Ctx, form: Form, path_values: Mapping[str, Any], typed: Mapping[str, Any]) -> Any:
    """Call the command with what the path gives, what is fixed, and what was typed."""
    described = describe(form.command)
    if described.needs not in ("", "any"):
        ctx.need(described.needs)
    known = described.parameters
    arguments = {name: value for name, value in {**form.page.fixed, **path_values}.items() if name in known}
    if form.body is not None:
        wanted = {name: value for name, value in typed.items() if name not in arguments}
        try:
            body = msgspec.convert(wanted, form.body, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(error) from None
        if form.check is not None:
            form.check(body)
        if form.whole:
            arguments["body"] = body
        else:
            arguments.update({name: getattr(body, name) for name in form.body.__struct_fields__})
    return await form.command(ctx, **arguments)


async def load(ctx: Ctx, page: FormPage, values: Mapping[str, Any]) -> Any:
    """What the form shows before anybody types: the entity it changes."""
    if page.load is None:
        return None
    names = describe(page.load).parameters
    return await page.load(ctx, **{name: value for name, value in values.items() if name in names})


async def laid_out(ctx: Ctx, form: Form, visit: Visit) -> tuple[Form, list[FieldDefinition], list[Placed]]:
    """The form and the tenant's own fields without what the layout hides: what is not asked is not changed either.
    What must be given is always asked."""
    definitions = await definitions_of(ctx, form, visit)
    place = visit.place
    entity = place.parent.entity.format_map(visit.exchange.values) if place and place.parent else ""
    if place and place.parent and isinstance(place.parent.page, ListPage):
        entity = entity_of_list(place.parent, visit.exchange.values)
    layout = await layout_of(ctx, entity, "form") if entity else []
    if not layout:
        return form, definitions, []
    fields = arranged(form.fields, layout, lambda asked: asked.name, lambda asked: asked.required)
    definitions = arranged(definitions, layout, lambda d: f"custom.{d.name}", lambda d: d.required)
    return replace(form, fields=tuple(fields)), definitions, [Placed(one.name) for one in layout]


def _name(drawn: Drawn) -> str:
    return drawn.name


async def definitions_of(ctx: Ctx, form: Form, visit: Visit) -> list[FieldDefinition]:
    if not form.custom or not form.page.custom:
        return []
    entity = form.page.custom
    return await ctx.house.fields.of(ctx, entity.format_map(visit.exchange.values) if "{" in entity else entity)


def path_values(visit: Visit, place: Place, function: Any) -> dict[str, Any]:
    """The path's values in the types of a function's parameters; what cannot be one does not exist."""
    kinds = describe(function).parameters
    found: dict[str, Any] = {}
    for name, text in visit.exchange.values.items():
        try:
            found[name] = msgspec.convert(text, kinds[name], strict=False) if name in kinds else text
        except msgspec.ValidationError:
            raise NotFound("there is no such {what}", what=name.removesuffix("_id")) from None
    return found


def _here(visit: Visit) -> tuple[Place, Form, dict[str, Any]]:
    place = visit.place
    assert place is not None
    form = form_of(place.page, tuple(place.parameters))
    return place, form, path_values(visit, place, form.command)


async def _page(
    visit: Visit,
    place: Place,
    form: Form,
    before: Any,
    drawn: list[Drawn],
    *,
    data: Data | None = None,
    problem: str = "",
    status: int = 200,
    review: dict[str, Any] | None = None,
) -> None:
    crumbs = crumbs_of(visit, place)
    named = place.parent.page if place.parent and isinstance(place.parent.page, DetailPage) else None
    name = str(getattr(before, named.name, "")) if named is not None and before is not None else ""
    if crumbs and name:
        crumbs[-1] = (name, crumbs[-1][1])
    hidden = (
        []
        if data is None
        else [(k, v) for k, vs in data.items() for v in vs if k not in ("csrf", "step", "once", "version")]
    )
    await visit.page(
        "form.html",
        status,
        place=place,
        page=form.page,
        title=visit.t(place.title),
        name=name,
        fields=drawn,
        problem=problem,
        review=review,
        hidden=hidden,
        version=(data or {}).get("version", [""])[-1] or str(getattr(before, "version", "") or ""),
        once=(data or {}).get("once", [""])[-1] or new_id().hex,
        back=crumbs[-1][1] if crumbs else visit.url("/"),
        totals=visit.url(place.at(visit.exchange.values) + "/totals") if form.page.totals else "",
        crumbs=crumbs,
        page_title=visit.t(place.title),
        needs_script=any(f.type.startswith("lookup") or f.type in ("date", "moment", "lines", "group") for f in drawn),
    )


async def _after(visit: Visit, place: Place, form: Form, values: dict[str, Any], result: Any) -> None:
    if form.page.shows_result and isinstance(result, msgspec.Struct):
        facts = [
            (visit.label(name), visit.formats.cell(getattr(result, name), name), getattr(result, name))
            for name in result.__struct_fields__
            if name != "id"
        ]
        await visit.page(
            "result.html",
            title=visit.t(place.title),
            page_title=visit.t(place.title),
            facts=facts,
            crumbs=crumbs_of(visit, place),
            back=visit.url(place.parent.at(visit.exchange.values)) if place.parent else visit.url("/"),
        )
        return
    await visit.go(following(visit, place, form, values, result), said=form.page.done or "Saved")


def following(visit: Visit, place: Place, form: Form, values: Mapping[str, Any], result: Any) -> str:
    """Where a finished form leads: to what it made, else back to what it hangs on."""
    if form.page.then:
        return form.page.then.format_map({**visit.exchange.values, "result": result})
    parent = place.parent
    if parent is None:
        return "/"
    if isinstance(parent.page, ListPage) and parent.open is not None and isinstance(result, UUID):
        own = next((n for n in reversed(parent.open.parameters) if n not in visit.exchange.values), "")
        if visit.may(parent.open.needs):
            return parent.open.at({**visit.exchange.values, own: result})
    return parent.at(visit.exchange.values)


# ── the effect, before it is confirmed ──


def review_of(visit: Visit, effect: Previewed) -> dict[str, Any]:
    """What a command would do, in words: rows changed, events told, what would be refused afterwards."""
    changes = []
    for change in effect.changes:
        rows = [
            (
                visit.label(name),
                _short(visit, (change.old or {}).get(name)),
                _short(visit, (change.new or {}).get(name)),
            )
            for name in {**(change.old or {}), **(change.new or {})}
            if name not in QUIET and (change.new or {}).get(name) not in ("", None, [], {})
        ]
        changes.append(Line(visit.t(_ACTIONS[change.action]), visit.label(change.entity_type), rows[:12]))
    return {
        "changes": changes,
        "events": [visit.label(event.name.replace(".", " ")) for event in effect.events],
        "refused": list(effect.refused),
    }


_ACTIONS = {"create": "Creates", "update": "Changes", "delete": "Removes"}


def _short(visit: Visit, value: Any) -> str:
    cell: Cell = visit.formats.cell(value)
    return cell.text[:80]


async def totals(visit: Visit) -> None:
    """The sums of what is typed so far; a part of the form that htmx asks for."""
    place = visit.place
    assert place is not None
    form = form_of(place.page, tuple(place.parameters))
    assert form.page.totals is not None
    typed = read_form(form, await visit.data(), visit.formats, [], None)
    shown: list[tuple[str, Cell]] = []
    problem = ""
    try:
        async with visit.unit(read_only=True) as ctx:
            # Only what is summed has to be typed already, as far as it is.
            known = describe(form.page.totals).parameters
            given = {
                n: msgspec.convert(typed.values[n], k, strict=False) for n, k in known.items() if n in typed.values
            }
            result = await form.page.totals(ctx, **given)
        shown = [
            (visit.t(label_of(name)), visit.formats.cell(getattr(result, name), name))
            for name in result.__struct_fields__
        ]
    except (Refusal, msgspec.ValidationError) as error:
        if isinstance(error, Denied):
            raise
        problem = visit.say(error) if isinstance(error, Refusal) else ""
    await visit.page("totals.html", totals=shown, problem=problem)
