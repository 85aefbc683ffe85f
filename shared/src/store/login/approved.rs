//! Log in by QR code: the session of a device that another one approved. It is made at delivery,
//! and only if what the approval was given under still holds.

use domain::access::{Admission, MAX_DEVICES};
use domain::ids::{DeviceId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::qr::REPEAT_PERIOD;
use domain::time::Timestamp;
use std::time::SystemTime;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::log_in::{Admitted, insert_login};
use super::new_login::{LoginCompleted, LoginOutcome, NewLogin, login_constraint};
use crate::store::access::approve::{Approval, SECOND_FACTOR_STATE};
use crate::store::access::authorize::{LOCK_ACCOUNT, READ_STATE, StateRow};
use crate::store::connection::Store;
use crate::store::ended_by_call::EndedByCall;
use crate::store::error::{StoreError, map_constraint};
use crate::store::keys::publish::IS_DEVICE;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

/// A session that was made, or that an earlier poll with the same secret made.
#[derive(Debug)]
pub struct Delivered {
    pub completed: LoginCompleted,
    pub issued_at: Timestamp,
    /// The approver's: nobody proved the number anew.
    pub auth_time: Timestamp,
    pub phone: Option<PhoneNumber>,
}

#[derive(Debug)]
pub enum DeliveryOutcome {
    Delivered(Box<Delivered>),
    /// The approval does not hold any more, or its session was fetched too long ago.
    Void,
    /// The account or the keys stand in the way. The approval stays as it is.
    Refused(LoginOutcome),
}

/// A statement of its own behind the lock, so that it sees what was committed while it waited. The
/// session is there if an earlier poll, or an earlier try of this one, has made it. Whether the approver's
/// session has ended, [`READ_STATE`] tells.
static READ_DELIVERY: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT {SECOND_FACTOR_STATE} AS second_factor,
                EXISTS (SELECT FROM auth.sessions s
                         WHERE s.id = :approver_session AND s.user_id = u.id
                           AND s.device_id = :approver_device AND s.expires_at > :now)
                  AS has_approver,
                EXISTS (SELECT FROM auth.used_verifications v
                         WHERE v.verification_id = :verification) AS is_used,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                (SELECT d.id FROM auth.devices d WHERE d.user_id = u.id AND {device}) AS earlier,
                o.device_id, o.issued_at, o.auth_time, od.device_fingerprint AS installation,
                CASE WHEN EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = od.id)
                THEN od.signal_device_id END AS signal_device_id,
                array(SELECT e.id FROM auth.sessions e
                       WHERE e.device_id = o.device_id AND e.ended_by = o.id) AS ended
           FROM auth.users_auth u
           LEFT JOIN (auth.sessions o JOIN auth.devices od ON od.id = o.device_id)
             ON o.id = :session AND o.user_id = u.id AND o.generation = 0 AND o.revoked_at IS NULL
            AND o.expires_at > :now AND o.created_at > :now - interval '{repeat} seconds'
          WHERE u.id = :user",
        device = IS_DEVICE,
        repeat = REPEAT_PERIOD.as_secs(),
    );
    let types = [
        ("user", Type::UUID),
        ("session", Type::UUID),
        ("verification", Type::UUID),
        ("approver_session", Type::UUID),
        ("approver_device", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("named_device", Type::UUID),
        ("now", Type::TIMESTAMPTZ),
    ];
    Statement::new("read_delivery", &sql, types)
});

row_struct! {
    struct DeliveryRow {
        second_factor: String,
        has_approver: bool,
        is_used: bool,
        devices: i64,
        earlier: Option<Uuid>,
        device_id: Option<Uuid>,
        issued_at: Option<SystemTime>,
        auth_time: Option<SystemTime>,
        installation: Option<String>,
        signal_device_id: Option<i16>,
        ended: Vec<Uuid>,
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] = &[&READ_DELIVERY];

impl Store {
    /// Makes the session of an approved device, once: whoever comes again within a minute, before the
    /// session was refreshed, is given the same. `login.session` is the same each time, and
    /// `login.verification` is the id of the QR log-in.
    pub async fn deliver_login(
        &self,
        login: &NewLogin,
        approval: &Approval,
    ) -> Result<DeliveryOutcome, StoreError> {
        let earlier = EndedByCall::default();
        let work = |transaction| deliver(transaction, login, approval, &earlier);
        let result = self.transaction("deliver_login", work).await;
        map_constraint(result, |constraint| login_constraint(constraint).map(refused))
    }
}

async fn deliver(
    transaction: Transaction<'_>,
    login: &NewLogin,
    approval: &Approval,
    ended_before: &EndedByCall,
) -> Result<Ended<DeliveryOutcome>, StoreError> {
    let approver = &approval.approver;
    let (user, now) = (approver.user, SystemTime::from(login.now));
    let named_device = login.named_device.as_ref().map(DeviceId::as_uuid);
    let no_target: Option<&Uuid> = None;
    let lock: &[Parameter<'_>] = &[("user", user.as_uuid())];
    let of_approver: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("session", approver.session.as_uuid()),
        ("target", &no_target),
    ];
    let of_delivery: &[Parameter<'_>] = &[
        ("user", user.as_uuid()),
        ("session", login.session.as_uuid()),
        ("verification", login.verification.as_uuid()),
        ("approver_session", approver.session.as_uuid()),
        ("approver_device", approver.device.as_uuid()),
        ("fingerprint", &login.details.fingerprint),
        ("named_device", &named_device),
        ("now", &now),
    ];
    let (locked, state, delivery) = tokio::join!(
        biased;
        transaction.fetch_all::<()>(&LOCK_ACCOUNT, lock),
        transaction.fetch_optional::<StateRow>(&READ_STATE, of_approver),
        transaction.fetch_optional::<DeliveryRow>(&READ_DELIVERY, of_delivery),
    );
    locked?;
    let (Some(state), Some(delivery)) = (state?, delivery?) else {
        return transaction.rollback(DeliveryOutcome::Void).await;
    };
    let phone = state.phone_number.clone().and_then(|phone| PhoneNumber::from_stored(phone).ok());
    if delivery.is_used {
        let removed = ended_before.get().unwrap_or_default();
        let own = delivery.into_delivered(user, phone, removed);
        return transaction.rollback(own.unwrap_or(DeliveryOutcome::Void)).await;
    }
    let Some(auth_time) = state.auth_time.map(Timestamp::from) else {
        return transaction.rollback(DeliveryOutcome::Void).await;
    };
    // A scanner that names the device of its approver as its own would end that one's session.
    let is_approver = delivery.earlier.as_ref() == Some(approver.device.as_uuid());
    let is_unchanged = delivery.second_factor == approval.second_factor;
    if !delivery.has_approver || !is_unchanged || is_approver {
        return transaction.rollback(DeliveryOutcome::Void).await;
    }
    let joined = state.standing()?.approves_as(login.now);
    let is_full = delivery.earlier.is_none()
        && usize::try_from(delivery.devices).is_ok_and(|count| count >= MAX_DEVICES);
    let admitted = Admitted {
        user,
        admission: Admission { joined, is_known: false },
        auth_time,
        is_full,
        kept: Some(approver.device),
    };
    let inserted = insert_login(transaction, login, &admitted, ended_before).await?;
    Ok(inserted.map(|outcome| match outcome {
        LoginOutcome::Completed(completed) => {
            let issued_at = login.now;
            let delivered = Delivered { completed, issued_at, auth_time, phone };
            DeliveryOutcome::Delivered(Box::new(delivered))
        }
        outcome => refused(outcome),
    }))
}

fn refused(outcome: LoginOutcome) -> DeliveryOutcome {
    match outcome {
        // Another poll has made another session of it.
        LoginOutcome::VerificationUsed => DeliveryOutcome::Void,
        outcome => DeliveryOutcome::Refused(outcome),
    }
}

impl DeliveryRow {
    /// The session that was made before; none if it has ended, was refreshed or is a minute old.
    fn into_delivered(
        self,
        user: UserId,
        phone: Option<PhoneNumber>,
        removed: Vec<SessionId>,
    ) -> Option<DeliveryOutcome> {
        let (device, installation) = (self.device_id?, self.installation?);
        let user = *user.as_uuid();
        let mut completed =
            LoginCompleted::new(user, device, installation, self.signal_device_id, self.ended);
        completed.ended.extend(removed);
        let (issued_at, auth_time) = (self.issued_at?.into(), self.auth_time?.into());
        let delivered = Delivered { completed, issued_at, auth_time, phone };
        Some(DeliveryOutcome::Delivered(Box::new(delivered)))
    }
}
