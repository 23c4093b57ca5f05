//! The frames alone rebuild the truth, under every combination of quirks.

use bitopro_model::{Action, Balance, Decimal, Order, PrivateStream, Timestamp};
use bitopro_sim::{
    ActiveUpdates, Command, Exchange, FinalOrders, HistoryOnConnect, NewOrder, OrderIds, Push, QuirkValue,
    Quirks, Simulator, TradesOnConnect,
};
use fastrand::Rng;

use crate::listener::Listener;

const NOW: i64 = 1_639_553_303_365;

/// Every combination of what changes how things are sent.
fn every_quirk() -> Vec<Quirks> {
    let mut combinations = vec![Quirks::default()];
    for quirk in Quirks::ALL.iter().filter(|quirk| !["datetimes", "event-ids"].contains(&quirk.name)) {
        let set = |mut quirks: Quirks, value: &QuirkValue| {
            quirks.set(quirk.name, value.name).unwrap();
            quirks
        };
        let sets = |quirks: &Quirks| quirk.values.iter().map(|value| set(*quirks, value)).collect::<Vec<_>>();
        combinations = combinations.iter().flat_map(sets).collect();
    }
    assert_eq!(combinations.len(), 64);
    combinations
}

fn built(quirks: Quirks, seed: u64) -> Exchange {
    Simulator::builder().with_seed(seed).with_quirks(quirks).build_exchange().unwrap()
}

/// Something by hand, or a step of the market. What is refused is as good as anything.
fn disturb(exchange: &mut Exchange, now: Timestamp, random: &mut Rng) -> Vec<Push> {
    let open: Vec<String> = exchange.open_orders().map(|order| order.id.to_string()).collect();
    let id = random.choice(open).unwrap_or_else(|| "none".to_owned());
    let amount = Decimal::new(random.i64(1..1_000), 4);
    let done = match random.u8(0..12) {
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
    exchange.closed_orders().cloned().collect()
}

#[test]
fn snapshot_and_updates_rebuild_the_truth_under_every_quirk() {
    for quirks in every_quirk() {
        for seed in 0..2 {
            println!("{quirks}, seed {seed}");
            let mut random = Rng::with_seed(seed);
            let mut exchange = built(quirks, seed);
            // A connection that was there before, and from some moment on another one.
            let mut listener = Listener::default();
            let joins = random.usize(0..40);
            let mut traded_before = 0;
            for step in 0..90 {
                let now = Timestamp::from_millis(NOW + i64::try_from(step).unwrap() * 250);
                if step == joins {
                    begin(&mut exchange, &mut listener, now);
                    traded_before = exchange.trades().count();
                    let last = exchange
                        .trades()
                        .last()
                        .filter(|_| quirks.trades_on_connect == TradesOnConnect::Last);
                    assert!(last.into_iter().eq(&listener.trades));
                    listener.trades.clear();
                    let recent = quirks.history_on_connect == HistoryOnConnect::Recent;
                    // On the wire they are grouped by pair.
                    let expected = if recent { ended(&exchange) } else { vec![] };
                    assert_eq!(by_id(listener.history.clone()), by_id(expected));
                    listener.history = ended(&exchange);
                }
                for push in disturb(&mut exchange, now, &mut random) {
                    if step >= joins {
                        listener.hear(&push.text, quirks.active_updates);
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
    for quirks in every_quirk() {
        let mut exchange = built(quirks, 1);
        let order = exchange.open_orders().find(|order| order.pair == "eth_twd").unwrap().id.to_string();
        let pushes = exchange.execute(now, &Command::Cancel(order.clone())).unwrap();
        let told: Vec<_> = pushes.iter().filter_map(Push::as_active_orders).collect();
        match (quirks.final_orders, quirks.active_updates) {
            (FinalOrders::Shown, _) => assert!(told[0].data.get(order.as_str()).unwrap().is_final()),
            (FinalOrders::Vanish, ActiveUpdates::WholePair) => {
                assert_eq!(told[0].data.by_pair().map(|(_, orders)| orders.len()).collect::<Vec<_>>(), [0]);
            }
            (FinalOrders::Vanish, _) => assert!(told.is_empty()),
            _ => unreachable!("a value that this test does not know"),
        }
        assert_eq!(pushes.iter().filter_map(Push::as_history_orders).count(), 1);
    }
}

#[test]
fn ids_are_numbers_where_they_can_be() {
    let exchange = |ids: OrderIds| built(Quirks::default().with(ids), 0);
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
    let build = |trades: TradesOnConnect| built(Quirks::default().with(trades), 0);
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
