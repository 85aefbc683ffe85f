//! What the edge of HTTP reads: CORS, CloudFront, metrics, and which clients are served.

use super::env::EnvReader;
use super::env::is_url;
use crate::http::origin::OriginVerification;

#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub cors_origins: Vec<String>,
    /// What a request through CloudFront shows.
    pub origin: OriginVerification,
    /// Origins of this service as clients reach it: what a DPoP proof names.
    pub public_origins: Vec<String>,
    pub metrics_enabled: bool,
    /// Answers as an already shipped app expects.
    pub legacy_clients: bool,
}

impl HttpConfig {
    pub fn read(env: &mut EnvReader) -> Self {
        Self {
            cors_origins: cors_origins(env),
            origin: OriginVerification::read(env),
            public_origins: public_origins(env),
            metrics_enabled: env.flag("METRICS_ENABLED", true),
            legacy_clients: env.flag("LEGACY_CLIENTS", false),
        }
    }
}

fn cors_origins(env: &mut EnvReader) -> Vec<String> {
    let origins = list(env, "CORS_ORIGINS");
    // Browsers send exactly this form; any other would never match.
    if origins != ["*"] && !origins.iter().all(is_origin) {
        env.error("CORS_ORIGINS", "must be a comma-separated list of origins, or *");
    }
    origins
}

fn public_origins(env: &mut EnvReader) -> Vec<String> {
    let origins = list(env, "PUBLIC_ORIGINS");
    if !origins.iter().all(is_origin) {
        env.error("PUBLIC_ORIGINS", "must be a comma-separated list of origins");
    }
    origins
}

fn list(env: &mut EnvReader, name: &str) -> Vec<String> {
    let list = env.optional(name);
    list.map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
        .unwrap_or_default()
}

fn is_origin(origin: &String) -> bool {
    !origin.contains('*')
        && is_url(origin, &["http", "https"])
        && url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin)
}
