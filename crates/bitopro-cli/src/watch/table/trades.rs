use bitopro_client::model::{Message, UserTrade};

use super::text_table::{Style, TextTable};
use super::{ABSENT, latest, orders, time_of_day};

/// Prints the table of the latest trades.
pub(super) fn table(trades: &[Message], body: Option<usize>, out: &mut TextTable<'_>) {
    heading(out);
    for trade in latest(trades, body, "trades", out) {
        if let Message::UserTrade(event) = trade {
            row(event, out);
        }
    }
}

pub(super) fn heading(out: &mut TextTable<'_>) {
    let bold = Style::Bold;
    let line = out.heading().left(bold, 9, "PAIR").left(bold, 13, "ORDER").left(bold, 4, "SIDE");
    let line = line.left(bold, 6, "ROLE").right(bold, 11, "PRICE").right(bold, 19, "VOLUME");
    line.cell(bold, "FEE").end();
}

pub(super) fn row(event: &UserTrade, out: &mut TextTable<'_>) {
    let trade = &event.data;
    let line = out.row(&time_of_day(event.timestamp));
    orders::shared_cells(line, &trade.pair(), &trade.order_id, &trade.action())
        .left(
            Style::Plain,
            6,
            trade.is_maker.map_or(ABSENT, |is_maker| if is_maker { "maker" } else { "taker" }),
        )
        .right(Style::Plain, 11, trade.price)
        .right(Style::Plain, 19, trade.volume)
        .cell(Style::Dim, format_args!("{} {}", trade.fee, trade.fee_currency))
        .end();
}
