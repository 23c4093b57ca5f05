use bitopro_client::model::{Message, PrivateStream};

use super::{BalanceChanges, Item, Table, TextTable, state};
use crate::watch::samples;

/// What a table prints of some snapshots and updates.
fn printed(table: &mut Table, entries: &[(PrivateStream, Item<&str>)]) -> Vec<String> {
    let mut lines = String::new();
    for (stream, item) in entries {
        let item = item.clone().map(|json| Message::from_json(json).unwrap());
        table.print(*stream, &item, &BalanceChanges::new(), &mut lines);
    }
    lines.lines().map(str::to_owned).collect()
}

fn plain(entries: &[(PrivateStream, Item<&str>)]) -> Vec<String> {
    printed(&mut Table::new(false, false), entries)
}

#[test]
fn orders_have_everything_that_one_looks_for() {
    let lines = plain(&[(PrivateStream::ActiveOrders, Item::Snapshot(samples::ORDERS))]);
    assert_eq!(
        lines,
        [
            "TIME UTC PAIR      ORDER         SIDE TYPE         PRICE         EXECUTED/OF STATUS",
            "21-12-13 btc_twd   SL-7          sell stop       3100000                 0/1 stop >= 3150000",
            "07:28:23 btc_twd   8917255503    buy  post       3050000       0.0050/0.0200 partly filled",
        ]
    );
}

#[test]
fn each_status_is_a_word() {
    for (code, word) in [
        (-1, "not triggered"),
        (0, "open"),
        (1, "partly filled"),
        (2, "filled"),
        (3, "ended in part"),
        (4, "cancelled"),
        (6, "refused"),
        (5, "status 5"),
    ] {
        let message = samples::ORDERS.replace("\"status\":1", &format!("\"status\":{code}"));
        let lines = plain(&[(PrivateStream::ActiveOrders, Item::Update(&message))]);
        assert!(lines[0].ends_with(&format!("0.0050/0.0200 {word}")), "{lines:?}");
    }
}

#[test]
fn a_market_order_costs_what_it_cost() {
    let message = samples::ORDERS
        .replace("\"price\":\"3050000\"", "\"price\":\"0\"")
        .replace("\"executedAmount\":\"0.0050\"", "\"executedAmount\":\"0.0200\"")
        .replace("\"type\":\"LIMIT\"", "\"type\":\"Market\"");
    let lines = plain(&[(PrivateStream::ActiveOrders, Item::Update(&message))]);
    assert!(lines[0].contains(" market   3049999.5          all/0.0200 "), "{lines:?}");
}

#[test]
fn fault_54_what_a_message_lacks_is_a_dash_or_nothing() {
    let order = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{"btc_twd":[{"id":"7","pair":"btc_twd","price":"0","action":"BUY","type":"LIMIT","status":0,"originalAmount":"1","remainingAmount":"1","executedAmount":"0"}]}}"#;
    let lines = plain(&[(PrivateStream::ActiveOrders, Item::Update(order))]);
    assert_eq!(lines, ["-        btc_twd   7             buy  limit            0                 0/1 open"]);
    let trade = r#"{"event":"USER_TRADE","timestamp":1,"data":{"base":"btc","quote":"twd","side":"bid","price":"2","volume":"1","fee":"0","feeCurrency":"btc","transactionTimestamp":1,"orderID":"7"}}"#;
    let lines = plain(&[(PrivateStream::UserTrades, Item::Update(trade))]);
    assert_eq!(
        lines[1],
        "00:00:00 btc_twd   7             buy  -                2                   1 0 btc"
    );
    let balance = r#"{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{"BTC":{"currency":"BTC","amount":"1","available":"1"}}}"#;
    let lines = plain(&[(PrivateStream::AccountBalance, Item::Snapshot(balance))]);
    assert_eq!(lines[1..], ["00:00:00 BTC                  1                      1"]);
}

#[test]
fn trades_stand_in_the_columns_of_orders_below_one_heading() {
    let trade = (PrivateStream::UserTrades, Item::Update(samples::TRADE));
    let lines = plain(&[trade.clone(), trade]);
    let row = "04:55:58 usdt_twd  390733918     sell taker       32.039                 1.0 0.032039 twd";
    let heading = "TIME UTC PAIR      ORDER         SIDE AS           PRICE              VOLUME FEE";
    assert_eq!(lines, [heading, row, row]);
}

#[test]
fn an_update_shows_the_balances_that_changed_and_by_how_much() {
    let mut table = Table::new(false, false);
    let mut lines = String::new();
    let message = Message::from_json(samples::BALANCES).unwrap();
    for changes in [samples::changes("BTC -0.25"), BalanceChanges::from([("TWD".into(), None)])] {
        let update = Item::Update(message.clone());
        table.print(PrivateStream::AccountBalance, &update, &changes, &mut lines);
    }
    let rows = [
        "07:28:23 BTC                  1.10                   1.00                  -0.25",
        "07:28:23 TWD                  0                      0",
    ];
    assert_eq!(lines.lines().collect::<Vec<_>>(), rows);
}

#[test]
fn a_whole_state_takes_as_many_lines_as_there_are() {
    let shown = |body| {
        let mut lines = String::new();
        let mut sheet = TextTable { lines: &mut lines, colour: false, tag: None };
        let events = [Message::from_json(samples::BALANCES).unwrap()];
        state(&events, &samples::changes("BTC -0.25"), body, &mut sheet);
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = [
        "TIME UTC CURRENCY        AMOUNT               AVAILABLE                  CHANGE",
        "07:28:23 BTC                  1.10                   1.00                  -0.25",
        "· zero: TWD",
    ];
    assert_eq!(
        (shown(None), shown(Some(2))),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    assert_eq!(shown(Some(1))[1..], ["· and 1 more: BTC; zero: TWD"]);
}

#[test]
fn rows_of_several_streams_tell_which_they_are_of_within_100_columns() {
    let history = samples::ORDERS.replace("ACTIVE_ORDERS", "RECENT_HISTORY_ORDERS");
    let lines = printed(
        &mut Table::new(false, true),
        &[
            (PrivateStream::AccountBalance, Item::Snapshot(samples::BALANCES)),
            (PrivateStream::ActiveOrders, Item::Snapshot(samples::ORDERS)),
            (PrivateStream::HistoryOrders, Item::Update(&history)),
            (PrivateStream::UserTrades, Item::Update(samples::TRADE)),
        ],
    );
    let tags: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(tags, ["UTC", "balance", "zero:", "UTC", "order", "order", "ended", "ended", "trade"]);
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:#?}");
}

#[test]
fn the_past_is_short_where_it_is_not_alone() {
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
    assert_eq!(plain(&snapshot).len(), 21);
    let mixed = printed(&mut Table::new(false, true), &snapshot);
    assert_eq!((mixed.len(), mixed[1].as_str()), (10, "· and 12 earlier orders"));
    assert!(mixed[9].contains(" 20 "), "{mixed:?}");
}

#[test]
fn nothing_is_said_where_there_is_nothing() {
    let empty = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{}}"#;
    let lines = plain(&[(PrivateStream::ActiveOrders, Item::Snapshot(empty))]);
    assert_eq!(lines[1..], ["· no orders"]);
    let mut lines = String::new();
    state(&[], &BalanceChanges::new(), None, &mut Table::new(false, false).sheet(&mut lines));
    assert!(lines.ends_with("· no trades\n"), "{lines}");
}

#[test]
fn there_are_colours_only_where_they_were_asked_for_and_no_others() {
    let hostile = samples::ORDERS.replace("8917255503", "\\u001b[2J").replace("LIMIT", "\\u009b1m");
    let entries = [(PrivateStream::ActiveOrders, Item::Snapshot(hostile.as_str()))];
    let lines = plain(&entries).concat();
    assert!(!lines.contains(['\x1b', '\u{9b}']) && lines.contains(r"\u{1b}[2J"), "{lines}");
    let lines = printed(&mut Table::new(true, false), &entries).concat();
    assert!(lines.contains("\x1b[32mbuy\x1b[0m") && !lines.contains("\x1b[2J"), "{lines}");
}
