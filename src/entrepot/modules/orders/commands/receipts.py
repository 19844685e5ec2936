"""Receipts of sales at the till."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from entrepot.kernel.commands import command
from entrepot.kernel.ctx import Ctx
from entrepot.kernel.db import view
from entrepot.kernel.i18n import translate
from entrepot.kernel.jobs import enqueue
from entrepot.modules.documents.contract import DocumentCard, Documents, ReceiptData, ReceiptLine, ReceiptTax
from entrepot.modules.identity.contract import Identity
from entrepot.modules.orders.events import ReceiptSent
from entrepot.modules.orders.queries.orders import get_pos_order
from entrepot.modules.orders.tables import ReceiptDocument, ReceiptMail
from entrepot.pure.addresses import checked_email
from entrepot.pure.errors import NotFound


class ReceiptMailed(msgspec.Struct, frozen=True):
    """A receipt that is on its way."""

    order_id: UUID
    number: str
    email: str


class MailWaiting(msgspec.Struct, frozen=True):
    """A receipt to be mailed."""

    id: UUID
    order_id: UUID
    email: str
    sent_at: datetime | None


RECEIPT_SUBJECT = "Your receipt {number} of {seller}"
RECEIPT_MAIL = "Hello,\n\nhere is your receipt {number}. Thank you for your purchase.\n\n{seller}"


@command(needs="pos.sell")
async def mail_receipt(ctx: Ctx, order_id: UUID, email: str) -> ReceiptMailed:
    """Send the receipt of a sale to an address. It is sent by a job after the commit; asked again before it left, it
    is sent once."""
    order = await get_pos_order(ctx, order_id)
    address = checked_email(email)
    waiting = view(MailWaiting, ReceiptMail).where(ReceiptMail.order_id == order.id, ReceiptMail.sent_at.is_(None))
    found = await ctx.first(waiting.where(ReceiptMail.email == address))
    mail_id = found.id if found else await ctx.add(ReceiptMail, order_id=order.id, email=address, asked_at=ctx.now)
    await enqueue(ctx, send_receipt, unique_key=f"receipt:{mail_id}", max_attempts=8, mail_id=mail_id)
    return ReceiptMailed(order.id, order.number, address)


async def send_receipt(ctx: Ctx, mail_id: UUID) -> None:
    """Mail a receipt as PDF, unless that was done before."""
    mail = await ctx.hold(view(MailWaiting, ReceiptMail).where(ReceiptMail.id == mail_id))
    if mail.sent_at is not None:
        return
    card = await print_receipt(ctx, mail.order_id)
    pdf = await ctx.of(Documents).content(card.id)
    order = await get_pos_order(ctx, mail.order_id)
    seller = (await ctx.of(Identity).entity(order.entity_id)).legal_name
    locale = await ctx.house.settings.value(ctx, "platform.locale", entity_id=order.entity_id)
    facts = {"number": order.number, "seller": seller}
    subject, text = (translate(words, locale, facts) for words in (RECEIPT_SUBJECT, RECEIPT_MAIL))
    await ctx.change(ReceiptMail, mail_id, sent_at=ctx.now)
    ctx.emit(ReceiptSent(order.id, order.number), entity_id=order.entity_id)
    await ctx.house.mail.send(mail.email, subject, text, attachments=((pdf.name, pdf.mime_type, pdf.data),))


@command(needs="pos.sell")
async def print_receipt(ctx: Ctx, order_id: UUID) -> DocumentCard:
    """The receipt of a sale as PDF, made once and then found again."""
    order = await get_pos_order(ctx, order_id)
    known = await ctx.value("SELECT document_id FROM orders.receipt WHERE order_id = $1", order_id)
    if known is not None:
        try:
            return await ctx.of(Documents).card(known)
        except NotFound:
            await ctx.run("DELETE FROM orders.receipt WHERE order_id = $1", order_id)
    entity = await ctx.of(Identity).entity(order.entity_id)
    locale = await ctx.house.settings.value(ctx, "platform.locale", entity_id=order.entity_id)
    card = await ctx.of(Documents).receipt(
        order_id,
        ReceiptData(
            seller=entity.legal_name,
            address=entity.address,
            vat_number=entity.vat_number,
            number=order.number,
            placed_at=order.placed_at,
            timezone=await ctx.house.settings.value(ctx, "platform.timezone"),
            currency=order.currency,
            locale=locale,
            cashier=order.cashier_id or "",
            terminal=order.terminal_id or "",
            lines=[
                ReceiptLine(line.name, line.quantity, line.unit_price, line.discount, line.gross)
                for line in order.lines
            ],
            taxes=[ReceiptTax(t.rate, t.net, t.tax) for t in order.taxes],
            subtotal=order.subtotal,
            tax_total=order.tax_total,
            total=order.total,
            payments=[(p.method, p.tendered) for p in order.payments],
            change=order.change,
            takes_back=str(order.metadata.get("original", "")) if order.kind == "credit" else "",
        ),
    )
    await ctx.add_many(
        ReceiptDocument,
        [{"order_id": order_id, "document_id": card.id, "made_at": ctx.now}],
        skip_conflicts=True,
    )
    return card
