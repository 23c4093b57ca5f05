//! Tunnels through SOCKS5 proxies: RFC 1928, and RFC 1929 for the login.

use http::uri::Authority;
use tokio::net::TcpStream;
use tokio_socks::Error as SocksError;
use tokio_socks::tcp::Socks5Stream;

use super::{Login, Proxy};
use crate::Error;

/// Opens a tunnel to `target` over `stream`, which is connected to `proxy`. The proxy resolves the name.
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
        let proxy_error = match error {
            SocksError::NoAcceptableAuthMethods | SocksError::AuthorizationRequired if login.is_none() => {
                proxy.login_required()
            }
            SocksError::NoAcceptableAuthMethods | SocksError::PasswordAuthFailure(_) => {
                proxy.login_rejected()
            }
            _ => proxy.error(&format!("did not connect to {target}")),
        };
        proxy_error.with_source(error)
    })
}
