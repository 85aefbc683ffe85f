//! Runs at once, again, killed, and over connections that are lost: each account is moved once, each
//! device told once.

use super::{Backup, unlimited};
use domain::time::Timestamp;
use shared::restore::restore;
use std::time::Duration;
use tests::proxy::Lost;
use tests::race::together;
use tests::stores::Stores;
use tests::{Proxy, Service};

/// So many accounts, each with a device in the directory that has pages of both kinds.
async fn fleet(service: &Service, count: u32) {
    let stock = tests::keys::stock("true", 2);
    service
        .sql(&format!(
            "INSERT INTO auth.users_auth (id, phone_number, last_authenticated_at, created_at, updated_at)
             SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '+3361' || n,
                    'epoch', 'epoch', 'epoch' FROM generate_series(1, {count}) n;
             INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name, device_type,
                    is_verified, last_active, created_at, updated_at, signal_device_id)
             SELECT id, id, 'x', 'x', 'ios', true, 'epoch', 'epoch', 'epoch', 1 FROM auth.users_auth;
             INSERT INTO auth.identity_keys (device_id, id, user_id, public_key, identity, created_at,
                    updated_at)
             SELECT id, id, id, 'x', sha256(id::text::bytea) || ''::bytea || '\\x05', 'epoch', 'epoch'
               FROM auth.users_auth;
             {stock}"
        ))
        .await;
}

/// Accounts, and how far their lists have moved; events; unused keys.
async fn counts(service: &Service) -> [i64; 4] {
    [
        service.count("SELECT count(*) FROM auth.users_auth").await,
        service.count("SELECT sum(device_list_version)::int8 >> 20 FROM auth.users_auth").await,
        service.count("SELECT count(*) FROM auth.outbox WHERE topic = 'prekeys.low'").await,
        service.count("SELECT sum(count - next)::int8 FROM auth.prekey_pages").await,
    ]
}

#[tokio::test]
async fn ten_runs_at_once_do_each_batch_once_and_later_ones_nothing() {
    const COUNT: u32 = 1200;
    let service = unlimited().await;
    fleet(&service, COUNT).await;
    let backup_at = service.now();
    service.advance(Duration::from_hours(1));
    let runs = (0..10).map(|_| {
        let core = service.state.core.clone();
        async move { restore(&core, backup_at, None).await.expect("a run") }
    });
    let ran = together(runs.collect::<Vec<_>>()).await;
    let count = i64::from(COUNT);
    assert_eq!(ran.iter().map(|one| one.accounts).sum::<i64>(), count);
    assert_eq!(ran.iter().map(|one| one.pages).sum::<i64>(), 2 * count);
    let expected = [count, count, count, 0];
    assert_eq!(counts(&service).await, expected);
    let first = ran[0].restored_at;
    assert!(ran.iter().all(|one| one.restored_at == first));

    service.advance(Duration::from_hours(1));
    let again = restore(&service.state.core, backup_at, None).await.unwrap();
    assert_eq!((again.accounts, again.devices, again.restored_at), (0, 0, first));
    assert_eq!(counts(&service).await, expected);
}

#[tokio::test]
async fn a_run_that_is_killed_or_loses_its_connection_is_continued() {
    let direct = unlimited().await;
    fleet(&direct, 700).await;
    let (proxy, url) = Proxy::before(&direct.stores.database_url).await;
    let service = direct.over_stores(Stores::at(url, &direct.stores.redis_url)).await;
    let mut restores = 0;
    let mut backup_at = Timestamp::from_millis(direct.now().millis() - 1_000_000);
    for skip in 0..6 {
        for lost in [Lost::Request, Lost::Reply] {
            backup_at = backup_at + Duration::from_secs(1);
            restores += 1;
            proxy.lose(skip, lost);
            let _ = restore(&service.state.core, backup_at, None).await.expect("it is repeated");
        }
    }
    assert_eq!(counts(&direct).await, [700, 700 * restores, 700 * restores, 0]);
    for millis in [1, 3, 6, 10, 20] {
        backup_at = backup_at + Duration::from_secs(1);
        restores += 1;
        let killed = restore(&service.state.core, backup_at, None);
        let _ = tokio::time::timeout(Duration::from_millis(millis), killed).await;
        let _ = restore(&service.state.core, backup_at, None).await.expect("a run");
        assert_eq!(counts(&direct).await, [700, 700 * restores, 700 * restores, 0]);
    }
}

/// A page that came after the restore stays, however often the restore is run.
#[tokio::test]
async fn pages_of_after_the_restore_stay() {
    let service = unlimited().await;
    fleet(&service, 1).await;
    let backup = Backup { file: std::path::PathBuf::new(), at: service.now() };
    let _ = backup.run(&service, None).await;
    service
        .sql(
            "UPDATE auth.prekey_pages SET next = 0, arrived_at = now() + interval '1 hour'
              WHERE kind = 1;
             UPDATE auth.restores SET devices_done = false,
                    devices_after = '00000000-0000-0000-0000-000000000000'",
        )
        .await;
    let again = backup.run(&service, None).await;
    assert_eq!((again.devices, again.pages), (1, 0));
    assert_eq!(service.count("SELECT sum(count - next)::int8 FROM auth.prekey_pages").await, 2);
}
