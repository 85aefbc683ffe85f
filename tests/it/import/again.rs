//! A second run, after accounts changed in the first service: one that nobody used here is then as it is
//! there. One that was used here stays as it is, and is named.

use local::import::plan::LeftOut;
use local::import::source::Source;
use local::import::{Imported, import_all};
use serde_json::{Value, json};
use tests::stores::connect;
use tests::{Authenticator, Keys, Service};

use super::{CODE, Old, SECRET, bcrypt_of, id, old_database, population, run};

const OTHER_SECRET: &str = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU";
const USED: &str = "changed in the first service after it was imported, and was used here: look at \
                    its number and second factor";
const NUMBER_TAKEN: &str = "changed in the first service after it was imported, and another account \
                            here has its new number: import once more, or look at both";
const STAYS: &str = "it is here already, and stays as it is: look at it";
/// What hangs on an account, without its backup codes.
const ROWS: [&str; 6] =
    ["devices", "identity_keys", "signed_prekeys", "prekey_pages", "used_prekeys", "login_history"];

/// A service that has taken over these accounts, and the database that they came from.
async fn imported(old: &Old) -> (Service, String) {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("LEGACY_CLIENTS", "true")]).await;
    let from = old_database().await;
    change(&from, &old.0.concat()).await;
    let _ = run(&service, &from).await;
    (service, from)
}

async fn change(from: &str, sql: &str) {
    connect(from).await.batch_execute(sql).await.expect("a change");
}

fn update(n: u32, change: &str) -> String {
    format!("UPDATE auth.users_auth SET {change} WHERE id = '{}';", id(n))
}

fn enabled(secret: &str) -> String {
    format!("two_factor_enabled = true, two_factor_secret = '{secret}'")
}

async fn fingerprint(service: &Service, tables: &[&str]) -> Vec<Value> {
    let rows = |table: &&str| format!("SELECT r::text AS line FROM auth.{table} r");
    let rows = tables.iter().map(rows).collect::<Vec<_>>().join(" UNION ALL ");
    let query =
        format!("SELECT md5(string_agg(a.line, '' ORDER BY a.line)) AS sum FROM ({rows}) a");
    service.rows(&query).await
}

/// All that an import writes, and that it must not touch where it replaces nothing.
async fn everything(service: &Service) -> Vec<Value> {
    let others =
        ["users_auth", "backup_codes", "sessions", "audit_heads", "security_events", "outbox"];
    fingerprint(service, &[&ROWS[..], &others].concat()).await
}

/// Number and second factor of every account, ordered by number.
async fn accounts(service: &Service) -> Vec<(String, bool)> {
    let query = "SELECT phone_number, two_factor_enabled FROM auth.users_auth ORDER BY 1";
    let account = |row: &Value| {
        let phone = row["phone_number"].as_str().expect("a number").to_owned();
        (phone, row["two_factor_enabled"] == true)
    };
    service.rows(query).await.iter().map(account).collect()
}

fn counts(imported: &Imported) -> (u64, u64, u64) {
    (imported.accounts, imported.replaced, imported.known)
}

/// The accounts that are named for this reason.
fn named(imported: &Imported, reason: &str) -> Vec<String> {
    let is_named = |left: &&LeftOut| left.table == "users_auth" && left.why == reason;
    imported.left_out.iter().filter(is_named).map(|left| left.id.clone()).collect()
}

/// An account with one unused one-time key.
fn with_key(old: &mut Old, n: u32, phone: &str, keys: &Keys) {
    old.user(n, phone, None);
    old.device(n * 10, n, "tablet", "2025-03-02T10:00:00");
    old.identity(n * 10 + 1, n, n * 10, &keys.identity(), "2025-03-02T10:00:00");
    let signed = keys.signed_prekey(7);
    old.row(
        "signed_prekeys",
        &json!({ "id": id(n * 10 + 2), "user_id": id(n), "device_id": id(n * 10), "key_id": 7,
            "public_key": signed["publicKey"], "signature": signed["signature"],
            "created_at": "2025-03-01T10:00:00", "expires_at": "2999-03-08T10:00:00" }),
    );
    old.prekey(n * 10 + 3, n, n * 10, &keys.prekey(3), false);
}

#[tokio::test]
async fn an_account_that_nobody_used_here_is_then_as_in_the_first_service() {
    let mut old = population(&Keys::new());
    old.user(7, "+33655555555", None);
    old.user(8, "+33666666666", Some(SECRET));
    old.user(9, "+33677777777", Some(SECRET));
    old.user(10, "+33688888888", Some(SECRET));
    old.row(
        "backup_codes",
        &json!({ "id": id(43), "user_id": id(10), "code_hash": bcrypt_of("DDDD-4444"),
            "used": false, "created_at": "2025-03-01T10:00:00" }),
    );
    let (service, from) = imported(&old).await;
    let before = fingerprint(&service, &ROWS).await;
    let changes = [
        update(1, "phone_number = '+33644444444'"),
        update(7, &enabled(OTHER_SECRET)),
        update(8, &enabled(OTHER_SECRET)),
        update(9, "two_factor_enabled = false, two_factor_secret = NULL"),
        format!("UPDATE auth.backup_codes SET used = true WHERE id = '{}';", id(43)),
    ];
    change(&from, &changes.concat()).await;

    // The number that Alice gave up is that of the one who was left out before.
    let again = run(&service, &from).await;
    assert_eq!(counts(&again), (1, 5, 2));
    for reason in [USED, NUMBER_TAKEN, STAYS] {
        assert!(named(&again, reason).is_empty(), "{reason}");
    }
    let expected = [
        ("+33611111111", true),
        ("+33612345678", false),
        ("+33622222222", false),
        ("+33644444444", true),
        ("+33655555555", true),
        ("+33666666666", true),
        ("+33677777777", false),
        ("+33688888888", true),
    ];
    assert_eq!(accounts(&service).await, expected.map(|(phone, on)| (phone.to_owned(), on)));
    assert_eq!(fingerprint(&service, &ROWS).await, before, "what hangs on the accounts");
    let codes = |n| format!("SELECT count(*) FROM auth.backup_codes WHERE user_id = '{}'", id(n));
    assert_eq!(service.count(&codes(1)).await, 2);
    assert_eq!(service.count(&codes(10)).await, 0);
    let verified = shared::audit::verify::verify(&service.state.core.store, None).await.unwrap();
    assert!(verified.faults.is_empty(), "{:?}", verified.faults);

    let third = run(&service, &from).await;
    assert_eq!(counts(&third), (0, 0, 8));

    let (client, app) = (service.client(), Authenticator::from_base32(OTHER_SECRET));
    for phone in ["+33655555555", "+33666666666"] {
        let id = client.verified("login", phone).await;
        let mut login = json!({ "verificationId": id, "deviceId": "phone" });
        client.post("/auth/v1/login", login.clone()).await.refused(403, "two_factor_required");
        login["twoFactorToken"] = json!(app.at(service.now()));
        let _ = client.post("/auth/v1/login", login).await.expect(200);
    }
}

#[tokio::test]
async fn an_account_that_was_used_here_stays_as_it_is_and_is_named() {
    let mut old = population(&Keys::new());
    with_key(&mut old, 7, "+33655555555", &Keys::new());
    let (service, from) = imported(&old).await;
    let client = service.client();
    // Alice logs in here. A one-time key of the other is handed out here.
    let verification = client.verified("login", "+33612345678").await;
    let login =
        json!({ "verificationId": verification, "deviceId": "phone", "twoFactorToken": CODE });
    let _ = client.post("/auth/v1/login", login).await.expect(200);
    let caller = client.sign_up("+33633333333").await;
    let path = format!("/auth/v1/signal/keys/{}/bundles", id(7));
    let bundles = service.client().bearer(&caller.access).get(&path).await.expect(200).json();
    assert_eq!(bundles["devices"][0]["preKey"]["keyId"], 3, "{bundles}");

    let off = "two_factor_enabled = false, two_factor_secret = NULL";
    let changes = [
        update(1, &format!("phone_number = '+33644444444', {off}")),
        update(6, &enabled("not base 32!")),
        update(7, &enabled(OTHER_SECRET)),
    ];
    change(&from, &changes.concat()).await;
    let before = everything(&service).await;
    let again = run(&service, &from).await;
    assert_eq!(counts(&again), (0, 0, 4));
    assert_eq!(named(&again, USED), [id(1).to_string(), id(7).to_string()]);
    assert_eq!(named(&again, STAYS), [id(6).to_string()]);
    assert_eq!(everything(&service).await, before);
}

/// What waits for nothing but its COMMIT while the import looks at the account counts as use.
#[tokio::test]
async fn an_account_that_is_used_at_this_moment_is_not_replaced() {
    let handed_out = "UPDATE auth.prekey_pages SET next = 1".to_owned();
    let logged_in = format!(
        "SELECT FROM auth.users_auth WHERE id = '{0}' FOR NO KEY UPDATE;
         INSERT INTO auth.security_events (user_id, seq, hash, entry, created_at)
         SELECT user_id, 2, hash, '{{\"event\":\"user_logged_in\"}}', created_at
           FROM auth.security_events WHERE user_id = '{0}'",
        id(7)
    );
    for used in [handed_out, logged_in] {
        let mut old = Old(Vec::new());
        with_key(&mut old, 7, "+33655555555", &Keys::new());
        let (service, from) = imported(&old).await;
        change(&from, &update(7, "phone_number = '+33644444444'")).await;
        let user = service.hold(&used).await;
        let use_it = async {
            service.until_waiting(1).await;
            user.batch_execute("COMMIT").await.expect("a commit");
        };
        let (again, ()) = tokio::join!(run(&service, &from), use_it);
        assert_eq!(counts(&again), (0, 0, 1), "{used}");
        assert_eq!(named(&again, USED), [id(7).to_string()], "{used}");
        assert_eq!(accounts(&service).await, [("+33655555555".to_owned(), false)], "{used}");
    }
}

#[tokio::test]
async fn a_new_number_that_another_account_still_has_here_waits_for_the_next_run() {
    let mut old = Old(Vec::new());
    with_key(&mut old, 1, "+33611111111", &Keys::new());
    old.user(2, "+33622222222", None);
    let (service, from) = imported(&old).await;
    let changes =
        [update(2, "phone_number = '+33644444444'"), update(1, "phone_number = '+33622222222'")];
    change(&from, &changes.concat()).await;
    let before = fingerprint(&service, &ROWS).await;

    let again = run(&service, &from).await;
    assert_eq!(counts(&again), (0, 1, 1));
    assert_eq!(named(&again, NUMBER_TAKEN), [id(1).to_string()]);
    let phones = |first: &str| [(first.to_owned(), false), ("+33644444444".to_owned(), false)];
    assert_eq!(accounts(&service).await, phones("+33611111111"));
    assert_eq!(fingerprint(&service, &ROWS).await, before, "nothing of it was deleted");

    let third = run(&service, &from).await;
    assert_eq!(counts(&third), (0, 1, 1));
    assert!(third.left_out.is_empty(), "{:?}", third.left_out);
    assert_eq!(accounts(&service).await, phones("+33622222222"));
}

/// Whoever forgets to set `DATA_KEYS` runs it with the keys of the instance on this machine.
#[tokio::test]
async fn other_data_keys_end_the_second_run_before_it_replaces_a_second_factor() {
    let mut old = Old(Vec::new());
    old.user(1, "+33612345678", Some(SECRET));
    let (service, from) = imported(&old).await;
    change(&from, &update(1, &enabled(OTHER_SECRET))).await;
    let before = everything(&service).await;
    let source = Source::connect(&from, "auth", None).await.expect("a source");
    let other = Service::start().await;
    let other = &other.state.two_factor.second_factor.data_keys;
    let core = &service.state.core;
    let refused = import_all(&source, &core.store, other, &core.clock).await;
    assert!(matches!(refused, Err(local::Error::DataKeys(_))), "{refused:?}");
    assert_eq!(everything(&service).await, before);
}
