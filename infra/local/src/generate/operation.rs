//! The operations of all functions, as their OpenAPI documents list them.

use serde_json::Value;

use crate::service;

/// One operation of one function.
#[derive(Clone, Debug)]
pub struct Operation {
    pub function: &'static str,
    pub id: String,
    /// In capitals.
    pub method: String,
    pub path: String,
    /// The operation object of the whole document.
    pub spec: Value,
}

/// The operations of all functions, in the order of [`service::FUNCTIONS`] and then by path.
pub fn operations() -> Result<Vec<Operation>, serde_json::Error> {
    let whole = serde_json::to_value(service::openapi())?;
    let mut operations = Vec::new();
    for function in service::FUNCTIONS {
        let own = serde_json::to_value((function.document)())?;
        for (path, item) in own["paths"].as_object().into_iter().flatten() {
            for method in item.as_object().into_iter().flatten().map(|(method, _)| method) {
                let spec = whole["paths"][path][method].clone();
                operations.push(Operation {
                    function: function.name,
                    id: spec["operationId"].as_str().unwrap_or_default().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    spec,
                });
            }
        }
    }
    Ok(operations)
}
