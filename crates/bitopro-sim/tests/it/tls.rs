use bitopro_sim::Simulator;
use bitopro_transport::{Connector, ErrorKind, Request, TungsteniteConnector};

use crate::caller::{STREAM, event, over_sockets};

#[tokio::test]
async fn who_trusts_the_authority_gets_through_by_any_name_of_this_machine() {
    let caller = over_sockets(Simulator::builder().with_tls()).await;
    let port = caller.simulator.addr().unwrap().port();
    assert_eq!(caller.simulator.ws_url().to_string(), format!("wss://localhost:{port}/ws"));
    for host in ["localhost", "127.0.0.1"] {
        let mut request = Request::new(format!("wss://{host}:{port}/ws{STREAM}").parse().unwrap());
        for (name, value) in &caller.sign() {
            request = request.with_header(name, value).unwrap();
        }
        let mut connection = caller.connector.connect(request).await.unwrap();
        assert_eq!(event(&mut connection).await.data.len(), 12);
    }
}

#[tokio::test]
async fn who_does_not_trust_it_sends_nothing() {
    let caller = over_sockets(Simulator::builder().with_tls()).await;
    let url = format!("{}{STREAM}", caller.simulator.ws_url()).parse().unwrap();
    let error = TungsteniteConnector::new().connect(Request::new(url)).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    assert_eq!(caller.simulator.upgrade_attempts(), []);
}

#[tokio::test]
async fn each_simulator_has_an_authority_of_its_own() {
    let (one, other) = (
        over_sockets(Simulator::builder().with_tls()).await,
        over_sockets(Simulator::builder().with_tls()).await,
    );
    assert_ne!(one.simulator.ca_pem(), other.simulator.ca_pem());
    let plain = over_sockets(Simulator::builder()).await;
    assert_eq!(plain.simulator.ca_pem(), None);
}

/// Other systems than Linux give 127.0.0.1 only.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn another_address_is_in_the_certificate_and_in_the_url() {
    let address = "127.0.0.2:0".parse().unwrap();
    let caller = over_sockets(Simulator::builder().with_tls().with_address(address)).await;
    let port = caller.simulator.addr().unwrap().port();
    assert_eq!(caller.simulator.ws_url().to_string(), format!("wss://127.0.0.2:{port}/ws"));
    caller.connect().await;
}
