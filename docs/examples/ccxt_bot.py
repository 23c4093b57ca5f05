"""Buys low and sells high on `bitopro sim`, and ends without open orders. Its environment is what `bitopro sim` prints."""

import contextlib
import os
import sys
import time

import ccxt

SYMBOL, AMOUNT, DISTANCE = "ETH/TWD", 0.02, 0.0004


class Bot:
    def __init__(self):
        keys = {"apiKey": os.environ["BITOPRO_API_KEY"], "secret": os.environ["BITOPRO_API_SECRET"]}
        self.exchange = ccxt.bitopro(keys)
        self.exchange.urls["api"]["rest"] = os.environ["BITOPRO_REST_URL"]
        self.placed = []

    def step(self):
        """Keeps a bid below the market and an ask above it."""
        book = self.exchange.fetch_order_book(SYMBOL)
        middle = (book["bids"][0][0] + book["asks"][0][0]) / 2
        waiting = set()
        for order in self.exchange.fetch_open_orders(SYMBOL):
            # An order that is partly filled waits for the rest, unless the market has moved away.
            if abs(order["price"] / middle - 1) < 4 * DISTANCE:
                waiting.add(order["side"])
            else:
                with contextlib.suppress(ccxt.ExchangeError):  # It was filled in the meantime.
                    self.exchange.cancel_order(order["id"], SYMBOL)
        for side, price in ("buy", middle * (1 - DISTANCE)), ("sell", middle * (1 + DISTANCE)):
            if side not in waiting:
                self.placed.append(self.exchange.create_order(SYMBOL, "limit", side, AMOUNT, price)["id"])

    def run(self, steps, wait):
        for _ in range(steps):
            self.step()
            wait()
        self.exchange.cancel_all_orders(SYMBOL)
        self.placed.append(self.exchange.create_order(SYMBOL, "market", "sell", AMOUNT)["id"])


if __name__ == "__main__":
    Bot().run(int(sys.argv[1]), lambda: time.sleep(1))
