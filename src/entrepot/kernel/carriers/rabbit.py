"""Events between services by RabbitMQ: a topic exchange, a quorum queue per service, publisher confirms.

Sending is a subscription like any other: its position moves when the broker has confirmed the whole batch, so nothing
is lost and a batch may arrive twice. The receiving side acknowledges after its own commit, and the inbox absorbs what
comes again. Queues of every service are declared by every service: who starts first loses nothing for who starts last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from entrepot.kernel.carriers.direct import take_in
from entrepot.kernel.log import envelope
from entrepot.pure.encoding import encode
from entrepot.pure.events import Envelope

if TYPE_CHECKING:
    from entrepot.kernel.house import House

EXCHANGE = "entrepot.events"
UNREADABLE = "entrepot.unreadable"
BATCH = 100
CONFIRMED_WITHIN = 15.0
LONGEST_PAUSE = 5.0

_decoder = msgspec.json.Decoder(Envelope)
logger = structlog.get_logger("entrepot.rabbit")


def attach(house: House, hears: Mapping[str, Sequence[str]]) -> Rabbit:
    """Let this house tell and hear the others by the broker of its configuration. `hears` says which events each
    service, this one among them, reacts to; before the house starts."""
    carrier = Rabbit(house, hears)
    house.relay.forward("forward.broker", carrier.publish)
    house.carriers.append(carrier)
    return carrier


class Rabbit:
    """One house's line to the broker: a connection to tell by, and one to hear by where this process works."""

    def __init__(self, house: House, hears: Mapping[str, Sequence[str]]) -> None:
        self.house = house
        self.hears = hears
        self._teller: Any = None
        self._exchange: Any = None
        self._telling = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to hear; a broker that cannot be reached is tried again for as long as the house stands."""
        if self.house.works and self.hears.get(self.house.name):
            self._task = asyncio.create_task(self._hear_on(), name="rabbit")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._hang_up()

    # ── telling ──

    async def publish(self, rows: Sequence[Any]) -> None:
        """Rows of the log to the exchange, in order; returns when the broker has confirmed every one, or raises."""
        import aio_pika

        async with self._telling:
            try:
                async with asyncio.timeout(CONFIRMED_WITHIN):
                    exchange = await self._line()
                    # A channel keeps the order of what is published on it; the confirmations are awaited together.
                    await asyncio.gather(
                        *(
                            exchange.publish(
                                aio_pika.Message(
                                    encode(envelope(row)),
                                    message_id=str(row["id"]),
                                    content_type="application/cloudevents+json",
                                    delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                                ),
                                routing_key=row["name"],
                                mandatory=False,
                            )
                            for row in rows
                        )
                    )
            except BaseException:
                await self._hang_up()
                raise
        logger.info("rabbit.told", events=len(rows))

    async def _line(self) -> Any:
        if self._exchange is None:
            import aio_pika

            self._teller = await aio_pika.connect(self.house.config.broker_url, timeout=CONFIRMED_WITHIN)
            channel = await self._teller.channel(publisher_confirms=True)
            self._exchange = await self._declare(channel)
        return self._exchange

    async def _hang_up(self) -> None:
        teller, self._teller, self._exchange = self._teller, None, None
        if teller is not None:
            await _close(teller)

    async def _declare(self, channel: Any) -> Any:
        import aio_pika

        exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
        await channel.declare_queue(UNREADABLE, durable=True, arguments={"x-queue-type": "quorum"})
        for service, names in self.hears.items():
            queue = await channel.declare_queue(queue_of(service), durable=True, arguments=_QUEUE)
            for name in names:
                await queue.bind(exchange, routing_key=name)
        return exchange

    # ── hearing ──

    async def _hear_on(self) -> None:
        pause = 0.1
        while True:
            try:
                async for handled in self._hear():
                    if handled:
                        pause = 0.1
            except asyncio.CancelledError:
                raise
            except Exception as error:
                logger.warning("rabbit.unheard", error=repr(error), pause=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _hear(self) -> Any:
        """Take what the queue holds in batches, until something fails: then what was not acknowledged comes again, in
        its old order, on the next line."""
        import aio_pika

        connection = await aio_pika.connect(self.house.config.broker_url, timeout=CONFIRMED_WITHIN)
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        gone = asyncio.Event()
        connection.close_callbacks.add(lambda *_: gone.set())
        try:
            channel = await connection.channel()
            channel.close_callbacks.add(lambda *_: gone.set())
            await channel.set_qos(prefetch_count=2 * BATCH)
            await self._declare(channel)
            queue = await channel.get_queue(queue_of(self.house.name))
            await queue.consume(arrived.put)
            while True:
                messages = await _batch(arrived, gone)
                envelopes, readable = [], []
                for message in messages:
                    try:
                        envelopes.append(_decoder.decode(message.body))
                        readable.append(message)
                    except msgspec.MsgspecError as error:
                        logger.error("rabbit.unreadable", id=message.message_id, error=repr(error))
                        await message.reject(requeue=False)
                new = await take_in(self.house, envelopes)
                if readable:
                    await readable[-1].ack(multiple=True)
                logger.info("rabbit.heard", events=len(messages), new=new)
                yield len(messages)
        finally:
            await _close(connection)


async def _close(connection: Any) -> None:
    """Close what may be broken already; nobody waits for it longer than a moment."""
    try:
        await asyncio.wait_for(connection.close(), 2)
    except Exception as error:
        logger.info("rabbit.cut_off", error=repr(error))


def queue_of(service: str) -> str:
    """The name of a service's queue."""
    return f"entrepot.{service}"


async def _batch(arrived: asyncio.Queue[Any], gone: asyncio.Event) -> list[Any]:
    """At least one message, and what else is there already; ConnectionError when the line is dead."""
    first = asyncio.ensure_future(arrived.get())
    dead = asyncio.ensure_future(gone.wait())
    try:
        await asyncio.wait({first, dead}, return_when=asyncio.FIRST_COMPLETED)
        if gone.is_set():
            raise ConnectionError("the line to the broker is dead")
        found = [first.result()]
    finally:
        first.cancel()
        dead.cancel()
    while len(found) < BATCH and not arrived.empty():
        found.append(arrived.get_nowait())
    return found


# One consumer at a time keeps the order when a service runs as several processes. A message is never given up
# because a database was away for long: newer brokers would by default after twenty tries.
_QUEUE: dict[str, Any] = {
    "x-queue-type": "quorum",
    "x-single-active-consumer": True,
    "x-delivery-limit": 1_000_000,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": UNREADABLE,
}
