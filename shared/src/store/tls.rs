//! TLS to Postgres.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::sync::Arc;
use tokio_postgres::config::SslMode;

use crate::config::error::ConfigError;

/// In place of PEM text: the authorities of RDS.
const RDS: &str = "rds";
/// Root certificates, one after the other. See rds/README.md.
static RDS_ROOTS: &[u8] = include_bytes!("rds/roots.der");

/// TLS for a Postgres address, verified against the public authorities and `ca` (PEM, or `rds`
/// for the authorities of RDS); none where the address disables it. A `ca` without a
/// certificate is refused, also where TLS is disabled.
pub fn tls(
    postgres: &tokio_postgres::Config,
    ca: Option<&str>,
) -> Result<Option<tokio_postgres_rustls::MakeRustlsConnect>, ConfigError> {
    let invalid = |error| ConfigError { variable: "DATABASE_CA", error };
    let mut roots = RootCertStore::empty();
    match ca {
        None => {}
        Some(RDS) => add_rds(&mut roots).map_err(invalid)?,
        Some(pem) => add_pem(&mut roots, pem).map_err(invalid)?,
    }
    if postgres.get_ssl_mode() == SslMode::Disable {
        return Ok(None);
    }
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| invalid("cannot be used: TLS is not available"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(tokio_postgres_rustls::MakeRustlsConnect::new(config)))
}

fn add_pem(roots: &mut RootCertStore, pem: &str) -> Result<(), &'static str> {
    // A variable of a template may hold the line ends as two characters.
    let pem = pem.replace("\\n", "\n");
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate.ok().map(|certificate| roots.add(certificate));
        if !matches!(added, Some(Ok(()))) {
            return Err("is not PEM certificates");
        }
    }
    if roots.is_empty() {
        return Err("holds no certificate: it must be PEM text, or rds");
    }
    Ok(())
}

fn add_rds(roots: &mut RootCertStore) -> Result<(), &'static str> {
    for certificate in rds_roots() {
        roots.add(certificate).map_err(|_| "cannot be used: a root of RDS is malformed")?;
    }
    Ok(())
}

/// Each certificate is a SEQUENCE with a length of two bytes.
fn rds_roots() -> impl Iterator<Item = CertificateDer<'static>> {
    let mut rest = RDS_ROOTS;
    std::iter::from_fn(move || {
        let [0x30, 0x82, high, low, ..] = rest else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low])) + 4;
        let (certificate, others) = rest.split_at_checked(length)?;
        rest = others;
        Some(CertificateDer::from_slice(certificate))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_of_rds_is_read_to_the_last_byte() {
        let bytes: usize = rds_roots().map(|root| root.len()).sum();
        assert_eq!((rds_roots().count(), bytes), (81, RDS_ROOTS.len()));
        let mut roots = RootCertStore::empty();
        add_rds(&mut roots).expect("roots");
        assert_eq!(roots.len(), 81);
    }
}
