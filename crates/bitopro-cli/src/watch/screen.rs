//! Prints the complete state of each stream as a table.

use std::collections::VecDeque;

use bitopro_client::model::{Message, Stream, Timestamp};
use bitopro_client::{Item, StreamState};

use super::layout::{LATEST_NOTE_LINES, Layout};
use super::notes::{Note, Notes, label};
use crate::table::balances::BalanceChanges;
use crate::table::{self, Appearance, Cell, Column, Grid, RowFormat, Style, View};

/// Maximum number of notes below the tables.
const MAX_NOTES: usize = 4;

pub(super) struct Screen {
    look: Appearance,
    notes: Notes,
    /// The last change of each balance.
    changes: BalanceChanges,
    /// The terminal, on which new tables replace the previous ones. `None` if the output is not a terminal.
    terminal: Option<Terminal>,
}

struct Terminal {
    /// Returns the current number of lines.
    height: fn() -> usize,
    notes: VecDeque<(Option<Timestamp>, Note)>,
    is_outdated: bool,
}

impl Screen {
    pub(super) fn new(look: Appearance, is_mixed: bool, terminal_height: Option<fn() -> usize>) -> Self {
        let terminal =
            terminal_height.map(|height| Terminal { height, notes: VecDeque::new(), is_outdated: false });
        Self { look, notes: Notes::new(is_mixed), changes: BalanceChanges::new(), terminal }
    }

    /// Prints an item of a stream, or the state after it. On a terminal, leaves this to [`draw`](Self::draw).
    pub(super) fn print(
        &mut self,
        stream: Stream,
        received: Option<Timestamp>,
        item: &Item<Message>,
        changes: BalanceChanges,
        state: impl FnOnce() -> Option<StreamState>,
        lines: &mut String,
    ) {
        self.changes.extend(changes);
        if let Some(note) = self.notes.describe(stream, item, &self.look) {
            self.add_note(received, note, lines);
        }
        let is_data = matches!(item, Item::Snapshot(_) | Item::Update(_));
        match &mut self.terminal {
            Some(terminal) => terminal.is_outdated = true,
            None if is_data => {
                if let Some(state) = state() {
                    print_state(&state, &self.changes, None, &self.look, lines);
                }
            }
            None => {}
        }
    }

    pub(super) fn add_note(&mut self, received: Option<Timestamp>, note: Note, lines: &mut String) {
        let Some(terminal) = &mut self.terminal else {
            return lines.push_str(&self.look.note(note.style, received, &note.text, usize::MAX));
        };
        terminal.notes.push_back((received, note));
        if terminal.notes.len() > MAX_NOTES {
            terminal.notes.pop_front();
        }
    }

    /// Makes [`draw`](Self::draw) draw although no item has arrived.
    pub(super) fn set_outdated(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.is_outdated = true;
        }
    }

    /// Draws the states over the previous ones, if any item has arrived since.
    pub(super) fn draw(&mut self, states: impl Iterator<Item = StreamState>, lines: &mut String) {
        let Some(terminal) = self.terminal.as_mut().filter(|terminal| terminal.is_outdated) else { return };
        terminal.is_outdated = false;
        // The last line is for the cursor.
        let height = (terminal.height)().saturating_sub(1);
        let states: Vec<StreamState> = states.collect();
        let wanted: Vec<usize> = states.iter().map(|state| table::height(&state.messages)).collect();
        let note_lines = |(time, note): &(Option<Timestamp>, Note), max_lines| -> Vec<String> {
            let lines = self.look.note(note.style, *time, &note.text, max_lines);
            lines.lines().map(|line| format!("{line}\n")).collect()
        };
        let latest = terminal.notes.back();
        let mut latest_lines = latest.map(|note| note_lines(note, LATEST_NOTE_LINES)).unwrap_or_default();
        let earlier = terminal.notes.iter().rev().skip(1).rev();
        let earlier: Vec<String> = earlier.flat_map(|note| note_lines(note, 1)).collect();
        let layout = Layout::new(height, &wanted, earlier.len() + latest_lines.len());
        if layout.notes < latest_lines.len() {
            latest_lines = latest.map(|note| note_lines(note, layout.notes)).unwrap_or_default();
        }
        let mut drawn = String::new();
        for (state, body) in states.iter().zip(&layout.bodies) {
            print_state(state, &self.changes, Some(*body), &self.look, &mut drawn);
            if layout.is_spaced {
                drawn.push('\n');
            }
        }
        let skipped = (earlier.len() + latest_lines.len()).saturating_sub(layout.notes);
        drawn.extend(earlier.into_iter().chain(latest_lines).skip(skipped));
        overwrite(&drawn, height, lines);
    }
}

/// Replaces the contents of a terminal with the first lines of a string, without flicker.
fn overwrite(text: &str, height: usize, lines: &mut String) {
    const HOME: &str = "\x1b[H";
    // Precedes the text: after a line that is exactly as wide as the terminal, it would erase the last column.
    const CLEAR_LINE: &str = "\x1b[K";
    const CLEAR_BELOW: &str = "\x1b[J";
    // Without this, a line that is too long would occupy two lines.
    const NO_WRAP: &str = "\x1b[?7l";
    const WRAP: &str = "\x1b[?7h";

    lines.extend([HOME, NO_WRAP]);
    for line in text.lines().take(height) {
        lines.extend([CLEAR_LINE, line, "\n"]);
    }
    lines.extend([CLEAR_BELOW, WRAP]);
}

/// Prints a title and the table of one stream, with at most `body` lines below its column names.
fn print_state(
    state: &StreamState,
    changes: &BalanceChanges,
    body: Option<usize>,
    look: &Appearance,
    lines: &mut String,
) {
    const TITLE: &[Column] = &[Column::LEFT; 3];

    let as_of = state.as_of.map(|time| format!("as of {}", look.time_of_day(time)));
    let stale = if state.is_stale { "may be out of date" } else { "" };
    let title = vec![
        Cell::new(Style::Cyan, &label(state.stream)),
        Cell::new(Style::Dim, &as_of.unwrap_or_default()),
        Cell::new(Style::Yellow, &stale),
    ];
    Grid::new(TITLE).rows(&[title], look, lines);
    let format = RowFormat { look, stream: None, view: View::State };
    table::print_all(&state.messages, changes, body, &format, lines);
}

#[cfg(test)]
mod tests {
    use bitopro_client::model::PrivateStream;

    use super::{BalanceChanges, Item, MAX_NOTES, Message, Note, Screen, StreamState, Style};
    use crate::samples::{self, look};

    fn screen(height: fn() -> usize) -> Screen {
        Screen::new(look(|| Some(80)), true, Some(height))
    }

    /// Prints an unknown event, which becomes a note.
    fn print_note(screen: &mut Screen, number: u32, lines: &mut String) {
        let unknown = Message::from_json(&format!("{{\"event\":\"UNKNOWN_{number}\"}}")).unwrap();
        let Message::Unknown(unknown) = unknown else { panic!("the event is known") };
        screen.print(
            PrivateStream::UserTrades.into(),
            None,
            &Item::Unknown(unknown),
            BalanceChanges::new(),
            || None,
            lines,
        );
    }

    fn draw(screen: &mut Screen, stream: PrivateStream, json: &str) -> String {
        let events = vec![Message::from_json(json).unwrap()];
        let mut lines = String::new();
        screen.draw([StreamState::new(stream, events)].into_iter(), &mut lines);
        lines
    }

    #[test]
    fn the_terminal_is_redrawn_after_new_items_and_shows_the_latest_notes() {
        let mut screen = screen(|| 24);
        let mut draw = |numbers: std::ops::Range<u32>| {
            let mut lines = String::new();
            for number in numbers {
                print_note(&mut screen, number, &mut lines);
            }
            assert_eq!(lines, "", "printing an item draws nothing");
            draw(&mut screen, PrivateStream::ActiveOrders, samples::ORDERS)
        };
        assert_eq!(draw(0..0), "");
        let drawn = draw(0..6);
        assert!(
            drawn.starts_with("\x1b[H\x1b[?7l\x1b[Korders as of 07:28:23 may be out of date\n"),
            "{drawn}"
        );
        assert!(drawn.contains("8917255503"), "{drawn}");
        assert!(!drawn.contains("UNKNOWN_1\n") && drawn.ends_with("UNKNOWN_5\n\x1b[J\x1b[?7h"), "{drawn}");
        assert_eq!(drawn.matches("UNKNOWN_").count(), MAX_NOTES);
        assert_eq!(draw(0..0), "");
    }

    #[test]
    fn the_latest_note_has_two_lines_if_there_is_room() {
        const HEIGHTS: [fn() -> usize; 3] = [|| 24, || 7, || 6];
        let ends = HEIGHTS.map(|height| {
            let mut screen = screen(height);
            print_note(&mut screen, 1, &mut String::new());
            let text =
                "orders: connected again after 11.0 s; events between 23:14:31 and 23:14:42 may be missing";
            screen.add_note(None, Note { style: Style::Yellow, text: text.to_owned() }, &mut String::new());
            screen.set_outdated();
            let drawn = draw(&mut screen, PrivateStream::ActiveOrders, samples::ORDERS);
            let lines = drawn.lines().map(|line| line.replace("\x1b[K", "")).skip(4);
            lines.filter(|line| !line.is_empty() && !line.starts_with('\x1b')).collect::<Vec<_>>()
        });
        let first = "· orders: connected again after 11.0 s; events between 23:14:31 and 23:14:42 may";
        let whole = [first, "  be missing"];
        assert_eq!(ends[0], ["· trades: unknown event UNKNOWN_1", whole[0], whole[1]]);
        assert_eq!(ends[1], whole);
        let cut = "· orders: connected again after 11.0 s; events between 23:14:31 and 23:14:42 ma…";
        assert_eq!(ends[2], [cut]);
    }

    #[test]
    fn a_balance_shows_its_last_change_until_the_next_one() {
        let mut screen = screen(|| 24);
        let message = Message::from_json(samples::BALANCES).unwrap();
        let (stream, update) = (PrivateStream::AccountBalance, Item::Update(message));
        for (changed, expected) in [("BTC -0.25", "-0.25"), ("TWD 1", "-0.25"), ("BTC 0.10", "+0.10")] {
            let changes = samples::changes(changed);
            screen.print(stream.into(), None, &update, changes, || None, &mut String::new());
            let drawn = draw(&mut screen, stream, samples::BALANCES);
            let row = drawn.lines().find(|line| line.contains("BTC")).unwrap();
            assert!(row.ends_with(expected), "{drawn}");
        }
    }

    #[test]
    fn the_screen_fits_terminals_of_any_height() {
        const HEIGHTS: [fn() -> usize; 6] = [|| 0, || 1, || 3, || 5, || 7, || 100];
        for height in HEIGHTS {
            let mut screen = screen(height);
            for number in 0..6 {
                print_note(&mut screen, number, &mut String::new());
            }
            let lines = draw(&mut screen, PrivateStream::ActiveOrders, samples::ORDERS);
            // Title, column names, two orders, an empty line and four notes.
            assert_eq!(lines.matches('\n').count(), (height)().saturating_sub(1).min(9), "{lines}");
        }
    }
}
