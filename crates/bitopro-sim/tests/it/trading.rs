//! Commands to the account, and the resulting messages on all four streams.

use std::time::Duration;

use bitopro_model::{Action, Decimal, PrivateStream, Stream, Timestamp};
use bitopro_sim::{ActiveUpdates, Clock, Command, CommandError, NewOrder, Push, Simulator};
use bitopro_transport::{Connection, Frame};
use futures_util::{FutureExt, StreamExt};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::harness::{Harness, all_transports, in_memory, next_text, until_disconnected};
use crate::replica::Replica;

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

/// Connects to each stream, and applies the snapshots.
async fn connect(harness: &Harness, replica: &mut Replica) -> Vec<Box<dyn Connection>> {
    let mut connections = Vec::new();
    for stream in PrivateStream::ALL {
        let mut connection = harness.dial_path(stream.path(), harness.sign().iter()).await.unwrap();
        if stream.has_snapshot() {
            replica.apply_snapshot(&next_text(&mut connection).await);
        }
        connections.push(connection);
    }
    // The stream of trades has no first message to wait for.
    while harness.simulator.connections() < connections.len() {
        yield_now().await;
    }
    connections
}

fn resting_order() -> NewOrder {
    NewOrder::limit("btc_twd", Action::Buy, Decimal::new(2, 2), Decimal::new(2_000_000, 0))
}

#[tokio::test]
async fn a_command_sends_updates_on_each_affected_stream() {
    for harness in all_transports(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        let simulator = &harness.simulator;
        let mut replica = Replica::default();
        let mut connections = connect(&harness, &mut replica).await;
        assert_eq!((replica.balances.len(), replica.open.len(), replica.history.len()), (12, 4, 7));
        replica.history.clear();
        let trades_before = simulator.trades().len();

        let id = simulator.place(&resting_order()).unwrap();
        let mut pushes = simulator.fill(&id, Decimal::new(1, 2)).unwrap();
        pushes.extend(simulator.fill_remaining(&id).unwrap());
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
                replica.apply_update(&next_text(&mut connections[stream]).await, ActiveUpdates::Changed);
            }
        }
        assert_eq!(replica.balances, simulator.balances());
        assert_eq!(replica.open_orders(), simulator.open_orders());
        assert_eq!(replica.history, simulator.closed_orders()[7..]);
        assert_eq!(replica.trades.len(), 2);
        assert_eq!(replica.trades, simulator.trades()[trades_before..]);

        // Three snapshots, two messages about placing the order, and the seven above.
        let sent = simulator.sent();
        assert_eq!((sent.len(), sent.iter().all(|sent| sent.sockets == 1)), (12, true));
        let ids: Vec<_> = pushes.iter().map(Push::event_id).collect();
        assert!(sent[5..].iter().map(|sent| sent.event_id.as_ref()).eq(ids));
    }
}

#[tokio::test]
async fn a_rejected_command_sends_no_messages() {
    let harness = in_memory(Simulator::builder());
    let simulator = &harness.simulator;
    let mut connections = connect(&harness, &mut Replica::default()).await;
    let id = simulator.place(&resting_order()).unwrap();
    assert!(matches!(simulator.fill(&id, Decimal::ONE), Err(CommandError::ExceedsRemaining { .. })));
    assert!(matches!(simulator.trigger(&id), Err(CommandError::NothingToTrigger(_))));
    simulator.cancel(&id).unwrap();
    assert_eq!(simulator.cancel(&id), Err(CommandError::NotOpen(id)));
    let empty = NewOrder::limit("btc_twd", Action::Buy, Decimal::ZERO, Decimal::ONE);
    assert_eq!(simulator.place(&empty), Err(CommandError::NotPositive));
    // The order was placed and cancelled, and nothing else happened.
    for (stream, frames) in [(0, 2), (1, 2), (2, 1), (3, 0)] {
        for _ in 0..frames {
            next_text(&mut connections[stream]).await;
        }
        assert!(timeout(Duration::from_millis(20), connections[stream].next()).await.is_err());
    }
}

#[tokio::test]
async fn trades_are_not_replayed_and_the_other_streams_begin_with_a_snapshot() {
    let harness = in_memory(Simulator::builder());
    for _ in 0..200 {
        harness.simulator.tick();
    }
    let mut replica = Replica::default();
    let mut connections = connect(&harness, &mut replica).await;
    assert!(timeout(Duration::from_millis(20), connections[3].next()).await.is_err());
    assert_eq!(replica.balances, harness.simulator.balances());
    assert_eq!(replica.open_orders(), harness.simulator.open_orders());
    let mut history = harness.simulator.closed_orders();
    assert_eq!(history.len(), 100);
    // The message groups orders by pair.
    history.sort_by(|a, b| a.id.cmp(&b.id));
    replica.history.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(replica.history, history);
}

#[tokio::test]
async fn without_orders_the_snapshots_are_empty_objects() {
    let harness = in_memory(Simulator::builder().with_balances([]));
    for stream in [PrivateStream::ActiveOrders, PrivateStream::HistoryOrders] {
        let mut connection = harness.dial_path(stream.path(), harness.sign().iter()).await.unwrap();
        let first = next_text(&mut connection).await;
        assert!(first.ends_with(r#""data":{}}"#), "{first}");
    }
}

#[tokio::test]
async fn connection_commands_can_apply_to_one_stream() {
    let harness = in_memory(Simulator::builder());
    let simulator = &harness.simulator;
    let mut connections = connect(&harness, &mut Replica::default()).await;
    simulator.execute(&Command::text(Stream::from(PrivateStream::UserTrades), "again")).unwrap();
    assert_eq!(next_text(&mut connections[3]).await, "again");
    simulator.execute(&Command::close(Stream::from(PrivateStream::UserTrades), 1001, "maintenance")).unwrap();
    assert_eq!(connections[3].next().await.unwrap().unwrap(), Frame::close(1001, "maintenance"));
    simulator.execute(&Command::Disconnect(Some(PrivateStream::ActiveOrders.into()))).unwrap();
    assert_eq!(until_disconnected(&mut connections[1]).await, []);
    // The other two connections are unaffected.
    let order = simulator.open_orders()[0].id.clone();
    let pushes = simulator.cancel(&order).unwrap();
    for (stream, connection) in
        [PrivateStream::AccountBalance, PrivateStream::HistoryOrders].iter().zip([0, 2])
    {
        let sent = pushes.iter().find(|push| push.stream == *stream).unwrap();
        assert_eq!(next_text(&mut connections[connection]).await, sent.text);
    }
}

/// A longer run on a paused clock, with connections that are lost and opened again.
#[tokio::test(start_paused = true)]
async fn clients_agree_with_the_account_across_reconnects() {
    let builder = Simulator::builder()
        .with_seed(3)
        .with_clock(Clock::following_tokio(NOW))
        .with_market_interval(Duration::from_secs(1));
    let harness = in_memory(builder);
    let mut replica = Replica::default();
    // From here on, everything happens between two market steps.
    sleep(Duration::from_millis(500)).await;
    for _ in 0..5 {
        replica.trades.clear();
        let traded_before = harness.simulator.trades().len();
        let mut connections = connect(&harness, &mut replica).await;
        // Reads often enough to answer pings in time.
        for _ in 0..25 {
            sleep(Duration::from_secs(4)).await;
            for connection in &mut connections {
                while let Some(Some(frame)) = connection.next().now_or_never() {
                    if let Frame::Text(text) = frame.unwrap() {
                        replica.apply_update(&text, ActiveUpdates::Changed);
                    }
                }
            }
        }
        assert_eq!(replica.balances, harness.simulator.balances());
        assert_eq!(replica.open_orders(), harness.simulator.open_orders());
        assert_eq!(replica.trades, harness.simulator.trades()[traded_before..]);
        assert!(replica.trades.len() > 20);
        harness.simulator.execute(&Command::Disconnect(None)).unwrap();
        sleep(Duration::from_secs(10)).await;
    }
}
