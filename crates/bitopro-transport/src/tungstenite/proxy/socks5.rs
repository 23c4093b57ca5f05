//! A tunnel through a SOCKS5 proxy: RFC 1928, and RFC 1929 for the login.

use http::uri::Authority;
use tokio::net::TcpStream;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;

use super::{Login, Proxy};
use crate::Error;

/// Asks `proxy`, at the other end of `stream`, for a tunnel to `target`, whose name the proxy resolves.
pub(super) async fn tunnel(
    proxy: &Proxy,
    stream: TcpStream,
    target: &Authority,
    login: Option<&Login>,
) -> Result<TcpStream, Error> {
    let host = target.host().trim_start_matches('[').trim_end_matches(']');
    let target_address = (host, target.port_u16().unwrap_or(443));
    let connected = match login {
        None => Socks5Stream::connect_with_socket(stream, target_address).await,
        Some(Login { user, password }) => {
            Socks5Stream::connect_with_password_and_socket(stream, target_address, user, password).await
        }
    };
    connected.map(Socks5Stream::into_inner).map_err(|error| {
        let told = match error {
            SocksError::NoAcceptableAuthMethods | SocksError::AuthorizationRequired if login.is_none() => {
                proxy.wants_a_login()
            }
            SocksError::NoAcceptableAuthMethods | SocksError::PasswordAuthFailure(_) => {
                proxy.refuses_the_login()
            }
            _ => proxy.failed(&format!("does not connect to {target}")),
        };
        told.with_source(error)
    })
}
