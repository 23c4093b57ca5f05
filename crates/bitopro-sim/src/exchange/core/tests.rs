use bitopro_model::{AccountBalance, Balance, Decimal, EventId, Message, PrivateStream, Timestamp};

use crate::{
    BalanceUpdates, CommandError, Datetimes, EventIds, Exchange, Holdings, Push, QuirkType, Quirks,
    Simulator, SimulatorBuilder,
};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

fn exchange() -> Exchange {
    build(Simulator::builder())
}

fn build(builder: SimulatorBuilder) -> Exchange {
    builder.build_exchange(NOW).unwrap()
}

/// Returns the first message of a connection to the balances.
fn balance_snapshot(exchange: &mut Exchange) -> AccountBalance {
    exchange.snapshot(PrivateStream::AccountBalance, NOW).unwrap().as_balances().unwrap().clone()
}

fn balance_update(exchange: &mut Exchange, change: impl FnOnce(&mut Holdings)) -> Option<AccountBalance> {
    exchange.update_balances(NOW, change).iter().find_map(Push::as_balances).cloned()
}

#[test]
fn a_snapshot_holds_all_balances_and_an_update_the_changed_ones() {
    let mut exchange = exchange();
    let snapshot = balance_snapshot(&mut exchange);
    assert_eq!(snapshot.data.len(), 12);
    assert!(snapshot.data.iter().is_sorted_by_key(|balance| balance.currency.as_str()));
    assert_eq!(snapshot.data.get("ADA").unwrap().amount.to_string(), "3204.118");

    let update = balance_update(&mut exchange, |holdings| {
        holdings.insert("BTC".into(), Balance::new("BTC", Decimal::new(110, 2)));
        holdings.insert("NEW".into(), Balance::new("NEW", Decimal::ONE));
        let same = holdings[&"ADA".into()].clone();
        holdings.insert("ADA".into(), same);
    });
    let update = update.unwrap();
    let changed: Vec<_> = update.data.iter().map(|b| (b.currency.as_str(), b.amount.to_string())).collect();
    assert_eq!(changed, [("BTC", "1.10".to_owned()), ("NEW", "1".to_owned())]);
    assert_ne!(update.event_id, snapshot.event_id);
    assert_eq!(balance_snapshot(&mut exchange).data.len(), 13);
}

#[test]
fn an_unchanged_account_sends_no_update() {
    let mut exchange = exchange();
    assert_eq!(balance_update(&mut exchange, |_| {}), None);
    // A removed currency has no balance to send.
    assert_eq!(balance_update(&mut exchange, |holdings| drop(holdings.remove(&"BTC".into()))), None);
    assert_eq!(balance_snapshot(&mut exchange).data.get("BTC"), None);
}

#[test]
fn a_balance_belongs_to_its_own_currency_regardless_of_its_key() {
    let mut exchange = exchange();
    let update = balance_update(&mut exchange, |holdings| {
        holdings.insert("BTC".into(), Balance::new("WBTC", Decimal::ONE));
    });
    assert_eq!(update.unwrap().data.get("WBTC").unwrap().amount, Decimal::ONE);
    assert!(!exchange.balances().contains_key(&"BTC".into()));
}

fn with_quirk(value: impl QuirkType) -> SimulatorBuilder {
    Simulator::builder().with_quirks(Quirks::default().with(value))
}

#[test]
fn each_quirk_changes_only_its_own_part_of_an_update() {
    let update_of = |builder: SimulatorBuilder| {
        let pushes = build(builder.with_seed(3)).tick(NOW);
        pushes.iter().find_map(Push::as_balances).unwrap().clone()
    };
    let plain = update_of(Simulator::builder());
    assert_eq!(plain.data.len(), 2);
    assert_eq!(plain.datetime, Some("2021-12-15T07:28:23.365Z".into()));
    assert!(plain.event_id.is_some());

    let mut all = update_of(with_quirk(BalanceUpdates::All));
    assert_eq!(all.data.len(), 12);
    all.data = all.data.into_iter().filter(|b| plain.data.get(b.currency.as_str()).is_some()).collect();
    assert_eq!(all, plain);

    let mut ahead = update_of(with_quirk(Datetimes::TaiwanMarkedUtc));
    assert_eq!(ahead.datetime, Some("2021-12-15T15:28:23.365Z".into()));
    ahead.datetime.clone_from(&plain.datetime);
    assert_eq!(ahead, plain);

    let mut without_id = update_of(with_quirk(EventIds::Absent));
    assert_eq!(without_id.event_id, None);
    without_id.event_id.clone_from(&plain.event_id);
    assert_eq!(without_id, plain);
}

#[test]
fn event_ids_are_random_uuids() {
    let mut exchange = exchange();
    let ids: std::collections::BTreeSet<EventId> =
        (0..100).map(|_| balance_snapshot(&mut exchange).event_id.unwrap()).collect();
    assert_eq!(ids.len(), 100);
    // Each stream has its own ids.
    let others = [PrivateStream::ActiveOrders, PrivateStream::HistoryOrders];
    let others: Vec<Push> = others.iter().filter_map(|stream| exchange.snapshot(*stream, NOW)).collect();
    assert_ne!(others[0].event_id(), others[1].event_id());
    assert!(others.iter().all(|push| !ids.contains(push.event_id().unwrap())));
    for id in ids {
        let parts: Vec<&str> = id.as_str().split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
        assert!(
            id.as_str().chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)),
            "{id}"
        );
    }
}

/// Returns the messages of all streams in 200 steps.
fn texts(seed: u64) -> Vec<String> {
    let mut exchange = build(Simulator::builder().with_seed(seed));
    let snapshots = PrivateStream::ALL.iter().filter_map(|stream| exchange.snapshot(*stream, NOW));
    let mut pushes: Vec<Push> = snapshots.collect();
    for second in 1..200 {
        pushes.extend(exchange.tick(Timestamp::from_millis(NOW.as_millis() + second * 1000)));
    }
    pushes.into_iter().map(|push| push.text).collect()
}

#[test]
fn the_same_seed_and_times_give_the_same_bytes() {
    assert_eq!(texts(7), texts(7));
    assert_ne!(texts(7)[3..], texts(8)[3..]);
}

#[test]
fn connections_do_not_influence_the_market() {
    let balances = |connect: bool| {
        let mut exchange = build(Simulator::builder().with_seed(7));
        for _ in 0..50 {
            if connect {
                balance_snapshot(&mut exchange);
            }
            exchange.tick(NOW);
        }
        (exchange.balances().clone(), exchange.open_orders().cloned().collect::<Vec<_>>())
    };
    assert_eq!(balances(true), balances(false));
}

#[test]
fn every_message_is_read_and_written_back_unchanged() {
    for text in texts(7) {
        let message = Message::from_json(&text).unwrap();
        assert!(!matches!(message, Message::Unknown(_)), "{text}");
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }
}

#[test]
fn commands_refer_to_orders_by_name_or_id_and_send_the_updates() {
    let mut exchange = exchange();
    let mut execute = |text: &str| exchange.execute(NOW, &text.parse().unwrap());
    let placed = execute("place a buy btc_twd 0.01 at 2000000").unwrap();
    let id = placed[0].as_active_orders().unwrap().data.iter().next().unwrap().id.to_string();
    assert_eq!(execute("fill a 0.004").unwrap()[0].as_trade().unwrap().order_id.as_str(), id);
    let exceeding =
        CommandError::ExceedsRemaining { amount: Decimal::new(1, 1), remaining: Decimal::new(6, 3) };
    assert_eq!(exceeding.to_string(), "0.1 exceeds the order's remaining amount of 0.006");
    assert_eq!(execute("fill a 0.1"), Err(exceeding));
    // The id still works after another order has taken the name.
    execute("place a buy btc_twd 0.01 at 1000000").unwrap();
    assert_eq!(
        execute(&format!("fill {id}")).unwrap()[0].as_trade().unwrap().price,
        Decimal::from(2_000_000)
    );
    assert_eq!(execute("fill a").unwrap()[0].as_trade().unwrap().price, Decimal::from(1_000_000));
    assert_eq!(execute("cancel b"), Err(CommandError::NotOpen("b".into())));
    assert_eq!(execute("place - buy btc_twd 0.01 at 1000000").unwrap().len(), 2);
    assert_eq!(execute("cancel -"), Err(CommandError::NotOpen("-".into())));
    // With seed 0, several of these steps trade.
    assert!(execute("tick 20").unwrap().iter().filter(|push| push.as_trade().is_some()).count() > 1);
}

#[test]
fn an_order_that_cannot_be_filled_does_not_stop_the_market() {
    let mut exchange = exchange();
    let market = exchange.market_price(&"btc_twd".into()).unwrap();
    let price = market - Decimal::ONE;
    for _ in 0..8 {
        exchange.execute(NOW, &format!("place - buy btc_twd 0.01 at {price}").parse().unwrap()).unwrap();
    }
    exchange.update_balances(NOW, |holdings| {
        holdings.get_mut(&"BTC".into()).unwrap().tradable = Some(false);
    });
    let mut steps_at_the_price = 0;
    for step in 0..200 {
        assert!(!exchange.tick(NOW).is_empty(), "no message in step {step}");
        let is_reached = exchange.market_price(&"btc_twd".into()).unwrap() <= price;
        let is_open = exchange.open_orders().any(|order| order.price == price);
        steps_at_the_price += usize::from(is_reached && is_open);
    }
    assert!(steps_at_the_price > 5, "{steps_at_the_price}");
}

#[test]
fn a_deposit_sends_an_update_of_its_currency() {
    let mut exchange = exchange();
    let mut execute = |text: &str| exchange.execute(NOW, &text.parse().unwrap());
    let pushes = execute("deposit BCH 1.50").unwrap();
    let update = pushes[0].as_balances().unwrap();
    let balance = update.data.get("BCH").unwrap();
    assert_eq!((pushes.len(), update.data.len()), (1, 1));
    assert_eq!((balance.amount, balance.available), (Decimal::new(15, 1), Decimal::new(15, 1)));
    assert_eq!(execute("deposit BCH -2"), Err(CommandError::Insufficient("BCH".into())));
    assert_eq!(execute("deposit BCH 0"), Ok(vec![]));
}

#[test]
fn commands_about_connections_need_a_simulator() {
    for text in [
        "wait 0",
        "text hello",
        "text-to user-trades hello",
        "refuse 1 502",
        "close 1000",
        "disconnect",
        "pause-pings",
        "resume-pings",
        "clock-offset 1",
    ] {
        let command = text.parse().unwrap();
        let error = exchange().execute(NOW, &command).unwrap_err();
        assert_eq!(error.to_string(), format!("`{text}` acts on connections and needs a running simulator"));
    }
}
