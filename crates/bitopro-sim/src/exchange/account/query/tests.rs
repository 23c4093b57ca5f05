use bitopro_model::{Action, Balance, Decimal, OrderId, OrderStatus, Timestamp};

use crate::{Exchange, NewOrder, OrderQuery, OrderSelection, Simulator, TradeQuery};

const NOW: i64 = 1_639_553_303_365;

fn at(offset_ms: i64) -> Timestamp {
    Timestamp::from_millis(NOW + offset_ms)
}

/// Returns an exchange whose account has placed ten orders, one every 100 ms, and the ids of the orders. The even ones
/// are in another pair, every third one is cancelled, and the last one is filled in two parts.
fn traded() -> (Exchange, Vec<OrderId>) {
    let balances = ["BTC", "ETH", "TWD"].map(|currency| Balance::new(currency, Decimal::from(1_000_000)));
    let mut exchange = Simulator::builder().with_balances(balances).build_exchange(at(0)).unwrap();
    let mut ids = Vec::new();
    for step in 0..10 {
        let pair = if step % 2 == 0 { "eth_twd" } else { "btc_twd" };
        let order =
            NewOrder::limit(pair, Action::Buy, Decimal::ONE, Decimal::ONE).with_client_id(step % 3 + 1);
        let (id, _) = exchange.place(at(i64::from(step) * 100), &order).unwrap();
        if step % 3 == 0 {
            exchange.execute(at(5_000), &format!("cancel {id}").parse().unwrap()).unwrap();
        }
        ids.push(id);
    }
    for (offset, amount) in [(6_000, "0.4"), (6_500, "0.1")] {
        exchange.execute(at(offset), &format!("fill {} {amount}", ids[8]).parse().unwrap()).unwrap();
    }
    (exchange, ids)
}

#[test]
fn orders_are_selected_by_every_field_newest_first() {
    let (exchange, ids) = traded();
    let account = exchange.accounts().next().unwrap();
    let query = OrderQuery::default();
    let pair = Some("BTC_TWD".into());
    for (query, expected) in [
        (query.clone(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (OrderQuery { pair, ..query.clone() }, vec![9, 7, 5, 3, 1]),
        (OrderQuery { selection: OrderSelection::Open, ..query.clone() }, vec![8, 7, 5, 4, 2, 1]),
        (OrderQuery { selection: OrderSelection::Closed, ..query.clone() }, vec![9, 6, 3, 0]),
        (
            OrderQuery {
                selection: OrderSelection::Status(OrderStatus::InProgressPartialDeal),
                ..query.clone()
            },
            vec![8],
        ),
        (OrderQuery { client_id: Some(2), ..query.clone() }, vec![7, 4, 1]),
        (OrderQuery { start: Some(at(300)), end: Some(at(500)), ..query.clone() }, vec![5, 4, 3]),
        (OrderQuery { limit: Some(2), ..query.clone() }, vec![9, 8]),
        // The cursor is inclusive, and may be an order that the query does not select.
        (OrderQuery { cursor: Some(ids[4].clone()), limit: Some(2), ..query.clone() }, vec![4, 3]),
        (
            OrderQuery { cursor: Some(ids[4].clone()), pair: Some("btc_twd".into()), ..query.clone() },
            vec![3, 1],
        ),
        (OrderQuery { cursor: Some("1".into()), ..query }, vec![]),
    ] {
        let found: Vec<&OrderId> = account.orders(&query).into_iter().map(|order| &order.id).collect();
        let expected: Vec<&OrderId> = expected.into_iter().map(|index: usize| &ids[index]).collect();
        assert_eq!(found, expected, "{query:?}");
    }
    assert_eq!(account.order(&ids[3]).unwrap().status, OrderStatus::Cancelled);
    assert_eq!(account.order(&ids[4]).unwrap().status, OrderStatus::InProgress);
    assert_eq!(account.order(&"1".into()), None);
}

#[test]
fn trades_are_selected_by_every_field_newest_first() {
    let (mut exchange, ids) = traded();
    exchange.execute(at(7_000), &format!("fill {} 0.2", ids[7]).parse().unwrap()).unwrap();
    let account = exchange.accounts().next().unwrap();
    let all = account.trade_records(&TradeQuery::default());
    let volumes = |query: &TradeQuery| {
        let records = account.trade_records(query).into_iter();
        records.map(|record| record.trade.volume.to_string()).collect::<Vec<_>>()
    };
    let query = TradeQuery::default();
    for (query, expected) in [
        (query.clone(), vec!["0.2", "0.1", "0.4"]),
        (TradeQuery { pair: Some("ETH_TWD".into()), ..query.clone() }, vec!["0.1", "0.4"]),
        (TradeQuery { order: Some(ids[7].clone()), ..query.clone() }, vec!["0.2"]),
        (TradeQuery { start: Some(at(6_500)), ..query.clone() }, vec!["0.2", "0.1"]),
        (TradeQuery { end: Some(at(6_500)), ..query.clone() }, vec!["0.1", "0.4"]),
        (TradeQuery { limit: Some(1), ..query.clone() }, vec!["0.2"]),
        (TradeQuery { cursor: Some(all[1].id.clone()), limit: Some(1), ..query.clone() }, vec!["0.1"]),
        (TradeQuery { cursor: Some("1".to_owned()), ..query }, vec![]),
    ] {
        assert_eq!(volumes(&query), expected, "{query:?}");
    }
    assert_eq!((all[1].quote_amount, all[1].created), (Decimal::new(1, 1), at(6_500)));
    assert!(all.iter().all(|record| record.id.len() == 10 && !record.is_taker()));
}
