use bitopro_model::{Action, Balance, Decimal, Timestamp};
use bitopro_rest::{Completeness, GetOrderHistory, GetOwnTrades, PagedCall, Pager, Pages, Unproved};
use bitopro_sim::{Clock, Cursors, NewOrder, OrderIdSequence, Quirks, RateLimits, Simulator, TradeListOrder};
use tokio::time::advance;

use crate::harness::{Harness, in_memory};

const START: i64 = 1_795_312_800_000;
const TRADES: i64 = 250;

/// Starts a simulator whose account has made a trade every 70 ms.
async fn traded(quirks: Quirks) -> Harness {
    let balances = [Balance::new("BITO", Decimal::ONE_HUNDRED), Balance::new("TWD", Decimal::ONE_THOUSAND)];
    let clock = Clock::following_tokio(Timestamp::from_millis(START));
    let quirks = quirks.with(RateLimits::Ignored);
    let harness =
        in_memory(Simulator::builder().with_clock(clock).with_balances(balances).with_quirks(quirks));
    for _ in 0..TRADES / 2 {
        let order = NewOrder::limit("bito_twd", Action::Buy, Decimal::new(2, 2), Decimal::ONE);
        let id = harness.simulator.place(&order).unwrap();
        for _ in 0..2 {
            harness.simulator.fill(&id, Decimal::new(1, 2)).unwrap();
            advance(std::time::Duration::from_millis(70)).await;
        }
    }
    harness
}

async fn read<C: PagedCall>(harness: &Harness, call: C, size: u32) -> Pages<C::Item> {
    let end = harness.simulator.now();
    let mut pager = Pager::new(call, Timestamp::from_millis(START), end).with_page_size(size);
    while let Some(call) = pager.next_call() {
        pager.handle_page(harness.call(&call).await.unwrap());
    }
    pager.finish()
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_completely_whatever_the_order_of_lists_and_ids() {
    for quirks in [
        Quirks::default(),
        Quirks::default().with(TradeListOrder::OldestFirst),
        Quirks::default().with(OrderIdSequence::Counted),
    ] {
        let harness = traded(quirks).await;
        let ids = |count: usize| harness.simulator.trades().len() == count;
        assert!(ids(usize::try_from(TRADES).unwrap()));
        for size in [7, 100, 250, 1_000] {
            let trades = read(&harness, GetOwnTrades::new("bito_twd"), size).await;
            assert_eq!(
                (trades.items.len(), trades.completeness),
                (250, Completeness::Complete),
                "{quirks} {size}"
            );
            let own = harness.simulator.trades();
            assert!(
                trades.items.iter().map(|trade| &trade.order_id).eq(own.iter().map(|trade| &trade.order_id))
            );
            let orders = read(&harness, GetOrderHistory::new("bito_twd"), size).await;
            assert_eq!(
                (orders.items.len(), orders.completeness),
                (125, Completeness::Complete),
                "{quirks} {size}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_63_a_cursor_that_never_advances_ends_with_all_records_or_says_why_not() {
    let harness = traded(Quirks::default().with(Cursors::Ignored)).await;
    // Halving the window still reaches every trade, as long as two seconds of trades fit into a page.
    let trades = read(&harness, GetOwnTrades::new("bito_twd"), 100).await;
    assert_eq!(trades.completeness, Completeness::Complete);
    assert_eq!(trades.items.len(), 250);
    let trades = read(&harness, GetOwnTrades::new("bito_twd"), 7).await;
    assert_eq!(trades.completeness, Completeness::NotProvedComplete(Unproved::StuckCursor));
    assert!(trades.items.len() < 250 && trades.pages <= 100, "{} {}", trades.items.len(), trades.pages);
}

#[tokio::test(start_paused = true)]
async fn pages_whose_records_all_have_the_same_time_are_read_in_either_order() {
    for order in [TradeListOrder::NewestFirst, TradeListOrder::OldestFirst] {
        let balances =
            [Balance::new("BITO", Decimal::ONE_HUNDRED), Balance::new("TWD", Decimal::ONE_THOUSAND)];
        let clock = Clock::fixed(Timestamp::from_millis(START));
        let quirks = Quirks::default().with(order);
        let harness =
            in_memory(Simulator::builder().with_clock(clock).with_balances(balances).with_quirks(quirks));
        let buy = NewOrder::limit("bito_twd", Action::Buy, Decimal::ONE, Decimal::ONE);
        let id = harness.simulator.place(&buy).unwrap();
        for _ in 0..20 {
            harness.simulator.fill(&id, Decimal::new(1, 2)).unwrap();
        }
        let trades = read(&harness, GetOwnTrades::new("bito_twd"), 5).await;
        assert_eq!((trades.items.len(), trades.completeness), (20, Completeness::Complete), "{order:?}");
    }
}
