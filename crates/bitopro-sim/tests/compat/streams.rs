//! The four private streams. The wire format is written out here and in `truth` instead of using our model,
//! which would only be compared with itself.

use anyhow::{Context, ensure};
use bitopro_model::PrivateStream;
use bitopro_sim::Simulator;
use serde_json::{Map, Value};

use super::setting::Setting;
use super::stream_messages::Entries;
use super::truth;

/// One private stream.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) kind: PrivateStream,
    pub(super) event: &'static str,
    /// The SDK's class for the stream.
    pub(super) class: &'static str,
    /// Returns whether the first message of a connection is a snapshot.
    pub(super) has_snapshot: fn(&Setting) -> bool,
    /// Merges a message's `data` into the entries.
    pub(super) apply: fn(&mut Entries, &Map<String, Value>, &Setting) -> anyhow::Result<()>,
    /// Returns the entries that the simulator's account should result in.
    pub(super) truth: fn(&Simulator, &Setting) -> anyhow::Result<Entries>,
}

pub(super) const STREAMS: [Stream; 4] = [
    Stream {
        kind: PrivateStream::AccountBalance,
        event: "ACCOUNT_BALANCE",
        class: "BitoproUserBlanceWs",
        has_snapshot: |_| true,
        apply: balances,
        truth: truth::balances,
    },
    Stream {
        kind: PrivateStream::ActiveOrders,
        event: "ACTIVE_ORDERS",
        class: "BitoproUserOrdersWs",
        has_snapshot: |_| true,
        apply: open_orders,
        truth: truth::open_orders,
    },
    Stream {
        kind: PrivateStream::HistoryOrders,
        event: "RECENT_HISTORY_ORDERS",
        class: "BitoproHistoryOrders",
        has_snapshot: |setting| !setting.has("history-on-connect=empty"),
        apply: closed_orders,
        truth: truth::closed_orders,
    },
    Stream {
        kind: PrivateStream::UserTrades,
        event: "USER_TRADE",
        class: "BitoproUserTradeWs",
        has_snapshot: |_| false,
        apply: trade,
        truth: truth::trades,
    },
];

/// Filled, cancelled after a partial fill, cancelled, and cancelled post-only.
const FINAL: [i64; 4] = [2, 3, 4, 6];

impl Stream {
    /// Returns the `eventID`s, if any, of the messages that reached a client, in order.
    pub(super) fn sent(&self, simulator: &Simulator) -> anyhow::Result<Vec<Option<String>>> {
        let sent = simulator.sent().into_iter().filter(|sent| sent.stream == self.kind && sent.sockets > 0);
        sent.map(|sent| {
            ensure!(sent.sockets == 1, "{} sockets are subscribed to {}", sent.sockets, self.event);
            Ok(sent.event_id.map(|id| id.to_string()))
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
        let status = order.get("status").and_then(Value::as_i64).context("order without a status")?;
        if FINAL.contains(&status) {
            entries.remove(&id);
        } else {
            entries.insert(id, order.clone());
        }
    }
    Ok(())
}

fn closed_orders(entries: &mut Entries, data: &Map<String, Value>, _: &Setting) -> anyhow::Result<()> {
    for order in orders(data)? {
        entries.insert(id(order)?, order.clone());
    }
    Ok(())
}

/// Adds a trade under its own JSON, since its id may be empty. None may arrive twice, across all connections,
/// unless the setting allows it.
fn trade(entries: &mut Entries, data: &Map<String, Value>, setting: &Setting) -> anyhow::Result<()> {
    let trade = Value::Object(data.clone());
    let previous = entries.insert(trade.to_string(), trade);
    let may_repeat = setting.has("trades-on-connect=last");
    ensure!(previous.is_none() || may_repeat, "a trade arrived twice: {data:?}");
    Ok(())
}

/// Returns the orders of all pairs, after checking that each is listed under its own pair.
fn orders(data: &Map<String, Value>) -> anyhow::Result<Vec<&Value>> {
    let mut all = Vec::new();
    for (pair, orders) in data {
        for order in orders.as_array().with_context(|| format!("the value of `{pair}` is not a list"))? {
            ensure!(text(order, "pair")? == pair, "order of another pair under `{pair}`");
            all.push(order);
        }
    }
    Ok(all)
}

/// Returns an order's id, which may be a string or a number.
fn id(order: &Value) -> anyhow::Result<String> {
    match order.get("id") {
        Some(Value::Number(id)) => Ok(id.to_string()),
        _ => Ok(text(order, "id")?.to_owned()),
    }
}

fn text<'a>(object: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    object.get(field).and_then(Value::as_str).with_context(|| format!("`{field}` is not a string"))
}
