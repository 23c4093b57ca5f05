//! What the account holds unless told otherwise.

use bitopro_model::{Balance, Decimal};

/// Currency, amount and available, in units of 10^-8. Those at the top are as in the founding document.
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

/// As in the founding document: a currency that is listed and no longer traded.
const NOT_TRADABLE: &str = "MITH";
const STAKED: (&str, i128) = ("ETH", 3_200_000_000);

/// The first `count` balances: the demo account's own twelve, then currencies of no name, all zero but
/// every tenth.
pub(crate) fn balances(count: usize) -> Vec<Balance> {
    let named = DEMO.into_iter().map(|(currency, amount, available)| {
        let mut balance = Balance::new(currency, units(amount));
        balance.available = units(available);
        balance.tradable = currency != NOT_TRADABLE;
        if currency == STAKED.0 {
            balance.stake = units(STAKED.1);
        }
        balance
    });
    let filler = (1_u32..).map(|number| {
        let held = if number % 10 == 0 { i128::from(number) * 12_345_678 } else { 0 };
        Balance::new(format!("SIM{number:03}").as_str(), units(held))
    });
    named.chain(filler).take(count).collect()
}

/// How many balances the demo account has unless told otherwise.
pub(crate) const COUNT: usize = DEMO.len();

fn units(units: i128) -> Decimal {
    Decimal::from_i128_with_scale(units, 8).normalize()
}
