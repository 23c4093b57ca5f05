use bitopro_model::{Action, Balance, Decimal};
use fastrand::Rng;
use proptest::prelude::{Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::{Market, TRADED};
use crate::exchange::account::demo;
use crate::exchange::account::fill::{Fill, Role};
use crate::exchange::account::holdings;
use crate::exchange::account::rank::Rank;
use crate::exchange::exact::AMOUNT_SCALE;
use crate::{Holdings, PairList};

fn market(seed: u64) -> Market {
    Market::new(Rng::with_seed(seed), &PairList::default())
}

fn demo_holdings() -> Holdings {
    holdings::by_currency(demo::balances(demo::COUNT))
}

/// Returns the currencies whose amount changed, and by how much.
fn changes(before: &Holdings, after: &Holdings) -> Vec<(String, Decimal)> {
    after
        .iter()
        .map(|(currency, balance)| (currency.to_string(), balance.amount - before[currency].amount))
        .filter(|(_, change)| !change.is_zero())
        .collect()
}

/// Runs one market step and settles its fill.
fn step_and_settle(market: &mut Market, holdings: &mut Holdings) -> Option<Fill> {
    let fill = market.step(holdings)?;
    fill.settle(holdings, Decimal::ZERO).unwrap();
    Some(fill)
}

#[test]
fn the_demo_account_always_has_enough_to_trade() {
    let (mut market, mut holdings) = (market(1), demo_holdings());
    for step in 0..20_000 {
        assert!(step_and_settle(&mut market, &mut holdings).is_some(), "no trade in step {step}");
    }
}

#[test]
fn the_demo_account_buys_and_sells_every_traded_pair() {
    let (mut market, mut holdings) = (market(1), demo_holdings());
    let fills: Vec<Fill> = (0..1000).filter_map(|_| step_and_settle(&mut market, &mut holdings)).collect();
    let is_of = |fill: &Fill, pair: &str| format!("{}_{}", fill.base, fill.quote).eq_ignore_ascii_case(pair);
    for pair in TRADED {
        for action in [Action::Buy, Action::Sell] {
            let found = fills.iter().any(|fill| is_of(fill, pair) && fill.action == action);
            assert!(found, "no {action} of {pair}");
        }
    }
}

#[test]
fn an_account_that_cannot_trade_gets_no_fills() {
    let mut not_tradable = Balance::new("BTC", Decimal::ONE);
    not_tradable.tradable = Some(false);
    for balances in [
        vec![],
        vec![Balance::new("TWD", Decimal::ONE_THOUSAND * Decimal::ONE_THOUSAND)],
        vec![not_tradable, Balance::new("TWD", Decimal::ONE_THOUSAND * Decimal::ONE_THOUSAND)],
        vec![Balance::new("BTC", Decimal::ZERO), Balance::new("TWD", Decimal::ZERO)],
        vec![overdrawn("BTC"), overdrawn("TWD")],
        // Adding to these or subtracting from them would not be exact.
        vec![Balance::new("BTC", Decimal::MAX), Balance::new("TWD", Decimal::MAX)],
    ] {
        let (mut market, holdings) = (market(1), holdings::by_currency(balances));
        for _ in 0..100 {
            assert_eq!(market.step(&holdings), None);
        }
    }
}

/// Returns a balance whose available amount exceeds its amount, which only a command can set.
fn overdrawn(currency: &str) -> Balance {
    let mut balance = Balance::new(currency, Decimal::ONE);
    balance.available = Decimal::ONE_THOUSAND * Decimal::ONE_THOUSAND;
    balance
}

#[test]
fn other_pairs_move_without_changing_the_fills_unless_they_are_paused() {
    let only_traded =
        PairList::default().0.into_iter().filter(|listed| TRADED.contains(&listed.rules.pair.as_str()));
    let mut fewer = Market::new(Rng::with_seed(1), &PairList(only_traded.collect()));
    let mut market = market(1);
    let price = |market: &Market| market.price(&"DOGE".into(), &"USDT".into());
    let before = price(&market);
    assert!(before.is_some() && price(&fewer).is_none());
    for _ in 0..500 {
        assert_eq!(market.step(&demo_holdings()), fewer.step(&demo_holdings()));
    }
    assert_ne!(price(&market), before);
    let mut paused = PairList::default();
    paused.0.iter_mut().for_each(|listed| listed.rules.is_in_maintenance = true);
    let mut paused = Market::new(Rng::with_seed(1), &paused);
    for _ in 0..500 {
        assert_eq!(paused.step(&demo_holdings()), None);
    }
    assert_eq!(price(&paused), before);
    let mut without = Market::new(Rng::with_seed(1), &PairList(Vec::new()));
    assert_eq!(without.step(&demo_holdings()), None);
}

fn amount() -> impl Strategy<Value = Decimal> {
    (0_i64..=10_000_000_000_000_000, 0_u32..=12).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale))
}

/// Generates holdings that lack some currencies, or have only a part of them available.
fn any_holdings() -> impl Strategy<Value = Holdings> {
    prop::collection::vec(
        (prop::sample::select(vec!["BTC", "ETH", "SOL", "TWD", "USDT", "XRP"]), amount(), amount()),
        0..6,
    )
    .prop_map(|balances| {
        holdings::by_currency(balances.into_iter().map(|(currency, one, other)| {
            let mut balance = Balance::new(currency, one.max(other));
            balance.available = one.min(other);
            balance
        }))
    })
}

proptest! {
    #[test]
    fn the_balances_add_up(seed in any::<u64>(), mut holdings in any_holdings()) {
        let mut market = market(seed);
        for _ in 0..50 {
            let before = holdings.clone();
            let Some(fill) = step_and_settle(&mut market, &mut holdings) else {
                prop_assert_eq!(&before, &holdings);
                continue;
            };
            let Fill { base, quote, action, price, volume, total, fee } = fill;
            let (base_change, quote_change, received) = match action {
                Action::Buy => (volume - fee, -total, volume),
                _ => (-volume, total - fee, total),
            };
            let mut expected = vec![(base.to_string(), base_change), (quote.to_string(), quote_change)];
            expected.sort();
            prop_assert_eq!(changes(&before, &holdings), expected);

            // Only the fee and less than one unit of the last digit per truncation are lost.
            let unit = Decimal::new(1, AMOUNT_SCALE);
            prop_assert!(volume > Decimal::ZERO && total > Decimal::ZERO);
            prop_assert!(total <= volume * price && volume * price - total < unit);
            let rate = Rank::LOWEST.fee_rate(Role::Taker);
            prop_assert!(fee <= received * rate && received * rate - fee < unit);

            for (currency, balance) in &holdings {
                let previous = &before[currency];
                prop_assert!(balance.available >= Decimal::ZERO, "{:?}", balance);
                prop_assert!(balance.available <= balance.amount, "{:?}", balance);
                prop_assert_eq!(balance.amount - balance.available, previous.amount - previous.available);
                prop_assert_eq!((balance.stake, balance.tradable), (previous.stake, previous.tradable));
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_fills(seed in any::<u64>()) {
        let fills = || {
            let (mut market, mut holdings) = (market(seed), demo_holdings());
            (0..20).map(|_| step_and_settle(&mut market, &mut holdings)).collect::<Vec<_>>()
        };
        prop_assert_eq!(fills(), fills());
    }

    #[test]
    fn prices_stay_between_half_and_double_their_initial_value(seed in any::<u64>(), starts_at_maximum in any::<bool>()) {
        let mut rng = Rng::with_seed(seed);
        let Market { traded, others, .. } = market(seed);
        for mut pair in traded.into_iter().chain(others) {
            pair.units = if starts_at_maximum { pair.initial * 2 } else { pair.initial / 2 };
            for _ in 0..50 {
                pair.move_price(&mut rng);
                prop_assert!((pair.initial / 2..=pair.initial * 2).contains(&pair.units), "{:?}", pair);
            }
        }
    }
}
