//! What the edge of HTTP reads: CORS, CloudFront, metrics, and which clients are served.

use super::env::EnvReader;
use super::env::is_url;
use crate::http::origin::OriginVerification;

#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The Lambda function that this process is, if it is one.
    pub function_name: Option<String>,
    pub cors_origins: Vec<String>,
    /// What a request through CloudFront shows.
    pub origin: OriginVerification,
    pub metrics_enabled: bool,
    /// Answers as an already shipped app expects.
    pub legacy_clients: bool,
}

impl HttpConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        Self {
            function_name: env.optional("AWS_LAMBDA_FUNCTION_NAME"),
            cors_origins: cors_origins(env),
            origin: OriginVerification::read(env),
            metrics_enabled: env.flag("METRICS_ENABLED", true),
            legacy_clients: env.flag("LEGACY_CLIENTS", false),
        }
    }
}

fn cors_origins(env: &mut EnvReader) -> Vec<String> {
    let origins: Vec<String> = env
        .optional("CORS_ORIGINS")
        .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
        .unwrap_or_default();
    let well_formed = |origin: &String| {
        // Browsers send exactly this form; any other would never match.
        !origin.contains('*')
            && is_url(origin, &["http", "https"])
            && url::Url::parse(origin)
                .is_ok_and(|url| url.origin().ascii_serialization() == *origin)
    };
    if origins != ["*"] && !origins.iter().all(well_formed) {
        env.error("CORS_ORIGINS", "must be a comma-separated list of origins, or *");
    }
    origins
}
