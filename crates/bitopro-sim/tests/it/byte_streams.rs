//! Byte streams that are passed to the simulator instead of being accepted on its port.

use bitopro_model::AccountBalance;
use bitopro_sim::Simulator;
use bitopro_transport::{ErrorKind, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use tokio::io::duplex;

use crate::harness::{BALANCE_PATH, in_memory};

#[tokio::test(start_paused = true)]
async fn a_passed_byte_stream_is_served_like_an_accepted_connection() {
    let harness = in_memory(Simulator::builder());
    let url: http::Uri = format!("ws://localhost/ws{BALANCE_PATH}").parse().unwrap();
    let mut signed = Request::new(url.clone());
    for (name, value) in &harness.sign() {
        signed = signed.with_header(name, value).unwrap();
    }
    for (request, is_accepted) in [(Request::new(url), false), (signed, true)] {
        let (client_end, server_end) = duplex(64 << 10);
        harness.simulator.serve_connection(server_end);
        let dialled = TungsteniteConnector::new().connect_over(client_end, request).await;
        match dialled {
            Ok(mut connection) => {
                assert!(is_accepted);
                let Frame::Text(text) = connection.next().await.unwrap().unwrap() else {
                    panic!("no text frame")
                };
                assert_eq!(AccountBalance::from_json(&text).unwrap().data.len(), 12);
            }
            Err(error) => {
                assert!(!is_accepted && error.kind() == ErrorKind::Refused, "{error:?}");
            }
        }
    }
    assert_eq!(harness.statuses(), [401, 101]);
}

#[tokio::test(start_paused = true)]
async fn a_byte_stream_ends_when_the_simulator_stops() {
    let harness = in_memory(Simulator::builder());
    let (client_end, server_end) = duplex(64 << 10);
    harness.simulator.serve_connection(server_end);
    harness.simulator.stop().await;
    let request = Request::new(format!("ws://localhost/ws{BALANCE_PATH}").parse().unwrap());
    let error = TungsteniteConnector::new().connect_over(client_end, request).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}
