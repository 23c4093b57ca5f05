"""Calls ccxt by a driver, whose command is the arguments, and compares the results with the simulator's records.

ccxt keeps the exchange's record as `info`. ccxt's own fields are floating-point numbers, which are written in their
shortest form and so are compared as decimals too.

Observed behaviour of ccxt:
- It reads the times of open orders as milliseconds. If they are seconds, its times are in January 1970.
- The `timestamp` of an order is that of its last update if the order was requested alone, and otherwise that of its
  creation.
- The amount of a market order to buy is in the quote currency, although its documentation says base currency.
- Staked balances count as `used`.
- Only some errors have their own class: an unknown pair or order that the exchange refuses is an `ExchangeError`.
- A trade of the stream has no id if `matchID` is empty.
"""

import contextlib
import json
import subprocess
import sys
import time
from decimal import Decimal

from records import (
    ClientFault,
    Simulator,
    call,
    candles,
    has_quirk,
    in_rest,
    levels,
    market_trades,
    of_pair,
    parsed,
    same,
    same_trades,
    ticker,
)

PAIR, SYMBOL = "btc_twd", "BTC/TWD"
OPEN, CLOSED, CANCELLED = (-1, 0, 1), (2, 3), (4, 6)
DAY = 24 * 60 * 60

simulator = Simulator()
driver = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class CcxtError(Exception):
    """An exception that ccxt raised."""

    def __init__(self, reply):
        super().__init__(f"{reply['error']}: {reply['text']}")
        self.name = reply["error"]


class RateLimited(CcxtError):
    pass


def begin(method, *arguments):
    driver.stdin.write(json.dumps({"method": method, "args": arguments}) + "\n")
    driver.stdin.flush()


def result():
    line = driver.stdout.readline()
    assert line, "the driver has exited"
    reply = parsed(line)
    if "error" in reply:
        raise (RateLimited if "too many requests" in reply["text"] else CcxtError)(reply)
    return reply["result"]


def ccxt(method, *arguments):
    begin(method, *arguments)
    return result()


def public_calls():
    now = int(time.time())
    trades = market_trades(of_pair(simulator.account()["trades"], PAIR))
    with call("load_markets"):
        markets = ccxt("load_markets")
        listed = simulator.rest("/provisioning/trading-pairs")["data"]
        same(sorted(rules["pair"] for rules in listed), sorted(market["id"] for market in markets.values()))
        for rules in listed:
            same_market(rules, markets[rules["pair"].upper().replace("_", "/")])
    with call("fetch_ticker"):
        same_ticker(ticker(trades, now), ccxt("fetch_ticker", SYMBOL))
    with call("fetch_tickers"):
        tickers = ccxt("fetch_tickers")
        same(sorted(markets), sorted(tickers))
        same_ticker(ticker(trades, now), tickers[SYMBOL])
    with call("fetch_order_book"):
        for limit in (5, 50):
            found = ccxt("fetch_order_book", SYMBOL, limit)
            same_book(levels(simulator.order_book(PAIR), limit), found)
    with call("fetch_trades"):
        found = ccxt("fetch_trades", SYMBOL)
        same_market_trades(trades, found)
        info = [{**trade, "timestamp": Decimal(trade["timestamp"])} for trade in reversed(trades)]
        same(info, [trade["info"] for trade in found])
    with call("fetch_ohlcv"):
        expected = candles(trades, DAY)
        start = expected[0]["timestamp"]
        # ccxt fills the days without trades.
        found = [candle for candle in ccxt("fetch_ohlcv", SYMBOL, "1d", start, 90) if candle[5] != 0]
        names = ("timestamp", "open", "high", "low", "close", "volume")
        same([[candle[name] for name in names] for candle in expected], found)
    with call("fetch_trading_fees"):
        [rank] = simulator.rest("/provisioning/limitations-and-fees")["tradingFeeRate"][:1]
        fees = ccxt("fetch_trading_fees")
        same(sorted(markets), sorted(fees))
        if all(fee.get("maker") is None and fee.get("taker") is None for fee in fees.values()):
            raise ClientFault("it reads the list `tradingFeeRate` as an object, so that the fees are missing")
        for fee in fees.values():
            same({"maker": Decimal(rank["makerFee"]), "taker": Decimal(rank["takerFee"])}, fee)


def same_market(rules, market):
    def step(name):
        return Decimal(1).scaleb(-int(rules[name]))

    limits = {"min": Decimal(rules["minLimitBaseAmount"]), "max": Decimal(rules["maxLimitBaseAmount"])}
    same(
        {
            "symbol": f"{rules['base']}/{rules['quote']}".upper(),
            "active": not rules["maintain"],
            "precision": {"amount": step("basePrecision"), "price": step("quotePrecision")},
            "limits": {"amount": limits},
            "info": rules,
        },
        market,
    )


def same_ticker(expected, found):
    own = {"last": expected["lastPrice"], "high": expected["high24hr"], "low": expected["low24hr"]}
    same({"symbol": SYMBOL, **own, "baseVolume": expected["volume24hr"], "info": expected}, found)


def same_book(expected, found):
    same({side: [[level["price"], level["amount"]] for level in expected[side]] for side in expected}, found)


def same_market_trades(newest_first, found):
    """Compares the market's trades with those of ccxt, whose order within a second is undefined."""
    expected = [
        {
            "symbol": SYMBOL,
            "timestamp": trade["timestamp"] * 1000,
            "price": trade["price"],
            "amount": trade["amount"],
            "side": "buy" if trade["isBuyer"] else "sell",
        }
        for trade in newest_first
    ]

    def key(trade):
        return [trade["timestamp"], Decimal(trade["price"]), Decimal(trade["amount"])]

    same(sorted(expected, key=key), sorted(found, key=key))


def balances(name):
    with call(name):
        same_balances(ccxt("fetch_balance"))


def same_balances(found):
    expected = {}
    for held in simulator.account()["balances"].values():
        total, free = Decimal(held["amount"]), Decimal(held["available"])
        expected[held["currency"]] = {"free": free, "used": total - free, "total": total}
    assert expected
    same(expected, found)
    records = found["info"].values() if isinstance(found["info"], dict) else found["info"]
    raw = {record["currency"].upper(): record for record in records}
    for code, held in expected.items():
        same({"amount": held["total"], "available": held["free"]}, raw[code])


def orders():
    """Places orders of each kind, and reads and cancels them. Returns the id of one that remains open."""
    low, high = (float(simulator.price(PAIR, percent)) for percent in (80, 120))
    with call("create_order (limit)"):
        bid = place("limit", "buy", 0.01, low)
        ask = place("limit", "sell", 0.02, high)
        same([0, 0], [order["status"] for order in (bid, ask)])
    with call("create_order (market)"):
        sold = place("market", "sell", 0.001)
        same({"status": 2, "executedAmount": "0.001"}, sold)
        reply = ccxt("create_order", SYMBOL, "market", "buy", 5000)
        # The amount of a market order that buys is in the quote currency.
        bought = simulator.order(reply["id"])
        assert bought["status"] == 2 and 4990 < Decimal(bought["total"]) <= 5000, bought
    with call("create_order (post-only)"):
        maker = place("limit", "buy", 0.003, low, {"postOnly": True})
        taker = place("limit", "buy", 0.003, high, {"postOnly": True})
        same([(0, "POST_ONLY"), (6, "POST_ONLY")], [(one["status"], one["timeInForce"]) for one in (maker, taker)])
    with call("create_order (stop-limit)"):
        stop = {"stopPrice": float(simulator.price(PAIR, 110)), "condition": ">="}
        waiting = place("STOP_LIMIT", "buy", 0.004, high, stop)
        same({"status": -1, "condition": ">="}, waiting)
        same(Decimal(str(stop["stopPrice"])), waiting["stopPrice"])
    with call("fetch_order"):
        for order in (ask, sold):
            found = ccxt("fetch_order", order["id"], SYMBOL)
            same(listed(order, timestamp=order["updatedTimestamp"]), found)
    with call("fetch_open_orders"):
        # Only the list of open orders may have its times in seconds.
        seconds = not has_quirk("open-order-times=milliseconds")
        divisor = 1000 if seconds else 1
        open_orders = simulator.account()["open_orders"]
        same_orders([listed(order, divisor) for order in open_orders], ccxt("fetch_open_orders"))
        of_symbol = [listed(order, divisor) for order in of_pair(open_orders, PAIR)]
        same_orders(of_symbol, ccxt("fetch_open_orders", SYMBOL))
    with call("fetch_closed_orders"):
        statuses = CLOSED + (CANCELLED if has_quirk("done-orders=all") else ())
        closed = [o for o in of_pair(simulator.account()["closed_orders"], PAIR) if o["status"] in statuses]
        same_orders([listed(order) for order in closed], ccxt("fetch_closed_orders", SYMBOL))
    with call("fetch_orders"):
        account = simulator.account()
        every = of_pair(account["open_orders"] + account["closed_orders"], PAIR)
        same_orders([listed(order) for order in every], ccxt("fetch_orders", SYMBOL))
    with call("cancel_order"):
        reply = ccxt("cancel_order", bid["id"], SYMBOL)
        same({"id": bid["id"], "side": "buy", "amount": Decimal("0.01"), "price": Decimal(str(low))}, reply)
        same(4, simulator.order(bid["id"])["status"])
    with call("cancel_orders"):
        ids = [maker["id"], waiting["id"]]
        same(sorted(ids), sorted(order["id"] for order in ccxt("cancel_orders", ids, SYMBOL)))
        same([4, 4], [simulator.order(one)["status"] for one in ids])
    return ask["id"]


def place(order_type, side, amount, *rest):
    """Places an order, compares the reply, and returns the simulator's record."""
    reply = ccxt("create_order", SYMBOL, order_type, side, amount, *rest)
    order = simulator.order(reply["id"])
    same({"side": side, "amount": Decimal(order["originalAmount"]), "symbol": SYMBOL}, reply)
    same(side.upper(), order["action"])
    same(Decimal(str(amount)), order["originalAmount"])
    if rest:
        same([Decimal(str(rest[0]))] * 2, [order["price"], reply["price"]])
    return order


def listed(order, divisor=1, timestamp=None):
    """Returns the order in ccxt's format."""
    record = in_rest(order, seconds=divisor == 1000)
    status = order["status"]
    return {
        "id": record["id"],
        "symbol": order["pair"].upper().replace("_", "/"),
        "timestamp": timestamp or order["createdTimestamp"] // divisor,
        "lastTradeTimestamp": order["updatedTimestamp"] // divisor,
        "side": order["action"].lower(),
        "amount": record["originalAmount"],
        "filled": record["executedAmount"],
        "remaining": record["remainingAmount"],
        "status": "open" if status in OPEN else "closed" if status in CLOSED else "canceled",
        "info": record,
    }


def same_orders(expected, found):
    assert expected
    same(sorted(expected, key=lambda order: order["id"]), sorted(found, key=lambda order: order["id"]))


def own_trades():
    with call("fetch_my_trades"):
        trades = of_pair(simulator.account()["trades"], PAIR)
        found = ccxt("fetch_my_trades", SYMBOL)
        same_trades(trades, [trade["info"] for trade in found])
        for trade in found:
            info = trade["info"]
            own = {
                "id": info["tradeId"],
                "order": info["orderId"],
                "timestamp": int(info["createdTimestamp"]),
                "symbol": SYMBOL,
                "side": info["action"].lower(),
                "takerOrMaker": "taker" if info["isTaker"] else "maker",
                "price": Decimal(info["price"]),
                "amount": Decimal(info["baseAmount"]),
                "fee": {"cost": Decimal(info["fee"]), "currency": info["feeSymbol"].upper()},
            }
            same(own, trade)


def exceptions():
    high = float(simulator.price(PAIR, 120))
    with call("exceptions"):
        for name, text, method, *arguments in (
            ("InsufficientFunds", "not enough", "create_order", SYMBOL, "limit", "sell", 1000, high),
            ("InvalidOrder", "less than min", "create_order", SYMBOL, "limit", "buy", 0.00001, 1000),
            ("BadSymbol", "NOPE/TWD", "fetch_ticker", "NOPE/TWD"),
            ("ExchangeError", "Unsupported trading pair", "publicGetTickersPair", {"pair": "nope_twd"}),
            ("ExchangeError", "is not open", "cancel_order", "1", SYMBOL),
        ):
            try:
                reply = ccxt(method, *arguments)
            except CcxtError as error:
                assert error.name == name and text in str(error), error
            else:
                raise AssertionError(f"{method} did not fail: {reply}")


def cancel_all():
    with call("cancel_all_orders"):
        before = {order["id"]: order["pair"] for order in simulator.account()["open_orders"]}
        cancelled = {order["id"] for order in ccxt("cancel_all_orders", SYMBOL)}
        same({one for one, pair in before.items() if pair == PAIR}, cancelled)
        cancelled |= {order["id"] for order in when_admitted("cancel_all_orders")}
        same(set(before), cancelled)
        same([], simulator.account()["open_orders"])


def when_admitted(method):
    """Repeats a call until the exchange's limit of its rate, one per second, admits it."""
    while True:
        with contextlib.suppress(RateLimited):
            return ccxt(method)


def streams(resting):
    with call("watch_order_book"):
        same_book(levels(simulator.order_book(PAIR), 5), ccxt("watch_order_book", SYMBOL))
    with call("watch_ticker"):
        expected = simulator.rest(f"/tickers/{PAIR}")["data"]
        found = ccxt("watch_ticker", SYMBOL)
        same({"symbol": SYMBOL, "last": Decimal(expected["lastPrice"])}, found)
        same({"priceChange24hr": Decimal(expected["priceChange24hr"])}, found["info"])
        rounded = Decimal(expected["volume24hr"]).quantize(Decimal("0.0001"))
        same({"baseVolume": rounded, "info": {"volume24hr": rounded}}, found)
    with call("watch_trades"):
        decimals = Decimal(1).scaleb(-int(simulator.rules(PAIR)["amountPrecision"]))
        trades = simulator.rest(f"/trades/{PAIR}")["data"]
        found = ccxt("watch_trades", SYMBOL)
        expected = [
            {
                **trade,
                "price": Decimal(trade["price"]),
                "amount": Decimal(trade["amount"]).quantize(decimals),
            }
            for trade in trades[: len(found)]
        ]
        assert found
        same_market_trades(expected, found)
    with call("watch_balance"):
        same_balances(watched("watch_balance"))
    with call("watch_my_trades"):
        [found] = watched("watch_my_trades", SYMBOL, change=f"fill {resting}")
        trade = simulator.account()["trades"][-1]
        same(resting, str(trade["orderID"]))
        own = {
            "id": trade["matchID"] or None,
            "order": resting,
            "timestamp": trade["transactionTimestamp"] * 1000,
            "symbol": SYMBOL,
            "side": "sell",
            "takerOrMaker": "maker",
            "price": Decimal(trade["price"]),
            "amount": Decimal(trade["volume"]),
            "fee": {"cost": Decimal(trade["fee"]), "currency": trade["feeCurrency"].upper()},
            "info": {**trade, "orderID": int(resting) if has_quirk("order-ids=numbers") else resting},
        }
        same(own, found)


def watched(method, *arguments, change=None):
    """Returns the result of a signed stream. A change is made once the stream is connected."""
    count = len(simulator.dials())
    begin(method, *arguments)
    while len(dials := simulator.dials()) == count:
        time.sleep(0.01)
    dial = dials[-1]
    if dial["status"] == 401 and dial["nonce"] is None:
        with contextlib.suppress(CcxtError):
            result()
        raise ClientFault(
            "its `Client` shares the options of the exchange instead of copying them, and `authenticate` removes the "
            "signed headers from them before the dial"
        )
    if change:
        accepted = sum(dial["status"] == 101 for dial in dials)
        simulator.command(f"wait {accepted}", change)
    return result()


public_calls()
balances("fetch_balance")
resting = orders()
own_trades()
exceptions()
streams(resting)
cancel_all()
balances("fetch_balance (after trading)")
driver.stdin.close()
driver.wait(timeout=20)
