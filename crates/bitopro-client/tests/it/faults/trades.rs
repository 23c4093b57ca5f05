use std::time::Duration;

use bitopro_client::model::{Action, Decimal, OrderId, PrivateStream};
use bitopro_client::{Account, AccountItem, GapReason, Item, Subscription};
use bitopro_sim::{Command, NewOrder, Simulator};
use tokio::time::{sleep, timeout};

use crate::simulated::simulated;

fn buy(simulator: &Simulator, amount: i64) -> OrderId {
    let (amount, price) = (Decimal::new(amount, 2), Decimal::new(2_000_000, 0));
    simulator.place(&NewOrder::limit("btc_twd", Action::Buy, amount, price)).unwrap()
}

async fn read(account: &mut Subscription<Account>) -> Vec<AccountItem> {
    let mut items = Vec::new();
    while let Ok(Some(item)) = timeout(Duration::from_secs(1), account.next()).await {
        items.push(item);
    }
    items
}

#[tokio::test(start_paused = true)]
async fn fault_27_a_gap_in_the_trades_has_edges_and_its_missing_fills_are_found() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let mut account = client.with_backfill(None).build().unwrap().account();
    read(&mut account).await;
    let [seen, both, missed, open] = [1, 2, 3, 4].map(|amount| buy(&simulator, amount));
    simulator.fill_remaining(&seen).unwrap();
    let last = simulator.fill(&both, Decimal::new(1, 2)).unwrap();
    let last = last.iter().find(|push| push.as_trade().is_some()).unwrap();
    read(&mut account).await;
    let lost = simulator.now();
    // The other streams stay connected. Their messages show which fills are missing.
    simulator.execute(&Command::Disconnect(PrivateStream::UserTrades.into())).unwrap();
    simulator.fill_remaining(&both).unwrap();
    simulator.fill_remaining(&missed).unwrap();
    simulator.fill(&open, Decimal::new(1, 2)).unwrap();
    sleep(Duration::from_secs(5)).await;
    let items = read(&mut account).await;
    let gaps: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. } => Some(gap),
            _ => None,
        })
        .collect();
    let [gap] = gaps[..] else { panic!("{gaps:?}") };
    assert_eq!(gap.before.as_ref().and_then(|edge| edge.event_id.as_ref()), last.event_id());
    let GapReason::Reconnected { since, until, .. } = gap.reason else { panic!("{gap:?}") };
    assert!(since <= lost && lost < until && until <= simulator.now(), "{gap:?}");

    let missing_fills = |account: &Subscription<Account>| -> Vec<(OrderId, Option<Decimal>)> {
        let current = account.current();
        assert!(current.is_fresh());
        current.missing_fills(gap).into_iter().map(|it| (it.order.id, it.missing)).collect()
    };
    let hundredths = |amount| Some(Decimal::new(amount, 2));
    assert_eq!(
        missing_fills(&account),
        [(both, hundredths(1)), (missed, hundredths(3)), (open.clone(), hundredths(1))]
    );
    // Trades after the gap are known, so they do not change the missing fills.
    simulator.fill(&open, Decimal::new(2, 2)).unwrap();
    let later = buy(&simulator, 5);
    simulator.fill_remaining(&later).unwrap();
    read(&mut account).await;
    assert_eq!(missing_fills(&account).last(), Some(&(open, hundredths(1))));
}

/// If no trade precedes the gap, the beginning of the gap is taken from the clock.
#[tokio::test(start_paused = true)]
async fn fault_27_missing_fills_are_found_in_a_gap_before_the_first_trade() {
    let (simulator, client) = simulated(Simulator::builder(), 1);
    let old = buy(&simulator, 1);
    simulator.fill_remaining(&old).unwrap();
    sleep(Duration::from_secs(600)).await;
    let mut account = client.with_backfill(None).build().unwrap().account();
    read(&mut account).await;
    simulator.execute(&Command::Disconnect(None)).unwrap();
    let missed = buy(&simulator, 2);
    simulator.fill_remaining(&missed).unwrap();
    sleep(Duration::from_secs(60)).await;
    let items = read(&mut account).await;
    let gap = items.iter().find_map(|item| match item {
        AccountItem { stream: PrivateStream::UserTrades, item: Item::Gap(gap), .. } => Some(gap),
        _ => None,
    });
    let gap = gap.expect("a gap");
    assert_eq!(gap.before, None);
    let missing_fills: Vec<_> =
        account.current().missing_fills(gap).into_iter().map(|it| it.order.id).collect();
    assert_eq!(missing_fills, [missed]);
}
