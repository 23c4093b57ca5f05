use std::time::Duration;

use bitopro_client::StreamState;
use bitopro_client::model::{Message, PrivateStream, PublicStream, Timestamp};

use super::{Appearance, BalanceChanges, Item, RowFormat, Table, View};
use crate::samples::{self, look};
use crate::table::balances::Amounts;
use crate::table::{EscapeCodes, print_all};

/// Prints the table of a complete state.
fn print_state(events: &[Message], changes: &BalanceChanges, body: Option<usize>, lines: &mut String) {
    let look = look(|| None);
    print_all(events, changes, body, &RowFormat { look: &look, stream: None, view: View::State }, lines);
}

/// Returns the lines that a table prints for snapshots and updates.
fn printed(table: &mut Table, entries: &[(PrivateStream, Item<&str>)]) -> Vec<String> {
    let mut lines = String::new();
    for (stream, item) in entries {
        let item = item.clone().map(|json| Message::from_json(json).unwrap());
        table.print((*stream).into(), None, &item, &BalanceChanges::new(), &mut lines);
    }
    lines.lines().map(str::to_owned).collect()
}

fn printed_plain(entries: &[(PrivateStream, Item<&str>)]) -> Vec<String> {
    printed(&mut Table::new(look(|| None), false), entries)
}

#[test]
fn an_order_row_shows_all_important_fields() {
    let lines = printed_plain(&[(PrivateStream::ActiveOrders, Item::Snapshot(samples::ORDERS))]);
    assert_eq!(
        lines,
        [
            "TIME UTC   PAIR    ORDER      SIDE TYPE   PRICE EXECUTED/AMOUNT STATUS",
            "2021-12-13 btc_twd SL-7       sell stop 3100000             0/1 stop >= 3150000",
            "07:28:23   btc_twd 8917255503 buy  post 3050000   0.0050/0.0200 partial",
        ]
    );
}

#[test]
fn each_status_has_a_text() {
    for (code, text) in [
        (-1, "not triggered"),
        (0, "open"),
        (1, "partial"),
        (2, "filled"),
        (3, "closed"),
        (4, "cancelled"),
        (6, "rejected"),
        (5, "status 5"),
    ] {
        let message = samples::ORDERS.replace("\"status\":1", &format!("\"status\":{code}"));
        let lines = printed_plain(&[(PrivateStream::ActiveOrders, Item::Update(&message))]);
        assert!(lines[0].ends_with(&format!("0.0050/0.0200 {text}")), "{lines:?}");
    }
}

#[test]
fn a_market_order_shows_its_average_price() {
    let message = samples::ORDERS
        .replace("\"price\":\"3050000\"", "\"price\":\"0\"")
        .replace("\"executedAmount\":\"0.0050\"", "\"executedAmount\":\"0.0200\"")
        .replace("\"type\":\"LIMIT\"", "\"type\":\"Market\"");
    let lines = printed_plain(&[(PrivateStream::ActiveOrders, Item::Update(&message))]);
    assert!(lines[0].contains(" market 3049999.5 all/0.0200 "), "{lines:?}");
}

#[test]
fn fault_54_absent_values_are_a_dash_or_empty() {
    let order = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{"btc_twd":[{"id":"7","pair":"btc_twd","price":"0","action":"BUY","type":"LIMIT","status":0,"originalAmount":"1","remainingAmount":"1","executedAmount":"0"}]}}"#;
    let lines = printed_plain(&[(PrivateStream::ActiveOrders, Item::Update(order))]);
    assert_eq!(lines, ["- btc_twd 7 buy limit 0 0/1 open"]);
    let trade = r#"{"event":"USER_TRADE","timestamp":1,"data":{"base":"btc","quote":"twd","side":"bid","price":"2","volume":"1","fee":"0","feeCurrency":"btc","transactionTimestamp":1,"orderID":"7"}}"#;
    let lines = printed_plain(&[(PrivateStream::UserTrades, Item::Update(trade))]);
    assert_eq!(lines[1], "00:00:00 btc_twd 7     buy  -        2      1 0 btc");
    let balance = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"BTC":{"currency":"BTC","amount":"1","available":"1"}}}"#;
    let lines = printed_plain(&[(PrivateStream::AccountBalance, Item::Snapshot(balance))]);
    assert_eq!(lines[1..], ["00:00:00 BTC           1         1"]);
}

#[test]
fn trades_share_the_columns_of_orders_and_have_one_heading() {
    let trade = (PrivateStream::UserTrades, Item::Update(samples::TRADE));
    let lines = printed_plain(&[trade.clone(), trade]);
    let row = "04:55:58 usdt_twd 390733918 sell taker 32.039    1.0 0.032039 twd";
    let heading = "TIME UTC PAIR     ORDER     SIDE ROLE   PRICE VOLUME FEE";
    assert_eq!(lines, [heading, row, row]);
}

#[test]
fn an_update_shows_only_changed_balances_and_their_change() {
    let mut table = Table::new(look(|| None), false);
    let mut lines = String::new();
    let message = Message::from_json(samples::BALANCES).unwrap();
    for changes in [samples::changes("BTC -0.25"), BalanceChanges::from([("TWD".into(), Amounts::default())])]
    {
        let update = Item::Update(message.clone());
        table.print(PrivateStream::AccountBalance.into(), None, &update, &changes, &mut lines);
    }
    let rows = ["07:28:23 BTC 1.10 1.00 -0.25", "07:28:23 TWD 0    0"];
    assert_eq!(lines.lines().collect::<Vec<_>>(), rows);
}

#[test]
fn a_state_fits_the_given_number_of_lines() {
    let table = |body| {
        let mut lines = String::new();
        let events = [Message::from_json(samples::BALANCES).unwrap()];
        print_state(&events, &samples::changes("BTC -0.25"), body, &mut lines);
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all =
        ["CURRENCY AMOUNT AVAILABLE CHANGE", "BTC        1.10      1.00  -0.25", "· zero balances: TWD"];
    assert_eq!(
        (table(None), table(Some(2))),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    assert_eq!(table(Some(1))[1..], ["· and 1 more: BTC; zero balances: TWD"]);
}

#[test]
fn mixed_rows_name_their_stream_and_leave_out_columns_on_a_narrow_terminal() {
    let history = samples::ORDERS.replace("ACTIVE_ORDERS", "RECENT_HISTORY_ORDERS");
    let entries = [
        (PrivateStream::AccountBalance, Item::Snapshot(samples::BALANCES)),
        (PrivateStream::ActiveOrders, Item::Snapshot(samples::ORDERS)),
        (PrivateStream::HistoryOrders, Item::Update(history.as_str())),
        (PrivateStream::UserTrades, Item::Update(samples::TRADE)),
    ];
    let lines = printed(&mut Table::new(look(|| None), true), &entries);
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(kinds, ["UTC", "balances", "zero", "UTC", "orders", "orders", "history", "history", "trades"]);
    assert!(lines[6].contains("8917255503"), "{lines:#?}");
    let narrow = printed(&mut Table::new(look(|| Some(72)), true), &entries);
    assert!(narrow.iter().all(|line| line.chars().count() <= 72), "{narrow:#?}");
    assert_eq!(narrow[6], "07:28:23   history btc_twd buy  3050000   0.0050/0.0200 partial");
}

#[test]
fn a_mixed_log_limits_the_closed_orders_of_a_snapshot() {
    let mut order = serde_json::from_str::<serde_json::Value>(samples::ORDERS).unwrap();
    let mut first = order["data"]["btc_twd"][0].take();
    let orders: Vec<_> = (1..=20)
        .map(|id| {
            first["id"] = id.to_string().into();
            first.clone()
        })
        .collect();
    let event = "RECENT_HISTORY_ORDERS";
    let message =
        serde_json::json!({"event": event, "timestamp": 1, "data": {"btc_twd": orders}}).to_string();
    let snapshot = [(PrivateStream::HistoryOrders, Item::Snapshot(message.as_str()))];
    assert_eq!(printed_plain(&snapshot).len(), 21);
    let mixed = printed(&mut Table::new(look(|| None), true), &snapshot);
    assert_eq!((mixed.len(), mixed[1].as_str()), (10, "· and 12 earlier orders"));
    assert!(mixed[9].contains(" 20 "), "{mixed:?}");
}

#[test]
fn an_empty_state_has_a_note() {
    let empty = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{}}"#;
    let lines = printed_plain(&[(PrivateStream::ActiveOrders, Item::Snapshot(empty))]);
    assert_eq!(lines[1..], ["· no orders"]);
    let mut lines = String::new();
    print_state(&[], &BalanceChanges::new(), None, &mut lines);
    assert!(lines.ends_with("· no trades\n"), "{lines}");
}

#[test]
fn colours_are_optional_and_hostile_escapes_are_never_printed() {
    let hostile = samples::ORDERS.replace("8917255503", "\\u001b[2J").replace("LIMIT", "\\u009b1m");
    let entries = [(PrivateStream::ActiveOrders, Item::Snapshot(hostile.as_str()))];
    let lines = printed_plain(&entries).concat();
    assert!(!lines.contains(['\x1b', '\u{9b}']) && lines.contains(r"\u{1b}[2J"), "{lines}");
    let colourful = Appearance { escapes: EscapeCodes::All, ..look(|| None) };
    let lines = printed(&mut Table::new(colourful, false), &entries).concat();
    assert!(lines.contains("\x1b[32mbuy\x1b[0m") && !lines.contains("\x1b[2J"), "{lines}");
}

#[test]
fn a_new_day_begins_with_its_date() {
    let mut table = Table::new(look(|| None), false);
    let mut lines = String::new();
    let update = Item::Update(Message::from_json(samples::TRADE).unwrap());
    for day in [0, 0, 1, 1] {
        let received = Some(Timestamp::from_millis(day * 86_400_000));
        table.print(PrivateStream::UserTrades.into(), received, &update, &BalanceChanges::new(), &mut lines);
    }
    let starts: Vec<&str> = lines.lines().filter_map(|line| line.split(" PAIR").next()?.get(..8)).collect();
    assert_eq!(starts, ["TIME UTC", "04:55:58", "04:55:58", "· 1970-", "04:55:58", "04:55:58"]);
}

#[test]
fn a_heartbeat_shows_how_current_the_state_is() {
    let table = Table::new(look(|| None), false);
    let mut state = StreamState::new(PrivateStream::AccountBalance, Vec::new());
    let mut lines = String::new();
    state.read_at = Some(Timestamp::from_millis(12_000));
    table.print_heartbeat(&state, &mut lines);
    (state.as_of, state.age) = (Some(Timestamp::from_millis(5_000)), Duration::from_secs(7));
    state.is_stale = false;
    table.print_heartbeat(&state, &mut lines);
    let expected = [
        "00:00:12 · balances: no event yet; may be out of date",
        "00:00:12 · balances: last event at 00:00:05, 7 s ago",
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
}

const BOOK: &str = r#"{"event":"ORDER_BOOK","timestamp":1639553303365,"pair":"BTC_TWD","limit":5,"scale":0,
    "bids":[{"price":"100.5","amount":"1.5","count":1,"total":"1.5"},{"price":"99","amount":"2","count":1}],
    "asks":[{"price":"101","amount":"0.5","count":1,"total":"0.5"}]}"#;
const TICKER: &str = r#"{"event":"TICKER","timestamp":1639553303365,"pair":"BTC_TWD","lastPrice":"100.5",
    "priceChange24hr":"-1.99","volume24hr":"37.5239"}"#;
const TRADES: &str = r#"{"event":"TRADE","timestamp":1639553303365,"pair":"BTC_TWD","data":[
    {"timestamp":1639553303,"price":"101","amount":"0.5","isBuyer":true},
    {"timestamp":1639453303,"price":"99","amount":"2","isBuyer":false}]}"#;

/// Returns the lines that a table prints for items of a public stream.
fn printed_market(stream: PublicStream, items: &[Item<&str>]) -> Vec<String> {
    let (mut table, mut lines) = (Table::new(look(|| None), false), String::new());
    for item in items {
        let item = item.clone().map(|json| Message::from_json(json).unwrap());
        table.print(stream.into(), None, &item, &BalanceChanges::new(), &mut lines);
    }
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_log_shows_the_best_prices_of_a_book_and_its_spread() {
    let empty = r#"{"event":"ORDER_BOOK","timestamp":1639553304365,"pair":"ETH_TWD","bids":[],"asks":[]}"#;
    let lines = printed_market(PublicStream::OrderBooks, &[Item::Snapshot(BOOK), Item::Update(empty)]);
    assert_eq!(
        lines,
        [
            "TIME UTC PAIR    BID AMOUNT   BID ASK ASK AMOUNT SPREAD",
            "07:28:23 btc_twd        1.5 100.5 101        0.5    0.5",
            "07:28:24 eth_twd        -     -     -        -      -",
        ]
    );
}

#[test]
fn a_state_shows_all_levels_of_a_book_with_their_totals() {
    let mut lines = String::new();
    let book = Message::from_json(BOOK).unwrap();
    print_state(std::slice::from_ref(&book), &BalanceChanges::new(), None, &mut lines);
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "TIME UTC PAIR    BID TOTAL BID AMOUNT   BID ASK ASK AMOUNT ASK TOTAL",
            "07:28:23 btc_twd       1.5        1.5 100.5 101        0.5       0.5",
            "07:28:23 btc_twd       3.5        2    99",
        ]
    );
    let mut one = String::new();
    print_state(&[book.clone(), book], &BalanceChanges::new(), Some(2), &mut one);
    assert_eq!(one.lines().count(), 3, "each pair gets its share of the lines: {one}");
}

#[test]
fn a_market_trade_of_an_earlier_day_shows_its_date() {
    let lines = printed_market(PublicStream::Trades, &[Item::Snapshot(TRADES), Item::Update(TRADES)]);
    assert_eq!(
        lines,
        [
            "TIME UTC   PAIR    SIDE AMOUNT PRICE",
            "2021-12-14 btc_twd sell    2      99",
            "07:28:23   btc_twd  buy    0.5   101",
            "2021-12-14 btc_twd sell    2      99",
            "07:28:23   btc_twd  buy    0.5   101",
        ]
    );
    let lines = printed_market(PublicStream::Tickers, &[Item::Snapshot(TICKER)]);
    assert_eq!(lines, ["TIME UTC PAIR    CHANGE  VOLUME  LAST", "07:28:23 btc_twd -1.99% 37.5239 100.5"]);
}
