use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balance, Message, PrivateStream, Stream, Timestamp};
use bitopro_client::{Item, Stats, StreamItem, StreamState};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::keys::Reaction;
use super::view::View;
use crate::filter::Filter;
use crate::samples::{self, look};

const STREAMS: &[Stream] = &[
    Stream::Private(PrivateStream::AccountBalance),
    Stream::Private(PrivateStream::ActiveOrders),
    Stream::Private(PrivateStream::UserTrades),
];
const NOW: Timestamp = Timestamp::from_millis(1_639_553_304_000);

fn view() -> View {
    View::new(STREAMS, Filter::new(Vec::new()), look(|| Some(80)), None)
}

fn states() -> BTreeMap<Stream, StreamState> {
    let state = |stream: PrivateStream, json: &str| {
        (Stream::from(stream), StreamState::new(stream, vec![Message::from_json(json).unwrap()]))
    };
    [
        state(PrivateStream::AccountBalance, samples::BALANCES),
        state(PrivateStream::ActiveOrders, samples::ORDERS),
        state(PrivateStream::UserTrades, samples::TRADE),
    ]
    .into()
}

/// Returns the numbers of connected streams, of which the open orders are not fresh.
fn stats() -> Stats {
    let mut stats = Stats::default();
    for stream in STREAMS {
        let numbers = stats.streams.entry(*stream).or_default();
        let is_fresh = *stream != PrivateStream::ActiveOrders;
        (numbers.subscriptions, numbers.connected, numbers.fresh) = (1, 1, u64::from(is_fresh));
        (numbers.counters.connections, numbers.counters.gaps) = if is_fresh { (1, 0) } else { (3, 2) };
        numbers.counters.pings = 7;
        (numbers.data_age, numbers.frame_age) =
            (Some(Duration::from_millis(61_250)), Some(Duration::from_millis(1_500)));
    }
    stats
}

/// Returns the view after its states were read.
fn filled() -> View {
    let mut view = view();
    update(&mut view);
    view
}

fn update(view: &mut View) {
    let states = states();
    view.update(|stream| states.get(&stream).cloned(), stats());
}

fn press(view: &mut View, codes: &[KeyCode]) {
    for code in codes {
        assert_eq!(view.handle_key(KeyEvent::new(*code, KeyModifiers::NONE)), Reaction::Continue);
    }
}

/// Draws the view on a terminal of this size, and returns its text.
fn drawn(view: &mut View, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, view, NOW)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn the_streams_and_their_health_fit_a_terminal_of_80_columns_and_24_lines() {
    insta::assert_snapshot!(drawn(&mut filled(), 80, 24));
}

#[test]
fn a_large_terminal_shows_more_columns() {
    insta::assert_snapshot!(drawn(&mut filled(), 120, 40));
}

#[test]
fn nothing_panics_on_a_terminal_of_any_size() {
    for width in [1, 2, 10, 40, 300] {
        for height in [1, 2, 3, 5, 8, 100] {
            let mut view = filled();
            press(&mut view, &[KeyCode::Char('?')]);
            drawn(&mut view, width, height);
        }
    }
}

#[test]
fn the_keys_select_enlarge_scroll_and_pause() {
    let mut view = filled();
    press(&mut view, &[KeyCode::Tab, KeyCode::Enter]);
    let enlarged = drawn(&mut view, 80, 24);
    assert!(enlarged.contains("8917255503") && !enlarged.contains("balances"), "{enlarged}");
    press(&mut view, &[KeyCode::PageDown]);
    let scrolled = drawn(&mut view, 80, 5);
    assert!(!scrolled.contains("8917255503") && scrolled.contains("SL-7"), "{scrolled}");
    press(&mut view, &[KeyCode::Enter, KeyCode::BackTab, KeyCode::Char('p')]);
    assert!(drawn(&mut view, 80, 24).contains("paused"));
    press(&mut view, &[KeyCode::Char('?')]);
    assert!(drawn(&mut view, 80, 24).contains("scroll the selected stream"));
    press(&mut view, &[KeyCode::Char('q')]);
    assert!(!drawn(&mut view, 80, 24).contains("scroll the selected stream"), "any key closes the help");
    let quit = |code, modifiers| self::view().handle_key(KeyEvent::new(code, modifiers));
    assert_eq!(quit(KeyCode::Char('q'), KeyModifiers::NONE), Reaction::Quit);
    assert_eq!(quit(KeyCode::Char('c'), KeyModifiers::CONTROL), Reaction::Quit);
}

#[test]
fn a_paused_view_keeps_its_states_and_shows_the_current_health() {
    let mut view = view();
    press(&mut view, &[KeyCode::Char('p')]);
    update(&mut view);
    assert!(view.states.is_empty());
    assert!(drawn(&mut view, 80, 24).contains("1 of 3 streams may be out of date"));
    press(&mut view, &[KeyCode::Char('p')]);
    update(&mut view);
    assert_eq!(view.states.len(), 3);
}

#[test]
fn the_entered_filter_applies_to_the_next_states() {
    let mut view = filled();
    press(&mut view, &[KeyCode::Char('/'), KeyCode::Char('e'), KeyCode::Char('t'), KeyCode::Char('h')]);
    assert!(drawn(&mut view, 80, 24).contains("filter: eth▏"));
    press(&mut view, &[KeyCode::Enter]);
    update(&mut view);
    let filtered = drawn(&mut view, 80, 24);
    assert!(filtered.contains("only eth") && !filtered.contains("8917255503"), "{filtered}");
    press(&mut view, &[KeyCode::Char('/'), KeyCode::Enter]);
    update(&mut view);
    assert!(drawn(&mut view, 80, 24).contains("8917255503"));
}

#[test]
fn the_balance_that_changed_last_comes_first_unless_another_order_is_chosen() {
    let mut view = view();
    let balances =
        [("ADA", 1), ("BTC", 3), ("ETH", 2)].map(|(code, amount)| Balance::new(code, amount.into()));
    let event = AccountBalance::new(NOW, balances.into_iter().collect());
    let state = StreamState::new(PrivateStream::AccountBalance, vec![event.into()]);
    view.changed_at.insert("ETH".into(), NOW);
    let mut order = |key: Option<char>| {
        press(&mut view, &key.map(KeyCode::Char).into_iter().collect::<Vec<_>>());
        view.update(|stream| Some(state.clone()).filter(|state| state.stream == stream), stats());
        let text = drawn(&mut view, 80, 24);
        let rows = text.lines().filter_map(|line| line.trim_matches('"').split_whitespace().next());
        rows.filter(|word| ["ADA", "BTC", "ETH"].contains(word)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order(None), "ETH ADA BTC");
    assert_eq!(order(Some('s')), "ADA BTC ETH");
    assert_eq!(order(Some('s')), "BTC ETH ADA");
    assert_eq!(order(Some('s')), "ETH ADA BTC");
}

#[test]
fn items_become_notes() {
    let mut view = filled();
    let unknown = Message::from_json(r#"{"event":"MAINTENANCE"}"#).unwrap();
    let Message::Unknown(unknown) = unknown else { panic!("the event is known") };
    view.add(StreamItem::new(STREAMS[2], Item::Unknown(unknown)));
    assert!(drawn(&mut view, 80, 24).contains("trades: unknown event MAINTENANCE"));
}

#[test]
fn a_hostile_note_cannot_control_the_terminal() {
    let mut view = filled();
    let error = Message::from_json("{\"event\":\"\\u001b[2J\\u202e\"}").unwrap();
    let Message::Unknown(unknown) = error else { panic!("the event is known") };
    view.add(StreamItem::new(STREAMS[2], Item::Unknown(unknown)));
    let text = drawn(&mut view, 80, 24);
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && text.contains("unknown event \\u{1b}[2J"), "{text}");
}
