//! Postgres: the truth about accounts, devices, sessions and keys. One concrete [`Store`];
//! each SQL text is a [`Statement`] that stands beside its row struct and the method that
//! sends it.
//!
//! | file | what it holds |
//! |---|---|
//! | `connection` | [`Store`]: the pool, single statements, time-outs, TLS |
//! | `statement` | [`Statement`]: named parameters and columns |
//! | `transaction` | `Store::transaction`: writes of several statements |
//! | `error` | [`StoreError`] and what of a Postgres error may be shown |
//! | `accounts` | `users_auth` |
//! | [`login`] | register and log in: the two transactions that create a session |
//! | [`sessions`] | `sessions`: refresh, liveness, ends |
//! | [`keys`] | the key directory: identity, signed, one-time and last-resort keys |
//! | `outbox` | `outbox`, `audit_heads`: SQL fragments that other statements end with |
//!
//! Every statement goes out with its types (`query_typed`): one round trip, and no named
//! prepared statement that would pin a connection of a proxy.

pub mod accounts;
mod connection;
mod error;
pub mod keys;
pub mod login;
mod outbox;
pub mod sessions;
mod statement;
mod transaction;

pub use connection::{Store, tls};
pub use error::{PostgresError, StoreError};
pub use statement::Statement;

/// Every statement that the store sends, for the test that prepares each one.
#[must_use]
pub fn statements() -> Vec<&'static Statement> {
    let files = [
        connection::STATEMENTS,
        accounts::STATEMENTS,
        keys::bundles::STATEMENTS,
        keys::delete::STATEMENTS,
        keys::directory::STATEMENTS,
        keys::one_time::STATEMENTS,
        keys::publish::STATEMENTS,
        keys::signed::STATEMENTS,
        keys::status::STATEMENTS,
        keys::upload::STATEMENTS,
        login::log_in::STATEMENTS,
        login::register::STATEMENTS,
        sessions::end::STATEMENTS,
        sessions::find::STATEMENTS,
        sessions::refresh::STATEMENTS,
    ];
    files.into_iter().flatten().map(|statement| -> &'static Statement { statement }).collect()
}
