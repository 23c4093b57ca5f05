use std::collections::BTreeMap;

use bitopro_model::Timestamp;

use super::{Completeness, PagedCall, Pages, Unproved};
use crate::List;

/// Reads all items of a window, page by page. It makes no request itself: send each call that it returns, and
/// pass it the reply.
///
/// The exchange's cursor is an id, at which the next page starts inclusively. Ids are scrambled, and the order
/// of some lists is not documented, so the pager compares no ids. It continues at the older end of each page,
/// merges the pages by key, and sorts the items by time at the end. If a full page contains nothing new, the
/// cursor does not advance, so the pager halves the window instead.
///
/// # Examples
///
/// ```
/// use bitopro_model::Timestamp;
/// use bitopro_rest::{Call, Completeness, GetOwnTrades, List, OwnTrade, Pager};
///
/// // Sends the request and returns the response.
/// fn send(call: &GetOwnTrades) -> http::Response<bytes::Bytes> {
///     http::Response::new(r#"{"data":[]}"#.into())
/// }
///
/// let [start, end] = [1_700_000_000_000, 1_700_086_400_000].map(Timestamp::from_millis);
/// let mut pager = Pager::new(GetOwnTrades::new("btc_twd"), start, end);
/// while let Some(call) = pager.next_call() {
///     pager.handle_page(call.read_reply(&send(&call))?);
/// }
/// let pages = pager.finish();
/// assert!(pages.items.is_empty());
/// assert_eq!(pages.completeness, Completeness::Complete);
/// # Ok::<(), bitopro_rest::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pager<C: PagedCall> {
    call: C,
    page_size: u32,
    budget: u32,
    pages: u32,
    /// The windows that are still to be read. The last one is next.
    windows: Vec<(Timestamp, Timestamp)>,
    /// The id at which the next page of the last window starts.
    cursor: Option<String>,
    items: Vec<C::Item>,
    /// The position of each item by its key.
    positions: BTreeMap<C::Key, usize>,
    unproved: Option<Unproved>,
}

impl<C: PagedCall> Pager<C> {
    /// The longest window that the exchange accepts, in milliseconds: 90 days.
    const LONGEST_WINDOW: i64 = 90 * 24 * 60 * 60 * 1_000;
    /// The shortest window that is halved, in milliseconds. The exchange's times have a resolution of a second.
    const SHORTEST_WINDOW: i64 = 2_000;
    /// Overlap of the halves of a window. Whether a window includes its edges is not documented.
    const OVERLAP: i64 = 1_000;

    /// Creates a pager for the items between two times, of which it reads the last 90 days.
    ///
    /// The window, the cursor and the limit of the call are replaced; its other settings apply to all pages. A
    /// window that ends before it starts is empty.
    pub fn new(call: C, start: Timestamp, end: Timestamp) -> Self {
        let earliest = Timestamp::from_millis(end.as_millis().saturating_sub(Self::LONGEST_WINDOW));
        let windows = if start <= end { vec![(start.max(earliest), end)] } else { Vec::new() };
        Self {
            call,
            page_size: 1_000,
            budget: 100,
            pages: 0,
            windows,
            cursor: None,
            items: Vec::new(),
            positions: BTreeMap::new(),
            unproved: (start < earliest).then_some(Unproved::WindowTooLong),
        }
    }

    /// Sets the number of items per page, from 2 to 1,000. Defaults to 1,000.
    ///
    /// Other numbers are replaced by the nearest one in this range. A page of one item would consist of the item
    /// that the previous page has already returned.
    #[must_use]
    pub fn with_page_size(mut self, items: u32) -> Self {
        self.page_size = items.clamp(2, 1_000);
        self
    }

    /// Sets the maximum number of pages. Defaults to 100.
    #[must_use]
    pub fn with_page_budget(mut self, pages: u32) -> Self {
        self.budget = pages;
        self
    }

    /// Returns the call for the next page, or `None` if there is nothing left to read.
    ///
    /// Returns the same call until [`handle_page`](Self::handle_page) is called, so a failed call can be
    /// repeated.
    pub fn next_call(&self) -> Option<C> {
        let window = self.windows.last().filter(|_| self.pages < self.budget)?;
        Some(self.call.page(*window, self.cursor.as_deref(), self.page_size))
    }

    /// Takes the reply to the call that [`next_call`](Self::next_call) has returned last.
    pub fn handle_page(&mut self, page: List<C::Item>) {
        let Some(window) = self.windows.pop() else { return };
        self.pages += 1;
        let is_full = u32::try_from(page.len()).is_ok_and(|len| len >= self.page_size);
        let is_past = self.cursor.is_some() && page.iter().all(|item| is_before::<C>(item, window.0));
        // Times in the page that are all equal do not show its order. It is oldest first if it ends with the cursor.
        let ends_with_cursor = has_equal_times::<C>(&page.items)
            && page.len() > 1
            && page.items.last().is_some_and(|last| Some(C::cursor(last)) == self.cursor.as_deref());
        let older_end = if ends_with_cursor { page.items.first() } else { older_end::<C>(&page.items) };
        let next_cursor = older_end.map(|item| C::cursor(item).to_owned());
        let has_news = self.merge(page) || ends_with_cursor;
        if !is_full || is_past {
            self.cursor = None;
        } else if has_news && next_cursor != self.cursor {
            self.windows.push(window);
            self.cursor = next_cursor;
        } else {
            self.cursor = None;
            self.halve(window);
        }
    }

    /// Adds the items of a page, and returns whether one of them is new. A repeated item replaces the earlier
    /// one, because an order may have changed in between.
    fn merge(&mut self, page: List<C::Item>) -> bool {
        let known = self.items.len();
        for item in page {
            let next = self.items.len();
            let position = *self.positions.entry(C::key(&item)).or_insert(next);
            match self.items.get_mut(position) {
                Some(earlier) => *earlier = item,
                None => self.items.push(item),
            }
        }
        self.items.len() > known
    }

    /// Replaces a window by its halves, of which the later one is read first.
    fn halve(&mut self, (start, end): (Timestamp, Timestamp)) {
        let length = end.as_millis().saturating_sub(start.as_millis());
        if length <= Self::SHORTEST_WINDOW {
            self.unproved.get_or_insert(Unproved::StuckCursor);
            return;
        }
        let middle = start.as_millis().saturating_add(length / 2);
        let earlier_end = Timestamp::from_millis(middle.saturating_add(Self::OVERLAP / 2));
        let later_start = Timestamp::from_millis(middle.saturating_sub(Self::OVERLAP / 2));
        self.windows.extend([(start, earlier_end), (later_start, end)]);
    }

    /// Returns what was read, and whether it is complete.
    pub fn finish(self) -> Pages<C::Item> {
        let unread = if self.pages < self.budget { Unproved::Unfinished } else { Unproved::PageBudget };
        let unproved = self.unproved.or((!self.windows.is_empty()).then_some(unread));
        let mut items = self.items;
        items.sort_by_key(C::created);
        Pages {
            items,
            completeness: unproved.map_or(Completeness::Complete, Completeness::NotProvedComplete),
            pages: self.pages,
        }
    }
}

fn is_before<C: PagedCall>(item: &C::Item, start: Timestamp) -> bool {
    // The exchange may round times down to a second.
    C::created(item).is_some_and(|created| created.as_millis() < start.as_millis().saturating_sub(1_000))
}

fn has_equal_times<C: PagedCall>(page: &[C::Item]) -> bool {
    page.first().map(C::created) == page.last().map(C::created)
}

/// Returns the first or the last item, whichever is older. Returns the last one if their times are equal or unknown.
fn older_end<C: PagedCall>(page: &[C::Item]) -> Option<&C::Item> {
    let (first, last) = (page.first()?, page.last()?);
    match (C::created(first), C::created(last)) {
        (Some(first_created), Some(last_created)) if first_created < last_created => Some(first),
        _ => Some(last),
    }
}
