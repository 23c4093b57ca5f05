use bitopro_client::model::{Message, Timestamp, UserTrade};

use super::grid::{Cell, Row};
use super::{ABSENT, RowFormat, Section, Style, latest, orders};

pub(crate) const NAMES: &[&str] = &["PAIR", "ORDER", "SIDE", "ROLE", "PRICE", "VOLUME", "FEE"];

/// Returns the table of the latest trades.
pub(super) fn section(trades: &[Message], body: Option<usize>, format: &RowFormat<'_>) -> Section {
    let (shown, note_above) = latest(trades, body, "trades");
    let events = shown.iter().filter_map(|trade| match trade {
        Message::UserTrade(event) => Some(event),
        _ => None,
    });
    let now = trades.last().and_then(Message::timestamp).unwrap_or(Timestamp::from_millis(0));
    let rows = events.map(|event| row(event, format)).collect();
    let heading = format.heading(&format.look.time_heading(now), NAMES);
    Section { heading, rows, note_above, note_below: None }
}

pub(crate) fn row(event: &UserTrade, format: &RowFormat<'_>) -> Row {
    let trade = &event.data;
    let role = trade.is_maker.map_or(ABSENT, |is_maker| if is_maker { "maker" } else { "taker" });
    let cells = [
        Cell::plain(&role),
        Cell::plain(&trade.price),
        Cell::plain(&trade.volume),
        Cell::new(Style::Dim, &format_args!("{} {}", trade.fee, trade.fee_currency)),
    ];
    let shared = orders::shared_cells(&trade.pair(), &trade.order_id, &trade.action());
    format.row(&format.look.time_of_day(event.timestamp), shared.into_iter().chain(cells))
}
