//! Connections over TLS.

use bitopro_sim::Simulator;
use bitopro_transport::{Connector, ErrorKind, Request, TungsteniteConnector};

use crate::harness::{BALANCE_PATH, next_message, over_sockets};

#[tokio::test]
async fn a_client_that_trusts_the_authority_connects_by_any_name_of_this_machine() {
    let harness = over_sockets(Simulator::builder().with_tls()).await;
    let port = harness.simulator.addr().unwrap().port();
    assert_eq!(harness.simulator.ws_url().to_string(), format!("wss://localhost:{port}/ws"));
    for host in ["localhost", "127.0.0.1"] {
        let mut request = Request::new(format!("wss://{host}:{port}/ws{BALANCE_PATH}").parse().unwrap());
        for (name, value) in &harness.sign() {
            request = request.with_header(name, value).unwrap();
        }
        let mut connection = harness.connector.connect(request).await.unwrap();
        assert_eq!(next_message(&mut connection).await.data.len(), 12);
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_sends_no_request() {
    let harness = over_sockets(Simulator::builder().with_tls()).await;
    let url = format!("{}{BALANCE_PATH}", harness.simulator.ws_url()).parse().unwrap();
    let error = TungsteniteConnector::new().connect(Request::new(url)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    assert_eq!(harness.simulator.upgrade_attempts(), []);
}

#[tokio::test]
async fn each_simulator_has_its_own_authority() {
    let (first, second) = (
        over_sockets(Simulator::builder().with_tls()).await,
        over_sockets(Simulator::builder().with_tls()).await,
    );
    assert_ne!(first.simulator.ca_pem(), second.simulator.ca_pem());
    let plain = over_sockets(Simulator::builder()).await;
    assert_eq!(plain.simulator.ca_pem(), None);
}

// Other systems than Linux assign only 127.0.0.1 to the loopback interface.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_address_is_in_the_certificate_and_in_the_url() {
    let address = "127.0.0.2:0".parse().unwrap();
    let harness = over_sockets(Simulator::builder().with_tls().with_address(address)).await;
    let port = harness.simulator.addr().unwrap().port();
    assert_eq!(harness.simulator.ws_url().to_string(), format!("wss://127.0.0.2:{port}/ws"));
    harness.connect().await;
}
