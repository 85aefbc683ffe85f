//! The key directory.

use serde_json::{Value, json};
use tests::{Keys, Service};

const ALICE: &str = "+33612345678";
const BOB: &str = "+33698765432";

#[tokio::test]
async fn keys_that_came_with_the_registration_are_handed_out() {
    let service = Service::start().await;
    let client = service.client();
    let keys = Keys::new();
    let bob = client.sign_up_with(BOB, keys.bundle(1..4, 1..3)).await;
    let alice = client.sign_up(ALICE).await;
    let alice = client.bearer(&alice.access);
    let path = format!("/auth/v1/signal/keys/{}/devices/{}", bob.user, bob.device);
    let bundle = alice.get(&path).await.expect(200).json();
    assert_eq!(
        bundle,
        json!({
            "userId": bob.user, "deviceId": bob.device, "version": 1, "signalDeviceId": 1,
            "registrationId": keys.registration, "identityKey": keys.identity(),
            "signedPreKey": keys.signed_prekey(1), "preKey": keys.prekey(1),
            "kyberPreKey": keys.kyber_prekey(1),
            "identity_key": keys.identity(),
            "signed_prekey": {
                "key_id": 1,
                "public_key": keys.signed_prekey(1)["publicKey"],
                "signature": keys.signed_prekey(1)["signature"],
            },
            "one_time_prekeys": [{ "key_id": 1, "public_key": keys.prekey(1)["publicKey"] }],
        })
    );
    let _: Value = bundle;
}
