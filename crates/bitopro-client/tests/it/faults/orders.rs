use std::time::Duration;

use bitopro_client::model::{
    Action, Balance, Currency, Decimal, OrderId, OrderStatus, PrivateStream, Timestamp,
};
use bitopro_client::{AccountItem, Change, Changes};
use bitopro_sim::{Command, FinalOrders, HistoryOnConnect, NewOrder, Push, Quirks, Simulator};
use tokio::time::sleep;

use super::exchange::{Exchange, read};

const MINUTE: Duration = Duration::from_secs(60);

fn place(simulator: &Simulator, price: i64) -> OrderId {
    let amount = Decimal::new(1, 2);
    simulator.place(&NewOrder::limit("btc_twd", Action::Buy, amount, Decimal::new(price, 0))).unwrap()
}

/// Returns the kinds of an order's changes, all of which must be across a gap.
fn changes_across_gap(changes: &[Change], id: &OrderId) -> Vec<&'static str> {
    changes
        .iter()
        .filter_map(|change| match change {
            Change::OrderOpened(change) => Some((change, "opened")),
            Change::OrderPartiallyFilled(change) => Some((change, "partly filled")),
            Change::OrderFilled(change) => Some((change, "filled")),
            Change::OrderCancelled(change) => Some((change, "cancelled")),
            Change::OrderMissing(change) => Some((change, "missing")),
            _ => None,
        })
        .filter(|(change, _)| change.order.id == *id)
        .map(|(change, kind)| {
            assert!(change.across_gap, "{kind}");
            kind
        })
        .collect()
}

fn apply(changes: &mut Changes, items: &[AccountItem]) -> Vec<Change> {
    items.iter().flat_map(|item| changes.apply(item)).collect()
}

#[tokio::test(start_paused = true)]
async fn fault_25_orders_that_close_during_a_disconnect_are_reported_after_it() {
    for (final_orders, history) in [
        (FinalOrders::Shown, HistoryOnConnect::Recent),
        (FinalOrders::Vanish, HistoryOnConnect::Recent),
        (FinalOrders::Shown, HistoryOnConnect::Empty),
        (FinalOrders::Vanish, HistoryOnConnect::Empty),
    ] {
        let builder = Simulator::builder().with_quirks(Quirks::default().with(final_orders).with(history));
        let exchange = Exchange::start(builder);
        let simulator = &exchange.simulator;
        let [filled, cancelled, partly, untouched] =
            [2_000_000, 2_000_001, 2_000_002, 2_000_003].map(|price| place(simulator, price));
        let client = exchange.client().build().unwrap();
        let (mut account, mut changes) = (client.account(), client.changes());
        apply(&mut changes, &read(&mut account, MINUTE).await);

        simulator.execute(&Command::Disconnect(None)).unwrap();
        simulator.fill_remaining(&filled).unwrap();
        simulator.cancel(&cancelled).unwrap();
        simulator.fill(&partly, Decimal::new(1, 3)).unwrap();
        let opened = place(simulator, 2_000_004);
        let across = apply(&mut changes, &read(&mut account, MINUTE).await);

        exchange.assert_account_matches(&account);
        let expected = |kind| match history {
            HistoryOnConnect::Empty => vec!["missing"],
            _ => vec![kind],
        };
        // The open orders may arrive before the history, which then reports the final status.
        let closed = |id| {
            let mut kinds = changes_across_gap(&across, id);
            if kinds.len() == 2 {
                assert_eq!(kinds.remove(0), "missing");
            }
            kinds
        };
        assert_eq!(closed(&filled), expected("filled"));
        assert_eq!(closed(&cancelled), expected("cancelled"));
        assert_eq!(changes_across_gap(&across, &partly), ["partly filled"]);
        assert_eq!(changes_across_gap(&across, &opened), ["opened"]);
        assert_eq!(changes_across_gap(&across, &untouched), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_26_balances_that_change_during_a_disconnect_match_the_server_after_it() {
    let exchange = Exchange::start(Simulator::builder());
    let mut balances = exchange.balances();
    read(&mut balances, Duration::from_secs(1)).await;
    exchange.simulator.execute(&Command::Disconnect(None)).unwrap();
    exchange.simulator.update_balances(|holdings| {
        holdings.remove(&"ADA".into());
        holdings.insert(Currency::new("NEW"), Balance::new("NEW", Decimal::ONE));
        let xrp = holdings.get_mut(&"XRP".into()).unwrap();
        (xrp.amount, xrp.available) = (Decimal::ZERO, Decimal::ZERO);
    });
    read(&mut balances, MINUTE).await;
    exchange.assert_balances_match(&balances);
    let current = balances.current().unwrap();
    assert_eq!(current.state().get("XRP").unwrap().amount, Decimal::ZERO);
    assert!(current.state().get("NEW").is_some() && current.state().get("ADA").is_none());
}

fn text_of(pushes: &[Push], stream: PrivateStream) -> String {
    pushes.iter().find(|push| push.stream == stream).unwrap().text.clone()
}

#[tokio::test(start_paused = true)]
async fn fault_30_outdated_updates_never_revert_an_order() {
    let exchange = Exchange::start(Simulator::builder());
    let simulator = &exchange.simulator;
    let id = place(simulator, 2_000_000);
    let mut account = exchange.client().build().unwrap().account();
    read(&mut account, MINUTE).await;

    let mut outdated = Vec::new();
    for _ in 0..3 {
        let pushes = simulator.fill(&id, Decimal::new(1, 3)).unwrap();
        outdated.push(text_of(&pushes, PrivateStream::ActiveOrders));
        sleep(Duration::from_millis(1)).await;
    }
    outdated.pop();
    for text in &outdated {
        simulator.execute(&Command::text(PrivateStream::ActiveOrders, text.as_str())).unwrap();
    }
    read(&mut account, MINUTE).await;
    let known = account.current().open_orders.unwrap().state().get(id.as_str()).unwrap().clone();
    assert_eq!(known.executed_amount, Decimal::new(3, 3));
    exchange.assert_account_matches(&account);

    // Updates that were sent before the order closed do not reopen it.
    let closed = simulator.fill_remaining(&id).unwrap();
    // The history has already reported the close, so no later message would correct the open orders.
    read(&mut account, MINUTE).await;
    for text in &outdated {
        simulator.execute(&Command::text(PrivateStream::ActiveOrders, text.as_str())).unwrap();
    }
    read(&mut account, MINUTE).await;
    exchange.assert_account_matches(&account);
    // An older message of the history does not replace a newer one.
    let mut older = closed.iter().find_map(Push::as_history_orders).unwrap().clone();
    older.data = older
        .data
        .iter()
        .cloned()
        .map(|mut order| {
            order.status = OrderStatus::Cancelled;
            order.updated_timestamp =
                order.updated().map(|time| Timestamp::from_millis(time.as_millis() - 1));
            order
        })
        .collect();
    let text = serde_json::to_string(&older).unwrap();
    simulator.execute(&Command::text(PrivateStream::HistoryOrders, text)).unwrap();
    read(&mut account, MINUTE).await;
    exchange.assert_account_matches(&account);
    let history = account.current().closed_orders.unwrap();
    assert_eq!(history.state().get(id.as_str()).unwrap().status, OrderStatus::Completed);
}
