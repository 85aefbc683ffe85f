//! Who publishes an identity key shows that it has the private half: nobody claims a key that they
//! only saw.

use super::{ALICE, BOB, CAROL, Person, security_events, unlimited};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tests::proof::{ISSUER, message, prove};
use tests::race::{counts, tally, together};
use tests::{Keys, Reply, Service};
use uuid::Uuid;

const LEGACY: [(&str, &str); 2] = [("LEGACY_CLIENTS", "true"), ("RATE_LIMITS", "off")];
const PROOF: &str = "signalKeyBundle.identityProof";

async fn register(service: &Service, phone: &str, bundle: &Value) -> Reply {
    let id = service.client().verified("register", phone).await;
    let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
    service.client().post("/auth/v1/register", body).await
}

/// The bundle as a client without proofs sends it.
fn unproven(mut bundle: Value) -> Value {
    bundle["identityProof"] = Value::Null;
    bundle
}

fn errors(reply: Reply, code: &str) -> Value {
    let errors = reply.json()["errors"].clone();
    reply.refused(422, code);
    errors
}

#[tokio::test]
async fn a_bundle_without_a_proof_is_refused_and_changes_nothing() {
    let service = unlimited().await;
    let client = service.client();
    let keys = Keys::new();
    let bundle = keys.bundle(1..3, 1..3);
    let id = client.verified("register", BOB).await;
    let body = json!({ "verificationId": id, "signalKeyBundle": unproven(bundle.clone()) });
    let reply = client.post("/auth/v1/register", body).await;
    let errors = errors(reply, "identity_proof_required");
    assert_eq!((&errors[0]["field"], &errors[0]["code"]), (&json!(PROOF), &json!("required")));
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);
    // The verification can still be used.
    let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
    let _ = client.post("/auth/v1/register", body).await.expect(201);
    let proven = "SELECT count(*) FROM auth.identity_keys WHERE proven";
    assert_eq!(service.count(proven).await, 1);
}

/// What a stranger can fetch of a user is no bundle of theirs.
#[tokio::test]
async fn a_public_bundle_replayed_under_another_account_is_refused() {
    let service = unlimited().await;
    let bob = Person::new(&service, BOB, 3, 3).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let fetched = alice.fetch(&bob).await.expect(200).json();
    let mut replayed = json!({ "preKeys": [fetched["preKey"]], "kyberPreKeys": [] });
    for name in ["identityKey", "registrationId", "signedPreKey"] {
        replayed[name] = fetched[name].clone();
    }
    replayed["kyberLastResortPreKey"] = fetched["kyberPreKey"].clone();
    let reply = register(&service, CAROL, &unproven(replayed.clone())).await;
    let _ = errors(reply, "identity_proof_required");
    // With a proof that Bob made, for another verification.
    let mut body = json!({ "verificationId": Uuid::nil(), "signalKeyBundle": replayed });
    prove(ISSUER, &mut body);
    let reply = register(&service, CAROL, &body["signalKeyBundle"]).await;
    assert_eq!(errors(reply, "key_invalid")[0]["field"], PROOF);
    // Also after Bob has taken his keys away, when nobody has the identity key.
    let path = format!("{}/device/{}", super::KEYS, bob.session.device);
    let _ = bob.client.send(http::Method::DELETE, &path, &json!({})).await.expect(204);
    let reply = register(&service, CAROL, &unproven(replayed)).await;
    let _ = errors(reply, "identity_proof_required");
    assert_eq!(service.count("SELECT count(*) FROM auth.identity_keys").await, 1);
}

#[tokio::test]
async fn a_proof_is_of_this_service_this_verification_and_these_keys() {
    let service = unlimited().await;
    let client = service.client();
    let keys = Keys::new();
    let bundle = keys.bundle(1..3, 1..3);
    let id = client.verified("register", BOB).await;
    let uuid = Uuid::try_parse(&id).unwrap();
    let other = Uuid::try_parse(&client.verified("register", ALICE).await).unwrap();
    let good = message(ISSUER, &uuid, &bundle).unwrap();
    assert_eq!(good.len(), 100);
    let mut rotated = bundle.clone();
    rotated["signedPreKey"] = keys.signed_prekey(2);
    let mut other_last_resort = bundle.clone();
    other_last_resort["kyberLastResortPreKey"] = keys.kyber_prekey(7);
    let mut without_last_resort = bundle.clone();
    without_last_resort["kyberLastResortPreKey"] = Value::Null;
    let mut purpose = good.clone();
    purpose[51] = 2;
    let mut wrong: Vec<String> = [
        message("another", &uuid, &bundle).unwrap(),
        message(ISSUER, &other, &bundle).unwrap(),
        message(ISSUER, &uuid, &rotated).unwrap(),
        message(ISSUER, &uuid, &other_last_resort).unwrap(),
        message(ISSUER, &uuid, &without_last_resort).unwrap(),
        purpose,
        good[1..].to_vec(),
        good[..99].to_vec(),
        Vec::new(),
    ]
    .iter()
    .map(|message| keys.sign(message))
    .collect();
    wrong.push(Keys::new().sign(&good));
    // Signatures by the key that everybody knows.
    for name in ["signedPreKey", "kyberLastResortPreKey"] {
        wrong.push(bundle[name]["signature"].as_str().unwrap().to_owned());
    }
    wrong.push(STANDARD.encode([0; 64]));
    let send = async |proof: Value| {
        let mut bundle = bundle.clone();
        bundle["identityProof"] = proof;
        let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
        client.post("/auth/v1/register", body).await
    };
    for (n, proof) in wrong.into_iter().enumerate() {
        let errors = errors(send(json!(proof)).await, "key_invalid");
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{n}");
        assert_eq!(errors[0]["field"], PROOF, "{n}");
    }
    for malformed in ["", "x", &STANDARD.encode([0; 63]), &STANDARD.encode([0; 65])] {
        let errors = errors(send(json!(malformed)).await, "key_invalid");
        assert_eq!(errors[0]["field"], PROOF, "{malformed}");
    }
    assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 0);
    let _ = send(json!(keys.sign(&good))).await.expect(201);
}

#[tokio::test]
async fn a_log_in_proves_its_keys_too_and_another_issuer_has_proofs_of_its_own() {
    let service =
        Service::with(&[("RATE_LIMITS", "off"), ("JWT_ISSUER", "https://auth.example.com")]).await;
    let client = service.client();
    let _ = client.sign_up(BOB).await;
    let keys = Keys::new();
    let id = client.verified("login", BOB).await;
    let mut body = json!({ "verificationId": id, "deviceId": "phone",
                           "signalKeyBundle": keys.bundle(1..3, 1..3) });
    let mut of_another = body.clone();
    prove(ISSUER, &mut of_another);
    client.post("/auth/v1/login", of_another).await.refused(422, "key_invalid");
    prove("https://auth.example.com", &mut body);
    let _ = client.post("/auth/v1/login", body).await.expect(200);
}

/// With `LEGACY_CLIENTS`, a client without proofs is admitted, and somebody else may have been
/// before the owner of a key.
#[tokio::test]
async fn a_proven_claim_ends_an_unproven_one() {
    let service = Service::with(&LEGACY).await;
    let keys = Keys::new();
    let bundle = keys.bundle(1..6, 1..6);
    let squatter = service.client().sign_up_with(ALICE, unproven(bundle.clone())).await;
    let squatter = Person::of(&service, squatter, keys.clone());
    let carol = Person::new(&service, CAROL, 0, 0).await;
    let _ = carol.fetch(&squatter).await.expect(200);
    let version = squatter.version().await;

    // An unproven claim ends nothing.
    let reply = register(&service, BOB, &unproven(bundle.clone())).await;
    reply.refused(409, "identity_key_in_use");
    let session = service.client().sign_up_with(BOB, bundle.clone()).await;
    let bob = Person::of(&service, session, keys.clone());
    assert_eq!(carol.fetch(&bob).await.expect(200).json()["identityKey"], keys.identity());
    carol.fetch(&squatter).await.refused(404, "keys_not_found");
    let list = carol.list(&squatter.session.user).await;
    assert_eq!((&list["deviceIds"], list["version"].as_i64()), (&json!([]), Some(version + 1)));
    assert_eq!(security_events(&service, "identity_key_lost").await, 1);
    // The session of the other goes on, and what was handed out in its name stays remembered.
    let _ = service.client().ws_token(&squatter.session.access).await.expect(200);
    let used = format!(
        "SELECT count(*) FROM auth.used_prekeys WHERE user_id = '{}' AND kind IN (1, 2)",
        squatter.session.user
    );
    assert_eq!(service.count(&used).await, 2);

    // A proven claim stays, whoever proves the same.
    let reply = register(&service, "+33622222222", &bundle).await;
    reply.refused(409, "identity_key_in_use");
    // And stays proven when the same device comes back without a proof.
    let fingerprint = service
        .rows(&format!(
            "SELECT device_fingerprint FROM auth.devices WHERE id = '{}'",
            bob.session.device
        ))
        .await;
    let fingerprint = fingerprint[0]["device_fingerprint"].as_str().unwrap();
    let _ = service.client().log_in_with(BOB, fingerprint, unproven(bundle.clone())).await;
    let reply = register(&service, "+33622222222", &bundle).await;
    reply.refused(409, "identity_key_in_use");
    assert_eq!(service.count("SELECT count(*) FROM auth.identity_keys WHERE proven").await, 2);
}

/// What a device showed of one key says nothing of its next.
#[tokio::test]
async fn the_next_identity_key_of_a_device_is_not_proven_by_the_last_one() {
    let service = Service::with(&LEGACY).await;
    let _ = service.client().sign_up(BOB).await;
    let _ = service.client().log_in_with(BOB, "phone-2", Keys::new().bundle(1..3, 1..3)).await;
    let next = Keys::new().bundle(1..3, 1..3);
    let _ = service.client().log_in_with(BOB, "phone-2", unproven(next.clone())).await;
    let proven = "SELECT count(*) FROM auth.identity_keys WHERE proven";
    assert_eq!(service.count(proven).await, 0);
    // So whoever shows it has it.
    let _ = register(&service, ALICE, &next).await.expect(201);
    assert_eq!(service.count(proven).await, 1);
}

#[tokio::test]
async fn with_legacy_clients_a_proof_that_is_sent_is_checked() {
    let service = Service::with(&LEGACY).await;
    let mut bundle = Keys::new().bundle(1..3, 1..3);
    bundle["identityProof"] = json!(Keys::new().sign(b"something else"));
    let reply = register(&service, BOB, &bundle).await;
    assert_eq!(errors(reply, "key_invalid")[0]["field"], PROOF);
}

/// Owners with proofs, squatters without, uploads of the squatter and fetches, all at once: one
/// owner has the key in the end.
#[tokio::test(flavor = "multi_thread")]
async fn of_claims_at_once_a_proven_one_has_the_key() {
    let service = Service::with(&LEGACY).await;
    let sandbox = service.sandbox().await;
    let carol = Person::new(&service, CAROL, 0, 0).await;
    for round in 0..8 {
        let keys = Keys::new();
        let bundle = keys.bundle(1..6, 1..6);
        let phone = |n: usize| format!("+3364000{round}{n}00");
        let squatter = service.client().sign_up_with(&phone(9), unproven(bundle.clone())).await;
        let squatter = Person::of(&service, squatter, keys.clone());
        let mut requests = Vec::new();
        for n in 0..6 {
            let id = service.client().verified("register", &phone(n)).await;
            let (claim, bundle) = if n < 3 {
                ("proven", bundle.clone())
            } else {
                ("unproven", unproven(bundle.clone()))
            };
            let body = json!({ "verificationId": id, "signalKeyBundle": bundle });
            requests.push((claim, None, "/auth/v1/register".to_owned(), body));
        }
        for n in 0..2 {
            let body = json!({ "preKeys": keys.prekeys(10 + n..15 + n) });
            let access = Some(squatter.session.access.clone());
            requests.push(("upload", access, format!("{}/prekeys", super::KEYS), body));
            let body = json!({ "userIds": [squatter.session.user] });
            let access = Some(carol.session.access.clone());
            requests.push(("take", access, format!("{}/bundles", super::KEYS), body));
        }
        let half = requests.len() / 2;
        requests.rotate_left(round % half);
        let racing = requests.into_iter().enumerate().map(|(n, (name, access, path, body))| {
            let mut client = if n % 2 == 0 { service.client() } else { sandbox.client() };
            if let Some(access) = access {
                client = client.bearer(&access);
            }
            async move { (name, client.post(&path, body).await) }
        });
        let mut proven = Vec::new();
        for (name, reply) in together(racing).await {
            assert!(!reply.status.is_server_error(), "{name}: {}", reply.json());
            if name == "proven" {
                proven.push(reply);
            }
        }
        // An unproven claim may have its moment in between.
        assert_eq!(tally(&proven), counts([("201", 1), ("409 identity_key_in_use", 2)]));
        let owner = format!(
            "SELECT count(*) FROM auth.identity_keys WHERE proven AND public_key = '{}'",
            keys.identity()
        );
        assert_eq!(service.count(&owner).await, 1, "round {round}");
        carol.fetch(&squatter).await.refused(404, "keys_not_found");
    }
}
