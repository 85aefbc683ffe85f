//! JSON log lines, and errors in them.

use std::fmt;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::settings;

/// Starts JSON logging to `writer`; `LOG_LEVEL` chooses (default `info`). Later calls do
/// nothing, so that tests may all call it.
pub fn init<W>(writer: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let _ = tracing::subscriber::set_global_default(subscriber(writer));
}

/// JSON lines, each with the fields of its request's span.
pub fn subscriber<W>(writer: W) -> impl tracing::Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = settings::variable("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
    // Levels, and levels of modules. What else `EnvFilter` reads needs regular expressions, which are
    // an eighth of a small function.
    let info = || Targets::new().with_default(LevelFilter::INFO);
    let filter = level.parse().unwrap_or_else(|_| info());
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer);
    tracing_subscriber::registry().with(filter).with(lines)
}

/// An error with everything that caused it, for the log. Errors of this service's own types
/// hold no value that a client sent.
pub struct ErrorChain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
