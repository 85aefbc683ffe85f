//! No bytes make the reader of bodies panic, and every refusal is a 4xx.
#![no_main]

use axum::body::Body;
use axum::extract::Request;
use domain::phone::PhoneNumber;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use shared::http::extract::json::{Validate, ValidationErrors, read};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    phone_number: Option<String>,
    count: Option<u8>,
}

struct Checked;

impl Validate for Checked {
    type Wire = Wire;

    fn validate(wire: Wire, errors: &mut ValidationErrors) -> Option<Self> {
        errors.required("phoneNumber", wire.phone_number, |p| PhoneNumber::parse(&p))?;
        wire.count.map(|_| Self)
    }
}

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let request = Request::builder().header("content-type", "application/json");
    let request = request.body(Body::from(bytes.to_vec())).expect("a request");
    if let Err(problem) = runtime.block_on(read::<Checked>(request)) {
        assert!(problem.status().is_client_error());
    }
});
