//! Removals at once with each other and with what else touches a device.

use super::{DEVICES, PHONE, devices, is_alive, remove, security_events, unlimited};
use serde_json::json;
use std::time::Duration;
use tests::race::{counts, tally, together};
use tests::{Keys, Reply, Service, Session};

async fn sandboxes(service: &Service) -> Vec<Service> {
    let mut sandboxes = vec![service.clone()];
    for _ in 0..3 {
        sandboxes.push(service.sandbox().await);
    }
    sandboxes
}

#[tokio::test(flavor = "multi_thread")]
async fn of_removals_at_once_one_removes() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let first = devices(&service, 1).await.remove(0);
    for round in 0..5_i64 {
        let other = service.client().log_in(PHONE, "other").await;
        let removals = (0..12).map(|n| {
            let (service, first) = (sandboxes[n % 4].clone(), first.clone());
            let device = other.device.clone();
            async move { remove(&service, &first, &device, json!({})).await }
        });
        let expected = counts([("204", 1), ("404 device_not_found", 11)]);
        assert_eq!(tally(&together(removals).await), expected, "round {round}");
        assert!(!is_alive(&service, &other).await);
        assert_eq!(service.count(DEVICES).await, 1);
        assert_eq!(security_events(&service, "device_removed").await, round + 1);
    }
}

/// Whatever order the store finds, no session lives without its device, and the removal answers for
/// what it found.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_beside_log_ins_refreshes_and_senders_leaves_nothing_half_done() {
    let service = unlimited().await;
    let sandboxes = sandboxes(&service).await;
    let sender = service.client().sign_up("+33655555555").await;
    let first = devices(&service, 1).await.remove(0);
    for round in 0..6 {
        service.advance(Duration::from_mins(1));
        let bundle = Keys::new().bundle(1..20, 1..20);
        let other = service.client().log_in_with(PHONE, "other", bundle).await;
        let id = service.client().verified("login", PHONE).await;
        let requests = (0..8).map(|n| {
            let (service, first) = (sandboxes[n % 4].clone(), first.clone());
            let (other, id, sender) = (other.clone(), id.clone(), sender.clone());
            async move {
                match n {
                    0 => remove(&service, &first, &other.device, json!({})).await,
                    1 | 2 => service.client().refresh(&other.refresh).await,
                    3 => {
                        let body = json!({ "verificationId": id, "deviceId": "other" });
                        service.client().post("/auth/v1/login", body).await
                    }
                    4 => service.client().ws_token(&other.access).await,
                    _ => {
                        let path = format!("/auth/v1/signal/keys/{}/bundles", other.user);
                        service.client().bearer(&sender.access).get(&path).await
                    }
                }
            }
        });
        let replies: Vec<Reply> = together(requests).await;
        let told = tally(&replies);
        assert!(replies.iter().all(|reply| reply.status.as_u16() < 500), "{round}: {told:?}");
        let _ = replies[0].clone().expect(204);
        assert!(!is_alive(&service, &other).await, "round {round}");
        let again = Session::from_reply(&replies[3].clone().expect(200));
        // It joined before, and went with its device, or came after as another.
        let is_there = format!("{DEVICES} WHERE id = '{}'", again.device);
        let came_after = again.device != other.device;
        assert_eq!(service.count(&is_there).await == 1, came_after, "round {round}");
        assert_eq!(is_alive(&service, &again).await, came_after, "round {round}");
        if came_after {
            let _ = remove(&service, &first, &again.device, json!({})).await.expect(204);
        }
        let pages = "SELECT count(*) FROM auth.prekey_pages";
        assert_eq!(service.count(pages).await, 0, "round {round}");
    }
}
