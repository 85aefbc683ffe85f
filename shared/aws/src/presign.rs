//! Requests that are signed and never sent: RDS and ElastiCache take them as passwords.

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use secrecy::SecretString;
use shared::cloud::{CloudError, CloudErrorKind};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// How long a password is accepted for a new connection.
const VALID_FOR: Duration = Duration::from_mins(15);
const SCHEME: &str = "https://";
const OPERATION: &str = "sign";

/// Whose password it is.
#[derive(Clone, Copy)]
pub(crate) struct Signer {
    /// In errors: `RDS`, for example.
    pub(crate) service: &'static str,
    /// In signatures: `rds-db`, for example.
    pub(crate) signing_name: &'static str,
}

impl Signer {
    /// The URL of a GET without its scheme, signed for 15 minutes. Nothing goes over the
    /// network, but what the credentials may need: in Lambda they are variables.
    pub(crate) async fn password(
        self,
        config: &SdkConfig,
        host_and_query: &str,
    ) -> Result<SecretString, CloudError> {
        let credentials = config.credentials_provider();
        let credentials = credentials.ok_or_else(|| self.error(CloudErrorKind::Unexpected))?;
        let credentials = credentials.provide_credentials().await;
        let credentials = credentials.map_err(|_| self.error(CloudErrorKind::Unreachable))?;
        let identity = credentials.into();
        let region = config.region().map_or("", aws_config::Region::as_ref);
        let time = config.time_source().map_or(SystemTime::UNIX_EPOCH, |time| time.now());

        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(VALID_FOR);
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(self.signing_name)
            .time(time)
            .settings(settings)
            .build()
            .map_err(|_| self.error(CloudErrorKind::Unexpected))?
            .into();
        let url = format!("{SCHEME}{host_and_query}");
        let body = SignableBody::Bytes(&[]);
        let signed = SignableRequest::new("GET", url.as_str(), std::iter::empty(), body)
            .and_then(|request| sign(request, &parameters));
        let signed = signed.map_err(|_| self.error(CloudErrorKind::Unexpected))?;
        let (instructions, _) = signed.into_parts();
        let mut password = host_and_query.to_owned();
        for (name, value) in instructions.params() {
            // Writing to a string does not fail.
            let _ = write!(password, "&{name}={}", encode(value));
        }
        Ok(SecretString::from(password))
    }

    const fn error(self, kind: CloudErrorKind) -> CloudError {
        CloudError { service: self.service, operation: OPERATION, kind, code: None }
    }
}

/// Percent-encodes all but what RFC 3986 never reserves, as the signature demands.
pub(crate) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
