use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bitopro_model::{Currency, Message, Order, OrderId, Pair, PrivateStream, Timestamp, TradeId};
use bitopro_rest::{Completeness, ErrorKind, GetOrder, GetOwnTrades, GetTradingPairs, List, OwnTrade, Pager};

use super::known_trades::KnownTrades;
use super::{InFlight, LONGEST_PAUSE, RestCall, Situation};
use crate::account::CLOCK_SLACK_MS;
use crate::backfill::{Backfill, Backfilled, IncompleteReason, RecoveredTrade};
use crate::item::{Item, is_milestone};
use crate::{RestError, RestErrorKind};

/// One backfill, from a gap to the statement that ends it.
///
/// It reads the trades of all pairs in rounds. Since the REST API may be behind the streams, and the streams behind it,
/// there are at least two rounds, and a trade is recovered only if the stream has not sent it in the settling time
/// after it was first listed.
#[derive(Debug)]
pub(super) struct Run {
    /// The time in which trades may have been missed, or `None` if only orders are requested.
    gap: Option<(Timestamp, Timestamp)>,
    /// The start of the gap on the monotonic clock.
    gap_start: Instant,
    /// The time of the last event before the trades were first connected.
    not_before: Option<Timestamp>,
    /// The time at which the last gap ended. The other streams may be silent although they have lost something, until
    /// a frame has arrived since then.
    opened: Instant,
    phase: Phase,
    /// The start of the current round.
    started: Instant,
    /// True if a gap has ended since the start of the round.
    is_outdated: bool,
    /// Number of complete rounds since the end of the last gap.
    rounds: u32,
    /// Number of further rounds because something remained unexplained.
    repeats: u32,
    /// The pair whose pages are being read.
    reading: Option<(Pair, Pager<GetOwnTrades>)>,
    /// The pairs that this round has read.
    lists: BTreeMap<Pair, TradeList>,
    /// The missing trades, with the start of the round that has first listed them.
    first_listed: BTreeMap<(TradeId, OrderId), Instant>,
    /// The replies of this round about orders. `None` if the exchange does not know the order.
    replies: BTreeMap<OrderId, Option<Order>>,
    unresolved_orders: Vec<Order>,
    trades: u64,
    orders: u64,
    /// Number of consecutive failures.
    failures: u32,
    /// Number of consecutive unreadable replies.
    unreadable: u32,
}

#[derive(Debug)]
enum Phase {
    /// The next round starts at this time.
    Pause(Instant),
    /// A round is in progress.
    Reading,
    /// A call has failed. The round is repeated after this pause.
    Failed(RestError, Duration),
    /// A round is complete, and its items have been emitted.
    Complete,
    /// All rounds are complete, but a stream may not have sent everything from before the end of the gap.
    AwaitingStreams,
}

/// The trades of a pair.
#[derive(Debug)]
struct TradeList {
    records: Vec<OwnTrade>,
    incomplete: Option<IncompleteReason>,
}

/// The parts of the backfill that outlast a run.
pub(super) struct Context<'a> {
    pub(super) settings: &'a Backfill,
    pub(super) known: &'a mut KnownTrades,
    pub(super) not_before: Option<Timestamp>,
    pub(super) moved: &'a BTreeMap<Currency, Instant>,
    pub(super) balances_since: Option<Instant>,
    pub(super) ended: &'a mut BTreeMap<OrderId, (Order, Instant)>,
    pub(super) unresolved: &'a mut BTreeSet<OrderId>,
}

pub(super) enum Next {
    Call(InFlight, RestCall),
    Items { items: Vec<Item<Message>>, is_finished: bool },
    Pending,
}

/// Maximum number of further rounds because something remained unexplained.
const MAX_REPEATS: u32 = 3;
/// Number of consecutive unreadable replies after which the next one is not requested again.
const MAX_UNREADABLE: u32 = 5;
/// The shortest pause after a failure.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Maximum time by which balances may have changed before the last frame on the connection of the trades.
const MOVED_SLACK: Duration = Duration::from_secs(5);

impl Run {
    pub(super) fn new(gap: Option<(Timestamp, Timestamp)>, gap_start: Instant, now: Instant) -> Self {
        Self {
            gap,
            gap_start,
            not_before: None,
            opened: now,
            phase: Phase::Pause(now),
            started: now,
            is_outdated: false,
            rounds: 0,
            repeats: 0,
            reading: None,
            lists: BTreeMap::new(),
            first_listed: BTreeMap::new(),
            replies: BTreeMap::new(),
            unresolved_orders: Vec::new(),
            trades: 0,
            orders: 0,
            failures: 0,
            unreadable: 0,
        }
    }

    /// Adds another gap. All pairs are read again, after the round that is in progress.
    pub(super) fn extend(
        &mut self,
        (since, until): (Timestamp, Timestamp),
        gap_start: Instant,
        now: Instant,
    ) {
        let (start, end) = self.gap.unwrap_or((since, until));
        self.gap_start = self.gap_start.min(gap_start);
        self.gap = Some((start.min(since), end.max(until)));
        (self.opened, self.rounds, self.repeats) = (now, 0, 0);
        match self.phase {
            Phase::Reading => self.is_outdated = true,
            Phase::Complete | Phase::AwaitingStreams => self.phase = Phase::Pause(now),
            Phase::Pause(_) | Phase::Failed(..) => {}
        }
    }

    /// Returns the time from which [`next`](Self::next) has something to do, if it is known.
    pub(super) fn due(&self, situation: &Situation<'_>) -> Option<Instant> {
        match &self.phase {
            Phase::Pause(until) => Some(*until),
            Phase::Reading | Phase::Failed(..) | Phase::Complete => Some(self.started),
            Phase::AwaitingStreams => situation.is_alive_since(self.opened).then_some(self.opened),
        }
    }

    /// Returns the next call or the next items.
    pub(super) fn next(&mut self, mut context: Context<'_>, situation: &Situation<'_>) -> Next {
        while self.due(situation).is_some_and(|due| due <= situation.now) {
            match &self.phase {
                Phase::Pause(_) => {
                    (self.phase, self.started, self.is_outdated) = (Phase::Reading, situation.now, false);
                    (self.reading, self.lists, self.replies) = (None, BTreeMap::new(), BTreeMap::new());
                    self.not_before = context.not_before;
                }
                Phase::Reading => {
                    if let Some((in_flight, call)) = self.next_call(&context, situation) {
                        return Next::Call(in_flight, call);
                    }
                    (self.phase, self.failures, self.unreadable) = (Phase::Complete, 0, 0);
                    self.rounds += u32::from(!self.is_outdated);
                    return self.emit(&mut context, None);
                }
                Phase::Failed(error, pause) => {
                    let report = is_milestone(self.failures).then(|| (error.clone(), *pause));
                    self.phase = Phase::Pause(situation.now + *pause);
                    return self.emit(&mut context, report);
                }
                Phase::Complete => self.phase = self.after_round(&mut context, situation),
                Phase::AwaitingStreams => {
                    if self.next_call(&context, situation).is_some() {
                        // The streams have shown another pair.
                        self.phase = Phase::Pause(situation.now);
                        continue;
                    }
                    if self.repeats < MAX_REPEATS && !self.missing_fills(situation).is_empty() {
                        // The streams have shown an execution without a trade.
                        self.phase = Phase::Pause(situation.now + self.next_repeat(&context));
                        continue;
                    }
                    let report = Box::new(self.report(situation, None));
                    return Next::Items { items: vec![Item::Backfilled(report)], is_finished: true };
                }
            }
        }
        Next::Pending
    }

    /// Returns the next call of a round.
    fn next_call(
        &mut self,
        context: &Context<'_>,
        situation: &Situation<'_>,
    ) -> Option<(InFlight, RestCall)> {
        if let Some(call) = self.next_trades_call(context, situation) {
            return Some(call);
        }
        let is_due = |(order, at): &&(Order, Instant)| {
            *at + context.settings.settling_time <= self.started && !self.replies.contains_key(&order.id)
        };
        let (order, _) = context.ended.values().find(is_due)?;
        let call = GetOrder::new(order.pair.clone(), order.id.clone());
        Some((InFlight::Order(order.id.clone()), RestCall::Order(call)))
    }

    /// Returns the next call for the trades of a pair, or for the list of all pairs.
    fn next_trades_call(
        &mut self,
        context: &Context<'_>,
        situation: &Situation<'_>,
    ) -> Option<(InFlight, RestCall)> {
        let (start, end) = self.window()?;
        if self.reading.is_none() {
            let pair = self.pairs(context, situation).find(|pair| !self.lists.contains_key(pair)).cloned();
            self.reading = pair.map(|pair| (pair.clone(), Pager::new(GetOwnTrades::new(pair), start, end)));
        }
        if let Some((pair, pager)) = &self.reading {
            return Some((InFlight::Trades(pair.clone()), RestCall::OwnTrades(pager.next_call()?)));
        }
        let needs_all_pairs = self.needs_all_pairs(context, situation);
        needs_all_pairs.then(|| (InFlight::Pairs, RestCall::TradingPairs(GetTradingPairs::new())))
    }

    /// Returns the times between which trades may have been missed, on the exchange's clock.
    fn window(&self) -> Option<(Timestamp, Timestamp)> {
        let (since, until) = self.gap?;
        let start = shifted(since, -CLOCK_SLACK_MS);
        // A time that is far ahead of the client's clock cannot be right.
        let not_before = self.not_before.filter(|time| *time <= shifted(since, CLOCK_SLACK_MS));
        // The times of trades may be rounded down to a second.
        let start = not_before.map_or(start, |time| start.max(shifted(time, -1_000)));
        Some((start, shifted(until, CLOCK_SLACK_MS)))
    }

    /// Returns the pairs that may have missing trades, as far as they are known.
    fn pairs<'a>(
        &'a self,
        context: &'a Context<'_>,
        situation: &'a Situation<'_>,
    ) -> Box<dyn Iterator<Item = &'a Pair> + 'a> {
        let start = self.window().map(|(start, _)| start);
        let is_before = move |order: &&Order| {
            order.updated().zip(start).is_some_and(|(updated, start)| updated.compare_coarsely(start).is_lt())
        };
        let (account, now) = (situation.account, situation.now);
        let closed = account.orders().closed().iter().filter(move |order| !is_before(order));
        let ended = context.ended.values().map(|(order, _)| order);
        let orders = account.orders().open().iter().chain(closed).chain(ended).map(|order| &order.pair);
        let are_known = self.are_balances_known(context, situation);
        let moved = move |currency: &Currency| {
            !are_known || context.moved.get(currency).is_some_and(|at| self.has_moved(*at))
        };
        let all = situation.shared.pairs(now).into_iter().flat_map(|pairs| pairs.iter());
        let moved = all.filter(move |pair| moved(&pair.base) && moved(&pair.quote)).map(|pair| &pair.pair);
        Box::new(context.settings.pairs.iter().chain(orders).chain(moved))
    }

    /// Returns whether the list of all pairs is needed and not known.
    fn needs_all_pairs(&self, context: &Context<'_>, situation: &Situation<'_>) -> bool {
        let has_moved = context.moved.values().filter(|at| self.has_moved(**at)).nth(1).is_some();
        situation.shared.pairs(situation.now).is_none()
            && (has_moved || !self.are_balances_known(context, situation))
    }

    fn has_moved(&self, at: Instant) -> bool {
        at + MOVED_SLACK >= self.gap_start
    }

    /// Returns whether the balances show which pairs may have missing trades.
    fn are_balances_known(&self, context: &Context<'_>, situation: &Situation<'_>) -> bool {
        let is_fresh = situation.account.is_fresh(PrivateStream::AccountBalance);
        is_fresh && context.balances_since.is_some_and(|known| known < self.gap_start)
    }

    /// Handles a page of the trades of a pair.
    pub(super) fn handle_page(&mut self, pair: &Pair, page: List<OwnTrade>) {
        let Some((pair, mut pager)) = self.reading.take_if(|(reading, _)| reading == pair) else { return };
        pager.handle_page(page);
        if pager.next_call().is_some() {
            self.reading = Some((pair, pager));
            return;
        }
        let pages = pager.finish();
        let incomplete = match pages.completeness {
            Completeness::Complete => None,
            Completeness::NotProvedComplete(reason) => Some(IncompleteReason::Unproved(reason)),
        };
        let is_comparable = |record: &OwnTrade| record.to_trade(&pair).is_some();
        let incomplete = if pages.items.iter().all(is_comparable) {
            incomplete
        } else {
            Some(IncompleteReason::Incomparable)
        };
        // Whether a cursor and a window combine is not documented.
        let is_inside = |record: &OwnTrade| {
            record.created().zip(self.window()).is_some_and(|(at, (start, end))| start <= at && at <= end)
        };
        let records = pages.items.into_iter().filter(is_inside).collect();
        self.lists.insert(pair, TradeList { records, incomplete });
    }

    /// Handles the reply about an order, or `None` if the exchange does not know it.
    pub(super) fn handle_order(&mut self, id: OrderId, reply: Option<Order>) {
        self.replies.insert(id, reply);
    }

    /// Returns whether repeating a call that has failed cannot help.
    pub(super) fn is_final(&self, error: &RestError) -> bool {
        match error.kind() {
            // The reply may have been damaged on its way.
            RestErrorKind::Call(ErrorKind::Unreadable) => self.unreadable >= MAX_UNREADABLE,
            RestErrorKind::Call(kind) => !kind.is_transient() && !kind.is_auth(),
            _ => false,
        }
    }

    pub(super) fn handle_rejected(&mut self, pair: Pair, error: RestError) {
        if self.reading.take_if(|(reading, _)| *reading == pair).is_some() {
            let incomplete = Some(IncompleteReason::Rejected(error));
            self.lists.insert(pair, TradeList { records: Vec::new(), incomplete });
        }
    }

    pub(super) fn handle_failure(&mut self, error: RestError, settling_time: Duration) {
        self.failures = self.failures.saturating_add(1);
        let is_unreadable = error.kind() == RestErrorKind::Call(ErrorKind::Unreadable);
        self.unreadable = if is_unreadable { self.unreadable.saturating_add(1) } else { 0 };
        let pause = settling_time.max(SHORTEST_PAUSE).saturating_mul(1 << (self.failures - 1).min(16));
        self.reading = None;
        self.phase = Phase::Failed(error, pause.min(LONGEST_PAUSE));
    }

    /// Returns what the round has recovered, and a report if it has failed.
    fn emit(&mut self, context: &mut Context<'_>, failed: Option<(RestError, Duration)>) -> Next {
        let mut items = Vec::new();
        // A stream may have reported the end of an order in the meantime.
        let is_missing = |order: &&Order| order.is_final() && context.ended.contains_key(&order.id);
        for order in self.replies.values().flatten().filter(is_missing) {
            self.orders += 1;
            items.push(Item::RecoveredOrder(Box::new(order.clone())));
        }
        let mut listed = BTreeMap::new();
        let mut recovered = Vec::new();
        for (pair, list) in &self.lists {
            for record in context.known.missing(&list.records) {
                let key = (record.trade_id.clone(), record.order_id.clone());
                let first = *self.first_listed.get(&key).unwrap_or(&self.started);
                match record.to_trade(pair) {
                    Some(trade) if self.started >= first + context.settings.settling_time => {
                        recovered.push(RecoveredTrade { trade, record: record.clone() });
                    }
                    _ => drop(listed.insert(key, first)),
                }
            }
        }
        self.first_listed = listed;
        recovered.sort_by_key(|recovered| recovered.record.created());
        for recovered in recovered {
            self.trades += 1;
            context.known.add_recovered(&recovered.record, self.started);
            items.push(Item::RecoveredTrade(Box::new(recovered)));
        }
        if failed.is_some() {
            items.push(Item::Backfilled(Box::new(self.report_with(Vec::new(), failed))));
        }
        Next::Items { items, is_finished: false }
    }

    /// Decides what follows a complete round.
    fn after_round(&mut self, context: &mut Context<'_>, situation: &Situation<'_>) -> Phase {
        let can_repeat = self.repeats < MAX_REPEATS;
        let mut is_unexplained = false;
        for (id, reply) in std::mem::take(&mut self.replies) {
            match reply {
                Some(order) if order.is_final() => drop(context.ended.remove(&id)),
                // The REST API may be behind the streams.
                _ if can_repeat => is_unexplained = true,
                _ => {
                    self.unresolved_orders.extend(context.ended.remove(&id).map(|(order, _)| order));
                    context.unresolved.insert(id);
                }
            }
        }
        is_unexplained |= can_repeat && !self.missing_fills(situation).is_empty();
        let needs_second = self.gap.is_some() && self.rounds < 2;
        if !needs_second && self.first_listed.is_empty() && !is_unexplained {
            return Phase::AwaitingStreams;
        }
        let is_repeat = !needs_second && is_unexplained;
        let pause = if is_repeat { self.next_repeat(context) } else { context.settings.settling_time };
        Phase::Pause(situation.now + pause)
    }

    /// Counts a further round, and returns the pause before it.
    fn next_repeat(&mut self, context: &Context<'_>) -> Duration {
        let pause = context.settings.settling_time.saturating_mul(1 << self.repeats);
        self.repeats += 1;
        pause
    }

    fn missing_fills(&self, situation: &Situation<'_>) -> Vec<crate::MissingFills> {
        self.window().map(|(start, _)| situation.account.missing_fills(Some(start))).unwrap_or_default()
    }

    fn report(&self, situation: &Situation<'_>, failed: Option<(RestError, Duration)>) -> Backfilled {
        let missing = situation.account.missing_orders();
        // A stream may have reported the end of an order in the meantime.
        let mut report = self.report_with(self.missing_fills(situation), failed);
        report.unresolved_orders.retain(|order| missing.contains_key(&order.id));
        report
    }

    fn report_with(
        &self,
        missing_fills: Vec<crate::MissingFills>,
        failed: Option<(RestError, Duration)>,
    ) -> Backfilled {
        let complete = self.lists.iter().filter(|(_, list)| list.incomplete.is_none());
        let incomplete =
            self.lists.iter().filter_map(|(pair, list)| Some((pair.clone(), list.incomplete.clone()?)));
        Backfilled {
            gap: self.gap,
            pairs: complete.map(|(pair, _)| pair.clone()).collect(),
            incomplete_pairs: incomplete.collect(),
            trades: self.trades,
            orders: self.orders,
            missing_fills,
            unresolved_orders: self.unresolved_orders.clone(),
            failed,
        }
    }
}

fn shifted(time: Timestamp, by_ms: i64) -> Timestamp {
    Timestamp::from_millis(time.as_millis().saturating_add(by_ms))
}
