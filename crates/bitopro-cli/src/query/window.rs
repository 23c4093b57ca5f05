//! Lists that can be longer than one reply.

use std::num::NonZeroUsize;

use bitopro_client::Rest;
use bitopro_client::model::Timestamp;
use bitopro_client::rest::{Completeness, PagedCall, Pager};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::{call, note, to_model};
use crate::args::{Moment, WindowArgs};
use crate::exit::{Failure, Status};

/// The longest window that the exchange returns.
const LONGEST: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The time until which a window without an end reaches, so that it contains the newest records even if the clock of this
/// machine is behind. Nonces do not allow a larger difference.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// The part of a list to print.
#[derive(Debug)]
pub(super) struct Window {
    start: Timestamp,
    end: Timestamp,
    limit: Option<NonZeroUsize>,
}

impl Window {
    pub(super) fn new(
        args: &WindowArgs,
        now: jiff::Timestamp,
        time_zone: &TimeZone,
    ) -> Result<Self, Failure> {
        let usage = |text: &str| Failure::new(Status::Usage, text.to_owned());
        let resolve = |moment: &Moment, flag: &str| {
            moment.resolve(now, time_zone).ok_or_else(|| usage(&format!("`{flag}` is out of range")))
        };
        let latest =
            now.checked_add(SLACK).map_err(|_| usage("the clock of this machine is out of range"))?;
        let until = args.until.as_ref().map(|moment| resolve(moment, "--until")).transpose()?;
        if until.is_some_and(|until| until < jiff::Timestamp::UNIX_EPOCH) {
            return Err(usage("`--until` is out of range"));
        }
        // A window that ends in the future would not reach back as far.
        let end = until.map_or(latest, |until| until.min(latest));
        let start = match &args.since {
            Some(moment) => resolve(moment, "--since")?,
            None => end.checked_sub(LONGEST).map_err(|_| usage("`--until` is out of range"))?,
        };
        // The slack must not make a window of 90 days too long.
        let end = match (until, start.checked_add(LONGEST)) {
            (None, Ok(longest_end)) => end.min(longest_end).max(now),
            _ => end,
        };
        if start > end {
            let (what, end) = if until.is_some() { ("`--until`", end) } else { ("now", now) };
            return Err(usage(&format!("`--since` ({start:.0}) is after {what} ({end:.0})")));
        }
        Ok(Self { start: to_model(start), end: to_model(end), limit: args.limit })
    }
}

/// Reads all items of a window, sorted by time. Reports on standard error if some may be missing.
pub(super) async fn read_all<C: PagedCall + Sync>(
    rest: &Rest,
    list: C,
    window: &Window,
) -> Result<Vec<C::Item>, Failure> {
    let mut pager = Pager::new(list, window.start, window.end);
    while let Some(page) = pager.next_call() {
        pager.handle_page(call(rest, &page).await?);
    }
    let pages = pager.finish();
    if let Completeness::NotProvedComplete(reason) = pages.completeness {
        note(&format!("the list may be incomplete: {reason}"));
    }
    Ok(pages.items)
}

/// Returns the last items, as many as the window allows.
pub(super) fn latest<T>(mut items: Vec<T>, window: &Window) -> Vec<T> {
    let limit = window.limit.map_or(usize::MAX, NonZeroUsize::get);
    items.split_off(items.len().saturating_sub(limit))
}
