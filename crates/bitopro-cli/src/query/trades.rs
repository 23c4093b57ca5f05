use bitopro_client::Rest;
use bitopro_client::rest::{GetOwnTrades, OwnTrade};
use jiff::Timestamp;

use super::window::{Window, latest, read_all};
use super::{print, to_model, with_account};
use crate::args::{ListArgs, TradesArgs};
use crate::exit::{Failure, Status};
use crate::table::{ABSENT, Appearance, Cell, Column, Row, Section, Style, heading, orders};

/// The columns: time, trade, order, side, role, price, amount, value and fee.
const COLUMNS: &[Column] = &[
    Column::LEFT.with_rank(Column::MAIN),
    Column::LEFT.with_rank(1),
    Column::LEFT.with_rank(2),
    Column::LEFT.with_rank(Column::MAIN + 2),
    Column::LEFT.with_rank(3),
    Column::NUMBER.with_rank(Column::MAIN + 1),
    Column::NUMBER,
    Column::NUMBER.with_rank(4),
    Column::LEFT.with_rank(5),
];

pub(crate) fn run(args: TradesArgs) -> Result<Status, Failure> {
    let TradesArgs { pair, list: ListArgs { window, format, times, credentials, trust } } = args;
    let (now, time_zone) = (Timestamp::now(), times.time_zone());
    let window = Window::new(&window, now, &time_zone)?;
    let trades = with_account(&credentials, &trust, async |rest| trades(&rest, &pair, &window).await)?;
    print(&format, &trades, || table(&trades, now, &Appearance::of_stdout(time_zone)))
}

pub(super) async fn trades(rest: &Rest, pair: &str, window: &Window) -> Result<Vec<OwnTrade>, Failure> {
    Ok(latest(read_all(rest, GetOwnTrades::new(pair), window).await?, window))
}

fn table(trades: &[OwnTrade], now: Timestamp, look: &Appearance) -> String {
    let time = look.time_heading(to_model(now));
    let names = [&*time, "TRADE", "ORDER", "SIDE", "ROLE", "PRICE", "AMOUNT", "VALUE", "FEE"];
    let rows = trades.iter().map(|trade| row(trade, look)).collect();
    let note_above = trades.is_empty().then(|| "no trades".to_owned());
    Section { heading: heading(&names), rows, note_above, note_below: None }.to_lines(COLUMNS, look)
}

fn row(trade: &OwnTrade, look: &Appearance) -> Row {
    let time = trade.created().map_or_else(|| ABSENT.to_owned(), |time| look.date_and_time(time));
    let role = trade.is_taker.map_or(ABSENT, |is_taker| if is_taker { "taker" } else { "maker" });
    vec![
        Cell::plain(&time),
        Cell::new(Style::Dim, &trade.trade_id),
        Cell::new(Style::Dim, &trade.order_id),
        orders::side(&trade.action),
        Cell::plain(&role),
        Cell::plain(&trade.price),
        Cell::plain(&trade.base_amount),
        Cell::optional(trade.quote_amount),
        Cell::new(Style::Dim, &format_args!("{} {}", trade.fee, trade.fee_symbol)),
    ]
}
