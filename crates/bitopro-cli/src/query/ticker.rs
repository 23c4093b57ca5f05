use bitopro_client::Rest;
use bitopro_client::model::Decimal;
use bitopro_client::rest::{GetTicker, GetTickers, Ticker};
use jiff::tz::TimeZone;

use super::{call, print, without_account};
use crate::args::TickerArgs;
use crate::exit::{Failure, Status};
use crate::table::{ABSENT, Appearance, Cell, Column, Row, Section, Style, heading};

/// The columns: pair, last price, and change, highest price, lowest price and volume of 24 hours.
const COLUMNS: &[Column] = &[
    Column::LEFT,
    Column::NUMBER,
    Column::NUMBER.with_rank(4),
    Column::NUMBER.with_rank(2),
    Column::NUMBER.with_rank(1),
    Column::NUMBER.with_rank(3),
];

const NAMES: [&str; 6] = ["PAIR", "LAST", "CHANGE 24H", "HIGH 24H", "LOW 24H", "VOLUME 24H"];

pub(crate) fn run(args: TickerArgs) -> Result<Status, Failure> {
    let TickerArgs { pairs, format, trust } = args;
    let tickers = without_account(&trust, async |rest| tickers(&rest, pairs).await)?;
    print(&format, &tickers, || table(&tickers, &Appearance::of_stdout(TimeZone::UTC)))
}

async fn tickers(rest: &Rest, pairs: Vec<String>) -> Result<Vec<Ticker>, Failure> {
    if pairs.is_empty() {
        return Ok(call(rest, &GetTickers::new()).await?.items);
    }
    let mut tickers = Vec::new();
    for pair in pairs {
        tickers.push(call(rest, &GetTicker::new(pair)).await?);
    }
    Ok(tickers)
}

fn table(tickers: &[Ticker], look: &Appearance) -> String {
    let rows = tickers.iter().map(row).collect();
    let note_above = tickers.is_empty().then(|| "no pairs".to_owned());
    Section { heading: heading(&NAMES), rows, note_above, note_below: None }.to_lines(COLUMNS, look)
}

fn row(ticker: &Ticker) -> Row {
    vec![
        Cell::plain(&ticker.pair),
        Cell::plain(&ticker.last_price),
        change(ticker.price_change_24h),
        Cell::optional(ticker.high_24h),
        Cell::optional(ticker.low_24h),
        Cell::optional(ticker.volume_24h),
    ]
}

/// Returns the cell of a change in percent.
fn change(percent: Option<Decimal>) -> Cell {
    match percent {
        Some(percent) if percent.is_zero() => Cell::plain(&format_args!("{percent}%")),
        Some(percent) if percent.is_sign_negative() => Cell::new(Style::Red, &format_args!("{percent}%")),
        Some(percent) => Cell::new(Style::Green, &format_args!("+{percent}%")),
        None => Cell::plain(&ABSENT),
    }
}
