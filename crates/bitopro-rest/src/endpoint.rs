use std::fmt;

use http::Method;

use crate::{Limit, LimitScope};

/// Declares the endpoints: name, method, path, access, and the limits beside the general one.
macro_rules! endpoints {
    ($($(#[$meta:meta])* $name:ident = $method:ident $path:literal, $access:ident, $limits:expr;)*) => {
        /// An endpoint of the REST API, with everything about it that does not depend on parameters.
        ///
        /// # Examples
        ///
        /// ```
        /// use bitopro_rest::Endpoint;
        ///
        /// assert_eq!(Endpoint::Order.to_string(), "GET /orders/{pair}/{id}");
        /// assert!(Endpoint::Order.is_repeatable() && !Endpoint::PlaceOrder.is_repeatable());
        /// let strictest = Endpoint::CancelAllOrders.limits().min_by_key(|limit| limit.count);
        /// assert_eq!(strictest.map(|limit| limit.count), Some(1));
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Endpoint {
            $($(#[$meta])* $name,)*
        }

        impl Endpoint {
            /// All endpoints.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the HTTP method.
            pub const fn method(self) -> Method {
                match self {
                    $(Self::$name => Method::$method,)*
                }
            }

            /// Returns the path below the base URL, with parameters in braces: `/orders/{pair}/{id}`.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$name => $path,)*
                }
            }

            /// Returns whether the request must be signed.
            pub const fn is_signed(self) -> bool {
                match self {
                    $(Self::$name => matches!(Access::$access, Access::Signed),)*
                }
            }

            /// Returns the limits beside the general one.
            const fn own_limits(self) -> &'static [Limit] {
                match self {
                    $(Self::$name => $limits,)*
                }
            }
        }
    };
}

enum Access {
    Public,
    Signed,
}

const NONE: &[Limit] = &[];
const PLACED: &[Limit] = &Limit::per_address_and_account("placing orders", 1_200, 60);
const BATCHES: &[Limit] = &Limit::per_address_and_account("placing batches", 90, 60);
const CANCELLED: &[Limit] = &Limit::per_address_and_account("cancelling an order", 900, 60);
/// The documents mention 2 per second and 1 per second on the same page.
const CANCELLED_ALL: &[Limit] = &Limit::per_address_and_account("cancelling all orders", 1, 1);
const CANCELLED_MANY: &[Limit] = &[Limit::per_address("cancelling several orders", 2, 1)];
const OPEN: &[Limit] = &Limit::per_address_and_account("reading open orders", 5, 1);

endpoints! {
    /// The currencies, with the terms of deposits and withdrawals.
    Currencies = GET "/provisioning/currencies", Public, NONE;
    /// The trading pairs, with precisions and minimum amounts.
    TradingPairs = GET "/provisioning/trading-pairs", Public, NONE;
    /// The trading fees and other limitations.
    Fees = GET "/provisioning/limitations-and-fees", Public, NONE;
    /// The order book of a pair.
    OrderBook = GET "/order-book/{pair}", Public, NONE;
    /// The tickers of all pairs.
    Tickers = GET "/tickers", Public, NONE;
    /// The ticker of a pair.
    Ticker = GET "/tickers/{pair}", Public, NONE;
    /// The recent public trades of a pair.
    Trades = GET "/trades/{pair}", Public, NONE;
    /// The candles of a pair.
    Candles = GET "/trading-history/{pair}", Public, NONE;
    /// The account's balances.
    Balances = GET "/accounts/balance", Signed, NONE;
    /// Places an order.
    PlaceOrder = POST "/orders/{pair}", Signed, PLACED;
    /// Places up to ten orders.
    PlaceBatch = POST "/orders/batch", Signed, BATCHES;
    /// Cancels an order.
    CancelOrder = DELETE "/orders/{pair}/{id}", Signed, CANCELLED;
    /// Cancels all orders of a pair.
    CancelPairOrders = DELETE "/orders/{pair}", Signed, CANCELLED_ALL;
    /// Cancels all orders of the account.
    CancelAllOrders = DELETE "/orders/all", Signed, CANCELLED_ALL;
    /// Cancels orders by id.
    CancelOrders = PUT "/orders", Signed, CANCELLED_MANY;
    /// An order of the last 90 days.
    Order = GET "/orders/{pair}/{id}", Signed, NONE;
    /// The open orders.
    OpenOrders = GET "/orders/open", Signed, OPEN;
    /// The orders of a pair, open and closed.
    OrderHistory = GET "/orders/all/{pair}", Signed, NONE;
    /// The account's trades of a pair.
    OwnTrades = GET "/orders/trades/{pair}", Signed, NONE;
    /// The deposits of a currency.
    Deposits = GET "/wallet/depositHistory/{currency}", Signed, NONE;
    /// The withdrawals of a currency.
    Withdrawals = GET "/wallet/withdrawHistory/{currency}", Signed, NONE;
}

impl Endpoint {
    /// Returns whether the call can be repeated if it is unknown whether the exchange has received it.
    ///
    /// Only a `GET` can. A repeated order is placed twice. A repeated cancellation of all orders also cancels
    /// those placed in between, and that of a single order fails if the first one succeeded.
    pub fn is_repeatable(self) -> bool {
        self.method() == Method::GET
    }

    /// Returns all limits that count this call: the general one and its own. A public call counts only by
    /// address.
    pub fn limits(self) -> impl Iterator<Item = Limit> {
        let all = Limit::GENERAL.into_iter().chain(self.own_limits().iter().copied());
        all.filter(move |limit| self.is_signed() || limit.scope == LimitScope::Address)
    }
}

impl fmt::Display for Endpoint {
    /// Formats the method and the path: `GET /orders/{pair}/{id}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method(), self.path())
    }
}
