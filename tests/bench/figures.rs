//! Times and their medians.

use rustix::time::{ClockId, Timespec, clock_gettime};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What one operation took in one round.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// CPU time of one request, in microseconds.
    pub cpu: f64,
    /// CPU time of Postgres and of Redis for it, in microseconds.
    pub postgres: f64,
    pub redis: f64,
    /// Of Postgres, what its connections alone used.
    pub connections: f64,
    /// From request to answer, each; empty where nothing was sent.
    pub latencies: Vec<Duration>,
}

/// The samples of all rounds, by operation.
pub type Samples = HashMap<&'static str, Vec<Sample>>;

/// CPU time that this process has used.
#[must_use]
pub fn process_cpu() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

/// CPU time that this thread has used.
#[must_use]
pub fn thread_cpu() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// A share of a time, in microseconds.
#[must_use]
pub fn micros(whole: Duration, parts: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no round has so many requests")]
    let parts = parts as f64;
    whole.as_secs_f64() * 1e6 / parts
}

/// CPU time of this thread for one of `times` calls.
pub fn cpu_of<T>(times: usize, mut call: impl FnMut() -> T) -> Sample {
    let before = thread_cpu();
    for _ in 0..times {
        std::hint::black_box(call());
    }
    Sample { cpu: micros(thread_cpu().saturating_sub(before), times), ..Sample::default() }
}

/// The same for calls that wait: of this thread, which is the whole runtime.
pub async fn cpu_of_async<T>(times: usize, mut call: impl AsyncFnMut() -> T) -> Sample {
    let mut latencies = Vec::with_capacity(times);
    let before = thread_cpu();
    for _ in 0..times {
        let asked = Instant::now();
        std::hint::black_box(call().await);
        latencies.push(asked.elapsed());
    }
    let cpu = micros(thread_cpu().saturating_sub(before), times);
    Sample { cpu, latencies, ..Sample::default() }
}

/// The value that this share of all values does not exceed; 0 of none.
#[must_use]
pub fn percentile(values: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or_default()
}

/// The median of one figure of an operation over all rounds.
#[must_use]
pub fn median_of(samples: &Samples, name: &str, figure: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.get(name).into_iter().flatten().map(figure))
}

/// Milliseconds that this share of all requests of an operation did not exceed.
#[must_use]
pub fn latency_of(samples: &Samples, name: &str, percent: usize) -> f64 {
    let all = samples.get(name).into_iter().flatten().flat_map(|sample| &sample.latencies);
    percentile(all.map(|latency| latency.as_secs_f64() * 1e3), percent)
}

#[must_use]
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 50)
}
