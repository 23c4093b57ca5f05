#![doc = include_str!("../README.md")]

mod balances;
mod base_url;
mod call;
mod endpoint;
mod error;
mod limit;
mod list;
mod market;
mod orders;
mod paging;
mod parts;
mod refusal;
mod transfers;

pub use balances::GetBalances;
pub use base_url::BaseUrl;
pub use call::{Call, PublicCall};
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind};
pub use limit::{Limit, LimitScope};
pub use list::List;
pub use market::{
    BookLevel, Candle, CurrencyInfo, Fees, GetCandles, GetCurrencies, GetFees, GetOrderBook, GetTicker,
    GetTickers, GetTrades, GetTradingPairs, MarketTrade, OrderBook, Resolution, Ticker, TradingFee,
    TradingPair,
};
pub use orders::{
    BatchEntry, CancelAllOrders, CancelOrder, CancelOrders, CancelPairOrders, CancelledOrder,
    CancelledOrders, GetOpenOrders, GetOrder, GetOrderHistory, GetOwnTrades, OwnTrade, PlaceBatch,
    PlaceOrder, PlacedOrder, StatusKind, Trigger,
};
pub use paging::{Completeness, PagedCall, Pager, Pages, Unproved};
pub use transfers::{GetDeposits, GetWithdrawals, Transfer, TransferStatus};
