use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::{Error, ErrorKind};

/// A certificate for this machine, issued by a new authority whose key is discarded.
pub(crate) struct Certificate {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Certificate {
    /// Generates a certificate for `localhost`, the loopback IP addresses, and the IP address that clients dial.
    pub(crate) fn generate(address: IpAddr) -> Result<Self, Error> {
        let failed =
            |error| Error::new(ErrorKind::Certificate, "failed to generate a certificate").with_source(error);
        let authority = authority().map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        if !is_localhost(address) {
            names.push(address.to_string());
        }
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, "Simulated exchange");
        // Strict verifiers, such as Python's, require these.
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &authority).map_err(failed)?;

        // An explicit provider, so that the process does not have to install a default one.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
                builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
            })
            .map_err(|error| Error::new(ErrorKind::Certificate, "failed to set up TLS").with_source(error))?;
        Ok(Self { ca_pem: authority.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}

/// Returns whether `localhost` resolves to this IP address. It does not resolve to every loopback address, such
/// as 127.0.0.2.
pub(crate) fn is_localhost(ip: IpAddr) -> bool {
    ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Simulated exchange, test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}
