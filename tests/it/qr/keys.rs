//! The keys of a new device: its own, and proven for this log-in.

use super::{
    KINDS, Kind, LINK, OTHER_PHONE, PHONE, SCAN, Waiting, challenge, id_of, of, scan, unlimited,
};
use serde_json::{Value, json};
use tests::proof::{ISSUER, Purpose, sign};
use tests::{Keys, Service, Session};
use uuid::Uuid;

const KEYS: &str = "/auth/v1/signal/keys";

/// The proof of a link.
fn link_proof(link: &Waiting, bundle: &Value) -> Value {
    json!(sign(ISSUER, &Purpose::Link(Uuid::try_parse(&link.id).unwrap()), bundle).unwrap())
}

/// A device with these keys that waits, and has proven them.
async fn waiting_with(
    kind: Kind,
    service: &Service,
    approver: &Session,
    bundle: &Value,
) -> Waiting {
    let body = json!({ "signalKeyBundle": bundle });
    let waiting = Waiting::new(kind, service, approver, body).await;
    if kind == Kind::Link {
        let proof = json!({ "identityProof": link_proof(&waiting, bundle) });
        let _ = waiting.poll_with(&service.client(), proof).await.expect(202);
    }
    waiting
}

#[tokio::test]
async fn the_keys_of_a_device_are_published_with_its_session() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up_with(PHONE, Keys::new().bundle(1..4, 1..4)).await;
        let keys = Keys::new();
        let bundle = keys.bundle(1..61, 1..41);
        let waiting = waiting_with(kind, &service, &phone, &bundle).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let listed = of(&service, &phone).get(&format!("{KEYS}/{}/devices", phone.user)).await;
        let listed = listed.expect(200).json();
        assert_eq!(listed["devices"].as_array().unwrap().len(), 1, "not before the delivery");
        let reply = waiting.poll(&service.client()).await.expect(200);
        assert_eq!(reply.json()["signalDeviceId"], 2);
        let browser = Session::from_reply(&reply);
        let path = format!("{KEYS}/{}/devices/{}/status", browser.user, browser.device);
        let status = of(&service, &browser).get(&path).await.expect(200).json();
        // Anybody may make a link: few of its keys are kept meanwhile.
        let expected = if kind == Kind::Link { (20, 20) } else { (60, 40) };
        let found = (&status["availablePreKeys"], &status["availableKyberPreKeys"]);
        assert_eq!(found, (&json!(expected.0), &json!(expected.1)), "{kind:?}");
        let path = format!("{KEYS}/{}/devices/{}", browser.user, browser.device);
        let given = of(&service, &phone).get(&path).await.expect(200).json();
        assert_eq!(given["identityKey"], keys.identity());
        assert_eq!(given["preKey"], keys.prekey(1), "the oldest first");
        let proven = "SELECT count(*) FROM auth.identity_keys WHERE proven";
        assert_eq!(service.count(proven).await, 2);
        // The same tokens again say the same of the keys.
        let again = waiting.poll(&service.client()).await.expect(200).json();
        assert_eq!(again["signalDeviceId"], 2);
    }
}

#[tokio::test]
async fn a_scan_proves_its_keys_for_this_challenge_alone() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let (keys, client) = (Keys::new(), service.client());
    let bundle = keys.bundle(1..4, 1..4);
    let shown = challenge(&service, &phone).await;
    let other = challenge(&service, &phone).await;
    let id = Uuid::try_parse(&id_of(&shown)).unwrap();
    let with = |proof: Value| {
        let mut bundle = bundle.clone();
        bundle["identityProof"] = proof;
        json!({ "signalKeyBundle": bundle })
    };
    let reply = scan(&client, &shown, with(Value::Null)).await;
    reply.refused(422, "identity_proof_required");
    let mut stolen = bundle.clone();
    stolen["signedPreKey"] = keys.signed_prekey(7);
    for (purpose, of_keys) in [
        (Purpose::Scan(other.clone()), &bundle),
        (Purpose::Link(id), &bundle),
        (Purpose::Verification(id), &bundle),
        (Purpose::Scan(shown.clone()), &stolen),
    ] {
        let proof = sign(ISSUER, &purpose, of_keys).unwrap();
        let reply = scan(&client, &shown, with(json!(proof))).await;
        reply.refused(422, "key_invalid");
    }
    let elsewhere = sign("another-issuer", &Purpose::Scan(shown.clone()), &bundle).unwrap();
    scan(&client, &shown, with(json!(elsewhere))).await.refused(422, "key_invalid");
    // A refusal takes no challenge.
    let right = sign(ISSUER, &Purpose::Scan(shown.clone()), &bundle).unwrap();
    let _ = scan(&client, &shown, with(json!(right))).await.expect(202);
    let body = json!({ "challenge": other, "authenticatedDeviceId": phone.device,
        "signalKeyBundle": { "identityKey": "x" } });
    client.post(SCAN, body).await.refused(400, "validation_failed");
}

#[tokio::test]
async fn the_approval_of_a_link_waits_for_the_proof() {
    let service = unlimited().await;
    let phone = service.client().sign_up(PHONE).await;
    let (client, approver) = (service.client(), of(&service, &phone));
    let bundle = Keys::new().bundle(1..4, 1..4);
    let body = json!({ "signalKeyBundle": bundle });
    let reply = client.post(LINK, body.clone()).await.expect(201).json();
    let link = Waiting::read(Kind::Link, &reply);
    let qr = reply["qr"].as_str().unwrap();
    let (_, digest) = qr.split_once("&key=").unwrap();
    let identity = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA256,
        &Keys::made(&base64_of(&bundle["identityKey"])).unwrap().identity_bytes(),
    );
    assert_eq!(digest, domain::hex::hex(identity.as_ref()));
    assert!(!qr.contains(&link.secret) && !qr.contains(&link.code));

    link.poll(&client).await.refused(422, "identity_proof_required");
    link.approve(&approver).await.refused(409, "qr_not_ready");
    assert_eq!(link.show(&approver).await.expect(200).json()["status"], "waiting");
    // Not even a wrong code is a guess before.
    let wrong = json!({ "confirmCode": link.wrong_code() });
    link.approve_with(&approver, wrong).await.refused(409, "qr_not_ready");
    let other = Waiting::new(Kind::Link, &service, &phone, body).await;
    let id = Uuid::try_parse(&link.id).unwrap();
    let of_other = Keys::new().bundle(1..4, 1..4);
    let verification = sign(ISSUER, &Purpose::Verification(id), &bundle).unwrap();
    for proof in [link_proof(&other, &bundle), link_proof(&link, &of_other), json!(verification)] {
        let body = json!({ "identityProof": proof });
        link.poll_with(&client, body).await.refused(422, "key_invalid");
    }
    for proof in ["", "x", "AAAA"] {
        let body = json!({ "identityProof": proof });
        link.poll_with(&client, body).await.refused(422, "key_invalid");
    }
    link.approve(&approver).await.refused(409, "qr_not_ready");
    let body = json!({ "identityProof": link_proof(&link, &bundle) });
    let _ = link.poll_with(&client, body.clone()).await.expect(202);
    let _ = link.poll(&client).await.expect(202);
    let _ = link.approve(&approver).await.expect(204);
    let _ = link.poll_with(&client, body).await.expect(200);
}

fn base64_of(text: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn nobody_takes_the_keys_of_another() {
    for kind in KINDS {
        let service = unlimited().await;
        let owned = Keys::new();
        let other = service.client().sign_up_with(OTHER_PHONE, owned.bundle(1..4, 1..4)).await;
        let phone = service.client().sign_up(PHONE).await;
        let bundle = owned.bundle(1..4, 1..4);
        // Whoever has the private key may show it, but a proven claim stays.
        let waiting = waiting_with(kind, &service, &phone, &bundle).await;
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        waiting.poll(&service.client()).await.refused(409, "identity_key_in_use");
        let path = format!("{KEYS}/{}/devices/{}", other.user, other.device);
        let _ = of(&service, &phone).get(&path).await.expect(200);
        // An unproven claim ends.
        service.sql("UPDATE auth.identity_keys SET proven = false").await;
        let _ = waiting.poll(&service.client()).await.expect(200);
        of(&service, &phone).get(&path).await.refused(404, "keys_not_found");
    }
}

/// Shipped clients know no proof.
#[tokio::test]
async fn with_legacy_clients_no_proof_is_needed_and_a_wrong_one_is_refused() {
    let service = Service::with(&[("RATE_LIMITS", "off"), ("LEGACY_CLIENTS", "true")]).await;
    let phone = service.client().sign_up(PHONE).await;
    for kind in KINDS {
        let mut bundle = Keys::new().bundle(1..4, 1..4);
        bundle["identityProof"] = Value::Null;
        let body = json!({ "signalKeyBundle": bundle });
        let waiting = Waiting::new(kind, &service, &phone, body).await;
        if kind == Kind::Link {
            let wrong =
                json!({ "identityProof": link_proof(&waiting, &Keys::new().bundle(1..2, 1..2)) });
            waiting.poll_with(&service.client(), wrong).await.refused(422, "key_invalid");
        }
        let _ = waiting.poll(&service.client()).await.expect(202);
        let _ = waiting.approve(&of(&service, &phone)).await.expect(204);
        let _ = waiting.poll(&service.client()).await.expect(200);
    }
    let proven = "SELECT count(*) FROM auth.identity_keys WHERE proven";
    assert_eq!(service.count(proven).await, 0);
}
