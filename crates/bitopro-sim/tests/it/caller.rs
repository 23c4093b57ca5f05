//! A client of the simulator that decides nothing: it signs, dials and reads.

use std::sync::Arc;

use bitopro_auth::{Credentials, SignedHeaders, Signer};
use bitopro_model::{AccountBalance, Balance, Decimal};
use bitopro_sim::{Simulator, SimulatorBuilder};
use bitopro_transport::{Connection, Connector, Error, ErrorKind, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;

pub(crate) const STREAM: &str = "/v1/pub/auth/account-balance";

pub(crate) struct Caller {
    pub(crate) simulator: Simulator,
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) signer: Signer,
}

pub(crate) async fn over_sockets(builder: SimulatorBuilder) -> Caller {
    let simulator = builder.start().await.unwrap();
    let mut connector = TungsteniteConnector::new();
    if let Some(pem) = simulator.ca_pem() {
        connector = connector.with_extra_roots(pem).unwrap();
    }
    Caller::new(simulator, Arc::new(connector))
}

pub(crate) fn in_memory(builder: SimulatorBuilder) -> Caller {
    let simulator = builder.start_in_memory().unwrap();
    let connector = Arc::new(simulator.connector());
    Caller::new(simulator, connector)
}

/// One simulator for every way to reach one.
pub(crate) async fn every_way(builder: SimulatorBuilder) -> [Caller; 3] {
    [in_memory(builder.clone()), over_sockets(builder.clone()).await, over_sockets(builder.with_tls()).await]
}

impl Caller {
    fn new(simulator: Simulator, connector: Arc<dyn Connector>) -> Self {
        let signer = Signer::new(simulator.credentials().to_credentials().unwrap());
        Self { simulator, connector, signer }
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

    pub(crate) async fn ask<'n, 'v>(
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
        self.ask(STREAM, self.sign().iter()).await
    }

    /// A connection that has read its snapshot, so that it hears of everything from now on.
    pub(crate) async fn connect(&self) -> Box<dyn Connection> {
        let mut connection = self.dial().await.unwrap();
        assert_eq!(event(&mut connection).await.data.len(), self.simulator.balances().len());
        connection
    }

    pub(crate) fn set(&self, currency: &str, amount: i64) {
        self.simulator.set_balance(Balance::new(currency, Decimal::from(amount))).unwrap();
    }

    pub(crate) fn statuses(&self) -> Vec<u16> {
        self.simulator.upgrade_attempts().iter().map(|dial| dial.status.as_u16()).collect()
    }
}

/// The next text.
pub(crate) async fn text(connection: &mut Box<dyn Connection>) -> String {
    loop {
        match connection.next().await.expect("the connection is open").expect("the connection is sound") {
            Frame::Text(text) => return text.as_str().to_owned(),
            Frame::Ping(_) => {}
            other => panic!("{other:?} where a text was expected"),
        }
    }
}

pub(crate) async fn event(connection: &mut Box<dyn Connection>) -> AccountBalance {
    AccountBalance::from_json(&text(connection).await).unwrap()
}

/// The amount of a currency in the next event.
pub(crate) async fn amount(connection: &mut Box<dyn Connection>, currency: &str) -> String {
    event(connection).await.data.get(currency).unwrap().amount.to_string()
}

/// Reads on until the connection fails, which must be for its having ended without a close frame.
/// Gives the frames before that.
pub(crate) async fn until_disconnected(connection: &mut Box<dyn Connection>) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        match connection.next().await.expect("an error before the end") {
            Ok(Frame::Close(close)) => panic!("a close frame: {close:?}"),
            Ok(frame) => frames.push(frame),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
                return frames;
            }
        }
    }
}
