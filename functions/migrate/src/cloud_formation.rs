//! The answer to CloudFormation: a PUT to the address that its event names.

use serde::Serialize;
use std::time::Duration;
use thiserror::Error;
use url::Url;

use crate::error::MigrateError;
use crate::wire::{MigrateAnswer, ResourceEvent};

const TIMEOUT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// CloudFormation takes 4 kB in all.
const MAX_REASON: usize = 1000;
/// The resource is the database, and there is one: another id would have CloudFormation delete
/// the resource before.
const PHYSICAL_RESOURCE_ID: &str = "auth-database";

/// Of the hosts of S3, in each partition.
const DOMAINS: [&str; 7] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".c2s.ic.gov",
    ".cloud.adc-e.uk",
    ".csp.hci.ic.gov",
    ".sc2s.sgov.gov",
];

/// Why CloudFormation was not told. Lambda repeats the invocation, which finds nothing pending.
#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    #[error("the address for the answer is none of AWS")]
    Address,
    #[error("failed to make an HTTP client")]
    Client,
    #[error("failed to answer CloudFormation: status {0:?}")]
    Refused(Option<u16>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    status: &'static str,
    reason: String,
    physical_resource_id: &'static str,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

/// Tells CloudFormation how it went.
pub(crate) async fn answer(
    event: &ResourceEvent,
    result: Result<&MigrateAnswer, &MigrateError>,
    is_local: bool,
) -> Result<(), AnswerError> {
    let url = Url::parse(&event.response_url)
        .ok()
        .filter(|url| is_local || is_of_aws(url) || is_of_endpoint(url));
    let url = url.ok_or(AnswerError::Address)?;
    let (status, reason) = match result {
        Ok(answer) => ("SUCCESS", format!("applied {}", answer.applied.len())),
        Err(error) => ("FAILED", error.to_string().chars().take(MAX_REASON).collect()),
    };
    let body = Body {
        status,
        reason,
        physical_resource_id: PHYSICAL_RESOURCE_ID,
        stack_id: &event.stack_id,
        request_id: &event.request_id,
        logical_resource_id: &event.logical_resource_id,
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    let no_redirects = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(no_redirects).build();
    let client = client.map_err(|_| AnswerError::Client)?;
    let mut status = None;
    for attempt in 1..=ATTEMPTS {
        // Without a content type: the address is signed for none.
        match client.put(url.clone()).body(body.clone()).send().await {
            Ok(response) if response.status().is_success() => return Ok(()),
            Ok(response) => status = Some(response.status().as_u16()),
            // The text would hold the address, which is a secret.
            Err(error) => {
                status = None;
                tracing::warn!(timed_out = error.is_timeout(), "failed to reach CloudFormation");
            }
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(PAUSE * attempt).await;
        }
    }
    Err(AnswerError::Refused(status))
}

/// Whoever may invoke the function must not make it send requests elsewhere.
fn is_of_aws(url: &Url) -> bool {
    let is_host = |host: &str| DOMAINS.iter().any(|domain| host.ends_with(domain));
    url.scheme() == "https" && url.domain().is_some_and(is_host)
}

/// Whether it is the AWS that this process was given in place of the public one, as the SDK reads it.
fn is_of_endpoint(url: &Url) -> bool {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").ok();
    let endpoint = endpoint.and_then(|endpoint| Url::parse(&endpoint).ok());
    endpoint.is_some_and(|endpoint| endpoint.origin() == url.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_aws_alone() {
        for (url, is_theirs) in [
            (
                "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/a?b",
                true,
            ),
            ("https://bucket.s3.cn-north-1.amazonaws.com.cn/a", true),
            ("https://bucket.s3.eusc-de-east-1.amazonaws.eu/a", true),
            ("http://bucket.s3.amazonaws.com/a", false),
            ("https://amazonaws.com.example/a", false),
            ("https://evilamazonaws.com/a", false),
            ("https://user@169.254.169.254/a", false),
            ("https://127.0.0.1/.amazonaws.com", false),
        ] {
            assert_eq!(Url::parse(url).is_ok_and(|url| is_of_aws(&url)), is_theirs, "{url}");
        }
    }
}
