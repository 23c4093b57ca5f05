"""Runs one private stream of the exchange's Python SDK, and prints every message passed to its callback.

Each line of the output is a JSON object: {"event": ...} with the message as Python parsed it, or {"unreadable": "..."}
with a string that is not JSON. The SDK is the unmodified package; only its module's URL constant is set. It cannot be
stopped, so the process exits when its standard input closes, or is killed.
"""

import json
import os
import sys

from bitoproClient import bitopro_websocket_client as sdk


def on_message(message: str) -> None:
    line: dict[str, object]
    try:
        line = {"event": json.loads(message)}
    except ValueError:
        # The SDK would catch the exception and continue.
        line = {"unreadable": message}
    print(json.dumps(line), flush=True)


def main(class_name: str) -> None:
    # The class appends its path to this constant when it is instantiated.
    sdk.BitoproWebsocketEndpoint = os.environ["COMPAT_WS_URL"]
    stream_class: type[sdk.BitoproExWebsocket] = getattr(sdk, class_name)
    stream = stream_class(
        os.environ["BITOPRO_EMAIL"],
        os.environ["BITOPRO_API_KEY"],
        os.environ["BITOPRO_API_SECRET"],
        on_message,
    )
    stream.init_websocket()
    stream.start()
    sys.stdin.read()
    # The SDK's thread is not a daemon and would keep dialing.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
