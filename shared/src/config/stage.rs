//! Where the service runs: `STAGE`.

use super::env::EnvReader;

/// Only `local` has defaults that are not safe elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Local,
    Dev,
    Staging,
    Prod,
}

impl Stage {
    pub fn read(env: &mut EnvReader) -> Self {
        match env.optional("STAGE").as_deref() {
            Some("local") => Self::Local,
            Some("dev") => Self::Dev,
            Some("staging") => Self::Staging,
            // The strictest stage is the default, so that a forgotten variable opens nothing.
            Some("prod") | None => Self::Prod,
            Some(_) => {
                env.error("STAGE", "must be one of local, dev, staging, prod");
                Self::Prod
            }
        }
    }

    /// As it stands in `STAGE`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }

    #[must_use]
    pub fn is_local(self) -> bool {
        self == Self::Local
    }

    /// An error if production refuses this value.
    pub fn require_in_prod(
        self,
        env: &mut EnvReader,
        holds: bool,
        variable: &'static str,
        error: &'static str,
    ) {
        if self == Self::Prod && !holds {
            env.error(variable, error);
        }
    }
}
