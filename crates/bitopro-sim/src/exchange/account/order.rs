use bitopro_model::{Action, Condition, Currency, Decimal, OrderType, Pair};

use crate::CommandError;

/// An order to be placed. Amounts are of the base currency, for market orders too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub(crate) pair: Pair,
    pub(crate) action: Action,
    pub(crate) amount: Decimal,
    pub(crate) price: Decimal,
    pub(crate) kind: Kind,
    pub(crate) client_id: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Limit,
    PostOnly,
    Market,
    StopLimit { stop_price: Decimal, condition: Condition },
}

impl NewOrder {
    /// Executes at this price or better.
    pub fn limit(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::of(Kind::Limit, pair, action, amount, price)
    }

    /// A limit order that is cancelled if the market would match it immediately.
    pub fn post_only(pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self::of(Kind::PostOnly, pair, action, amount, price)
    }

    /// Executes immediately and completely, at the market's price.
    pub fn market(pair: impl Into<Pair>, action: Action, amount: Decimal) -> Self {
        Self::of(Kind::Market, pair, action, amount, Decimal::ZERO)
    }

    /// Makes it a stop-limit order, which becomes a limit order at its price when the market's price meets the condition
    /// at `stop_price`.
    #[must_use]
    pub fn with_stop(mut self, condition: Condition, stop_price: Decimal) -> Self {
        self.kind = Kind::StopLimit { stop_price, condition };
        self
    }

    /// Gives it an id of the client's own: none unless set. The exchange documents 1 to 2,147,483,647.
    #[must_use]
    pub fn with_client_id(mut self, id: u32) -> Self {
        self.client_id = Some(id);
        self
    }

    fn of(kind: Kind, pair: impl Into<Pair>, action: Action, amount: Decimal, price: Decimal) -> Self {
        Self { pair: pair.into(), action, amount, price, kind, client_id: None }
    }

    pub(crate) fn order_type(&self) -> OrderType {
        match self.kind {
            Kind::Limit | Kind::PostOnly => OrderType::Limit,
            Kind::Market => OrderType::Market,
            Kind::StopLimit { .. } => OrderType::StopLimit,
        }
    }
}

/// Returns base and quote in upper case, as balances have them.
pub(crate) fn currencies(pair: &Pair) -> Result<(Currency, Currency), CommandError> {
    let upper = |part: &Currency| Currency::new(part.as_str().to_ascii_uppercase());
    pair.split()
        .map(|(base, quote)| (upper(&base), upper(&quote)))
        .filter(|(base, quote)| base != quote && !base.as_str().is_empty() && !quote.as_str().is_empty())
        .ok_or_else(|| CommandError::NotAPair(pair.clone()))
}
