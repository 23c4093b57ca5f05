//! The tables of public streams: order books, tickers and the trades of the market.

use bitopro_client::model::{
    BookLevel, Decimal, MarketTrade, MarketTrades, Message, OrderBook, Pair, Ticker, Timestamp, exact_add,
};

use super::grid::{Cell, Column, Row};
use super::{RowFormat, Section, Style, View};

/// The columns of all three tables: time, stream, pair and up to six values.
pub(crate) const COLUMNS: &[Column] = &[
    Column::LEFT.with_rank(Column::MAIN),
    Column::LEFT.with_rank(3),
    Column::LEFT,
    Column::NUMBER.with_rank(1),
    Column::NUMBER.with_rank(2),
    Column::NUMBER,
    Column::NUMBER,
    Column::NUMBER.with_rank(2),
    Column::NUMBER.with_rank(1),
];

const BEST: &[&str] = &["PAIR", "", "BID AMOUNT", "BID", "ASK", "ASK AMOUNT", "SPREAD"];
const LEVELS: &[&str] = &["PAIR", "BID TOTAL", "BID AMOUNT", "BID", "ASK", "ASK AMOUNT", "ASK TOTAL"];
const TICKERS: &[&str] = &["PAIR", "CHANGE", "VOLUME", "LAST"];
const TRADES: &[&str] = &["PAIR", "SIDE", "AMOUNT", "PRICE"];

/// Returns the names of the columns of a message in this view.
fn names(message: &Message, view: View) -> &'static [&'static str] {
    match (message, view) {
        (Message::OrderBook(_), View::Log) => BEST,
        (Message::OrderBook(_), _) => LEVELS,
        (Message::Ticker(_), _) => TICKERS,
        _ => TRADES,
    }
}

/// Returns the heading of the rows of a message.
pub(crate) fn heading(message: &Message, format: &RowFormat<'_>) -> Row {
    let now = message.timestamp().unwrap_or(Timestamp::from_millis(0));
    format.heading(&format.look.time_heading(now), names(message, format.view))
}

/// Returns the rows of a message: one for a ticker and for the best prices of a book, and one for each trade, the
/// oldest first.
pub(crate) fn rows(message: &Message, format: &RowFormat<'_>) -> Vec<Row> {
    match message {
        Message::OrderBook(book) => vec![best(book, format)],
        Message::Ticker(ticker) => vec![ticker_row(ticker, format)],
        Message::MarketTrades(event) => trades(event, format),
        _ => Vec::new(),
    }
}

/// Returns the table of the last message of each pair, with at most `body` lines.
pub(super) fn section(messages: &[Message], body: Option<usize>, format: &RowFormat<'_>) -> Section {
    let mut rows: Vec<Row> = Vec::new();
    // Every pair gets the same number of lines.
    let share = body.map(|body| (body / messages.len().max(1)).max(1));
    for message in messages {
        let all = match message {
            Message::OrderBook(book) => levels(book, format),
            other => self::rows(other, format),
        };
        let skipped = match message {
            // The best prices come first, and the latest trades last.
            Message::MarketTrades(_) => share.map_or(0, |share| all.len().saturating_sub(share)),
            _ => 0,
        };
        rows.extend(all.into_iter().skip(skipped).take(share.unwrap_or(usize::MAX)));
    }
    let heading = messages.first().map(|message| heading(message, format)).unwrap_or_default();
    let note_below = rows.is_empty().then(|| "nothing yet".to_owned());
    Section { heading, rows, note_above: None, note_below }
}

/// Returns the number of lines of the complete table.
pub(super) fn height(messages: &[Message]) -> usize {
    let lines = |message: &Message| match message {
        Message::OrderBook(book) => book.bids.len().max(book.asks.len()),
        Message::MarketTrades(event) => event.data.len(),
        _ => 1,
    };
    messages.iter().map(lines).sum()
}

/// Creates a row that begins with a time and a pair.
fn row(time: Timestamp, pair: &Pair, cells: impl IntoIterator<Item = Cell>, format: &RowFormat<'_>) -> Row {
    let pair = Cell::plain(&pair.as_str().to_ascii_lowercase());
    format.row(&format.look.time_of_day(time), [pair].into_iter().chain(cells))
}

fn best(book: &OrderBook, format: &RowFormat<'_>) -> Row {
    let (bid, ask) = (book.best_bid(), book.best_ask());
    let cells = [
        Cell::plain(&""),
        Cell::optional(bid.map(|level| level.amount)),
        price(bid, Style::Green),
        price(ask, Style::Red),
        Cell::optional(ask.map(|level| level.amount)),
        Cell::optional(book.spread()),
    ];
    row(book.timestamp, &book.pair, cells, format)
}

fn price(level: Option<&BookLevel>, style: Style) -> Cell {
    level.map_or_else(|| Cell::optional(None::<Decimal>), |level| Cell::new(style, &level.price))
}

/// Returns one row for each level of a book, the best prices first.
fn levels(book: &OrderBook, format: &RowFormat<'_>) -> Vec<Row> {
    let side = |levels: &[BookLevel], style| -> Vec<[Cell; 3]> {
        let cells = levels.iter().scan(Some(Decimal::ZERO), |total, level| {
            *total = level.total.or_else(|| exact_add((*total)?, level.amount));
            Some([Cell::optional(*total), Cell::plain(&level.amount), Cell::new(style, &level.price)])
        });
        cells.collect()
    };
    let (bids, asks) = (side(&book.bids, Style::Green), side(&book.asks, Style::Red));
    let empty = || [Cell::plain(&""), Cell::plain(&""), Cell::plain(&"")];
    let count = bids.len().max(asks.len());
    let sides = bids.into_iter().map(Some).chain(std::iter::repeat(None));
    let sides = sides.zip(asks.into_iter().map(Some).chain(std::iter::repeat(None)));
    let rows = sides.take(count).map(|(bid, ask)| {
        let [bid_total, bid_amount, bid] = bid.unwrap_or_else(empty);
        let [ask_total, ask_amount, ask] = ask.unwrap_or_else(empty);
        let cells = [bid_total, bid_amount, bid, ask, ask_amount, ask_total];
        row(book.timestamp, &book.pair, cells, format)
    });
    rows.collect()
}

fn ticker_row(ticker: &Ticker, format: &RowFormat<'_>) -> Row {
    let change = ticker.price_change_24h.map(|change| format!("{change}%"));
    let cells = [
        Cell::optional(change),
        Cell::optional(ticker.volume_24h),
        Cell::new(Style::Bold, &ticker.last_price),
    ];
    row(ticker.timestamp, &ticker.pair, cells, format)
}

fn trades(event: &MarketTrades, format: &RowFormat<'_>) -> Vec<Row> {
    let row = |trade: &MarketTrade| {
        let (side, style) = match trade.is_buyer {
            Some(true) => ("buy", Style::Green),
            Some(false) => ("sell", Style::Red),
            None => (super::ABSENT, Style::Plain),
        };
        let cells = [Cell::new(style, &side), Cell::plain(&trade.amount), Cell::plain(&trade.price)];
        let pair = Cell::plain(&event.pair.as_str().to_ascii_lowercase());
        // The first list can contain trades of earlier days.
        let time = format.time(trade.traded(), event.timestamp);
        format.row(&time, [pair].into_iter().chain(cells))
    };
    event.data.iter().rev().map(row).collect()
}
