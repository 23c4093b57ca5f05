//! Random trading of the account, and the orders that the market's price triggers or fills.

use bitopro_model::{Action, Condition, Decimal, Order, OrderStatus, Pair};
use fastrand::Rng;

use crate::exchange::account::Account;
use crate::exchange::account::fill::Fill;
use crate::exchange::account::order::currencies;
use crate::exchange::exact::truncated_product;
use crate::exchange::market::Market;
use crate::exchange::market::pair_list::PairList;
use crate::{Command, NewOrder};

/// Number of open orders at which the account stops placing more.
const MAX_OPEN_ORDERS: usize = 12;
/// The distance from the market's price, in thousandths of it, up to which an order may be filled at random.
const NEAR_THOUSANDTHS: i64 = 10;

#[derive(Debug, Clone)]
pub(crate) struct Trader {
    market: Market,
    rng: Rng,
    has_begun: bool,
}

impl Trader {
    pub(crate) fn new(rng: Rng, pairs: &PairList) -> Self {
        // A separate generator, so that the account's trading does not influence the prices.
        let trading = rng.clone().fork();
        Self { market: Market::new(rng, pairs), rng: trading, has_begun: false }
    }

    pub(crate) fn market(&self) -> &Market {
        &self.market
    }

    /// Returns the pairs whose price has changed since the last call, which at first are all, and their prices.
    pub(crate) fn take_moved(&mut self) -> impl Iterator<Item = (Pair, Decimal)> {
        self.market.take_moved()
    }

    /// Moves a price, and returns commands for an account, of which one that succeeds is to be carried out. The only one
    /// of the first step is a market order.
    pub(crate) fn step(&mut self, account: &Account) -> Vec<Command> {
        let fill = self.market.step(account.balances());
        let market_order = fill.as_ref().map(|fill| place(market_order(fill)));
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let random = if has_begun { self.random_command(account, fill.as_ref()) } else { None };
        random.into_iter().chain(market_order).collect()
    }

    /// Returns the commands that fill and trigger the orders that the market's price has reached.
    ///
    /// An order that is not filled yet hides the market makers' orders that it crosses, so the triggered orders, which
    /// are matched with those, come last.
    pub(crate) fn reached<'a>(&self, accounts: impl Iterator<Item = &'a Account>) -> Vec<Command> {
        let (mut fills, mut triggers) = (Vec::new(), Vec::new());
        for account in accounts {
            for order in account.open_orders() {
                let is_waiting = order.status == OrderStatus::NotTriggered;
                let commands = if is_waiting { &mut triggers } else { &mut fills };
                let command = self.market_command(order);
                commands.extend(command.map(|command| command.for_account(account.name())));
            }
        }
        fills.append(&mut triggers);
        fills
    }

    fn price(&self, order: &Order) -> Option<Decimal> {
        let (base, quote) = currencies(&order.pair).ok()?;
        self.market.price(&base, &quote)
    }

    /// Returns the command that triggers or fills an order, if the market's price has reached it.
    fn market_command(&self, order: &Order) -> Option<Command> {
        let market = self.price(order)?;
        if order.status == OrderStatus::NotTriggered {
            let stop_price = order.stop_price?;
            let is_met = match order.condition.as_ref()? {
                Condition::AtOrAbove => market >= stop_price,
                Condition::AtOrBelow => market <= stop_price,
                _ => false,
            };
            return is_met.then(|| Command::Trigger(order.id.to_string()));
        }
        let crosses = if order.action == Action::Buy { order.price >= market } else { order.price <= market };
        crosses.then(|| fill_order(order, None))
    }

    fn random_command(&mut self, account: &Account, fill: Option<&Fill>) -> Option<Command> {
        let open: Vec<&Order> = account.open_orders().collect();
        let has_room = open.len() < MAX_OPEN_ORDERS;
        match self.rng.u8(..100) {
            0..35 => None,
            35..60 if has_room => fill.map(|fill| place(self.resting_order(fill))),
            60..66 if has_room => fill.map(|fill| place(self.stop_order(fill))),
            66..70 => fill.map(|fill| place(self.crossing_post_only_order(fill))),
            70..90 => {
                let near: Vec<&Order> = open.into_iter().filter(|order| self.is_near(order)).collect();
                let order = self.rng.choice(near)?;
                Some(fill_order(order, self.partial_amount(order)))
            }
            _ => self.rng.choice(open).map(|order| Command::Cancel(order.id.to_string())),
        }
    }

    fn is_near(&self, order: &Order) -> bool {
        let Some(market) = self.price(order).filter(|_| order.status != OrderStatus::NotTriggered) else {
            return false;
        };
        let bound = |thousandths| truncated_product(market, Decimal::new(thousandths, 3));
        let within = bound(1000 - NEAR_THOUSANDTHS).zip(bound(1000 + NEAR_THOUSANDTHS));
        within.is_some_and(|(low, high)| (low..=high).contains(&order.price))
    }

    /// Returns a random part of an order's remaining amount, or `None` for all of it.
    fn partial_amount(&mut self, order: &Order) -> Option<Decimal> {
        let tenths = self.rng.i64(2..=12);
        if tenths >= 10 {
            return None;
        }
        truncated_product(order.remaining_amount, Decimal::new(tenths, 1)).filter(|part| !part.is_zero())
    }

    /// Returns a price this many thousandths on the passive side of the market's price, or on the other side
    /// if negative.
    fn offset_price(fill: &Fill, thousandths: i64) -> Decimal {
        let factor = if fill.action == Action::Buy { 1000 - thousandths } else { 1000 + thousandths };
        let price = truncated_product(fill.price, Decimal::new(factor, 3)).unwrap_or(fill.price);
        price.round_dp(fill.price.scale()).normalize()
    }

    fn resting_order(&mut self, fill: &Fill) -> NewOrder {
        let price = Self::offset_price(fill, self.rng.i64(1..=5));
        let amount = truncated_product(fill.volume, Decimal::TWO).unwrap_or(fill.volume);
        if self.rng.bool() {
            NewOrder::limit(pair(fill), fill.action.clone(), amount, price)
        } else {
            NewOrder::post_only(pair(fill), fill.action.clone(), amount, price)
        }
    }

    fn stop_order(&mut self, fill: &Fill) -> NewOrder {
        let distance = self.rng.i64(2..=5);
        let stop_price = Self::offset_price(fill, -distance);
        let price = Self::offset_price(fill, -distance - 1);
        let is_buy = fill.action == Action::Buy;
        let condition = if is_buy { Condition::AtOrAbove } else { Condition::AtOrBelow };
        NewOrder::limit(pair(fill), fill.action.clone(), fill.volume, price).with_stop(condition, stop_price)
    }

    fn crossing_post_only_order(&mut self, fill: &Fill) -> NewOrder {
        let price = Self::offset_price(fill, -self.rng.i64(1..=3));
        NewOrder::post_only(pair(fill), fill.action.clone(), fill.volume, price)
    }
}

fn place(order: NewOrder) -> Command {
    Command::Place { name: None, order }
}

fn fill_order(order: &Order, amount: Option<Decimal>) -> Command {
    Command::Fill { order: order.id.to_string(), amount }
}

fn market_order(fill: &Fill) -> NewOrder {
    let amount = if fill.action == Action::Buy { fill.total } else { fill.volume };
    NewOrder::market(pair(fill), fill.action.clone(), amount)
}

fn pair(fill: &Fill) -> Pair {
    Pair::new(format!("{}_{}", fill.base, fill.quote).to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
