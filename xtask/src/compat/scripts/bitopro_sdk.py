"""Makes the calls of the sample of the exchange's Python SDK: its REST calls, and its seven sockets.

The SDK is the unmodified package; only its URLs are set. Its methods return the parsed reply, or the text of a refusal.
"""

import os
import queue
import time
from decimal import Decimal

from bitoproClient import bitopro_websocket_client as sockets
from bitoproClient.bitopro_restful_client import (
    BitoproRestfulClient,
    CandlestickResolution,
    OrderStatus,
    OrderType,
    StatusKind,
    WithdrawProtocol,
)
from records import (
    DEADLINE,
    ClientFault,
    NotSimulated,
    Simulator,
    call,
    candles,
    in_rest,
    levels,
    market_trades,
    of_pair,
    parsed,
    same,
    same_trades,
    ticker,
)

PAIR = "btc_twd"
DAY = 24 * 60 * 60

simulator = Simulator()
client = BitoproRestfulClient(os.environ["BITOPRO_API_KEY"], os.environ["BITOPRO_API_SECRET"])
client.baseUrl = os.environ["BITOPRO_REST_URL"]
# A class appends its path to this constant when it is instantiated.
sockets.BitoproWebsocketEndpoint = os.environ["BITOPRO_WS_URL"] + "/v1"
# The sample writes pairs in upper case.
upper = PAIR.upper()


def public_calls():
    now = int(time.time())
    account = simulator.account()
    trades = market_trades(of_pair(account["trades"], PAIR))
    with call("get_currencies"):
        pairs = simulator.rest("/provisioning/trading-pairs")["data"]
        expected = sorted({code.upper() for rules in pairs for code in rules["pair"].split("_")})
        same(expected, sorted(entry["currency"] for entry in client.get_currencies()["data"]))
    with call("get_limitations_and_fees"):
        [rank] = client.get_limitations_and_fees()["tradingFeeRate"][:1]
        same(0, rank["rank"])
        assert 0 < Decimal(rank["makerFee"]) <= Decimal(rank["takerFee"]) < 1
    with call("get_order_book"):
        book = simulator.order_book(PAIR)
        same(levels(book, 5), client.get_order_book(upper))
        same(levels(book, 50), client.get_order_book(upper, limit=50))
    with call("get_tickers"):
        same({"pair": PAIR, **ticker(trades, now)}, client.get_tickers(upper)["data"])
    with call("get_trades"):
        same(trades, client.get_trades(upper)["data"])
    with call("get_candlestick"):
        # The range contains the start of each candle.
        reply = client.get_candlestick(upper, CandlestickResolution._1d, now - 30 * DAY, now)
        same(candles(trades, DAY), reply["data"])
    with call("get_trading_pairs"):
        for rules in client.get_trading_pairs()["data"]:
            same(rules["pair"], simulator.order_book(rules["pair"])["pair"])


def account_calls():
    low = float(simulator.price(PAIR, 90))
    with call("get_account_balance"):
        same_balances(client.get_account_balance()["data"])
    with call("create_an_order (limit)"):
        reply = client.create_an_order("BUY", 0.0001, low, pair=upper, client_id=223445)
        order = simulator.order(reply["orderId"])
        same(placed(order), reply)
        same({"status": 0, "action": "BUY", "type": "LIMIT", "clientID": 223445}, order)
        assert Decimal(order["originalAmount"]) == Decimal("0.0001")
    with call("create_an_order (market)"):
        market = client.create_an_order("SELL", 0.001, pair=upper, type=OrderType.Market)
        executed = simulator.order(market["orderId"])
        same({"status": 2, "type": "MARKET"}, executed)
        same(Decimal("0.001"), executed["executedAmount"])
    with call("get_open_orders"):
        found = client.get_open_orders(upper)["data"]
        same_orders(of_pair(simulator.account()["open_orders"], PAIR), found, seconds=True)
        same_orders(simulator.account()["open_orders"], client.get_open_orders()["data"], seconds=True)
    with call("get_an_order"):
        same(in_rest(order), client.get_an_order(upper, reply["orderId"]))
        same(in_rest(executed), client.get_an_order(upper, market["orderId"]))
    with call("cancel_an_order"):
        acknowledged = client.cancel_an_order(reply["orderId"], pair=upper)
        same({"orderId": str(reply["orderId"]), "action": "BUY", "amount": Decimal("0.0001")}, acknowledged)
        same(4, simulator.order(reply["orderId"])["status"])
    with call("get_all_orders"):
        account = simulator.account()
        every = of_pair(account["open_orders"] + account["closed_orders"], PAIR)
        start = (int(time.time()) - 80 * DAY) * 1000
        same_orders(every, client.get_all_orders(upper, start_timestamp=start)["data"])
        completed = [order for order in every if order["status"] == 2]
        found = client.get_all_orders(upper, start_timestamp=start, status=OrderStatus.Completed)
        same_orders(completed, found["data"])
    with call("get_all_orders (status_kind=DONE)"):
        found = client.get_all_orders(upper, status_kind=StatusKind.DONE)["data"]
        same_orders(of_pair(simulator.account()["open_orders"], PAIR), found)
        assert StatusKind.DONE is StatusKind.OPEN
        raise ClientFault("its enum gives `DONE` and `OPEN` the same value, so it requests open orders")
    with call("get_trades_list"):
        same_trades(of_pair(simulator.account()["trades"], PAIR), client.get_trades_list(upper)["data"])
    batch_calls(low)
    with call("get_deposit_history"):
        simulator.command("deposit USDT 12.5")
        same([{"amount": Decimal("12.5"), "status": "COMPLETE"}], client.get_deposit_history("USDT")["data"])
    with call("get_withdraw_history"):
        simulator.command("deposit BTC -0.25")
        same([{"amount": Decimal("0.25"), "status": "COMPLETE"}], client.get_withdraw_history("BTC")["data"])
    for name, reply in (
        ("get_withdraw", lambda: client.get_withdraw("USDT", "")),
        ("withdraw", lambda: client.withdraw("USDT", WithdrawProtocol.ERC20, "", 50.5, "")),
    ):
        with call(name):
            before, text = simulator.account()["balances"], reply()
            assert isinstance(text, str) and "404 NOT FOUND" in text, text
            same(before, simulator.account()["balances"])
            raise NotSimulated("the simulator has no withdrawals by REST")


def batch_calls(price):
    with call("create_batch_order"):
        order = {"pair": upper, "action": "BUY", "amount": "0.0001", "price": str(price), "type": "LIMIT"}
        batch = [{**order, "timestamp": int(time.time() * 1000)} for _ in range(10)]
        batch[9]["clientId"] = 95279527
        reply = client.create_batch_order(batch)["data"]
        same([placed(simulator.order(entry["orderId"])) for entry in reply], reply)
        same([None] * 9 + [95279527], [entry.get("clientId") for entry in reply])
    with call("cancel_multiple_orders"):
        # As in the sample, the ids have the type that the reply has.
        ids = [entry["orderId"] for entry in reply]
        cancelled = client.cancel_multiple_orders({upper: ids[:6]})["data"]
        same({upper: sorted(map(str, ids[:6]))}, sort_values(cancelled))
        same([4] * 6 + [0] * 4, [simulator.order(entry)["status"] for entry in ids])
    with call("cancel_all_orders"):
        by_pair = {}
        for order in simulator.account()["open_orders"]:
            by_pair.setdefault(order["pair"].upper(), []).append(order["id"])
        assert len(by_pair) > 1
        cancelled = client.cancel_all_orders("all")["data"]
        same({pair: sorted(found) for pair, found in by_pair.items()}, sort_values(cancelled))
        same([], simulator.account()["open_orders"])


def sort_values(lists):
    return {name: sorted(values) for name, values in lists.items()}


def placed(order):
    """Returns the reply to an order that was placed."""
    return {
        "action": order["action"],
        "amount": Decimal(order["originalAmount"]),
        "price": Decimal(order["price"]),
        "timeInForce": order["timeInForce"],
    }


def same_balances(found):
    balances = simulator.account()["balances"].values()
    expected = [
        {
            "currency": held["currency"].lower(),
            "amount": Decimal(held["amount"]),
            "available": Decimal(held["available"]),
            "stake": Decimal(held.get("stake", 0)),
            "tradable": held.get("tradable", True),
        }
        for held in balances
    ]
    same(expected, found)


def same_orders(expected, found, seconds=False):
    assert found
    expected = [in_rest(order, seconds) for order in expected]
    same(sorted(expected, key=lambda order: order["id"]), sorted(found, key=lambda order: order["id"]))


class Socket:
    """One of the SDK's sockets, whose messages are kept."""

    def __init__(self, name, *arguments):
        self.messages = queue.Queue()
        # The sockets of this script remain open.
        count = sum(dial["status"] == 101 for dial in simulator.dials())
        socket = getattr(sockets, name)(*arguments, lambda text: self.messages.put(parsed(text)))
        socket.init_websocket()
        socket.start()
        simulator.command(f"wait {count + 1}")

    def next(self):
        return self.messages.get(timeout=DEADLINE)

    def next_of(self, pair, is_wanted):
        """Returns the next wanted message about a pair."""
        while True:
            message = self.next()
            if message["pair"] == pair.upper() and is_wanted(message):
                return message


def public_sockets():
    symbols = ["BTC_TWD", "ETH_TWD", "BITO_ETH"]
    listed = {rules["pair"] for rules in simulator.rest("/provisioning/trading-pairs")["data"]}
    with call("BitoproOrderBookWs"):
        limits = {"eth_btc": 5, "BTC_TWD": 1, "ETH_TWD": 20, "BITO_ETH": 1}
        served = {pair.lower(): limit for pair, limit in limits.items() if pair.lower() in listed}
        socket = Socket("BitoproOrderBookWs", limits)
        for message in [socket.next() for _ in served]:
            limit = served.pop(message["pair"].lower())
            same({"event": "ORDER_BOOK", "limit": limit, "scale": 0}, message)
            same(levels(simulator.order_book(message["pair"].lower()), limit), message)
        assert not served, served
        price = best_bid_between(PAIR)
        simulator.command(f"as alice place book buy {PAIR} 0.01234567 at {price}")
        message = socket.next_of(PAIR, lambda message: Decimal(message["bids"][0]["price"]) == price)
        # All frames but the first are rounded.
        decimals = Decimal(1).scaleb(-int(simulator.rules(PAIR)["amountPrecision"]))
        rounded = Decimal("0.01234567").quantize(decimals)
        same([{"price": price, "amount": rounded, "total": rounded, "count": 1}], message["bids"])
        simulator.command("as alice cancel book")
    with call("BitoproTickerkWs"):
        socket = Socket("BitoproTickerkWs", symbols)
        for message in [socket.next() for pair in symbols if pair.lower() in listed]:
            same_ticker(message)
        simulator.command(f"place - sell {PAIR} 0.003 at market")
        message = socket.next_of(PAIR, lambda message: not message["isBuyer"])
        same_ticker(message)
    with call("BitoproTradesWs"):
        socket = Socket("BitoproTradesWs", symbols)
        for message in [socket.next() for pair in symbols if pair.lower() in listed]:
            same_market_trades(message)
        simulator.command(f"place - sell {PAIR} 0.0041 at market")
        message = socket.next_of(PAIR, lambda message: Decimal(message["data"][0]["amount"]) == Decimal("0.0041"))
        same_market_trades(message)


def best_bid_between(pair):
    """Returns a price between the best bid and the best ask, or that of the best bid."""
    book = simulator.order_book(pair)
    bid, ask = (Decimal(book[side][0]["price"]) for side in ("bids", "asks"))
    unit = Decimal(1).scaleb(-int(simulator.rules(pair)["quotePrecision"]))
    price = ((bid + ask) / 2).quantize(unit)
    market = Decimal(book["market_price"])
    return price if bid < price < min(ask, market) else bid + unit


def same_ticker(message):
    [expected] = [
        one for one in simulator.rest("/tickers")["data"] if one["pair"] == message["pair"].lower()
    ]
    same(
        {
            "event": "TICKER",
            "lastPrice": Decimal(expected["lastPrice"]),
            "isBuyer": expected["isBuyer"],
            "priceChange24hr": Decimal(expected["priceChange24hr"]),
            # The stream rounds the volume.
            "volume24hr": Decimal(expected["volume24hr"]).quantize(Decimal("0.0001")),
        },
        message,
    )


def same_market_trades(message):
    pair = message["pair"].lower()
    decimals = Decimal(1).scaleb(-int(simulator.rules(pair)["amountPrecision"]))
    expected = [
        {
            "timestamp": trade["timestamp"],
            "price": Decimal(trade["price"]),
            "amount": Decimal(trade["amount"]).quantize(decimals),
            "isBuyer": trade["isBuyer"],
        }
        for trade in simulator.rest(f"/trades/{pair}")["data"]
    ]
    same({"event": "TRADE"}, message)
    same(expected[: len(message["data"])], message["data"])


def private_sockets():
    credentials = [os.environ[name] for name in ("BITOPRO_EMAIL", "BITOPRO_API_KEY", "BITOPRO_API_SECRET")]
    for name, stream, snapshot in (
        ("BitoproUserBlanceWs", "account-balance", lambda account: account["balances"]),
        ("BitoproUserOrdersWs", "active-orders", lambda account: by_pair(account["open_orders"])),
        ("BitoproHistoryOrders", "history-orders", lambda account: by_pair(account["closed_orders"])),
        ("BitoproUserTradeWs", "user-trades", None),
    ):
        with call(name):
            socket = Socket(name, *credentials)
            if snapshot:
                same(snapshot(simulator.account()), socket.next()["data"], "snapshot")
            price = simulator.price(PAIR, 90)
            sent = simulator.command(
                f"place {stream} buy {PAIR} 0.002 at {price}", f"fill {stream} 0.0005", f"fill {stream}"
            )[1]
            expected = [one["message"] for one in sent if one["stream"] == stream and one["account"] == "demo"]
            assert expected
            same(expected, [socket.next() for _ in expected], "messages")


def by_pair(orders):
    pairs = {}
    for order in orders:
        pairs.setdefault(order["pair"], []).append(order)
    return pairs


public_calls()
account_calls()
public_sockets()
private_sockets()
# The threads of the SDK are not daemons and would keep dialing.
os._exit(0)
