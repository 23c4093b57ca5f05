use bitopro_client::model::OrderStatus;
use bitopro_sim::{HistoryOnConnect, Quirks, Simulator};

use super::{MINUTE, SECOND, Trader};

/// After a reconnect, such a history does not list what has closed before.
#[tokio::test(start_paused = true)]
async fn fault_70_an_order_that_ended_unseen_is_asked_for() {
    let quirks = Quirks::default().with(HistoryOnConnect::Empty);
    let mut trader = Trader::new(Simulator::builder().with_quirks(quirks)).await;
    let [filled, cancelled, open] = [1, 2, 3].map(|amount| trader.buy(amount));
    trader.read(SECOND).await;
    trader.disconnect(None);
    trader.fill(&filled, 1);
    trader.simulator.cancel(&cancelled).unwrap();
    let mut recovery = trader.read(MINUTE).await;
    recovery.orders.sort();
    let mut expected = [filled.clone(), cancelled.clone()];
    expected.sort();
    assert_eq!(recovery.orders, expected);
    assert!(recovery.statements.last().unwrap().is_complete(), "{:#?}", recovery.statements);
    let current = trader.account.current();
    let closed = current.closed_orders.unwrap();
    assert_eq!(closed.state().get(filled.as_str()).unwrap().status, OrderStatus::Completed);
    assert_eq!(closed.state().get(cancelled.as_str()).unwrap().status, OrderStatus::Cancelled);
    assert!(current.open_orders.unwrap().state().get(open.as_str()).is_some());
    // Nothing is asked for again.
    let recovery = trader.read(MINUTE).await;
    assert_eq!((recovery.orders, recovery.statements), (vec![], vec![]));
}
