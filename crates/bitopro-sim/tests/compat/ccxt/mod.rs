//! Runs ccxt for Python against the simulator. `cargo xtask compat --ccxt` installs it and runs this test.
//!
//! ccxt keeps the exchange's record as `info`, in which numbers are strings; it must equal the simulator's record
//! exactly. ccxt's own fields are floating-point numbers, so they are compared approximately.
//!
//! Observed behaviour of ccxt 4.5.22:
//! - It reads the times of open orders as milliseconds. If they are seconds, its times are in January 1970.
//! - The `timestamp` of an order is that of its last update if the order was requested alone, and otherwise that of its
//!   creation.
//! - The amount of a market order to buy is in the quote currency, although its documentation says base currency.
//! - Staked balances count as `used`.
//! - The `percentage` of a ticker that has not changed is missing instead of zero.
//! - Only some errors have their own class: an unknown pair or order that the exchange refuses is an `ExchangeError`.
//! - A trade of the stream has no id if `matchID` is empty.

#![allow(
    clippy::indexing_slicing,
    reason = "a missing field of a JSON value is null, which fails the comparison"
)]

mod comparison;
mod process;

use anyhow::{Context, ensure};
use bitopro_model::{Decimal, MatchId, Order, OrderStatus, Timestamp};
use bitopro_sim::{Simulator, TradeQuery};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{interval, timeout};

use self::comparison::{exactly, number, quoted, same, same_record, same_records, upper};
use self::process::Ccxt;
use super::setting::{SETTINGS, Setting};
use super::{DEADLINE, POLL, python, truth};

const PAIR: &str = "btc_twd";
const SYMBOL: &str = "BTC/TWD";

#[tokio::test]
#[ignore = "needs Python with ccxt: run `cargo xtask compat --ccxt`"]
async fn ccxt_reads_and_trades_what_the_simulator_records() -> anyhow::Result<()> {
    let python = python()?;
    // The other settings differ in ways that ccxt does not notice, or delay the account's state.
    try_join_all(SETTINGS[..2].iter().map(async |setting| {
        let simulator = setting.simulator()?.with_seed(7).start().await?;
        let mut ccxt = Ccxt::start(&python, &simulator)?;
        let comparison = timeout(DEADLINE, compare(&mut ccxt, &simulator, setting)).await;
        comparison.context("the comparison takes too long")?.context(setting.name)
    }))
    .await?;
    Ok(())
}

async fn compare(ccxt: &mut Ccxt, simulator: &Simulator, setting: &Setting) -> anyhow::Result<()> {
    compare_public_data(ccxt, simulator, setting).await.context("public data")?;
    compare_balances(ccxt, simulator).await.context("balances")?;
    let resting = compare_placed_orders(ccxt, simulator).await.context("placed orders")?;
    compare_lists(ccxt, simulator, setting, &resting).await.context("lists")?;
    compare_exceptions(ccxt).await.context("exceptions")?;
    compare_watched_trade(ccxt, simulator, setting, &resting).await.context("watched trade")?;
    compare_balances(ccxt, simulator).await.context("balances at the end")
}

async fn compare_public_data(
    ccxt: &mut Ccxt,
    simulator: &Simulator,
    setting: &Setting,
) -> anyhow::Result<()> {
    // The public data depend only on the seed until an account trades.
    let twin = setting.simulator()?.with_seed(7).build_exchange(simulator.now())?;
    let markets = ccxt.call("load_markets", json!([])).await?;
    ensure!(markets.as_object().is_some_and(|markets| markets.len() == twin.pairs().len()));
    for rules in twin.pairs() {
        let symbol = rules.pair.as_str().to_ascii_uppercase().replace('_', "/");
        let step = |decimals: u32| number(Decimal::new(1, decimals));
        let (base, quote) = rules.pair.as_str().split_once('_').context("not a pair")?;
        let expected = json!({
            "id": rules.pair.as_str(),
            "symbol": &symbol,
            "active": !rules.is_in_maintenance,
            "precision": { "amount": step(rules.base_precision), "price": step(rules.quote_precision) },
            "limits": { "amount": { "min": number(rules.min_amount), "max": number(rules.max_amount) } },
            "info": {
                "pair": rules.pair.as_str(),
                "base": base,
                "quote": quote,
                "basePrecision": rules.base_precision.to_string(),
                "quotePrecision": rules.quote_precision.to_string(),
                "minLimitBaseAmount": rules.min_amount.to_string(),
                "maxLimitBaseAmount": rules.max_amount.to_string(),
                "minMarketBuyQuoteAmount": rules.min_market_buy.to_string(),
                "orderOpenLimit": rules.open_order_limit.to_string(),
                "amountPrecision": rules.amount_precision.to_string(),
                "maintain": rules.is_in_maintenance,
            },
        });
        same(&expected, &markets[&symbol])?;
    }
    let book = twin.order_book(&PAIR.into(), 5, 0)?;
    let levels = |side: &[bitopro_sim::BookLevel]| -> Vec<Value> {
        side.iter().map(|level| json!([number(level.price), number(level.amount)])).collect()
    };
    let expected = json!({ "bids": levels(&book.bids), "asks": levels(&book.asks) });
    same(&expected, &ccxt.call("fetch_order_book", json!([SYMBOL, 5])).await?)?;
    let trades: Vec<_> = twin.market_trades(&PAIR.into()).collect();
    // ccxt sorts them by time.
    let expected = trades.iter().rev().map(|trade| {
        let side = if trade.is_buyer { "buy" } else { "sell" };
        json!({ "symbol": SYMBOL, "price": number(trade.price), "amount": number(trade.amount), "side": side })
    });
    ensure!(!trades.is_empty());
    same(&expected.collect(), &ccxt.call("fetch_trades", json!([SYMBOL])).await?).context("trades")?;
    let ticker = twin.ticker(&PAIR.into(), simulator.now())?;
    let expected = json!({
        "symbol": SYMBOL,
        "last": number(ticker.last_price),
        "high": number(ticker.high),
        "low": number(ticker.low),
        "info": { "priceChange24hr": ticker.change_percent.to_string() },
        "baseVolume": number(ticker.volume),
    });
    same(&expected, &ccxt.call("fetch_ticker", json!([SYMBOL])).await?)
}

async fn compare_balances(ccxt: &mut Ccxt, simulator: &Simulator) -> anyhow::Result<()> {
    let balances = ccxt.call("fetch_balance", json!([])).await?;
    let held = simulator.balances();
    let mut records = Vec::new();
    for balance in held.values() {
        let expected = json!({
            "free": number(balance.available),
            "total": number(balance.amount),
            "used": number(balance.amount - balance.available),
        });
        same(&expected, &balances[balance.currency.as_str()])?;
        records.push(json!({
            "currency": balance.currency.as_str().to_ascii_lowercase(),
            "amount": balance.amount.to_string(),
            "available": balance.available.to_string(),
            "stake": balance.stake.unwrap_or_default().to_string(),
            "tradable": balance.tradable.unwrap_or(true),
        }));
    }
    exactly(&Value::from(records), &balances["info"])
}

/// Places orders of each kind and cancels one. Returns an order that remains open.
async fn compare_placed_orders(ccxt: &mut Ccxt, simulator: &Simulator) -> anyhow::Result<Order> {
    let mut placed = Vec::new();
    for args in [
        json!([SYMBOL, "limit", "buy", 0.01, 2_000_000]),
        json!([SYMBOL, "limit", "sell", 0.02, 4_000_000]),
        json!([SYMBOL, "market", "sell", 0.001]),
        json!([SYMBOL, "market", "buy", 5_000]),
    ] {
        let reply = ccxt.call("create_order", args.clone()).await?;
        let order = order(simulator, &reply["id"])?;
        let is_market = args[1] == "market";
        ensure!(order.status == if is_market { OrderStatus::Completed } else { OrderStatus::InProgress });
        ensure!(order.action.as_str().eq_ignore_ascii_case(args[2].as_str().unwrap_or_default()));
        let mut expected = json!({ "id": order.id.as_str(), "side": args[2], "amount": args[3] });
        if is_market {
            let paid = order.total.context("no total")?;
            // The amount of a market order to buy is in the quote currency.
            ensure!(args[2] == "sell" || (paid <= Decimal::from(5_000) && paid > Decimal::from(4_990)));
        } else {
            expected["price"] = args[4].clone();
            ensure!(
                number(order.original_amount) == args[3] && number(order.price).as_f64() == args[4].as_f64()
            );
        }
        same(&expected, &reply)?;
        placed.push(order);
    }
    let reply = ccxt.call("cancel_order", json!([placed[0].id.as_str(), SYMBOL])).await?;
    same(&json!({ "id": placed[0].id.as_str(), "side": "buy", "amount": 0.01, "price": 2_000_000 }), &reply)?;
    ensure!(order(simulator, &json!(placed[0].id.as_str()))?.status == OrderStatus::Cancelled);
    Ok(placed.swap_remove(1))
}

/// Compares the lists of orders and trades, each record by its id.
async fn compare_lists(
    ccxt: &mut Ccxt,
    simulator: &Simulator,
    setting: &Setting,
    resting: &Order,
) -> anyhow::Result<()> {
    let is_seconds = !setting.has("open-order-times=milliseconds");
    let open = ccxt.call("fetch_open_orders", json!([])).await?;
    let expected = simulator.open_orders().into_iter().map(|order| {
        let divisor = if is_seconds { 1_000 } else { 1 };
        listed(&order, setting, divisor)
    });
    same_records(expected.collect(), &open).context("open orders")?;

    let closed = simulator.closed_orders().into_iter().filter(|order| {
        let is_executed = matches!(order.status, OrderStatus::Completed | OrderStatus::CompletedPartialDeal);
        order.pair == PAIR && (is_executed || setting.has("done-orders=all"))
    });
    let expected = closed.map(|order| listed(&order, setting, 1)).collect();
    let closed = ccxt.call("fetch_closed_orders", json!([SYMBOL])).await?;
    same_records(expected, &closed).context("closed orders")?;

    let one = ccxt.call("fetch_order", json!([resting.id.as_str(), SYMBOL])).await?;
    let mut expected = listed(resting, setting, 1);
    expected["info"] = rest_order(resting, setting);
    expected["timestamp"] = json!(resting.timestamp.map(Timestamp::as_millis));
    same_record(&expected, &one).context("one order")?;

    let query = TradeQuery { pair: Some(PAIR.into()), ..TradeQuery::default() };
    let expected = simulator.account("demo")?.read(|account| -> Vec<Value> {
        let records = account.trade_records(&query).into_iter();
        let record = records.map(|record| {
            let trade = &record.trade;
            json!({
                "id": record.id,
                "order": trade.order_id.as_str(),
                "timestamp": record.created.as_millis(),
                "symbol": SYMBOL,
                "side": trade.action().as_str().to_ascii_lowercase(),
                "takerOrMaker": if record.is_taker() { "taker" } else { "maker" },
                "price": number(trade.price),
                "amount": number(trade.volume),
                "fee": { "cost": number(trade.fee), "currency": upper(trade.fee_currency.as_str()) },
                "info": {
                    "tradeId": record.id,
                    "orderId": trade.order_id.as_str(),
                    "price": trade.price.to_string(),
                    "action": trade.action().as_str(),
                    "baseAmount": trade.volume.to_string(),
                    "quoteAmount": record.quote_amount.to_string(),
                    "fee": trade.fee.to_string(),
                    "feeSymbol": trade.fee_currency.as_str(),
                    "isTaker": record.is_taker(),
                    "timestamp": record.created.as_millis().to_string(),
                    "createdTimestamp": record.created.as_millis().to_string(),
                },
            })
        });
        record.collect()
    });
    let trades = ccxt.call("fetch_my_trades", json!([SYMBOL])).await?;
    same_records(expected, &trades).context("trades")
}

async fn compare_exceptions(ccxt: &mut Ccxt) -> anyhow::Result<()> {
    for (method, args, class, text) in [
        (
            "create_order",
            json!([SYMBOL, "limit", "sell", 1_000, 4_000_000]),
            "InsufficientFunds",
            "not enough",
        ),
        (
            "create_order",
            json!([SYMBOL, "limit", "buy", 0.000_01, 1_000]),
            "InvalidOrder",
            "less than min 0.0001",
        ),
        ("fetch_ticker", json!(["NOPE/TWD"]), "BadSymbol", "NOPE/TWD"),
        (
            "publicGetTickersPair",
            json!([{ "pair": "nope_twd" }]),
            "ExchangeError",
            "Unsupported trading pair",
        ),
        ("cancel_order", json!(["1", SYMBOL]), "ExchangeError", "is not open"),
    ] {
        let [found, message] = ccxt.exception(method, args).await?;
        ensure!(found == class && message.contains(text), "{method}: {found}: {message}");
    }
    Ok(())
}

/// Fills an order while ccxt waits for a trade.
async fn compare_watched_trade(
    ccxt: &mut Ccxt,
    simulator: &Simulator,
    setting: &Setting,
    resting: &Order,
) -> anyhow::Result<()> {
    ccxt.begin("watch_my_trades", &json!([SYMBOL]))?;
    // ccxt waits for the trade before it connects.
    let mut poll = interval(POLL);
    while simulator.connections() == 0 {
        poll.tick().await;
    }
    simulator.fill_remaining(&resting.id)?;
    let reply = ccxt.receive().await?;
    let trade = simulator.trades().pop().context("no trade")?;
    let match_id = trade.match_id.as_ref().map(MatchId::as_str).filter(|id| !id.is_empty());
    let expected = json!([{
        "id": match_id,
        "order": trade.order_id.as_str(),
        "timestamp": trade.transaction_timestamp.as_secs() * 1_000,
        "symbol": SYMBOL,
        "side": "sell",
        "type": "limit",
        "takerOrMaker": if trade.is_maker == Some(true) { "maker" } else { "taker" },
        "price": number(trade.price),
        "amount": number(trade.volume),
        "fee": { "cost": number(trade.fee), "currency": upper(trade.fee_currency.as_str()) },
    }]);
    same(&expected, &reply["result"])?;
    // In messages of streams, numbers remain numbers.
    exactly(&truth::trade(&trade, setting), &reply["result"][0]["info"])
}

/// Returns an order in ccxt's format, whose times are divided by `divisor`.
fn listed(order: &Order, setting: &Setting, divisor: i64) -> Value {
    let millis = |time: Option<Timestamp>| time.map(|time| time.as_millis() / divisor);
    let (created, updated) = (millis(order.created_timestamp), millis(order.updated_timestamp));
    let status = match order.status {
        OrderStatus::Completed | OrderStatus::CompletedPartialDeal => "closed",
        OrderStatus::Cancelled | OrderStatus::PostOnlyCancelled => "canceled",
        _ => "open",
    };
    let mut info = rest_order(order, setting);
    if let Some(info) = info.as_object_mut() {
        info.remove("timestamp");
    }
    info["createdTimestamp"] = json!(created.map(|time| time.to_string()));
    info["updatedTimestamp"] = json!(updated.map(|time| time.to_string()));
    json!({
        "id": order.id.as_str(),
        "symbol": upper(order.pair.as_str()).replace('_', "/"),
        "timestamp": created,
        "lastTradeTimestamp": updated,
        "side": order.action.as_str().to_ascii_lowercase(),
        "amount": number(order.original_amount),
        "filled": number(order.executed_amount),
        "remaining": number(order.remaining_amount),
        "status": status,
        "info": info,
    })
}

/// Returns the exchange's record of an order in REST, with the numbers as strings.
fn rest_order(order: &Order, setting: &Setting) -> Value {
    let mut record = quoted(truth::order(order, setting));
    if let Some(fields) = record.as_object_mut()
        && let Some(id) = fields.remove("clientID")
    {
        fields.insert("clientId".to_owned(), id);
    }
    record
}

fn order(simulator: &Simulator, id: &Value) -> anyhow::Result<Order> {
    let orders = simulator.open_orders().into_iter().chain(simulator.closed_orders());
    let mut found = orders.filter(|order| Some(order.id.as_str()) == id.as_str());
    found.next().with_context(|| format!("the simulator has no order {id}"))
}
