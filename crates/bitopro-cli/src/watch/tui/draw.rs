//! Draws the live view.

use bitopro_client::StreamStats;
use bitopro_client::model::{Message, Stream, Timestamp};
use bitopro_client::transport::printable;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style as TerminalStyle, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph};

use super::keys::KEYS;
use super::view::View;
use crate::exit::MAX_LINE;
use crate::table::{self, EscapeCodes, Grid, RowFormat, Spans, Style, View as TableView};
use crate::watch::notes::label;

/// Maximum number of lines of notes.
const NOTES: usize = 3;
/// Number of lines above the rows of a stream: its title and the names of the columns.
const HEADER_LINES: u16 = 2;
/// Time in milliseconds for which a changed balance is highlighted.
const FLASH_MS: i64 = 2_000;

pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View, now: Timestamp) {
    let notes = note_lines(view, frame.area().width.into());
    let notes_height = u16::try_from(notes.len()).unwrap_or(0);
    let rows =
        [Constraint::Length(1), Constraint::Min(0), Constraint::Length(notes_height), Constraint::Length(1)];
    let [header, body, below, footer] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(header_line(view, now), header);
    draw_streams(frame, view, now, body);
    frame.render_widget(Paragraph::new(notes), below);
    frame.render_widget(footer_line(view), footer);
    if view.shows_help {
        draw_help(frame);
    }
}

/// Returns the last lines of the notes. Only the latest note may have several lines.
fn note_lines(view: &View, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (number, (time, note)) in view.notes.iter().rev().enumerate() {
        let time = time.map(|time| view.look.time_of_day(time) + " ").unwrap_or_default();
        let text = format!("{time}{}", printable(&note.text, MAX_LINE));
        let wrapped = textwrap::wrap(&text, width.max(1));
        let shown = wrapped.into_iter().take(if number == 0 { NOTES } else { 1 });
        let style = style(note.style, view.look.escapes);
        let shown: Vec<Line<'static>> = shown.map(|line| Line::styled(line.into_owned(), style)).collect();
        lines.splice(0..0, shown);
        if lines.len() >= NOTES {
            break;
        }
    }
    lines.split_off(lines.len().saturating_sub(NOTES))
}

fn header_line(view: &View, now: Timestamp) -> Line<'static> {
    let escapes = view.look.escapes;
    let fresh = view.streams.iter().filter(|stream| is_live(view.stats.get(stream))).count();
    let (text, health) = match view.streams.len() - fresh {
        0 => ("live".to_owned(), Style::Green),
        stale => (format!("{stale} of {} streams may be out of date", view.streams.len()), Style::Yellow),
    };
    let mut spans = vec![
        Span::styled("BitoPro ", style(Style::Bold, escapes)),
        Span::raw(format!("{} ", view.look.date_and_time(now))),
        Span::styled(text, style(health, escapes)),
    ];
    if view.is_paused {
        spans.push(Span::styled("  paused", style(Style::Yellow, escapes)));
    }
    if !view.filter_text.is_empty() {
        spans.push(Span::raw(format!("  only {}", view.filter_text)));
    }
    Line::from(spans)
}

fn footer_line(view: &View) -> Line<'static> {
    match &view.input {
        Some(input) => Line::from(format!("filter: {input}▏ (Enter to apply, Esc to cancel)")),
        None => Line::from(format!(
            "q quit  Tab select  ↑↓ scroll  Enter enlarge  s sort: {}  / filter  ? help",
            view.sort.name()
        ))
        .style(style(Style::Dim, view.look.escapes)),
    }
}

/// Returns whether the state of a stream is known and fresh now, even if the view is paused.
fn is_live(stats: Option<&StreamStats>) -> bool {
    stats.is_some_and(|stats| stats.subscriptions > 0 && stats.fresh == stats.subscriptions)
}

/// Draws each stream, or only the selected one if it is enlarged.
fn draw_streams(frame: &mut Frame<'_>, view: &mut View, now: Timestamp, area: Rect) {
    let shown: Vec<usize> =
        if view.is_enlarged { vec![view.selected] } else { (0..view.streams.len()).collect() };
    let wanted = shown.iter().map(|index| {
        let state = view.streams.get(*index).and_then(|stream| view.states.get(stream));
        HEADER_LINES
            + state.map_or(1, |state| u16::try_from(table::height(&state.messages)).unwrap_or(u16::MAX))
    });
    let heights = distribute(area.height, &wanted.collect::<Vec<_>>());
    let areas = Layout::vertical(heights.into_iter().map(Constraint::Length)).split(area);
    for (index, area) in shown.into_iter().zip(areas.iter()) {
        draw_stream(frame, view, index, now, *area);
    }
}

/// Distributes lines evenly, with at most the wanted number for each part. The last one gets the rest.
fn distribute(lines: u16, wanted: &[u16]) -> Vec<u16> {
    let mut shares = vec![0; wanted.len()];
    let mut left = lines;
    loop {
        let before = left;
        for (share, wanted) in shares.iter_mut().zip(wanted) {
            if left > 0 && *share < *wanted {
                *share += 1;
                left -= 1;
            }
        }
        if left == before {
            break;
        }
    }
    shares.last_mut().into_iter().for_each(|last| *last += left);
    shares
}

fn draw_stream(frame: &mut Frame<'_>, view: &mut View, index: usize, now: Timestamp, area: Rect) {
    let Some(stream) = view.streams.get(index).copied() else { return };
    let escapes = view.look.escapes;
    let state = view.states.get(&stream);
    let title = title(stream, state.is_some(), view.stats.get(&stream), escapes);
    let border = if index == view.selected && view.streams.len() > 1 { Style::Cyan } else { Style::Dim };
    let block = Block::new().borders(Borders::TOP).border_style(style(border, escapes)).title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let Some(state) = state else {
        return frame.render_widget(Paragraph::new("waiting for the first data").dim(), inside);
    };
    let format = RowFormat { look: &view.look, stream: None, view: TableView::State };
    let section = table::section(&state.messages, &view.changes, None, &format);
    let mut grid = Grid::new(table::columns(&state.messages));
    let (heading, mut rows) = grid.fit(section.heading, &section.rows, inside.width.into());
    if is_latest_last(&state.messages) {
        rows.reverse();
    }
    let room = usize::from(inside.height.saturating_sub(1));
    let notes = section.note_above.iter().chain(&section.note_below);
    let notes = notes.map(|note| vec![(Style::Dim, note.clone())]);
    let lines: Vec<Spans> = rows.into_iter().chain(notes).collect();
    let last = lines.len().saturating_sub(room);
    let scroll = view.scroll.get(index).copied().unwrap_or_default().min(last);
    let flashing = |line: &Spans| {
        let is_new = |at: &Timestamp| (0..FLASH_MS).contains(&(now.as_millis() - at.as_millis()));
        let mut codes = view.changed_at.iter().filter(|(_, at)| is_new(at)).map(|(code, _)| code.as_str());
        codes.any(|code| line.iter().any(|(_, text)| text.trim() == code))
    };
    let shown = lines.iter().skip(scroll).take(room).map(|line| {
        let drawn = to_line(line, escapes);
        if flashing(line) { drawn.add_modifier(Modifier::REVERSED) } else { drawn }
    });
    let lines: Vec<Line<'_>> = [to_line(&heading, escapes)].into_iter().chain(shown).collect();
    frame.render_widget(Paragraph::new(lines), inside);
    if let Some(kept) = view.scroll.get_mut(index) {
        *kept = scroll;
    }
}

/// Returns whether the table of these messages ends with the latest row.
fn is_latest_last(messages: &[Message]) -> bool {
    let first = messages.first();
    !matches!(first, Some(Message::AccountBalance(_) | Message::OrderBook(_) | Message::Ticker(_)))
}

/// Describes a stream and its health: whether what is shown is true, and what has happened.
fn title(
    stream: Stream,
    has_state: bool,
    stats: Option<&StreamStats>,
    escapes: EscapeCodes,
) -> Line<'static> {
    let (health, colour) = match has_state {
        _ if is_live(stats) => ("live", Style::Green),
        true => ("may be out of date", Style::Yellow),
        false => ("no data yet", Style::Dim),
    };
    let mut spans = vec![
        Span::styled(format!(" {} · ", label(stream)), style(Style::Bold, escapes)),
        Span::styled(format!("{health} "), style(colour, escapes)),
    ];
    if let Some(stats) = stats {
        let seconds = |age: Option<std::time::Duration>| {
            age.map_or_else(|| "-".to_owned(), |age| format!("{:.1} s", age.as_secs_f64()))
        };
        let counters = &stats.counters;
        let reconnects = counters.connections.saturating_sub(1);
        let ages = format!("data {}, frame {}", seconds(stats.data_age), seconds(stats.frame_age));
        let counts = [(reconnects, "reconnect"), (counters.gaps, "gap"), (counters.pings, "ping")];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts =
            counts.map(|(count, name)| format!(", {count} {name}{}", if *count == 1 { "" } else { "s" }));
        let text = format!("· {ages}{} ", counts.collect::<String>());
        let unusual = reconnects > 0 || counters.gaps > 0 || stats.connected < stats.subscriptions;
        spans.push(Span::styled(text, style(if unusual { Style::Yellow } else { Style::Dim }, escapes)));
    }
    Line::from(spans)
}

fn draw_help(frame: &mut Frame<'_>) {
    let lines: Vec<Line<'_>> =
        KEYS.iter().map(|(key, text)| Line::from(format!(" {key:<14} {text} "))).collect();
    let width = lines.iter().map(Line::width).max().unwrap_or_default() + 2;
    let area = frame.area();
    let help = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: u16::try_from(width).unwrap_or(u16::MAX).min(area.width.saturating_sub(2)),
        height: u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height.saturating_sub(1)),
    };
    frame.render_widget(Clear, help);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" Keys ")), help);
}

fn to_line(spans: &Spans, escapes: EscapeCodes) -> Line<'static> {
    spans.iter().map(|(kind, text)| Span::styled(text.clone(), style(*kind, escapes))).collect()
}

fn style(style: Style, escapes: EscapeCodes) -> TerminalStyle {
    let plain = TerminalStyle::new();
    let coloured = |colour| if escapes == EscapeCodes::All { plain.fg(colour) } else { plain };
    match style {
        Style::Plain => plain,
        Style::Bold => plain.bold(),
        Style::Dim => plain.dim(),
        Style::Red => coloured(Color::Red),
        Style::Green => coloured(Color::Green),
        Style::Yellow => coloured(Color::Yellow),
        Style::Cyan => coloured(Color::Cyan),
    }
}
