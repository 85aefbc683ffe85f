//! The flows that write to Postgres, one by one, with what must be true after each: used by
//! the tests that lose connections and that inject conflicts.

use serde_json::json;
use tests::{Client, Keys, Reply, Service, Session};

use super::PHONE;
use crate::qr::{Kind, Waiting, approved};

/// A flow: it is prepared, then one request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Register,
    RegisterWithKeys,
    Login,
    LoginOnTheSameDevice,
    Refresh,
    Reuse,
    Logout,
    LogoutAnother,
    LogoutAll,
    /// By a device that may not end the session of the other.
    LogoutAllYounger,
    UploadPrekeys,
    UploadSigned,
    DeleteKeys,
    DeleteKeysByCode,
    RemoveDevice,
    RemoveOwnDevice,
    UpdateDevice,
    LoginThatReplaces,
    /// The poll of a link that was approved.
    DeliverQrLogin,
    Bundle,
}

pub const FLOWS: [Flow; 20] = [
    Flow::Register,
    Flow::RegisterWithKeys,
    Flow::Login,
    Flow::LoginOnTheSameDevice,
    Flow::Refresh,
    Flow::Reuse,
    Flow::Logout,
    Flow::LogoutAnother,
    Flow::LogoutAll,
    Flow::LogoutAllYounger,
    Flow::UploadPrekeys,
    Flow::UploadSigned,
    Flow::DeleteKeys,
    Flow::DeleteKeysByCode,
    Flow::RemoveDevice,
    Flow::RemoveOwnDevice,
    Flow::UpdateDevice,
    Flow::LoginThatReplaces,
    Flow::DeliverQrLogin,
    Flow::Bundle,
];

/// What a flow needs: an account with two devices, both with keys, and a verification.
pub struct Prepared {
    service: Service,
    keys: Keys,
    phone: Session,
    other: Session,
    verification: String,
    /// Spent, and not the parent of the newest token.
    spent: String,
    /// A device that the phone has let in.
    waiting: Option<Waiting>,
}

impl Prepared {
    pub async fn new(service: &Service, flow: Flow) -> Self {
        let client = service.client();
        let (keys, other_keys) = (Keys::new(), Keys::new());
        if matches!(flow, Flow::Register | Flow::RegisterWithKeys) {
            let verification = client.verified("register", PHONE).await;
            let nobody = Session::default();
            let (phone, other) = (nobody.clone(), nobody);
            let (service, spent) = (service.clone(), String::new());
            return Self { service, keys, phone, other, verification, spent, waiting: None };
        }
        let id = client.verified("register", PHONE).await;
        let body = json!({ "verificationId": id, "deviceId": "phone-1",
                           "signalKeyBundle": keys.bundle(1..31, 1..31) });
        let first = client.post("/auth/v1/register", body).await.expect(201);
        let first = Session::from_reply(&first);
        // The other one is younger.
        service.advance(std::time::Duration::from_secs(1));
        let bundle = other_keys.bundle(1..31, 1..31);
        let other = client.log_in_with(PHONE, "phone-2", bundle).await;
        let spent = first.refresh.clone();
        let mut phone = first;
        for _ in 0..2 {
            phone = Session::from_reply(&client.refresh(&phone.refresh).await.expect(200));
            service.advance(std::time::Duration::from_secs(11));
        }
        if flow == Flow::DeleteKeysByCode {
            // The log-in is too old to be a proof.
            service.advance(std::time::Duration::from_mins(11));
            phone = Session::from_reply(&client.refresh(&phone.refresh).await.expect(200));
        }
        if flow == Flow::LoginThatReplaces {
            service
                .sql(
                    "INSERT INTO auth.devices (id, user_id, device_fingerprint, device_name,
                            device_type, is_verified, last_active, created_at, updated_at)
                     SELECT gen_random_uuid(), d.user_id, 'tablet-' || n, d.device_name,
                            d.device_type, false, d.last_active, d.created_at, d.updated_at
                       FROM auth.devices d, generate_series(1, 8) AS n
                      WHERE d.device_fingerprint = 'phone-1'",
                )
                .await;
        }
        let waiting = match flow {
            Flow::DeliverQrLogin => Some(approved(Kind::Link, service, &phone).await),
            _ => None,
        };
        let verification = client.verified("login", PHONE).await;
        Self { service: service.clone(), keys, phone, other, verification, spent, waiting }
    }

    fn bearer(&self) -> Client {
        self.service.client().bearer(&self.phone.access)
    }

    pub async fn send(&self, flow: Flow) -> Reply {
        let client = self.service.client();
        let verified = json!({ "verificationId": self.verification, "deviceId": "phone-9" });
        match flow {
            Flow::Register => client.post("/auth/v1/register", verified).await,
            Flow::RegisterWithKeys => {
                let mut body = verified;
                body["signalKeyBundle"] = self.keys.bundle(1..31, 1..31);
                client.post("/auth/v1/register", body).await
            }
            Flow::Login => client.post("/auth/v1/login", verified).await,
            Flow::LoginOnTheSameDevice => {
                let mut body = verified;
                body["deviceId"] = json!("phone-1");
                client.post("/auth/v1/login", body).await
            }
            Flow::Refresh => client.refresh(&self.phone.refresh).await,
            Flow::Reuse => client.refresh(&self.spent).await,
            Flow::Logout => self.bearer().post("/auth/v1/logout", json!({})).await,
            Flow::LogoutAnother => {
                let body = json!({ "deviceId": self.other.device });
                self.bearer().post("/auth/v1/logout", body).await
            }
            Flow::LogoutAll => self.bearer().post("/auth/v1/logout/all", json!({})).await,
            Flow::LogoutAllYounger => {
                let client = client.bearer(&self.other.access);
                client.post("/auth/v1/logout/all", json!({})).await
            }
            Flow::RemoveDevice | Flow::RemoveOwnDevice | Flow::UpdateDevice => {
                let own = flow == Flow::RemoveOwnDevice;
                let device = if own { &self.phone.device } else { &self.other.device };
                let path = format!("/auth/v1/device/{device}");
                let (method, body) = match flow {
                    Flow::UpdateDevice => (http::Method::PATCH, json!({ "deviceName": "Tablet" })),
                    _ => (http::Method::DELETE, json!({})),
                };
                self.bearer().send(method, &path, &body).await
            }
            Flow::LoginThatReplaces => {
                let mut body = verified;
                body["replaceDeviceId"] = self.other.device.clone().into();
                client.post("/auth/v1/login", body).await
            }
            Flow::DeliverQrLogin => self.waiting.as_ref().unwrap().poll(&client).await,
            Flow::UploadPrekeys => {
                let body = json!({ "preKeys": self.keys.bundle(101..131, 1..2)["preKeys"] });
                self.bearer().post("/auth/v1/signal/keys/prekeys", body).await
            }
            Flow::UploadSigned => {
                let body = self.keys.bundle(1..2, 1..2)["signedPreKey"].clone();
                self.bearer().post("/auth/v1/signal/keys/signed-prekey", body).await
            }
            Flow::DeleteKeys => {
                let path = format!("/auth/v1/signal/keys/device/{}", self.phone.device);
                self.bearer().send(http::Method::DELETE, &path, &json!({})).await
            }
            Flow::DeleteKeysByCode => {
                let path = format!("/auth/v1/signal/keys/device/{}", self.phone.device);
                let body = json!({ "proofVerificationId": self.verification });
                self.bearer().send(http::Method::DELETE, &path, &body).await
            }
            Flow::Bundle => {
                let (user, device) = (&self.other.user, &self.other.device);
                let path = format!("/auth/v1/signal/keys/{user}/devices/{device}");
                self.bearer().get(&path).await
            }
        }
    }

    /// The flow succeeded, exactly once.
    pub async fn check(&self, flow: Flow, reply: Reply) {
        let service = &self.service;
        let (client, live) =
            (service.client(), "SELECT count(*) FROM auth.sessions WHERE revoked_at IS NULL");
        let audits = |event: &str| {
            format!(
                "SELECT count(*) FROM auth.outbox WHERE topic = 'audit'
                    AND payload->>'entry' LIKE '%\"{event}\"%'"
            )
        };
        match flow {
            Flow::Register | Flow::RegisterWithKeys => {
                let session = Session::from_reply(&reply.expect(201));
                let _ = client.ws_token(&session.access).await.expect(200);
                let _ = client.refresh(&session.refresh).await.expect(200);
                assert_eq!(service.count("SELECT count(*) FROM auth.users_auth").await, 1);
                assert_eq!(service.count("SELECT count(*) FROM auth.sessions").await, 1);
                assert_eq!(service.count(&audits("user_registered")).await, 1);
                let history = "SELECT count(*) FROM auth.login_history";
                assert_eq!(service.count(history).await, 1);
            }
            Flow::Login | Flow::LoginOnTheSameDevice => {
                let session = Session::from_reply(&reply.expect(200));
                let _ = client.ws_token(&session.access).await.expect(200);
                let _ = client.refresh(&session.refresh).await.expect(200);
                let replaces = flow == Flow::LoginOnTheSameDevice;
                assert_eq!(service.count(live).await, if replaces { 2 } else { 3 });
                assert_eq!(service.count(&audits("user_logged_in")).await, 2);
                if replaces {
                    client.ws_token(&self.phone.access).await.refused(401, "session_ended");
                }
            }
            Flow::Refresh => {
                let session = Session::from_reply(&reply.expect(200));
                let _ = client.refresh(&session.refresh).await.expect(200);
                assert_eq!(service.count(live).await, 2);
            }
            Flow::Reuse => {
                reply.refused(401, "refresh_reused");
                client.ws_token(&self.phone.access).await.refused(401, "session_ended");
                let _ = client.ws_token(&self.other.access).await.expect(200);
                assert_eq!(service.count(&audits("refresh_token_reused")).await, 1);
            }
            Flow::Logout | Flow::LogoutAnother | Flow::LogoutAll | Flow::LogoutAllYounger => {
                let _ = reply.expect(204);
                let ended: &[&Session] = match flow {
                    Flow::Logout => &[&self.phone],
                    Flow::LogoutAnother | Flow::LogoutAllYounger => &[&self.other],
                    _ => &[&self.phone, &self.other],
                };
                for session in ended {
                    client.ws_token(&session.access).await.refused(401, "session_ended");
                }
                let left = 2 - i64::try_from(ended.len()).unwrap();
                assert_eq!(service.count(live).await, left);
                let event = match flow {
                    Flow::LogoutAll | Flow::LogoutAllYounger => "all_sessions_ended",
                    _ => "session_ended",
                };
                assert_eq!(service.count(&audits(event)).await, 1);
            }
            Flow::UploadPrekeys => assert_eq!(reply.expect(201).json()["uploaded"], 30),
            Flow::UploadSigned => drop(reply.expect(201)),
            Flow::DeleteKeys | Flow::DeleteKeysByCode => {
                let _ = reply.expect(204);
                assert_eq!(service.count("SELECT count(*) FROM auth.identity_keys").await, 1);
                assert_eq!(service.count(&audits("keys_deleted")).await, 1);
            }
            Flow::RemoveDevice | Flow::RemoveOwnDevice => {
                let _ = reply.expect(204);
                let own = flow == Flow::RemoveOwnDevice;
                let (gone, left) =
                    if own { (&self.phone, &self.other) } else { (&self.other, &self.phone) };
                client.ws_token(&gone.access).await.refused(401, "session_ended");
                let _ = client.ws_token(&left.access).await.expect(200);
                assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 1);
                assert_eq!(service.count(&audits("device_removed")).await, 1);
                let released = "SELECT count(*) FROM auth.released_signal_device_ids";
                assert_eq!(service.count(released).await, 1);
            }
            Flow::UpdateDevice => assert_eq!(reply.expect(200).json()["deviceName"], "Tablet"),
            Flow::LoginThatReplaces => {
                let session = Session::from_reply(&reply.expect(200));
                let _ = client.ws_token(&session.access).await.expect(200);
                client.ws_token(&self.other.access).await.refused(401, "session_ended");
                assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 10);
                assert_eq!(service.count(live).await, 2);
                assert_eq!(service.count(&audits("device_removed")).await, 1);
            }
            Flow::DeliverQrLogin => {
                let session = Session::from_reply(&reply.expect(200));
                let _ = client.refresh(&session.refresh).await.expect(200);
                assert_eq!(service.count("SELECT count(*) FROM auth.devices").await, 3);
                assert_eq!(service.count(live).await, 3);
                assert_eq!(service.count(&audits("device_approved")).await, 1);
            }
            // A key whose answer was lost is gone: no other caller gets it.
            Flow::Bundle => assert!(reply.expect(200).json()["preKey"]["keyId"].is_u64()),
        }
    }
}
