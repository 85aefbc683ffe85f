//! The events and answers of `migrate`.

use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum MigrateEvent {
    Resource(ResourceEvent),
    Direct(DirectEvent),
}

/// What somebody invokes it with.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum DirectEvent {
    Migrate,
    Status,
}

/// What CloudFormation says of a custom resource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourceEvent {
    pub request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    pub response_url: String,
    pub stack_id: String,
    pub request_id: String,
    pub logical_resource_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    Create,
    Update,
    Delete,
}

/// The migrations of the database, `V0001__name`, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MigrateAnswer {
    /// By this run, or, for `status`, by any.
    pub applied: Vec<String>,
    pub pending: Vec<String>,
}
