"""The simulator's own records, exact comparisons with them, and the lines that report the results.

Each line of the output is a JSON object: {"call": ..., "result": "passed"}, or another result with its "cause".
"""

import contextlib
import http.client
import json
import os
import ssl
import sys
import traceback
from decimal import ROUND_DOWN, Decimal
from urllib.parse import urlsplit

#: Time in seconds for a reply or a message, which normally takes milliseconds.
DEADLINE = 20
NUMBERS_OF_ORDERS = (
    "price avgExecutionPrice originalAmount remainingAmount executedAmount fee bitoFee total stopPrice".split()
)


class ClientFault(Exception):
    """The call fails through the client's own fault."""


class NotSimulated(Exception):
    """The simulator does not offer the call."""


@contextlib.contextmanager
def call(name):
    """Reports the outcome of the block."""
    row = {"call": name, "result": "passed"}
    try:
        yield
    except ClientFault as fault:
        row = {"call": name, "result": "client", "cause": str(fault)}
    except NotSimulated as missing:
        row = {"call": name, "result": "missing", "cause": str(missing)}
    except Exception as error:
        row = {"call": name, "result": "failed", "cause": f"{type(error).__name__}: {error}"}
        print(f"{name}:", traceback.format_exc(), file=sys.stderr)
    print(json.dumps(row), flush=True)


def parsed(text):
    """Parses JSON without rounding its numbers."""
    return json.loads(text, parse_float=Decimal)


def has_quirk(setting):
    """Returns whether the simulator runs with this setting, such as `done-orders=all`."""
    return setting in os.environ.get("COMPAT_QUIRKS", "").split()


def same(expected, found, where="value"):
    """Checks that everything expected is in what was found. Decimals are compared exactly, by value."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), f"{where}: {found!r} is not an object"
        for name, value in expected.items():
            same(value, found.get(name), f"{where}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), f"{where}: {found!r} is not a list"
        assert len(expected) == len(found), f"{where}: {len(found)} entries instead of {len(expected)}"
        for index, pair in enumerate(zip(expected, found)):
            same(*pair, f"{where}[{index}]")
    elif isinstance(expected, Decimal):
        is_number = isinstance(found, (str, int, Decimal)) and not isinstance(found, bool)
        assert is_number and Decimal(found) == expected, f"{where}: {found!r} instead of {expected}"
    else:
        assert expected == found, f"{where}: {found!r} instead of {expected!r}"


def truncated(number):
    return number.quantize(Decimal("1e-8"), ROUND_DOWN)


class Simulator:
    """The control server of `bitopro sim`, whose exports are in the environment."""

    def __init__(self):
        self.control = urlsplit(os.environ["BITOPRO_SIM_CONTROL_URL"])
        self.rest_url = urlsplit(os.environ["BITOPRO_REST_URL"])

    @staticmethod
    def _get(url, path, method="GET", body=None):
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ["BITOPRO_CA_FILE"])
            client = http.client.HTTPSConnection(url.netloc, timeout=DEADLINE, context=context)
        else:
            client = http.client.HTTPConnection(url.netloc, timeout=DEADLINE)
        client.request(method, url.path + path, body, {"Connection": "close"})
        response = client.getresponse()
        text = response.read().decode()
        assert response.status == 200, f"{path}: {response.status} {text}"
        return parsed(text)

    def command(self, *commands):
        """Carries out commands, and returns the ids of the placed orders and the messages that were sent."""
        body = json.dumps({"commands": commands})
        results = self._get(self.control, "/commands", "POST", body)["results"]
        messages = [message for result in results for message in result["messages"]]
        return [result["order"] for result in results if "order" in result], messages

    def account(self, name="demo"):
        return self._get(self.control, f"/accounts/{name}")

    def order_book(self, pair):
        return self._get(self.control, f"/order-book/{pair}")

    def dials(self):
        return self._get(self.control, "/connections")["dials"]

    def rest(self, path):
        """Returns the reply to a public call of REST, for data that the control server does not have."""
        return self._get(self.rest_url, path)

    def order(self, order_id):
        """Returns the first account's record of an order."""
        account = self.account()
        [order] = [o for o in account["open_orders"] + account["closed_orders"] if str(o["id"]) == str(order_id)]
        return order

    def price(self, pair, percent):
        """Returns a part of the market's price, in the precision of the pair."""
        market = Decimal(self.order_book(pair)["market_price"])
        unit = Decimal(1).scaleb(-int(self.rules(pair)["quotePrecision"]))
        return (market * percent / 100).quantize(unit, ROUND_DOWN)

    def rules(self, pair):
        [rules] = [rules for rules in self.rest("/provisioning/trading-pairs")["data"] if rules["pair"] == pair]
        return rules


def in_rest(order, seconds=False):
    """Returns an order as REST should show it."""
    fields = {name: value for name, value in order.items() if name not in ("timestamp", "clientID")}
    for name in NUMBERS_OF_ORDERS:
        if name in fields:
            fields[name] = Decimal(fields[name])
    for name in ("createdTimestamp", "updatedTimestamp"):
        fields[name] = Decimal(fields[name] // 1000 if seconds else fields[name])
    fields["status"] = Decimal(fields["status"])
    fields["id"] = str(fields["id"])
    if "clientID" in order:
        fields["clientId"] = Decimal(order["clientID"])
    return fields


def trade_in_rest(trade):
    """Returns a trade of an account as REST should show it. Only REST has an id of the trade."""
    price, volume = Decimal(trade["price"]), Decimal(trade["volume"])
    return {
        "orderId": str(trade["orderID"]),
        "action": "BUY" if trade["side"] == "bid" else "SELL",
        "price": price,
        "baseAmount": volume,
        "quoteAmount": truncated(price * volume),
        "fee": Decimal(trade["fee"]),
        "feeSymbol": trade["feeCurrency"],
        "isTaker": not trade["isMaker"],
    }


def same_trades(trades, found, where="trades"):
    """Compares an account's trades with records of REST in any order."""
    def key(record):
        return [str(record["orderId"]), Decimal(record["price"]), Decimal(record["baseAmount"])]

    expected = sorted(map(trade_in_rest, trades), key=key)
    seconds = sorted(trade["transactionTimestamp"] for trade in trades)
    same(expected, sorted(found, key=key), where)
    assert seconds == sorted(int(record["createdTimestamp"]) // 1000 for record in found), f"{where}: times"
    ids = {(record["tradeId"], record["orderId"]) for record in found}
    assert len(ids) == len(found) > 0, f"{where}: ids"


def of_pair(records, pair):
    """Selects orders, or trades, of a pair."""
    return [r for r in records if r.get("pair", f"{r.get('base')}_{r.get('quote')}") == pair]


def levels(book, limit):
    """Returns the best levels of each side of an order book as decimals."""
    def level(entry):
        return {
            "price": Decimal(entry["price"]),
            "amount": Decimal(entry["amount"]),
            "total": Decimal(entry["total"]),
            "count": entry["count"],
        }

    return {side: [level(entry) for entry in book[side][:limit]] for side in ("bids", "asks")}


def market_trades(trades):
    """Returns the market's trades that an account's trades, oldest first, result in, newest first."""
    return [
        {
            "timestamp": trade["transactionTimestamp"],
            "price": Decimal(trade["price"]),
            "amount": Decimal(trade["volume"]),
            "isBuyer": (trade["side"] == "bid") != trade["isMaker"],
        }
        for trade in reversed(trades)
    ]


def ticker(trades, now):
    """Returns the values of the last 24 hours that the market's trades, newest first, result in."""
    recent = [trade for trade in trades if trade["timestamp"] > now - 24 * 60 * 60] or trades[:1]
    prices = [trade["price"] for trade in recent]
    return {
        "lastPrice": prices[0],
        "high24hr": max(prices),
        "low24hr": min(prices),
        "volume24hr": sum(trade["amount"] for trade in recent if trade["timestamp"] > now - 24 * 60 * 60)
        + Decimal(0),
        "isBuyer": trades[0]["isBuyer"],
    }


def candles(trades, span):
    """Returns the candles of a span in seconds that the market's trades, newest first, result in."""
    found = {}
    for trade in reversed(trades):
        price, start = trade["price"], trade["timestamp"] // span * span * 1000
        candle = found.setdefault(
            start, {"timestamp": start, "open": price, "high": price, "low": price, "volume": Decimal(0)}
        )
        candle["high"], candle["low"] = max(candle["high"], price), min(candle["low"], price)
        candle["close"] = price
        candle["volume"] += trade["amount"]
    return list(found.values())
