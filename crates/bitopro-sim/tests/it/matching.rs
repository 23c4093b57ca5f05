//! Random orders of three accounts: money is conserved, and every view of an account agrees with the others.

use std::collections::BTreeMap;

use bitopro_model::{
    Action, Balance, Condition, Currency, Decimal, Order, OrderId, PrivateStream, Timestamp,
};
use bitopro_sim::{
    Account, AccountId, ActiveUpdates, Command, Exchange, NewOrder, OrderQuery, Push, SimCredentials,
    Simulator, TradeQuery, TradeRecord,
};
use fastrand::Rng;

use crate::replica::Replica;

const NOW: i64 = 1_639_553_303_365;
const SEEDS: u64 = 100;
const STEPS: i64 = 60;

/// The market has prices for the first two pairs. Only accounts trade the last two.
const PAIRS: [(&str, i64, u32); 4] =
    [("btc_twd", 3_050_000, 0), ("usdt_twd", 32_035, 3), ("ada_usdt", 4_200, 4), ("bito_twd", 3_125, 3)];
const CURRENCIES: [&str; 5] = ["ADA", "BITO", "BTC", "TWD", "USDT"];

type Amounts = BTreeMap<Currency, Decimal>;

/// An exchange, replicas of its accounts built from messages alone, and the money that accounts deposited.
struct Bench {
    exchange: Exchange,
    replicas: BTreeMap<AccountId, Replica>,
    deposited: BTreeMap<AccountId, Amounts>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let balances = || {
            CURRENCIES.map(|currency| {
                let mut balance =
                    Balance::new(currency, Decimal::from(if currency == "BTC" { 1 } else { 200_000 }));
                balance.stake = Some(balance.amount / Decimal::TEN);
                balance.available = balance.amount - balance.amount / Decimal::TEN;
                balance
            })
        };
        let credentials = |name: &str| SimCredentials::new(name, "secret", format!("{name}@example.com"));
        let builder = Simulator::builder().with_seed(seed).with_balances(balances());
        let builder = builder.with_account("alice", credentials("alice"), balances()).with_account(
            "bob",
            credentials("bob"),
            balances(),
        );
        let mut exchange = builder.build_exchange(Timestamp::from_millis(NOW)).unwrap();
        let ids: Vec<AccountId> = exchange.accounts().map(Account::id).collect();
        let mut replicas: BTreeMap<AccountId, Replica> = BTreeMap::new();
        for id in &ids {
            for stream in PrivateStream::ALL {
                let snapshot = exchange.snapshot_of(*id, *stream, Timestamp::from_millis(NOW));
                let replica = replicas.entry(*id).or_default();
                let _ = snapshot.map(|snapshot| replica.apply_snapshot(&snapshot.text));
            }
        }
        let amounts = |account: &Account| {
            account.balances().values().map(|b| (b.currency.clone(), b.amount)).collect::<Amounts>()
        };
        let deposited = exchange.accounts().map(|account| (account.id(), amounts(account))).collect();
        Self { exchange, replicas, deposited }
    }

    fn apply(&mut self, pushes: &[Push]) {
        for push in pushes {
            let replica = self.replicas.get_mut(&push.account).unwrap();
            replica.apply_update(&push.text, ActiveUpdates::Changed);
        }
    }

    fn step(&mut self, now: Timestamp, random: &mut Rng) {
        let names: Vec<String> = self.exchange.accounts().map(|account| account.name().to_owned()).collect();
        let name = random.choice(names).unwrap();
        let account = self.exchange.account(&name).unwrap();
        let (id, open) =
            (account.id(), account.open_orders().map(|order| order.id.to_string()).collect::<Vec<_>>());
        let chosen = random.choice(open).unwrap_or_else(|| "none".to_owned());
        let command = match random.u8(0..20) {
            0 => Command::Fill { order: chosen, amount: None },
            1 => Command::Fill { order: chosen, amount: Some(Decimal::new(random.i64(1..=99_999), 6)) },
            2 | 3 => Command::Cancel(chosen),
            4 => Command::Trigger(chosen),
            5 => {
                let currency: Currency = (*random.choice(CURRENCIES).as_ref().unwrap()).into();
                let amount = Decimal::new(random.i64(-5_000..=5_000), 3);
                let deposit = Command::Deposit { currency: currency.clone(), amount };
                if let Ok(pushes) = self.exchange.execute(now, &deposit.for_account(name)) {
                    *self.deposited.get_mut(&id).unwrap().get_mut(&currency).unwrap() += amount;
                    self.apply(&pushes);
                }
                return;
            }
            6 | 7 => {
                let pushes = self.exchange.tick(now);
                return self.apply(&pushes);
            }
            _ => Command::Place { name: None, order: order(random) },
        };
        // A command that fails changes nothing, which the checks would notice.
        if let Ok(pushes) = self.exchange.execute(now, &command.for_account(name)) {
            self.apply(&pushes);
        }
    }

    /// Checks everything that must hold after every step.
    fn check(&self) {
        let mut by_trade: BTreeMap<String, Vec<&TradeRecord>> = BTreeMap::new();
        for account in self.exchange.accounts() {
            let records = account.trade_records(&TradeQuery::default());
            self.check_balances(account, &records);
            check_orders(account, &records);
            for record in records {
                by_trade.entry(record.id.clone()).or_default().push(record);
            }
            let replica = &self.replicas[&account.id()];
            assert_eq!(&replica.balances, account.balances());
            assert!(account.open_orders().eq(replica.open.values()));
            assert!(account.trades().eq(&replica.trades));
            let older = replica.history.len().saturating_sub(100);
            assert!(account.closed_orders().eq(&replica.history[older..]));
        }
        // The two records of a trade between accounts agree, so that each side pays what the other one receives.
        for records in by_trade.values().filter(|records| records.len() > 1) {
            let [a, b] = records.as_slice() else { panic!("{records:?}") };
            assert_eq!(
                (a.trade.price, a.trade.volume, a.quote_amount),
                (b.trade.price, b.trade.volume, b.quote_amount)
            );
            assert_ne!((a.trade.action(), a.is_taker()), (b.trade.action(), b.is_taker()));
            assert!(a.trade.action() != b.trade.action() && a.is_taker() != b.is_taker());
        }
        self.check_books();
    }

    /// Checks that balances are what was deposited and traded, and that no amount is lost or negative.
    fn check_balances(&self, account: &Account, records: &[&TradeRecord]) {
        let mut expected = self.deposited[&account.id()].clone();
        let mut add = |currency: &Currency, amount| {
            *expected.get_mut(currency).unwrap() += amount;
        };
        for TradeRecord { trade, quote_amount, .. } in records.iter().copied() {
            let sign = if trade.action() == Action::Buy { Decimal::ONE } else { -Decimal::ONE };
            add(&trade.base, sign * trade.volume);
            add(&trade.quote, -sign * quote_amount);
            add(&trade.fee_currency, -trade.fee);
        }
        let mut locked = Amounts::new();
        for order in account.open_orders() {
            let (currency, amount) = lock(order, records);
            *locked.entry(currency).or_default() += amount;
        }
        for balance in account.balances().values() {
            assert_eq!(balance.amount, expected[&balance.currency], "{}: {balance:?}", account.name());
            assert!(balance.available >= Decimal::ZERO, "{balance:?}");
            let locked = locked.get(&balance.currency).copied().unwrap_or_default();
            let rest = balance.amount - balance.available - balance.stake.unwrap_or_default();
            assert_eq!(rest, locked, "{}: {balance:?}", account.name());
        }
    }

    fn check_books(&self) {
        for (pair, ..) in PAIRS {
            let orders = self.exchange.accounts().flat_map(Account::open_orders);
            let resting = orders.filter(|order| order.pair == *pair && order.status.code() >= 0);
            let (bids, asks): (Vec<&Order>, Vec<&Order>) =
                resting.partition(|order| order.action == Action::Buy);
            let bid = bids.iter().map(|order| order.price).max();
            let ask = asks.iter().map(|order| order.price).min();
            assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "{pair}: {bid:?} {ask:?}");
            let book = self.exchange.order_book(&pair.into(), 50, 0).unwrap();
            let best = book.bids.first().zip(book.asks.first());
            assert!(best.is_none_or(|(bid, ask)| bid.price < ask.price), "{pair}: {best:?}");
        }
    }
}

/// Returns a random order near the usual price of its pair.
fn order(random: &mut Rng) -> NewOrder {
    let (pair, units, scale) = *random.choice(&PAIRS).unwrap();
    let near = |random: &mut Rng| Decimal::new(units + units * random.i64(-20..=20) / 1_000, scale);
    let price = near(random);
    let action = if random.bool() { Action::Buy } else { Action::Sell };
    let digits = random.u32(0..=8);
    let value = Decimal::new(random.i64(1..=90_000), 0);
    let amount = (value / price).trunc_with_scale(digits).max(Decimal::new(1, digits));
    match random.u8(0..8) {
        0 => NewOrder::post_only(pair, action, amount, price),
        1 if action == Action::Buy => NewOrder::market(pair, action, value),
        1 => NewOrder::market(pair, action, amount),
        2 => {
            let condition = if random.bool() { Condition::AtOrAbove } else { Condition::AtOrBelow };
            NewOrder::limit(pair, action, amount, price).with_stop(condition, near(random))
        }
        _ => NewOrder::limit(pair, action, amount, price),
    }
}

/// Returns the currency and amount that an open order locks: to buy, the value of the order without that of each fill
/// at the order's price.
fn lock(order: &Order, records: &[&TradeRecord]) -> (Currency, Decimal) {
    let (base, quote) = order.pair.split().unwrap();
    if order.action == Action::Sell {
        return (base, order.remaining_amount);
    }
    let value = |amount: Decimal| (amount * order.price).trunc_with_scale(8);
    let filled = records.iter().filter(|record| record.trade.order_id == order.id);
    (quote, value(order.original_amount) - filled.map(|record| value(record.trade.volume)).sum::<Decimal>())
}

/// Checks that the trades of every order add up to it.
fn check_orders(account: &Account, records: &[&TradeRecord]) {
    let mut executed: BTreeMap<OrderId, (Decimal, Decimal, Decimal)> = BTreeMap::new();
    for TradeRecord { trade, quote_amount, .. } in records.iter().copied() {
        let sums = executed.entry(trade.order_id.clone()).or_default();
        *sums = (sums.0 + trade.volume, sums.1 + quote_amount, sums.2 + trade.fee);
    }
    let orders = account.orders(&OrderQuery::default());
    for order in &orders {
        let sums = executed.remove(&order.id).unwrap_or_default();
        let shown = (order.executed_amount, order.total.unwrap(), order.fee.unwrap());
        assert_eq!(sums, shown, "{order:?}");
        assert_eq!(order.executed_amount + order.remaining_amount, order.original_amount);
    }
    assert!(executed.is_empty(), "trades of unknown orders: {executed:?}");
}

#[test]
fn money_is_conserved_and_every_view_of_an_account_agrees() {
    let (mut trades, mut between_accounts, mut with_itself) = (0, 0, 0);
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut random = Rng::with_seed(seed);
        let mut bench = Bench::new(seed);
        for step in 0..STEPS {
            bench.step(Timestamp::from_millis(NOW + step * 350), &mut random);
            bench.check();
        }
        let mut owners: BTreeMap<String, Vec<AccountId>> = BTreeMap::new();
        for account in bench.exchange.accounts() {
            for record in account.trade_records(&TradeQuery::default()) {
                owners.entry(record.id.clone()).or_default().push(account.id());
            }
        }
        trades += owners.len();
        between_accounts +=
            owners.values().filter(|owners| owners.windows(2).any(|pair| pair[0] != pair[1])).count();
        with_itself +=
            owners.values().filter(|owners| owners.windows(2).any(|pair| pair[0] == pair[1])).count();
    }
    assert!(
        trades > 1_000 && between_accounts > 150 && with_itself > 50,
        "{trades} {between_accounts} {with_itself}"
    );
}
