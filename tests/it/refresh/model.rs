//! The property of section 4, held against a model: clients, their tabs, a network that
//! loses, delays and doubles, and a thief. Random runs, shrunk to the shortest that fails.
//!
//! The service is whatever exchanges a token: here the pure function, in [`super::sql`]
//! the statement over a real row.

use domain::session::{Rotation, RotationOutcome, TokenPosition, rotate};
use domain::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const WINDOW: Duration = Duration::from_secs(10);
/// Spent tokens are excused this far back.
const EXCUSED: i32 = 8;

/// One session, as the server keeps it.
pub(super) trait Server {
    /// What becomes of a token; `None` once the session has ended.
    fn rotate(&mut self, token: TokenPosition, now: Timestamp) -> Option<RotationOutcome>;
    /// The owner logs out.
    fn log_out(&mut self, now: Timestamp);
}

/// The pure function and the row it turns.
pub(super) struct Pure(pub Option<Rotation>);

impl Pure {
    pub(super) fn new() -> Self {
        Self(Some(Rotation::first(BEGINNING)))
    }
}

impl Server for Pure {
    fn rotate(&mut self, token: TokenPosition, now: Timestamp) -> Option<RotationOutcome> {
        let outcome = rotate(self.0?, token, now);
        match outcome {
            RotationOutcome::Issued(row) => self.0 = Some(row),
            RotationOutcome::Superseded => {}
            RotationOutcome::Reused => self.0 = None,
        }
        Some(outcome)
    }

    fn log_out(&mut self, _: Timestamp) {
        self.0 = None;
    }
}

/// A server that remembers what it has done and checks it against the contract.
pub(super) struct Watched<S> {
    server: S,
    pub(super) now: Timestamp,
    /// Of each generation, the fork that has yielded tokens, and the newest token seen of it.
    exchanged: BTreeMap<i32, i32>,
    newest: TokenPosition,
}

impl<S: Server> Watched<S> {
    pub(super) fn new(server: S) -> Self {
        let newest = TokenPosition { generation: 0, fork: 0 };
        Self { server, now: BEGINNING, exchanged: BTreeMap::new(), newest }
    }

    fn rotate(&mut self, token: TokenPosition) -> Option<RotationOutcome> {
        let outcome = self.server.rotate(token, self.now);
        if let Some(RotationOutcome::Issued(row)) = outcome {
            let fork = *self.exchanged.entry(token.generation).or_insert(token.fork);
            assert_eq!(fork, token.fork, "two forks of generation {}", token.generation);
            let successor = token.generation + 1;
            assert!(
                !self.exchanged.contains_key(&successor),
                "{token:?} yields again, though its successor was used"
            );
            assert_eq!(row.newest().generation, successor, "{token:?} skips a generation");
            self.newest = row.newest();
        }
        outcome
    }

    /// How many generations a token lies behind the newest.
    fn behind(&self, token: TokenPosition) -> i32 {
        self.newest.generation - token.generation
    }
}

/// A request on its way, or the reply to it.
#[derive(Clone, Copy, Debug)]
struct Sent {
    token: TokenPosition,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    to: TokenPosition,
    with: TokenPosition,
}

/// What may happen next. An index picks one of what is on its way.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A tab reads the stored token and sends it.
    Send,
    /// A request arrives; doubled, it arrives once more some time.
    Arrive {
        index: prop::sample::Index,
        doubled: bool,
    },
    LoseRequest(prop::sample::Index),
    /// A reply arrives, in any order.
    Reply {
        index: prop::sample::Index,
        doubled: bool,
    },
    LoseReply(prop::sample::Index),
    Wait(Duration),
}

fn waits() -> impl Strategy<Value = Duration> {
    prop_oneof![
        3 => (0_u64..3_000).prop_map(Duration::from_millis),
        2 => (9_990_u64..10_010).prop_map(Duration::from_millis),
        2 => (10_u64..3_600).prop_map(Duration::from_secs),
        1 => (1_u64..100_000).prop_map(Duration::from_secs),
    ]
}

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let index = any::<prop::sample::Index>;
    let doubled = || prop::bool::weighted(0.3);
    let step = prop_oneof![
        4 => Just(Step::Send),
        5 => (index(), doubled()).prop_map(|(index, doubled)| Step::Arrive { index, doubled }),
        1 => index().prop_map(Step::LoseRequest),
        4 => (index(), doubled()).prop_map(|(index, doubled)| Step::Reply { index, doubled }),
        1 => index().prop_map(Step::LoseReply),
        3 => waits().prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..most)
}

fn pick<T: Copy>(list: &mut Vec<T>, index: prop::sample::Index, keep: bool) -> Option<T> {
    if list.is_empty() {
        return None;
    }
    let index = index.index(list.len());
    Some(if keep { list[index] } else { list.swap_remove(index) })
}

/// A client that keeps the rule, over a network that does not: it is never signed out.
/// Gives how many tokens it came to store.
pub(super) fn honest_client<S: Server>(server: S, steps: &[Step]) -> usize {
    let mut server = Watched::new(server);
    let mut stored = TokenPosition { generation: 0, fork: 0 };
    let (mut requests, mut replies) = (Vec::<Sent>::new(), Vec::<Answered>::new());
    let mut advanced = 0;
    for step in steps {
        match step {
            Step::Send => requests.push(Sent { token: stored, at: server.now }),
            Step::Arrive { index, doubled } => {
                let Some(request) = pick(&mut requests, *index, *doubled) else { continue };
                // The network's bound: a request that is still under way when its sender has
                // gone on by two generations is ten seconds old at most. (One that is older
                // cannot be told from a thief's.) Replies may be as late as they like.
                let behind = server.behind(request.token);
                let in_time = server.now < request.at + WINDOW && behind <= EXCUSED;
                if behind > 1 && !in_time {
                    continue;
                }
                match server.rotate(request.token) {
                    Some(RotationOutcome::Issued(row)) => {
                        replies.push(Answered { to: request.token, with: row.newest() });
                    }
                    Some(RotationOutcome::Superseded) => {}
                    outcome => {
                        panic!("signed out: {outcome:?} for {request:?} at {:?}", server.now)
                    }
                }
            }
            Step::LoseRequest(index) => drop(pick(&mut requests, *index, false)),
            Step::Reply { index, doubled } => {
                let Some(reply) = pick(&mut replies, *index, *doubled) else { continue };
                // A reply replaces only the token that it was asked with.
                if stored == reply.to {
                    stored = reply.with;
                    advanced += 1;
                }
            }
            Step::LoseReply(index) => drop(pick(&mut replies, *index, false)),
            Step::Wait(wait) => server.now = server.now + *wait,
        }
    }
    // Whatever happened, the stored token still works.
    let outcome = server.rotate(stored);
    assert!(
        matches!(outcome, Some(RotationOutcome::Issued(_))),
        "signed out at the end: {outcome:?}"
    );
    advanced
}

/// A client logs out while some of its requests are under way, perhaps beside a thief who
/// holds the first token: nothing that arrives later yields a token, and nothing is theft.
pub(super) fn logout<S: Server>(server: S, before: &[Step], after: &[Step]) {
    let mut server = Watched::new(server);
    let mut stored = TokenPosition { generation: 0, fork: 0 };
    let mut under_way = vec![stored];
    for step in before {
        match step {
            Step::Send => under_way.push(stored),
            Step::Arrive { .. } => {
                if let Some(RotationOutcome::Issued(row)) = server.rotate(stored) {
                    stored = row.newest();
                }
            }
            Step::Wait(wait) => server.now = server.now + *wait,
            _ => {}
        }
    }
    under_way.push(stored);
    let now = server.now;
    server.server.log_out(now);
    for step in after {
        match step {
            Step::Wait(wait) => server.now = server.now + *wait,
            Step::Arrive { index, .. } => {
                let token = *index.get(&under_way);
                assert_eq!(server.rotate(token), None, "{token:?} after the logout");
            }
            _ => {}
        }
    }
    for token in under_way {
        assert_eq!(server.rotate(token), None, "{token:?} after the logout");
    }
}

/// One turn of one of two holders of a copied token, more than ten seconds after any other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    thief: bool,
    reply_lost: bool,
    wait: Duration,
}

pub(super) fn turns(most: usize) -> impl Strategy<Value = Vec<Turn>> {
    let wait = (10_u64..100_000).prop_map(Duration::from_secs);
    let turn = (any::<bool>(), prop::bool::weighted(0.3), wait)
        .prop_map(|(thief, reply_lost, wait)| Turn { thief, reply_lost, wait });
    prop::collection::vec(turn, 0..most)
}

/// A thief has copied the stored token after some refreshes; from then on both refresh as a
/// client does. Not both go on: once both have come to use what they were given, it ends.
pub(super) fn thief<S: Server>(server: S, before: usize, turns: &[Turn]) {
    let mut server = Watched::new(server);
    let mut stored = TokenPosition { generation: 0, fork: 0 };
    for _ in 0..before {
        server.now = server.now + WINDOW;
        if let Some(RotationOutcome::Issued(row)) = server.rotate(stored) {
            stored = row.newest();
        }
    }
    let mut holders = [stored; 2];
    let mut used = [false; 2];
    let both_go_on = [false, true].map(|thief| Turn { thief, reply_lost: false, wait: WINDOW });
    let tail = both_go_on.iter().cycle().take(6);
    let mut ended = false;
    for Turn { thief, reply_lost, wait } in turns.iter().chain(tail) {
        server.now = server.now + *wait;
        let holder = usize::from(*thief);
        let token = holders[holder];
        match server.rotate(token) {
            Some(RotationOutcome::Issued(row)) => {
                assert!(!ended, "a dead session issued a token");
                // A token of its own, that only this holder was ever given, is used.
                used[holder] |= token != stored;
                assert!(used != [true, true], "both go on");
                if !reply_lost {
                    holders[holder] = row.newest();
                }
            }
            Some(RotationOutcome::Superseded) => panic!("excused more than ten seconds later"),
            Some(RotationOutcome::Reused) => ended = true,
            None => assert!(ended),
        }
    }
    assert!(ended, "both hold a session that goes on: {holders:?}");
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_client_that_keeps_the_rule_is_never_signed_out(steps in steps(120)) {
        honest_client(Pure::new(), &steps);
    }

    #[test]
    fn a_thief_and_the_owner_cannot_both_go_on(before in 0_usize..4, turns in turns(40)) {
        thief(Pure::new(), before, &turns);
    }

    #[test]
    fn after_a_logout_nothing_that_was_under_way_yields_a_token(
        before in steps(40), after in steps(40),
    ) {
        logout(Pure::new(), &before, &after);
    }

    /// Whatever is presented whenever: of one generation one fork is ever exchanged, and a
    /// token whose successor was used never yields again.
    #[test]
    fn no_sequence_of_tokens_branches_a_session(
        tokens in prop::collection::vec((0_i32..12, 0_i32..4, waits()), 1..120),
    ) {
        let mut server = Watched::new(Pure::new());
        for (back, fork, wait) in tokens {
            server.now = server.now + wait;
            let generation = server.newest.generation + 1 - back;
            server.rotate(TokenPosition { generation, fork });
        }
    }
}

/// The runs above are worth nothing if nothing happens in them.
#[test]
fn the_model_s_runs_reach_far() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let runs = (0..200).map(|_| {
        let steps = steps(120).new_tree(&mut runner).unwrap().current();
        honest_client(Pure::new(), &steps)
    });
    let advanced: usize = runs.sum();
    assert!(advanced > 200, "only {advanced} tokens were stored in 200 runs");
}

/// Where the property ends, by design: a request that arrives more than ten seconds after
/// its sender has refreshed twice by another tab looks like a thief's.
#[test]
fn a_request_that_is_overtaken_twice_and_ten_seconds_late_ends_the_session() {
    let late = TokenPosition { generation: 0, fork: 0 };
    for (wait, ends) in [(Duration::from_millis(9_999), false), (WINDOW, true)] {
        let mut server = Watched::new(Pure::new());
        let mut stored = late;
        for _ in 0..2 {
            let Some(RotationOutcome::Issued(row)) = server.rotate(stored) else { panic!() };
            stored = row.newest();
        }
        server.now = server.now + wait;
        let outcome = server.rotate(late).unwrap();
        assert_eq!(outcome == RotationOutcome::Reused, ends, "{outcome:?}");
    }
}
