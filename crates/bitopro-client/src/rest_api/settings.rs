use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bitopro_transport::HttpClient;

use super::access::BackfillChoice;
use crate::{Backfill, ClientBuilder, RequestLimiter};

/// Settings of the REST API.
impl ClientBuilder {
    /// Sets the base URL of the REST API, such as `http://127.0.0.1:8765/v3`.
    ///
    /// Defaults to that of the exchange if all base URLs of the streams are the exchange's own. Otherwise, the REST
    /// API is off by default, so that nothing that is signed for another server reaches the exchange. For the same
    /// reason, it is an error if only one of them is the exchange's own.
    pub fn with_rest_endpoint(mut self, base: impl Display) -> Self {
        self.rest.base = Some(base.to_string());
        self
    }

    /// Sets the client that sends the requests of the REST API.
    ///
    /// Defaults to real sockets, which need the feature `tungstenite`, unless a connector is set and the base URL of
    /// the REST API is not.
    pub fn with_http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.rest.http = Some(Arc::new(client));
        self
    }

    /// Sets the deadline of each request of the REST API, from name resolution to the end of the response.
    ///
    /// Defaults to 10 s. The time in which a call waits for a limit does not count.
    pub fn with_request_deadline(mut self, deadline: Duration) -> Self {
        self.rest.deadline = deadline;
        self
    }

    /// Sets the limits on the requests from one IP address, to share them with other clients behind it.
    ///
    /// The dial budgets of all these clients are taken off the limits. Defaults to limits that only this client
    /// uses.
    pub fn with_request_limiter(mut self, limiter: &RequestLimiter) -> Self {
        self.rest.limiter = limiter.clone();
        self
    }

    /// Sets how the REST API is asked for what a gap has lost. `None` turns this off.
    ///
    /// Defaults to [`Backfill::default`] where the REST API is available, for every subscription.
    pub fn with_backfill(mut self, backfill: impl Into<Option<Backfill>>) -> Self {
        self.rest.backfill = BackfillChoice::Set(backfill.into());
        self
    }
}
