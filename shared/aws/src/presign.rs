//! Requests that are signed and never sent: RDS and ElastiCache take them as passwords.

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use secrecy::SecretString;
use shared::cloud::{CloudError, CloudErrorKind};
use shared::percent::percent_encode;
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
        let region = config.region().map_or("", aws_config::Region::as_ref);
        // The clients of the SDK have a clock of their own if the configuration has none.
        let clock = config.time_source().ok_or_else(|| self.error(CloudErrorKind::Unexpected))?;
        let password = self.signed(credentials, region, clock.now(), host_and_query);
        Ok(SecretString::from(password?))
    }

    fn signed(
        self,
        credentials: Credentials,
        region: &str,
        time: SystemTime,
        host_and_query: &str,
    ) -> Result<String, CloudError> {
        let identity = credentials.into();
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
            let _ = write!(password, "&{name}={}", percent_encode(value));
        }
        Ok(password)
    }

    const fn error(self, kind: CloudErrorKind) -> CloudError {
        CloudError { service: self.service, operation: OPERATION, kind, code: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SESSION: Option<&str> = Some("FwoGZXIvYXdzEBc+aB/c==");

    /// What botocore 1.43 signs with these credentials at 2026-11-28T19:00:00Z in eu-west-1
    /// (`botocore.auth.SigV4QueryAuth`, 900 s, its clock replaced), without the scheme.
    const VECTORS: [(&str, Option<&str>, &str, &str); 4] = [
        (
            "rds-db",
            None,
            "db.cluster-1.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=auth_app",
            "9a66ebc8ed5a1e104f7a865014bb4fc4ee1ff1242c45c837115cd2b04400d5dc",
        ),
        (
            "rds-db",
            SESSION,
            "db.cluster-1.eu-west-1.rds.amazonaws.com:5432/?Action=connect&DBUser=auth_app",
            "40dadef0d2c7c1c555570987fd6ade474f936f7a907af4240d2e33ba37d7b127",
        ),
        (
            "elasticache",
            None,
            "auth-cache/?Action=connect&User=auth-user",
            "af70821e35238f9d14a54f2c889b24005840c052d09a34ae457b42019c1bca07",
        ),
        (
            "elasticache",
            SESSION,
            "auth-cache/?Action=connect&User=auth-user&ResourceType=ServerlessCache",
            "8642b26e5de66dedbec0e1148415d6b873cc51f69c5513c01c8fbeb5643d12f5",
        ),
    ];

    #[test]
    fn a_password_is_what_botocore_signs() {
        for (signing_name, session, request, signature) in VECTORS {
            let signer = Signer { service: "test", signing_name };
            let key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let session = session.map(str::to_owned);
            let credentials = Credentials::new("AKIDEXAMPLE", key, session.clone(), None, "test");
            let time = SystemTime::UNIX_EPOCH + Duration::from_hours(498_859);
            let password = signer.signed(credentials, "eu-west-1", time, request);
            let password = password.expect("a password");
            let mut expected = vec![
                "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
                format!(
                    "X-Amz-Credential=AKIDEXAMPLE%2F20261128%2Feu-west-1%2F{signing_name}%2Faws4_request"
                ),
                "X-Amz-Date=20261128T190000Z".to_owned(),
                "X-Amz-Expires=900".to_owned(),
                "X-Amz-SignedHeaders=host".to_owned(),
                format!("X-Amz-Signature={signature}"),
            ];
            expected.extend(
                session.map(|token| format!("X-Amz-Security-Token={}", percent_encode(&token))),
            );
            let added = password.strip_prefix(request).and_then(|rest| rest.strip_prefix('&'));
            // The order of parameters has no meaning: a signature sorts them.
            let added: BTreeSet<&str> = added.expect("the request first").split('&').collect();
            assert_eq!(added, expected.iter().map(String::as_str).collect());
        }
    }
}
