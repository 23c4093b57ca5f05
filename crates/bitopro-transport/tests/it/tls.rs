//! TLS against certificates made here.

use std::sync::Arc;

use bitopro_transport::{Connector, Error, ErrorKind, Request, TungsteniteConnector};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A TLS server that refuses every upgrade with 401, so that a dial that got through shows as such.
    async fn serve(&self, host: &str, adjust: impl FnOnce(&mut CertificateParams)) -> u16 {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        adjust(&mut params);
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.0).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        port
    }
}

async fn dial(connector: &TungsteniteConnector, host: &str, port: u16) -> Error {
    let request = Request::new(format!("wss://{host}:{port}/ws").parse().unwrap());
    connector.connect(request).await.map(|_| ()).unwrap_err()
}

fn trusting(authority: &Authority) -> TungsteniteConnector {
    TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap()
}

#[tokio::test]
async fn an_added_authority_is_trusted_by_name_and_by_address() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let port = authority.serve(host, |_| {}).await;
        let error = dial(&trusting(&authority), host, port).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "TLS did not come about: {error:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_acceptable_is_a_certificate_error() {
    let authority = Authority::new();
    let trusting = trusting(&authority);
    let expired = authority.serve("localhost", |params| params.not_after = date_time_ymd(2001, 1, 1)).await;
    let early = authority.serve("localhost", |params| params.not_before = date_time_ymd(2999, 1, 1)).await;
    let other_host = authority.serve("example.test", |_| {}).await;
    let unknown = Authority::new().serve("localhost", |_| {}).await;
    for (case, port) in
        [("expired", expired), ("early", early), ("other host", other_host), ("unknown", unknown)]
    {
        let error = dial(&trusting, "localhost", port).await;
        assert_eq!(error.kind(), ErrorKind::Certificate, "{case}: {error:?}");
        assert!(error.is_network());
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_a_tls_error() {
    let authority = Authority::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = dial(&trusting(&authority), "localhost", port).await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
}

#[test]
fn a_text_without_a_certificate_is_not_a_root() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = TungsteniteConnector::new().with_extra_roots(pem).unwrap_err();
        assert!(error.to_string().starts_with("not a usable certificate: "), "{error}");
    }
}
