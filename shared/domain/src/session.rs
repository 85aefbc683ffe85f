//! Refresh-token rotation: which token of a session may be exchanged, and for what.
//!
//! A session counts *generations*. Its newest generation has one or more *forks*:
//! equally good tokens, made when a client asked again because a reply was lost. Once
//! one fork is used, its siblings are worth nothing. So a client that lost any number
//! of replies goes on, while of two holders of one token only one can.
//!
//! The store decides by one guarded UPDATE whose expressions say the same as
//! [`rotate`]; a property test holds the two together.

use crate::time::Timestamp;
use std::time::Duration;

/// A refresh token, and the idle life of a session.
pub const REFRESH_TTL: Duration = Duration::from_hours(30 * 24);
/// A session ends this long after its log-in, however often it is refreshed.
pub const SESSION_TTL: Duration = Duration::from_hours(90 * 24);
/// For so long after its issue a refresh token, valid or not, tells a known device.
pub const EARLIER_TOKEN_TTL: Duration = Duration::from_hours(400 * 24);
/// A client that repeats itself within this time gets the same answer.
pub const REPEAT_WINDOW: Duration = Duration::from_secs(10);
/// Forks of one generation; from then on the last is given again.
pub const MAX_FORKS: i32 = 100;
/// How far back a spent token is excused within [`REPEAT_WINDOW`] of the rotation.
pub const SUPERSEDED_GENERATIONS: i32 = 8;

/// What the row of a live session holds of its rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    pub generation: i32,
    /// How many forks the newest generation has, at least one.
    pub forks: i32,
    /// Which fork of the generation before was exchanged for this one.
    pub used_fork: Option<i32>,
    /// When the newest fork was made.
    pub issued_at: Timestamp,
    /// When the newest generation was made.
    pub rotated_at: Timestamp,
}

/// What a refresh token says of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPosition {
    pub generation: i32,
    pub fork: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The session goes on as told, with the token of [`Rotation::newest`].
    Issued(Rotation),
    /// Another tab was quicker: no token, nothing changes.
    Superseded,
    /// A spent token came back: the session ends.
    Reused,
}

impl Rotation {
    /// A session as log-in makes it: generation 0 with one fork.
    #[must_use]
    pub const fn first(now: Timestamp) -> Self {
        Self { generation: 0, forks: 1, used_fork: None, issued_at: now, rotated_at: now }
    }

    /// The newest token.
    #[must_use]
    pub const fn newest(&self) -> TokenPosition {
        TokenPosition { generation: self.generation, fork: self.forks - 1 }
    }
}

/// When the token issued at `issued_at` of a session begun at `auth_time` expires.
#[must_use]
pub fn expires_at(issued_at: Timestamp, auth_time: Timestamp) -> Timestamp {
    (issued_at + REFRESH_TTL).min(auth_time + SESSION_TTL)
}

/// Seconds from `now` until that token expires.
#[must_use]
pub fn refresh_expires_in(issued_at: Timestamp, auth_time: Timestamp, now: Timestamp) -> u64 {
    expires_at(issued_at, auth_time).since(now).as_secs()
}

/// Exchanges the token at `place` at the time `now`.
#[must_use]
pub fn rotate(row: Rotation, position: TokenPosition, now: Timestamp) -> RotationOutcome {
    let of_this_generation =
        position.generation == row.generation && (0..row.forks).contains(&position.fork);
    if of_this_generation {
        return RotationOutcome::Issued(Rotation {
            generation: row.generation + 1,
            forks: 1,
            used_fork: Some(position.fork),
            issued_at: now,
            rotated_at: now,
        });
    }
    let is_parent =
        position.generation == row.generation - 1 && row.used_fork == Some(position.fork);
    if is_parent {
        let repeated = now < row.issued_at + REPEAT_WINDOW;
        if repeated || row.forks >= MAX_FORKS {
            return RotationOutcome::Issued(row);
        }
        return RotationOutcome::Issued(Rotation { forks: row.forks + 1, issued_at: now, ..row });
    }
    let recently_spent = position.generation >= 0
        && position.fork >= 0
        && position.generation < row.generation
        && position.generation >= row.generation - SUPERSEDED_GENERATIONS
        && now < row.rotated_at + REPEAT_WINDOW;
    if recently_spent { RotationOutcome::Superseded } else { RotationOutcome::Reused }
}

/// The same for a row that went back to a backup, and a token from before the restore that it does not
/// know: of a later generation, or a later fork of the newest. The service issued it, and the row goes
/// on from it. Tokens before it are spent.
#[must_use]
pub fn rotate_restored(row: Rotation, position: TokenPosition, now: Timestamp) -> RotationOutcome {
    match rotate(row, position, now) {
        RotationOutcome::Reused if position.generation >= row.generation && position.fork >= 0 => {
            RotationOutcome::Issued(Rotation {
                generation: position.generation + 1,
                forks: 1,
                used_fork: Some(position.fork),
                issued_at: now,
                rotated_at: now,
            })
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn at(seconds: u64) -> Timestamp {
        T0 + Duration::from_secs(seconds)
    }

    fn issued(outcome: RotationOutcome) -> Rotation {
        match outcome {
            RotationOutcome::Issued(rotation) => rotation,
            other => panic!("{other:?}"),
        }
    }

    fn position(generation: i32, fork: i32) -> TokenPosition {
        TokenPosition { generation, fork }
    }

    #[test]
    fn the_newest_token_rotates() {
        let row = issued(rotate(Rotation::first(T0), position(0, 0), at(5)));
        assert_eq!(
            row,
            Rotation {
                generation: 1,
                forks: 1,
                used_fork: Some(0),
                issued_at: at(5),
                rotated_at: at(5)
            }
        );
        assert_eq!(row.newest(), position(1, 0));
    }

    #[test]
    fn a_repeat_within_the_window_gets_the_same_token() {
        let row = issued(rotate(Rotation::first(T0), position(0, 0), at(5)));
        assert_eq!(rotate(row, position(0, 0), at(14)), RotationOutcome::Issued(row));
        assert_eq!(issued(rotate(row, position(0, 0), at(15))).newest(), position(1, 1));
    }

    #[test]
    fn a_later_repeat_forks_and_any_fork_goes_on() {
        let row = issued(rotate(Rotation::first(T0), position(0, 0), at(0)));
        let row = issued(rotate(row, position(0, 0), at(60)));
        assert_eq!((row.newest(), row.issued_at, row.rotated_at), (position(1, 1), at(60), at(0)));
        for fork in 0..2 {
            let next = issued(rotate(row, position(1, fork), at(100)));
            assert_eq!((next.generation, next.forks, next.used_fork), (2, 1, Some(fork)));
            // Its sibling is worth nothing: superseded at once, theft later.
            assert_eq!(rotate(next, position(1, 1 - fork), at(101)), RotationOutcome::Superseded);
            assert_eq!(rotate(next, position(1, 1 - fork), at(111)), RotationOutcome::Reused);
        }
    }

    #[test]
    fn a_restored_row_goes_on_from_the_newest_token_and_no_other() {
        let backup = issued(rotate(Rotation::first(T0), position(0, 0), at(0)));
        // The client was at generation 5 when the database was lost.
        let row = issued(rotate_restored(backup, position(5, 0), at(1000)));
        assert_eq!((row.generation, row.forks, row.used_fork), (6, 1, Some(0)));
        assert_eq!(rotate_restored(row, position(5, 0), at(1001)), RotationOutcome::Issued(row));
        for spent in [position(1, 0), position(4, 0)] {
            assert_eq!(rotate_restored(row, spent, at(1011)), RotationOutcome::Reused);
        }
        // A thief with a spent token is first: the owner goes on, and the thief is found.
        let thief = issued(rotate_restored(backup, position(2, 0), at(1000)));
        let owner = issued(rotate_restored(thief, position(5, 0), at(1020)));
        assert_eq!(rotate_restored(owner, thief.newest(), at(1040)), RotationOutcome::Reused);
        // A fork that the row does not know.
        let row = issued(rotate_restored(backup, position(1, 3), at(1000)));
        assert_eq!((row.generation, row.used_fork), (2, Some(3)));
        assert_eq!(rotate_restored(backup, position(2, -1), at(9)), RotationOutcome::Reused);
    }

    #[test]
    fn forks_end_at_a_hundred() {
        let mut row = issued(rotate(Rotation::first(T0), position(0, 0), at(0)));
        for n in 1..200 {
            row = issued(rotate(row, position(0, 0), at(n * 60)));
        }
        assert_eq!(row.newest(), position(1, 99));
        assert_eq!(row.issued_at, at(99 * 60));
    }

    #[test]
    fn a_token_whose_successor_was_used_never_yields_again() {
        let one = issued(rotate(Rotation::first(T0), position(0, 0), at(0)));
        let two = issued(rotate(one, position(1, 0), at(1)));
        assert_eq!(rotate(two, position(0, 0), at(2)), RotationOutcome::Superseded);
        assert_eq!(rotate(two, position(0, 0), at(11)), RotationOutcome::Reused);
    }

    #[test]
    fn nine_generations_back_is_theft_at_any_time() {
        let row = Rotation {
            generation: 20,
            forks: 1,
            used_fork: Some(0),
            issued_at: T0,
            rotated_at: T0,
        };
        assert_eq!(rotate(row, position(12, 0), at(1)), RotationOutcome::Superseded);
        assert_eq!(rotate(row, position(11, 0), at(1)), RotationOutcome::Reused);
    }

    #[test]
    fn tokens_that_were_never_made_end_the_session() {
        let row = Rotation::first(T0);
        for bad in [
            position(0, 1),
            position(1, 0),
            position(-1, 0),
            position(0, -1),
            position(i32::MAX, 0),
            position(i32::MIN, 0),
        ] {
            assert_eq!(rotate(row, bad, at(1)), RotationOutcome::Reused, "{bad:?}");
        }
    }

    #[test]
    fn an_earlier_token_tells_a_device_for_four_hundred_days() {
        assert_eq!(EARLIER_TOKEN_TTL.as_secs(), 34_560_000);
    }

    #[test]
    fn a_session_ends_ninety_days_after_log_in() {
        let day = 24 * 3600;
        assert_eq!(expires_at(at(10 * day), T0), at(40 * day));
        assert_eq!(expires_at(at(70 * day), T0), at(90 * day));
    }
}
