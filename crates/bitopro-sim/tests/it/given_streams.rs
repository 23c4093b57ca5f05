//! Connections that the simulator is given, instead of dials to its port.

use bitopro_model::AccountBalance;
use bitopro_sim::Simulator;
use bitopro_transport::{ErrorKind, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use tokio::io::duplex;

use crate::caller::{STREAM, in_memory};

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_given_is_served_like_one_that_was_accepted() {
    let caller = in_memory(Simulator::builder());
    let url: http::Uri = format!("ws://localhost/ws{STREAM}").parse().unwrap();
    let mut signed = Request::new(url.clone());
    for (name, value) in &caller.sign() {
        signed = signed.with_header(name, value).unwrap();
    }
    for (request, let_in) in [(Request::new(url), false), (signed, true)] {
        let (near, far) = duplex(64 << 10);
        caller.simulator.serve_connection(far);
        let dialed = TungsteniteConnector::new().connect_over(near, request).await;
        match dialed {
            Ok(mut connection) => {
                assert!(let_in);
                let Frame::Text(text) = connection.next().await.unwrap().unwrap() else { panic!("no text") };
                assert_eq!(AccountBalance::from_json(&text).unwrap().data.len(), 12);
            }
            Err(error) => {
                assert!(!let_in && error.kind() == ErrorKind::Refused, "{error:?}");
            }
        }
    }
    assert_eq!(caller.statuses(), [401, 101]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_given_to_a_simulator_that_stops_ends() {
    let caller = in_memory(Simulator::builder());
    let (near, far) = duplex(64 << 10);
    caller.simulator.serve_connection(far);
    caller.simulator.stop().await;
    let request = Request::new(format!("ws://localhost/ws{STREAM}").parse().unwrap());
    let error = TungsteniteConnector::new().connect_over(near, request).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
}
