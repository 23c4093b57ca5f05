//! The keys of the live view.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::view::View;

/// The keys and what they do, for the help.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("q, Ctrl-C", "quit"),
    ("Tab", "select the next stream"),
    ("↑ ↓ PgUp PgDn", "scroll the selected stream"),
    ("Enter", "enlarge the selected stream, or show all"),
    ("s", "sort the balances: changed, name or amount"),
    ("/", "filter by currency or pair; empty for all"),
    ("p", "pause the view; the client continues"),
    ("?", "this help"),
];

/// The reaction of the caller to a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    Continue,
    Quit,
}

impl View {
    pub(super) fn handle_key(&mut self, key: KeyEvent) -> Reaction {
        if key.kind == KeyEventKind::Release {
            return Reaction::Continue;
        }
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Reaction::Quit;
        }
        if self.input.is_some() {
            self.edit_filter(key.code);
            return Reaction::Continue;
        }
        if std::mem::take(&mut self.shows_help) {
            return Reaction::Continue;
        }
        match key.code {
            KeyCode::Char('q') => return Reaction::Quit,
            KeyCode::Char('?') => self.shows_help = true,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('/') => self.input = Some(String::new()),
            KeyCode::Enter => self.is_enlarged = !self.is_enlarged,
            KeyCode::Tab => self.select(1),
            KeyCode::BackTab => self.select(self.panels().saturating_sub(1)),
            KeyCode::Down => self.scroll_by(1),
            KeyCode::Up => self.scroll_by(-1),
            KeyCode::PageDown => self.scroll_by(10),
            KeyCode::PageUp => self.scroll_by(-10),
            KeyCode::Home => self.scroll_by(isize::MIN),
            _ => {}
        }
        Reaction::Continue
    }

    fn edit_filter(&mut self, code: KeyCode) {
        let Some(input) = &mut self.input else { return };
        match code {
            KeyCode::Char(character) if character.is_ascii_alphanumeric() || character == '_' => {
                input.push(character);
            }
            KeyCode::Backspace => drop(input.pop()),
            KeyCode::Enter => {
                let input = std::mem::take(input);
                self.input = None;
                self.set_filter(input);
            }
            KeyCode::Esc => self.input = None,
            _ => {}
        }
    }
}
