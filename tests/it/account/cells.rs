//! A real log-in for each cell of the table in docs/security.md, which `domain::access::table` writes: the
//! answer is what the rules decide.

use super::{DAY, locked, log_in, unlimited, with_second_factor};
use domain::access::table::{LogInCell, log_in_cells};
use domain::access::{EarlierToken, LogInDecision};
use serde_json::json;
use tests::{Service, Session};

/// The account of a cell, and what its owner has.
struct Account {
    phone: String,
    session: Session,
    recovery_code: String,
    second_factor: String,
}

impl Account {
    async fn new(service: &Service, number: usize, cell: &LogInCell) -> Self {
        let phone = format!("+33612{number:06}");
        let client = service.client();
        let session = client.sign_up(&phone).await;
        if cell.activity.linked_device.is_some() {
            let linked = client.log_in(&phone, "linked").await;
            let approved = "UPDATE auth.devices SET joined = 'approved', is_verified = true";
            service.sql(&format!("{approved} WHERE id = '{}'", linked.device)).await;
        }
        let mut recovery_code = "0".repeat(26);
        if cell.has_registration_lock {
            recovery_code = locked(service, &session).await;
        }
        let mut second_factor = "123456".to_owned();
        if cell.has_second_factor {
            let app = with_second_factor(service, &session).await;
            second_factor = app.at(service.now());
        }
        let account = Self { phone, session, recovery_code, second_factor };
        account.age(service, cell).await;
        account
    }

    /// Makes its devices as old as the cell says.
    async fn age(&self, service: &Service, cell: &LogInCell) {
        let at = |days: u32| {
            let millis = (service.now() - DAY * days).millis();
            format!("timestamptz 'epoch' + {millis} * interval '1 millisecond'")
        };
        let (phone, linked) =
            (at(cell.activity.phone), at(cell.activity.linked_device.unwrap_or(1000)));
        let (user, device) = (&self.session.user, &self.session.device);
        let stopped = if cell.activity.is_stopped { at(30) } else { "NULL".to_owned() };
        let of_device = format!("CASE WHEN device_id = '{device}' THEN {phone} ELSE {linked} END");
        service
            .sql(&format!(
                "UPDATE auth.devices SET last_active = {of_row} WHERE user_id = '{user}';
                 UPDATE auth.sessions SET rotated_at = {of_device} WHERE user_id = '{user}';
                 UPDATE auth.users_auth SET log_ins_stopped_since = {stopped},
                        last_authenticated_at = least({phone}, {linked}) WHERE id = '{user}'",
                of_row = of_device.replace("device_id", "id"),
            ))
            .await;
    }
}

#[tokio::test]
async fn every_cell_of_the_table_is_what_a_log_in_gets() {
    let service = unlimited().await;
    let cells = log_in_cells();
    assert_eq!(cells.len(), 23 * 6);
    for (number, cell) in cells.iter().enumerate() {
        let account = Account::new(&service, number, cell).await;
        let (shown, session) = (cell.shown, &account.session);
        let mut body = json!({ "deviceId": "another" });
        match shown.earlier_token {
            EarlierToken::None => {}
            EarlierToken::OfAccount => body["previousToken"] = json!(session.refresh),
            EarlierToken::OfThisDevice => {
                body = json!({ "deviceId": session.device, "previousToken": session.refresh });
            }
        }
        if shown.second_factor {
            body["twoFactorToken"] = json!(account.second_factor);
        }
        if shown.recovery_code {
            body["recoveryCode"] = json!(account.recovery_code);
        }
        if shown.start_over {
            body["startOver"] = json!(true);
        }
        let sessions = "SELECT count(*) FROM auth.sessions";
        let before = service.count(sessions).await;
        let reply = log_in(&service.client(), &account.phone, body).await;
        let cell_name = format!(
            "second factor {}, lock {}, {}, {}: {}",
            cell.has_second_factor,
            cell.has_registration_lock,
            cell.activity_name,
            cell.shown_name,
            reply.json()
        );
        let made =
            i64::from(matches!(cell.decision, LogInDecision::Admit(_) | LogInDecision::StartOver));
        assert_eq!(service.count(sessions).await, before + made, "{cell_name}");
        let (status, code) = (reply.status.as_u16(), reply.code());
        match cell.decision {
            LogInDecision::Admit(admission) => {
                assert_eq!(status, 200, "{cell_name}");
                let entered = Session::from_reply(&reply);
                assert_eq!(entered.user, session.user, "{cell_name}");
                assert_eq!(entered.device == session.device, admission.is_known, "{cell_name}");
                let joined =
                    if admission.is_known { "registered" } else { admission.joined.as_str() };
                let device =
                    format!("SELECT joined FROM auth.devices WHERE id = '{}'", entered.device);
                assert_eq!(service.rows(&device).await[0]["joined"], joined, "{cell_name}");
            }
            LogInDecision::StartOver => {
                assert_eq!(status, 200, "{cell_name}");
                assert_ne!(Session::from_reply(&reply).user, session.user, "{cell_name}");
            }
            LogInDecision::Idle => {
                assert_eq!((status, &*code), (409, "account_idle"), "{cell_name}");
            }
            LogInDecision::SecondFactorRequired => {
                assert_eq!((status, &*code), (403, "two_factor_required"), "{cell_name}");
            }
            LogInDecision::RegistrationLocked { lapses_in } => {
                assert_eq!((status, &*code), (403, "registration_locked"), "{cell_name}");
                let seconds = reply.json()["lapsesInSeconds"].as_u64();
                assert_eq!(seconds, Some(lapses_in.as_secs()), "{cell_name}");
            }
        }
    }
}
