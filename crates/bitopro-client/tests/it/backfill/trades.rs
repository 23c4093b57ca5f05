use std::collections::BTreeSet;
use std::time::Duration;

use bitopro_client::model::{Action, Balance, Currency, Decimal, PrivateStream};
use bitopro_client::{AccountItem, Backfill, GapReason, Item, RecoveredTrade};
use bitopro_sim::{
    Command, HistoryOnConnect, MatchIds, NewOrder, Quirks, RestLag, Simulator, TradeListOrder,
    TradesOnConnect,
};
use tokio::time::timeout;

use super::{MINUTE, SECOND, Trader, amounts, pause, read};
use crate::simulated::simulated;

#[tokio::test(start_paused = true)]
async fn fault_68_trades_during_a_disconnect_are_recovered_once_and_the_gap_is_closed() {
    let mut trader = Trader::new(Simulator::builder()).await;
    let [seen, both, missed] = [1, 2, 3].map(|amount| trader.buy(amount));
    trader.fill(&seen, 1);
    trader.fill(&both, 1);
    trader.read(MINUTE).await;
    trader.execute("refuse 3 503");
    trader.disconnect(Some(PrivateStream::UserTrades));
    trader.fill(&both, 1);
    pause(1).await;
    trader.fill(&missed, 3);
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([1, 3]));
    let RecoveredTrade { trade, record, .. } = &recovery.trades[1];
    assert_eq!((&trade.order_id, trade.fee_currency.clone()), (&missed, Currency::new("BTC")));
    assert_eq!((trade.event_timestamp, &trade.match_id, trade.is_market), (None, &None, None));
    assert!(!record.trade_id.as_str().is_empty());
    let statement = recovery.statement();
    assert!(statement.is_complete(), "{statement}");
    assert_eq!(statement.trades, 2);
    assert!(statement.pairs.contains(&"btc_twd".into()), "{statement}");
    // The state contains each trade once.
    let current = trader.account.current();
    assert_eq!(current.trades.unwrap().state().len(), 4);
    // A later gap recovers nothing again.
    trader.disconnect(Some(PrivateStream::UserTrades));
    let recovery = trader.read(MINUTE).await;
    assert_eq!((recovery.hundredths(), recovery.statement().trades), (Vec::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn missing_fills_are_empty_after_a_backfill() {
    let mut trader = Trader::new(Simulator::builder()).await;
    let order = trader.buy(3);
    trader.fill(&order, 1);
    trader.disconnect(None);
    trader.fill(&order, 2);
    let items = read(&mut trader.account, MINUTE).await;
    let gap = items.iter().find_map(|item| match &item.item {
        Item::Gap(gap) if item.stream == PrivateStream::UserTrades => Some(gap),
        _ => None,
    });
    let gap = gap.unwrap();
    assert!(matches!(gap.reason, GapReason::Reconnected { .. }));
    assert_eq!(trader.account.current().missing_fills(gap), []);
    // The statement waits until every stream has shown that it has sent everything.
    let is_statement = |item: &AccountItem| matches!(item.item, Item::Backfilled(_));
    let is_snapshot = |item: &AccountItem| matches!(item.item, Item::Snapshot(_));
    let statement = items.iter().position(is_statement).unwrap();
    assert_eq!(items[..statement].iter().filter(|item| is_snapshot(item)).count(), 3);
}

/// The REST API and the stream have no common id, so equal trades are matched one to one.
#[tokio::test(start_paused = true)]
async fn fault_68_of_two_equal_fills_in_one_second_the_missing_one_is_recovered() {
    let mut trader = Trader::new(Simulator::builder()).await;
    let order = trader.buy(5);
    trader.fill(&order, 1);
    trader.read(Duration::from_millis(10)).await;
    trader.disconnect(Some(PrivateStream::UserTrades));
    trader.fill(&order, 1);
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([1]));
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
    let made = trader.simulator.trades();
    let [.., first, second] = &made[..] else { panic!("{made:?}") };
    assert!(first.is_same_trade(second), "not equal");
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_self_trade_are_recovered() {
    let balances = ["ADA", "USDT"].map(|currency| Balance::new(currency, Decimal::ONE_THOUSAND));
    let mut trader = Trader::new(Simulator::builder().with_balances(balances)).await;
    trader.disconnect(None);
    // In a pair without a market price, an account trades only with accounts.
    for action in [Action::Sell, Action::Buy] {
        let order = NewOrder::limit("ada_usdt", action, Decimal::ONE_HUNDRED, Decimal::new(4, 1));
        trader.simulator.place(&order).unwrap();
    }
    let recovery = trader.read(MINUTE).await;
    let [one, other] = &recovery.trades[..] else { panic!("{:#?}", recovery.trades) };
    assert_eq!(one.record.trade_id, other.record.trade_id);
    assert_ne!(one.trade.order_id, other.trade.order_id);
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
}

/// Nothing else of such an order is visible: it was never listed as open. Its balances have changed.
#[tokio::test(start_paused = true)]
async fn an_order_of_another_pair_that_was_placed_and_filled_during_the_gap_is_found() {
    for quirks in [Quirks::default(), Quirks::default().with(HistoryOnConnect::Empty)] {
        let mut trader = Trader::new(Simulator::builder().with_quirks(quirks)).await;
        trader.disconnect(None);
        let order = trader.buy_of("eth_twd", 7);
        trader.fill(&order, 7);
        let recovery = trader.read(MINUTE).await;
        assert_eq!(recovery.hundredths(), amounts([7]));
        assert!(recovery.statement().pairs.contains(&"eth_twd".into()), "{}", recovery.statement());
        assert!(recovery.statement().is_complete(), "{}", recovery.statement());
    }
}

#[tokio::test(start_paused = true)]
async fn trades_are_recovered_although_the_rest_api_is_behind_the_streams() {
    let quirks = Quirks::default().with(RestLag::TwoSeconds).with(TradeListOrder::OldestFirst);
    let mut trader = Trader::new(Simulator::builder().with_quirks(quirks)).await;
    let order = trader.buy(5);
    trader.disconnect(Some(PrivateStream::UserTrades));
    trader.fill(&order, 2);
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([2]));
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
}

/// The stream may send a trade that the REST API already lists, and some exchanges repeat the last trade.
#[tokio::test(start_paused = true)]
async fn a_trade_that_the_stream_sends_after_all_is_not_recovered() {
    for quirks in [Quirks::default(), Quirks::default().with(TradesOnConnect::Last)] {
        let mut trader = Trader::new(Simulator::builder().with_quirks(quirks.with(MatchIds::Counted))).await;
        let order = trader.buy(5);
        trader.fill(&order, 1);
        trader.read(MINUTE).await;
        trader.disconnect(Some(PrivateStream::UserTrades));
        trader.fill(&order, 2);
        // The connection is back, and the first request is made.
        trader.read(3 * SECOND).await;
        trader.fill(&order, 1);
        let recovery = trader.read(MINUTE).await;
        let is_repeated = quirks.trades_on_connect == TradesOnConnect::Last;
        assert_eq!(recovery.hundredths(), if is_repeated { vec![] } else { amounts([2]).to_vec() });
        let current = trader.account.current();
        // The first connection repeats the last trade too.
        assert_eq!(current.trades.unwrap().state().len(), 3 + usize::from(is_repeated));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_message_makes_the_client_ask() {
    let mut trader = Trader::new(Simulator::builder()).await;
    trader.execute("text-to user-trades {\"event\":\"USER_TRADE\"}");
    let recovery = trader.read(MINUTE).await;
    let statement = recovery.statement();
    assert!(
        statement.is_complete() && statement.gap.is_some_and(|(since, until)| since == until),
        "{statement}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_subscription_to_the_trades_alone_asks_for_all_pairs() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let mut trades = client.build().unwrap().user_trades();
    let price = simulator.market_price("btc_twd").unwrap() - Decimal::ONE_THOUSAND;
    let order = NewOrder::limit("btc_twd", Action::Buy, Decimal::new(1, 2), price);
    let order = simulator.place(&order).unwrap();
    assert!(timeout(SECOND, trades.next()).await.is_ok());
    simulator.execute(&Command::Disconnect(None)).unwrap();
    simulator.fill_remaining(&order).unwrap();
    let mut recovered = Vec::new();
    loop {
        match trades.next().await.unwrap() {
            Item::RecoveredTrade(trade) => recovered.push(trade.trade.order_id),
            Item::Backfilled(statement) => {
                assert!(statement.is_complete() && statement.pairs.len() > 5, "{statement}");
                break;
            }
            _ => {}
        }
    }
    assert_eq!(recovered, [order]);
}

#[tokio::test(start_paused = true)]
async fn pairs_that_the_user_names_are_asked_for_and_the_backfill_can_be_turned_off() {
    let backfill = Backfill::new().with_pairs(["xrp_twd"]);
    let mut trader = Trader::with(Simulator::builder(), |client| client.with_backfill(backfill)).await;
    trader.disconnect(None);
    let recovery = trader.read(MINUTE).await;
    assert!(recovery.statement().pairs.contains(&"xrp_twd".into()), "{}", recovery.statement());

    let mut trader = Trader::with(Simulator::builder(), |client| client.with_backfill(None)).await;
    let order = trader.buy(1);
    trader.disconnect(None);
    trader.fill(&order, 1);
    let recovery = trader.read(MINUTE).await;
    assert_eq!((recovery.trades, recovery.statements), (vec![], vec![]));
}

/// The exchange's times in the other streams show which trades are older than the subscription.
#[tokio::test(start_paused = true)]
async fn trades_from_before_the_subscription_are_not_recovered() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let client = client.build().unwrap();
    let order = simulator.open_orders().remove(0);
    simulator.fill(&order.id, Decimal::new(1, 4)).unwrap();
    pause(3).await;
    let account = client.account();
    account.ready().await.unwrap();
    simulator.execute(&Command::Disconnect(None)).unwrap();
    simulator.fill(&order.id, Decimal::new(2, 4)).unwrap();
    let mut trader = Trader { simulator, account };
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.trades.iter().map(|it| it.trade.volume).collect::<Vec<_>>(), [Decimal::new(2, 4)]);
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
}

/// They are more than the queue of the stream can hold, too. A page has at most 1,000 trades, and the next one starts with
/// the last trade of the page before.
#[tokio::test(start_paused = true)]
async fn more_trades_than_a_page_are_recovered() {
    let mut trader = Trader::with(Simulator::builder(), |client| client.with_trade_capacity(5_000)).await;
    let order = trader.buy(50);
    trader.execute("refuse 3 503");
    trader.disconnect(None);
    for _ in 0..1_100 {
        trader.simulator.fill(&order, Decimal::new(1, 4)).unwrap();
    }
    let recovery = trader.read(2 * MINUTE).await;
    let ids: BTreeSet<_> = recovery.trades.iter().map(|recovered| &recovered.record.trade_id).collect();
    assert_eq!((ids.len(), recovery.trades.len()), (1_100, 1_100));
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
}
