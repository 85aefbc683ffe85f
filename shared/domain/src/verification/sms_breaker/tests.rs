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

/// Codes sent and confirmed that the breaker counts.
fn counted(country: &Country) -> (u32, u32) {
    let counts = country.breaker.minutes.values();
    counts.fold((0, 0), |(sent, confirmed), one| (sent + one.sent, confirmed + one.confirmed))
}

/// Codes to as many networks and blocks, which nobody enters.
fn unconfirmed(country: &mut Country, codes: u32) {
    for n in 0..codes {
        country.send(&format!("{n}"), &format!("{n}")).expect("it is sent");
    }
}

/// Codes of one network that nobody enters.
fn unconfirmed_of(country: &mut Country, prefix: &str) {
    for n in 0..60 {
        country.send(prefix, &format!("{prefix} {n}")).expect("it is sent");
    }
}

#[test]
fn the_scripts_know_what_passes_by_its_name() {
    let names =
        [PausePass::None, PausePass::Captcha, PausePass::KnownDevice].map(PausePass::as_str);
    assert_eq!(names, ["none", "captcha", "known_device"]);
}

#[test]
fn a_fifth_confirmed_is_enough() {
    for (confirmed, tripped) in [(9, 1), (10, 0)] {
        let mut country = Country::new();
        for n in 0..confirmed {
            country.confirmed(&format!("good {n}"), &format!("good {n}"));
        }
        unconfirmed(&mut country, 50 - confirmed);
        country.wait(2);
        let _ = country.send("new", "new");
        assert_eq!(country.tripped, tripped, "{confirmed}");
    }
}

#[test]
fn codes_count_from_two_minutes_to_an_hour_after_the_minute_in_which_they_were_sent() {
    for (seconds, tripped) in [(119, 0), (120, 1), (3600, 1), (3601, 0)] {
        let mut country = Country::new();
        let sent = country.send("first", "first").unwrap();
        assert_eq!(sent.minute, NOW.millis() / 60_000);
        unconfirmed(&mut country, 49);
        country.now = NOW + Duration::from_secs(seconds);
        let _ = country.send("new", "new");
        assert_eq!(country.tripped, tripped, "{seconds}");
    }
}

#[test]
fn a_code_is_confirmed_once() {
    let mut country = Country::new();
    let sent = country.send("a", "a").unwrap();
    for _ in 0..2 {
        country.breaker.record_confirmed(country.now, sent);
        assert_eq!(counted(&country), (1, 1));
    }
}

#[test]
fn a_paused_network_is_counted_no_more_with_its_confirmations() {
    let mut country = Country::new();
    for n in 0..5 {
        country.confirmed("bad", &format!("bad {n}"));
        country.confirmed("good", &format!("good {n}"));
    }
    unconfirmed_of(&mut country, "bad");
    country.wait(2);
    assert_eq!(country.send("bad", "x"), Err(BreakerMarks::PAUSE));
    assert_eq!(counted(&country), (5, 5));
}

#[test]
fn a_pause_of_a_network_lasts_though_another_begins_and_is_then_forgotten() {
    let mut country = Country::new();
    for prefix in ["bad", "worse"] {
        unconfirmed_of(&mut country, prefix);
        country.wait(2);
        assert_eq!(country.send(prefix, "x"), Err(BreakerMarks::PAUSE));
    }
    assert_eq!(country.send("bad", "x"), Err(Duration::from_mins(28)));
    country.wait(26);
    unconfirmed_of(&mut country, "third");
    country.wait(2);
    assert_eq!(country.send("third", "x"), Err(BreakerMarks::PAUSE));
    let paused: Vec<_> = country.breaker.paused_prefixes.keys().collect();
    assert_eq!(paused, ["third", "worse"]);
}

#[test]
fn the_newest_two_thousand_networks_are_trusted() {
    let mut country = Country::new();
    for (n, trusted) in (1..=2001).map(|n| (n, n.min(2000))) {
        country.now = country.now + Duration::from_millis(1);
        country.confirmed(&format!("{n:04}"), "x");
        assert_eq!(country.breaker.trusted.len(), trusted);
    }
    assert_eq!(country.breaker.trusted.keys().next().map(String::as_str), Some("0002"));
}

#[test]
fn a_network_is_trusted_for_thirty_days() {
    for (too_early, is_open) in [(0, false), (1, true)] {
        let mut country = Country::new();
        country.confirmed("once", "x");
        let days = Duration::from_hours(30 * 24) - Duration::from_mins(2);
        country.now = country.now + days - Duration::from_millis(too_early);
        unconfirmed(&mut country, 60);
        country.wait(2);
        assert_eq!(country.send("once", "x").is_ok(), is_open, "{too_early}");
    }
}

#[test]
fn a_trusted_network_with_two_codes_that_nobody_enters_is_trusted_no_more() {
    let mut country = Country::new();
    for prefix in ["one", "two", "two confirmed"] {
        country.confirmed(prefix, "x");
    }
    country.wait(120);
    unconfirmed(&mut country, 60);
    for prefix in ["one", "two", "two", "two confirmed"] {
        country.send(prefix, prefix).expect("it is sent");
    }
    country.confirmed("two confirmed", "x");
    country.wait(2);
    assert_eq!(country.send("new", "new"), Err(BreakerMarks::PAUSE));
    let trusted: Vec<_> = country.breaker.trusted.keys().collect();
    assert_eq!(trusted, ["one", "two confirmed"]);
}

#[test]
fn a_probe_that_was_not_sent_may_be_tried_again() {
    let mut country = paused();
    country.wait(30);
    let unsent = country.send("a", "a").unwrap();
    country.send("b", "b").unwrap();
    country.breaker.record_unsent(unsent);
    country.send("a", "a").unwrap();
    // What was no probe of its network takes none back.
    let pass = PausePass::Captcha;
    let request = SmsRequest { prefix: "b", block: "b", lot: 0, pass, draw: 0 };
    let passed = country.breaker.record_sent(country.now, &request, Admission::Passed);
    country.breaker.record_unsent(passed);
    for prefix in ["a", "b"] {
        assert_eq!(country.send(prefix, prefix), Err(BreakerMarks::ROUND));
    }
}

#[test]
fn what_was_a_probe_of_an_earlier_round_does_not_count() {
    let mut country = paused();
    let pause = country.breaker.pause.as_ref().unwrap();
    assert_eq!((pause.round, pause.began), (1, pause.until));
    country.wait(30);
    let earlier = country.send("a", "a").unwrap();
    country.wait(10);
    country.send("b", "b").unwrap();
    country.breaker.record_confirmed(country.now, earlier);
    let pause = country.breaker.pause.as_ref().unwrap();
    assert_eq!((pause.round, pause.confirmed, country.breaker.rounds), (2, 0, 2));
}

#[test]
fn lot_and_draw_say_when_a_network_may_probe() {
    let mut country = Country::new();
    unconfirmed(&mut country, 60);
    country.wait(2);
    let mut ask = |now: Timestamp, lot: u32, draw: u32| {
        let pass = PausePass::None;
        let request = SmsRequest { prefix: "new", block: "new", lot, pass, draw };
        country.breaker.admit(now, &request).0
    };
    let now = NOW + Duration::from_mins(2);
    assert_eq!(ask(now, 7, 4090), Admission::Paused(BreakerMarks::PAUSE));
    let now = now + BreakerMarks::PAUSE;
    // The draw of the request that began the pause counts, not that of the probe.
    for (lot, seconds) in
        [(6, 0), (7, 15), (8, 30), (9, 30), (10, 45), (5, 180), (5 * 4096 + 7, 15)]
    {
        let expected = match seconds {
            0 => Admission::Probe,
            seconds => Admission::Paused(Duration::from_secs(seconds)),
        };
        assert_eq!(ask(now, lot, 0), expected, "{lot}");
    }
}
