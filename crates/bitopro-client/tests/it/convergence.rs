//! A whole account against a simulated one that trades: whatever happens to the connections, afterwards the
//! account is the simulator's, and so is what the items add up to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bitopro_client::model::{Balance, Currency, Order, OrderId, PrivateStream, Timestamp};
use bitopro_client::transport::Refusal;
use bitopro_client::{AccountItem, AccountSubscription, Client, Item, OrderUpdates, WallClock};
use bitopro_sim::{
    ActiveUpdates, BalanceUpdates, Clock, FinalOrders, HistoryOnConnect, OrderIds, Simulator,
    SimulatorBuilder,
};
use futures_util::StreamExt;
use http::StatusCode;
use tokio::time::{sleep, timeout};

/// What the items of an account add up to, replayed from the last snapshot of each stream.
#[derive(Default)]
struct Replay {
    balances: BTreeMap<Currency, Balance>,
    orders: BTreeMap<OrderId, Order>,
    ended: BTreeSet<OrderId>,
    /// The ids of the events that were delivered.
    events: BTreeSet<String>,
    /// How many gaps each stream told.
    gaps: BTreeMap<PrivateStream, usize>,
    updates: OrderUpdates,
}

impl Replay {
    fn apply(&mut self, item: &AccountItem) {
        match item {
            AccountItem::Balances(Item::Gap(_))
            | AccountItem::ActiveOrders(Item::Gap(_))
            | AccountItem::HistoryOrders(Item::Gap(_))
            | AccountItem::UserTrades(Item::Gap(_)) => *self.gaps.entry(item.stream()).or_default() += 1,
            AccountItem::Balances(Item::Snapshot(event) | Item::Update(event)) => {
                self.events.extend(event.event_id.clone());
                if matches!(item, AccountItem::Balances(Item::Snapshot(_))) {
                    self.balances.clear();
                }
                self.balances
                    .extend(event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())));
            }
            AccountItem::ActiveOrders(Item::Snapshot(event) | Item::Update(event)) => {
                self.events.extend(event.event_id.clone());
                if matches!(item, AccountItem::ActiveOrders(Item::Snapshot(_))) {
                    self.orders.clear();
                } else if self.updates == OrderUpdates::WholePair {
                    for (pair, _) in event.data.by_pair() {
                        self.orders.retain(|_, order| order.pair != *pair);
                    }
                }
                event.data.iter().for_each(|order| self.order(order));
            }
            AccountItem::HistoryOrders(Item::Snapshot(event) | Item::Update(event)) => {
                self.events.extend(event.event_id.clone());
                event.data.iter().for_each(|order| self.order(order));
            }
            AccountItem::UserTrades(Item::Update(event)) => self.events.extend(event.event_id.clone()),
            _ => {}
        }
    }

    fn order(&mut self, order: &Order) {
        if order.is_final() {
            self.orders.remove(&order.id);
            self.ended.insert(order.id.clone());
        } else if !self.ended.contains(&order.id) {
            self.orders.insert(order.id.clone(), order.clone());
        }
    }
}

/// A simulator and an account that follows it, in memory, on one paused clock.
struct Pair {
    simulator: Simulator,
    account: AccountSubscription,
    replay: Replay,
}

impl Pair {
    fn new(builder: SimulatorBuilder, updates: OrderUpdates, seed: u64) -> Self {
        let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
        let wall = clock.clone();
        let simulator = builder.with_seed(seed).with_clock(clock).start_in_memory().unwrap();
        let client = Client::builder(simulator.credentials().to_credentials().unwrap())
            .with_endpoint(simulator.ws_url().as_str())
            .with_connector(simulator.connector())
            .with_wall_clock(WallClock::new(move || wall.now().to_system_time().unwrap()))
            .with_order_updates(updates)
            .with_seed(seed);
        let account = client.build().unwrap().account();
        Self { simulator, account, replay: Replay { updates, ..Replay::default() } }
    }

    /// Reads until nothing comes for so long.
    async fn read(&mut self, quiet: Duration) {
        while let Ok(Some(item)) = timeout(quiet, self.account.next()).await {
            self.replay.apply(&item);
        }
    }

    fn disturb(&self, random: &mut fastrand::Rng) {
        match random.u8(0..24) {
            0 => self.simulator.disconnect_all(),
            1 => self.simulator.close_all(1001, "restart"),
            2 => {
                self.simulator.refuse_next(random.usize(1..4), Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
            }
            number @ 3..=6 => {
                if let Some(stream) = PrivateStream::ALL.get(usize::from(number) - 3) {
                    self.simulator.disconnect(*stream);
                }
            }
            _ => {
                self.simulator.tick();
            }
        }
    }

    /// What says that it is true now, is.
    fn assert_honest(&self, what: &str) {
        let current = self.account.current();
        if let Some(balances) = current.balances.filter(|balances| !balances.is_stale()) {
            let known: Vec<_> = balances.iter().cloned().collect();
            let truth: Vec<_> = self.simulator.balances().into_values().collect();
            assert_eq!(known, truth, "{what}: balances that are not stale");
        }
        if let Some(orders) = current.open_orders.filter(|orders| !orders.is_stale()) {
            let known: BTreeMap<_, _> =
                orders.iter().map(|order| (order.id.clone(), order.clone())).collect();
            let truth =
                self.simulator.open_orders().into_iter().map(|order| (order.id.clone(), order)).collect();
            assert_eq!(known, truth, "{what}: open orders that are not stale");
        }
    }

    async fn day(&mut self, random: &mut fastrand::Rng, what: &str) {
        for _ in 0..random.usize(1..120) {
            self.disturb(random);
            // What was sent has arrived by then.
            sleep(Duration::from_millis(20)).await;
            self.assert_honest(what);
            let pause = Duration::from_millis(random.u64(0..3_000));
            if random.bool() {
                self.read(pause).await;
            } else {
                sleep(pause).await;
            }
        }
        // Refusals may still be in store, and each costs a dial, of which there are four a minute by now.
        sleep(Duration::from_secs(900)).await;
        self.read(Duration::from_secs(1)).await;
    }

    fn assert_agrees(&self, what: &str) {
        let current = self.account.current();
        assert!(current.is_fresh(), "{what}: {current:?}");
        let balances: BTreeMap<_, _> = current
            .balances
            .unwrap()
            .iter()
            .map(|balance| (balance.currency.clone(), balance.clone()))
            .collect();
        assert_eq!(balances, self.simulator.balances(), "{what}");
        let known: BTreeMap<_, _> =
            current.open_orders.unwrap().iter().map(|order| (order.id.clone(), order.clone())).collect();
        let open: BTreeMap<_, _> =
            self.simulator.open_orders().into_iter().map(|order| (order.id.clone(), order)).collect();
        assert_eq!(known, open, "{what}");
        assert_eq!((&self.replay.balances, &self.replay.orders), (&balances, &open), "{what}: replayed");
    }

    /// How many events of a stream were sent, since the first that was delivered, and are not in the items.
    fn missing(&self, stream: PrivateStream) -> usize {
        let delivered = |id: &String| self.replay.events.contains(id);
        let sent = self.simulator.sent().into_iter().filter(|sent| sent.stream == stream);
        sent.filter_map(|sent| sent.event_id)
            .skip_while(|id| !delivered(id))
            .filter(|id| !delivered(id))
            .count()
    }

    /// Counts what was sent against what was delivered: whatever is missing, a gap says so.
    fn assert_complete(&self, what: &str) {
        for stream in PrivateStream::ALL {
            let (missing, gaps) = (self.missing(*stream), self.replay.gaps.get(stream));
            assert!(
                missing == 0 || gaps.is_some(),
                "{what}: {missing} events of {stream} are missing without a gap"
            );
        }
    }
}

/// Every setting of the simulator that changes what is sent, with the client's policy that belongs to it.
fn settings() -> Vec<(SimulatorBuilder, OrderUpdates, String)> {
    let mut settings = Vec::new();
    for balances in [BalanceUpdates::Changed, BalanceUpdates::All] {
        for (active, updates) in [
            (ActiveUpdates::Changed, OrderUpdates::Changed),
            (ActiveUpdates::WholePair, OrderUpdates::WholePair),
        ] {
            for ends in [FinalOrders::Shown, FinalOrders::Vanish] {
                for history in [HistoryOnConnect::Recent, HistoryOnConnect::Empty] {
                    for ids in [OrderIds::Texts, OrderIds::Numbers] {
                        let builder = Simulator::builder()
                            .with_balance_updates(balances)
                            .with_active_updates(active)
                            .with_final_orders(ends)
                            .with_history_on_connect(history)
                            .with_order_ids(ids);
                        settings.push((
                            builder,
                            updates,
                            format!("{balances:?} {active:?} {ends:?} {history:?} {ids:?}"),
                        ));
                    }
                }
            }
        }
    }
    settings
}

/// How many days are played under each setting; more on request.
fn rounds() -> u64 {
    std::env::var("BITOPRO_ROUNDS").map_or(4, |rounds| rounds.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn under_every_setting_the_account_becomes_the_simulator_s() {
    for (number, (builder, updates, name)) in settings().into_iter().enumerate() {
        for round in 0..rounds() {
            let seed = u64::try_from(number).unwrap() * 1_000_000 + round;
            let what = format!("seed {seed}, {name}");
            let mut random = fastrand::Rng::with_seed(seed);
            let mut pair = Pair::new(builder.clone(), updates, seed);
            pair.day(&mut random, &what).await;
            pair.assert_agrees(&what);
            pair.assert_complete(&what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_disconnect_no_event_is_missing_and_no_gap_is_told() {
    let mut pair = Pair::new(Simulator::builder(), OrderUpdates::Changed, 1);
    pair.read(Duration::from_secs(10)).await;
    for _ in 0..500 {
        pair.simulator.tick();
        pair.read(Duration::from_millis(10)).await;
    }
    for stream in PrivateStream::ALL {
        assert_eq!((pair.missing(*stream), pair.replay.gaps.get(stream)), (0, None), "{stream}");
    }
    let sent = pair.simulator.sent();
    assert!(sent.iter().filter(|sent| sent.stream == PrivateStream::UserTrades).count() > 50);
    pair.assert_agrees("a quiet day");
}
