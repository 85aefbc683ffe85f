//! Log in: a session of an existing account, on a new device or one that comes back.

use domain::access::{
    Admission, EarlierToken, LogInAccount, LogInDecision, LogInPolicy, LogInShown, MAX_DEVICES,
    decide_log_in,
};
use domain::device::{MAX_SIGNAL_DEVICE_ID, SIGNAL_DEVICE_ID_REUSE_DELAY};
use domain::ids::{DeviceId, SessionId, UserId};
use domain::phone::PhoneNumber;
use domain::prekey::RegistrationId;
use domain::time::Timestamp;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::device_limit::{Room, make_room};
use super::new_login::{
    DEVICE_COLUMNS, LoginCompleted, LoginOutcome, NewLogin, SESSION_COLUMNS, TYPES, find_own_login,
    map_login_constraint,
};
use crate::store::access::second_factor::spend;
use crate::store::connection::Store;
use crate::store::ended_by_call::EndedByCall;
use crate::store::error::StoreError;
use crate::store::keys::publish::IS_DEVICE;
use crate::store::outbox::audit::audit;
use crate::store::outbox::session_ended::session_ended;
use crate::store::statement::{LazyStatement, Parameter, Statement, row_struct};
use crate::store::transaction::{Ended, Transaction};

static LOCK_ACCOUNT: LazyStatement = LazyStatement::new(|| {
    Statement::new(
        "lock_account",
        "UPDATE auth.users_auth SET last_authenticated_at = :now
          WHERE phone_number = :phone RETURNING id",
        [("phone", Type::TEXT), ("now", Type::TIMESTAMPTZ)],
    )
});

row_struct! {
    struct LockedAccountRow { id: Uuid }
}

/// Whether the session of an earlier token counts: these reasons say that someone else may hold
/// its tokens, or that they were to mean nothing any more.
const COUNTS: &str = "coalesce(s.revoked_for NOT IN
    ('logout_all', 'refresh_reused', 'device_removed', 'second_factor_changed'), true)";

/// What the decision about a log-in depends on: a statement of its own behind the lock, so that it
/// sees what was committed while it waited.
static READ_LOG_IN_STATE: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "SELECT u.two_factor_enabled, u.recovery_code_hash IS NOT NULL AS has_registration_lock,
                u.log_ins_stopped_since,
                (SELECT max(greatest(d.last_active,
                          (SELECT max(rotated_at) FROM auth.sessions WHERE device_id = d.id)))
                   FROM auth.devices d WHERE d.user_id = u.id) AS last_active,
                (SELECT count(*) FROM auth.devices d WHERE d.user_id = u.id) AS devices,
                EXISTS (SELECT FROM auth.devices d WHERE d.user_id = u.id AND {device})
                  AS has_device,
                s.id IS NOT NULL AS has_earlier_token,
                coalesce((SELECT d.id = s.device_id FROM auth.devices d
                  WHERE d.user_id = u.id AND {device}), false) AS is_of_this_device
           FROM auth.users_auth u
           LEFT JOIN auth.sessions s
             ON s.id = :previous_session AND s.user_id = u.id AND {COUNTS}
          WHERE u.phone_number = :phone",
        device = IS_DEVICE.replace(":user", "u.id"),
    );
    let types = [
        ("phone", Type::TEXT),
        ("previous_session", Type::UUID),
        ("fingerprint", Type::TEXT),
        ("named_device", Type::UUID),
    ];
    Statement::new("read_log_in_state", &sql, types)
});

row_struct! {
    struct LogInStateRow {
        two_factor_enabled: bool,
        has_registration_lock: bool,
        log_ins_stopped_since: Option<SystemTime>,
        last_active: Option<SystemTime>,
        devices: i64,
        has_device: bool,
        has_earlier_token: bool,
        is_of_this_device: bool,
    }
}

/// The account's row is locked first (`lock_account`): this statement sees what was committed
/// before, and two log-ins of one device follow each other. Then the old session, then the
/// device. It writes nothing and returns no row if the verification is used.
static INSERT_LOGIN: LazyStatement = LazyStatement::new(|| {
    let sql = format!(
        "WITH used AS (
           INSERT INTO auth.used_verifications (verification_id, used_by, used_at)
           VALUES (:verification, :session, :now)
           ON CONFLICT DO NOTHING RETURNING 1),
         account AS (SELECT :user AS user_id FROM used),
         earlier AS MATERIALIZED ( -- the row that the device comes back to, if it has one
           SELECT d.id, d.device_fingerprint, d.is_verified FROM auth.devices d
            WHERE d.user_id = :user AND {device}),
         doubted AS ( -- anyone may know the ids of a device: only an earlier token shows that
           SELECT e.id FROM earlier e -- it is the same
            WHERE e.is_verified AND :joined <> 'approved' AND NOT EXISTS (
              SELECT FROM auth.sessions s
               WHERE s.id = :previous_session AND s.device_id = e.id AND {COUNTS})),
         vouched AS ( -- an older device has let it in
           SELECT e.id FROM earlier e WHERE NOT e.is_verified AND :joined = 'approved'),
         version AS (
           UPDATE auth.users_auth SET device_list_version = device_list_version + 1
            WHERE id = (SELECT user_id FROM account)
              AND (EXISTS (SELECT FROM doubted) OR EXISTS (SELECT FROM vouched))),
         ended AS (
           UPDATE auth.sessions AS s
              SET revoked_at = :now, revoked_for = 'replaced', ended_by = :session
             FROM earlier AS e
            WHERE s.device_id = e.id AND s.revoked_at IS NULL AND EXISTS (SELECT FROM used)
           RETURNING s.id, s.user_id),
         numbers AS (
           SELECT greatest(0,
                    (SELECT max(signal_device_id) FROM auth.devices WHERE user_id = :user),
                    (SELECT max(signal_device_id) FROM auth.released_signal_device_ids
                      WHERE user_id = :user)) AS highest),
         number AS ( -- the next, or else the one released longest ago
           SELECT CASE WHEN highest < {MAX_SIGNAL_DEVICE_ID} THEN highest + 1 ELSE (
             SELECT r.signal_device_id FROM auth.released_signal_device_ids r
              WHERE r.user_id = :user AND r.released_at <= :now - interval '{reuse} days'
                AND (r.registration_id IS NULL OR r.registration_id <> :registration_id)
                AND NOT EXISTS (SELECT FROM auth.devices o
                     WHERE o.user_id = :user AND o.signal_device_id = r.signal_device_id)
              ORDER BY r.released_at LIMIT 1) END AS free
             FROM numbers),
         device AS (
           INSERT INTO auth.devices AS d ({DEVICE_COLUMNS})
           SELECT :device, :user,
                  coalesce((SELECT device_fingerprint FROM earlier), :fingerprint),
                  coalesce(:device_name, :default_device_name),
                  coalesce(:device_type, :default_device_type), :model, :os_version, :app_version,
                  :fcm_token, :apns_token,
                  (:joined = 'approved')
                    OR NOT EXISTS (SELECT 1 FROM auth.devices o WHERE o.user_id = :user),
                  :now, :now, :now, CASE WHEN :has_keys THEN (SELECT free FROM number) END,
                  :joined, :now
             FROM used
            WHERE (SELECT count(*) FROM ended) >= 0 -- the old session ends before all else
           ON CONFLICT (user_id, device_fingerprint) DO UPDATE SET
             device_name = coalesce(:device_name, d.device_name),
             device_type = coalesce(:device_type, d.device_type),
             model = coalesce(excluded.model, d.model),
             os_version = coalesce(excluded.os_version, d.os_version),
             app_version = coalesce(excluded.app_version, d.app_version),
             fcm_token = coalesce(excluded.fcm_token, d.fcm_token),
             apns_token = coalesce(excluded.apns_token, d.apns_token),
             is_verified = (:joined = 'approved')
               OR d.is_verified AND NOT EXISTS (SELECT FROM doubted),
             joined = CASE WHEN :is_known THEN d.joined ELSE excluded.joined END,
             joined_at = CASE WHEN :is_known THEN d.joined_at ELSE excluded.joined_at END,
             is_active = true, last_active = :now, updated_at = :now,
             signal_device_id = coalesce(d.signal_device_id, excluded.signal_device_id)
           RETURNING id, user_id, device_fingerprint, id = :device AS is_new, signal_device_id),
         session AS (
           INSERT INTO auth.sessions ({SESSION_COLUMNS})
           SELECT :session, user_id, id, :auth_time, :now, :now, :expires_at, :now
             FROM device),
         history AS (
           INSERT INTO auth.login_history (id, user_id, device_id, ip_address, status, created_at)
           SELECT :history, user_id, id, :address, 'success', :now FROM device),
         added_event AS (
           INSERT INTO auth.outbox (user_id, topic, payload, created_at)
           SELECT user_id, 'device.added',
                  jsonb_build_object('userId', user_id, 'deviceId', id, 'timestamp', :timestamp),
                  :now
             FROM device WHERE is_new),
         {ended_event},
         {audit}
         SELECT user_id, id AS device_id, device_fingerprint AS installation,
                CASE WHEN :has_keys
                       OR EXISTS (SELECT FROM auth.identity_keys i WHERE i.device_id = device.id)
                THEN signal_device_id END AS signal_device_id,
                array(SELECT id FROM ended) AS ended
           FROM device",
        device = IS_DEVICE,
        reuse = SIGNAL_DEVICE_ID_REUSE_DELAY.as_secs() / (24 * 3600),
        ended_event = session_ended("ended"),
        audit = audit("account"),
    );
    let own = [
        ("registration_id", Type::INT4),
        ("named_device", Type::UUID),
        ("previous_session", Type::UUID),
        ("joined", Type::TEXT),
        ("is_known", Type::BOOL),
        ("auth_time", Type::TIMESTAMPTZ),
    ];
    Statement::new("insert_login", &sql, [&TYPES[..], &own].concat())
});

row_struct! {
    struct InsertedLoginRow {
        user_id: Uuid,
        device_id: Uuid,
        installation: String,
        signal_device_id: Option<i16>,
        ended: Vec<Uuid>,
    }
}

/// Idle accounts open as before until a log-in can start over.
const POLICY: LogInPolicy = LogInPolicy { idle_after: Duration::MAX, serves_shipped_clients: true };

impl LogInStateRow {
    /// Whether the log-in would add a device to an account that has as many as it may have.
    fn is_full(&self) -> bool {
        !self.has_device && usize::try_from(self.devices).is_ok_and(|count| count >= MAX_DEVICES)
    }

    fn decide(&self, login: &NewLogin) -> LogInDecision {
        let account = LogInAccount {
            has_second_factor: self.two_factor_enabled,
            has_registration_lock: self.has_registration_lock,
            last_active: self.last_active.map(Timestamp::from),
            stopped_since: self.log_ins_stopped_since.map(Timestamp::from),
        };
        let earlier_token = match (self.has_earlier_token, self.is_of_this_device) {
            (true, true) => EarlierToken::OfThisDevice,
            (true, false) => EarlierToken::OfAccount,
            (false, _) => EarlierToken::None,
        };
        let shown = LogInShown {
            earlier_token,
            second_factor: login.second_factor.is_some(),
            recovery_code: false,
            start_over: false,
        };
        decide_log_in(&account, shown, &POLICY, login.now)
    }
}

pub(in crate::store) static STATEMENTS: &[&LazyStatement] =
    &[&LOCK_ACCOUNT, &READ_LOG_IN_STATE, &INSERT_LOGIN];

/// A log-in that the state of its account allows.
pub(super) struct Admitted {
    pub user: UserId,
    pub admission: Admission,
    /// When the number was proven: now, or as its approver has it.
    pub auth_time: Timestamp,
    /// Whether a device must make room.
    pub is_full: bool,
    /// The device that never makes room: the one that approves.
    pub kept: Option<DeviceId>,
}

impl Store {
    /// Creates a session of an existing account: two statements, two more for keys, one
    /// commit. Three round trips; two more where a device makes room.
    pub async fn log_in(
        &self,
        login: &NewLogin,
        phone: &PhoneNumber,
    ) -> Result<LoginOutcome, StoreError> {
        let earlier = EndedByCall::default();
        let work = |transaction| log_in(transaction, login, phone, &earlier);
        map_login_constraint(self.transaction("log_in", work).await)
    }
}

async fn log_in(
    transaction: Transaction<'_>,
    login: &NewLogin,
    phone: &PhoneNumber,
    earlier: &EndedByCall,
) -> Result<Ended<LoginOutcome>, StoreError> {
    let (phone, now) = (phone.as_e164(), SystemTime::from(login.now));
    let named_device = login.named_device.as_ref().map(DeviceId::as_uuid);
    let previous_session = login.previous_session.as_ref().map(SessionId::as_uuid);
    let lock: &[Parameter<'_>] = &[("phone", &phone), ("now", &now)];
    let of_log_in: &[Parameter<'_>] = &[
        ("phone", &phone),
        ("previous_session", &previous_session),
        ("fingerprint", &login.details.fingerprint),
        ("named_device", &named_device),
    ];
    let (account, state) = tokio::join!(
        biased;
        transaction.fetch_optional::<LockedAccountRow>(&LOCK_ACCOUNT, lock),
        transaction.fetch_optional::<LogInStateRow>(&READ_LOG_IN_STATE, of_log_in),
    );
    let (Some(account), Some(state)) = (account?, state?) else {
        return transaction.rollback(LoginOutcome::AccountNotFound).await;
    };
    let user = UserId::from_uuid(account.id);
    let admission = match state.decide(login) {
        LogInDecision::Admit(admission) => admission,
        LogInDecision::RegistrationLocked { lapses_in } => {
            return transaction.rollback(LoginOutcome::RegistrationLocked { lapses_in }).await;
        }
        // Idle accounts are not told apart yet (see POLICY).
        LogInDecision::SecondFactorRequired | LogInDecision::StartOver | LogInDecision::Idle => {
            return transaction.rollback(LoginOutcome::SecondFactorRequired).await;
        }
    };
    if let Some(claim) = &login.second_factor
        && state.two_factor_enabled
        && !spend(&transaction, user, claim, login.session.as_uuid()).await?
    {
        return transaction.rollback(LoginOutcome::SecondFactorSpent).await;
    }
    let (auth_time, is_full) = (login.now, state.is_full());
    let admitted = Admitted { user, admission, auth_time, is_full, kept: None };
    insert_login(transaction, login, &admitted, earlier).await
}

/// Writes a log-in whose account is locked, and commits.
pub(super) async fn insert_login(
    transaction: Transaction<'_>,
    login: &NewLogin,
    admitted: &Admitted,
    earlier: &EndedByCall,
) -> Result<Ended<LoginOutcome>, StoreError> {
    let derived = login.derived(admitted.auth_time);
    let (user, admission) = (admitted.user, admitted.admission);
    let mut replaced = Vec::new();
    if admitted.is_full {
        // On the heap: few log-ins meet the limit, and the others need not carry its state.
        match Box::pin(make_room(&transaction, login, user, admission, admitted.kept)).await? {
            Room::Made(ended) => {
                earlier.set(&ended);
                replaced = ended;
            }
            Room::Full(devices) => {
                return transaction.rollback(LoginOutcome::DeviceLimit(devices)).await;
            }
        }
    }
    let registration = login.keys.as_ref().and_then(|new| new.keys.registration);
    let registration = registration.map(RegistrationId::get);
    let named_device = login.named_device.as_ref().map(DeviceId::as_uuid);
    let previous_session = login.previous_session.as_ref().map(SessionId::as_uuid);
    let mut parameters = login.parameters(&user, &derived);
    let joined = admission.joined.as_str();
    parameters.extend::<[Parameter<'_>; 6]>([
        ("registration_id", &registration),
        ("named_device", &named_device),
        ("previous_session", &previous_session),
        ("joined", &joined),
        ("is_known", &admission.is_known),
        ("auth_time", &derived.auth_time),
    ]);
    let (inserted, published) = tokio::join!(
        biased;
        transaction.fetch_optional(&INSERT_LOGIN, &parameters),
        login.publish_keys(&transaction, user),
    );
    let inserted: Option<InsertedLoginRow> = inserted?;
    let Some(inserted) = inserted else {
        let used = find_own_login(transaction, login).await?;
        return Ok(used.map(|used| match used {
            Some(LoginOutcome::Completed(mut own)) => {
                own.ended.extend(earlier.get().unwrap_or_default());
                LoginOutcome::Completed(own)
            }
            used => used.unwrap_or(LoginOutcome::VerificationUsed),
        }));
    };
    // Without keys no peer addresses the device, and it takes none of the 127 ids.
    if login.keys.is_some() && inserted.signal_device_id.is_none() {
        return transaction.rollback(LoginOutcome::DeviceIdsExhausted).await;
    }
    if !published? {
        return transaction.rollback(LoginOutcome::LastResortClash).await;
    }
    let mut completed = LoginCompleted::new(
        inserted.user_id,
        inserted.device_id,
        inserted.installation,
        inserted.signal_device_id,
        inserted.ended,
    );
    completed.ended.extend(replaced);
    transaction.commit(LoginOutcome::Completed(completed)).await
}
