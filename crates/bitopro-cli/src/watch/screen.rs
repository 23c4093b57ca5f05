//! How things stand, for people: whole tables.

use std::collections::VecDeque;

use bitopro_client::model::{Message, PrivateStream};
use bitopro_client::{Item, StreamState};

use super::layout::Layout;
use super::table::{self, BalanceChanges, Style, Table, TextTable, time_of_day};

/// How many of the latest notes are kept below the tables.
const NOTES: usize = 4;

pub(super) struct Screen {
    table: Table,
    /// The last change of each balance.
    changes: BalanceChanges,
    /// On a terminal the tables are drawn over the last ones, with the latest notes below them.
    terminal: Option<Terminal>,
}

struct Terminal {
    /// How many lines there are, which may change.
    height: fn() -> usize,
    notes: VecDeque<String>,
    is_outdated: bool,
}

impl Screen {
    pub(super) fn new(table: Table, height_of_terminal: Option<fn() -> usize>) -> Self {
        let terminal =
            height_of_terminal.map(|height| Terminal { height, notes: VecDeque::new(), is_outdated: false });
        Self { table, changes: BalanceChanges::new(), terminal }
    }

    /// Prints an item of a stream, or the state that it led to. On a terminal, that is left to [`draw`](Self::draw).
    pub(super) fn print(
        &mut self,
        stream: PrivateStream,
        item: &Item<Message>,
        changes: BalanceChanges,
        state: impl FnOnce() -> Option<StreamState>,
        lines: &mut String,
    ) {
        let is_data = matches!(item, Item::Snapshot(_) | Item::Update(_));
        self.changes.extend(changes);
        match &mut self.terminal {
            Some(terminal) => {
                terminal.is_outdated = true;
                if !is_data {
                    terminal.notes.push_back(self.table.note(stream, item));
                    if terminal.notes.len() > NOTES {
                        terminal.notes.pop_front();
                    }
                }
            }
            None if is_data => {
                if let Some(state) = state() {
                    section(&state, &self.changes, None, &mut self.table.sheet(lines));
                }
            }
            None => lines.push_str(&self.table.note(stream, item)),
        }
    }

    /// Draws the states over what was drawn before, if anything has happened since.
    pub(super) fn draw(&mut self, states: impl Iterator<Item = StreamState>, lines: &mut String) {
        let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_outdated) else { return };
        terminal.is_outdated = false;
        // The cursor stands below the last line.
        let height = (terminal.height)().saturating_sub(1);
        let states: Vec<StreamState> = states.collect();
        let wanted: Vec<usize> = states.iter().map(|state| table::height(&state.messages)).collect();
        let layout = Layout::new(height, &wanted, terminal.notes.len());
        let mut drawn = String::new();
        for (state, body) in states.iter().zip(&layout.bodies) {
            section(state, &self.changes, Some(*body), &mut self.table.sheet(&mut drawn));
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

/// Prints a heading and the table of one stream, whose body has at most this many lines.
fn section(state: &StreamState, changes: &BalanceChanges, body: Option<usize>, sheet: &mut TextTable<'_>) {
    let as_of = state.as_of.map(|time| format!("as of {} UTC", time_of_day(time)));
    let stale = if state.is_stale { "may be out of date" } else { "" };
    let line = sheet.line().cell(Style::Cyan, state.stream).cell(Style::Dim, as_of.unwrap_or_default());
    line.cell(Style::Yellow, stale).end();
    table::state(&state.messages, changes, body, sheet);
}

#[cfg(test)]
mod tests {
    use super::{BalanceChanges, Item, Message, NOTES, PrivateStream, Screen, StreamState, Table};
    use crate::watch::samples;

    fn board(height: fn() -> usize) -> Screen {
        Screen::new(Table::new(false, true), Some(height))
    }

    /// Reports an unknown event.
    fn note(board: &mut Screen, number: u32, lines: &mut String) {
        let unknown = Message::from_json(&format!("{{\"event\":\"NEWS_{number}\"}}")).unwrap();
        let Message::Unknown(unknown) = unknown else { panic!("nobody knows it") };
        board.print(
            PrivateStream::UserTrades,
            &Item::Unknown(unknown),
            BalanceChanges::new(),
            || None,
            lines,
        );
    }

    fn draw(board: &mut Screen, stream: PrivateStream, json: &str) -> String {
        let events = vec![Message::from_json(json).unwrap()];
        let mut lines = String::new();
        board.draw([StreamState::new(stream, events)].into_iter(), &mut lines);
        lines
    }

    #[test]
    fn a_terminal_is_drawn_over_when_something_happened_and_shows_the_latest_notes() {
        let mut board = board(|| 24);
        let mut draw = |numbers: std::ops::Range<u32>| {
            let mut lines = String::new();
            for number in numbers {
                note(&mut board, number, &mut lines);
            }
            assert_eq!(lines, "", "nothing is drawn in between");
            draw(&mut board, PrivateStream::ActiveOrders, samples::ORDERS)
        };
        assert_eq!(draw(0..0), "");
        let drawn = draw(0..6);
        assert!(
            drawn.starts_with("\x1b[H\x1b[?7lactive-orders as of 07:28:23 UTC may be out of date\x1b[K\n"),
            "{drawn}"
        );
        assert!(drawn.contains("8917255503"), "{drawn}");
        assert!(!drawn.contains("NEWS_1\x1b") && drawn.ends_with("NEWS_5\x1b[K\n\x1b[J\x1b[?7h"), "{drawn}");
        assert_eq!(drawn.matches("NEWS_").count(), NOTES);
        assert_eq!(draw(0..0), "");
    }

    #[test]
    fn a_balance_shows_its_last_change_until_the_next() {
        let mut board = board(|| 24);
        let message = Message::from_json(samples::BALANCES).unwrap();
        let (stream, update) = (PrivateStream::AccountBalance, Item::Update(message));
        for (changed, expected) in [("BTC -0.25", "-0.25"), ("TWD 1", "-0.25"), ("BTC 0.10", "+0.10")] {
            let changes = samples::changes(changed);
            board.print(stream, &update, changes, || None, &mut String::new());
            let drawn = draw(&mut board, stream, samples::BALANCES);
            let row = drawn.lines().find(|line| line.contains("BTC")).unwrap();
            assert!(row.trim_end_matches("\x1b[K").ends_with(expected), "{drawn}");
        }
    }

    #[test]
    fn it_fits_on_any_terminal() {
        const HEIGHTS: [fn() -> usize; 6] = [|| 0, || 1, || 3, || 5, || 7, || 100];
        for height in HEIGHTS {
            let mut board = board(height);
            for number in 0..6 {
                note(&mut board, number, &mut String::new());
            }
            let lines = draw(&mut board, PrivateStream::ActiveOrders, samples::ORDERS);
            // Heading, columns, two orders, an empty line and four notes.
            assert_eq!(lines.matches('\n').count(), (height)().saturating_sub(1).min(9), "{lines}");
        }
    }
}
