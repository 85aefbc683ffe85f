//! The two products, and the names of their programs.

/// What is searched for and installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Postgres,
    Redis,
}

impl Product {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
        }
    }

    /// The programs that can serve, in order of preference.
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres"],
            Self::Redis => &["redis-server", "valkey-server"],
        }
    }
}
