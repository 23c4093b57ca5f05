//! The backfill of an engine on a virtual clock.

use std::time::{Duration, Instant, SystemTime};

use bitopro_model::{Message, PrivateStream, UserTrade};
use bitopro_rest::{List, OwnTrade, TradingPair};
use bitopro_transport::{self as transport, Frame};

use super::{RestCall, RestReply};
use crate::backfill::Backfill;
use crate::engine::{Action, Engine, LinkId, SubscriberId};
use crate::item::Item;
use crate::system::test_start;
use crate::{Client, Credentials, RestError, RestErrorKind};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-01-01.
const START_MS: i64 = 1_767_225_600_000;

/// An engine that follows the trades.
struct Bench {
    engine: Engine,
    subscriber: SubscriberId,
    link: LinkId,
    now: Instant,
    wall: SystemTime,
    calls: Vec<RestCall>,
}

impl Bench {
    fn new(backfill: Option<Backfill>) -> Self {
        Self::with_streams(backfill, &[PrivateStream::UserTrades])
    }

    fn with_streams(backfill: Option<Backfill>, streams: &[PrivateStream]) -> Self {
        let credentials = Credentials::new("k3y", "s3cr3t", "me@example.com").unwrap();
        let mut builder = Client::builder(credentials).with_seed(1);
        if let Some(backfill) = backfill {
            builder = builder.with_backfill(backfill);
        }
        let mut engine = builder.build_engine().unwrap();
        let now = test_start();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_millis(START_MS.try_into().unwrap());
        let subscriber = engine.subscribe(now, wall, streams);
        let link = LinkId { subscriber, stream: PrivateStream::UserTrades.into() };
        let mut bench = Self { engine, subscriber, link, now, wall, calls: Vec::new() };
        bench.advance(SECOND);
        bench
    }

    /// Advances the clock, and connects every dial.
    fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            while let Some((link, action)) = self.engine.poll_action(self.now, self.wall) {
                match action {
                    Action::Dial(_) => self.engine.handle_connected(self.now, self.wall, link),
                    Action::Call(call) => self.calls.push(call),
                    Action::Send(_) | Action::Disconnect => {}
                }
            }
            let Some(due) = self.engine.poll_timeout().filter(|due| *due <= end) else { break };
            self.wall += due.saturating_duration_since(self.now);
            self.now = self.now.max(due);
            // Pings keep the connection open.
            self.engine.handle_frame(self.now, self.wall, self.link, Frame::Ping(bytes::Bytes::new()));
            self.engine.handle_timeout(self.now, self.wall);
        }
        self.wall += end.saturating_duration_since(self.now);
        self.now = end;
    }

    fn lose_connection(&mut self) {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "connection lost");
        self.engine.handle_lost(self.now, self.wall, self.link, error);
    }

    fn reply(&mut self, reply: RestReply) {
        self.engine.handle_reply(self.now, self.link, Ok(reply));
        self.advance(Duration::ZERO);
    }

    /// Replies to all calls: there is one pair, with these trades.
    fn reply_to_all(&mut self, records: &[OwnTrade]) {
        while let Some(call) = self.calls.pop() {
            self.reply(match call {
                RestCall::OwnTrades(_) => RestReply::OwnTrades(records.iter().cloned().collect()),
                RestCall::TradingPairs(_) => RestReply::TradingPairs(pairs()),
                RestCall::Order(call) => panic!("{call:?}"),
            });
        }
    }

    fn items(&mut self) -> Vec<Item<Message>> {
        std::iter::from_fn(|| self.engine.poll_item(self.subscriber)).map(|item| item.item).collect()
    }

    /// Returns the ids of the recovered trades and the number of statements since the last call.
    fn recovered(&mut self) -> (Vec<String>, usize) {
        let items = self.items();
        let trades = items.iter().filter_map(|item| match item {
            Item::RecoveredTrade(trade) => Some(trade.record.trade_id.to_string()),
            _ => None,
        });
        let statements = items.iter().filter(|item| matches!(item, Item::Backfilled(_))).count();
        (trades.collect(), statements)
    }
}

fn pairs() -> List<TradingPair> {
    serde_json::from_str(r#"{"data":[{"pair":"btc_twd","base":"btc","quote":"twd"}]}"#).unwrap()
}

/// Returns the record of a trade at this time after the start.
fn record(id: &str, ms: i64) -> OwnTrade {
    let created = START_MS + ms;
    let text = format!(
        r#"{{"tradeId":"{id}","orderId":"1","action":"BUY","price":"7","baseAmount":"1","fee":"0","feeSymbol":"btc",
            "createdTimestamp":{created}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

/// Returns the message of the same trade.
fn message(ms: i64) -> Frame {
    let trade = record("", ms).to_trade(&"btc_twd".into()).unwrap();
    let event = UserTrade::new(bitopro_model::Timestamp::from_millis(START_MS + ms), trade);
    Frame::text(serde_json::to_string(&event).unwrap())
}

#[test]
fn an_engine_makes_no_call_unless_it_has_a_backfill() {
    let mut bench = Bench::new(None);
    bench.lose_connection();
    bench.advance(60 * SECOND);
    assert!(bench.calls.is_empty());
}

#[test]
fn a_trade_is_recovered_once_the_settling_time_has_passed_without_it() {
    let mut bench = Bench::new(Some(Backfill::new()));
    bench.lose_connection();
    bench.advance(2 * SECOND);
    bench.reply_to_all(&[record("b", 1_500), record("a", 1_200)]);
    assert_eq!(bench.recovered(), (vec![], 0));
    bench.advance(5 * SECOND);
    // In the meantime, the stream has sent one of them.
    bench.engine.handle_frame(bench.now, bench.wall, bench.link, message(1_200));
    bench.reply_to_all(&[record("b", 1_500), record("a", 1_200), record("c", 3_000)]);
    // The times differ by less than a second, so it is not known which of the two it was.
    assert_eq!(bench.recovered(), (vec!["b".to_owned()], 0));
    bench.advance(5 * SECOND);
    bench.reply_to_all(&[record("b", 1_500), record("a", 1_200), record("c", 3_000)]);
    assert_eq!(bench.recovered(), (vec!["c".to_owned()], 1));
    bench.advance(600 * SECOND);
    assert!(bench.calls.is_empty());
}

#[test]
fn a_gap_during_a_backfill_extends_it() {
    let mut bench = Bench::new(Some(Backfill::new()));
    bench.lose_connection();
    bench.advance(2 * SECOND);
    bench.reply_to_all(&[record("a", 1_200)]);
    bench.lose_connection();
    bench.advance(3 * SECOND);
    // The first round after the second gap, and the second one.
    bench.reply_to_all(&[record("a", 1_200), record("b", 4_000)]);
    bench.advance(5 * SECOND);
    bench.reply_to_all(&[record("a", 1_200), record("b", 4_000)]);
    bench.advance(5 * SECOND);
    bench.reply_to_all(&[record("a", 1_200), record("b", 4_000)]);
    let items = bench.items();
    let recovered = items.iter().filter(|item| matches!(item, Item::RecoveredTrade(_))).count();
    let gaps: Vec<_> = items
        .iter()
        .filter_map(|item| if let Item::Gap(gap) = item { Some(gap.reason.clone()) } else { None })
        .collect();
    let statements: Vec<_> = items
        .iter()
        .filter_map(|item| if let Item::Backfilled(statement) = item { statement.gap } else { None })
        .collect();
    assert_eq!((recovered, gaps.len(), statements.len()), (2, 2, 1), "{items:#?}");
    let [crate::GapReason::Reconnected { since, .. }, crate::GapReason::Reconnected { until, .. }] = gaps[..]
    else {
        panic!("{gaps:?}")
    };
    assert_eq!(statements, [(since, until)]);
}

#[test]
fn fault_69_the_pause_after_failures_grows_to_five_minutes_and_milestones_are_reported() {
    let mut bench = Bench::new(Some(Backfill::new()));
    bench.lose_connection();
    bench.advance(2 * SECOND);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert_eq!(bench.calls.len(), 1);
        bench.calls.clear();
        let kind = RestErrorKind::Transport(transport::ErrorKind::Connect);
        bench.engine.handle_reply(bench.now, bench.link, Err(RestError::new(kind, "no network")));
        let start = bench.now;
        while bench.calls.is_empty() {
            bench.advance(SECOND);
        }
        pauses.push((bench.now - start).as_secs());
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert_eq!(bench.recovered(), (vec![], 2));
    bench.reply_to_all(&[]);
    bench.advance(5 * SECOND);
    bench.reply_to_all(&[]);
    assert_eq!(bench.recovered(), (vec![], 1));
}

#[test]
fn an_order_that_cannot_be_read_does_not_hold_back_trades() {
    let streams = [PrivateStream::ActiveOrders, PrivateStream::UserTrades];
    let mut bench = Bench::with_streams(Some(Backfill::new()), &streams);
    let orders = LinkId { stream: PrivateStream::ActiveOrders.into(), ..bench.link };
    let list = |bench: &mut Bench, orders_of_pair: &str| {
        let text =
            format!(r#"{{"event":"ACTIVE_ORDERS","timestamp":{START_MS},"data":{{{orders_of_pair}}}}}"#);
        bench.engine.handle_frame(bench.now, bench.wall, orders, Frame::text(text));
    };
    let order = r#""id":"1","pair":"btc_twd","action":"BUY","type":"LIMIT","price":"7","status":0"#;
    let amounts = r#""originalAmount":"1","remainingAmount":"1","executedAmount":"0""#;
    list(&mut bench, &format!(r#""btc_twd":[{{{order},{amounts}}}]"#));
    for link in [orders, bench.link] {
        let error = transport::Error::new(transport::ErrorKind::Disconnected, "connection lost");
        bench.engine.handle_lost(bench.now, bench.wall, link, error);
    }
    bench.advance(2 * SECOND);
    list(&mut bench, "");
    bench.reply_to_all(&[record("a", 1_200)]);
    bench.advance(6 * SECOND);
    for _ in 0..2 {
        let call = bench.calls.pop().unwrap();
        let is_order = matches!(call, RestCall::Order(_));
        if is_order {
            let kind = RestErrorKind::Call(bitopro_rest::ErrorKind::Unavailable);
            bench.engine.handle_reply(bench.now, bench.link, Err(RestError::new(kind, "unavailable")));
            bench.advance(Duration::ZERO);
            break;
        }
        bench.reply(RestReply::OwnTrades([record("a", 1_200)].into_iter().collect()));
    }
    assert_eq!(bench.recovered(), (vec!["a".to_owned()], 1));
}
