"""Pages of parties: customers."""

from entrepot.kernel.ui.declare import DetailPage, FormPage, ListPage, Options, Parts, Section
from entrepot.modules.parties import commands, queries

ADDRESS = Parts(("street", "postal_code", "city", "country"))
TYPES = Options(("organization", "person"))

pages = [
    ListPage(
        queries.CUSTOMERS,
        icon="users",
        menu="Customers",
        order=10,
        columns=["name", "email", "phone", "segment", "status"],
        filters=["status", "type", "segment", "created_at"],
        hint="email",
        offers=["customer_id", "party_id"],
        empty="Add who buys from you, or let the first order do it.",
        new=FormPage(
            commands.create_customer,
            title="New customer",
            icon="user-plus",
            fields=["name", "type", "email", "phone", "vat_number", "segment", "address"],
            widgets={"address": ADDRESS, "type": TYPES},
        ),
        open=DetailPage(
            queries.get_customer,
            title="Customer",
            entity="customer",
            sections=[
                Section("Customer", ["name", "type", "segment", "vat_number"]),
                Section("Where to find them", ["email", "phone", "address"]),
            ],
            actions=[
                FormPage(
                    commands.change_customer,
                    title="Change customer",
                    fields=["name", "email", "phone", "vat_number", "segment", "address"],
                    widgets={"address": ADDRESS},
                )
            ],
        ),
    ),
]
