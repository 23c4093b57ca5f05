//! Trouble that was ordered.

use bitopro_sim::{Command, Simulator};
use bitopro_transport::Frame;
use futures_util::StreamExt;

use crate::caller::{amount, every_way, text, until_disconnected};

#[tokio::test]
async fn a_disconnect_is_abrupt_and_one_can_come_back() {
    for caller in every_way(Simulator::builder()).await {
        let mut connections = [caller.connect().await, caller.connect().await];
        caller.simulator.execute(&Command::Disconnect(None)).unwrap();
        assert_eq!(caller.simulator.connections(), 0);
        for connection in &mut connections {
            assert_eq!(until_disconnected(connection).await, []);
        }
        // What changes meanwhile is in the next snapshot.
        caller.set("BTC", 7);
        assert_eq!(amount(&mut caller.dial().await.unwrap(), "BTC").await, "7");
    }
}

#[tokio::test]
async fn a_close_comes_after_what_was_sent_with_code_and_reason() {
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        caller.set("BTC", 7);
        caller.simulator.execute(&Command::close(None, 4_001, "maintenance")).unwrap();
        caller.set("BTC", 8);
        assert_eq!(amount(&mut connection, "BTC").await, "7");
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(4_001, "maintenance"));
        assert!(connection.next().await.is_none());
        assert_eq!(amount(&mut caller.dial().await.unwrap(), "BTC").await, "8");
    }
}

#[tokio::test]
async fn a_close_by_the_client_is_answered() {
    for caller in every_way(Simulator::builder()).await {
        let mut connection = caller.connect().await;
        connection.send(Frame::close(1000, "done")).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(1000, "done"));
        assert!(connection.next().await.is_none());
    }
}

#[tokio::test]
async fn a_text_is_sent_as_it_is_however_large() {
    for caller in every_way(Simulator::builder().with_queue_bytes(1_000)).await {
        let mut connection = caller.connect().await;
        caller.simulator.execute(&Command::text(None, "{\"event\":")).unwrap();
        assert_eq!(text(&mut connection).await, "{\"event\":");
        let large = "x".repeat(1_000_000);
        caller.simulator.execute(&Command::text(None, large.clone())).unwrap();
        assert_eq!(text(&mut connection).await, large);
    }
}
