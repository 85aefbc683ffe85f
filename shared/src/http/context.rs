//! A request as the edge sees it: who sent it from where, when, under which id. The
//! outermost layer makes it once.

use axum::extract::FromRequestParts;
use domain::ids::SessionId;
use domain::time::Timestamp;
use http::request::Parts;
use http::{Extensions, HeaderMap, header};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::problem::{Code, Problem};
use crate::audit::{AuditEntry, SecurityEvent};
use crate::clock::{Clock, Rng};
use crate::limits::{Limit, LimitsConfig, RateLimitCheck, RateLimitStatus};
use crate::sender::text::Language;

/// What the gateway says of the connection: set by the Lambda and the local edge, never
/// read from a header.
#[derive(Clone, Copy, Debug)]
pub struct ClientConnection {
    pub address: IpAddr,
    /// When the request arrived at the gateway, if the gateway says so.
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
    began: Instant,
}

/// A request is answered within this.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// The work of a request ends so early that its outcome can be undone and answered.
const WORK_LIMIT: Duration = Duration::from_millis(4300);
/// How far the gateway's clock may differ from this process's before its time is ignored.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
const MAX_REQUEST_ID: usize = 64;

impl RequestContext {
    pub(super) fn new(
        clock: &Clock,
        rng: Rng,
        connection: Option<ClientConnection>,
        headers: &HeaderMap,
    ) -> Self {
        let own = clock.now();
        let now = connection
            .and_then(|connection| connection.arrived)
            .filter(|at| at.since(own) <= CLOCK_SKEW && own.since(*at) <= CLOCK_SKEW)
            .unwrap_or(own);
        let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let given = text(header::HeaderName::from_static("x-request-id"));
        let well_formed = (1..=MAX_REQUEST_ID).contains(&given.len())
            && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let request_id = if well_formed {
            given.to_owned()
        } else {
            uuid::Builder::from_random_bytes(rng.bytes()).into_uuid().to_string()
        };
        Self(Arc::new(Inner {
            request_id,
            // Without a gateway all callers share one address.
            address: connection.map_or(IpAddr::from([0, 0, 0, 0]), |c| c.address),
            now,
            user_agent: text(header::USER_AGENT).to_owned(),
            language: Language::preferred(text(header::ACCEPT_LANGUAGE)),
            rate_limit_status: OnceLock::new(),
            began: Instant::now(),
        }))
    }

    /// How long the work of this request may still take, so that its outcome can be stored and
    /// answered before the deadline.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        WORK_LIMIT.saturating_sub(self.0.began.elapsed())
    }

    pub(super) fn of(extensions: &Extensions) -> Result<Self, Problem> {
        extensions.get::<Self>().cloned().ok_or_else(|| Problem::new(Code::Internal))
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// When the request arrived: the one `now` of everything that it does.
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

    /// The entry of a security event that this request causes.
    #[must_use]
    pub fn audit_entry(
        &self,
        event: SecurityEvent,
        session: Option<SessionId>,
        rng: Rng,
    ) -> AuditEntry {
        AuditEntry::new(event, session, &self.address(), self.now(), rng)
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

    /// The networks that requests for codes are counted by, and how many times the limit each
    /// has. Their hash tag is the widest one.
    #[must_use]
    pub fn networks(&self) -> Vec<(String, u32)> {
        match self.0.address.to_canonical() {
            IpAddr::V4(address) => vec![(format!("{{{address}}}"), 1)],
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                let tag = format!("{{{a:x}:{b:x}:{c:x}::/48}}");
                let wide = d & 0xff00;
                vec![
                    (format!("{tag}:{d:x}::/64"), 1),
                    (format!("{tag}:{wide:x}::/56"), 2),
                    (tag, 4),
                ]
            }
        }
    }

    /// The network that what is counted for a number or a country goes by: hosts of one network
    /// are cheap to have.
    #[must_use]
    pub fn prefix(&self) -> String {
        match self.0.address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                format!("{a}.{b}.{c}.0/24")
            }
            IpAddr::V6(address) => {
                let [a, b, c, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}::/48")
            }
        }
    }

    /// What the limits left the caller, once they were counted.
    #[must_use]
    pub fn rate_limit_status(&self) -> Option<RateLimitStatus> {
        self.0.rate_limit_status.get().copied()
    }

    /// A check of these limits, each with the id that it counts.
    #[must_use]
    pub fn rate_limit_check(
        &self,
        config: &LimitsConfig,
        limits: &[(Limit, &str)],
    ) -> RateLimitCheck<'_> {
        RateLimitCheck::new(config, self.now(), limits, &self.0.rate_limit_status)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.extensions)
    }
}
