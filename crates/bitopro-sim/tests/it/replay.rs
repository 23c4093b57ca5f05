//! The messages alone rebuild the account, under every combination of quirks.

use bitopro_model::{Action, Balance, Decimal, Order, PrivateStream, Timestamp};
use bitopro_sim::{
    ActiveUpdates, Command, Exchange, FinalOrders, HistoryOnConnect, NewOrder, OrderIds, Push, QuirkValue,
    Quirks, Simulator, TradesOnConnect,
};
use fastrand::Rng;

use crate::replica::Replica;

const NOW: i64 = 1_639_553_303_365;

/// Quirks that affect which messages are sent and what they contain.
const COMBINED: [&str; 6] = [
    "balance-updates",
    "active-updates",
    "final-orders",
    "history-on-connect",
    "trades-on-connect",
    "order-ids",
];

/// Returns all combinations of the quirks in [`COMBINED`], with random values of the others.
fn all_quirk_combinations() -> Vec<Quirks> {
    let mut random = Rng::with_seed(1);
    let mut combinations = vec![Quirks::default()];
    for quirk in Quirks::ALL {
        let set_value = |mut quirks: Quirks, value: &QuirkValue| {
            quirks.set(quirk.name, value.name).unwrap();
            quirks
        };
        let is_combined = COMBINED.contains(&quirk.name);
        let variants = |quirks: &Quirks| {
            let drawn = random.choice(quirk.values);
            let values = quirk.values.iter().filter(|value| is_combined || drawn == Some(*value));
            values.map(|value| set_value(*quirks, value)).collect::<Vec<_>>()
        };
        combinations = combinations.iter().flat_map(variants).collect();
    }
    assert_eq!(combinations.len(), 64);
    combinations
}

fn exchange_with(quirks: Quirks, seed: u64) -> Exchange {
    Simulator::builder()
        .with_seed(seed)
        .with_quirks(quirks)
        .build_exchange(Timestamp::from_millis(NOW))
        .unwrap()
}

/// Executes a random command or a market step. The command may fail.
fn change_at_random(exchange: &mut Exchange, now: Timestamp, random: &mut Rng) -> Vec<Push> {
    let open: Vec<String> = exchange.open_orders().map(|order| order.id.to_string()).collect();
    let id = random.choice(open).unwrap_or_else(|| "none".to_owned());
    let amount = Decimal::new(random.i64(1..1_000), 4);
    let result = match random.u8(0..12) {
        0 => exchange.execute(now, &Command::Fill { order: id, amount: Some(amount) }),
        1 => exchange.execute(now, &Command::Fill { order: id, amount: None }),
        2 => exchange.execute(now, &Command::Cancel(id)),
        3 => exchange.execute(now, &Command::Trigger(id)),
        4 => {
            let balance = Balance::new("USDT", Decimal::new(random.i64(0..100_000_000), 4));
            exchange.execute(now, &Command::SetBalance(balance))
        }
        5..8 => {
            let action = if random.bool() { Action::Buy } else { Action::Sell };
            let price = Decimal::new(random.i64(50_000..200_000), 0);
            let pair = *random.choice(&["eth_twd", "bito_twd", "ETH_TWD", "bnb_usdt"]).unwrap();
            exchange.place(now, &NewOrder::limit(pair, action, amount, price)).map(|(_, pushes)| pushes)
        }
        _ => Ok(exchange.tick(now)),
    };
    result.unwrap_or_default()
}

fn connect(exchange: &mut Exchange, replica: &mut Replica, now: Timestamp) {
    for stream in PrivateStream::ALL {
        if let Some(snapshot) = exchange.snapshot(*stream, now) {
            replica.apply_snapshot(&snapshot.text);
        }
    }
}

fn by_id(mut orders: Vec<Order>) -> Vec<Order> {
    orders.sort_by(|a, b| a.id.cmp(&b.id));
    orders
}

fn closed_orders(exchange: &Exchange) -> Vec<Order> {
    exchange.closed_orders().cloned().collect()
}

#[test]
fn snapshot_and_updates_rebuild_the_account_under_every_quirk() {
    for quirks in all_quirk_combinations() {
        for seed in 0..2 {
            println!("{quirks}, seed {seed}");
            let mut random = Rng::with_seed(seed);
            let mut exchange = exchange_with(quirks, seed);
            // The replica connects after a random number of changes.
            let mut replica = Replica::default();
            let connects_at = random.usize(0..40);
            let mut traded_before = 0;
            for step in 0..90 {
                let now = Timestamp::from_millis(NOW + i64::try_from(step).unwrap() * 250);
                if step == connects_at {
                    connect(&mut exchange, &mut replica, now);
                    traded_before = exchange.trades().count();
                    let last = exchange
                        .trades()
                        .last()
                        .filter(|_| quirks.trades_on_connect == TradesOnConnect::Last);
                    assert!(last.into_iter().eq(&replica.trades));
                    replica.trades.clear();
                    let has_history = quirks.history_on_connect == HistoryOnConnect::Recent;
                    // The message groups orders by pair.
                    let expected = if has_history { closed_orders(&exchange) } else { vec![] };
                    assert_eq!(by_id(replica.history.clone()), by_id(expected));
                    replica.history = closed_orders(&exchange);
                }
                for push in change_at_random(&mut exchange, now, &mut random) {
                    if step >= connects_at {
                        replica.apply_update(&push.text, quirks.active_updates);
                    }
                }
                if step >= connects_at {
                    assert_eq!(&replica.balances, exchange.balances());
                    assert!(exchange.open_orders().eq(replica.open.values()), "step {step}");
                    assert!(exchange.trades().skip(traded_before).eq(&replica.trades));
                    let first_recent = replica.history.len().saturating_sub(100);
                    assert_eq!(replica.history[first_recent..], closed_orders(&exchange));
                }
            }
            assert!(!replica.trades.is_empty() && !replica.history.is_empty());
        }
    }
}

#[test]
fn a_closed_order_is_shown_once_more_or_vanishes() {
    let now = Timestamp::from_millis(NOW);
    for quirks in all_quirk_combinations() {
        let mut exchange = exchange_with(quirks, 1);
        let order = exchange.open_orders().find(|order| order.pair == "eth_twd").unwrap().id.to_string();
        let pushes = exchange.execute(now, &Command::Cancel(order.clone())).unwrap();
        let updates: Vec<_> = pushes.iter().filter_map(Push::as_active_orders).collect();
        match (quirks.final_orders, quirks.active_updates) {
            (FinalOrders::Shown, _) => assert!(updates[0].data.get(order.as_str()).unwrap().is_final()),
            (FinalOrders::Vanish, ActiveUpdates::WholePair) => {
                assert_eq!(
                    updates[0].data.by_pair().map(|(_, orders)| orders.len()).collect::<Vec<_>>(),
                    [0]
                );
            }
            (FinalOrders::Vanish, _) => assert!(updates.is_empty()),
            _ => unreachable!("unknown value of a quirk"),
        }
        assert_eq!(pushes.iter().filter_map(Push::as_history_orders).count(), 1);
    }
}

#[test]
fn with_order_ids_numbers_ids_of_digits_are_numbers() {
    let exchange = |ids: OrderIds| exchange_with(Quirks::default().with(ids), 0);
    let snapshot = |mut exchange: Exchange| {
        exchange.snapshot(PrivateStream::ActiveOrders, Timestamp::from_millis(NOW)).unwrap()
    };
    let (texts, numbers) = (snapshot(exchange(OrderIds::Texts)), snapshot(exchange(OrderIds::Numbers)));
    assert!(texts.text.contains(r#""id":"8178405867","#) && texts.text.contains(r#""id":"SL-"#));
    assert!(numbers.text.contains(r#""id":8178405867,"#) && numbers.text.contains(r#""id":"SL-"#));
    assert_eq!(texts.message, numbers.message);
    let updates = exchange(OrderIds::Numbers).tick(Timestamp::from_millis(NOW));
    let id = format!(r#""orderID":{},"#, updates[0].as_trade().unwrap().order_id);
    assert!(updates[0].text.contains(&id), "{updates:?}");
}

#[test]
fn the_last_trade_is_repeated_in_a_message_with_a_new_id_and_time() {
    let build = |trades: TradesOnConnect| {
        // Unlike the demo account, this one has not traded yet.
        let balances = [Balance::new("BTC", Decimal::ONE), Balance::new("TWD", Decimal::from(1_000_000))];
        let builder =
            Simulator::builder().with_balances(balances).with_quirks(Quirks::default().with(trades));
        builder.build_exchange(Timestamp::from_millis(NOW)).unwrap()
    };
    let (traded, connected) = (Timestamp::from_millis(NOW), Timestamp::from_millis(NOW + 5_000));
    let snapshot = |exchange: &mut Exchange| exchange.snapshot(PrivateStream::UserTrades, connected);
    let mut exchange = build(TradesOnConnect::Last);
    assert_eq!(snapshot(&mut exchange), None, "there is a trade already");
    let pushes = exchange.tick(traded);
    let sent = pushes.iter().rfind(|push| push.as_trade().is_some()).unwrap();
    let repeated = snapshot(&mut exchange).unwrap();
    assert_eq!(repeated.as_trade(), sent.as_trade());
    assert_ne!(repeated.event_id(), sent.event_id());
    assert!(repeated.text.contains(&format!("\"timestamp\":{}", connected.as_millis())), "{}", repeated.text);
    let mut exchange = build(TradesOnConnect::Nothing);
    exchange.tick(traded);
    assert_eq!(snapshot(&mut exchange), None);
}
