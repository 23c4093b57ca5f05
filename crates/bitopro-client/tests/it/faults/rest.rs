//! Faults of the REST API, with the simulator's commands that cause them.

use std::time::Duration;

use bitopro_client::model::{Balance, Decimal, Timestamp};
use bitopro_client::rest::{
    Completeness, ErrorKind, GetBalances, GetOpenOrders, GetOwnTrades, Pager, PlaceOrder,
};
use bitopro_client::transport::ErrorKind as Transport;
use bitopro_client::{Account, Rest, RestErrorKind, Subscription};
use bitopro_sim::{Command, Cursors, Quirks, RestLag, Simulator};
use tokio::time::{Instant, sleep};

use crate::simulated::simulated;

const SECOND: Duration = Duration::from_secs(1);

struct Faulty {
    simulator: Simulator,
    rest: Rest,
    account: Subscription<Account>,
}

impl Faulty {
    async fn new(quirks: Quirks) -> Self {
        let balances =
            [Balance::new("BITO", Decimal::ONE_HUNDRED), Balance::new("TWD", Decimal::ONE_THOUSAND)];
        let builder = Simulator::builder().with_quirks(quirks).with_balances(balances);
        let (simulator, client) = simulated(builder, 1);
        let client = client.build().unwrap();
        let account = client.account();
        account.ready().await.unwrap();
        Self { simulator, rest: client.rest().unwrap(), account }
    }

    fn execute(&self, command: &str) {
        self.simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
    }

    /// Places an order while this fault applies to all calls. Returns the kind of the error and the time until it.
    async fn place_with(&self, fault: &str) -> (RestErrorKind, Duration) {
        self.execute(&format!("fail-rest 1 {fault}"));
        let start = Instant::now();
        let error = self.rest.call(&buy()).await.unwrap_err();
        (error.kind(), start.elapsed())
    }

    /// Makes a call that only reads while this fault applies to its first requests. Returns the kind of the error,
    /// if any, and the time until the result.
    async fn read_with(&self, count: usize, fault: &str) -> (Option<RestErrorKind>, Duration) {
        self.execute(&format!("fail-rest {count} {fault}"));
        let start = Instant::now();
        let result = self.rest.call(&GetBalances::new()).await;
        (result.err().map(|error| error.kind()), start.elapsed())
    }

    /// Returns the number of open orders, which is the same everywhere.
    async fn open_orders(&self) -> usize {
        sleep(SECOND).await;
        let count = self.simulator.open_orders().len();
        assert_eq!(self.streamed_orders(), count);
        assert_eq!(self.rest.call(&GetOpenOrders::new()).await.unwrap().len(), count);
        count
    }

    fn streamed_orders(&self) -> usize {
        self.account.current().open_orders.unwrap().state().len()
    }

    /// Makes trades, one per second.
    async fn trade(&self, count: usize) {
        for _ in 0..count {
            let id = self.rest.call(&buy()).await.unwrap().order_id;
            self.simulator.fill_remaining(&id).unwrap();
            sleep(SECOND).await;
        }
    }

    /// Reads the trades page by page. Before each page, `before` is called with its number.
    async fn read_trades(&self, mut before: impl FnMut(usize)) -> (usize, Completeness) {
        let end = self.simulator.now();
        let start = Timestamp::from_millis(end.as_millis() - 3_600_000);
        let mut pager = Pager::new(GetOwnTrades::new("bito_twd"), start, end).with_page_size(5);
        for page in 1.. {
            let Some(call) = pager.next_call() else { break };
            before(page);
            pager.handle_page(self.rest.call(&call).await.unwrap());
        }
        let pages = pager.finish();
        (pages.items.len(), pages.completeness)
    }
}

fn buy() -> PlaceOrder {
    PlaceOrder::limit_buy("bito_twd", Decimal::ONE, Decimal::ONE)
}

#[tokio::test(start_paused = true)]
async fn fault_61_only_a_call_that_reads_is_repeated_if_no_response_arrives() {
    let faulty = Faulty::new(Quirks::default()).await;
    let timed_out = RestErrorKind::Transport(Transport::TimedOut);
    let never = "delay 3600000";
    // Two deadlines of 10 s, and the pauses after them.
    assert_eq!(faulty.read_with(2, never).await, (None, SECOND * 23));
    assert_eq!(faulty.read_with(3, never).await, (Some(timed_out), SECOND * 33));
    assert_eq!(faulty.place_with(never).await, (timed_out, SECOND * 10));
    assert!(timed_out.is_outcome_unknown());
    assert_eq!(faulty.open_orders().await, 1);
}

#[tokio::test(start_paused = true)]
async fn fault_62_only_a_call_that_reads_is_repeated_if_a_gateway_answers() {
    let faulty = Faulty::new(Quirks::default()).await;
    let unavailable = RestErrorKind::Call(ErrorKind::Unavailable);
    assert_eq!(faulty.read_with(2, "502").await, (None, SECOND * 3));
    assert_eq!(faulty.read_with(3, "502").await, (Some(unavailable), SECOND * 3));
    assert_eq!(faulty.place_with("502").await, (unavailable, Duration::ZERO));
    assert!(unavailable.is_outcome_unknown());
    assert_eq!(faulty.open_orders().await, 0);
}

#[tokio::test(start_paused = true)]
async fn fault_63_a_cursor_that_never_advances_does_not_hide_trades() {
    let faulty = Faulty::new(Quirks::default().with(Cursors::Ignored)).await;
    faulty.trade(30).await;
    assert_eq!(faulty.read_trades(|_| {}).await, (30, Completeness::Complete));
}

#[tokio::test(start_paused = true)]
async fn fault_64_a_truncated_reply_is_an_error_and_not_a_part_of_the_reply() {
    let faulty = Faulty::new(Quirks::default()).await;
    let unreadable = RestErrorKind::Call(ErrorKind::Unreadable);
    assert_eq!(faulty.read_with(1, "truncate").await, (Some(unreadable), Duration::ZERO));
    assert_eq!(faulty.place_with("truncate").await, (unreadable, Duration::ZERO));
    assert!(unreadable.is_outcome_unknown());
    assert_eq!(faulty.open_orders().await, 1);
}

#[tokio::test(start_paused = true)]
async fn fault_65_a_429_between_pages_delays_them_and_the_list_is_complete() {
    let faulty = Faulty::new(Quirks::default()).await;
    faulty.trade(30).await;
    let start = Instant::now();
    let read = faulty.read_trades(|page| {
        if page == 3 {
            faulty.execute("fail-rest 1 429");
        }
    });
    assert_eq!(read.await, (30, Completeness::Complete));
    assert_eq!(start.elapsed(), SECOND * 5);
}

#[tokio::test(start_paused = true)]
async fn fault_66_an_order_whose_response_is_lost_exists_once() {
    let faulty = Faulty::new(Quirks::default()).await;
    let disconnected = RestErrorKind::Transport(Transport::Disconnected);
    assert_eq!(faulty.place_with("lose").await, (disconnected, Duration::ZERO));
    assert!(disconnected.is_outcome_unknown());
    assert_eq!(faulty.open_orders().await, 1);
    assert_eq!(faulty.read_with(2, "lose").await, (None, SECOND * 3));
}

#[tokio::test(start_paused = true)]
async fn fault_67_a_reply_that_is_behind_the_streams_does_not_change_their_state() {
    let faulty = Faulty::new(Quirks::default().with(RestLag::TwoSeconds)).await;
    sleep(SECOND * 3).await;
    let listed = async || faulty.rest.call(&GetOpenOrders::new()).await.unwrap().len();
    faulty.rest.call(&buy()).await.unwrap();
    sleep(SECOND).await;
    assert_eq!((faulty.streamed_orders(), listed().await, faulty.streamed_orders()), (1, 0, 1));
    assert!(faulty.account.current().is_fresh());
    sleep(SECOND).await;
    assert_eq!((faulty.streamed_orders(), listed().await), (1, 1));
}
