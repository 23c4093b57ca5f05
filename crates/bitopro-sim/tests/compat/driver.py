"""Runs private streams of the exchange's Python SDK, and prints every message passed to their callback.

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


def main(class_names: list[str]) -> None:
    # A class appends its path to this constant when it is instantiated.
    sdk.BitoproWebsocketEndpoint = os.environ["COMPAT_WS_URL"]
    account = [os.environ[name] for name in ("BITOPRO_EMAIL", "BITOPRO_API_KEY", "BITOPRO_API_SECRET")]
    streams = [getattr(sdk, class_name)(*account, on_message) for class_name in class_names]
    # Signs the requests of all streams, then dials, so that all of them happen at the same moment.
    for stream in streams:
        stream.init_websocket()
    for stream in streams:
        stream.start()
    sys.stdin.read()
    # The SDK's thread is not a daemon and would keep dialing.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
