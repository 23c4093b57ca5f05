use bitopro_client::rest::{GetTradingPairs, TradingPair};
use jiff::tz::TimeZone;

use super::{call, note, print, without_account};
use crate::args::PairsArgs;
use crate::exit::{Failure, Status};
use crate::filter::Filter;
use crate::table::{Appearance, Cell, Column, Row, Section, Style, heading};

/// The columns: pair, the rules for amount and price, and remarks.
const COLUMNS: &[Column] = &[
    Column::LEFT,
    Column::NUMBER,
    Column::NUMBER.with_rank(2),
    Column::RIGHT.with_rank(5),
    Column::RIGHT.with_rank(6),
    Column::NUMBER.with_rank(4),
    Column::RIGHT.with_rank(1),
    Column::LEFT.with_rank(3),
];

const NAMES: [&str; 8] = [
    "PAIR",
    "MIN AMOUNT",
    "MAX AMOUNT",
    "AMOUNT DECIMALS",
    "PRICE DECIMALS",
    "MIN MARKET BUY",
    "MAX ORDERS",
    "",
];

pub(crate) fn run(args: PairsArgs) -> Result<Status, Failure> {
    let PairsArgs { filter, format, trust } = args;
    let filter = Filter::new(filter);
    let all = without_account(&trust, async |rest| call(&rest, &GetTradingPairs::new()).await)?;
    if let Some(code) = filter.unmatched_code(&all.iter().map(|pair| &pair.pair).collect::<Vec<_>>()) {
        note(&format!("no pair matches `{code}`"));
    }
    let pairs: Vec<TradingPair> = all.into_iter().filter(|pair| filter.matches_pair(&pair.pair)).collect();
    print(&format, &pairs, || table(&pairs, &Appearance::of_stdout(TimeZone::UTC)))
}

fn table(pairs: &[TradingPair], look: &Appearance) -> String {
    let rows = pairs.iter().map(row).collect();
    let note_above = pairs.is_empty().then(|| "no pairs".to_owned());
    Section { heading: heading(&NAMES), rows, note_above, note_below: None }.to_lines(COLUMNS, look)
}

fn row(pair: &TradingPair) -> Row {
    let remark = if pair.maintain == Some(true) { "maintenance" } else { "" };
    vec![
        Cell::plain(&pair.pair),
        Cell::optional(pair.min_limit_base_amount),
        Cell::optional(pair.max_limit_base_amount),
        Cell::optional(pair.amount_precision.or(pair.base_precision)),
        Cell::optional(pair.quote_precision),
        Cell::optional(pair.min_market_buy_quote_amount),
        Cell::optional(pair.order_open_limit),
        Cell::new(Style::Yellow, &remark),
    ]
}
