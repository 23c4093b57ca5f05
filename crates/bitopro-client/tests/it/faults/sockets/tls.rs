//! TLS failures from the client's point of view.

use bitopro_client::transport::{self, TungsteniteConnector};
use bitopro_client::{Client, Closed, Credentials, ErrorKind, Item};
use bitopro_sim::{Command, Simulator};

use super::rig::{Rig, assert_recovers, connection_error, final_error, settled, transport_error};

/// Returns a connector that trusts the authorities of these simulators.
fn trusting(simulators: &[&Simulator]) -> TungsteniteConnector {
    let pems = simulators.iter().map(|simulator| simulator.ca_pem().unwrap());
    pems.fold(TungsteniteConnector::new(), |connector, pem| connector.with_extra_roots(pem).unwrap())
}

async fn tls() -> Rig {
    Rig::start(Simulator::builder().with_tls()).await
}

#[tokio::test]
async fn fault_38_a_certificate_that_is_rejected_twice_is_final_and_no_request_is_sent() {
    let (rig, other) = (tls().await, tls().await);
    let client = rig.client().with_connector(trusting(&[&other.simulator]));
    let mut balances = client.build().unwrap().balances();
    assert_eq!(final_error(&mut balances).await.kind(), ErrorKind::Certificate);
    assert_eq!((rig.proxy.accepted(), rig.simulator.upgrade_attempts()), (2, Vec::new()));
}

#[tokio::test]
async fn fault_38_an_unknown_authority_at_a_reconnect_is_not_trusted() {
    let (rig, impostor) = (tls().await, tls().await);
    let mut balances = settled(rig.client()).await;
    rig.proxy.set_target(impostor.simulator.addr().unwrap());
    rig.simulator.execute(&Command::Disconnect(None)).unwrap();
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Network);
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Certificate);
    assert_eq!((rig.proxy.accepted(), impostor.simulator.upgrade_attempts()), (2, Vec::new()));
    assert!(balances.current().unwrap().is_stale());
}

#[tokio::test]
async fn fault_38_a_client_reconnects_to_a_server_whose_certificate_is_from_another_trusted_authority() {
    let (rig, renewed) = (tls().await, tls().await);
    let both = trusting(&[&rig.simulator, &renewed.simulator]);
    let mut balances = settled(rig.client().with_connector(both)).await;
    rig.proxy.set_target(renewed.simulator.addr().unwrap());
    rig.simulator.execute(&Command::Disconnect(None)).unwrap();
    assert_eq!(connection_error(&mut balances).await.kind(), ErrorKind::Network);
    assert_recovers(&mut balances, &renewed.simulator).await;
}

#[tokio::test]
async fn fault_38_a_signature_is_not_sent_to_another_machine_in_clear_text() {
    // 192.0.2.1 is reserved for documentation (RFC 5737), so no host has this address.
    for url in ["ws://192.0.2.1/ws", "ws://stream.example/ws"] {
        let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
        let mut balances = Client::builder(credentials).with_endpoint(url).build().unwrap().balances();
        let item = balances.next().await;
        let Some(Item::Closed(Closed::Failed(error))) = item else { panic!("{item:?}") };
        assert_eq!(error.kind(), ErrorKind::InvalidUrl);
        assert_eq!(transport_error(&error).kind(), transport::ErrorKind::InsecureUrl);
    }
}
