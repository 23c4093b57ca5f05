//! The live view of the state of each stream, on the whole terminal.

mod draw;
mod keys;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::time::Duration;

use bitopro_client::Closed;
use bitopro_client::Item;
use bitopro_client::model::Stream;
use crossterm::event::{Event, EventStream};
use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use ratatui::{DefaultTerminal, Frame};
use tokio::time::{MissedTickBehavior, interval};

use super::service;
use super::source::{AnyClient, Source};
use crate::exit::{Failure, Status, causes};
use crate::filter::Filter;
use crate::query::to_model;
use crate::signals::StopRequest;
use crate::table::Appearance;
use keys::Reaction;
use view::View;

/// The time between two drawings, so that a flood of items does not occupy the terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of items that are taken between two drawings.
const MAX_ITEMS: usize = 10_000;

/// Shows the streams until the user quits, a signal arrives, or all streams have ended.
pub(in crate::watch) async fn run(
    mut source: Source,
    client: &AnyClient,
    streams: &'static [Stream],
    filter: Filter,
    look: Appearance,
    stop_request: &mut StopRequest,
) -> Result<Status, Failure> {
    let mut view = View::new(streams, filter, look, client.changes());
    // Restores the terminal after a panic too.
    let mut terminal = ratatui::try_init().map_err(|error| terminal_failure(&error))?;
    let result = show(&mut terminal, &mut view, &mut source, client, stop_request).await;
    ratatui::restore();
    drop(service::notify(service::Change::Stopping));
    source.request_close();
    result
}

async fn show(
    terminal: &mut DefaultTerminal,
    view: &mut View,
    source: &mut Source,
    client: &AnyClient,
    stop_request: &mut StopRequest,
) -> Result<Status, Failure> {
    let reader = source.reader();
    let mut input = EventStream::new();
    let mut redraw = interval(REDRAW_INTERVAL);
    redraw.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failure = None;
    // The second in which the view was drawn last, if nothing has changed since then.
    let mut drawn = None;
    loop {
        let mut next = tokio::select! {
            () = stop_request.requested() => return Ok(Status::Ok),
            event = input.next() => {
                let Some(event) = event else { return Ok(Status::Ok) };
                drawn = None;
                match event.map_err(|error| terminal_failure(&error))? {
                    Event::Key(key) if view.handle_key(key) == Reaction::Quit => return Ok(Status::Ok),
                    _ => None,
                }
            }
            _ = redraw.tick() => {
                let now = Timestamp::now();
                if drawn != Some(now.as_second()) {
                    drawn = Some(now.as_second());
                    let states = reader.states();
                    view.update(|stream| states.get(stream), client.stats());
                    let draw = |frame: &mut Frame<'_>| draw::draw(frame, view, to_model(now));
                    terminal.draw(draw).map_err(|error| terminal_failure(&error))?;
                }
                None
            }
            item = source.next() => match item {
                Some(item) => Some(item),
                None => return failure.map_or(Ok(Status::Ok), Err),
            },
        };
        let mut left = MAX_ITEMS;
        while let Some(item) = next {
            if let Item::Closed(Closed::Failed(error)) = &item.item {
                let message = format!("{}: {error}", item.stream);
                let failed = Failure::new(Status::of(error), message);
                failure.get_or_insert(causes(error).into_iter().fold(failed, Failure::with_source));
            }
            view.add(item);
            drawn = None;
            left -= 1;
            next = if left > 0 { source.next().now_or_never().flatten() } else { None };
        }
    }
}

fn terminal_failure(error: &io::Error) -> Failure {
    Failure::new(
        Status::Unexpected,
        format!("cannot use the terminal: {error}; use `--format ndjson` instead"),
    )
}
