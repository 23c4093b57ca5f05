//! The public calls: currencies, pairs, fees, and market data.

mod candle;
mod order_book;
mod provisioning;
mod ticker;
mod trade;

pub use bitopro_model::{BookLevel, MarketTrade};
pub use candle::{Candle, GetCandles, Resolution};
pub use order_book::{GetOrderBook, OrderBook};
pub use provisioning::{
    CurrencyInfo, Fees, GetCurrencies, GetFees, GetTradingPairs, TradingFee, TradingPair,
};
pub use ticker::{GetTicker, GetTickers, Ticker};
pub use trade::GetTrades;

use crate::PublicCall;

impl PublicCall for GetCurrencies {}
impl PublicCall for GetTradingPairs {}
impl PublicCall for GetFees {}
impl PublicCall for GetOrderBook {}
impl PublicCall for GetTickers {}
impl PublicCall for GetTicker {}
impl PublicCall for GetTrades {}
impl PublicCall for GetCandles {}
