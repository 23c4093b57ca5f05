use bitopro_model::PrivateStream;
use bitopro_transport::Frame;
use bytes::Bytes;
use http::header::RETRY_AFTER;

use super::{Bench, SECOND, SingleLink, engine};
use crate::Settings;
use crate::item::Item;
use crate::samples::balance;

/// Removes all items, and returns the repeats of the disconnections among them.
fn take_repeats(bench: &mut Bench) -> Vec<u32> {
    let repeats = |item| match item {
        Item::Disconnected(disconnected) => Some(disconnected.repeats),
        _ => None,
    };
    bench.items.drain(..).filter_map(repeats).collect()
}

#[test]
fn only_consecutive_failures_of_one_kind_are_repeats() {
    let mut bench = Bench::new();
    for retry_after in ["1", "2"] {
        bench.wait_for_dial();
        bench.refuse_dial(503, &[(RETRY_AFTER, retry_after)]);
    }
    for _ in 0..3 {
        bench.wait_for_dial();
        bench.fail_dial_on_network();
    }
    bench.wait_for_dial();
    bench.refuse_dial(503, &[]);
    assert_eq!(take_repeats(&mut bench), [1, 2, 1, 2, 3, 1]);
}

#[test]
fn a_data_message_or_a_stable_connection_resets_the_repeats() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.connect();
        bench.lose_connection();
    }
    bench.connect();
    bench.receive_text(&balance("1", 10));
    bench.lose_connection();
    assert_eq!(take_repeats(&mut bench), [1, 2, 1]);

    // Trades have no snapshot, so a connection without data can be stable.
    let trades = engine(Settings::default(), &["wss://one/ws"]);
    bench.link = SingleLink::new(trades, PrivateStream::UserTrades, bench.now, bench.wall);
    bench.actions.clear();
    bench.collect();
    for seconds in [29, 29, 30] {
        bench.connect();
        for _ in 0..seconds {
            bench.advance(SECOND);
            bench.step(|link, now, wall| link.handle_frame(now, wall, Frame::Ping(Bytes::new())));
        }
        bench.lose_connection();
    }
    assert_eq!(take_repeats(&mut bench), [1, 2, 1]);
}
