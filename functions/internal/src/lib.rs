//! Operations for other services, by IAM-signed invocation.
