//! What log lines and metrics carry, and how many lines are written.

use super::env::EnvReader;
use super::stage::Stage;

#[derive(Clone, Debug)]
pub struct TelemetryConfig {
    /// The Lambda function that this process is, if it is one.
    pub function: Option<String>,
    pub stage: Stage,
    /// Of a hundred requests that succeed, how many are logged. Metrics count all of them.
    pub success_sample: u32,
}

/// What `success_sample` is by default in production: the lines cost as much as the functions.
const SAMPLE_IN_PROD: u32 = 5;

impl TelemetryConfig {
    pub fn read(env: &mut EnvReader, stage: Stage) -> Self {
        let sample = if stage == Stage::Prod { SAMPLE_IN_PROD } else { 100 };
        Self {
            function: env.optional("AWS_LAMBDA_FUNCTION_NAME"),
            stage,
            success_sample: env.number("LOG_SUCCESS_SAMPLE", sample, 0, 100),
        }
    }
}
