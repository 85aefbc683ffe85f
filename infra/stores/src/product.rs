//! The two servers.

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Postgres,
    Redis,
}

impl Product {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Redis => "Redis",
        }
    }

    /// The programs that can serve, best first, and what must stand beside them.
    pub(crate) const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres"],
            Self::Redis => &["redis-server", "valkey-server"],
        }
    }
}
