//! Paging, against a model of the exchange with scrambled ids, inclusive cursors and any order of lists.

use std::collections::BTreeSet;

use bitopro_model::{Action, Decimal, Order, OrderType, Timestamp};
use bitopro_rest::{
    BaseUrl, Call, Completeness, GetOrderHistory, GetOwnTrades, List, OwnTrade, Pager, Pages, Unproved,
};
use proptest::prelude::*;

use crate::{NOW_MS, response, signer};

/// 2026-11-22T02:00:00Z.
const START: i64 = 1_795_312_800_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The behaviour of the exchange.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an independent point that the documentation leaves open"
)]
struct Exchange {
    newest_first: bool,
    /// Ignores the cursor, so that only smaller windows return other items.
    ignores_cursor: bool,
    /// Ignores the window of a call that has a cursor.
    cursor_replaces_window: bool,
    /// Leaves out what happened exactly at the edges of the window.
    excludes_edges: bool,
}

const DOCUMENTED: Exchange = Exchange {
    newest_first: true,
    ignores_cursor: false,
    cursor_replaces_window: false,
    excludes_edges: false,
};

/// Trades as (trade id, order id, time), oldest first.
type Book = Vec<(u64, u64, i64)>;

/// Returns scrambled ids: a later one may be smaller.
fn scrambled(number: u64) -> u64 {
    (8_000_000_001 + number * 7_753_716_789) % 10_000_000_000
}

/// Returns trades at these times. Some of them are self-trades, with two records of the same id.
fn book(times: &[(i64, bool)]) -> Book {
    let mut times = times.to_vec();
    times.sort_unstable();
    let numbered = (0..).zip(times);
    numbered
        .flat_map(|(number, (time, is_self_trade))| {
            let id = scrambled(number);
            [(id, 1, START + time), (id, 2, START + time)].into_iter().take(if is_self_trade { 2 } else { 1 })
        })
        .collect()
}

fn record(&(trade, order, time): &(u64, u64, i64)) -> String {
    format!(
        r#"{{"tradeId":"{trade}","orderId":"{order}","price":"1","action":"BUY","baseAmount":"1","fee":"0","feeSymbol":"sol","createdTimestamp":{time}}}"#
    )
}

impl Exchange {
    /// Answers a call by its request, as a server would.
    fn answer(self, book: &Book, call: &GetOwnTrades) -> List<OwnTrade> {
        let request = call.to_request(&BaseUrl::default(), &signer(), NOW_MS).unwrap();
        let parameter = |name: &str| {
            let query = request.uri().query().unwrap();
            let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            found.map(|value| value.parse::<i64>().unwrap())
        };
        let limit = usize::try_from(parameter("limit").unwrap()).unwrap();
        let cursor = parameter("tradeId").filter(|_| !self.ignores_cursor);
        let last =
            cursor.map(|id| book.iter().rposition(|&(trade, ..)| i64::try_from(trade) == Ok(id)).unwrap());
        let up_to_cursor = &book[..last.map_or(book.len(), |last| last + 1)];
        let mut window = parameter("startTimestamp").unwrap()..=parameter("endTimestamp").unwrap();
        if cursor.is_some() && self.cursor_replaces_window {
            window = i64::MIN..=i64::MAX;
        }
        let is_edge = |time| self.excludes_edges && (time == *window.start() || time == *window.end());
        let is_inside = |time| window.contains(&time) && !is_edge(time);
        let found = up_to_cursor.iter().rev().filter(|(.., time)| is_inside(*time)).take(limit);
        let mut records: Vec<String> = found.map(record).collect();
        if !self.newest_first {
            records.reverse();
        }
        call.read_reply(&response(200, &format!(r#"{{"data":[{}]}}"#, records.join(",")))).unwrap()
    }

    fn read(self, book: &Book, mut pager: Pager<GetOwnTrades>) -> Pages<OwnTrade> {
        while let Some(call) = pager.next_call() {
            pager.handle_page(self.answer(book, &call));
        }
        pager.finish()
    }
}

fn pager(page_size: u32, start: i64, end: i64) -> Pager<GetOwnTrades> {
    let [start, end] = [start, end].map(Timestamp::from_millis);
    Pager::new(GetOwnTrades::new("sol_twd"), start, end).with_page_size(page_size)
}

fn keys(trades: &[OwnTrade]) -> Vec<(String, String)> {
    trades.iter().map(|trade| (trade.trade_id.to_string(), trade.order_id.to_string())).collect()
}

/// Asserts that the pages hold every trade of the window once, oldest first.
fn assert_all(pages: &Pages<OwnTrade>, book: &Book, start: i64, end: i64) {
    let read = keys(&pages.items);
    let distinct: BTreeSet<_> = read.iter().cloned().collect();
    assert_eq!(distinct.len(), read.len(), "an item occurs twice");
    for (trade, order, time) in book.iter().filter(|(.., time)| (start..=end).contains(time)) {
        assert!(distinct.contains(&(trade.to_string(), order.to_string())), "missing {trade} at {time}");
    }
    assert!(pages.items.is_sorted_by_key(OwnTrade::created), "not sorted");
}

proptest! {
    #[test]
    fn every_trade_is_read_once_whatever_the_order_of_the_list(
        times in prop::collection::vec((0..DAY, any::<bool>()), 0..60),
        page_size in 3..20_u32,
        newest_first: bool,
        cursor_replaces_window: bool,
        start in 0..DAY / 2,
    ) {
        let exchange = Exchange { newest_first, cursor_replaces_window, ..DOCUMENTED };
        let (book, start, end) = (book(&times), START + start, START + DAY);
        let pages = exchange.read(&book, pager(page_size, start, end).with_page_budget(1_000));
        assert_all(&pages, &book, start, end);
        prop_assert_eq!(pages.completeness, Completeness::Complete);
    }

    #[test]
    fn a_cursor_that_never_advances_is_replaced_by_smaller_windows(
        seconds in prop::collection::btree_set(0..DAY / 4_000, 0..30),
        page_size in 4..20_u32,
        newest_first: bool,
        excludes_edges: bool,
    ) {
        // At most one trade per four seconds, so that a window of two seconds never fills a page.
        let times: Vec<_> = seconds.into_iter().map(|second| (second * 4_000, false)).collect();
        let exchange = Exchange { newest_first, excludes_edges, ignores_cursor: true, ..DOCUMENTED };
        let book = book(&times);
        let pages = exchange.read(&book, pager(page_size, START - 1, START + DAY).with_page_budget(10_000));
        assert_all(&pages, &book, START, START + DAY);
        prop_assert_eq!(pages.completeness, Completeness::Complete);
    }

    #[test]
    fn complete_is_never_claimed_if_something_is_missing(
        times in prop::collection::vec((0..10_000_i64, any::<bool>()), 0..40),
        page_size in 2..10_u32,
        newest_first: bool,
        ignores_cursor: bool,
        budget in 0..50_u32,
    ) {
        let exchange = Exchange { newest_first, ignores_cursor, ..DOCUMENTED };
        let book = book(&times);
        let pages = exchange.read(&book, pager(page_size, START, START + 10_000).with_page_budget(budget));
        prop_assert!(pages.pages <= budget);
        if pages.completeness == Completeness::Complete {
            assert_all(&pages, &book, START, START + 10_000);
        }
    }
}

#[test]
fn equal_fills_in_one_second_are_kept_and_a_full_page_of_them_is_not_proved_complete() {
    let book = book(&[(0, false); 5]);
    let pages = DOCUMENTED.read(&book, pager(4, START, START));
    assert_all(&pages, &book, START, START);
    assert_eq!(pages.completeness, Completeness::Complete, "the cursor separates them");
    let stuck =
        Exchange { ignores_cursor: true, ..DOCUMENTED }.read(&book, pager(4, START - HOUR, START + HOUR));
    assert_eq!(stuck.completeness, Completeness::NotProvedComplete(Unproved::StuckCursor));
    assert_eq!(stuck.items.len(), 4);
}

/// The oldest trade lies where the halves of the window meet, and the first page does not contain it.
#[test]
fn halves_of_a_window_overlap() {
    let later = [12, 13, 14, 15].map(|sixteenths| (HOUR / 16 * sixteenths, false));
    let book = book(&[later.as_slice(), &[(HOUR / 2, false)]].concat());
    let exchange = Exchange { ignores_cursor: true, excludes_edges: true, ..DOCUMENTED };
    let pages = exchange.read(&book, pager(4, START, START + HOUR));
    assert_all(&pages, &book, START, START + HOUR);
    assert_eq!(pages.completeness, Completeness::Complete);
}

#[test]
fn a_full_page_without_news_is_stuck_even_if_it_ends_with_another_id() {
    let page = |ids: [u64; 2]| {
        let records = ids.map(|id| record(&(id, 1, START))).join(",");
        let call = GetOwnTrades::new("sol_twd");
        call.read_reply(&response(200, &format!(r#"{{"data":[{records}]}}"#))).unwrap()
    };
    let mut pager = pager(2, START, START);
    pager.handle_page(page([1, 2]));
    pager.handle_page(page([2, 1]));
    assert_eq!(pager.finish().completeness, Completeness::NotProvedComplete(Unproved::StuckCursor));
}

#[test]
fn no_page_is_wasted_by_the_order_of_a_list_or_by_a_cursor_that_replaces_the_window() {
    let times: Vec<_> = (0..100).map(|minute| (minute * 60_000, false)).collect();
    let book = book(&times);
    let start = START + 80 * 60_000;
    for (newest_first, cursor_replaces_window, expected) in
        [(true, false, 5), (false, false, 5), (true, true, 7), (false, true, 7)]
    {
        let exchange = Exchange { newest_first, cursor_replaces_window, ..DOCUMENTED };
        let pages = exchange.read(&book, pager(6, start, START + DAY));
        assert_all(&pages, &book, start, START + DAY);
        assert!(pages.pages <= expected, "{exchange:?}: {} pages", pages.pages);
        assert_eq!(pages.completeness, Completeness::Complete);
    }
}

#[test]
fn a_budget_or_an_unread_page_is_reported() {
    let times: Vec<_> = (0..20).map(|minute| (minute * 60_000, false)).collect();
    let book = book(&times);
    let over_budget = DOCUMENTED.read(&book, pager(5, START, START + DAY).with_page_budget(3));
    assert_eq!(over_budget.completeness, Completeness::NotProvedComplete(Unproved::PageBudget));
    assert_eq!((over_budget.pages, over_budget.items.len()), (3, 13), "pages overlap by one item");

    let mut unfinished = pager(5, START, START + DAY);
    let call = unfinished.next_call().unwrap();
    assert_eq!(unfinished.next_call(), Some(call.clone()), "the same call until its page is handled");
    unfinished.handle_page(DOCUMENTED.answer(&book, &call));
    let pages = unfinished.finish();
    assert_eq!(pages.completeness, Completeness::NotProvedComplete(Unproved::Unfinished));
    assert_eq!(pages.completeness.to_string(), "not proved complete: not all pages were read");
}

#[test]
fn a_window_of_more_than_90_days_is_cut_and_not_proved_complete() {
    let end = START + 100 * DAY;
    let exact = DOCUMENTED.read(&book(&[]), pager(5, end - 90 * DAY, end));
    assert_eq!((exact.completeness, exact.pages), (Completeness::Complete, 1));
    let call = pager(5, START, end).next_call().unwrap();
    assert_eq!(call, pager(5, end - 90 * DAY, end).next_call().unwrap());
    let cut = DOCUMENTED.read(&book(&[(0, false), (99 * DAY, false)]), pager(5, START, end));
    assert_eq!(cut.completeness, Completeness::NotProvedComplete(Unproved::WindowTooLong));
    assert_eq!(cut.items.len(), 1);
}

#[test]
fn an_empty_window_and_extreme_times_are_read_without_a_panic() {
    let empty = pager(5, START + 1, START);
    assert!(empty.next_call().is_none());
    assert_eq!(empty.finish().completeness, Completeness::Complete);
    for (start, end) in [(i64::MIN, i64::MAX), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)] {
        let mut pager = pager(2, start, end).with_page_budget(50);
        while let Some(call) = pager.next_call() {
            let body = format!(r#"{{"data":[{0},{0}]}}"#, record(&(1, 1, 0)));
            pager.handle_page(call.read_reply(&response(200, &body)).unwrap());
        }
        assert_eq!(pager.finish().items.len(), 1);
    }
}

#[test]
fn orders_are_merged_by_id_and_the_later_reply_wins() {
    let order = |number: u64, executed: i64| {
        let mut order = Order::new(scrambled(number).to_string(), "sol_twd", Action::Buy, OrderType::Limit)
            .with_amount(10.into())
            .with_created(Timestamp::from_millis(START + i64::try_from(number).unwrap()));
        order.executed_amount = executed.into();
        order
    };
    let [start, end] = [START, START + DAY].map(Timestamp::from_millis);
    let mut pager = Pager::new(GetOrderHistory::new("sol_twd"), start, end).with_page_size(2);
    pager.handle_page([order(3, 0), order(2, 0)].into_iter().collect());
    let call = pager.next_call().unwrap();
    let expected = GetOrderHistory::new("sol_twd").with_start(start).with_end(end).with_limit(2);
    assert_eq!(call, expected.with_from_order(scrambled(2).to_string()));
    pager.handle_page([order(2, 7), order(1, 0)].into_iter().collect());
    pager.handle_page([order(1, 0)].into_iter().collect());
    let pages = pager.finish();
    let read: Vec<_> = pages.items.iter().map(|order| (order.id.as_str(), order.executed_amount)).collect();
    let ids = [1, 2, 3].map(|number| scrambled(number).to_string());
    let expected: Vec<(&str, Decimal)> =
        ids.iter().map(String::as_str).zip([0.into(), 7.into(), 0.into()]).collect();
    assert_eq!(read, expected);
    assert_eq!(pages.completeness, Completeness::Complete);
}
