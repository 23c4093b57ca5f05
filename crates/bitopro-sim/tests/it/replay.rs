//! The frames alone rebuild the truth, under every combination of switches.

use bitopro_model::{Action, Balance, Decimal, Order, OrderId, PrivateStream, Timestamp};
use bitopro_sim::{
    ActiveUpdates, BalanceUpdates, Exchange, FinalOrders, HistoryOnConnect, NewOrder, OrderIds, Push,
    Simulator, SimulatorBuilder, TradesOnConnect,
};
use fastrand::Rng;

use crate::listener::Listener;

const NOW: i64 = 1_639_553_303_365;

struct Switches {
    balances: BalanceUpdates,
    active: ActiveUpdates,
    ended: FinalOrders,
    history: HistoryOnConnect,
    trades: TradesOnConnect,
    ids: OrderIds,
}

fn all_switches() -> impl Iterator<Item = Switches> {
    (0..64_u8).map(|bits| {
        let is_set = |bit: u8| bits & (1 << bit) != 0;
        Switches {
            balances: if is_set(0) { BalanceUpdates::All } else { BalanceUpdates::Changed },
            active: if is_set(1) { ActiveUpdates::WholePair } else { ActiveUpdates::Changed },
            ended: if is_set(2) { FinalOrders::Vanish } else { FinalOrders::Shown },
            history: if is_set(3) { HistoryOnConnect::Empty } else { HistoryOnConnect::Recent },
            trades: if is_set(5) { TradesOnConnect::Last } else { TradesOnConnect::Nothing },
            ids: if is_set(4) { OrderIds::Numbers } else { OrderIds::Texts },
        }
    })
}

impl Switches {
    fn builder(&self, seed: u64) -> SimulatorBuilder {
        Simulator::builder()
            .with_seed(seed)
            .with_balance_updates(self.balances)
            .with_active_updates(self.active)
            .with_final_orders(self.ended)
            .with_history_on_connect(self.history)
            .with_trades_on_connect(self.trades)
            .with_order_ids(self.ids)
    }
}

/// Something by hand, or a step of the market. What is refused is as good as anything.
fn disturb(exchange: &mut Exchange, now: Timestamp, random: &mut Rng) -> Vec<Push> {
    let open: Vec<OrderId> = exchange.open_orders().map(|order| order.id.clone()).collect();
    let id = random.choice(open).unwrap_or_else(|| OrderId::new("none"));
    let amount = Decimal::new(random.i64(1..1_000), 4);
    let done = match random.u8(0..12) {
        0 => exchange.fill(now, &id, Some(amount)),
        1 => exchange.fill(now, &id, None),
        2 => exchange.cancel(now, &id),
        3 => exchange.trigger(now, &id),
        4 => Ok(exchange.update_balances(now, |books| {
            books.insert("USDT".into(), Balance::new("USDT", Decimal::new(random.i64(0..100_000_000), 4)));
        })),
        5..8 => {
            let action = if random.bool() { Action::Buy } else { Action::Sell };
            let price = Decimal::new(random.i64(50_000..200_000), 0);
            let pair = *random.choice(&["eth_twd", "ada_twd", "ETH_TWD", "bnb_usdt"]).unwrap();
            exchange.place(now, &NewOrder::limit(pair, action, amount, price)).map(|(_, pushes)| pushes)
        }
        _ => Ok(exchange.tick(now)),
    };
    done.unwrap_or_default()
}

fn begin(exchange: &mut Exchange, listener: &mut Listener, now: Timestamp) {
    for stream in PrivateStream::ALL {
        if let Some(snapshot) = exchange.snapshot(*stream, now) {
            listener.begin(&snapshot.text);
        }
    }
}

fn by_id(mut orders: Vec<Order>) -> Vec<Order> {
    orders.sort_by(|a, b| a.id.cmp(&b.id));
    orders
}

fn ended(exchange: &Exchange) -> Vec<Order> {
    exchange.history().cloned().collect()
}

#[test]
fn snapshot_and_updates_rebuild_the_truth_under_every_switch() {
    for (number, switches) in all_switches().enumerate() {
        for seed in 0..2 {
            println!("switches {number}, seed {seed}");
            let mut random = Rng::with_seed(seed);
            let mut exchange = switches.builder(seed).build_exchange().unwrap();
            // Somebody who was there before, and from some moment on somebody else.
            let mut listener = Listener::default();
            let joins = random.usize(0..40);
            let mut traded_before = 0;
            for step in 0..90 {
                let now = Timestamp::from_millis(NOW + i64::try_from(step).unwrap() * 250);
                if step == joins {
                    begin(&mut exchange, &mut listener, now);
                    traded_before = exchange.trades().count();
                    let last = exchange.trades().last().filter(|_| switches.trades == TradesOnConnect::Last);
                    assert!(last.into_iter().eq(&listener.trades));
                    listener.trades.clear();
                    let recent = switches.history == HistoryOnConnect::Recent;
                    // On the wire they stand by pair.
                    let expected = if recent { ended(&exchange) } else { vec![] };
                    assert_eq!(by_id(listener.history.clone()), by_id(expected));
                    listener.history = ended(&exchange);
                }
                for push in disturb(&mut exchange, now, &mut random) {
                    if step >= joins {
                        listener.hear(&push.text, switches.active);
                    }
                }
                if step >= joins {
                    assert_eq!(&listener.balances, exchange.balances());
                    assert!(exchange.open_orders().eq(listener.open.values()), "step {step}");
                    assert!(exchange.trades().skip(traded_before).eq(&listener.trades));
                    let late = listener.history.len().saturating_sub(100);
                    assert_eq!(listener.history[late..], ended(&exchange));
                }
            }
            assert!(!listener.trades.is_empty() && !listener.history.is_empty());
        }
    }
}

#[test]
fn an_order_that_ends_is_shown_once_more_or_vanishes() {
    let now = Timestamp::from_millis(NOW);
    for switches in all_switches() {
        let mut exchange = switches.builder(1).build_exchange().unwrap();
        let order = exchange.open_orders().find(|order| order.pair == "eth_twd").unwrap().id.clone();
        let pushes = exchange.cancel(now, &order).unwrap();
        let told: Vec<_> = pushes.iter().filter_map(Push::as_active_orders).collect();
        match (switches.ended, switches.active) {
            (FinalOrders::Shown, _) => assert!(told[0].data.get(order.as_str()).unwrap().is_final()),
            (FinalOrders::Vanish, ActiveUpdates::WholePair) => {
                assert_eq!(told[0].data.by_pair().map(|(_, orders)| orders.len()).collect::<Vec<_>>(), [0]);
            }
            (FinalOrders::Vanish, _) => assert!(told.is_empty()),
            _ => unreachable!("a switch that this test does not know"),
        }
        assert_eq!(pushes.iter().filter_map(Push::as_history_orders).count(), 1);
    }
}

#[test]
fn ids_are_numbers_where_they_can_be() {
    let exchange = |ids| Simulator::builder().with_order_ids(ids).build_exchange().unwrap();
    let first = |mut exchange: Exchange| {
        exchange.snapshot(PrivateStream::ActiveOrders, Timestamp::from_millis(NOW)).unwrap()
    };
    let (texts, numbers) = (first(exchange(OrderIds::Texts)), first(exchange(OrderIds::Numbers)));
    assert!(texts.text.contains(r#""id":"8917255503","#) && texts.text.contains(r#""id":"SL-"#));
    assert!(numbers.text.contains(r#""id":8917255503,"#) && numbers.text.contains(r#""id":"SL-"#));
    assert_eq!(texts.message, numbers.message);
    let traded = exchange(OrderIds::Numbers).tick(Timestamp::from_millis(NOW));
    assert!(traded[0].as_trade().is_some() && traded[0].text.contains(r#""orderID":89"#), "{traded:?}");
}

#[test]
fn the_last_trade_comes_once_more_as_an_event_of_its_own() {
    let build = |trades| Simulator::builder().with_trades_on_connect(trades).build_exchange().unwrap();
    let (traded, connected) = (Timestamp::from_millis(NOW), Timestamp::from_millis(NOW + 5_000));
    let first = |exchange: &mut Exchange| exchange.snapshot(PrivateStream::UserTrades, connected);
    let mut exchange = build(TradesOnConnect::Last);
    assert_eq!(first(&mut exchange), None, "nothing was traded yet");
    let pushes = exchange.tick(traded);
    let sent = pushes.iter().rfind(|push| push.as_trade().is_some()).unwrap();
    let again = first(&mut exchange).unwrap();
    assert_eq!(again.as_trade(), sent.as_trade());
    assert_ne!(again.event_id(), sent.event_id());
    assert!(again.text.contains(&format!("\"timestamp\":{}", connected.as_millis())), "{}", again.text);
    let mut exchange = build(TradesOnConnect::Nothing);
    exchange.tick(traded);
    assert_eq!(first(&mut exchange), None);
}
