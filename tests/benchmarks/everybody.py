"""What everybody writes: an aiohttp application that verifies, publishes to Kafka and answers.

It is written as well as its kind is: the raw bytes are verified, in constant time; Kafka
acknowledges with ``acks=all`` before the sender hears 200; the record's key is the payment; uvloop
runs it and no access log is kept. It has one key a source and none of the rest: no deadline, no
limits, no metrics, no log line, no correlation id, no evidence in the record.
"""

import asyncio
import hashlib
import hmac
import json
import signal
import sys
import time
from pathlib import Path

import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer

from tests.benchmarks.bare import say_started

WINDOW_S = 300


class Receiver:
    """The handlers of two providers over one producer."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, secrets: dict[str, bytes]) -> None:
        self._producer = producer
        self._topic = topic
        self._secrets = secrets

    async def stripe(self, request: web.Request) -> web.Response:
        """Take an event of Stripe's."""
        body = await request.read()
        fields = request.headers.get("Stripe-Signature", "").split(",")
        given = dict(field.split("=", 1) for field in fields if "=" in field)
        stamp = given.get("t", "")
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > WINDOW_S:
            return web.Response(status=400)
        message = stamp.encode() + b"." + body
        if not _matches(self._secrets["stripe"], message, given.get("v1", "")):
            return web.Response(status=400)
        return await self._publish(body, json.loads(body)["data"]["object"]["id"])

    async def btcpay(self, request: web.Request) -> web.Response:
        """Take an event of BTCPay Server's."""
        body = await request.read()
        given = request.headers.get("BTCPay-Sig", "").removeprefix("sha256=")
        if not _matches(self._secrets["btcpay"], body, given):
            return web.Response(status=400)
        return await self._publish(body, json.loads(body)["invoiceId"])

    async def _publish(self, body: bytes, payment: str) -> web.Response:
        await self._producer.send_and_wait(self._topic, body, key=payment.encode())
        return web.Response(status=200)


def _matches(secret: bytes, message: bytes, given: str) -> bool:
    computed = hmac.new(secret, message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(computed.encode(), given.encode())


async def _serve(bootstrap: str, topic: str, secrets: dict[str, bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    receiver = Receiver(producer, topic, secrets)
    app = web.Application()
    app.router.add_post("/hooks/stripe", receiver.stripe)
    app.router.add_post("/hooks/btcpay", receiver.btcpay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    say_started(runner.addresses[0][1])
    try:
        await _until_stopped()
    finally:
        await runner.cleanup()
        await producer.stop()


async def _until_stopped() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()


if __name__ == "__main__":
    _, _bootstrap, _topic, _directory = sys.argv
    _secrets = {name: Path(_directory, name).read_bytes() for name in ("stripe", "btcpay")}
    uvloop.run(_serve(_bootstrap, _topic, _secrets))
