use bitopro_model::{Action, Balance, Condition, Decimal};

use crate::exchange::account::holdings;
use crate::{Account, AccountId, CommandError, NewOrder, PairList, Simulator};

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn account() -> Account {
    let balances = [Balance::new("BTC", Decimal::ONE), Balance::new("TWD", decimal("1000.50"))];
    Account::new(AccountId::DEFAULT, "demo", holdings::by_currency(balances))
}

#[test]
fn an_order_that_breaks_a_rule_is_rejected_with_its_numbers() {
    let limit = |amount, price| NewOrder::limit("BTC_TWD", Action::Buy, decimal(amount), decimal(price));
    let stop = |price| limit("0.0001", "3000000").with_stop(Condition::AtOrBelow, decimal(price));
    let market = |action, amount| NewOrder::market("btc_twd", action, decimal(amount));
    let rules = PairList::default().0[0].rules.clone();
    for (order, expected) in [
        (limit("0.0001", "3000000"), None),
        (limit("0.00010000", "3000000.000"), None),
        (market(Action::Buy, "190"), None),
        (market(Action::Sell, "0.0001"), None),
        (limit("0.0001", "-1"), Some(CommandError::InvalidPrice(decimal("-1")))),
        (
            limit("0.0001", "3000000.5"),
            Some(CommandError::PriceDecimals { price: decimal("3000000.5"), limit: 0 }),
        ),
        (stop("3000000.0"), None),
        (stop("0"), Some(CommandError::InvalidPrice(Decimal::ZERO))),
        (stop("3000000.5"), Some(CommandError::PriceDecimals { price: decimal("3000000.5"), limit: 0 })),
        (
            limit("0.0000000001", "3000000"),
            Some(CommandError::AmountDecimals { amount: decimal("0.0000000001"), limit: 8 }),
        ),
        (
            limit("0.00001", "3000000"),
            Some(CommandError::BelowMinimum { amount: decimal("0.00001"), minimum: decimal("0.0001") }),
        ),
        (
            market(Action::Buy, "189"),
            Some(CommandError::BelowMinimum { amount: decimal("189"), minimum: decimal("190") }),
        ),
        (
            limit("100000001", "1"),
            Some(CommandError::AboveMaximum { amount: decimal("100000001"), maximum: decimal("100000000") }),
        ),
        (
            limit("0.001", "1000501"),
            Some(CommandError::NotEnough {
                currency: "TWD".into(),
                available: decimal("1000.5"),
                ordered: decimal("1000.501"),
            }),
        ),
        (
            market(Action::Sell, "1.5"),
            Some(CommandError::NotEnough {
                currency: "BTC".into(),
                available: Decimal::ONE,
                ordered: decimal("1.5"),
            }),
        ),
    ] {
        assert_eq!(rules.check(&account(), &order).err(), expected, "{order:?}");
        assert!(expected.is_none_or(|error| !error.to_string().is_empty()));
    }
    let mut paused = rules.clone();
    paused.is_in_maintenance = true;
    let order = limit("0.0001", "3000000");
    assert_eq!(paused.check(&account(), &order), Err(CommandError::InMaintenance("btc_twd".into())));
    let mut full = rules;
    full.open_order_limit = 0;
    let too_many = CommandError::TooManyOpenOrders { pair: "btc_twd".into(), limit: 0 };
    assert_eq!(full.check(&account(), &order), Err(too_many));
    assert_eq!(full.check(&account(), &market(Action::Buy, "190")), Ok(()));
}

#[test]
fn only_listed_pairs_are_supported() {
    let exchange = Simulator::builder().build_exchange(bitopro_model::Timestamp::from_millis(0)).unwrap();
    assert_eq!(exchange.pairs().len(), PairList::default().0.len());
    let order = |pair: &str| NewOrder::market(pair, Action::Sell, Decimal::ONE);
    let check = |pair: &str| exchange.check_rules(AccountId::DEFAULT, &order(pair));
    assert_eq!(check("BITO_TWD"), Ok(()));
    assert_eq!(check("nope_usdt"), Err(CommandError::UnsupportedPair("nope_usdt".into())));
}
