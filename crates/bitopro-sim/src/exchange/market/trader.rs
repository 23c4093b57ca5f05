//! Random trading of the account, and what the market does to its orders.

use bitopro_model::{Action, Condition, Decimal, Order, OrderStatus, Pair};
use fastrand::Rng;

use crate::exchange::account::Account;
use crate::exchange::account::fill::Fill;
use crate::exchange::account::order::currencies;
use crate::exchange::exact::product_cut_off;
use crate::exchange::market::Market;
use crate::{Command, NewOrder};

/// The number of open orders at which the account places no more.
const MOST_OPEN: usize = 12;
/// The distance from the market, in thousandths, at which an order of the account is still filled.
const NEAR: i64 = 10;

#[derive(Debug, Clone)]
pub(crate) struct Trader {
    market: Market,
    choices: Rng,
    begun: bool,
}

impl Trader {
    pub(crate) fn new(rng: Rng) -> Self {
        // A separate generator, so that what is done with a price does not change the prices.
        let choices = rng.clone().fork();
        Self { market: Market::new(rng), choices, begun: false }
    }

    pub(crate) fn market(&self) -> &Market {
        &self.market
    }

    /// A price moves; then orders that this reaches are triggered and filled, or else the account does
    /// something. The first step is a trade.
    pub(crate) fn step(&mut self, account: &Account) -> Vec<Command> {
        let fill = self.market.step(account.holdings());
        let market_order = fill.as_ref().map(|fill| place(at_market(fill)));
        if !std::mem::replace(&mut self.begun, true) {
            return market_order.into_iter().collect();
        }
        let reached: Vec<Command> = account.open_orders().filter_map(|order| self.reached(order)).collect();
        if !reached.is_empty() {
            return reached;
        }
        self.random_command(account, fill.as_ref()).or(market_order).into_iter().collect()
    }

    fn price(&self, order: &Order) -> Option<Decimal> {
        let (base, quote) = currencies(&order.pair).ok()?;
        self.market.price(&base, &quote)
    }

    /// Returns what the market does to an order, if its price has reached it.
    fn reached(&self, order: &Order) -> Option<Command> {
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
        let room = open.len() < MOST_OPEN;
        match self.choices.u8(..100) {
            0..35 => None,
            35..60 if room => fill.map(|fill| place(self.resting(fill))),
            60..66 if room => fill.map(|fill| place(self.stop(fill))),
            66..70 => fill.map(|fill| place(self.crossing_post_only(fill))),
            70..90 => {
                let near: Vec<&Order> = open.into_iter().filter(|order| self.is_near(order)).collect();
                let order = self.choices.choice(near)?;
                Some(fill_order(order, self.part(order)))
            }
            _ => self.choices.choice(open).map(|order| Command::Cancel(order.id.to_string())),
        }
    }

    fn is_near(&self, order: &Order) -> bool {
        let Some(market) = self.price(order).filter(|_| order.status != OrderStatus::NotTriggered) else {
            return false;
        };
        let bound = |thousandths| product_cut_off(market, Decimal::new(thousandths, 3));
        let within = bound(1000 - NEAR).zip(bound(1000 + NEAR));
        within.is_some_and(|(low, high)| (low..=high).contains(&order.price))
    }

    /// A part of what remains of an order, or `None` for all of it.
    fn part(&mut self, order: &Order) -> Option<Decimal> {
        let tenths = self.choices.i64(2..=12);
        if tenths >= 10 {
            return None;
        }
        product_cut_off(order.remaining_amount, Decimal::new(tenths, 1)).filter(|part| !part.is_zero())
    }

    /// A price this many thousandths to the account's side of the market's; behind it if negative.
    fn price_beside(fill: &Fill, thousandths: i64) -> Decimal {
        let factor = if fill.action == Action::Buy { 1000 - thousandths } else { 1000 + thousandths };
        let beside = product_cut_off(fill.price, Decimal::new(factor, 3)).unwrap_or(fill.price);
        beside.round_dp(fill.price.scale()).normalize()
    }

    fn resting(&mut self, fill: &Fill) -> NewOrder {
        let price = Self::price_beside(fill, self.choices.i64(1..=5));
        let amount = product_cut_off(fill.volume, Decimal::TWO).unwrap_or(fill.volume);
        if self.choices.bool() {
            NewOrder::limit(pair(fill), fill.action.clone(), amount, price)
        } else {
            NewOrder::post_only(pair(fill), fill.action.clone(), amount, price)
        }
    }

    fn stop(&mut self, fill: &Fill) -> NewOrder {
        let distance = self.choices.i64(2..=5);
        let stop_price = Self::price_beside(fill, -distance);
        let price = Self::price_beside(fill, -distance - 1);
        let buys = fill.action == Action::Buy;
        let condition = if buys { Condition::AtOrAbove } else { Condition::AtOrBelow };
        NewOrder::limit(pair(fill), fill.action.clone(), fill.volume, price).with_stop(condition, stop_price)
    }

    fn crossing_post_only(&mut self, fill: &Fill) -> NewOrder {
        let price = Self::price_beside(fill, -self.choices.i64(1..=3));
        NewOrder::post_only(pair(fill), fill.action.clone(), fill.volume, price)
    }
}

fn place(order: NewOrder) -> Command {
    Command::Place { name: None, order }
}

fn fill_order(order: &Order, amount: Option<Decimal>) -> Command {
    Command::Fill { order: order.id.to_string(), amount }
}

fn at_market(fill: &Fill) -> NewOrder {
    NewOrder::market(pair(fill), fill.action.clone(), fill.volume)
}

fn pair(fill: &Fill) -> Pair {
    Pair::new(format!("{}_{}", fill.base, fill.quote).to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
