//! The path of a message from the connection to the subscriber, for an instruction counter.

use bitopro_client::transport::{Frame, memory};
use bitopro_client::{Client, Subscription, Topic};
use tokio::runtime::Builder;

use crate::feed::builder;
use crate::harness::Table;
use crate::messages;

/// Number of messages of a run.
const MESSAGES: usize = 100;

/// Counts [`MESSAGES`] updates of each kind.
pub(crate) fn count(table: &Table) {
    let order = |id| {
        messages::open_orders(id, &[("usdt_twd".to_owned(), vec![messages::order(1, "usdt_twd", 0, id)])])
    };
    count_stream(table, "client/balance", Client::balances, |id| {
        messages::balances(id, if id == 0 { 150 } else { 1 })
    });
    count_stream(table, "client/order", Client::active_orders, order);
    count_stream(table, "client/trade", Client::user_trades, |id| messages::trade(id, id));
}

fn count_stream<T: Topic>(
    table: &Table,
    name: &str,
    subscribe: impl FnOnce(&Client) -> Subscription<T>,
    message: impl Fn(u64) -> String,
) {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let (connector, mut server) = memory::network();
    let client = builder().with_connector(connector).with_seed(1).build().expect("a client");
    let _guard = runtime.enter();
    let mut items = subscribe(&client);
    let mut peer = runtime.block_on(async {
        let mut peer = server.next_dial().await.expect("a dial").accept();
        peer.send(Frame::text(message(0))).await.expect("a connection");
        items.next().await;
        items.next().await;
        peer
    });
    let mut frames =
        (1..).take(2 * MESSAGES).map(|id| Frame::text(message(id))).collect::<Vec<_>>().into_iter();
    table.count(name, || {
        runtime.block_on(async {
            for frame in frames.by_ref().take(MESSAGES) {
                peer.send(frame).await.expect("a connection");
                items.next().await;
            }
        });
    });
}
