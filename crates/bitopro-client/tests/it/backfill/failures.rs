use bitopro_client::rest::ErrorKind;
use bitopro_client::{Backfill, RestErrorKind};
use bitopro_sim::Simulator;

use super::{MINUTE, SECOND, Trader, amounts};

#[tokio::test(start_paused = true)]
async fn fault_69_while_the_rest_api_fails_the_gap_stays_open_and_is_closed_later() {
    let mut trader = Trader::new(Simulator::builder()).await;
    let order = trader.buy(3);
    trader.execute("fail-rest 3 502");
    trader.disconnect(None);
    trader.fill(&order, 2);
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([2]));
    let [first, third, last] = &recovery.statements[..] else { panic!("{:#?}", recovery.statements) };
    for failed in [first, third] {
        let (error, retry_in) = failed.failed.as_ref().unwrap();
        assert_eq!(error.kind(), RestErrorKind::Call(ErrorKind::Unavailable));
        assert!(*retry_in >= 5 * SECOND && !failed.is_complete());
    }
    assert!(last.is_complete(), "{last}");
}

#[tokio::test(start_paused = true)]
async fn fault_69_a_429_in_the_middle_loses_nothing() {
    let mut trader = Trader::new(Simulator::builder()).await;
    let orders = ["btc_twd", "eth_twd"].map(|pair| trader.buy_of(pair, 3));
    trader.disconnect(None);
    for order in &orders {
        trader.fill(order, 3);
    }
    trader.read(2 * SECOND).await;
    trader.execute("fail-rest 1 429");
    let recovery = trader.read(MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([3, 3]));
    assert!(recovery.statements.last().unwrap().is_complete());
}

#[tokio::test(start_paused = true)]
async fn the_budget_limits_the_requests() {
    let backfill = Backfill::new().with_budget(2);
    let mut trader = Trader::with(Simulator::builder(), |client| client.with_backfill(backfill)).await;
    let orders = ["btc_twd", "eth_twd", "xrp_twd"].map(|pair| trader.buy_of(pair, 3));
    trader.disconnect(None);
    for order in &orders {
        trader.fill(order, 3);
    }
    let recovery = trader.read(MINUTE / 2).await;
    assert_eq!((recovery.trades.len(), recovery.statements.len()), (0, 0));
    let recovery = trader.read(10 * MINUTE).await;
    assert_eq!(recovery.hundredths(), amounts([3, 3, 3]));
    assert!(recovery.statement().is_complete(), "{}", recovery.statement());
}
