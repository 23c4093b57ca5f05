"""Runs one private stream of the exchange's Python SDK, and prints what it hands to its callback.

One JSON object a line: {"event": ...} as Python reads it, or {"unreadable": "..."} for a text that is not JSON.
The SDK is as it comes from the package index; from outside, only the module's URL constant is set. It cannot be
stopped: the process ends with its standard input, or is killed.
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
        # The SDK would catch this and go on.
        line = {"unreadable": message}
    print(json.dumps(line), flush=True)


def main(class_name: str) -> None:
    # The class puts its path behind it when it is made.
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
    # Its thread is not a daemon, and would go on dialling.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
