// Calls ccxt like ccxt_driver.py, whose protocol it has. Names of methods are converted to those in JavaScript.

import { createInterface } from "node:readline";

import ccxt from "ccxt";

const { BITOPRO_API_KEY, BITOPRO_API_SECRET, BITOPRO_EMAIL, BITOPRO_REST_URL, BITOPRO_WS_URL } = process.env;

function configured(exchange) {
  exchange.urls.api.rest = BITOPRO_REST_URL;
  exchange.apiKey = BITOPRO_API_KEY;
  exchange.secret = BITOPRO_API_SECRET;
  exchange.login = BITOPRO_EMAIL;
  return exchange;
}

const rest = configured(new ccxt.bitopro());
const streams = configured(new ccxt.pro.bitopro());
const pub = `${BITOPRO_WS_URL}/v1/pub`;
streams.urls.ws = { public: pub, private: `${pub}/auth` };

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const method = call.method.replace(/_ohlcv$/, "OHLCV").replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const exchange = method.startsWith("watch") ? streams : rest;
  let reply;
  try {
    reply = { result: (await exchange[method](...call.args)) ?? null };
  } catch (error) {
    reply = { error: error.constructor.name, text: String(error.message) };
  }
  console.log(JSON.stringify(reply));
}
await streams.close();
