//! The REST API, called with the requests of bitopro-rest.

mod account;
mod connections;
mod faults;
mod limits;
mod market;
mod orders;
mod paging;
mod quirks;
mod signing;

use std::time::Duration;

use bitopro_auth::Signer;
use bitopro_rest::{BaseUrl, Call, Error};
use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;

use crate::harness::Harness;

const DEADLINE: Duration = Duration::from_secs(30);

impl Harness {
    pub(crate) async fn call<C: Call>(&self, call: &C) -> Result<C::Reply, Error> {
        self.call_as(&self.signer, call).await
    }

    pub(crate) async fn call_as<C: Call>(&self, signer: &Signer, call: &C) -> Result<C::Reply, Error> {
        let base: BaseUrl = self.simulator.rest_url().to_string().parse().unwrap();
        let request = call.to_request(&base, signer, self.now_ms()).unwrap();
        call.read_reply(&self.send(request).await)
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        self.http.send(request, DEADLINE).await.unwrap()
    }

    /// Sends a request, signed like those of other clients: with `signed` as the payload.
    pub(crate) async fn raw(&self, method: Method, path: &str, signed: &str, body: &str) -> (u16, Value) {
        let request = self.raw_request(method, path, signed, body);
        let response = self.send(request).await;
        let value = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status().as_u16(), value)
    }

    pub(crate) fn raw_request(&self, method: Method, path: &str, signed: &str, body: &str) -> Request<Bytes> {
        let uri = format!("{}{path}", self.simulator.rest_url());
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in &self.signer.sign_body(signed.as_bytes()) {
            request = request.header(name, value);
        }
        request.body(Bytes::from(body.to_owned())).unwrap()
    }

    /// Sends a request that is signed with a nonce alone.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.raw(Method::GET, path, &format!("{{\"nonce\":{}}}", self.now_ms()), "").await
    }

    /// Sends a request whose body is signed.
    pub(crate) async fn with_body(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        self.raw(method, path, body, body).await
    }
}
