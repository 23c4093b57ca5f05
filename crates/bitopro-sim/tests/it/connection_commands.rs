//! Commands that act on connections.

use bitopro_sim::{Command, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;

use crate::harness::{all_transports, next_amount, next_text, until_disconnected};

#[tokio::test]
async fn a_disconnect_sends_no_close_frame_and_clients_can_reconnect() {
    for harness in all_transports(Simulator::builder()).await {
        let mut connections = [harness.connect().await, harness.connect().await];
        harness.simulator.execute(&Command::Disconnect(None)).unwrap();
        assert_eq!(harness.simulator.connections(), 0);
        for connection in &mut connections {
            assert_eq!(until_disconnected(connection).await, []);
        }
        // A change during the disconnect is in the next snapshot.
        harness.set_amount("BTC", 7);
        assert_eq!(next_amount(&mut harness.dial().await.unwrap(), "BTC").await, "7");
    }
}

#[tokio::test]
async fn a_close_frame_with_code_and_reason_follows_the_queued_messages() {
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        harness.set_amount("BTC", 7);
        harness.simulator.execute(&Command::close(None, 4_001, "maintenance")).unwrap();
        harness.set_amount("BTC", 8);
        assert_eq!(next_amount(&mut connection, "BTC").await, "7");
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(4_001, "maintenance"));
        assert!(connection.next().await.is_none());
        assert_eq!(next_amount(&mut harness.dial().await.unwrap(), "BTC").await, "8");
    }
}

#[tokio::test]
async fn a_close_frame_from_the_client_is_answered() {
    for harness in all_transports(Simulator::builder()).await {
        let mut connection = harness.connect().await;
        connection.send(Frame::close(1000, "done")).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(1000, "done"));
        assert!(connection.next().await.is_none());
    }
}

#[tokio::test]
async fn a_text_of_any_size_is_sent_verbatim() {
    for harness in all_transports(Simulator::builder().with_queue_bytes(1_000)).await {
        let mut connection = harness.connect().await;
        harness.simulator.execute(&Command::text(None, "{\"event\":")).unwrap();
        assert_eq!(next_text(&mut connection).await, "{\"event\":");
        let large = "x".repeat(1_000_000);
        harness.simulator.execute(&Command::text(None, large.clone())).unwrap();
        assert_eq!(next_text(&mut connection).await, large);
    }
}
