//! How things stand, for people: whole tables.

use std::collections::VecDeque;

use bitopro_client::Item;

use super::feed::{Entry, Feed, Picture};
use super::filter::Filter;
use super::table::{Sheet, Style, Table, state, time_of_day};

/// How many of the latest notes are kept below the tables.
const NOTES: usize = 4;
/// How many rows a table has on a terminal, which is only so high.
const ROWS: usize = 10;

pub(super) struct Board {
    table: Table,
    /// On a terminal the tables are drawn over the last ones, with the latest notes below them.
    terminal: Option<Terminal>,
}

#[derive(Default)]
struct Terminal {
    notes: VecDeque<String>,
    is_outdated: bool,
}

impl Board {
    pub(super) fn new(table: Table, on_terminal: bool) -> Self {
        Self { table, terminal: on_terminal.then(Terminal::default) }
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
                    section(&picture, None, &mut self.table.sheet(lines));
                }
            }
            None => self.table.print(entry, lines),
        }
    }

    /// Draws everything over what was drawn before, if it is to look different.
    pub(super) fn draw(&mut self, filter: &Filter, feed: &dyn Feed, lines: &mut String) {
        const HOME: &str = "\x1b[H";
        const CLEAR_BELOW: &str = "\x1b[J";

        let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_outdated) else { return };
        terminal.is_outdated = false;
        lines.extend([HOME, CLEAR_BELOW]);
        for &stream in feed.streams() {
            if let Some(picture) = filter.picture(feed, stream) {
                section(&picture, Some(ROWS), &mut self.table.sheet(lines));
                lines.push('\n');
            }
        }
        lines.extend(terminal.notes.iter().map(String::as_str));
    }
}

/// A heading and the table of one stream.
fn section(picture: &Picture, rows: Option<usize>, sheet: &mut Sheet<'_>) {
    let as_of = picture.as_of.map(|time| format!("as of {} UTC", time_of_day(time)));
    let stale = if picture.is_stale { "may be out of date" } else { "" };
    let line = sheet.line().cell(Style::Cyan, picture.stream).cell(Style::Dim, as_of.unwrap_or_default());
    line.cell(Style::Yellow, stale).end();
    state(&picture.events, rows, sheet);
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bitopro_client::model::{Message, PrivateStream};

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
        let mut board = Board::new(Table::new(false, true), true);
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
        assert!(drawn.starts_with("\x1b[H\x1b[Jactive-orders  may be out of date\n"), "{drawn}");
        assert!(drawn.contains("8917255503") && !drawn.contains("\nuser-trades\n"), "{drawn}");
        assert!(!drawn.contains("NEWS_1\n") && drawn.ends_with("NEWS_5\n"), "{drawn}");
        assert_eq!(drawn.matches("NEWS_").count(), NOTES);
        assert_eq!(draw(0..0), "");
    }
}
