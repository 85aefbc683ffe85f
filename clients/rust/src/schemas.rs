//! The JSON Schemas (draft 2020-12) of what each operation takes and gives.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::types::{
    AccountRestored, ChangePhoneNumber, DeleteUser, Devices, GetDevices, GetUser, IntrospectToken,
    Introspection, PhoneNumberChanged, Problem, ResetSecondFactor, RestoreAccount, RevokeSessions,
    SecondFactorReset, SessionsRevoked, User, UserDeleted,
};

/// Where OpenAPI keeps named schemas.
const COMPONENTS: &str = "#/components/schemas/";

/// Each schema by the name of its file, without its ending: `get_user.input`, `get_user.answer`.
#[must_use]
pub fn schemas() -> Vec<(String, Value)> {
    let mut all = Vec::new();
    add::<GetUser, User>(&mut all, "get_user");
    add::<GetDevices, Devices>(&mut all, "get_devices");
    add::<IntrospectToken, Introspection>(&mut all, "introspect_token");
    add::<RevokeSessions, SessionsRevoked>(&mut all, "revoke_sessions");
    add::<ChangePhoneNumber, PhoneNumberChanged>(&mut all, "change_phone_number");
    add::<RestoreAccount, AccountRestored>(&mut all, "restore_account");
    add::<ResetSecondFactor, SecondFactorReset>(&mut all, "reset_second_factor");
    add::<DeleteUser, UserDeleted>(&mut all, "delete_user");
    all.push(("problem".to_owned(), schema::<Problem>()));
    all
}

fn add<I: ToSchema, A: ToSchema>(all: &mut Vec<(String, Value)>, operation: &str) {
    let mut input = schema::<I>();
    input["properties"]["operation"] = json!({ "const": operation });
    match &mut input["required"] {
        Value::Array(required) => required.push(json!("operation")),
        required => *required = json!(["operation"]),
    }
    all.push((format!("{operation}.input"), input));
    all.push((format!("{operation}.answer"), schema::<A>()));
}

fn schema<T: ToSchema>() -> Value {
    let mut named: Vec<(String, RefOr<Schema>)> = Vec::new();
    T::schemas(&mut named);
    let mut schema = to_json(&<T as PartialSchema>::schema());
    let definitions: Map<String, Value> =
        named.iter().map(|(name, schema)| (name.clone(), to_json(schema))).collect();
    if let Value::Object(fields) = &mut schema {
        fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        if !definitions.is_empty() {
            fields.insert("$defs".into(), Value::Object(definitions));
        }
    }
    schema
}

/// References lead to `$defs`, and nothing is null: what is not there is absent.
fn to_json(schema: &RefOr<Schema>) -> Value {
    let mut value = serde_json::to_value(schema).unwrap_or_default();
    tidy(&mut value);
    value
}

fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(of) = fields.get_mut("type")
                && let Value::Array(types) = of
            {
                types.retain(|one| *one != "null");
                if let [only] = types.as_slice() {
                    *of = only.clone();
                }
            }
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace(COMPONENTS, "#/$defs/");
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}
