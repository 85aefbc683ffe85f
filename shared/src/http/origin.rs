//! Requests that come through CloudFront. An HTTP API takes no firewall of its own and stays
//! reachable beside the distribution, so the distribution shows a secret with each request,
//! and says who its viewer is. Without the secret, its headers are a client's own words.

use http::{HeaderMap, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use std::net::IpAddr;
use std::sync::Arc;

use super::context::ClientConnection;
use super::problem::{Code, Problem};
use crate::config::EnvReader;
use crate::crypto::constant_time_eq;
use crate::secrets::{LiveSecret, SecretName};

const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-origin-verify");
/// CloudFront adds it if an origin request policy names it.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
/// Names another header, in which a function of the distribution writes the address.
const VIEWER_ADDRESS_HEADER: &str = "VIEWER_ADDRESS_HEADER";
/// A shorter secret is refused at the start.
const MIN_SECRET: usize = 32;
/// The secret and, during a rotation, the next one.
const MAX_SECRETS: usize = 2;

/// The secrets that a request through CloudFront may show; none if there is no CloudFront.
#[derive(Clone, Debug, Default)]
pub struct OriginVerification {
    secrets: Option<Arc<LiveSecret<OriginSecrets>>>,
    /// Only one is believed: the distribution forwards the other as its viewer sent it.
    viewer: ViewerAddress,
}

#[derive(Clone, Debug, Default)]
enum ViewerAddress {
    /// With the port.
    #[default]
    OfCloudFront,
    /// The address alone.
    Of(HeaderName),
}

impl ViewerAddress {
    fn read(env: &mut EnvReader) -> Self {
        let Some(name) = env.optional(VIEWER_ADDRESS_HEADER) else { return Self::OfCloudFront };
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) if name == VIEWER_ADDRESS => Self::OfCloudFront,
            Ok(name) => Self::Of(name),
            Err(_) => {
                env.error(VIEWER_ADDRESS_HEADER, "must be the name of a header");
                Self::OfCloudFront
            }
        }
    }

    fn of(&self, headers: &HeaderMap) -> Option<IpAddr> {
        match self {
            Self::OfCloudFront => only(headers, &VIEWER_ADDRESS).and_then(address_and_port),
            Self::Of(name) => only(headers, name)?.parse().ok(),
        }
    }
}

struct OriginSecrets(Vec<SecretString>);

impl OriginSecrets {
    /// Reads the variable `ORIGIN_VERIFY_SECRET`.
    fn parse(text: &SecretString) -> Result<Self, &'static str> {
        let secrets: Vec<&str> = text.expose_secret().split(',').map(str::trim).collect();
        // What a client cannot send, CloudFront cannot either.
        let is_good = |secret: &&str| {
            secret.len() >= MIN_SECRET && secret.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if secrets.len() > MAX_SECRETS || !secrets.iter().all(is_good) {
            return Err("must be one secret or two, of 32 characters or more");
        }
        Ok(Self(secrets.into_iter().map(SecretString::from).collect()))
    }
}

impl OriginVerification {
    pub fn read(env: &mut EnvReader) -> Self {
        let name = SecretName::OriginVerifySecret;
        let secrets = env.optional_live_secret(name, OriginSecrets::parse);
        Self { secrets, viewer: ViewerAddress::read(env) }
    }

    /// The connection of the client. Behind CloudFront it is that of the viewer: the gateway
    /// sees the distribution, whose address would count for everybody.
    pub(super) fn client(
        &self,
        headers: &HeaderMap,
        connection: Option<ClientConnection>,
    ) -> Result<Option<ClientConnection>, Problem> {
        let Some(secrets) = &self.secrets else { return Ok(connection) };
        let shown = only(headers, &ORIGIN_SECRET).unwrap_or_default();
        // All are compared, so that the time tells nothing.
        let secrets = secrets.current();
        let matches =
            secrets.0.iter().map(|secret| constant_time_eq(shown, secret.expose_secret()));
        let is_verified = matches.fold(false, |verified, matches| verified | matches);
        match (is_verified, self.viewer.of(headers)) {
            (true, Some(address)) => Ok(Some(ClientConnection {
                address,
                arrived: connection.and_then(|connection| connection.arrived),
            })),
            _ => Err(Problem::new(Code::OriginUnverified)),
        }
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// `address:port`; an IPv6 address stands without brackets there, or with.
fn address_and_port(value: &str) -> Option<IpAddr> {
    let (address, port) = value.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address = match address.strip_prefix('[') {
        Some(address) => IpAddr::V6(address.strip_suffix(']')?.parse().ok()?),
        None => address.parse().ok()?,
    };
    is_port.then_some(address)
}
