//! The examples of the document: each stands once among the components, and bodies refer to it by
//! its name. OpenAPI 3.1 deprecates examples within schemas, and several bodies share some.

use std::collections::BTreeMap;

use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Schema};

use super::schemas::operations;

type Examples = BTreeMap<String, RefOr<Example>>;

/// Moves the examples of schemas, and those that operations name, to the components.
pub(super) fn name_examples(document: &mut OpenApi) {
    let of_schemas = take_examples_of_schemas(document);
    let mut named = Examples::new();
    for content in operations(document).flat_map(|operation| {
        let request = operation.request_body.iter_mut().filter_map(value_of);
        let request = request.flat_map(|body| body.content.values_mut());
        let responses = operation.responses.responses.values_mut().filter_map(value_of);
        request.chain(responses.flat_map(|response| response.content.values_mut()))
    }) {
        let Some(content) = value_of(content) else { continue };
        let of_schema = schema_name(content).and_then(|name| of_schemas.get_key_value(name));
        if let (Some((name, example)), None, true) =
            (of_schema, &content.example, content.examples.is_empty())
        {
            content.examples.insert(name.clone(), example.clone());
        }
        for (name, example) in &mut content.examples {
            let reference = Ref::new(format!("#/components/examples/{name}"));
            named.insert(name.clone(), std::mem::replace(example, RefOr::Ref(reference)));
        }
    }
    if let Some(components) = &mut document.components {
        components.examples = named;
    }
}

/// The examples of schemas, by the names of the schemas. Those of properties stay where they are.
fn take_examples_of_schemas(document: &mut OpenApi) -> Examples {
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    let examples = schemas.filter_map(|(name, schema)| {
        let value = match schema {
            RefOr::T(Schema::Object(object)) => object.example.take(),
            RefOr::T(Schema::AllOf(all_of)) => all_of.example.take(),
            _ => None,
        };
        Some((name.clone(), ExampleBuilder::new().value(Some(value?)).build().into()))
    });
    examples.collect()
}

fn schema_name(content: &Content) -> Option<&str> {
    match &content.schema {
        Some(RefOr::Ref(named)) => named.ref_location.rsplit('/').next(),
        _ => None,
    }
}

fn value_of<T>(part: &mut RefOr<T>) -> Option<&mut T> {
    match part {
        RefOr::T(value) => Some(value),
        RefOr::Ref(_) => None,
    }
}
