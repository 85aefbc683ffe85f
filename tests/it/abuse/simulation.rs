//! What fraud costs, by simulation: [`tests::fraud`]. `FRAUD_REQUESTS` says how many requests
//! the attackers make; `.ci/long` runs a million.

use tests::Service;
use tests::fraud::{Findings, Kind, simulate};

/// The budgets of the defaults.
const ALL: u64 = 5000;
const COUNTRY: u64 = 750;

fn print(findings: &Findings) {
    for (kind, tally) in &findings.by_kind {
        println!("fraud: {kind:?}: {} asked, {} sent", tally.asked, tally.sent);
    }
    let percent = |tally: tests::fraud::Tally| format!("{:.2} %", tally.lost_percent());
    println!("fraud: honest lost elsewhere: {}", percent(findings.honest_elsewhere));
    println!("fraud: honest lost in attacked countries: {}", percent(findings.honest_attacked));
    println!("fraud: the same an hour after: {}", percent(findings.honest_recovered));
    println!(
        "fraud: most in an hour: {}, to one country {}",
        findings.max_hour, findings.max_country_hour
    );
    println!(
        "fraud: silent hours of countries: {}, the attackers then sent at least {:?}",
        findings.silent_hours, findings.cheapest_silence
    );
    println!("fraud: largest key: {} fields", findings.largest_key);
}

#[tokio::test]
async fn fraud_costs_no_more_than_the_budgets_and_silences_nobody_cheaply() {
    let requests = std::env::var("FRAUD_REQUESTS").ok();
    let requests = requests.map_or(50_000, |text| text.parse().expect("a number of requests"));
    let findings = simulate(Service::start().await, requests).await;
    print(&findings);
    assert!(findings.max_hour <= ALL + ALL / 100, "{} in an hour", findings.max_hour);
    let of_country = findings.max_country_hour;
    assert!(of_country <= COUNTRY + COUNTRY / 100, "{of_country} to a country in an hour");
    assert!(findings.honest_elsewhere.asked > 1000 && findings.honest_recovered.asked > 100);
    assert!(findings.honest_elsewhere.lost_percent() <= 1.0);
    assert!(findings.honest_recovered.lost_percent() <= 1.0);
    let silence = findings.cheapest_silence;
    assert!(silence.is_none_or(|sent| sent >= COUNTRY * 80 / 100), "{silence:?}");
    for kind in
        [Kind::Flood, Kind::SlowPump, Kind::ConfirmingPump, Kind::KnownDevice, Kind::Silencer]
    {
        let tally = findings.by_kind[&kind];
        assert!(tally.asked > tally.sent, "{kind:?} meets no limit");
    }
    assert!(findings.largest_key <= 4000, "a key of {} fields", findings.largest_key);
}
