//! Postgres: the truth about accounts, devices, sessions and keys. One concrete [`Store`];
//! each SQL text is a [`Statement`] that stands beside its row struct and the method that
//! sends it.
//!
//! | file | what it holds |
//! |---|---|
//! | `connection` | [`Store`]: single statements, deadlines, repeats |
//! | `connect` | opens connections, each with the newest login |
//! | `pool` | the connections, their age, cancellation |
//! | `tls` | TLS to Postgres |
//! | `statement` | [`Statement`]: named parameters and columns |
//! | `transaction` | `Store::transaction`: writes of several statements |
//! | `error` | [`StoreError`] and what of a Postgres error may be shown |
//! | `accounts` | `users_auth` |
//! | [`account`] | what a user reads and changes of its own account |
//! | [`login`] | register, log in, log in by QR code: the transactions that create a session |
//! | [`sessions`] | `sessions`: refresh, liveness, ends |
//! | [`devices`] | `devices`: list, changes, removal; the history of log-ins and security events |
//! | [`maintenance`] | deletions of what nobody needs any more |
//! | [`keys`] | the key directory: identity, signed, one-time and last-resort keys |
//! | [`operator`] | what operators and other services read and change |
//! | [`access`] | who may change an account: what a caller shows, the decision, what is consumed |
//! | [`second_factor`] | TOTP secrets and backup codes |
//! | `ended_by_call` | the sessions that a call ended, for its repeats |
//! | [`import`] | accounts of the first auth-service |
//! | [`restore`] | `restores`: what a database needs after it went back to a backup |
//! | [`outbox`] | `outbox`, `audit_heads`, `security_events`: fragments that other statements end with, and what the relay sends |
//!
//! Every statement is prepared once per connection, with a generic plan. Where a proxy pins
//! sessions with prepared statements, `DATABASE_STATEMENTS=unnamed` sends each with its types.

pub mod access;
pub mod account;
pub mod accounts;
mod connect;
mod connection;
pub mod devices;
mod ended_by_call;
mod error;
pub mod import;
pub mod keys;
pub mod login;
pub mod maintenance;
pub mod operator;
pub mod outbox;
mod pool;
pub mod queued;
pub mod restore;
pub mod second_factor;
pub mod sessions;
mod statement;
mod tls;
mod transaction;

pub use connection::Store;
pub use error::{PostgresError, StoreError};
pub use statement::Statement;
pub use tls::tls;

/// Every statement that the store sends, for the test that prepares each one.
#[must_use]
pub fn statements() -> Vec<&'static Statement> {
    let files = [
        connection::STATEMENTS,
        account::delete::STATEMENTS,
        account::lock::STATEMENTS,
        account::phone::STATEMENTS,
        account::read::STATEMENTS,
        account::undo::STATEMENTS,
        accounts::STATEMENTS,
        access::approve::STATEMENTS,
        access::authorize::STATEMENTS,
        access::proof::STATEMENTS,
        access::second_factor::STATEMENTS,
        devices::history::STATEMENTS,
        devices::list::STATEMENTS,
        devices::remove::STATEMENTS,
        devices::update::STATEMENTS,
        import::STATEMENTS,
        keys::bundles::STATEMENTS,
        keys::delete::STATEMENTS,
        keys::directory::STATEMENTS,
        keys::one_time::STATEMENTS,
        keys::publish::STATEMENTS,
        keys::retired::STATEMENTS,
        keys::signed::STATEMENTS,
        keys::status::STATEMENTS,
        keys::unproven::STATEMENTS,
        keys::upload::STATEMENTS,
        login::approved::STATEMENTS,
        login::log_in::STATEMENTS,
        login::log_in_state::STATEMENTS,
        login::new_login::STATEMENTS,
        login::register::STATEMENTS,
        login::start_over::STATEMENTS,
        login::stopped::STATEMENTS,
        maintenance::by_age::STATEMENTS,
        maintenance::released::STATEMENTS,
        maintenance::secrets::STATEMENTS,
        maintenance::sessions::STATEMENTS,
        operator::call::STATEMENTS,
        operator::phone::STATEMENTS,
        operator::read::STATEMENTS,
        operator::reset::STATEMENTS,
        operator::sessions::STATEMENTS,
        outbox::heads::STATEMENTS,
        outbox::leases::STATEMENTS,
        outbox::trail::STATEMENTS,
        restore::replay::STATEMENTS,
        restore::walk::STATEMENTS,
        second_factor::backup_codes::STATEMENTS,
        second_factor::disable::STATEMENTS,
        second_factor::enable::STATEMENTS,
        second_factor::find::STATEMENTS,
        second_factor::reset::STATEMENTS,
        second_factor::set_up::STATEMENTS,
        second_factor::step_up::STATEMENTS,
        sessions::end::STATEMENTS,
        sessions::find::STATEMENTS,
        sessions::refresh::STATEMENTS,
        transaction::STATEMENTS,
    ];
    files.into_iter().flatten().map(|statement| -> &'static Statement { statement }).collect()
}
