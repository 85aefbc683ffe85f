//! An approval is worth as much as the session that gave it: it ends with that, and with a change of
//! the second factor.

use super::{
    DEVICE, DEVICES, KINDS, PHONE, Waiting, approved, enable_second_factor, of, refreshed,
    security_events, unlimited,
};
use http::Method;
use serde_json::json;
use std::time::Duration;
use tests::{Authenticator, Service, Session};

/// What happens between the approval and the poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Logout,
    LogoutByAnother,
    LogoutAll,
    RemoveDevice,
    LogInAgain,
    ReuseOfItsToken,
    EnableSecondFactor,
    DisableSecondFactor,
    NewBackupCodes,
}

const CHANGES: [Change; 9] = [
    Change::Logout,
    Change::LogoutByAnother,
    Change::LogoutAll,
    Change::RemoveDevice,
    Change::LogInAgain,
    Change::ReuseOfItsToken,
    Change::EnableSecondFactor,
    Change::DisableSecondFactor,
    Change::NewBackupCodes,
];

struct Account {
    service: Service,
    first: Session,
    /// The device that approves; it is known by this id.
    approver: Session,
    app: Option<Authenticator>,
}

impl Account {
    async fn new(with_second_factor: bool) -> Self {
        let service = unlimited().await;
        let first = service.client().sign_up(PHONE).await;
        let app = if with_second_factor {
            Some(enable_second_factor(&service, &first).await)
        } else {
            None
        };
        let id = service.client().verified("login", PHONE).await;
        let mut body = json!({ "verificationId": id, "deviceId": "approver" });
        if let Some(app) = &app {
            body["twoFactorToken"] = json!(app.at(service.now()));
            service.advance(Duration::from_secs(30));
        }
        let reply = service.client().post("/auth/v1/login", body).await.expect(200);
        Self { approver: Session::from_reply(&reply), service, first, app }
    }

    fn code(&self) -> String {
        self.app.as_ref().expect("a second factor").at(self.service.now())
    }

    async fn approve(&self, waiting: &Waiting) {
        let mut body = json!({ "confirmCode": waiting.code });
        if self.app.is_some() {
            body["twoFactorToken"] = json!(self.code());
            self.service.advance(Duration::from_secs(30));
        }
        let client = of(&self.service, &self.approver);
        let _ = waiting.approve_with(&client, body).await.expect(204);
    }

    async fn make(&self, change: Change) {
        let (service, approver) = (&self.service, of(&self.service, &self.approver));
        let first = of(service, &refreshed(service, &self.first).await);
        let token = |path: &'static str| (path, json!({ "token": self.code() }));
        let (client, (path, body)) = match change {
            Change::Logout => (&approver, ("/auth/v1/logout", json!({}))),
            Change::LogoutByAnother => {
                let body = json!({ "deviceId": self.approver.device });
                (&first, ("/auth/v1/logout", body))
            }
            Change::LogoutAll => (&first, ("/auth/v1/logout/all", json!({}))),
            Change::RemoveDevice => {
                let path = format!("{DEVICE}/{}", self.approver.device);
                let _ = first.send(Method::DELETE, &path, &json!({})).await.expect(204);
                return;
            }
            Change::LogInAgain => {
                let _ = service.client().log_in(PHONE, "approver").await;
                return;
            }
            Change::ReuseOfItsToken => {
                let mut session = self.approver.clone();
                for _ in 0..2 {
                    session = refreshed(service, &session).await;
                    service.advance(Duration::from_secs(11));
                }
                let reply = service.client().refresh(&self.approver.refresh).await;
                reply.refused(401, "refresh_reused");
                return;
            }
            Change::EnableSecondFactor => {
                // By the approver itself, whose session goes on.
                service.sql("UPDATE auth.devices SET joined = 'proven'").await;
                enable_second_factor(service, &self.approver).await;
                return;
            }
            Change::DisableSecondFactor => (&approver, token("/auth/v1/2fa/disable")),
            Change::NewBackupCodes => (&approver, token("/auth/v1/2fa/backup-codes")),
        };
        let reply = client.post(path, body).await;
        assert!(reply.status.is_success(), "{change:?}: {}", reply.json());
    }
}

#[tokio::test]
async fn what_changes_the_approver_ends_its_approvals() {
    for (n, change) in CHANGES.into_iter().enumerate() {
        let with_second_factor =
            matches!(change, Change::DisableSecondFactor | Change::NewBackupCodes);
        let account = Account::new(with_second_factor).await;
        let service = &account.service;
        let kind = KINDS[n % 2];
        let waiting = Waiting::new(kind, service, &account.approver, json!({})).await;
        account.approve(&waiting).await;
        let before = service.count(DEVICES).await;
        account.make(change).await;
        let is_removed = i64::from(change == Change::RemoveDevice);
        for _ in 0..2 {
            waiting.poll(&service.client()).await.refused(410, "qr_gone");
        }
        assert_eq!(service.count(DEVICES).await, before - is_removed, "{change:?}");
        assert_eq!(security_events(service, "device_approved").await, 0, "{change:?}");
    }
}

#[tokio::test]
async fn an_approval_expires_with_its_session() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let waiting = approved(kind, &service, &phone).await;
        service.advance(Duration::from_secs(1));
        service.sql("UPDATE auth.sessions SET expires_at = created_at").await;
        waiting.poll(&service.client()).await.refused(410, "qr_gone");
        assert_eq!(service.count(DEVICES).await, 1);
    }
}

/// Two changes that lead back to a second factor are changes.
#[tokio::test]
async fn another_second_factor_is_not_the_same() {
    let account = Account::new(true).await;
    let service = &account.service;
    let waiting = Waiting::new(KINDS[0], service, &account.approver, json!({})).await;
    account.approve(&waiting).await;
    account.make(Change::DisableSecondFactor).await;
    // A code of a step that was used is not good for the next secret either.
    service.advance(Duration::from_secs(30));
    enable_second_factor(service, &account.approver).await;
    waiting.poll(&service.client()).await.refused(410, "qr_gone");
}

#[tokio::test]
async fn what_changes_nothing_of_it_leaves_an_approval_alone() {
    for kind in KINDS {
        let account = Account::new(true).await;
        let service = &account.service;
        let waiting = Waiting::new(kind, service, &account.approver, json!({})).await;
        account.approve(&waiting).await;
        // A code is used, the token is refreshed, another device goes.
        let client = of(service, &account.approver);
        let body = json!({ "token": account.code() });
        let reply = client.post("/auth/v1/2fa/verify", body).await.expect(200);
        assert_eq!(reply.json()["valid"], true);
        let approver = refreshed(service, &account.approver).await;
        let _ = of(service, &account.first).post("/auth/v1/logout", json!({})).await.expect(204);
        // Another approval, by the same session and its step-up.
        let other = Waiting::new(kind, service, &approver, json!({})).await;
        let _ = other.approve(&of(service, &approver)).await.expect(204);
        let _ = waiting.poll(&service.client()).await.expect(200);
        let _ = other.poll(&service.client()).await.expect(200);
        assert_eq!(service.count(DEVICES).await, 4);
    }
}

/// What was delivered is a session of its own.
#[tokio::test]
async fn a_device_that_is_in_stays_in() {
    for kind in KINDS {
        let service = unlimited().await;
        let phone = service.client().sign_up(PHONE).await;
        let waiting = approved(kind, &service, &phone).await;
        let browser = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        let _ = of(&service, &phone).post("/auth/v1/logout", json!({})).await.expect(204);
        assert!(super::is_alive(&service, &browser).await);
        // Its answer may have been lost.
        let again = Session::from_reply(&waiting.poll(&service.client()).await.expect(200));
        assert!(super::is_alive(&service, &again).await);
    }
}
