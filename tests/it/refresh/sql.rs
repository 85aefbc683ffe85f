//! The pure function and the statement of the store say the same: random sequences on one
//! row, compared after every step, and the model's runs over the statement.

use super::model::{self, BEGINNING, Pure, Server};
use domain::ids::{CallId, DeviceId, SessionId, UserId};
use domain::principal::Principal;
use domain::session::{
    MAX_FORKS, Rotation, RotationOutcome, TokenPosition, expires_at, rotate, rotate_restored,
};
use domain::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use shared::audit::{AuditEntry, SecurityEvent};
use shared::clock::Rng;
use std::time::{Duration, SystemTime};
use tests::Service;
use tests::stores::connect;
use tests::token::claims;
use tokio::runtime::{Handle, Runtime};

/// One session's row, and the store that turns it.
struct Row {
    service: Service,
    principal: Principal,
    look: tokio_postgres::Client,
}

/// What a row holds of its rotation, when it expires, and why it ended if it has.
#[derive(Debug, PartialEq)]
struct Seen {
    rotation: Rotation,
    expires_at: Timestamp,
    ended: Option<(Timestamp, String)>,
}

impl Row {
    async fn new() -> Self {
        let service = Service::start().await;
        let session = service.client().sign_up(super::PHONE).await;
        let id = |name: &str| claims(&session.access)[name].as_str().unwrap().parse().unwrap();
        let principal = Principal {
            user: UserId::from_uuid(id("sub")),
            session: SessionId::from_uuid(id("sid")),
            device: DeviceId::from_uuid(id("deviceId")),
        };
        let look = connect(&service.stores.database_url).await;
        Self { service, principal, look }
    }

    /// As a log-in at `auth_time` would have left it, but for the rotation.
    async fn reset(&self, rotation: Rotation, auth_time: Timestamp) {
        let at = |at: Timestamp| SystemTime::from(at);
        let expires = expires_at(rotation.issued_at, auth_time);
        self.look
            .execute(
                "UPDATE auth.sessions SET generation = $1, forks = $2, used_fork = $3,
                   issued_at = $4, rotated_at = $5, auth_time = $6, expires_at = $7,
                   revoked_at = NULL, revoked_for = NULL, ended_by = NULL",
                &[
                    &rotation.generation,
                    &rotation.forks,
                    &rotation.used_fork,
                    &at(rotation.issued_at),
                    &at(rotation.rotated_at),
                    &at(auth_time),
                    &at(expires),
                ],
            )
            .await
            .unwrap();
    }

    async fn seen(&self) -> Seen {
        let row = self
            .look
            .query_one(
                "SELECT generation, forks, used_fork, issued_at, rotated_at, expires_at,
                        revoked_at, revoked_for FROM auth.sessions",
                &[],
            )
            .await
            .unwrap();
        let at = |column| Timestamp::from(row.get::<_, SystemTime>(column));
        let revoked_at: Option<SystemTime> = row.get(6);
        Seen {
            rotation: Rotation {
                generation: row.get(0),
                forks: row.get(1),
                used_fork: row.get(2),
                issued_at: at(3),
                rotated_at: at(4),
            },
            expires_at: at(5),
            ended: revoked_at.map(|at| (at.into(), row.get(7))),
        }
    }

    async fn rotate(&self, token: TokenPosition, now: Timestamp) -> Option<RotationOutcome> {
        self.rotate_issued(token, now, now).await
    }

    async fn rotate_issued(
        &self,
        token: TokenPosition,
        issued_at: Timestamp,
        now: Timestamp,
    ) -> Option<RotationOutcome> {
        let event = SecurityEvent::RefreshTokenReused;
        let audit = AuditEntry::new(event, Some(self.principal.session), "203.0.113.7", now, Rng);
        let store = &self.service.state.core.store;
        let exchanged = store
            .exchange_refresh_token(self.principal, (token, issued_at), now, || {
                (CallId::new(Rng.bytes()), audit)
            })
            .await;
        exchanged.expect("the statement runs").map(|exchanged| exchanged.outcome)
    }

    async fn log_out(&self, now: Timestamp) {
        let event = SecurityEvent::SessionEnded;
        let audit = AuditEntry::new(event, Some(self.principal.session), "203.0.113.7", now, Rng);
        let store = &self.service.state.core.store;
        let call = CallId::new(Rng.bytes());
        store.end_session(self.principal, call, now, &audit).await.expect("the statement runs");
    }
}

/// A token near what a row knows, or far from it.
fn tokens() -> impl Strategy<Value = (Option<i32>, Option<i32>)> {
    let generation = prop_oneof![
        4 => Just(Some(0)),
        4 => Just(Some(-1)),
        3 => (-10_i32..=1).prop_map(Some),
        1 => Just(None),
    ];
    let fork = prop_oneof![
        6 => Just(Some(0)),
        2 => (-1_i32..4).prop_map(Some),
        1 => Just(None),
    ];
    (generation, fork)
}

fn waits() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => Just(Duration::ZERO),
        3 => (9_998_u64..=10_002).prop_map(Duration::from_millis),
        3 => (1_u64..60_000).prop_map(Duration::from_millis),
        1 => (1_u64..20).prop_map(|days| Duration::from_secs(days * 24 * 3600)),
    ]
}

/// A row as rotation may have left it, long ago or just now.
fn rows() -> impl Strategy<Value = Rotation> {
    let forks = prop_oneof![3 => 1_i32..4, 2 => MAX_FORKS - 2..=MAX_FORKS];
    let parent = prop_oneof![Just(0_i32), 0_i32..MAX_FORKS];
    (prop_oneof![Just(0_i32), 0_i32..20, Just(i32::MAX - 1_000)], forks, parent).prop_map(
        |(generation, forks, parent)| Rotation {
            generation,
            forks,
            used_fork: (generation > 0).then_some(parent),
            issued_at: BEGINNING,
            rotated_at: BEGINNING,
        },
    )
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// Sets a property up over one row in one database; each case begins with the row anew.
fn over_a_row<S: Strategy>(cases: u32, strategy: S, test: impl Fn(&Handle, &Row, S::Value)) {
    let runtime = Runtime::new().unwrap();
    let row = runtime.block_on(Row::new());
    let result = TestRunner::new(config(cases)).run(&strategy, |value| {
        test(runtime.handle(), &row, value);
        Ok::<(), TestCaseError>(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn the_statement_and_the_pure_function_say_the_same() {
    let sequences = prop::collection::vec((tokens(), waits()), 1..25);
    over_a_row(60, (rows(), sequences), |runtime, store, (first, sequence)| {
        let mut row = first;
        let mut now = BEGINNING;
        let auth_time = BEGINNING - Duration::from_hours(40 * 24);
        let mut expires = expires_at(row.issued_at, auth_time);
        runtime.block_on(store.reset(row, auth_time));
        for ((generation, fork), wait) in sequence {
            now = now + wait;
            // Relative to the row; far away where there is nothing to be near to.
            let generation = generation.map_or(i32::MIN, |by| row.generation.saturating_add(by));
            let is_parent = generation == row.generation - 1;
            let near = if is_parent { row.used_fork.unwrap_or(0) } else { row.forks - 1 };
            let fork = fork.map_or(i32::MAX, |by| near.saturating_sub(by));
            let position = TokenPosition { generation, fork };

            let outcome = runtime.block_on(store.rotate(position, now));
            let expected = (now < expires).then(|| rotate(row, position, now));
            assert_eq!(outcome, expected, "{position:?} of {row:?} at {now:?}");
            let mut ended = None;
            match expected {
                Some(RotationOutcome::Issued(next)) => {
                    if next != row {
                        expires = expires_at(next.issued_at, auth_time);
                    }
                    row = next;
                }
                Some(RotationOutcome::Reused) => ended = Some((now, "refresh_reused".to_owned())),
                Some(RotationOutcome::Superseded) | None => {}
            }
            let over = ended.is_some() || expected.is_none();
            let seen = runtime.block_on(store.seen());
            assert_eq!(seen, Seen { rotation: row, expires_at: expires, ended });
            if over {
                assert_eq!(runtime.block_on(store.rotate(row.newest(), now)), None);
                break;
            }
        }
    });
}

/// A token that was issued until the restore may be of the history that is lost; a later one may not.
#[test]
fn over_a_restored_row_the_statement_and_the_pure_function_say_the_same() {
    let ahead = (-10_i32..=6, -2_i32..=3, any::<bool>());
    let sequences = prop::collection::vec((ahead, waits()), 1..15);
    over_a_row(60, (rows(), sequences), |runtime, store, (first, sequence)| {
        let (mut row, mut now) = (first, BEGINNING + Duration::from_mins(1));
        let restore = "INSERT INTO auth.restores (backup_at, restored_at) VALUES ($1, $2)
                       ON CONFLICT DO NOTHING";
        let restored_at = SystemTime::from(BEGINNING + Duration::from_secs(30));
        let times = [SystemTime::from(BEGINNING), restored_at];
        runtime.block_on(store.look.execute(restore, &[&times[0], &times[1]])).unwrap();
        runtime.block_on(store.reset(row, BEGINNING));
        for ((by, fork_by, is_old), wait) in sequence {
            now = now + wait.min(Duration::from_hours(1));
            let generation = row.generation.saturating_add(by);
            let position = TokenPosition { generation, fork: row.forks - 1 + fork_by };
            let issued_at = BEGINNING + Duration::from_secs(if is_old { 30 } else { 31 });
            let expected = if is_old {
                rotate_restored(row, position, now)
            } else {
                rotate(row, position, now)
            };
            let outcome = runtime.block_on(store.rotate_issued(position, issued_at, now));
            assert_eq!(outcome, Some(expected), "{position:?} of {row:?}, old: {is_old}");
            match expected {
                RotationOutcome::Issued(next) => row = next,
                RotationOutcome::Superseded => {}
                RotationOutcome::Reused => break,
            }
            assert_eq!(runtime.block_on(store.seen()).rotation, row);
        }
    });
}

/// The token of an expired session has expired too, so only the store can be asked.
#[tokio::test]
async fn the_statement_refuses_every_token_of_an_expired_session() {
    let row = Row::new().await;
    let at = |days: u64, millis| {
        BEGINNING + Duration::from_hours(24 * days) - Duration::from_millis(millis)
    };
    // Thirty days after the newest token; ninety after the log-in, whatever was issued since.
    for (issued, ends) in [(0, 30), (70, 90)] {
        let first = Rotation { issued_at: at(issued, 0), ..Rotation::first(BEGINNING) };
        for generation in [0, 1] {
            let row_then = match generation {
                0 => first,
                _ => Rotation { generation, used_fork: Some(0), ..first },
            };
            // The newest token, and the one that was exchanged for it.
            let token = TokenPosition { generation: 0, fork: 0 };
            row.reset(row_then, BEGINNING).await;
            assert_eq!(row.rotate(token, at(ends, 0)).await, None, "{generation}, day {ends}");
            assert_eq!(row.seen().await.rotation, row_then);
            let before = row.rotate(token, at(ends, 1)).await;
            assert!(matches!(before, Some(RotationOutcome::Issued(_))), "{generation}, day {ends}");
            let expires = expires_at(at(ends, 1), BEGINNING);
            assert_eq!(row.seen().await.expires_at, expires, "{generation}, day {ends}");
        }
    }
}

/// The statement as the model's server.
struct Statement<'a> {
    runtime: &'a Handle,
    row: &'a Row,
}

impl<'a> Statement<'a> {
    fn new(runtime: &'a Handle, row: &'a Row) -> Self {
        // So far ahead of the model's longest run that no session ends of age in it.
        runtime.block_on(row.reset(Rotation::first(BEGINNING), BEGINNING));
        Self { runtime, row }
    }
}

impl Server for Statement<'_> {
    fn rotate(&mut self, token: TokenPosition, now: Timestamp) -> Option<RotationOutcome> {
        // Age is not what the model is about: the row never grows old.
        let life = "UPDATE auth.sessions SET expires_at = 'infinity' WHERE revoked_at IS NULL";
        self.runtime.block_on(self.row.look.execute(life, &[])).unwrap();
        self.runtime.block_on(self.row.rotate(token, now))
    }

    fn log_out(&mut self, now: Timestamp) {
        self.runtime.block_on(self.row.log_out(now));
    }
}

#[test]
fn over_the_statement_a_client_that_keeps_the_rule_is_never_signed_out() {
    over_a_row(25, model::steps(60), |runtime, row, steps| {
        let advanced = model::honest_client(Statement::new(runtime, row), &steps);
        assert_eq!(advanced, model::honest_client(Pure::new(), &steps));
    });
}

#[test]
fn over_the_statement_a_thief_and_the_owner_cannot_both_go_on() {
    over_a_row(25, (0_usize..4, model::turns(12)), |runtime, row, (before, turns)| {
        model::thief(Statement::new(runtime, row), before, &turns);
    });
}

#[test]
fn over_the_statement_nothing_yields_a_token_after_a_logout() {
    over_a_row(25, (model::steps(20), model::steps(20)), |runtime, row, (before, after)| {
        model::logout(Statement::new(runtime, row), &before, &after);
    });
}
