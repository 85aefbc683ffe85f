//! The pure history of a number and the scripts say the same: random sequences through both,
//! compared after every step.

use domain::ids::{CallId, VerificationId};
use domain::phone::PhoneSlot;
use domain::time::Timestamp;
use domain::verification::{CodeHistory, CodeInput, CodeLength, CodeTier, Purpose, SixDigitStart};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use shared::cache::verification::{
    CodeAttempt, ConfirmOutcome, NewVerification, RateLimitTier, SmsSource, SmsTarget,
};
use shared::clock::Rng;
use std::cell::Cell;
use std::time::Duration;
use tests::Service;
use tests::fraud::shown;
use tokio::runtime::Runtime;

const BEGINNING: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TTL: Duration = Duration::from_mins(15);

#[derive(Clone, Debug)]
enum Step {
    Start(CodeInput),
    /// Starts, and the sender fails.
    Unsent(CodeInput),
    /// Enters wrong codes into one of the verifications.
    Guess(prop::sample::Index, u32),
    Right(prop::sample::Index),
    Wait(Duration),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let input = || prop::sample::select(&CodeInput::ALL[..]);
    let index = any::<prop::sample::Index>;
    let hours = |range: std::ops::Range<u64>| range.prop_map(Duration::from_hours);
    let wait = prop_oneof![
        4 => (0_u64..5).prop_map(Duration::from_mins),
        2 => (14_u64..17).prop_map(Duration::from_mins),
        3 => (55_u64..65).prop_map(Duration::from_mins),
        3 => hours(1..26),
        1 => hours(300 * 24..366 * 24),
    ];
    let step = prop_oneof![
        6 => input().prop_map(Step::Start),
        1 => input().prop_map(Step::Unsent),
        5 => (index(), 1_u32..7).prop_map(|(index, times)| Step::Guess(index, times)),
        1 => index().prop_map(Step::Right),
        3 => wait.prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..80)
}

/// Each request comes from another network.
fn source() -> SmsSource {
    let prefix = uuid::Builder::from_random_bytes(Rng.bytes()).into_uuid().to_string();
    SmsSource { prefix, lot: 0, draw: 0, has_solved_captcha: false }
}

struct Started {
    id: VerificationId,
    at: Timestamp,
    length: CodeLength,
    verified: bool,
}

/// One number in Redis.
struct Number {
    service: Service,
    key: String,
    now: Timestamp,
    history: CodeHistory,
    started: Vec<Started>,
}

impl Number {
    fn slot() -> PhoneSlot {
        PhoneSlot::of_digest([7, 7])
    }

    async fn start(&mut self, input: CodeInput) -> bool {
        let target = SmsTarget {
            tier: match self.history.tier {
                CodeTier::Default => RateLimitTier::Default,
                CodeTier::KnownDevice => RateLimitTier::KnownDevice,
            },
            // The breaker of each number is its own.
            country: self.key.clone(),
            block: "block".to_owned(),
        };
        let id = VerificationId::new(Self::slot(), Rng.bytes());
        let source = source();
        let new = NewVerification {
            source,
            purpose: Purpose::Login,
            slot: Self::slot(),
            phone_key: self.key.clone(),
            target,
            pepper: String::new(),
            sealed_phone: "sealed".to_owned(),
            device: String::new(),
            code_macs: ["six".to_owned(), "ten".to_owned()],
            code_input: input,
            known: false,
            requires_second_factor: false,
        };
        let limits = &self.service.state.core.config.limits;
        let cache = &self.service.state.core.cache;
        let outcome = cache.start_verification(&id, &new, self.now, limits).await.unwrap();
        let expected = self.history.start(self.now, input);
        assert_eq!(outcome.progress.map(|progress| progress.code_length), expected.length);
        assert_eq!(outcome.passes_marks, expected.passes_marks);
        if let Ok(length) = expected.length {
            self.started.push(Started { id, at: self.now, length, verified: false });
        }
        expected.length.is_ok()
    }

    async fn confirm(&mut self, index: prop::sample::Index, is_right: bool) {
        if self.started.is_empty() {
            return;
        }
        let index = index.index(self.started.len());
        let started = &mut self.started[index];
        let code_mac = match (is_right, started.length) {
            (false, _) => "wrong",
            (true, CodeLength::Six) => "six",
            (true, CodeLength::Ten) => "ten",
        };
        let attempt = CodeAttempt {
            call: CallId::new(Rng.bytes()),
            purpose: Purpose::Login,
            shown: &[shown(code_mac)],
            code_length: started.length,
        };
        let cache = &self.service.state.core.cache;
        match cache.confirm_verification(&started.id, &attempt, self.now).await.unwrap() {
            ConfirmOutcome::Confirmed { .. } if started.verified => {}
            ConfirmOutcome::Confirmed { .. } => {
                started.verified = true;
                self.history.record_right(self.now, started.at);
            }
            ConfirmOutcome::Incorrect { attempts_left } => {
                let is_last = attempts_left == 0 && !started.verified;
                self.history.record_wrong(self.now, started.at, is_last);
            }
            ConfirmOutcome::TooManyAttempts | ConfirmOutcome::Expired => {}
            ConfirmOutcome::Invalid => assert!(started.at + TTL <= self.now + TTL / 3 * 2),
            ConfirmOutcome::OtherLength => panic!("the length is right"),
        }
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Start(input) => drop(self.start(*input).await),
            Step::Unsent(input) => {
                if !self.start(*input).await {
                    return;
                }
                let Started { id, at, length, .. } = self.started.pop().unwrap();
                let mac = if length == CodeLength::Six { "six" } else { "ten" };
                let (country, block) = (self.key.clone(), "block".to_owned());
                let target = SmsTarget { tier: RateLimitTier::Default, country, block };
                let limits = &self.service.state.core.config.limits;
                let cache = &self.service.state.core.cache;
                let from = (&target, &source());
                cache.withdraw_code(&id, mac, from, self.now, limits).await.unwrap();
                if length == CodeLength::Six {
                    self.history.record_unsent(self.now, at);
                }
            }
            Step::Guess(index, times) => {
                for _ in 0..*times {
                    self.confirm(*index, false).await;
                }
            }
            Step::Right(index) => self.confirm(*index, true).await,
            Step::Wait(wait) => self.now = self.now + *wait,
        }
        assert_eq!(self.stored().await, self.current(), "after {step:?}");
    }

    /// The pure history as of now.
    fn current(&self) -> CodeHistory {
        as_of(self.now, self.history.clone())
    }

    async fn stored(&self) -> CodeHistory {
        let mut redis = self.service.redis().await;
        let key = "rate_limit:code_history:{".to_owned() + &Self::slot().to_string() + "}";
        let tier = match self.history.tier {
            CodeTier::Default => "phone",
            CodeTier::KnownDevice => "known_device",
        };
        let field = format!("{tier}:{}", self.key);
        let text: Option<String> =
            redis::cmd("HGET").arg(key).arg(field).query_async(&mut redis).await.unwrap();
        let text = text.unwrap_or_else(|| "0 0||".to_owned());
        assert!(text.len() < 2_000, "a history is bounded: {}", text.len());
        let [head, starts, wrong] = text.split('|').collect::<Vec<_>>().try_into().unwrap();
        let (unconfirmed, past) = head.split_once(' ').unwrap();
        let time = |text: &str| Timestamp::from_millis(text.parse().unwrap());
        let start = |text: &str| SixDigitStart {
            at: time(text.trim_end_matches('!')),
            running: !text.ends_with('!'),
        };
        let history = CodeHistory {
            tier: self.history.tier,
            six_digit: starts.split_whitespace().map(start).collect(),
            wrong: wrong.split_whitespace().map(time).collect(),
            unconfirmed: unconfirmed.parse().unwrap(),
            is_past_marks: past == "1",
        };
        as_of(self.now, history)
    }
}

/// Without what is over.
fn as_of(now: Timestamp, mut history: CodeHistory) -> CodeHistory {
    history.record_unsent(now, Timestamp::from_millis(0));
    history
}

/// Runs sequences of steps over one service, each for a number of its own.
struct Numbers {
    runtime: Runtime,
    service: Service,
    /// Of all sequences: a clock does not go back.
    clock: Cell<Timestamp>,
}

impl Numbers {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let variables = [
            ("SMS_RATE_LIMIT_PER_MINUTE", "1000"),
            ("SMS_RATE_LIMIT_PER_HOUR", "10000"),
            ("SMS_BUDGET_GLOBAL", "1000000"),
            ("SMS_BUDGET_PER_COUNTRY", "1000000"),
        ];
        let service = runtime.block_on(Service::with(&variables));
        Self { runtime, service, clock: Cell::new(BEGINNING) }
    }

    fn run(&self, tier: CodeTier, steps: &[Step]) {
        let key = uuid::Builder::from_random_bytes(Rng.bytes()).into_uuid().to_string();
        let (now, history, started) = (self.clock.get(), CodeHistory::of(tier), Vec::new());
        let mut number = Number { service: self.service.clone(), key, now, history, started };
        self.runtime.block_on(async {
            for step in steps {
                number.step(step).await;
            }
        });
        self.clock.set(number.now);
    }
}

#[test]
fn the_scripts_keep_the_pure_history() {
    let numbers = Numbers::new();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
    let cases = (steps(), proptest::sample::select(&CodeTier::ALL[..]));
    let result = runner.run(&cases, |(steps, tier)| {
        numbers.run(tier, &steps);
        Ok(())
    });
    result.unwrap();
}

/// What random steps seldom meet.
#[test]
fn the_scripts_keep_the_pure_history_at_its_edges() {
    let numbers = Numbers::new();
    let start = Step::Start(CodeInput::Any);
    let wait = |millis| Step::Wait(Duration::from_millis(millis));
    let (apart, day) = (20 * 60_000, 24 * 3_600_000);
    // Ten in a day, one after the other; then the day of the first is over.
    let mut ten_a_day: Vec<Step> = (0..10).flat_map(|_| [start.clone(), wait(apart)]).collect();
    let until_then = day - 10 * apart;
    ten_a_day.extend([wait(until_then - 1), start.clone(), wait(1), start.clone(), start.clone()]);
    // Of a day that is over, nothing is left.
    let next_day = [start.clone(), wait(day), start.clone()];
    // All of them may yet bring wrong codes.
    let at_once = vec![start; 8];
    for tier in CodeTier::ALL {
        numbers.run(tier, &ten_a_day);
        numbers.run(tier, &next_day);
        numbers.run(tier, &at_once);
    }
}
