//! Public streams.

use bitopro_auth::{Credentials, Signer};
use bitopro_model::{
    BookLevel, MarketTrade, MarketTrades, Message, OrderBook, PublicStream, Timestamp, UnixSeconds,
};
use bitopro_transport::{self as transport, Refusal};
use http::StatusCode;

use super::{Action, Bench, SECOND, SingleLink};
use crate::engine::LinkId;
use crate::item::{Closed, GapReason, Item};
use crate::market::CurrentMarket;
use crate::{ErrorKind, Settings};

fn book(pair: &str, bid: i64, at: i64) -> String {
    let mut book = OrderBook::new(pair, Timestamp::from_millis(at));
    book.bids = vec![BookLevel::new(bid.into(), 1.into())];
    serde_json::to_string(&book).unwrap()
}

/// Returns a list of trades with these times in seconds, newest first.
fn trades(pair: &str, seconds: &[i64]) -> String {
    let mut event = MarketTrades::new(pair, Timestamp::from_millis(1_000));
    let trade = |second: &i64| MarketTrade::new(UnixSeconds::from_secs(*second), 7.into(), 1.into());
    event.data = seconds.iter().map(trade).collect();
    serde_json::to_string(&event).unwrap()
}

impl Bench {
    fn current_market(&self) -> CurrentMarket {
        self.link.engine.current_market(self.now, self.wall, self.link.subscriber)
    }

    fn market_names(&mut self) -> Vec<String> {
        self.items.drain(..).map(|item| described(&item)).collect()
    }
}

/// Describes an item in a word, with the pair and the best bid or the times of the trades.
fn described(item: &Item<Message>) -> String {
    let message = |message: &Message| match message {
        Message::OrderBook(book) => format!("{} {}", book.pair, book.bids[0].price),
        Message::Ticker(ticker) => format!("{} {}", ticker.pair, ticker.last_price),
        Message::MarketTrades(event) => {
            let times = event.data.iter().map(|trade| trade.timestamp.as_secs());
            format!("{} {:?}", event.pair, times.collect::<Vec<_>>())
        }
        other => other.to_string(),
    };
    match item {
        Item::Snapshot(event) => format!("snapshot {}", message(event)),
        Item::Update(event) => format!("update {}", message(event)),
        Item::MissingPairs(pairs) => {
            let pairs: Vec<&str> = pairs.iter().map(bitopro_model::Pair::as_str).collect();
            format!("missing {}", pairs.join(" "))
        }
        Item::Gap(gap) => {
            let GapReason::NoOverlap { pair, since, until } = &gap.reason else {
                return super::name(item).to_owned();
            };
            let seconds = |time: &Option<Timestamp>| time.map(|time| time.as_millis() / 1_000);
            format!("gap of {pair} {:?}-{:?}", seconds(since), seconds(until))
        }
        other => super::name(other).to_owned(),
    }
}

#[test]
fn the_first_message_of_each_pair_is_its_snapshot() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["btc_twd:20", "eth_twd"]);
    let (request, _) = bench.wait_for_dial();
    let path = request.url().path_and_query().unwrap().as_str();
    assert_eq!(path, "/ws/v1/pub/order-books?pairs=BTC_TWD:20,ETH_TWD");
    assert!(request.headers().is_empty(), "a public stream is not signed");
    bench.step(SingleLink::handle_connected);
    for (pair, bid) in [("BTC_TWD", 1), ("BTC_TWD", 2), ("ETH_TWD", 3), ("BTC_TWD", 2)] {
        bench.receive_text(&book(pair, bid, bid));
    }
    let expected =
        ["connected", "snapshot BTC_TWD 1", "update BTC_TWD 2", "snapshot ETH_TWD 3", "update BTC_TWD 2"];
    assert_eq!(bench.market_names(), expected);
    bench.advance(SECOND * 3);
    let current = bench.current_market();
    let btc = current.order_books.get("btc_twd").unwrap();
    assert_eq!((btc.state().bids[0].price, btc.age(), btc.connection()), (2.into(), SECOND * 3, 1));
    assert!(current.is_fresh() && current.order_books.is_fresh() && current.tickers.iter().next().is_none());
}

#[test]
fn after_a_reconnect_each_pair_is_stale_until_its_own_snapshot() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD", "ETH_TWD"]);
    bench.connect();
    bench.receive_text(&book("BTC_TWD", 1, 1));
    bench.receive_text(&book("ETH_TWD", 2, 2));
    bench.lose_connection();
    let stale = |bench: &Bench| {
        let current = bench.current_market().order_books;
        ["BTC_TWD", "ETH_TWD"].map(|pair| current.get(pair).unwrap().is_stale())
    };
    assert_eq!(stale(&bench), [true, true]);
    bench.connect();
    bench.receive_text(&book("ETH_TWD", 4, 4));
    assert_eq!(stale(&bench), [true, false]);
    assert!(!bench.current_market().is_fresh());
    bench.receive_text(&book("BTC_TWD", 3, 3));
    assert_eq!(stale(&bench), [false, false]);
    let expected = ["disconnected", "connected", "gap", "snapshot ETH_TWD 4", "snapshot BTC_TWD 3"];
    assert_eq!(bench.market_names()[3..], expected);
}

#[test]
fn fault_72_pairs_about_which_nothing_arrives_are_reported() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD", "BCT_TWD"]);
    bench.connect();
    bench.receive_text(&book("BTC_TWD", 1, 1));
    assert!(!bench.current_market().is_fresh());
    for _ in 0..3 {
        bench.advance(SECOND * 5);
        bench.receive_text(&book("BTC_TWD", 1, 1));
    }
    let names = bench.market_names();
    assert_eq!(names.iter().filter(|name| *name == "missing BCT_TWD").count(), 1, "{names:?}");
    let current = bench.current_market();
    assert!(
        current.is_fresh()
            && current.order_books.missing().eq(["BCT_TWD"].map(bitopro_model::Pair::new).iter())
    );
    // It was only slow.
    bench.receive_text(&book("BCT_TWD", 5, 5));
    assert_eq!(bench.market_names(), ["snapshot BCT_TWD 5"]);
    assert_eq!(bench.current_market().order_books.missing().count(), 0);
    // The next connection reports again what is missing.
    for pairs in [&["BTC_TWD"][..], &[]] {
        bench.lose_connection();
        bench.connect();
        assert_eq!(bench.current_market().order_books.missing().count(), 0);
        for pair in pairs {
            bench.receive_text(&book(pair, 1, 1));
            bench.advance(SECOND * 11);
            assert_eq!(bench.current_market().order_books.missing().count(), 1);
        }
    }
}

#[test]
fn a_connection_without_any_message_is_replaced() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD", "ETH_TWD"]);
    bench.connect();
    bench.advance(SECOND * 11);
    assert_eq!(bench.last_error(), ErrorKind::NoSnapshot);
}

#[test]
fn fault_73_an_update_of_the_trades_contains_only_new_ones() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Trades, &["BTC_TWD", "ETH_TWD"]);
    bench.connect();
    for list in [&[3, 2, 1][..], &[3, 2, 1], &[4, 3, 2], &[4, 4, 4]] {
        bench.receive_text(&trades("BTC_TWD", list));
    }
    bench.receive_text(&trades("ETH_TWD", &[]));
    bench.receive_text(&trades("ETH_TWD", &[5, 5]));
    let expected = [
        "connected",
        "snapshot BTC_TWD [3, 2, 1]",
        "update BTC_TWD []",
        "update BTC_TWD [4]",
        "update BTC_TWD [4, 4]",
        "snapshot ETH_TWD []",
        "update ETH_TWD [5, 5]",
    ];
    assert_eq!(bench.market_names(), expected);
    let current = bench.current_market();
    let times =
        current.trades.get("BTC_TWD").unwrap().state().data.iter().map(|trade| trade.timestamp.as_secs());
    assert!(times.eq([4, 4, 4]), "the state is the last list");
}

#[test]
fn fault_73_a_list_of_trades_without_a_known_one_is_a_gap() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Trades, &["BTC_TWD"]);
    bench.connect();
    bench.receive_text(&trades("BTC_TWD", &[3, 2]));
    bench.receive_text(&trades("BTC_TWD", &[9, 8]));
    let expected =
        ["connected", "snapshot BTC_TWD [3, 2]", "gap of BTC_TWD Some(3)-Some(8)", "snapshot BTC_TWD [9, 8]"];
    assert_eq!(bench.market_names(), expected);
    // A list that bridges a reconnect leaves no gap.
    bench.lose_connection();
    bench.connect();
    bench.receive_text(&trades("BTC_TWD", &[10, 9]));
    assert_eq!(bench.market_names(), ["disconnected", "connected", "update BTC_TWD [10]"]);
    bench.lose_connection();
    bench.connect();
    bench.receive_text(&trades("BTC_TWD", &[20, 19]));
    let expected =
        ["disconnected", "connected", "gap of BTC_TWD Some(10)-Some(19)", "snapshot BTC_TWD [20, 19]"];
    assert_eq!(bench.market_names(), expected);
}

#[test]
fn fault_74_a_message_without_a_pair_is_about_the_only_pair_of_its_socket() {
    let text = r#"{"event":"TICKER","timestamp":1,"lastPrice":"7"}"#;
    let mut one = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD"]);
    one.connect();
    one.receive_text(text);
    assert_eq!(one.market_names(), ["connected", "snapshot BTC_TWD 7"]);
    let mut two = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD", "ETH_TWD"]);
    two.connect();
    two.receive_text(text);
    assert_eq!(two.market_names(), ["connected", "unknown"]);
}

#[test]
fn an_unreadable_message_leaves_the_pairs_stale_until_their_next_messages() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD"]);
    bench.connect();
    bench.receive_text("{");
    bench.receive_text(&book("BTC_TWD", 1, 1));
    assert!(bench.current_market().is_fresh());
    bench.receive_text("{");
    assert!(!bench.current_market().is_fresh());
    bench.receive_text(&book("BTC_TWD", 2, 2));
    assert!(bench.current_market().is_fresh());
    let expected = ["connected", "malformed", "snapshot BTC_TWD 1", "malformed", "update BTC_TWD 2"];
    assert_eq!(bench.market_names(), expected);
    bench.advance(SECOND * 20);
    assert!(bench.link.is_open(), "the connection is kept");
}

#[test]
fn a_sleep_of_the_machine_counts_and_makes_the_state_stale_if_it_is_long() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD"]);
    bench.connect();
    bench.receive_text(&book("BTC_TWD", 1, 1));
    bench.now += SECOND;
    for (slept, is_stale) in [(20, false), (60, true)] {
        let wall = bench.wall + SECOND * (1 + slept);
        let current = bench.link.engine.current_market(bench.now, wall, bench.link.subscriber).order_books;
        let book = current.get("BTC_TWD").unwrap();
        assert_eq!((book.age(), book.is_stale()), (SECOND * (1 + slept), is_stale));
    }
    // The sleep before the book does not count.
    bench.wall += SECOND * 21;
    bench.receive_text(&book("BTC_TWD", 2, 2));
    assert_eq!(bench.current_market().order_books.get("BTC_TWD").unwrap().age(), std::time::Duration::ZERO);
}

#[test]
fn a_slow_subscriber_gets_a_gap_and_the_last_book_of_each_pair() {
    let settings = Settings { queue_capacity: 3, ..Settings::default() };
    let mut bench = Bench::public(settings, PublicStream::OrderBooks, &["BTC_TWD", "ETH_TWD"]);
    bench.connect();
    let mut link = bench.link;
    for bid in 1..=5 {
        for pair in ["BTC_TWD", "ETH_TWD"] {
            link.handle_frame(bench.now, bench.wall, transport::Frame::text(book(pair, bid, bid)));
        }
    }
    let mut names: Vec<String> = bench.items.iter().map(described).collect();
    names.extend(std::iter::from_fn(|| link.poll_item()).map(|item| described(&item)));
    let expected = [
        "connected",
        "snapshot BTC_TWD 1",
        "snapshot ETH_TWD 1",
        "update BTC_TWD 2",
        "gap",
        "snapshot BTC_TWD 5",
        "snapshot ETH_TWD 5",
    ];
    assert_eq!(names, expected);
}

#[test]
fn an_unknown_pair_alone_ends_its_stream_even_if_another_pair_has_worked() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD"]);
    bench.connect();
    let pairs = ["BCT_TWD".into()];
    let streams = [PublicStream::OrderBooks];
    let other = bench.link.engine.subscribe_market(bench.now, bench.wall, &streams, pairs).unwrap();
    let link = LinkId { subscriber: other, stream: PublicStream::OrderBooks.into() };
    bench.advance(SECOND);
    bench.collect();
    assert!(bench.take_dial().is_some());
    let refusal = transport::Error::refused(Refusal::new(StatusCode::OK));
    bench.link.engine.handle_dial_failed(bench.now, bench.wall, link, refusal);
    let items: Vec<_> = std::iter::from_fn(|| bench.link.engine.poll_item(other)).collect();
    let Item::Closed(Closed::Failed(error)) = &items.last().unwrap().item else { panic!("{items:?}") };
    let expected = "no stream was opened at /ws/v1/pub/order-books/BCT_TWD; answered with an empty response; check the \
                    pairs: the exchange answers like this to a pair that it does not know";
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::WrongPath, expected));
}

#[test]
fn fault_75_a_refusal_of_a_public_stream_does_not_concern_the_key() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD"]);
    let public = bench.link.link;
    bench.link.engine.signer = Some(Signer::new(Credentials::new("k", "s", "me@example.com").unwrap()));
    let streams = [bitopro_model::PrivateStream::UserTrades];
    let private = bench.link.engine.subscribe(bench.now, bench.wall, &streams);
    let private = LinkId { subscriber: private, stream: streams[0].into() };
    // The dial of the public stream is in progress.
    let (engine, mut dialing) = (&mut bench.link.engine, Some(public));
    let (mut now, mut wall) = (bench.now, bench.wall);
    while !engine.is_closed(public) {
        match dialing {
            Some(link) if link == public => {
                let refusal = transport::Error::refused(Refusal::new(StatusCode::UNAUTHORIZED));
                engine.handle_dial_failed(now, wall, link, refusal);
            }
            Some(link) => {
                let error = transport::Error::new(transport::ErrorKind::Connect, "no connection");
                engine.handle_dial_failed(now, wall, link, error);
            }
            None => {
                let due = engine.poll_timeout().unwrap().max(now);
                wall += due - now;
                now = due;
                engine.handle_timeout(now, wall);
            }
        }
        let action = engine.poll_action(now, wall);
        dialing = action.filter(|(_, action)| matches!(action, Action::Dial(_))).map(|(link, _)| link);
    }
    assert!(!engine.is_closed(private), "{:?}", engine.closed_streams(private.subscriber));
}

#[test]
fn an_engine_without_credentials_ends_private_streams_at_once() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD"]);
    bench.connect();
    let streams = [bitopro_model::PrivateStream::UserTrades];
    let private = bench.link.engine.subscribe(bench.now, bench.wall, &streams);
    bench.advance(SECOND);
    bench.collect();
    assert!(bench.take_dial().is_none());
    let items: Vec<_> = std::iter::from_fn(|| bench.link.engine.poll_item(private)).collect();
    assert!(
        matches!(&items[..], [item] if matches!(&item.item, Item::Closed(Closed::Failed(error)) if error.kind() == ErrorKind::Setup)),
        "{items:?}"
    );
}

#[test]
fn an_accepted_public_stream_does_not_prove_the_key() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD"]);
    bench.link.engine.signer = Some(Signer::new(Credentials::new("k", "s", "me@example.com").unwrap()));
    bench.connect();
    let streams = [bitopro_model::PrivateStream::UserTrades];
    let private = bench.link.engine.subscribe(bench.now, bench.wall, &streams);
    let link = LinkId { subscriber: private, stream: streams[0].into() };
    for _ in 0..2 {
        while bench.take_dial().is_none() {
            bench.advance(SECOND);
            bench.collect();
        }
        let refusal = transport::Error::refused(Refusal::new(StatusCode::UNAUTHORIZED));
        bench.link.engine.handle_dial_failed(bench.now, bench.wall, link, refusal);
        bench.step(SingleLink::handle_timeout);
    }
    assert!(bench.link.engine.is_closed(link), "two refusals end a stream whose key has never worked");
    assert!(!bench.actions.iter().any(|action| matches!(action, Action::Disconnect)));
}

#[test]
fn a_certificate_that_has_worked_is_not_given_up_because_of_a_bad_minute() {
    let mut bench = Bench::public(Settings::default(), PublicStream::Tickers, &["BTC_TWD"]);
    bench.connect();
    bench.lose_connection();
    for _ in 0..5 {
        bench.wait_for_dial();
        let kind = transport::ErrorKind::Certificate;
        bench.fail_dial(transport::Error::new(kind, "expired"));
    }
    assert!(!bench.link.is_closed());
}

#[test]
fn an_event_about_a_pair_that_was_not_requested_is_delivered_and_not_kept() {
    let mut bench = Bench::public(Settings::default(), PublicStream::OrderBooks, &["BTC_TWD"]);
    bench.connect();
    bench.receive_text(&book("BTC_TWD", 1, 1));
    bench.receive_text(&book("ETH_TWD", 2, 2));
    assert_eq!(bench.market_names(), ["connected", "snapshot BTC_TWD 1", "update ETH_TWD 2"]);
    assert_eq!(bench.current_market().order_books.iter().count(), 1);
}

#[test]
fn merged_missing_pairs_are_those_of_the_last_connection() {
    let settings = Settings { queue_capacity: 1, ..Settings::default() };
    let mut bench = Bench::public(settings, PublicStream::OrderBooks, &["BTC_TWD", "ETH_TWD"]);
    bench.wait_for_dial();
    let (mut now, mut wall) = (bench.now, bench.wall);
    let link = &mut bench.link;
    link.handle_connected(now, wall);
    link.handle_frame(now, wall, transport::Frame::text(book("BTC_TWD", 1, 1)));
    (now, wall) = (now + SECOND * 11, wall + SECOND * 11);
    link.handle_timeout(now, wall);
    assert_eq!(link.engine.current_market(now, wall, link.subscriber).order_books.missing().count(), 1);
    link.handle_lost(now, wall, transport::Error::new(transport::ErrorKind::Disconnected, "lost"));
    (now, wall) = (now + SECOND * 40, wall + SECOND * 40);
    while !matches!(link.poll_action(now, wall), Some(Action::Dial(_))) {}
    link.handle_connected(now, wall);
    for pair in ["BTC_TWD", "ETH_TWD"] {
        link.handle_frame(now, wall, transport::Frame::text(book(pair, 2, 2)));
    }
    let names: Vec<String> = std::iter::from_fn(|| link.poll_item()).map(|item| described(&item)).collect();
    assert_eq!(names, ["connected", "gap", "connected", "snapshot BTC_TWD 2", "snapshot ETH_TWD 2"]);
}
