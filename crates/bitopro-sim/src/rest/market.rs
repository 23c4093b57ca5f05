//! Public data.

use std::collections::BTreeSet;

use bitopro_model::Timestamp;
use serde_json::{Value, json};

use crate::exchange::account::fill::Role;
use crate::exchange::account::rank::Rank;
use crate::exchange::feed::series::{BOOK_LIMITS, DEFAULT_BOOK_LIMIT};
use crate::rest::Reply;
use crate::rest::call::Call;
use crate::rest::json::{list, seconds, with_8_decimals};
use crate::rest::refused::{invalid, wrong_parameter};
use crate::{BookLevel, CandleSpan, CommandError, Ticker};

/// Number of recent trades. An assumption.
const TRADES: usize = 100;

/// Lists the currencies of all pairs. Their fees and limits are assumptions.
pub(super) fn currencies(call: &Call<'_>) -> Value {
    let pairs = call.exchange.pairs().iter();
    let codes: BTreeSet<String> =
        pairs.flat_map(|rules| rules.pair.as_str().split('_').map(str::to_ascii_uppercase)).collect();
    list(codes.into_iter().map(|code| {
        json!({
            "currency": code,
            "withdrawFee": "1",
            "minWithdraw": "10",
            "maxWithdraw": "1000000",
            "maxDailyWithdraw": "2000000",
            "withdraw": true,
            "deposit": true,
            "depositConfirmation": "0",
        })
    }))
}

pub(super) fn trading_pairs(call: &Call<'_>) -> Value {
    list(call.exchange.pairs().iter().map(|rules| {
        let (base, quote) = rules.pair.as_str().split_once('_').unwrap_or_default();
        json!({
            "pair": rules.pair.as_str(),
            "base": base,
            "quote": quote,
            "basePrecision": rules.base_precision.to_string(),
            "quotePrecision": rules.quote_precision.to_string(),
            "minLimitBaseAmount": rules.min_amount.to_string(),
            "maxLimitBaseAmount": rules.max_amount.to_string(),
            "minMarketBuyQuoteAmount": rules.min_market_buy.to_string(),
            "orderOpenLimit": rules.open_order_limit.to_string(),
            "maintain": rules.is_in_maintenance,
            "orderBookQuotePrecision": rules.book_precision.to_string(),
            "orderBookQuoteScaleLevel": rules.book_scale_levels.to_string(),
            "amountPrecision": rules.amount_precision.to_string(),
        })
    }))
}

/// Writes the fees of all ranks (measured). The other tables are empty here.
pub(super) fn fees() -> Value {
    let ranks = Rank::ALL.iter().map(|rank| {
        let (volume, bito) = rank.required;
        let symbol = if *rank == Rank::LOWEST { "<" } else { ">=" };
        let fee = |role| rank.fee_rate(role).to_string();
        let bito_fee = |role| rank.bito_fee_rate(role).to_string();
        json!({
            "rank": rank.number,
            "twdVolumeSymbol": symbol,
            "twdVolume": volume.to_string(),
            "bitoAmountSymbol": symbol,
            "bitoAmount": bito.to_string(),
            "makerFee": fee(Role::Maker),
            "takerFee": fee(Role::Taker),
            "makerBitoFee": bito_fee(Role::Maker),
            "takerBitoFee": bito_fee(Role::Taker),
            "rankCondition": if rank.number < 5 { "or" } else { "and" },
            "gridBotMakerFee": "0.0005",
            "gridBotTakerFee": "0.0005",
        })
    });
    json!({
        "tradingFeeRate": ranks.collect::<Vec<_>>(),
        "restrictionsOfWithdrawalFees": [],
        "cryptocurrencyDepositFeeAndConfirmation": [],
        "ttCheckFeesAndLimitationsLevel1": [],
        "ttCheckFeesAndLimitationsLevel2": [],
    })
}

pub(super) fn order_book(call: &Call<'_>) -> Reply {
    let rules = call.pair()?;
    let text = call.parameters.text("limit").unwrap_or("5");
    let limit = text.parse().map(|limit| if limit == 0 { DEFAULT_BOOK_LIMIT } else { limit });
    let limit =
        limit.ok().filter(|limit| BOOK_LIMITS.contains(limit)).ok_or_else(|| invalid("limit", text))?;
    let text = call.parameters.text("scale").unwrap_or("0");
    let scale = text.parse().map_err(|_| invalid("scale", text))?;
    let book = call.exchange.order_book(&rules.pair, limit, scale)?;
    let side = |levels: &[BookLevel]| -> Vec<Value> { levels.iter().map(level).collect() };
    Ok(json!({ "bids": side(&book.bids), "asks": side(&book.asks) }))
}

fn level(level: &BookLevel) -> Value {
    json!({
        "price": level.price.to_string(),
        "amount": with_8_decimals(level.amount),
        "count": level.count,
        "total": with_8_decimals(level.total),
    })
}

pub(super) fn tickers(call: &Call<'_>) -> Reply {
    let pairs = call.exchange.pairs().iter();
    let tickers = pairs.map(|rules| Ok(written(&call.exchange.ticker(&rules.pair, call.now)?)));
    Ok(list(tickers.collect::<Result<Vec<_>, CommandError>>()?))
}

/// Writes a single ticker, which is an object, unlike in the documentation.
pub(super) fn ticker(call: &Call<'_>) -> Reply {
    let ticker = call.exchange.ticker(&call.pair()?.pair, call.now)?;
    Ok(json!({ "data": written(&ticker) }))
}

fn written(ticker: &Ticker) -> Value {
    json!({
        "pair": ticker.pair.as_str(),
        "lastPrice": with_8_decimals(ticker.last_price),
        "isBuyer": ticker.is_buyer,
        "priceChange24hr": ticker.change_percent.to_string(),
        "volume24hr": with_8_decimals(ticker.volume),
        "high24hr": with_8_decimals(ticker.high),
        "low24hr": with_8_decimals(ticker.low),
    })
}

pub(super) fn trades(call: &Call<'_>) -> Reply {
    let trades = call.exchange.market_trades(&call.pair()?.pair).take(TRADES);
    Ok(list(trades.map(|trade| {
        json!({
            "timestamp": seconds(trade.created),
            "price": with_8_decimals(trade.price),
            "amount": with_8_decimals(trade.amount),
            "isBuyer": trade.is_buyer,
        })
    })))
}

pub(super) fn candles(call: &Call<'_>) -> Reply {
    let resolution = call.parameters.text("resolution").unwrap_or_default();
    let span = CandleSpan::ALL.iter().find(|(name, _)| *name == resolution);
    let (_, span) = span.ok_or_else(|| wrong_parameter("resolution"))?;
    let time = |name| {
        let seconds = call.parameters.number(name, 0..=i64::MAX / 1_000)?;
        seconds.map(|seconds| Timestamp::from_millis(seconds * 1_000)).ok_or_else(|| wrong_parameter(name))
    };
    let candles = call.exchange.candles(&call.pair()?.pair, *span, (time("from")?, time("to")?));
    Ok(list(candles.iter().map(|candle| {
        json!({
            "timestamp": candle.start.as_millis(),
            "open": candle.open.to_string(),
            "high": candle.high.to_string(),
            "low": candle.low.to_string(),
            "close": candle.close.to_string(),
            "volume": with_8_decimals(candle.volume),
        })
    })))
}
