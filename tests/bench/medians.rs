//! The medians of all rounds by operation, and the least that each operation must cost.

use crate::figures::{Sample, Samples, latency_of, median_of};
use crate::trips::{Counted, Trips};

/// An operation, with the least that it must do: how often a signature is verified and
/// made, how often one of Signal's is checked, and which statement stands for those it sends to Postgres.
pub struct Operation {
    pub name: &'static str,
    pub title: &'static str,
    pub verifies: f64,
    pub signs: f64,
    pub checks: f64,
    pub statement: &'static str,
}

impl Operation {
    const fn checking(self, checks: f64) -> Self {
        Self { checks, ..self }
    }
}

const fn operation(
    name: &'static str,
    title: &'static str,
    (verifies, signs): (f64, f64),
    statement: &'static str,
) -> Operation {
    Operation { name, title, verifies, signs, checks: 0.0, statement }
}

pub const OPERATIONS: [Operation; 18] = [
    operation("otp_request", "OTP request", (0.0, 0.0), "select"),
    operation("otp_confirm", "OTP confirm", (0.0, 0.0), "update"),
    operation("register", "register", (0.0, 2.0), "update"),
    operation("sign_up", "sign-up: these three", (0.0, 2.0), "update"),
    operation("login", "login", (0.0, 2.0), "update"),
    operation("access", "access check", (1.0, 0.0), "update"),
    operation("ws_token", "ws-token: access check, one signature", (1.0, 1.0), "update"),
    operation("refresh", "refresh", (1.0, 2.0), "update"),
    operation("logout", "logout, with its access check", (1.0, 0.0), "update"),
    operation("bundle", "bundle of one device", (1.0, 0.0), "update"),
    operation("bundles", "bundles of six devices", (1.0, 0.0), "update"),
    operation("devices", "list of six devices", (1.0, 0.0), "select"),
    operation("upload_prekeys", "upload of 100 keys", (1.0, 0.0), "update"),
    operation("upload_kyber", "upload of 100 Kyber keys", (1.0, 0.0), "update").checking(100.0),
    operation("register_ec", "register with 100 EC keys", (0.0, 2.0), "update").checking(2.0),
    // Besides the hundred a signed prekey and one of last resort.
    operation("register_keys", "register with 100 + 100 keys", (0.0, 2.0), "update")
        .checking(102.0),
    operation("jwks", "JWKS", (0.0, 0.0), "update"),
    operation("liveness", "liveness", (0.0, 0.0), "update"),
];

/// The medians of all rounds, by name.
pub struct Medians<'a> {
    pub samples: &'a Samples,
    pub trips: &'a Counted,
}

impl Medians<'_> {
    /// Microseconds of CPU for one.
    pub fn cpu(&self, name: &str) -> f64 {
        median_of(self.samples, name, |sample| sample.cpu)
    }

    /// Microseconds of Postgres' CPU, and of Redis', for one.
    pub fn stores(&self, name: &str) -> (f64, f64) {
        let of = |figure: fn(&Sample) -> f64| median_of(self.samples, name, figure);
        (of(|sample| sample.postgres), of(|sample| sample.redis))
    }

    /// Milliseconds that this share of all requests did not exceed.
    pub fn latency(&self, name: &str, percent: usize) -> f64 {
        latency_of(self.samples, name, percent)
    }

    /// Round trips with limits, and without.
    pub fn trips(&self, name: &str) -> (Trips, Trips) {
        // The route behind the access check of `ws_token` asks nothing more.
        let name = match name {
            "ws_token" => "access",
            // The same statements, whichever keys there are.
            "register_ec" => "register_keys",
            name => name,
        };
        if name != "sign_up" {
            return self.trips.get(name).copied().unwrap_or_default();
        }
        let parts = ["otp_request", "otp_confirm", "register"].map(|part| self.trips(part));
        parts.into_iter().reduce(|a, b| (a.0 + b.0, a.1 + b.1)).unwrap_or_default()
    }

    pub fn crypto(&self, operation: &Operation) -> f64 {
        operation.verifies * self.cpu("verify")
            + operation.signs * self.cpu("sign")
            + operation.checks * self.cpu("ed25519")
    }

    /// Hello world, and what bare round trips add to it: of this figure.
    pub fn carried(&self, operation: &Operation, figure: impl Fn(&str) -> f64) -> f64 {
        let hello = figure("hello");
        let (_, Trips { postgres, redis, .. }) = self.trips(operation.name);
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let (postgres, redis) = (postgres as f64, redis as f64);
        let requests = if operation.name == "sign_up" { 3.0 } else { 1.0 };
        // Of a sign-up's statements one is the look-up.
        let (reads, writes) = match operation.statement {
            "select" => (postgres, 0.0),
            _ if operation.name == "sign_up" => (1.0, postgres - 1.0),
            _ => (0.0, postgres),
        };
        requests * hello
            + reads * (figure("select") - hello)
            + writes * (figure("update") - hello)
            + redis * (figure("evalsha") - hello)
    }

    pub fn floor(&self, operation: &Operation) -> f64 {
        self.carried(operation, |name| self.cpu(name)) + self.crypto(operation)
    }

    pub fn floor_latency(&self, operation: &Operation) -> f64 {
        self.carried(operation, |name| self.latency(name, 50)) + self.crypto(operation) / 1e3
    }
}

/// A budget's name, what was measured of many and of one, what it may be.
pub type Budget = (String, [f64; 2], f64);
