//! Random orders of three accounts: money is conserved, order books are what orders are matched with, and every view of
//! an account agrees with the others.

mod books;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use bitopro_model::{Action, Balance, Condition, Currency, Decimal, OrderId, PrivateStream, Timestamp};
use bitopro_sim::{
    Account, AccountId, ActiveUpdates, Command, CommandError, Exchange, NewOrder, OrderQuery, OrderSelection,
    Push, Simulator, TradeQuery,
};
use fastrand::Rng;

use crate::replica::Replica;
use books::{Books, Step, new_trades};
use ledger::Amounts;

const NOW: i64 = 1_639_553_303_365;
const STEPS: i64 = 60;

/// The market has prices for the first two pairs. Only accounts trade the last two.
const PAIRS: [(&str, i64, u32); 4] =
    [("btc_twd", 3_050_000, 0), ("usdt_twd", 32_035, 3), ("ada_usdt", 4_200, 4), ("bito_twd", 3_125, 3)];
const CURRENCIES: [(&str, i64); 5] =
    [("ADA", 200_000), ("BITO", 200_000), ("BTC", 3), ("TWD", 8_000_000), ("USDT", 300_000)];

/// An exchange, replicas of its accounts built from messages alone, and the money that accounts deposited.
struct Bench {
    exchange: Exchange,
    replicas: BTreeMap<AccountId, Replica>,
    deposited: BTreeMap<AccountId, Amounts>,
    books: Books,
    /// The ids of all trades.
    trades: BTreeSet<String>,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let balances = CURRENCIES.map(|(currency, amount)| {
            let mut balance = Balance::new(currency, Decimal::from(amount));
            let stake = balance.amount / Decimal::TEN;
            (balance.stake, balance.available) = (Some(stake), balance.amount - stake);
            balance
        });
        let builder = Simulator::builder().with_seed(seed).with_balances(balances);
        let builder = builder.with_named_account("alice").with_named_account("bob");
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
        let deposited = exchange.accounts().map(|account| (account.id(), ledger::amounts(account))).collect();
        let books = Books::read(&exchange);
        Self { exchange, replicas, deposited, books, trades: BTreeSet::new() }
    }

    fn apply(&mut self, pushes: &[Push]) {
        for push in pushes {
            let replica = self.replicas.get_mut(&push.account).unwrap();
            replica.apply_update(&push.text, ActiveUpdates::Changed);
        }
    }

    fn step(&mut self, now: Timestamp, random: &mut Rng) -> Step {
        let ids: Vec<AccountId> = self.replicas.keys().copied().collect();
        let id = random.choice(ids).unwrap();
        let account = self.exchange.accounts().find(|account| account.id() == id).unwrap();
        let name = account.name().to_owned();
        let open: Vec<OrderId> = account.open_orders().map(|order| order.id.clone()).collect();
        let chosen = random.choice(&open).map_or_else(|| "none".to_owned(), ToString::to_string);
        let command = match random.u8(0..24) {
            0 => Command::Fill { order: chosen, amount: None },
            1 => Command::Fill { order: chosen, amount: Some(Decimal::new(random.i64(1..=99_999), 6)) },
            2 | 3 => Command::Cancel(chosen),
            4 => Command::Trigger(chosen),
            5 => {
                let currency: Currency = random.choice(CURRENCIES).unwrap().0.into();
                let amount = Decimal::new(random.i64(-5_000..=5_000), 3);
                let deposit = Command::Deposit { currency: currency.clone(), amount };
                if let Ok(pushes) = self.exchange.execute(now, &deposit.for_account(name)) {
                    *self.deposited.get_mut(&id).unwrap().get_mut(&currency).unwrap() += amount;
                    self.apply(&pushes);
                }
                return Step::One;
            }
            6 | 7 => {
                let pushes = self.exchange.tick(now);
                self.apply(&pushes);
                return Step::Several;
            }
            8 => {
                for order in open {
                    let pushes = self.exchange.cancel_as(id, now, &order).unwrap();
                    self.apply(&pushes);
                }
                return Step::One;
            }
            9 => {
                let orders: Vec<NewOrder> = (0..3).map(|_| order(random)).collect();
                self.place(now, id, &orders);
                return Step::Several;
            }
            _ => {
                self.place(now, id, &[order(random)]);
                return Step::One;
            }
        };
        // A command that fails changes nothing, which the checks would notice.
        if let Ok(pushes) = self.exchange.execute(now, &command.for_account(name)) {
            self.apply(&pushes);
        }
        Step::One
    }

    /// Places orders like a call of the REST API: all of them are checked first.
    fn place(&mut self, now: Timestamp, account: AccountId, orders: &[NewOrder]) {
        if orders.iter().any(|order| self.exchange.check_rules(account, order).is_err()) {
            return;
        }
        for order in orders {
            let checked = self.exchange.check_rules(account, order);
            match checked.and_then(|()| self.exchange.place_as(account, now, order)) {
                Ok((_, pushes)) => self.apply(&pushes),
                Err(CommandError::NotEnough { .. } | CommandError::NoMarket(_) | CommandError::TooSmall) => {}
                Err(error) => panic!("{order:?}: {error}"),
            }
        }
    }

    /// Checks everything that must hold after every step.
    fn check(&mut self, step: Step) {
        ledger::check(&self.exchange, &self.deposited);
        for account in self.exchange.accounts() {
            let replica = &self.replicas[&account.id()];
            assert_eq!(&replica.balances, account.balances());
            let open = OrderQuery { selection: OrderSelection::Open, ..OrderQuery::default() };
            let mut open = account.orders(&open);
            open.sort_by_key(|order| &order.id);
            assert!(open.into_iter().eq(replica.open.values()));
            let records = account.trade_records(&TradeQuery::default());
            assert!(records.iter().rev().map(|record| &record.trade).eq(&replica.trades));
            let older = replica.history.len().saturating_sub(100);
            assert!(account.closed_orders().eq(&replica.history[older..]));
        }
        let before = std::mem::replace(&mut self.books, Books::read(&self.exchange));
        let trades = new_trades(&self.exchange, &mut self.trades);
        self.books.check_after(&before, &trades, step);
    }
}

/// Returns a random order near the usual price of its pair. Some are larger than the order book.
fn order(random: &mut Rng) -> NewOrder {
    let (pair, units, scale) = *random.choice(&PAIRS).unwrap();
    let near = |random: &mut Rng| Decimal::new(units + units * random.i64(-20..=20) / 1_000, scale);
    let price = near(random);
    let action = if random.bool() { Action::Buy } else { Action::Sell };
    let digits = random.u32(0..=8);
    let largest = if random.u8(0..8) == 0 { 7_000_000 } else { 90_000 };
    let value = Decimal::from(random.i64(1..=largest));
    let amount = (value / price).trunc_with_scale(digits).max(Decimal::new(1, digits));
    match random.u8(0..8) {
        0 => NewOrder::post_only(pair, action, amount, price),
        1 | 2 if action == Action::Buy => NewOrder::market(pair, action, value),
        1 | 2 => NewOrder::market(pair, action, amount),
        3 => {
            let condition = if random.bool() { Condition::AtOrAbove } else { Condition::AtOrBelow };
            NewOrder::limit(pair, action, amount, price).with_stop(condition, near(random))
        }
        _ => NewOrder::limit(pair, action, amount, price),
    }
}

/// Plays 60 seeds by default. `BITOPRO_ROUNDS` sets another number.
#[test]
fn money_is_conserved_and_every_view_of_an_account_agrees() {
    let seeds = std::env::var("BITOPRO_ROUNDS").map_or(60, |rounds| rounds.parse().unwrap());
    let (mut trades, mut between_accounts, mut with_itself) = (0, 0, 0);
    for seed in 0..seeds {
        println!("seed {seed}");
        let mut random = Rng::with_seed(seed);
        let mut bench = Bench::new(seed);
        for step in 0..STEPS {
            let step = bench.step(Timestamp::from_millis(NOW + step * 350), &mut random);
            bench.check(step);
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
    println!("{trades} trades, {between_accounts} between accounts, {with_itself} with oneself");
    assert!(seeds < 60 || trades > 1_000 && between_accounts > 150 && with_itself > 50);
}
