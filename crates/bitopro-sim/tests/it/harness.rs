//! A simulator together with a minimal client that signs, dials and reads.

use std::sync::Arc;

use bitopro_auth::{Credentials, SignedHeaders, Signer};
use bitopro_model::{AccountBalance, Balance, Decimal};
use bitopro_sim::{Simulator, SimulatorBuilder};
use bitopro_transport::{
    Connection, Connector, Error, ErrorKind, Frame, HttpClient, HyperClient, Request, TungsteniteConnector,
};
use futures_util::StreamExt;

pub(crate) const BALANCE_PATH: &str = "/v1/pub/auth/account-balance";

pub(crate) struct Harness {
    pub(crate) simulator: Simulator,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) http: Arc<dyn HttpClient>,
    pub(crate) signer: Signer,
}

pub(crate) async fn over_sockets(builder: SimulatorBuilder) -> Harness {
    let simulator = builder.start().await.unwrap();
    let (mut connector, mut http) = (TungsteniteConnector::new(), HyperClient::new());
    if let Some(pem) = simulator.ca_pem() {
        connector = connector.with_extra_roots(pem).unwrap();
        http = http.with_extra_roots(pem).unwrap();
    }
    Harness::new(simulator, Arc::new(connector), Arc::new(http))
}

pub(crate) fn in_memory(builder: SimulatorBuilder) -> Harness {
    let simulator = builder.start_in_memory().unwrap();
    let connector = Arc::new(simulator.connector());
    Harness::new(simulator, connector.clone(), connector)
}

/// Starts a simulator per transport: in memory, over plain TCP and over TLS.
pub(crate) async fn all_transports(builder: SimulatorBuilder) -> [Harness; 3] {
    [in_memory(builder.clone()), over_sockets(builder.clone()).await, over_sockets(builder.with_tls()).await]
}

impl Harness {
    fn new(simulator: Simulator, connector: Arc<dyn Connector>, http: Arc<dyn HttpClient>) -> Self {
        let signer = Signer::new(simulator.credentials().to_credentials().unwrap());
        Self { simulator, connector, http, signer }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.simulator.now().as_millis()).unwrap()
    }

    pub(crate) fn sign(&self) -> SignedHeaders {
        self.signer.sign_identity(self.now_ms())
    }

    pub(crate) fn sign_as(&self, email: &str, key: &str, secret: &str) -> SignedHeaders {
        Signer::new(Credentials::new(key, secret, email).unwrap()).sign_identity(self.now_ms())
    }

    pub(crate) async fn dial_path<'n, 'v>(
        &self,
        path: &str,
        headers: impl IntoIterator<Item = (&'n str, &'v str)>,
    ) -> Result<Box<dyn Connection>, Error> {
        let url = format!("{}{path}", self.simulator.ws_url()).parse().unwrap();
        let mut request = Request::new(url);
        for (name, value) in headers {
            request = request.with_header(name, value).unwrap();
        }
        self.connector.connect(request).await
    }

    pub(crate) async fn dial(&self) -> Result<Box<dyn Connection>, Error> {
        self.dial_path(BALANCE_PATH, self.sign().iter()).await
    }

    /// Opens a connection and reads its snapshot, so that it receives every later update.
    pub(crate) async fn connect(&self) -> Box<dyn Connection> {
        let mut connection = self.dial().await.unwrap();
        assert_eq!(next_message(&mut connection).await.data.len(), self.simulator.balances().len());
        connection
    }

    pub(crate) fn set_amount(&self, currency: &str, amount: i64) {
        self.simulator.set_balance(Balance::new(currency, Decimal::from(amount))).unwrap();
    }

    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.simulator.upgrade_attempts().iter().map(|dial| dial.status.as_u16()).collect()
    }
}

/// Returns the next text frame. Skips pings.
pub(crate) async fn next_text(connection: &mut Box<dyn Connection>) -> String {
    loop {
        match connection.next().await.expect("the connection has ended").expect("the connection has failed") {
            Frame::Text(text) => return text.as_str().to_owned(),
            Frame::Ping(_) => {}
            other => panic!("expected a text frame, found {other:?}"),
        }
    }
}

pub(crate) async fn next_message(connection: &mut Box<dyn Connection>) -> AccountBalance {
    AccountBalance::from_json(&next_text(connection).await).unwrap()
}

/// Returns the amount of a currency in the next message.
pub(crate) async fn next_amount(connection: &mut Box<dyn Connection>, currency: &str) -> String {
    next_message(connection).await.data.get(currency).unwrap().amount.to_string()
}

/// Reads until the connection fails, and returns the frames before that. It must have ended without a close
/// frame.
pub(crate) async fn until_disconnected(connection: &mut Box<dyn Connection>) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        match connection.next().await.expect("the connection ended without an error") {
            Ok(Frame::Close(close)) => panic!("unexpected close frame {close:?}"),
            Ok(frame) => frames.push(frame),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
                return frames;
            }
        }
    }
}
