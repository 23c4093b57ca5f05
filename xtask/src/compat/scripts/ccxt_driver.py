"""Calls ccxt. Each line of the input is a JSON object {"method": ..., "args": [...]}, and each line of the output
{"result": ...} or {"error": <the exception's class>, "text": ...}.

ccxt is the unmodified package; only URLs and credentials are set. Methods that watch are those of ccxt.pro. An
exception of another class than ccxt's is a fault of ccxt too.
"""

import asyncio
import json
import os
import sys

import ccxt
import ccxt.pro


def configured(exchange):
    exchange.urls["api"]["rest"] = os.environ["BITOPRO_REST_URL"]
    exchange.apiKey = os.environ["BITOPRO_API_KEY"]
    exchange.secret = os.environ["BITOPRO_API_SECRET"]
    exchange.login = os.environ["BITOPRO_EMAIL"]
    return exchange


async def main() -> None:
    rest = configured(ccxt.bitopro())
    streams = configured(ccxt.pro.bitopro())
    public = os.environ["BITOPRO_WS_URL"] + "/v1/pub"
    streams.urls["ws"] = {"public": public, "private": public + "/auth"}
    while line := sys.stdin.readline():
        call = json.loads(line)
        try:
            if call["method"].startswith("watch_"):
                result = await getattr(streams, call["method"])(*call["args"])
            else:
                result = getattr(rest, call["method"])(*call["args"])
            reply = {"result": result}
        except Exception as error:
            reply = {"error": type(error).__name__, "text": str(error)}
        print(json.dumps(reply), flush=True)
    await streams.close()


asyncio.run(main())
