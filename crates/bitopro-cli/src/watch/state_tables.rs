//! Prints the complete state of a stream as a table after each change.

use bitopro_client::model::{Message, Stream, Timestamp};
use bitopro_client::{Item, StreamState};

use super::notes::{Note, Notes, label};
use crate::table::balances::BalanceChanges;
use crate::table::{self, Appearance, Cell, Column, Grid, RowFormat, Style, View};

pub(super) struct StateTables {
    look: Appearance,
    notes: Notes,
    /// The last change of each balance.
    changes: BalanceChanges,
}

impl StateTables {
    pub(super) fn new(look: Appearance, is_mixed: bool) -> Self {
        Self { look, notes: Notes::new(is_mixed), changes: BalanceChanges::new() }
    }

    /// Prints the note about an item, if it needs one, and the state after data.
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
            self.print_note(received, &note, lines);
        }
        if matches!(item, Item::Snapshot(_) | Item::Update(_))
            && let Some(state) = state()
        {
            self.print_state(&state, lines);
        }
    }

    pub(super) fn print_note(&self, received: Option<Timestamp>, note: &Note, lines: &mut String) {
        lines.push_str(&self.look.note(note.style, received, &note.text, usize::MAX));
    }

    /// Prints a title and the table of one stream.
    fn print_state(&self, state: &StreamState, lines: &mut String) {
        const TITLE: &[Column] = &[Column::LEFT; 3];

        let look = &self.look;
        let as_of = state.as_of.map(|time| format!("as of {}", look.time_of_day(time)));
        let stale = if state.is_stale { "may be out of date" } else { "" };
        let title = vec![
            Cell::new(Style::Cyan, &label(state.stream)),
            Cell::new(Style::Dim, &as_of.unwrap_or_default()),
            Cell::new(Style::Yellow, &stale),
        ];
        Grid::new(TITLE).rows(&[title], look, lines);
        let format = RowFormat { look, stream: None, view: View::State };
        table::print_all(&state.messages, &self.changes, None, &format, lines);
    }
}

#[cfg(test)]
mod tests {
    use bitopro_client::model::PrivateStream;

    use super::{BalanceChanges, Item, Message, StateTables, StreamState};
    use crate::samples::{self, look};

    #[test]
    fn a_balance_shows_its_last_change_until_the_next_one() {
        let mut tables = StateTables::new(look(|| Some(80)), true);
        let message = Message::from_json(samples::BALANCES).unwrap();
        let (stream, update) = (PrivateStream::AccountBalance, Item::Update(message.clone()));
        for (changed, expected) in [("BTC -0.25", "-0.25"), ("TWD 1", "-0.25"), ("BTC 0.10", "+0.10")] {
            let (changes, mut lines) = (samples::changes(changed), String::new());
            let state = || Some(StreamState::new(stream, vec![message.clone()]));
            tables.print(stream.into(), None, &update, changes, state, &mut lines);
            let row = lines.lines().find(|line| line.contains("BTC")).unwrap();
            assert!(row.ends_with(expected), "{lines}");
        }
    }

    #[test]
    fn an_item_without_data_prints_a_note_and_no_table() {
        let mut tables = StateTables::new(look(|| Some(80)), true);
        let unknown = Message::from_json("{\"event\":\"UNKNOWN\"}").unwrap();
        let Message::Unknown(unknown) = unknown else { panic!("the event is known") };
        let (stream, mut lines) = (PrivateStream::UserTrades.into(), String::new());
        tables.print(stream, None, &Item::Unknown(unknown), BalanceChanges::new(), || panic!(), &mut lines);
        assert_eq!(lines, "· trades: unknown event UNKNOWN\n");
    }
}
