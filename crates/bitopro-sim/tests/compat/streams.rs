//! The four streams of the exchange's documentation and its SDK. The wire format is written out here and in `truth`
//! rather than taken from our model, which would agree with itself.

use anyhow::{Context, ensure};
use bitopro_model::PrivateStream;
use bitopro_sim::Simulator;
use serde_json::{Map, Value};

use super::setting::Setting;
use super::stream_events::Entries;
use super::truth;

/// One private stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) kind: PrivateStream,
    pub(super) event: &'static str,
    /// The SDK's class for it.
    pub(super) class: &'static str,
    /// Returns whether the first event of a connection is a snapshot.
    pub(super) begins_with_all: fn(&Setting) -> bool,
    /// Merges an event's `data` into the entries.
    pub(super) apply: fn(&mut Entries, &Map<String, Value>, &Setting) -> anyhow::Result<()>,
    /// Returns the entries that the simulator's account calls for.
    pub(super) truth: fn(&Simulator, &Setting) -> anyhow::Result<Entries>,
}

pub(super) const STREAMS: [Stream; 4] = [
    Stream {
        kind: PrivateStream::AccountBalance,
        event: "ACCOUNT_BALANCE",
        class: "BitoproUserBlanceWs",
        begins_with_all: |_| true,
        apply: balances,
        truth: truth::balances,
    },
    Stream {
        kind: PrivateStream::ActiveOrders,
        event: "ACTIVE_ORDERS",
        class: "BitoproUserOrdersWs",
        begins_with_all: |_| true,
        apply: open_orders,
        truth: truth::open_orders,
    },
    Stream {
        kind: PrivateStream::HistoryOrders,
        event: "RECENT_HISTORY_ORDERS",
        class: "BitoproHistoryOrders",
        begins_with_all: |setting| !setting.has("history-on-connect=empty"),
        apply: ended_orders,
        truth: truth::history,
    },
    Stream {
        kind: PrivateStream::UserTrades,
        event: "USER_TRADE",
        class: "BitoproUserTradeWs",
        begins_with_all: |_| false,
        apply: trade,
        truth: truth::trades,
    },
];

/// Completed, completed in part, cancelled, cancelled for being post-only.
const FINAL: [i64; 4] = [2, 3, 4, 6];

impl Stream {
    /// The ids, if any, of the events that reached a client, in order.
    pub(super) fn sent(&self, simulator: &Simulator) -> anyhow::Result<Vec<Option<String>>> {
        let sent = simulator.sent().into_iter().filter(|sent| sent.stream == self.kind && sent.sockets > 0);
        sent.map(|sent| {
            ensure!(sent.sockets == 1, "{} sockets follow {}", sent.sockets, self.event);
            Ok(sent.event_id)
        })
        .collect()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "one signature for all streams")]
fn balances(entries: &mut Entries, data: &Map<String, Value>, _: &Setting) -> anyhow::Result<()> {
    entries.extend(data.iter().map(|(currency, balance)| (currency.clone(), balance.clone())));
    Ok(())
}

fn open_orders(entries: &mut Entries, data: &Map<String, Value>, setting: &Setting) -> anyhow::Result<()> {
    if setting.has("active-updates=whole-pair") {
        entries.retain(|_, order| {
            order.get("pair").and_then(Value::as_str).is_none_or(|pair| !data.contains_key(pair))
        });
    }
    for order in orders(data)? {
        let id = id(order)?;
        let status = order.get("status").and_then(Value::as_i64).context("an order has no status")?;
        if FINAL.contains(&status) {
            entries.remove(&id);
        } else {
            entries.insert(id, order.clone());
        }
    }
    Ok(())
}

fn ended_orders(entries: &mut Entries, data: &Map<String, Value>, _: &Setting) -> anyhow::Result<()> {
    for order in orders(data)? {
        entries.insert(id(order)?, order.clone());
    }
    Ok(())
}

/// Over all connections, no trade arrives twice, or where it may, it is the same one.
fn trade(entries: &mut Entries, data: &Map<String, Value>, setting: &Setting) -> anyhow::Result<()> {
    let trade = Value::Object(data.clone());
    let id = text(&trade, "matchID")?.to_owned();
    let before = entries.insert(id.clone(), trade);
    let may_repeat = setting.has("trades-on-connect=last");
    let is_fine = before.is_none() || may_repeat && before.as_ref() == entries.get(&id);
    ensure!(is_fine, "trade `{id}` arrived twice");
    Ok(())
}

/// The orders of all pairs, each under its own pair.
fn orders(data: &Map<String, Value>) -> anyhow::Result<Vec<&Value>> {
    let mut all = Vec::new();
    for (pair, orders) in data {
        for order in orders.as_array().with_context(|| format!("no list under {pair}"))? {
            ensure!(text(order, "pair")? == pair, "an order of another pair under {pair}");
            all.push(order);
        }
    }
    Ok(all)
}

/// A text, or a number.
fn id(order: &Value) -> anyhow::Result<String> {
    match order.get("id") {
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Ok(text(order, "id")?.to_owned()),
    }
}

fn text<'a>(object: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    object.get(field).and_then(Value::as_str).with_context(|| format!("no text in `{field}`"))
}
