"""Reads the balances with another client, or decodes lines of messages from standard input.

Usage: peer.py CLIENT URL MESSAGES [print]

Prints a line for the first message and one for the last, or with `print` one for each message, like `bitopro watch`.
"""

import sys
import time

CLIENT, URL, MESSAGES = sys.argv[1], sys.argv[2], int(sys.argv[3])
PRINTS = sys.argv[4:] == ["print"]
received = 0


def count():
    """Prints a line for the first and the last message."""
    global received
    received += 1
    if received == 1:
        print('{"type":"snapshot"}', flush=True)
    elif received == 1 + MESSAGES:
        print('{"type":"update"}', flush=True)


def websockets_orjson():
    import asyncio

    import orjson
    import websockets

    def show(message):
        global received
        line = {
            "v": 1,
            "type": "update" if received else "snapshot",
            "stream": "account-balance",
            "received": time.time(),
            "event_id": message.get("eventID"),
            "timestamp": message["timestamp"],
            "data": message["data"],
        }
        received += 1
        sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
        sys.stdout.buffer.flush()

    async def run():
        url = URL + "/pub/auth/account-balance"
        async with websockets.connect(url, max_size=None, compression=None, proxy=None) as socket:
            async for text in socket:
                message = orjson.loads(text)
                show(message) if PRINTS else count()

    asyncio.run(run())


def exchange_sdk():
    import json

    from bitoproClient import bitopro_websocket_client as sdk

    def on_message(text):
        json.loads(text)
        count()

    sdk.BitoproWebsocketEndpoint = URL
    stream = sdk.BitoproUserBlanceWs("me@example.com", "key", "secret", on_message)
    stream.init_websocket()
    stream.start()


def ccxt():
    import asyncio

    import ccxt.pro

    class Exchange(ccxt.pro.bitopro):
        def handle_balance(self, client, message):
            super().handle_balance(client, message)
            count()

    async def run():
        exchange = Exchange({"apiKey": "key", "secret": "secret", "login": "me@example.com"})
        # Otherwise it requests the markets from the REST API.
        exchange.markets = {}
        exchange.urls["ws"] = {"public": URL + "/pub", "private": URL + "/pub/auth"}
        while True:
            await exchange.watch_balance()

    asyncio.run(run())


def decode():
    import orjson

    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(orjson.loads(line)) + b"\n")


{"websockets": websockets_orjson, "sdk": exchange_sdk, "ccxt": ccxt, "decode": decode}[CLIENT]()
