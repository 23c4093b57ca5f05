//! The account by hand, heard on all four streams.

use std::time::Duration;

use bitopro_model::{Action, Decimal, PrivateStream, Timestamp};
use bitopro_sim::{ActiveUpdates, Clock, Command, CommandError, NewOrder, Push, Simulator};
use bitopro_transport::{Connection, Frame};
use futures_util::{FutureExt, StreamExt};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::caller::{Caller, every_way, in_memory, text, until_disconnected};
use crate::listener::Listener;

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

/// A connection to each stream, of which all but the trades' have begun.
async fn connect(caller: &Caller, listener: &mut Listener) -> Vec<Box<dyn Connection>> {
    let mut connections = Vec::new();
    for stream in PrivateStream::ALL {
        let mut connection = caller.ask(stream.path(), caller.sign().iter()).await.unwrap();
        if *stream != PrivateStream::UserTrades {
            listener.begin(&text(&mut connection).await);
        }
        connections.push(connection);
    }
    // Nothing arrives when the trades begin.
    while caller.simulator.connections() < connections.len() {
        yield_now().await;
    }
    connections
}

fn resting() -> NewOrder {
    NewOrder::limit("btc_twd", Action::Buy, Decimal::new(2, 2), Decimal::new(2_000_000, 0))
}

#[tokio::test]
async fn what_is_done_by_hand_arrives_on_each_stream() {
    for caller in every_way(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let simulator = &caller.simulator;
        let mut listener = Listener::default();
        let mut connections = connect(&caller, &mut listener).await;
        assert_eq!((listener.balances.len(), listener.open.len(), listener.history.len()), (12, 4, 0));

        let id = simulator.place(&resting()).unwrap();
        let mut pushes = simulator.fill(&id, Decimal::new(1, 2)).unwrap();
        pushes.extend(simulator.fill_rest(&id).unwrap());
        let streams: Vec<PrivateStream> = pushes.iter().map(|push| push.stream).collect();
        let [balances, active, history, trades] = [
            PrivateStream::AccountBalance,
            PrivateStream::ActiveOrders,
            PrivateStream::HistoryOrders,
            PrivateStream::UserTrades,
        ];
        assert_eq!(streams, [trades, active, balances, trades, active, history, balances]);
        for (stream, frames) in [(0, 3), (1, 3), (2, 1), (3, 2)] {
            for _ in 0..frames {
                listener.hear(&text(&mut connections[stream]).await, ActiveUpdates::Changed);
            }
        }
        assert_eq!(listener.balances, simulator.balances());
        assert_eq!(listener.open(), simulator.open_orders());
        assert_eq!(listener.history, simulator.closed_orders());
        assert_eq!((listener.trades.len(), listener.trades), (2, simulator.trades()));

        // Three snapshots, two events of the placing, and those.
        let sent = simulator.sent();
        assert_eq!((sent.len(), sent.iter().all(|sent| sent.sockets == 1)), (12, true));
        let ids: Vec<_> = pushes.iter().map(Push::event_id).collect();
        assert!(sent[5..].iter().map(|sent| sent.event_id.as_deref()).eq(ids));
    }
}

#[tokio::test]
async fn what_is_refused_is_not_heard_of() {
    let caller = in_memory(Simulator::builder());
    let simulator = &caller.simulator;
    let mut connections = connect(&caller, &mut Listener::default()).await;
    let id = simulator.place(&resting()).unwrap();
    assert!(matches!(simulator.fill(&id, Decimal::ONE), Err(CommandError::MoreThanRemains(_))));
    assert!(matches!(simulator.trigger(&id), Err(CommandError::NothingToTrigger(_))));
    simulator.cancel(&id).unwrap();
    assert_eq!(simulator.cancel(&id), Err(CommandError::NotOpen(id)));
    let nothing = NewOrder::limit("btc_twd", Action::Buy, Decimal::ZERO, Decimal::ONE);
    assert_eq!(simulator.place(&nothing), Err(CommandError::NotPositive));
    // Placed and cancelled; nothing after that, and no trade.
    for (stream, frames) in [(0, 2), (1, 2), (2, 1), (3, 0)] {
        for _ in 0..frames {
            text(&mut connections[stream]).await;
        }
        assert!(timeout(Duration::from_millis(20), connections[stream].next()).await.is_err());
    }
}

#[tokio::test]
async fn trades_are_not_replayed_and_the_rest_begins_with_the_truth() {
    let caller = in_memory(Simulator::builder());
    for _ in 0..200 {
        caller.simulator.tick();
    }
    let mut listener = Listener::default();
    let mut connections = connect(&caller, &mut listener).await;
    assert!(timeout(Duration::from_millis(20), connections[3].next()).await.is_err());
    assert_eq!(listener.balances, caller.simulator.balances());
    assert_eq!(listener.open(), caller.simulator.open_orders());
    let mut history = caller.simulator.closed_orders();
    assert_eq!(history.len(), 100);
    // On the wire they are grouped by pair.
    history.sort_by(|a, b| a.id.cmp(&b.id));
    listener.history.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(listener.history, history);
}

#[tokio::test]
async fn without_orders_the_first_frames_are_empty_objects() {
    let caller = in_memory(Simulator::builder().with_balances([]));
    for stream in [PrivateStream::ActiveOrders, PrivateStream::HistoryOrders] {
        let mut connection = caller.ask(stream.path(), caller.sign().iter()).await.unwrap();
        let first = text(&mut connection).await;
        assert!(first.ends_with(r#""data":{}}"#), "{first}");
    }
}

#[tokio::test]
async fn trouble_can_be_ordered_for_one_stream() {
    let caller = in_memory(Simulator::builder());
    let simulator = &caller.simulator;
    let mut connections = connect(&caller, &mut Listener::default()).await;
    simulator.execute(&Command::text(PrivateStream::UserTrades, "again")).unwrap();
    assert_eq!(text(&mut connections[3]).await, "again");
    simulator.execute(&Command::close(PrivateStream::UserTrades, 1001, "maintenance")).unwrap();
    assert_eq!(connections[3].next().await.unwrap().unwrap(), Frame::close(1001, "maintenance"));
    simulator.execute(&Command::Disconnect(Some(PrivateStream::ActiveOrders))).unwrap();
    assert_eq!(until_disconnected(&mut connections[1]).await, []);
    // The other two are as they were, and have heard of none of it.
    let order = simulator.open_orders()[0].id.clone();
    let pushes = simulator.cancel(&order).unwrap();
    for (stream, connection) in
        [PrivateStream::AccountBalance, PrivateStream::HistoryOrders].iter().zip([0, 2])
    {
        let sent = pushes.iter().find(|push| push.stream == *stream).unwrap();
        assert_eq!(text(&mut connections[connection]).await, sent.text);
    }
}

/// A day on paused time, with connections that are lost and made again.
#[tokio::test(start_paused = true)]
async fn a_day_is_heard_as_it_is() {
    let builder = Simulator::builder()
        .with_seed(3)
        .with_clock(Clock::following_tokio(NOW))
        .with_market_interval(Duration::from_secs(1));
    let caller = in_memory(builder);
    let mut listener = Listener::default();
    // From here on, everything is between two steps of the market.
    sleep(Duration::from_millis(500)).await;
    for _ in 0..5 {
        listener.trades.clear();
        let traded_before = caller.simulator.trades().len();
        let mut connections = connect(&caller, &mut listener).await;
        // Often enough that pings are answered.
        for _ in 0..25 {
            sleep(Duration::from_secs(4)).await;
            for connection in &mut connections {
                while let Some(Some(frame)) = connection.next().now_or_never() {
                    if let Frame::Text(text) = frame.unwrap() {
                        listener.hear(&text, ActiveUpdates::Changed);
                    }
                }
            }
        }
        assert_eq!(listener.balances, caller.simulator.balances());
        assert_eq!(listener.open(), caller.simulator.open_orders());
        assert_eq!(listener.trades, caller.simulator.trades()[traded_before..]);
        assert!(listener.trades.len() > 20);
        caller.simulator.execute(&Command::Disconnect(None)).unwrap();
        sleep(Duration::from_secs(10)).await;
    }
}
