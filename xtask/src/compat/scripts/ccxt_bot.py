"""Runs docs/examples/ccxt_bot.py as the account alice, and compares its fills, fees and balances with the records.

The argument is the bot's path. The market moves by commands, so that a run does not depend on the time; with a number of
seconds as the second argument, it moves by itself for as long.
"""

import importlib.util
import os
import sys
import time
from collections import defaultdict
from decimal import Decimal

from records import Simulator, call, in_rest, of_pair, same, same_trades

STEPS, TICKS = 60, 6
PAIR = "eth_twd"

simulator = Simulator()


def load_bot(path):
    for name in ("BITOPRO_API_KEY", "BITOPRO_API_SECRET", "BITOPRO_EMAIL"):
        os.environ[name] = os.environ["ALICE_" + name]
    spec = importlib.util.spec_from_file_location("bot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Bot()


def balances(account):
    return {code: Decimal(held["amount"]) for code, held in account["balances"].items()}


def compare(bot, before, after):
    """Compares the records that the bot reads with those of the simulator. Returns the bot's trades and its fees."""
    base, quote = PAIR.upper().split("_")
    start = len(of_pair(before["trades"], PAIR))
    trades = of_pair(after["trades"], PAIR)[start:]
    found = [one["info"] for one in bot.exchange.fetch_my_trades("ETH/TWD", params={"limit": 1000})]
    same_trades(trades, found)
    fees = defaultdict(Decimal)
    expected = balances(before)
    for trade in found:
        fees[trade["feeSymbol"].upper()] += Decimal(trade["fee"])
        sign = 1 if trade["action"] == "BUY" else -1
        expected[base] += sign * Decimal(trade["baseAmount"])
        expected[quote] -= sign * Decimal(trade["quoteAmount"])
    for code, fee in fees.items():
        expected[code] -= fee
    same(expected, balances(after), "balances after the trades")
    info = {one["currency"].upper(): one for one in bot.exchange.fetch_balance()["info"]}
    for code, held in after["balances"].items():
        same({name: Decimal(held[name]) for name in ("amount", "available")}, info[code], code)
        # Nothing is locked, since the bot has cancelled its orders.
        same(Decimal(held["amount"]), Decimal(held["available"]) + Decimal(held.get("stake", 0)), code)
    compare_orders(bot, after, trades)
    return trades, fees


def compare_orders(bot, after, trades):
    same([], after["open_orders"])
    executed = defaultdict(Decimal)
    for trade in trades:
        executed[str(trade["orderID"])] += Decimal(trade["volume"])
    found = {order["id"]: order for order in bot.exchange.fetch_orders("ETH/TWD", limit=1000)}
    same(sorted(set(bot.placed)), sorted(found))
    for order_id, order in found.items():
        same(executed[order_id], order["info"]["executedAmount"], order_id)
        same(executed[order_id], order["filled"] and Decimal(str(order["filled"])) or Decimal(0), order_id)
    # The simulator's record has only the last hundred closed orders.
    for order in after["closed_orders"]:
        same(in_rest(order), found[order["id"]]["info"], order["id"])


def main(path, seconds=None):
    with call("docs/examples/ccxt_bot.py"):
        name = "alice"
        before = simulator.account(name)
        bot = load_bot(path)
        if seconds is None:
            bot.run(STEPS, lambda: simulator.command(f"tick {TICKS}"))
        else:
            bot.run(int(seconds), lambda: time.sleep(1))
        trades, fees = compare(bot, before, simulator.account(name))
        assert {trade["isMaker"] for trade in trades} == {False, True}, "only one kind of fills"
        assert {trade["side"] for trade in trades} == {"bid", "ask"}, "only one side was filled"
        fee_texts = ", ".join(f"{fee.normalize():f} {code}" for code, fee in sorted(fees.items()))
        print(f"{len(bot.placed)} orders, {len(trades)} fills, fees {fee_texts}", file=sys.stderr)


main(*sys.argv[1:])
