//! TLS to Postgres.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;
use tokio_postgres::config::SslMode;

use crate::config::error::ConfigError;

/// TLS for a Postgres address, verified against the public authorities and `ca` (PEM);
/// none where the address disables it.
pub fn tls(
    postgres: &tokio_postgres::Config,
    ca: Option<&str>,
) -> Result<Option<tokio_postgres_rustls::MakeRustlsConnect>, ConfigError> {
    let invalid = |error| ConfigError { variable: "DATABASE_CA", error };
    if postgres.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = ca {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let added = certificate.ok().map(|certificate| roots.add(certificate));
            if !matches!(added, Some(Ok(()))) {
                return Err(invalid("is not PEM certificates"));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| invalid("cannot be used: TLS is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}
