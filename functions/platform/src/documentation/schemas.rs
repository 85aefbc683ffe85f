//! Schemas as client generators want them: the codes of each operation as an enum, and optional
//! properties that are absent rather than null.

use shared::http::openapi::CODES;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ArrayItems, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Schema};

const PROBLEM: &str = "Problem";

/// All operations of the document.
pub(super) fn operations(document: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete]
    });
    operations.flatten()
}

/// Gives each operation a problem of its own, whose `code` is one of the codes that it answers.
pub(super) fn name_problems(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    let Some(RefOr::T(Schema::Object(problem))) = components.schemas.remove(PROBLEM) else {
        return;
    };
    let mut named = Vec::new();
    for operation in operations(document) {
        let id = operation.operation_id.as_deref().unwrap_or_default();
        let name = format!("{}{PROBLEM}", pascal_case(id));
        let mut codes = Vec::new();
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            let Some(mut extensions) = response.extensions.take() else { continue };
            let of_status = extensions.remove(CODES);
            codes.extend(
                of_status
                    .as_ref()
                    .and_then(|codes| codes.as_array())
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            for content in response.content.values_mut() {
                if let RefOr::T(content) = content {
                    content.schema = Some(Ref::from_schema_name(&name).into());
                }
            }
        }
        if !codes.is_empty() {
            let code = ObjectBuilder::new()
                .schema_type(Type::String)
                .description(code_description(&problem))
                .enum_values(Some(codes))
                .build();
            let mut problem = problem.clone();
            problem.properties.insert("code".to_owned(), Schema::Object(code).into());
            named.push((name, Schema::Object(problem).into()));
        }
    }
    if let Some(components) = &mut document.components {
        components.schemas.extend(named);
    }
}

fn code_description(problem: &Object) -> Option<String> {
    match problem.properties.get("code") {
        Some(RefOr::T(Schema::Object(code))) => code.description.clone(),
        _ => None,
    }
}

fn pascal_case(operation: &str) -> String {
    let words = operation.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters)
    });
    words.flatten().collect()
}

/// No property of this API is ever null: an optional one is absent. In requests null counts as
/// absent, and clients do not need to know.
pub(super) fn forbid_null(document: &mut OpenApi) {
    let Some(components) = &mut document.components else { return };
    components.schemas.values_mut().for_each(forbid);
}

fn forbid(schema: &mut RefOr<Schema>) {
    let RefOr::T(inner) = schema else { return };
    match inner {
        Schema::Object(object) => {
            forbid_type(&mut object.schema_type);
            object.properties.values_mut().for_each(forbid);
        }
        Schema::Array(array) => {
            forbid_type(&mut array.schema_type);
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                forbid(items);
            }
        }
        Schema::OneOf(one_of) => {
            one_of.items.retain(|item| !is_null(item));
            let description = one_of.description.take();
            if let [only] = one_of.items.as_mut_slice() {
                let mut only = std::mem::replace(only, Ref::default().into());
                if let RefOr::Ref(named) = &mut only {
                    named.description = description.unwrap_or_default();
                }
                *schema = only;
            }
        }
        _ => {}
    }
}

fn forbid_type(schema_type: &mut SchemaType) {
    if let SchemaType::Array(types) = schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            *schema_type = SchemaType::Type(only.clone());
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}
