//! A request as the edge sees it: who came from where, when, under which id. Made once by
//! the outermost layer, asked for by whoever needs it.

use axum::extract::FromRequestParts;
use domain::time::Timestamp;
use http::request::Parts;
use http::{Extensions, HeaderMap, header};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::problem::{Code, Problem};
use crate::app::App;
use crate::cache::CacheError;
use crate::limits::{Limit, RateLimitCheck, RateLimitStatus};
use crate::sender::text::Language;

/// What the gateway says of the connection: set by the Lambda and the local edge, never
/// read from a header.
#[derive(Clone, Copy, Debug)]
pub struct ClientConnection {
    pub address: IpAddr,
    /// Arrival at the gateway, where it tells.
    pub arrived: Option<Timestamp>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct RequestContext(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    request_id: String,
    address: IpAddr,
    now: Timestamp,
    user_agent: String,
    language: Language,
    rate_limit_status: OnceLock<RateLimitStatus>,
}

/// How far the gateway's clock may be from ours before it is not believed.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
const MAX_REQUEST_ID: usize = 64;

impl RequestContext {
    pub(super) fn new(app: &App, peer: Option<ClientConnection>, headers: &HeaderMap) -> Self {
        let ours = app.clock.now();
        let now = peer
            .and_then(|peer| peer.arrived)
            .filter(|at| at.since(ours) <= CLOCK_SKEW && ours.since(*at) <= CLOCK_SKEW)
            .unwrap_or(ours);
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let given = text(header::HeaderName::from_static("x-request-id"));
        let well_formed = (1..=MAX_REQUEST_ID).contains(&given.len())
            && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let request_id = if well_formed {
            given.to_owned()
        } else {
            uuid::Builder::from_random_bytes(app.rng.bytes()).into_uuid().to_string()
        };
        Self(Arc::new(Inner {
            request_id,
            // Without a gateway nobody is told apart.
            address: peer.map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.address),
            now,
            user_agent: text(header::USER_AGENT).to_owned(),
            language: Language::preferred(text(header::ACCEPT_LANGUAGE)),
            rate_limit_status: OnceLock::new(),
        }))
    }

    pub(super) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// When the request arrived: the one `now` of everything it does.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.now
    }

    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    #[must_use]
    pub fn language(&self) -> Language {
        self.0.language
    }

    /// The address as the security log keeps it.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// The address as limits count it: an IPv6 host has a whole /64 to choose from.
    #[must_use]
    pub fn network(&self) -> String {
        match self.0.address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        }
    }

    /// What the limits left the caller, once they were counted.
    #[must_use]
    pub fn rate_limit_status(&self) -> Option<RateLimitStatus> {
        self.0.rate_limit_status.get().copied()
    }

    /// The limits that count this request, each with what it counts.
    #[must_use]
    pub fn rate_limit_check(&self, app: &App, limits: &[(Limit, &str)]) -> RateLimitCheck<'_> {
        RateLimitCheck::new(&app.config.limits, self.now(), limits, &self.0.rate_limit_status)
    }

    /// Counts the caller's address alone.
    pub async fn count_address(&self, app: &App, limit: Limit) -> Result<(), CacheError> {
        app.cache.take_limits(&self.rate_limit_check(app, &[(limit, &self.network())])).await
    }

    /// A request refused before its flow: still counted, and over the limit it is that
    /// which is told (429 comes before 400).
    pub async fn refuse_counted(&self, app: &App, limit: Limit, problem: Problem) -> Problem {
        match self.count_address(app, limit).await {
            Err(limited @ CacheError::Limited { .. }) => limited.into(),
            Ok(()) | Err(_) => problem,
        }
    }
}

impl FromRequestParts<App> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}
