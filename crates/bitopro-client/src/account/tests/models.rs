//! Compares the states with simple models over random operations. Earlier clones of a state must not change.

use std::collections::{BTreeMap, VecDeque};

use bitopro_model::{Balance, Currency, Order, OrderId, Timestamp, UserTrade};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_assert_eq, prop_oneof, proptest};

use crate::account::change::ChangeSink;
use crate::account::closed_orders::ClosedOrderLog;
use crate::account::trades::TradeLog;
use crate::account::{BalanceMap, OpenOrders};
use crate::samples::{balances, event, of_pair, order, trade, with_id};

/// Maximum number of closed orders and of trades.
const CAPACITY: usize = 50;

const PAIRS: [&str; 3] = ["btc_twd", "BTC_TWD", "sol_usdt"];

proptest! {
    #[test]
    fn open_orders_are_a_map_with_an_index_by_pair(
        operations in vec((0..60_u32, 0..3_usize, 0..4_i64), 0..200),
    ) {
        let (mut orders, mut model) = (OpenOrders::default(), BTreeMap::<OrderId, Order>::new());
        let mut clones = Vec::new();
        for (id, pair, action) in operations {
            let order = of_pair(PAIRS[pair], order(id, action, 0, 0));
            if action == 0 {
                prop_assert_eq!(orders.remove(&order.id), model.remove(&order.id));
            } else {
                orders.insert(&order);
                model.insert(order.id.clone(), order);
            }
            if action == 1 {
                clones.push((orders.clone(), model.clone()));
            }
        }
        clones.push((orders, model));
        for (orders, model) in clones {
            prop_assert_eq!(orders.len(), model.len());
            prop_assert_eq!(orders.iter().collect::<Vec<_>>(), model.values().collect::<Vec<_>>());
            prop_assert_eq!(orders.iter().rev().collect::<Vec<_>>(), model.values().rev().collect::<Vec<_>>());
            for pair in PAIRS {
                let of_pair = model.values().filter(|order| order.pair == *pair).collect::<Vec<_>>();
                prop_assert_eq!(orders.of_pair(pair).collect::<Vec<_>>(), of_pair);
            }
        }
    }

    #[test]
    fn closed_orders_are_sorted_by_time_and_arrival(
        reports in vec((0..70_u32, time(), 0..3_u64), 0..200),
    ) {
        let (mut log, mut model) = (ClosedOrderLog::new(CAPACITY), Vec::<(i64, Order, u64)>::new());
        let mut clones = Vec::new();
        for (id, time, connection) in reports {
            let mut order = order(id, 2, 0, 0);
            (order.timestamp, order.updated_timestamp) = (time, time);
            model.retain(|(_, known, _)| known.id != order.id);
            let time = time.map(Timestamp::as_millis);
            // A time in whole seconds may be truncated, so it is not before the others of that second.
            let limit = time.map_or(i64::MAX, |time| if time % 1_000 == 0 { time + 999 } else { time });
            let known = model.iter().map(|(known, ..)| *known).filter(|known| *known <= limit).max();
            let time = if time == Some(limit) { limit } else { known.max(time).unwrap_or(i64::MIN) };
            let after = model.iter().take_while(|(known, ..)| *known <= time).count();
            model.insert(after, (time, order.clone(), connection));
            log.insert(&order, connection);
            if model.len() > CAPACITY {
                model.remove(0);
            }
            for (_, order, connection) in &model {
                prop_assert_eq!(log.last_report(&order.id), Some((order, *connection)));
            }
            clones.push((log.orders().clone(), model.clone()));
        }
        for (orders, model) in clones {
            prop_assert_eq!(orders.len(), model.len());
            prop_assert_eq!(orders.iter().collect::<Vec<_>>(), model.iter().map(|(_, order, _)| order).collect::<Vec<_>>());
        }
    }

    #[test]
    fn trades_are_kept_once_in_order_of_arrival(
        trades in vec((0..40_u8, 0..40_u8, 0..2_u8), 0..200),
    ) {
        let (mut log, mut model) = (TradeLog::new(CAPACITY), VecDeque::<UserTrade>::new());
        let mut clones = Vec::new();
        for (event_id, match_id, order_id) in trades {
            // Each tenth trade has no id of its event or its match.
            let match_id = if match_id < 4 { String::new() } else { format!("m{match_id}") };
            let mut event = event(1, trade(order_id, match_id));
            if event_id >= 4 {
                event = with_id(format!("e{event_id}"), event);
            }
            let is_known = model.iter().any(|known| {
                let is_same_event = known.event_id.is_some() && known.event_id == event.event_id;
                is_same_event && known.data.is_same_trade(&event.data) || known.data.is_same_match(&event.data)
            });
            prop_assert_eq!(log.add(&event), !is_known);
            if !is_known {
                model.push_back(event);
                if model.len() > CAPACITY {
                    model.pop_front();
                }
            }
            clones.push((log.trades().clone(), model.clone()));
        }
        for (trades, model) in clones {
            prop_assert_eq!(trades.len(), model.len());
            prop_assert_eq!(trades.iter().collect::<Vec<_>>(), model.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn balances_are_a_map_in_alphabetical_order(
        events in vec((any::<bool>(), vec((0..16_usize, 0..5_i64), 0..8)), 0..20),
    ) {
        const CODES: [&str; 16] = [
            "BTC", "btc", "TWD", "a", "Z", "A", "ETH", "USDT", "z1", "sol", "SOL", "DOGE",
            "1000SATS", "1000sats2", "1000SATS1", "1000SATS\0",
        ];
        let (mut map, mut model) = (BalanceMap::default(), BTreeMap::<Currency, Balance>::new());
        for (is_snapshot, amounts) in events {
            let amounts: Vec<(&str, i64)> = amounts.into_iter().map(|(code, amount)| (CODES[code], amount)).collect();
            let event = balances(1, &amounts);
            let mut changes = Vec::new();
            let before = model.clone();
            if is_snapshot {
                model.clear();
                map.replace(&event, &mut ChangeSink::new(&mut changes));
            } else {
                map.update(&event, false, &mut ChangeSink::disabled());
            }
            model.extend(event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())));
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), model.values().collect::<Vec<_>>());
            for code in CODES {
                prop_assert_eq!(map.get(code), model.get(&Currency::new(code)));
            }
            if is_snapshot {
                let currencies = before.keys().chain(model.keys()).collect::<std::collections::BTreeSet<_>>();
                let changed = currencies.into_iter().filter(|currency| before.get(currency) != model.get(currency));
                prop_assert_eq!(changes.len(), changed.count());
            }
        }
    }
}

/// Returns times in milliseconds and in whole seconds, and no time.
fn time() -> impl Strategy<Value = Option<Timestamp>> {
    let millis = 1_767_225_600_000..1_767_225_604_000_i64;
    prop_oneof![
        4 => millis.clone().prop_map(Some),
        3 => millis.prop_map(|time| Some(time / 1_000 * 1_000)),
        1 => any::<()>().prop_map(|()| None),
    ]
    .prop_map(|time| time.map(Timestamp::from_millis))
}
