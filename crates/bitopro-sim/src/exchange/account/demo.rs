//! The demo account, which is the default account of a simulator.

use bitopro_model::{Action, Balance, Condition, Decimal, Timestamp};

use crate::exchange::book::maker_quotes::MakerQuotes;
use crate::exchange::matching::MatchingEngine;
use crate::{AccountId, NewOrder};

/// Currency and amount, in units of 10^-8, before the orders.
const DEMO: [(&str, i64); 12] = [
    ("ADA", 320_411_800_000),
    ("BCH", 0),
    ("BITO", 1_250_000_000_000),
    ("BNB", 431_907_022),
    ("DOGE", 0),
    ("MITH", 14_050_000_000),
    ("BTC", 160_481_957),
    ("ETH", 1_284_370_115),
    ("SOL", 4_891_020_000),
    ("TWD", 181_430_541_000_000),
    ("USDT", 3_841_290_117_000),
    ("XRP", 625_000_012_500),
];

/// A currency that is listed but no longer traded, as in the original document.
const NOT_TRADABLE: &str = "MITH";
const STAKED: (&str, i64) = ("ETH", 800_000_000);

/// Returns `count` balances: the demo account's twelve, then fillers named `SIM001`, `SIM002` and so on.
/// Every tenth filler has an amount; the others are zero.
pub(crate) fn balances(count: usize) -> Vec<Balance> {
    let named = DEMO.into_iter().map(|(currency, amount)| {
        let mut balance = Balance::new(currency, decimal_of(amount));
        balance.tradable = Some(currency != NOT_TRADABLE);
        if currency == STAKED.0 {
            balance.stake = Some(decimal_of(STAKED.1));
            balance.available = decimal_of(amount - STAKED.1);
        }
        balance
    });
    let fillers = (1_u32..).map(|number| {
        let amount = if number % 10 == 0 { i64::from(number) * 12_345_678 } else { 0 };
        Balance::new(format!("SIM{number:03}").as_str(), decimal_of(amount))
    });
    named.chain(fillers).take(count).collect()
}

/// Default number of balances of the demo account.
pub(crate) const COUNT: usize = DEMO.len();

/// An action of the demo account before the simulator's start.
enum Step {
    /// Places an order. Market makers match it immediately at this price, if any.
    Place(NewOrder, Option<Decimal>),
    /// Fills an amount of the last order, or the remaining amount if `None`.
    Fill(Option<Decimal>),
    /// Cancels the last order.
    Cancel,
}

/// Places, fills and cancels orders of the first account in the week before `start`. Four of them remain open.
///
/// Orders in currencies that the account does not hold are left out.
pub(crate) fn trade(engine: &mut MatchingEngine, start: Timestamp) {
    let account = AccountId::DEFAULT;
    let mut last = None;
    for (age_ms, step) in steps() {
        let now = Timestamp::from_millis(start.as_millis().saturating_sub(age_ms));
        match (step, &last) {
            (Step::Place(order, market), _) => {
                let quotes = engine.quote(order.pair.clone(), MakerQuotes::at(market));
                last = engine.place(now, account, &order).ok().map(|(id, _)| id);
                engine.quote(order.pair, quotes);
            }
            (Step::Fill(amount), Some(id)) => drop(engine.fill(now, account, id, amount)),
            (Step::Cancel, Some(id)) => drop(engine.cancel(now, account, id)),
            (Step::Fill(_) | Step::Cancel, None) => {}
        }
    }
}

/// Returns the steps, oldest first, each with the milliseconds from it to the start. Each order is closed
/// before the next one is placed, or remains open.
fn steps() -> [(i64, Step); 18] {
    use Action::{Buy, Sell};
    use Step::{Cancel, Fill, Place};

    let ago =
        |days: i64, hours: i64, minutes: i64, ms: i64| ((days * 24 + hours) * 60 + minutes) * 60_000 + ms;
    let decimal = Decimal::new;
    let limit = |pair, action, amount, price| Place(NewOrder::limit(pair, action, amount, price), None);
    let post_only =
        |pair, amount, price, market| Place(NewOrder::post_only(pair, Buy, amount, price), market);
    let market = |pair, action, amount, price| Place(NewOrder::market(pair, action, amount), Some(price));
    let stop = NewOrder::limit("btc_twd", Sell, decimal(1, 1), decimal(2_740_000, 0))
        .with_stop(Condition::AtOrBelow, decimal(2_750_000, 0));
    [
        (ago(6, 3, 52, 41_338), market("usdt_twd", Buy, decimal(767_568, 1), decimal(31_982, 3))),
        (ago(5, 9, 17, 8_204), limit("btc_twd", Buy, decimal(125, 4), decimal(2_985_000, 0))),
        (ago(5, 2, 44, 51_907), Fill(Some(decimal(48, 4)))),
        (ago(5, 2, 43, 19_615), Fill(None)),
        (ago(4, 7, 30, 22_481), limit("sol_twd", Sell, decimal(12, 0), decimal(6_390, 0))),
        (ago(3, 5, 8, 37_750), Cancel),
        (ago(3, 1, 26, 14_093), limit("eth_usdt", Sell, decimal(12, 1), decimal(33_105, 1))),
        (ago(2, 20, 2, 55_562), Fill(Some(decimal(45, 2)))),
        (ago(2, 11, 39, 3_876), Cancel),
        (
            ago(2, 5, 14, 29_158),
            post_only("xrp_twd", decimal(1_500, 0), decimal(7_495, 2), Some(decimal(7_493, 2))),
        ),
        (ago(2, 5, 13, 46_420), post_only("xrp_twd", decimal(1_500, 0), decimal(7_461, 2), None)),
        (ago(2, 3, 57, 17_331), Fill(None)),
        (ago(2, 1, 35, 48_699), limit("btc_twd", Sell, decimal(15, 2), decimal(3_300_000, 0))),
        (ago(1, 20, 22, 9_027), limit("btc_twd", Buy, decimal(5, 2), decimal(2_850_000, 0))),
        (ago(1, 3, 6, 33_284), post_only("eth_twd", decimal(7, 1), decimal(103_200, 0), None)),
        (ago(0, 21, 50, 12_165), Fill(Some(decimal(2, 1)))),
        (ago(0, 8, 41, 26_543), market("sol_twd", Sell, decimal(34_185, 4), decimal(6_187, 0))),
        (ago(0, 2, 11, 50_816), Place(stop, None)),
    ]
}

fn decimal_of(units: i64) -> Decimal {
    Decimal::new(units, 8).normalize()
}
