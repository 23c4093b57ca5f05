//! The exchange as a data structure without sockets, tasks or clocks.

pub(crate) mod account;
mod book;
pub(crate) mod command_error;
mod core;
pub(crate) mod events;
pub(crate) mod exact;
pub(crate) mod feed;
mod id_sequence;
mod market;
mod matching;
pub(crate) mod quirks;
pub(crate) mod recent_items;
pub(crate) mod uuid;

pub use self::core::Exchange;
pub use account::Account;
pub use account::holdings::Holdings;
pub use account::id::AccountId;
pub use account::order::NewOrder;
pub use account::query::{OrderQuery, OrderSelection, TradeQuery};
pub use account::trade_record::TradeRecord;
pub use book::{BookLevel, OrderBook};
pub use command_error::CommandError;
pub use events::push::Push;
pub use market::candle::{Candle, CandleSpan};
pub use market::pair_list::PairList;
pub use market::pair_rules::PairRules;
pub use market::ticker::Ticker;
pub use market::trade::MarketTrade;
pub use quirks::{
    ActiveUpdates, BalanceUpdates, BookRepeats, Cursors, Datetimes, DoneOrders, EventIds, FinalOrders,
    HistoryOnConnect, MatchIds, Nonces, OpenOrderTimes, OrderIdSequence, OrderIds, OrderTimes,
    PlacedOrderIds, Quirk, QuirkType, QuirkValue, Quirks, RateLimits, RestLag, TickerPairs, TickerRange,
    TradeListOrder, TradesOnConnect,
};
