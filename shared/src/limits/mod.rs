//! Rate limits: which exist ([`policy`]) and how a request is counted ([`check`]).

pub mod check;
mod country_budgets;
pub mod policy;

pub use check::{RateLimitCheck, RateLimitStatus};
pub use policy::{Limit, LimitsConfig, OnOutage, Rule};
