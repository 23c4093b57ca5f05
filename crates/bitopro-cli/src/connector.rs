//! The connector of the command. Its errors name the flags of the command instead of the settings of the library.

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bitopro_client::transport::{Connection, Connector, Error, Frame, Limits, Request, TungsteniteConnector};
use futures_util::Stream;

use crate::exit::{Failure, Status};

/// The settings of the library that errors mention, and what sets them for the command.
const FLAGS: [(&str, &str); 2] = [
    ("`Limits::message_bytes`", "`--message-limit`"),
    ("`with_extra_roots`", "`--ca-file` or BITOPRO_CA_FILE"),
];

/// Returns a connector that also trusts the certificates in `ca_file`.
pub(crate) fn connector(ca_file: Option<PathBuf>, limits: Limits) -> Result<CommandConnector, Failure> {
    let connector = TungsteniteConnector::new().with_limits(limits);
    let Some(path) = ca_file else { return Ok(CommandConnector(connector)) };
    let usage = |message: String| Failure::new(Status::Usage, message);
    let shown = path.display();
    let pem = fs::read(&path)
        .map_err(|error| usage(format!("cannot read the CA file {shown}")).with_source(error))?;
    let connector = connector.with_extra_roots(pem);
    connector.map(CommandConnector).map_err(|error| usage(format!("the CA file {shown}: {error}")))
}

pub(crate) struct CommandConnector(TungsteniteConnector);

#[async_trait]
impl Connector for CommandConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let connection = self.0.connect(request).await.map_err(with_flags)?;
        Ok(Box::new(CommandConnection(connection)))
    }
}

struct CommandConnection(Box<dyn Connection>);

impl Stream for CommandConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(context).map_err(with_flags)
    }
}

#[async_trait]
impl Connection for CommandConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        self.0.send(frame).await.map_err(with_flags)
    }
}

/// Replaces the settings in an error. An error that names a setting has no cause.
fn with_flags(error: Error) -> Error {
    let message = error.to_string();
    let replaced = FLAGS.iter().fold(message.clone(), |text, (setting, flag)| text.replace(setting, flag));
    if replaced == message { error } else { Error::new(error.kind(), replaced) }
}
