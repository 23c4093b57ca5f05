//! How things stand, for people: whole tables.

use std::collections::VecDeque;

use bitopro_client::Item;
use bitopro_client::model::Message;

use super::feed::{Entry, Feed, Picture};
use super::filter::Filter;
use super::layout::Layout;
use super::table::{self, BalanceRows, Sheet, Style, Table, time_of_day};

/// How many of the latest notes are kept below the tables.
const NOTES: usize = 4;

pub(super) struct Board {
    table: Table,
    /// What the account held when it was first seen.
    first: BalanceRows,
    /// On a terminal the tables are drawn over the last ones, with the latest notes below them.
    terminal: Option<Terminal>,
}

struct Terminal {
    /// How many lines there are, which may change.
    height: fn() -> usize,
    notes: VecDeque<String>,
    is_outdated: bool,
}

impl Board {
    pub(super) fn new(table: Table, height_of_terminal: Option<fn() -> usize>) -> Self {
        let terminal =
            height_of_terminal.map(|height| Terminal { height, notes: VecDeque::new(), is_outdated: false });
        Self { table, first: BalanceRows::default(), terminal }
    }

    pub(super) fn print(&mut self, entry: &Entry, filter: &Filter, feed: &dyn Feed, lines: &mut String) {
        let is_change = matches!(entry.item, Item::Snapshot(_) | Item::Update(_));
        match &mut self.terminal {
            Some(terminal) => {
                terminal.is_outdated = true;
                if !is_change {
                    let mut note = String::new();
                    self.table.print(entry, &mut note);
                    terminal.notes.push_back(note);
                    if terminal.notes.len() > NOTES {
                        terminal.notes.pop_front();
                    }
                }
            }
            None if is_change => {
                if let Some(picture) = filter.picture(feed, entry.stream) {
                    section(&picture, &mut self.first, None, &mut self.table.sheet(lines));
                }
            }
            None => self.table.print(entry, lines),
        }
    }

    /// Draws everything over what was drawn before, if it is to look different.
    pub(super) fn draw(&mut self, filter: &Filter, feed: &dyn Feed, lines: &mut String) {
        let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_outdated) else { return };
        terminal.is_outdated = false;
        // The cursor stands below the last line.
        let height = (terminal.height)().saturating_sub(1);
        let pictures: Vec<Picture> =
            feed.streams().iter().filter_map(|stream| filter.picture(feed, *stream)).collect();
        let wanted: Vec<usize> = pictures.iter().map(|picture| table::height(&picture.events)).collect();
        let layout = Layout::new(height, &wanted, terminal.notes.len());
        let mut drawn = String::new();
        for (picture, body) in pictures.iter().zip(&layout.bodies) {
            section(picture, &mut self.first, Some(*body), &mut self.table.sheet(&mut drawn));
            if layout.is_spaced {
                drawn.push('\n');
            }
        }
        let older = terminal.notes.len() - layout.notes;
        drawn.extend(terminal.notes.iter().skip(older).map(String::as_str));
        over(&drawn, height, lines);
    }
}

/// What puts the first lines of a text over all that is on a terminal, without a moment at which nothing is there.
fn over(text: &str, height: usize, lines: &mut String) {
    const HOME: &str = "\x1b[H";
    const CLEAR_REST: &str = "\x1b[K";
    const CLEAR_BELOW: &str = "\x1b[J";
    // A line that is too long would else take two.
    const CUT: &str = "\x1b[?7l";
    const WRAP: &str = "\x1b[?7h";

    lines.extend([HOME, CUT]);
    for line in text.lines().take(height) {
        lines.extend([line, CLEAR_REST, "\n"]);
    }
    lines.extend([CLEAR_BELOW, WRAP]);
}

/// A heading and the table of one stream, whose body has at most so many lines.
fn section(picture: &Picture, first: &mut BalanceRows, body: Option<usize>, sheet: &mut Sheet<'_>) {
    let as_of = picture.as_of.map(|time| format!("as of {} UTC", time_of_day(time)));
    let stale = if picture.is_stale { "may be out of date" } else { "" };
    let line = sheet.line().cell(Style::Cyan, picture.stream).cell(Style::Dim, as_of.unwrap_or_default());
    line.cell(Style::Yellow, stale).end();
    if let [Message::AccountBalance(event)] = picture.events.as_slice() {
        return first.since(event, body, sheet);
    }
    table::state(&picture.events, body, sheet);
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bitopro_client::model::PrivateStream;

    use super::*;
    use crate::watch::samples;

    /// Open orders that do not change, and trades of which nothing is known yet.
    struct Still;

    impl Feed for Still {
        fn streams(&self) -> &'static [PrivateStream] {
            &[PrivateStream::ActiveOrders, PrivateStream::UserTrades]
        }

        fn poll_entry(&mut self, _: &mut Context<'_>) -> Poll<Option<Entry>> {
            Poll::Pending
        }

        fn picture(&self, stream: PrivateStream) -> Option<Picture> {
            let events = vec![Message::from_json(samples::ORDERS).unwrap()];
            let picture = Picture { stream, as_of: None, age: Duration::ZERO, is_stale: true, events };
            (stream == PrivateStream::ActiveOrders).then_some(picture)
        }

        fn request_close(&self) {}
    }

    fn gone(number: u32) -> Entry {
        let unknown = Message::from_json(&format!("{{\"event\":\"NEWS_{number}\"}}")).unwrap();
        let Message::Unknown(unknown) = unknown else { panic!("nobody knows it") };
        Entry { stream: PrivateStream::UserTrades, item: Item::Unknown(unknown) }
    }

    #[test]
    fn a_terminal_is_drawn_over_when_something_happened_and_shows_the_latest_notes() {
        let mut board = Board::new(Table::new(false, true), Some(|| 24));
        let filter = Filter::default();
        let mut draw = |entries: std::ops::Range<u32>| {
            let mut lines = String::new();
            for number in entries {
                board.print(&gone(number), &filter, &Still, &mut lines);
            }
            assert_eq!(lines, "", "nothing is drawn in between");
            board.draw(&filter, &Still, &mut lines);
            lines
        };
        assert_eq!(draw(0..0), "");
        let drawn = draw(0..6);
        assert!(drawn.starts_with("\x1b[H\x1b[?7lactive-orders  may be out of date\x1b[K\n"), "{drawn}");
        assert!(drawn.contains("8917255503") && !drawn.contains("\nuser-trades\n"), "{drawn}");
        assert!(!drawn.contains("NEWS_1\x1b") && drawn.ends_with("NEWS_5\x1b[K\n\x1b[J\x1b[?7h"), "{drawn}");
        assert_eq!(drawn.matches("NEWS_").count(), NOTES);
        assert_eq!(draw(0..0), "");
    }

    #[test]
    fn it_fits_on_any_terminal() {
        const HEIGHTS: [fn() -> usize; 6] = [|| 0, || 1, || 3, || 5, || 7, || 100];
        for height in HEIGHTS {
            let mut board = Board::new(Table::new(false, true), Some(height));
            let mut lines = String::new();
            for number in 0..6 {
                board.print(&gone(number), &Filter::default(), &Still, &mut lines);
            }
            board.draw(&Filter::default(), &Still, &mut lines);
            // Heading, columns, two orders, an empty line and four notes.
            assert_eq!(lines.matches('\n').count(), (height)().saturating_sub(1).min(9), "{lines}");
        }
    }
}
