//! Tests of the pure breaker.

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Country {
    breaker: SmsBreaker,
    now: Timestamp,
    tripped: u32,
}

impl Country {
    fn new() -> Self {
        Self { breaker: SmsBreaker::default(), now: NOW, tripped: 0 }
    }

    fn wait(&mut self, minutes: u64) {
        self.now = self.now + Duration::from_mins(minutes);
    }

    fn ask(&mut self, prefix: &str, block: &str, pass: PausePass) -> Admission {
        let request = SmsRequest { prefix, block, lot: 0, pass, draw: 0 };
        let (admission, tripped) = self.breaker.admit(self.now, &request);
        self.tripped += u32::from(tripped);
        admission
    }

    fn send(&mut self, prefix: &str, block: &str) -> Result<SentCode, Duration> {
        let request = SmsRequest { prefix, block, lot: 0, pass: PausePass::None, draw: 0 };
        match self.ask(prefix, block, PausePass::None) {
            Admission::Paused(wait) => Err(wait),
            admission => Ok(self.breaker.record_sent(self.now, &request, admission)),
        }
    }

    fn confirmed(&mut self, prefix: &str, block: &str) {
        let sent = self.send(prefix, block).expect("it is sent");
        self.breaker.record_confirmed(self.now, sent);
    }
}

#[test]
fn a_network_is_paused_before_its_numbers_and_its_country() {
    let mut country = Country::new();
    for n in 0..60 {
        country.send("bad", &format!("{n}")).unwrap();
    }
    for n in 0..10 {
        country.confirmed(&format!("good {n}"), "0");
    }
    country.wait(2);
    assert_eq!(country.send("bad", "0"), Err(BreakerMarks::PAUSE));
    assert!(country.send("other", "0").is_ok());
    assert_eq!((country.tripped, country.breaker.pause.is_none()), (1, true));
    country.wait(30);
    assert!(country.send("bad", "0").is_ok());
}

#[test]
fn a_block_is_paused_if_no_network_causes_it() {
    let mut country = Country::new();
    for n in 0..60 {
        country.send(&format!("{n}"), "premium").unwrap();
    }
    country.wait(2);
    assert_eq!(country.send("new", "premium"), Err(BreakerMarks::PAUSE));
    assert!(country.send("new", "other").is_ok());
    assert!(country.breaker.pause.is_none());
}

/// A country in a pause that began with 60 codes from many networks.
fn paused() -> Country {
    let mut country = Country::new();
    for n in 0..3 {
        country.confirmed("trusted", &format!("trusted {n}"));
    }
    for n in 0..60 {
        country.send(&format!("{n}"), &format!("{n}")).unwrap();
    }
    country.wait(2);
    assert_eq!(country.send("new", "new"), Err(BreakerMarks::PAUSE));
    country
}

#[test]
fn in_a_pause_some_pass() {
    let mut country = paused();
    assert!(country.send("trusted", "new").is_ok());
    for pass in [PausePass::Captcha, PausePass::KnownDevice] {
        assert_eq!(country.ask("new", "new", pass), Admission::Passed);
    }
    country.wait(29);
    assert_eq!(country.send("new", "new"), Err(Duration::from_mins(1)));
}

#[test]
fn two_confirmed_probes_of_two_networks_end_a_pause() {
    let mut country = paused();
    country.wait(30);
    country.confirmed("a", "x");
    // Its network is trusted now, but no probe any more.
    assert_eq!(country.ask("a", "x", PausePass::None), Admission::Open);
    assert!(country.breaker.pause.is_some());
    country.confirmed("b", "x");
    assert_eq!(country.ask("c", "x", PausePass::None), Admission::Open);
    assert!(country.breaker.pause.is_none());
}

#[test]
fn ten_unconfirmed_probes_begin_another_pause() {
    let mut country = paused();
    country.wait(30);
    for n in 0..10 {
        assert!(country.send(&format!("probe {n}"), "x").is_ok());
    }
    assert_eq!(country.send("late", "x"), Err(BreakerMarks::MATURE_AFTER));
    assert_eq!(country.tripped, 1);
    country.wait(2);
    assert_eq!(country.send("late", "x"), Err(BreakerMarks::PAUSE));
    assert_eq!(country.tripped, 2);
}

#[test]
fn a_network_probes_once_a_round() {
    let mut country = paused();
    country.wait(30);
    assert!(country.send("a", "x").is_ok());
    country.wait(4);
    assert_eq!(country.send("a", "x"), Err(Duration::from_mins(6)));
    country.wait(6);
    country.confirmed("a", "x");
    country.wait(10);
    // One of one was confirmed.
    assert!(country.send("b", "x").is_ok());
    assert!(country.breaker.pause.is_none());
}

#[test]
fn probes_are_drawn_and_all_may_pass_within_three_minutes() {
    let delays = (0..BreakerMarks::TICKETS).map(ticket_delay);
    assert_eq!(delays.clone().filter(|delay| *delay == 0).count(), 1);
    assert_eq!(delays.max(), Some(12 * 15 * 1000));
}

#[test]
fn counts_slide_and_what_was_not_sent_does_not_count() {
    let mut country = Country::new();
    for n in 0..49 {
        country.send(&format!("{n}"), &format!("{n}")).unwrap();
    }
    let unsent = country.send("a", "a").unwrap();
    country.breaker.record_unsent(unsent);
    country.wait(59);
    assert!(country.send("b", "b").is_ok());
    country.wait(3);
    assert!(country.send("c", "c").is_ok());
    assert_eq!(country.tripped, 0);
    let sent: u32 = country.breaker.minutes.values().map(|counts| counts.sent).sum();
    assert_eq!(sent, 2);
}
