use std::collections::BTreeMap;

use bitopro_client::model::{Balance, Decimal, Order, OrderId, Pair, Timestamp, Trade};
use bitopro_client::rest::{
    Completeness, GetBalances, GetOpenOrders, GetOrder, GetOrderHistory, GetOwnTrades, OwnTrade, PagedCall,
    Pager,
};
use bitopro_sim::{OpenOrderTimes, OrderQuery, OrderSelection, Quirks, Simulator, TradeQuery};

use super::orders::ALL_PAIRS;
use super::trader::Trader;

/// The amount, what is available, the stake, and whether the balance is tradable.
type Values = (Decimal, Decimal, Option<Decimal>, Option<bool>);

/// An account as REST lists it.
pub(super) struct Listed {
    pub(super) balances: Vec<Balance>,
    open_orders: Vec<Order>,
    pub(super) orders: Vec<Order>,
    pub(super) trades: Vec<(Pair, OwnTrade)>,
}

impl Listed {
    pub(super) async fn read(trader: &mut Trader, start: Timestamp, end: Timestamp, page_size: u32) -> Self {
        let balances = trader.read(&GetBalances::new()).await.items;
        let open_orders = trader.read(&GetOpenOrders::new()).await.items;
        let (mut orders, mut trades) = (Vec::new(), Vec::new());
        for pair in ALL_PAIRS {
            let pager = Pager::new(GetOrderHistory::new(pair), start, end).with_page_size(page_size);
            orders.extend(read_pages(trader, pager).await);
            let pager = Pager::new(GetOwnTrades::new(pair), start, end).with_page_size(page_size);
            let of_pair = read_pages(trader, pager).await;
            trades.extend(of_pair.into_iter().map(|trade| (Pair::new(pair), trade)));
        }
        if let Some(order) = orders.last() {
            let single = trader.read(&GetOrder::new(order.pair.clone(), order.id.clone())).await;
            assert_eq!(comparable(&single, true), comparable(order, true), "a single order");
        }
        Self { balances, open_orders, orders, trades }
    }

    /// Asserts that the streams, these records and the simulator's own are equal.
    pub(super) fn assert_matches(&self, trader: &Trader, simulator: &Simulator, quirks: Quirks) {
        let current = trader.streams.current();
        assert!(current.is_fresh(), "{}: {current:?}", trader.name);
        simulator.account(trader.name).unwrap().read(|account| {
            let held: Vec<&Balance> = account.balances().values().collect();
            assert_eq!(current.balances.unwrap().state().iter().collect::<Vec<_>>(), held, "streams");
            assert_eq!(values(self.balances.iter()), values(held.into_iter()), "REST");

            let open: Vec<&Order> = account.open_orders().collect();
            assert_eq!(current.open_orders.unwrap().state().iter().collect::<Vec<_>>(), open, "streams");
            let exact = quirks.open_order_times == OpenOrderTimes::Milliseconds;
            assert_eq!(by_id(&self.open_orders, exact), by_id(open, exact), "REST");

            let closed = OrderQuery { selection: OrderSelection::Closed, ..OrderQuery::default() };
            let closed = account.orders(&closed);
            let known = current.closed_orders.unwrap();
            assert_eq!(by_id(known.state(), true), by_id(closed, true), "streams");
            let all = account.orders(&OrderQuery::default());
            assert_eq!(self.orders.len(), all.len(), "each order once");
            assert_eq!(by_id(&self.orders, true), by_id(all, true), "REST");

            let known = current.trades.unwrap();
            let known: Vec<&Trade> = known.state().iter().map(|event| &event.data).collect();
            assert_eq!(known, account.trades().collect::<Vec<_>>(), "streams");
            let made = account.trade_records(&TradeQuery::default()).into_iter().map(|record| {
                let key = (record.id.clone(), record.trade.order_id.clone());
                (key, (Some(record.quote_amount), Some(record.created), in_rest(&record.trade)))
            });
            let made: BTreeMap<_, _> = made.collect();
            let listed = self.trades.iter().map(|(pair, trade)| {
                let key = (trade.trade_id.as_str().to_owned(), trade.order_id.clone());
                (key, (trade.quote_amount, trade.created(), trade.to_trade(pair).unwrap()))
            });
            assert_eq!(self.trades.len(), made.len(), "each trade once");
            assert_eq!(listed.collect::<BTreeMap<_, _>>(), made, "REST");
        });
    }
}

async fn read_pages<C: PagedCall + Sync>(trader: &mut Trader, mut pager: Pager<C>) -> Vec<C::Item> {
    while let Some(call) = pager.next_call() {
        pager.handle_page(trader.read(&call).await);
    }
    let pages = pager.finish();
    assert_eq!(pages.completeness, Completeness::Complete);
    pages.items
}

/// Returns the values of balances, by their currency in upper case.
fn values<'a>(balances: impl Iterator<Item = &'a Balance>) -> BTreeMap<String, Values> {
    let value = |balance: &Balance| {
        let key = balance.currency.as_str().to_ascii_uppercase();
        (key, (balance.amount, balance.available, balance.stake, balance.tradable))
    };
    balances.map(value).collect()
}

fn by_id<'a>(orders: impl IntoIterator<Item = &'a Order>, exact: bool) -> BTreeMap<OrderId, Order> {
    orders.into_iter().map(|order| (order.id.clone(), comparable(order, exact))).collect()
}

/// Returns an order without the differences between the streams and the lists of REST: the deprecated time, and
/// unless `exact`, the precision of the other times.
fn comparable(order: &Order, exact: bool) -> Order {
    let mut comparable = order.clone();
    let rounded = |time: Timestamp| {
        if exact { time } else { Timestamp::from_millis(time.as_millis().div_euclid(1_000) * 1_000) }
    };
    comparable.timestamp = None;
    comparable.created_timestamp = order.created().map(rounded);
    comparable.updated_timestamp = order.updated().map(rounded);
    comparable
}

/// Returns a trade without what REST does not know of it.
fn in_rest(trade: &Trade) -> Trade {
    let mut trade = trade.clone();
    (trade.event_timestamp, trade.order_type, trade.match_id, trade.is_market) = (None, None, None, None);
    trade
}
