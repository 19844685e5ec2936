"""Hangs every page of the house into its web application."""

from __future__ import annotations

from typing import Any

from entrepot.kernel.http import Web
from entrepot.kernel.ui import (
    arranging,
    boards,
    details,
    forms,
    gallery,
    lists,
    own,
    preferences,
    reports,
    stuck,
    timeline,
)
from entrepot.kernel.ui import declare as d
from entrepot.kernel.ui.account import Account
from entrepot.kernel.ui.asking import form_of
from entrepot.kernel.ui.shell import Shell
from entrepot.kernel.ui.site import Place, Site
from entrepot.kernel.ui.views import Views
from entrepot.kernel.ui.visit import Handler, entering

GET: dict[type[Any], Handler] = {
    d.ListPage: lists.show_list,
    d.DetailPage: details.show_detail,
    d.FormPage: forms.show_form,
    d.BoardPage: boards.show_board,
    d.ReportPage: reports.show_report,
    d.DashboardPage: reports.show_dashboard,
    d.SettingsPage: preferences.show_settings,
    d.LayoutsPage: arranging.show_layouts,
    d.ObstaclesPage: stuck.show_stuck,
    d.OwnPage: own.show_own,
}


def mount(web: Web) -> None:
    """Add the pages; raises WiringError when a declaration does not fit."""
    house = web.house
    site = Site(house.catalogue)
    views = Views(site)
    web.present = views.problem
    shell = Shell(views, house.config)
    house.closing.append(shell.attempts.close)
    web.tree.add("GET", "/login", shell.login)
    web.tree.add("POST", "/login", shell.login)
    account = Account(shell)
    web.tree.add("POST", "/login/passkey", account.by_passkey)
    for method in ("GET", "POST"):
        web.tree.add(method, "/forgot", account.forgot)
        web.tree.add(method, "/reset", account.reset)
    for method, path, handler in (
        ("GET", "/", shell.home),
        ("POST", "/logout", shell.logout),
        ("POST", "/switch", shell.switch),
        ("GET", "/palette", shell.palette),
        ("GET", "/bell", shell.bell),
        ("GET", "/bell/unread", shell.unread),
        ("POST", "/bell", shell.read),
        ("GET", "/go/{entity}/{id}", shell.go),
        ("GET", "/gallery", gallery.show_gallery),
        ("GET", "/me", account.safety),
        ("POST", "/me", account.change_safety),
        ("POST", "/me/passkeys", account.change_passkeys),
        ("POST", "/me/pin", account.change_pin),
        ("GET", "/pick/{list}", lists.pick),
        ("POST", stuck.CLEAR, stuck.clear),
    ):
        web.tree.add(method, path, entering(views, handler))
    for place in site.places:
        if place.here:
            hang(web, views, place)


def hang(web: Web, views: Views, place: Place) -> None:
    """The handlers of one page."""
    page = place.page

    def add(method: str, path: str, handler: Handler) -> None:
        web.tree.add(method, path, entering(views, handler, place))

    if (
        isinstance(page, d.FormPage)
        and place.parent is not None
        and place in place.parent.bulk
        and place.path.startswith(f"{place.parent.path}/all/")
    ):
        add("POST", place.path, lists.bulk)
        return
    add("GET", place.path, GET[type(page)])
    if isinstance(page, d.FormPage):
        form_of(page, tuple(place.parameters))
        add("POST", place.path, forms.post_form)
        if page.totals is not None:
            add("POST", place.path + "/totals", forms.totals)
    elif isinstance(page, d.ListPage):
        add("POST", place.path + "/views", lists.keep_view)
    elif isinstance(page, d.DetailPage):
        add("POST", place.path + "/step", details.take_step)
        add("POST", place.path + "/notes", timeline.add_note)
        add("POST", place.path + "/documents", details.put_document)
    elif isinstance(page, d.BoardPage):
        add("POST", place.path + "/move", boards.move_card)
    elif isinstance(page, d.OwnPage) and page.worker:
        web.tree.add("GET", place.path + "/worker.js", own.worker_of(views, place))
        web.tree.add("GET", place.path + "/app.webmanifest", own.manifest_of(views, place))
    elif isinstance(page, d.LayoutsPage):
        add("POST", place.path, arranging.keep_layout)
    elif isinstance(page, d.SettingsPage):
        add("POST", place.path, preferences.give_setting)
