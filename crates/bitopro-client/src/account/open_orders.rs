use bitopro_model::{Order, OrderId, Pair};
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

use super::StateIter;

/// The open orders of an account.
///
/// Within a connection, a later message replaces an earlier one regardless of its times, some of which are
/// truncated to seconds. An order is removed when this stream or the history reports it as closed, or when a
/// snapshot, which lists every open order, does not list it. An order with an unknown status is open as long
/// as this stream lists it, and closed once the history lists it.
///
/// An update that reverses progress (the executed amount decreases, or a closed order is open again) is not
/// applied. The state is then stale until the new snapshot that the client requests. A snapshot overrides
/// everything that was known before its connection was dialled.
///
/// # Examples
///
/// ```
/// use bitopro_client::{Client, Credentials};
///
/// # use bitopro_client::transport::{Frame, memory};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (connector, mut server) = memory::network();
/// # tokio::spawn(async move {
/// #     let mut peer = server.next_dial().await.unwrap().accept();
/// #     let order = r#""action":"SELL","type":"LIMIT","price":"107","status":0,"originalAmount":"1""#;
/// #     let order = format!(r#"{order},"remainingAmount":"1","executedAmount":"0""#);
/// #     let order = format!(r#"{{"id":"8917255503","pair":"sol_usdt",{order}}}"#);
/// #     let text = format!(r#"{{"event":"ACTIVE_ORDERS","timestamp":1,"data":{{"sol_usdt":[{order}]}}}}"#);
/// #     peer.send(Frame::text(text)).await.unwrap();
/// #     std::future::pending::<()>().await;
/// # });
/// # let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let client = Client::builder(credentials).with_connector(connector).build()?;
/// let orders = client.active_orders();
/// orders.ready().await?;
/// let current = orders.current().ok_or("not known yet")?;
/// for order in current.state().of_pair("SOL_USDT") {
///     println!("order {}: {} of {} executed", order.id, order.executed_amount, order.original_amount);
/// }
/// # assert_eq!(current.state().of_pair("SOL_USDT").count(), 1);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenOrders {
    orders: RedBlackTreeMapSync<OrderId, Order>,
    by_pair: RedBlackTreeSetSync<(Pair, OrderId)>,
}

impl OpenOrders {
    /// Returns the order with this id.
    pub fn get(&self, id: &str) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Returns all orders, in order of their ids.
    pub fn iter(&self) -> StateIter<'_, Order> {
        StateIter::new(self.orders.values(), self.len())
    }

    /// Returns the orders of a pair, in order of their ids. The case of the pair is ignored.
    pub fn of_pair(&self, pair: &str) -> impl Iterator<Item = &Order> + use<'_> {
        let pair = Pair::new(pair);
        let from = self.by_pair.range((pair.clone(), OrderId::new(""))..);
        from.take_while(move |(known, _)| *known == pair).filter_map(|(_, id)| self.orders.get(id))
    }

    /// Returns the number of orders.
    pub fn len(&self) -> usize {
        self.orders.size()
    }

    /// Returns whether there are no orders.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Adds or replaces an order.
    pub(super) fn insert(&mut self, order: &Order) {
        if let Some(known) = self.orders.get_mut(&order.id) {
            if known.pair == order.pair {
                return known.clone_from(order);
            }
            self.remove(&order.id);
        }
        self.by_pair.insert_mut((order.pair.clone(), order.id.clone()));
        self.orders.insert_mut(order.id.clone(), order.clone());
    }

    /// Removes and returns the order with this id, if any.
    pub(super) fn remove(&mut self, id: &OrderId) -> Option<Order> {
        let order = self.orders.get(id)?.clone();
        self.by_pair.remove_mut(&(order.pair.clone(), id.clone()));
        self.orders.remove_mut(id);
        Some(order)
    }
}

impl<'a> IntoIterator for &'a OpenOrders {
    type Item = &'a Order;
    type IntoIter = StateIter<'a, Order>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
