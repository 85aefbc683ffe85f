//! The trail outlived the database: what it tells is done again, and its chains go on.

use super::{
    ALICE, BOB, Backup, HOUR, chains_hold, export, exported, of, refreshed, security_events,
    unlimited, user,
};
use http::Method;
use local::Error;
use local::restore::restore_in;
use serde_json::json;
use shared::clock::date_time;
use shared::restore::trail::{Loss, Trail, TrailError};
use std::fs;
use std::time::Duration;
use tests::{Authenticator, Keys, Service, Session};

#[tokio::test]
async fn ends_removals_and_deletions_since_the_backup_hold() {
    let service = unlimited().await;
    let client = service.client();
    let kept = client.sign_up(ALICE).await;
    // Who is older than whom must not hang on a millisecond.
    let join = async |name| {
        service.advance(Duration::from_secs(1));
        client.log_in(ALICE, name).await
    };
    let [out, remote, removed] = [join("a").await, join("b").await, join("c").await];
    let bob = client.sign_up_with(BOB, Keys::new().bundle(1..3, 1..3)).await;
    let all = client.sign_up("+33611111111").await;
    service.advance(Duration::from_secs(1));
    let also = client.log_in("+33611111111", "another").await;
    let backup = Backup::of(&service).await;
    service.advance(HOUR);

    let fresh = async |session: &Session| of(&service, &refreshed(&service, session).await);
    let _ = fresh(&out).await.post("/auth/v1/logout", json!({})).await.expect(204);
    let body = json!({ "deviceId": remote.device });
    let _ = fresh(&kept).await.post("/auth/v1/logout", body).await.expect(204);
    let path = format!("/auth/v1/device/{}", removed.device);
    let _ = fresh(&kept).await.send(Method::DELETE, &path, &json!({})).await.expect(204);
    let proof = client.verified("login", BOB).await;
    let body = json!({ "proofVerificationId": proof });
    let _ = fresh(&bob).await.send(Method::DELETE, "/auth/v1/account", &body).await.expect(204);
    let _ = fresh(&all).await.post("/auth/v1/logout/all", json!({})).await.expect(204);
    let trail = export(&service).await;

    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, Some(&trail)).await;
    let replayed = &ran.replayed;
    assert_eq!((replayed.deleted_accounts, replayed.removed_devices), (1, 1));
    assert!(replayed.faults.is_empty() && replayed.losses.is_empty(), "{replayed:?}");
    let client = restored.client();
    for ended in [&out, &remote, &removed, &bob, &all, &also] {
        client.refresh(&ended.refresh).await.refused(401, "session_ended");
        let _ = client.ws_token(&ended.access).await.expect(401);
    }
    let count = "SELECT count(*) FROM auth.users_auth";
    assert_eq!(restored.count(count).await, 2);
    assert_eq!(restored.count("SELECT count(*) FROM auth.retired_identities").await, 1);
    assert_eq!(security_events(&restored, "refresh_token_reused").await, 0);
    assert!(chains_hold(&restored).await);

    let again = backup.run(&restored, Some(&trail)).await;
    assert_eq!((again.replayed.entries, again.replayed.ended_sessions), (0, 0));
    assert!(chains_hold(&restored).await);
}

#[tokio::test]
async fn a_second_factor_of_before_is_off_and_what_is_lost_is_told() {
    let service = unlimited().await;
    let client = service.client();
    let alice = client.sign_up(ALICE).await;
    let other = client.log_in(ALICE, "other").await;
    let caller = of(&service, &alice);
    let set_up = async || {
        let reply = caller.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
        Authenticator::from_base32(reply["secret"].as_str().unwrap())
    };
    let app = set_up().await;
    let enable = json!({ "token": app.at(service.now()) });
    let backup = Backup::of(&service).await;
    let _ = caller.post("/auth/v1/2fa/enable", enable).await.expect(200);
    let trail = export(&service).await;
    let lost = client.sign_up(BOB).await;
    let with_bob = export(&service).await;

    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, Some(&trail)).await;
    assert_eq!(ran.replayed.losses, [(user(&alice), Loss::SecondFactor)]);
    restored.client().refresh(&other.refresh).await.refused(401, "session_ended");
    let _ = refreshed(&restored, &alice).await;
    // An account of after the backup: its chain is kept, so that nothing takes its places.
    let ran = backup.run(&restored, Some(&with_bob)).await;
    assert_eq!(ran.replayed.losses, [(user(&lost), Loss::Account)]);
    assert!(chains_hold(&restored).await);

    // Enabled before the backup, disabled after it: it is off.
    let service = enabled_then_disabled().await;
    assert_eq!(service.count("SELECT count(*) FROM auth.backup_codes").await, 0);
    let off = "SELECT count(*) FROM auth.users_auth WHERE NOT two_factor_enabled
                  AND two_factor_secret IS NULL";
    assert_eq!(service.count(off).await, 1);
}

async fn enabled_then_disabled() -> Service {
    let service = unlimited().await;
    let alice = service.client().sign_up(ALICE).await;
    let caller = of(&service, &alice);
    let reply = caller.post("/auth/v1/2fa/setup", json!({})).await.expect(201).json();
    let app = Authenticator::from_base32(reply["secret"].as_str().unwrap());
    let token = json!({ "token": app.at(service.now()) });
    let _ = caller.post("/auth/v1/2fa/enable", token).await.expect(200);
    service.advance(Duration::from_secs(30));
    let backup = Backup::of(&service).await;
    service.advance(Duration::from_mins(5));
    let caller = of(&service, &refreshed(&service, &alice).await);
    let token = json!({ "token": app.at(service.now()) });
    let _ = caller.post("/auth/v1/2fa/disable", token).await.expect(200);
    let restored = backup.restored(&service).await;
    let ran = backup.run(&restored, Some(&export(&service).await)).await;
    assert!(ran.replayed.losses.is_empty(), "{:?}", ran.replayed);
    restored
}

#[tokio::test]
async fn entries_that_do_not_go_on_from_the_backup_change_nothing() {
    let service = unlimited().await;
    let alice = service.client().sign_up(ALICE).await;
    let backup = Backup::of(&service).await;
    let _ = of(&service, &alice).post("/auth/v1/logout", json!({})).await.expect(204);
    let row = &service
        .rows("SELECT encode(hash, 'hex') AS hash, entry FROM auth.security_events WHERE seq = 2")
        .await[0];
    let line = |entry: &str| {
        let line = json!({ "userId": alice.user, "seq": 2, "hash": row["hash"], "entry": entry });
        Trail::read(&line.to_string()).unwrap()
    };
    let entry = row["entry"].as_str().unwrap();
    let restored = backup.restored(&service).await;
    let forged = line(&entry.replace("session_ended", "account_deleted"));
    let ran = backup.run(&restored, Some(&forged)).await;
    assert_eq!((ran.replayed.faults.len(), ran.replayed.deleted_accounts), (1, 0));
    let _ = refreshed(&restored, &alice).await;
    let ran = backup.run(&restored, Some(&line(entry))).await;
    assert_eq!(ran.replayed.ended_sessions, 1);
    restored.client().refresh(&alice.refresh).await.refused(401, "session_ended");

    assert_eq!(Trail::read("{}\n").unwrap_err(), TrailError::Fields(1));
    assert_eq!(Trail::read("\nno json").unwrap_err(), TrailError::Json(2));
}

/// `cargo local restore --backup-at … --trail …`, with the export of docs/operating.md.
#[tokio::test]
async fn the_command_takes_the_documented_export_in() {
    let service = unlimited().await;
    let client = service.client();
    let kept = client.sign_up(ALICE).await;
    let ended = client.log_in(ALICE, "another").await;
    let backup = Backup::of(&service).await;
    let _ = of(&service, &ended).post("/auth/v1/logout", json!({})).await.expect(204);
    let export = exported(&service).await;
    assert!(export.lines().next().unwrap().contains(r#""hash":{"B":""#), "{export}");

    let restored = backup.restored(&service).await;
    let (at, file) = (date_time(backup.at), backup.file.with_extension("jsonl"));
    let run = async |text: &str| {
        fs::write(&file, text).unwrap();
        let done = restore_in(restored.lookup(), &at, Some(&file)).await;
        let _ = fs::remove_file(&file);
        done
    };
    let forged = run(&export.replace("session_ended", "account_deleted")).await.unwrap();
    assert!(!forged.is_good, "{}", forged.text);
    let told = format!("{}: the trail does not go on from the backup", kept.user);
    assert!(forged.text.contains(&told), "{}", forged.text);
    // The command has the clock of the system.
    restored.advance(Duration::from_mins(1));
    let ended = refreshed(&restored, &ended).await;

    let done = run(&export).await.unwrap();
    assert!(done.is_good, "{}", done.text);
    assert!(done.text.contains("1 entries of the trail in: ended 1 sessions"), "{}", done.text);
    restored.client().refresh(&ended.refresh).await.refused(401, "session_ended");
    let _ = refreshed(&restored, &kept).await;
    assert!(chains_hold(&restored).await);

    let refused = run("no json\n").await.unwrap_err();
    assert!(matches!(refused, Error::TrailExport(TrailError::Json(1))), "{refused}");
    let refused = restore_in(restored.lookup(), &at, Some(&file)).await.unwrap_err();
    assert!(matches!(&refused, Error::File { file: other, .. } if *other == file), "{refused}");
    let refused = restore_in(restored.lookup(), "yesterday", None).await.unwrap_err();
    assert!(matches!(refused, Error::BackupTime), "{refused}");
    let done = restore_in(restored.lookup(), &at, None).await.unwrap();
    assert!(done.is_good && done.text.contains("no trail"), "{}", done.text);
}
