//! Every operation that changes something leaves an entry in the trail of its account.

use http::Method;
use std::collections::BTreeMap;

use crate::examples::try_all;
use crate::sources::operations;

/// Operations with a body that leave no entry, and why.
const WITHOUT_ENTRY: [(&str, &str); 10] = [
    ("check_key_devices", "reads"),
    ("check_keys", "reads"),
    ("confirm_login_verification", "proves a number; the log-in or change that uses it is entered"),
    ("confirm_registration_verification", "proves a number; the registration is entered"),
    ("fetch_bundles", "takes keys: as often as users write to each other"),
    ("issue_ws_token", "stores nothing"),
    ("refresh_tokens", "goes on with a session that is entered; its reuse is entered"),
    ("resend_verification", "requests a code: anybody may, for any number"),
    ("start_login_verification", "requests a code: anybody may, for any number"),
    ("start_registration_verification", "requests a code: anybody may, for any number"),
];

#[tokio::test]
async fn every_operation_that_changes_something_leaves_an_entry() {
    let entries: BTreeMap<String, i64> = try_all(0).await.into_iter().collect();
    let operations = operations();
    for (id, _) in WITHOUT_ENTRY {
        let changes = operations.iter().any(|one| one.id == id && one.method != Method::GET);
        assert!(changes, "{id} of the list is gone, or only reads");
    }
    let mut missing = Vec::new();
    for operation in &operations {
        let id = operation.id.as_str();
        let left = entries.get(id).copied();
        let left = left.unwrap_or_else(|| panic!("{id} has no place among the examples"));
        if operation.method == Method::GET || WITHOUT_ENTRY.iter().any(|(name, _)| *name == id) {
            assert_eq!(left, 0, "{id} leaves an entry: it does not belong to `WITHOUT_ENTRY`");
        } else if left == 0 {
            missing.push(id);
        }
    }
    assert!(
        missing.is_empty(),
        "{missing:?} leave no entry: write a `SecurityEvent` in the transaction of the change, or add \
         the operation with the reason to `WITHOUT_ENTRY` in tests/it/trail/entries.rs"
    );
}
