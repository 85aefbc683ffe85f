//! A verification finds each tampering of a chain and names its place. It finds no fault in an erasure.

use super::{OTHER_PHONE, PHONE, unlimited};
use domain::ids::UserId;
use serde_json::json;
use shared::audit::verify::verify;
use tests::{Service, Session};
use uuid::Uuid;

fn id(session: &Session) -> UserId {
    UserId::from_uuid(Uuid::try_parse(&session.user).unwrap())
}

/// What is wrong with the chains: whose, and what.
async fn faults(service: &Service, only: Option<UserId>) -> Vec<(UserId, String)> {
    let verified = verify(&service.state.core.store, only).await.unwrap();
    verified.faults.into_iter().map(|(user, fault)| (user, fault.to_string())).collect()
}

/// Two accounts, the first with five entries.
async fn accounts(service: &Service) -> [Session; 2] {
    let client = service.client();
    let session = client.sign_up(PHONE).await;
    for n in 0..3 {
        let _ = client.log_in(PHONE, &format!("another {n}")).await;
    }
    let caller = client.clone().bearer(&session.access);
    let _ = caller.post("/auth/v1/logout/all", json!({})).await.expect(204);
    let other = client.sign_up(OTHER_PHONE).await;
    [session, other]
}

#[tokio::test]
async fn whole_chains_hold_also_after_an_erasure() {
    let service = unlimited().await;
    let sessions = accounts(&service).await;
    let verified = verify(&service.state.core.store, None).await.unwrap();
    assert_eq!((verified.users, verified.entries, verified.faults), (2, 6, vec![]));
    let one = verify(&service.state.core.store, Some(id(&sessions[0]))).await.unwrap();
    assert_eq!((one.users, one.entries, one.faults), (1, 5, vec![]));

    service.sql("DELETE FROM auth.users_auth").await;
    let personal = "SELECT count(*) FROM auth.security_events WHERE personal IS NOT NULL";
    assert_eq!(service.count(personal).await, 0);
    let verified = verify(&service.state.core.store, None).await.unwrap();
    assert_eq!((verified.users, verified.entries, verified.faults), (2, 6, vec![]));
}

#[tokio::test]
async fn each_tampering_is_found_and_its_place_is_named() {
    let shift = "UPDATE auth.security_events SET seq = -seq WHERE user_id = '$' AND seq > 2;
                 UPDATE auth.security_events SET seq = -seq - 1 WHERE user_id = '$' AND seq < 0";
    let cases = [
        (
            "a changed entry",
            "UPDATE auth.security_events SET entry = replace(entry, 'user_logged_in', 'nothing')
              WHERE user_id = '$' AND seq = 3",
            "entry 3 is not the one that was written there",
        ),
        (
            "a changed address",
            "UPDATE auth.security_events
                SET personal = jsonb_set(personal, '{address,value}', '\"198.51.100.1\"')
              WHERE user_id = '$' AND seq = 2",
            "a personal value of entry 2 is not the one that was written",
        ),
        (
            "a removed entry",
            "DELETE FROM auth.security_events WHERE user_id = '$' AND seq = 2",
            "entry 2 is missing",
        ),
        (
            "a removed entry, and those behind it moved up",
            &format!("DELETE FROM auth.security_events WHERE user_id = '$' AND seq = 2; {shift}"),
            "entry 2 is not the one that was written there",
        ),
        (
            "two entries in each other's place",
            "UPDATE auth.security_events SET seq = -seq WHERE user_id = '$' AND seq IN (2, 3);
             UPDATE auth.security_events SET seq = 5 + seq WHERE user_id = '$' AND seq < 0",
            "entry 2 is not the one that was written there",
        ),
        (
            "the end is cut off",
            "DELETE FROM auth.security_events WHERE user_id = '$' AND seq > 3",
            "the entries from 4 on were cut off",
        ),
        (
            "all of it is cut off",
            "DELETE FROM auth.security_events WHERE user_id = '$'",
            "the entries from 1 on were cut off",
        ),
        (
            "an entry that was never written",
            "INSERT INTO auth.security_events (user_id, seq, hash, entry, created_at)
             SELECT user_id, 6, sha256(hash || int8send(6) || '{}'), '{}', created_at
               FROM auth.security_events WHERE user_id = '$' AND seq = 5",
            "the head does not know the entries from 6 on",
        ),
        (
            "another head",
            "UPDATE auth.audit_heads SET head = sha256('other') WHERE user_id = '$'",
            "the head is not that of entry 5",
        ),
        (
            "no head",
            "DELETE FROM auth.audit_heads WHERE user_id = '$'",
            "the head does not know the entries from 1 on",
        ),
        (
            "neither head nor entries",
            "DELETE FROM auth.audit_heads WHERE user_id = '$';
             DELETE FROM auth.security_events WHERE user_id = '$'",
            "the account has no chain",
        ),
    ];
    for (what, tampering, expected) in cases {
        let service = unlimited().await;
        let [session, other] = accounts(&service).await;
        service.sql(&tampering.replace('$', &session.user)).await;
        let expected = vec![(id(&session), expected.to_owned())];
        assert_eq!(faults(&service, None).await, expected, "{what}");
        assert_eq!(faults(&service, Some(id(&session))).await, expected, "{what}");
        assert_eq!(faults(&service, Some(id(&other))).await, vec![], "{what}");
    }
}

/// Its entries are read in pages; the walk goes over their borders.
#[tokio::test]
async fn a_long_chain_is_walked_to_its_end() {
    let service = unlimited().await;
    let [session, _] = accounts(&service).await;
    service
        .sql(&format!(
            "DO $$
             DECLARE h auth.audit_heads;
             BEGIN
               FOR n IN 6..2003 LOOP
                 UPDATE auth.audit_heads
                    SET seq = n, head = sha256(head || int8send(n) || convert_to('{{}}', 'UTF8'))
                  WHERE user_id = '{user}' RETURNING * INTO h;
                 INSERT INTO auth.security_events (user_id, seq, hash, entry, created_at)
                 VALUES (h.user_id, n, h.head, '{{}}', now());
               END LOOP;
             END $$",
            user = session.user
        ))
        .await;
    let verified = verify(&service.state.core.store, Some(id(&session))).await.unwrap();
    assert_eq!((verified.entries, verified.faults), (2003, vec![]));
    service.sql("DELETE FROM auth.security_events WHERE seq = 2000").await;
    assert_eq!(faults(&service, None).await, [(id(&session), "entry 2000 is missing".to_owned())]);
}
