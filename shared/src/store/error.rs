//! What can fail in the store. An error names the statement or transaction that failed, and
//! holds no value of a row: Postgres' own message and detail are dropped where it arrives.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use thiserror::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::WrongType;

use crate::cloud::CloudError;

/// `statement` is the name of the statement, or of the transaction while it begins or ends.
#[derive(Debug, Error)]
pub enum StoreError {
    #[error("failed to connect to postgres for {statement}")]
    Unreachable { statement: &'static str, source: Option<PostgresError> },
    #[error("{statement} timed out")]
    Timeout { statement: &'static str },
    #[error("{statement} failed")]
    Statement { statement: &'static str, source: PostgresError },
    /// A row is missing, or a column has an unexpected type or value.
    #[error("{statement} returned unexpected data: {what}")]
    UnexpectedData { statement: &'static str, what: &'static str },
    /// The names of the parameters are not those that the statement declares.
    #[error("{statement} was given wrong parameters: {parameter}")]
    Parameters { statement: &'static str, parameter: &'static str },
}

impl StoreError {
    /// Whether the same call may succeed later: Postgres is down, restarts, is full or
    /// ended a deadlock. Otherwise the fault is in this service.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Statement { source, .. } => source.is_transient(),
            Self::UnexpectedData { .. } | Self::Parameters { .. } => false,
        }
    }

    /// Whether, and how, the store itself repeats what failed.
    pub(super) fn repeat(&self) -> Repeat {
        match self {
            Self::Unreachable { .. } => Repeat::OnNewConnection,
            Self::Statement { source, .. } => source.repeat(),
            Self::Timeout { .. } | Self::UnexpectedData { .. } | Self::Parameters { .. } => {
                Repeat::Never
            }
        }
    }

    /// The unique constraint that the statement violated, if that is why it failed.
    #[must_use]
    pub fn unique_violation(&self) -> Option<&str> {
        match self {
            Self::Statement { source, .. } => source.unique_violation(),
            _ => None,
        }
    }
}

/// How the store repeats a statement or transaction that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Never,
    /// The connection was lost, or leads to a server that does not write.
    OnNewConnection,
    /// Another transaction was in the way. Nothing of this one was kept.
    AfterConflict,
}

/// Gives the outcome that a violated unique constraint stands for; other errors stay errors.
pub(super) fn map_constraint<T>(
    result: Result<T, StoreError>,
    outcome: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    result.or_else(|error| error.unique_violation().and_then(outcome).ok_or(error))
}

/// What of a Postgres error may be logged. The client's error is not kept: its sources print
/// Postgres' message and detail, which hold users' data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresError(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Refused {
        state: SqlState,
        constraint: Option<String>,
    },
    /// The login for a new connection could not be had.
    Login(CloudError),
    Closed,
    Io(io::ErrorKind),
    WrongType,
    Other,
}

impl PostgresError {
    /// The five characters that name what Postgres refused (appendix A of its manual).
    #[must_use]
    pub fn sql_state(&self) -> Option<&str> {
        match &self.0 {
            Kind::Refused { state, .. } => Some(state.code()),
            _ => None,
        }
    }

    fn unique_violation(&self) -> Option<&str> {
        match &self.0 {
            Kind::Refused { state, constraint } if *state == SqlState::UNIQUE_VIOLATION => {
                constraint.as_deref()
            }
            _ => None,
        }
    }

    fn repeat(&self) -> Repeat {
        let state = match &self.0 {
            Kind::Refused { state, .. } => state,
            Kind::Closed | Kind::Io(_) | Kind::Login(_) => return Repeat::OnNewConnection,
            Kind::WrongType | Kind::Other => return Repeat::Never,
        };
        match state.code() {
            // serialization_failure, deadlock_detected
            "40001" | "40P01" => Repeat::AfterConflict,
            // read_only_sql_transaction: after a failover the old primary is a replica.
            "25006"
            // admin_shutdown, crash_shutdown, cannot_connect_now
            | "57P01" | "57P02" | "57P03"
            // idle_in_transaction_session_timeout, idle_session_timeout
            | "25P03" | "57P05"
            // A prepared statement that a migration made stale, or that a proxy lost.
            | "0A000" | "26000" => Repeat::OnNewConnection,
            // connection_exception
            code if code.starts_with("08") => Repeat::OnNewConnection,
            _ => Repeat::Never,
        }
    }

    fn is_transient(&self) -> bool {
        match &self.0 {
            // Data exceptions, violated constraints, and SQL that is wrong or not permitted.
            Kind::Refused { state, .. } => {
                !matches!(state.code().get(..2), Some("22" | "23" | "42"))
            }
            Kind::Closed | Kind::Io(_) | Kind::Login(_) | Kind::Other => true,
            Kind::WrongType => false,
        }
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Refused { state, constraint: None } => {
                write!(formatter, "SQLSTATE {}", state.code())
            }
            Kind::Refused { state, constraint: Some(constraint) } => {
                write!(formatter, "SQLSTATE {}, constraint {constraint}", state.code())
            }
            Kind::Login(error) => error.fmt(formatter),
            Kind::Closed => formatter.write_str("connection closed"),
            Kind::Io(kind) => write!(formatter, "i/o error: {kind}"),
            Kind::WrongType => formatter.write_str("wrong type of a parameter"),
            Kind::Other => formatter.write_str("postgres client error"),
        }
    }
}

impl StdError for PostgresError {}

impl From<CloudError> for PostgresError {
    fn from(error: CloudError) -> Self {
        Self(Kind::Login(error))
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(refused) = error.as_db_error() {
            return Self(Kind::Refused {
                state: refused.code().clone(),
                constraint: refused.constraint().map(str::to_owned),
            });
        }
        if error.is_closed() {
            return Self(Kind::Closed);
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<io::Error>() {
                return Self(Kind::Io(cause.kind()));
            }
            if cause.is::<WrongType>() {
                return Self(Kind::WrongType);
            }
            source = cause.source();
        }
        Self(Kind::Other)
    }
}
