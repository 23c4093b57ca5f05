use std::collections::BTreeSet;

use bitopro_client::model::OrderId;
use bitopro_client::rest::{
    Call, CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, ErrorKind, PlaceBatch,
};
use bitopro_client::{Account, Client, Rest, RestErrorKind, Subscription};
use bitopro_sim::{OrderQuery, Simulator};
use fastrand::Rng;

use super::orders::random_order;

/// The kinds of errors with which the simulator may answer a random call.
const REJECTIONS: [ErrorKind; 6] = [
    ErrorKind::InvalidCall,
    ErrorKind::UnknownPair,
    ErrorKind::BelowMinimum,
    ErrorKind::TooManyDecimals,
    ErrorKind::NotEnoughBalance,
    ErrorKind::Rejected,
];

/// An account with its client.
pub(super) struct Trader {
    pub(super) name: &'static str,
    rest: Rest,
    pub(super) streams: Subscription<Account>,
    /// Number of calls so far.
    pub(super) calls: usize,
    /// The orders that replies have acknowledged.
    acknowledged: BTreeSet<OrderId>,
    /// `true` if the response to a call was lost, so that further orders may exist.
    has_lost: bool,
}

impl Trader {
    pub(super) fn new(name: &'static str, client: &Client) -> Self {
        let (rest, streams) = (client.rest().unwrap(), client.account());
        Self { name, rest, streams, calls: 0, acknowledged: BTreeSet::new(), has_lost: false }
    }

    /// Makes a call that succeeds.
    pub(super) async fn read<C: Call + Sync>(&mut self, call: &C) -> C::Reply {
        self.calls += 1;
        self.rest.call(call).await.unwrap()
    }

    /// Makes a call that may be rejected, or whose response may be lost.
    async fn attempt<C: Call + Sync>(&mut self, call: &C) -> Option<C::Reply> {
        self.calls += 1;
        let error = match self.rest.call(call).await {
            Ok(reply) => return Some(reply),
            Err(error) => error,
        };
        match error.kind() {
            RestErrorKind::Call(kind) => assert!(REJECTIONS.contains(&kind), "{error:#}"),
            kind => {
                assert!(kind.is_outcome_unknown(), "{error:#}");
                self.has_lost = true;
            }
        }
        None
    }

    pub(super) async fn make_random_call(
        &mut self,
        simulator: &Simulator,
        pairs: &[&'static str],
        random: &mut Rng,
    ) {
        let pair = *random.choice(pairs).expect("at least one pair");
        match random.u8(..100) {
            ..70 => {
                let order = random_order(simulator, pairs, true, random);
                let placed = self.attempt(&order).await;
                self.acknowledged.extend(placed.map(|order| order.order_id));
            }
            70..76 => {
                let count = random.usize(1..=PlaceBatch::MAX_ORDERS);
                let orders = (0..count).map(|_| random_order(simulator, pairs, false, random));
                let batch = PlaceBatch::new(orders.collect::<Vec<_>>());
                let entries = self.attempt(&batch).await.map(|list| list.items).unwrap_or_default();
                let placed = entries.iter().filter_map(|entry| entry.placed());
                self.acknowledged.extend(placed.map(|order| order.order_id.clone()));
            }
            76..90 => {
                let (pair, id) = self.random_order_id(simulator, pair, random);
                self.attempt(&CancelOrder::new(pair, id)).await;
            }
            90..95 => {
                let (pair, id) = self.random_order_id(simulator, pair, random);
                let (other_pair, other) = self.random_order_id(simulator, &pair, random);
                let call = CancelOrders::new(pair, [id]).with_orders(other_pair, [other]);
                self.attempt(&call).await;
            }
            95..98 => drop(self.attempt(&CancelPairOrders::new(pair)).await),
            _ => drop(self.attempt(&CancelAllOrders::new()).await),
        }
    }

    /// Returns the pair and the id of an open order, or of one that is closed, of another account or unknown.
    fn random_order_id(&self, simulator: &Simulator, pair: &str, random: &mut Rng) -> (String, OrderId) {
        let owner = match random.u8(..8) {
            0 => return (pair.to_owned(), OrderId::new("1234567890")),
            1 => return (pair.to_owned(), random.choice(&self.acknowledged).cloned().unwrap_or("1".into())),
            2 => random.choice(super::ACCOUNTS).expect("an account"),
            _ => self.name,
        };
        simulator.account(owner).unwrap().read(|account| {
            let open: Vec<_> = account.open_orders().collect();
            let order = random.choice(open);
            order.map_or((pair.to_owned(), OrderId::new("1")), |order| {
                (order.pair.as_str().to_owned(), order.id.clone())
            })
        })
    }

    /// Asserts that the simulator has each acknowledged order, and no other unless a response was lost. The market
    /// also places orders of the first account.
    pub(super) fn assert_orders_are_known(&self, simulator: &Simulator) {
        let account = simulator.account(self.name).unwrap();
        let known: BTreeSet<OrderId> = account.read(|account| {
            account.orders(&OrderQuery::default()).into_iter().map(|order| order.id.clone()).collect()
        });
        let missing: Vec<_> = self.acknowledged.difference(&known).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", self.name);
        if !self.has_lost && self.name != super::ACCOUNTS[0] {
            assert_eq!(self.acknowledged, known, "{}", self.name);
        }
    }
}
