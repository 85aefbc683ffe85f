//! Project Wycheproof's vectors for ES256 (P-256, SHA-256, r and s of 32 bytes each), run
//! through the very function that verifies tokens.

use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use tests::token::encode;
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

#[test]
fn known_attacks_on_signatures_fail() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).expect("the vectors parse");
    let (mut valid, mut refused) = (0, 0);
    for group in set.test_groups {
        // An uncompressed point: 4, x, y.
        let (x, y) = group.key.key[1..].split_at(32);
        let key = DecodingKey::from_ec_components(&encode(x), &encode(y));
        for test in group.tests {
            let verified = key.as_ref().is_ok_and(|key| {
                let signature = encode(&test.sig);
                crypto::verify(&signature, &test.msg, key, Algorithm::ES256).unwrap_or(false)
            });
            let what = format!("{}: {}, {:?}", test.tc_id, test.comment, test.flags);
            match test.result {
                TestResult::Valid => {
                    assert!(verified, "refused {what}");
                    valid += 1;
                }
                TestResult::Invalid => {
                    assert!(!verified, "accepted {what}");
                    refused += 1;
                }
                TestResult::Acceptable => panic!("undecided {what}"),
            }
        }
    }
    assert!(valid > 150 && refused > 80, "{valid} valid, {refused} refused");
}
