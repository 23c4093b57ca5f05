//! Checks an order against the rules of its pair.

use std::fmt;

use bitopro_model::Decimal;
use bitopro_rest::{PlaceOrder, TradingPair};

/// A rule of a pair that an order breaks, and the nearest value that follows all rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BrokenRule {
    /// The rule.
    pub rule: OrderRule,
    /// The number in the order that breaks it, or `None` if the rule is not about a number.
    pub found: Option<Decimal>,
    /// The nearest number that follows all rules of the pair. `None` if no number does, or if the rule is not about a
    /// number.
    pub nearest: Option<Decimal>,
}

/// A rule that an order must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderRule {
    /// The exchange lists the pair.
    KnownPair,
    /// The pair is not under maintenance.
    NoMaintenance,
    /// Minimum amount of a limit order, in the base currency.
    MinAmount(Decimal),
    /// Maximum amount of a limit order, in the base currency.
    MaxAmount(Decimal),
    /// Maximum number of decimal places of an amount in the base currency.
    AmountDecimals(u32),
    /// Minimum amount of a market order that buys, in the quote currency.
    MinMarketBuy(Decimal),
    /// Maximum number of decimal places of a price.
    PriceDecimals(u32),
    /// Maximum number of decimal places of the price that triggers a stop-limit order.
    StopPriceDecimals(u32),
}

/// Returns the rules of a pair that an order breaks, those about the amount first.
///
/// The check covers what the exchange publishes about a pair. Where the meaning of a number is not documented, the
/// weaker rule applies, and the exchange decides: amounts may have [`base_precision`](TradingPair::base_precision)
/// decimal places, and only limit orders have a minimum and a maximum amount. The balance and the number of open orders
/// are not checked.
///
/// # Examples
///
/// ```
/// use bitopro_client::broken_rules;
/// use bitopro_client::rest::{Call, GetTradingPairs, PlaceOrder};
///
/// let reply = r#"{"data":[{"pair":"btc_twd","base":"btc","quote":"twd","basePrecision":"8",
///     "quotePrecision":"0","minLimitBaseAmount":"0.0001"}]}"#;
/// let pairs = GetTradingPairs::new().read_reply(&http::Response::new(reply.into()))?;
/// let order = PlaceOrder::limit_buy("btc_twd", "0.00001".parse()?, "2600000.5".parse()?);
/// let broken = broken_rules(&order, &pairs.items[0]);
/// assert_eq!(
///     broken[0].to_string(),
///     "the amount 0.00001 is below the minimum of 0.0001; the nearest valid amount is 0.0001"
/// );
/// assert_eq!(
///     broken[1].to_string(),
///     "the price 2600000.5 has more than 0 decimal places; the nearest valid price is 2600000"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn broken_rules(order: &PlaceOrder, pair: &TradingPair) -> Vec<BrokenRule> {
    let mut broken = Vec::new();
    if pair.maintain == Some(true) {
        broken.push(BrokenRule::of_pair(OrderRule::NoMaintenance));
    }
    let amount = order.amount();
    if order.is_market_buy() {
        let min = pair.min_market_buy_quote_amount;
        let valid = ValidNumbers { decimals: None, min, max: None };
        broken.extend(valid.below_minimum(amount, OrderRule::MinMarketBuy));
    } else {
        let (min, max) = match order.price() {
            Some(_) => (pair.min_limit_base_amount, pair.max_limit_base_amount),
            None => (None, None),
        };
        let valid = ValidNumbers { decimals: pair.base_precision, min, max };
        broken.extend(valid.below_minimum(amount, OrderRule::MinAmount));
        broken.extend(valid.above_maximum(amount, OrderRule::MaxAmount));
        broken.extend(valid.too_precise(amount, OrderRule::AmountDecimals));
    }
    let price = ValidNumbers { decimals: pair.quote_precision, min: None, max: None };
    broken.extend(order.price().and_then(|number| price.too_precise(number, OrderRule::PriceDecimals)));
    broken.extend(
        order.stop_price().and_then(|number| price.too_precise(number, OrderRule::StopPriceDecimals)),
    );
    broken
}

impl BrokenRule {
    /// Creates a broken rule that is not about a number.
    pub(super) const fn of_pair(rule: OrderRule) -> Self {
        Self { rule, found: None, nearest: None }
    }
}

impl fmt::Display for BrokenRule {
    /// Formats what the order breaks, and what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.unwrap_or_default();
        let number = match self.rule {
            OrderRule::KnownPair => {
                return f.write_str(
                    "the exchange does not list the pair; `Client::trading_pairs` lists the pairs",
                );
            }
            OrderRule::NoMaintenance => {
                return f.write_str("the pair is under maintenance; wait until it ends");
            }
            OrderRule::PriceDecimals(_) => "price",
            OrderRule::StopPriceDecimals(_) => "stop price",
            _ => "amount",
        };
        write!(f, "the {number} {found} ")?;
        match self.rule {
            OrderRule::MaxAmount(max) => write!(f, "is above the maximum of {max}")?,
            OrderRule::MinMarketBuy(min) => {
                write!(
                    f,
                    "is below the minimum of {min} in the quote currency for a market order that buys"
                )?;
            }
            OrderRule::AmountDecimals(limit)
            | OrderRule::PriceDecimals(limit)
            | OrderRule::StopPriceDecimals(limit) => write!(f, "has more than {limit} decimal places")?,
            OrderRule::MinAmount(min) => write!(f, "is below the minimum of {min}")?,
            OrderRule::KnownPair | OrderRule::NoMaintenance => {}
        }
        match self.nearest {
            Some(nearest) => write!(f, "; the nearest valid {number} is {nearest}"),
            None => write!(f, "; no {number} is valid, so the rules of the pair may be wrong"),
        }
    }
}

/// The positive numbers that have at most this many decimal places and are within the bounds.
#[derive(Debug, Clone, Copy)]
struct ValidNumbers {
    decimals: Option<u32>,
    min: Option<Decimal>,
    max: Option<Decimal>,
}

impl ValidNumbers {
    fn below_minimum(&self, number: Decimal, rule: fn(Decimal) -> OrderRule) -> Option<BrokenRule> {
        self.min.filter(|min| number < *min).map(|min| self.broken(number, rule(min)))
    }

    fn above_maximum(&self, number: Decimal, rule: fn(Decimal) -> OrderRule) -> Option<BrokenRule> {
        self.max.filter(|max| number > *max).map(|max| self.broken(number, rule(max)))
    }

    fn too_precise(&self, number: Decimal, rule: fn(u32) -> OrderRule) -> Option<BrokenRule> {
        let is_too_precise = |decimals: &u32| number.normalize().scale() > *decimals;
        self.decimals.filter(is_too_precise).map(|decimals| self.broken(number, rule(decimals)))
    }

    fn broken(&self, number: Decimal, rule: OrderRule) -> BrokenRule {
        BrokenRule { rule, found: Some(number), nearest: self.nearest(number) }
    }

    /// Returns the nearest valid number, and the smaller one of two.
    fn nearest(&self, number: Decimal) -> Option<Decimal> {
        let lowest = self.min.map(|min| self.ceil(min)).max(self.unit());
        let highest = self.max.map(|max| self.floor(max));
        if lowest.zip(highest).is_some_and(|(lowest, highest)| lowest > highest) {
            return None;
        }
        let below = self.floor(number);
        let above = self.ceil(number);
        let rounded = if above - number < number - below { above } else { below };
        let raised = lowest.map_or(rounded, |lowest| rounded.max(lowest));
        let nearest = highest.map_or(raised, |highest| raised.min(highest));
        Some(nearest.normalize()).filter(|nearest| *nearest > Decimal::ZERO)
    }

    /// Returns the smallest number. `None` if the decimal places are unlimited, or more than a decimal can have.
    fn unit(&self) -> Option<Decimal> {
        Decimal::try_from_i128_with_scale(1, self.decimals?).ok()
    }

    /// Rounds a number that is not negative down to the allowed decimal places.
    fn floor(&self, number: Decimal) -> Decimal {
        match self.decimals {
            Some(decimals) if number.scale() > decimals => number.trunc_with_scale(decimals),
            _ => number,
        }
    }

    /// Rounds a number that is not negative up to the allowed decimal places.
    fn ceil(&self, number: Decimal) -> Decimal {
        let floor = self.floor(number);
        if floor == number {
            return floor;
        }
        // The sum has fewer digits than the number, so it does not overflow.
        self.unit().and_then(|unit| floor.checked_add(unit)).unwrap_or(floor)
    }
}

#[cfg(test)]
mod tests;
