use bitopro_model::__private::wire_struct;
use bitopro_model::{Currency, Decimal, Pair};

use crate::List;
use crate::call::plain_calls;

plain_calls! {
    /// Gets the currencies, with the terms of deposits and withdrawals.
    GetCurrencies => Currencies, List<CurrencyInfo>;
    /// Gets the trading pairs, with precisions and minimum amounts.
    GetTradingPairs => TradingPairs, List<TradingPair>;
    /// Gets the trading fees by rank, and other limitations.
    GetFees => Fees, Fees;
}

wire_struct! {
    /// The terms of deposits and withdrawals of a currency on one network.
    pub struct CurrencyInfo ("a currency") {
        /// The currency, with its network if there are several: `USDT (ETH-ERC20)`.
        "currency" => currency: Currency,
        /// The fee of a withdrawal.
        "withdrawFee" => withdraw_fee: Option<Decimal>,
        /// The smallest amount that can be withdrawn.
        "minWithdraw" => min_withdraw: Option<Decimal>,
        /// The largest amount of one withdrawal.
        "maxWithdraw" => max_withdraw: Option<Decimal>,
        /// The largest amount that can be withdrawn per day.
        "maxDailyWithdraw" => max_daily_withdraw: Option<Decimal>,
        /// `true` if withdrawals are possible.
        "withdraw" => withdraw: Option<bool>,
        /// `true` if deposits are possible.
        "deposit" => deposit: Option<bool>,
        /// The number of confirmations that a deposit needs.
        "depositConfirmation" => deposit_confirmation: Option<String>,
    }
}

wire_struct! {
    /// A trading pair.
    ///
    /// The documents do not say which precision an amount must obey. `amount_precision` is the smaller one in all
    /// known replies, so rounding to it is safe.
    pub struct TradingPair ("a trading pair") {
        /// The pair in lowercase.
        "pair" => pair: Pair,
        /// The base currency in lowercase.
        "base" => base: Currency,
        /// The quote currency in lowercase.
        "quote" => quote: Currency,
        /// Number of decimal places of an amount.
        "basePrecision" => base_precision: Option<u32>,
        /// Number of decimal places of a price.
        "quotePrecision" => quote_precision: Option<u32>,
        /// The smallest amount of a limit order, in the base currency.
        "minLimitBaseAmount" => min_limit_base_amount: Option<Decimal>,
        /// The largest amount of a limit order, in the base currency.
        "maxLimitBaseAmount" => max_limit_base_amount: Option<Decimal>,
        /// The smallest amount of a market order that buys, in the quote currency.
        "minMarketBuyQuoteAmount" => min_market_buy_quote_amount: Option<Decimal>,
        /// The largest number of open orders of the pair.
        "orderOpenLimit" => order_open_limit: Option<u32>,
        /// `true` if the pair is under maintenance.
        "maintain" => maintain: Option<bool>,
        /// Number of decimal places of a price in the order book.
        "orderBookQuotePrecision" => order_book_quote_precision: Option<u32>,
        /// The largest `scale` of the order book.
        "orderBookQuoteScaleLevel" => order_book_quote_scale_level: Option<u32>,
        /// Number of decimal places of an amount, by the instructions of the exchange's skills hub.
        "amountPrecision" => amount_precision: Option<u32>,
    }
}

wire_struct! {
    /// The trading fees by rank. The other tables of the reply are in `extra`.
    pub struct Fees ("fees") {
        /// The fees of each rank.
        "tradingFeeRate" => trading_fees: Vec<TradingFee>,
    }
}

wire_struct! {
    /// The trading fees of a rank, as fractions of the amount: `0.001` is 0.1 %.
    pub struct TradingFee ("a trading fee") {
        /// The rank, starting at 0.
        "rank" => rank: i64,
        /// The comparison with the trading volume, such as `<`.
        "twdVolumeSymbol" => twd_volume_symbol: Option<String>,
        /// The trading volume in TWD that the rank requires.
        "twdVolume" => twd_volume: Option<Decimal>,
        /// The comparison with the amount of BITO.
        "bitoAmountSymbol" => bito_amount_symbol: Option<String>,
        /// The amount of BITO that the rank requires.
        "bitoAmount" => bito_amount: Option<Decimal>,
        /// The maker's fee.
        "makerFee" => maker_fee: Decimal,
        /// The taker's fee.
        "takerFee" => taker_fee: Decimal,
        /// The maker's fee, if paid in BITO.
        "makerBitoFee" => maker_bito_fee: Option<Decimal>,
        /// The taker's fee, if paid in BITO.
        "takerBitoFee" => taker_bito_fee: Option<Decimal>,
        /// `or` if volume or amount suffices, `and` if both are needed.
        "rankCondition" => rank_condition: Option<String>,
        /// The maker's fee of the grid bot.
        "gridBotMakerFee" => grid_bot_maker_fee: Option<Decimal>,
        /// The taker's fee of the grid bot.
        "gridBotTakerFee" => grid_bot_taker_fee: Option<Decimal>,
    }
}
