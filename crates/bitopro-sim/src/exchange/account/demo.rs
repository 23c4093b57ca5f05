//! The demo account, which is the default account of a simulator.

use bitopro_model::{Action, Balance, Condition, Decimal, Timestamp};

use crate::NewOrder;

/// Currency, amount and available amount, in units of 10^-8. The ones at the top are as in the original
/// document.
const DEMO: [(&str, i128, i128); 12] = [
    ("ADA", 99_999_999_999_999_999_999, 99_999_999_999_999_999_999),
    ("BCH", 0, 0),
    ("BITO", 999_979_900_000_000, 999_979_900_000_000),
    ("BNB", 850_000_000_000, 850_000_000_000),
    ("DOGE", 99_999_999_999_999_999_999, 99_999_999_999_999_999_999),
    ("MITH", 0, 0),
    ("BTC", 250_000_000, 225_000_000),
    ("ETH", 4_200_000_000, 1_000_000_000),
    ("SOL", 31_500_000_000, 31_500_000_000),
    ("TWD", 500_000_000_000_000, 480_000_000_000_000),
    ("USDT", 12_000_000_000_000, 12_000_000_000_000),
    ("XRP", 1_850_000_012_500, 1_850_000_012_500),
];

/// A currency that is listed but no longer traded, as in the original document.
const NOT_TRADABLE: &str = "MITH";
const STAKED: (&str, i128) = ("ETH", 3_200_000_000);

/// Returns `count` balances: the demo account's twelve, then fillers named `SIM001`, `SIM002` and so on.
/// Every tenth filler has an amount; the others are zero.
pub(crate) fn balances(count: usize) -> Vec<Balance> {
    let named = DEMO.into_iter().map(|(currency, amount, available)| {
        let mut balance = Balance::new(currency, decimal_of(amount));
        balance.available = decimal_of(available);
        balance.tradable = Some(currency != NOT_TRADABLE);
        if currency == STAKED.0 {
            balance.stake = Some(decimal_of(STAKED.1));
        }
        balance
    });
    let fillers = (1_u32..).map(|number| {
        let amount = if number % 10 == 0 { i128::from(number) * 12_345_678 } else { 0 };
        Balance::new(format!("SIM{number:03}").as_str(), decimal_of(amount))
    });
    named.chain(fillers).take(count).collect()
}

/// Default number of balances of the demo account.
pub(crate) const COUNT: usize = DEMO.len();

/// The time at which the demo account's orders were placed, which is before the samples in the original
/// document.
pub(crate) const PLACED: Timestamp = Timestamp::from_millis(1_639_386_803_662);

/// Returns the orders that are open at the start. They lock the part of the BTC and TWD balances that is not
/// available.
pub(crate) fn orders() -> Vec<NewOrder> {
    let decimal = Decimal::new;
    vec![
        NewOrder::limit("btc_twd", Action::Sell, decimal(15, 2), decimal(3_300_000, 0)),
        NewOrder::limit("btc_twd", Action::Buy, decimal(5, 2), decimal(2_600_000, 0)),
        NewOrder::post_only("eth_twd", Action::Buy, decimal(7, 1), decimal(100_000, 0)),
        NewOrder::limit("btc_twd", Action::Sell, decimal(1, 1), decimal(2_390_000, 0))
            .with_stop(Condition::AtOrBelow, decimal(2_400_000, 0)),
    ]
}

fn decimal_of(units: i128) -> Decimal {
    Decimal::from_i128_with_scale(units, 8).normalize()
}
