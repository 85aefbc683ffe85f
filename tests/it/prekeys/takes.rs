//! Several processes take the keys of one device at once, some are killed, others upload
//! meanwhile: no key is handed out twice, none is passed over, none is said to be missing
//! that is there.

use super::{ALICE, BOB, KEYS, LAST_RESORT, Person, ids, low_news, unlimited};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use tests::Service;
use tests::race::{alone, together};
use tests::service::IDLE;
use tests::stores::Stores;

const UNBOUNDED: [(&str, &str); 2] = [("RATE_LIMITS", "off"), ("ONE_TIME_KEYS_BURST", "1000000")];

/// A service that other processes can be sandboxes of: they are told its keys.
async fn service_and_keys() -> (Service, HashMap<String, String>) {
    let keys: HashMap<String, String> = local::service::new_keys().into_iter().collect();
    let stores = Stores::fresh().await;
    let mut variables = UNBOUNDED.to_vec();
    variables.extend(keys.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let service = Service::over(stores.clone(), &variables).await;
    let mut environment = keys.clone();
    environment.insert("DATABASE_URL".to_owned(), stores.database_url);
    environment.insert("REDIS_URL".to_owned(), stores.redis_url);
    (service, environment)
}

/// Puts this many keys of each kind into the directory.
async fn stock(service: &Service, device: &str, count: usize) {
    service.sql(&tests::keys::stock(&format!("i.device_id = '{device}'"), count)).await;
}

/// A process that takes: it is this test binary again, which runs [`a_taker`] alone.
struct Taker {
    child: Child,
    lines: Option<std::thread::JoinHandle<Vec<String>>>,
}

impl Taker {
    fn start(
        environment: &HashMap<String, String>,
        person: &Person,
        path: &str,
        times: usize,
    ) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a name"))
            .args(["--exact", "prekeys::takes::a_taker", "--ignored", "--nocapture"])
            .envs(environment)
            .env("TAKER_TOKEN", &person.session.access)
            .env("TAKER_PATH", path)
            .env("TAKER_TIMES", times.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("this binary runs again");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("ready") {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("a line"), 0, "the taker ended");
        }
        let lines = std::thread::spawn(move || {
            let taken = output.lines().map_while(Result::ok);
            taken.filter(|line| line.starts_with("took ")).collect()
        });
        Self { child, lines: Some(lines) }
    }

    fn go(&mut self) {
        self.child.stdin.take().expect("a pipe").write_all(b"go\n").expect("it listens");
    }

    /// The ids of each answer: of the curve key, if there was one, and of the Kyber key.
    fn taken(mut self) -> Vec<(Option<i64>, Option<i64>)> {
        let lines = self.lines.take().expect("once").join().expect("lines");
        let _ = self.child.wait();
        let number = |text: &str| text.parse::<i64>().ok();
        let taken = lines.iter().map(|line| {
            let mut words = line.split(' ').skip(1);
            (words.next().and_then(number), words.next().and_then(number))
        });
        taken.collect()
    }
}

impl Drop for Taker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a taking process does: nothing unless it was started as one.
#[tokio::test]
#[ignore = "a process of the tests in this file"]
async fn a_taker() {
    let variable = |name: &str| std::env::var(name).ok();
    let Some(path) = variable("TAKER_PATH") else { return };
    let value = |name: &str| variable(name).expect("a taker's variable");
    let stores = Stores::at(value("DATABASE_URL"), value("REDIS_URL"));
    let jwt = value("JWT_KEYS");
    let mut variables = UNBOUNDED.to_vec();
    variables.push(("JWT_KEYS", jwt.as_str()));
    let service = Service::over(stores, &variables).await;
    let client = service.client().bearer(&value("TAKER_TOKEN"));
    println!("ready");
    let mut go = String::new();
    std::io::stdin().read_line(&mut go).expect("a word");
    for _ in 0..value("TAKER_TIMES").parse().expect("a number") {
        let bundle = client.get(&path).await.expect(200).json();
        let bundle = bundle["devices"].get(0).unwrap_or(&bundle);
        let word = |id: Option<i64>| id.map_or_else(|| "none".to_owned(), |id| id.to_string());
        let (id, kyber) = ids(bundle);
        println!("took {} {}", word(id), word(kyber));
    }
}

/// Runs processes to their end; gives what each took.
async fn run(mut takers: Vec<Taker>) -> Vec<Vec<(Option<i64>, Option<i64>)>> {
    let _alone = alone().await;
    for taker in &mut takers {
        taker.go();
    }
    let taken = move || takers.into_iter().map(Taker::taken).collect();
    tokio::task::spawn_blocking(taken).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_take_each_key_once_in_order_and_never_in_vain() {
    const STOCK: usize = 4000;
    let (service, environment) = service_and_keys().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    stock(&service, &bob.session.device, STOCK).await;
    let start = |times| {
        let path = bob.path();
        let (environment, alice) = (&environment, &alice);
        (0..8).map(move |_| Taker::start(environment, alice, &path, times)).collect()
    };

    let taken = run(start(500)).await;
    let mut all = BTreeSet::new();
    for of_one in &taken {
        assert_eq!(of_one.len(), 500);
        for (before, after) in of_one.iter().zip(&of_one[1..]) {
            assert!(before.0 < after.0 && before.1 < after.1, "{before:?} before {after:?}");
        }
        for (id, kyber) in of_one {
            let (id, kyber) = (id.expect("a key"), kyber.expect("a Kyber key"));
            assert!(all.insert((0, id)), "key {id} was handed out twice");
            assert!(all.insert((1, kyber)), "Kyber key {kyber} was handed out twice");
        }
    }
    assert_eq!(all.len(), 2 * STOCK);
    assert!(all.iter().all(|(_, id)| (1..=4000).contains(id)));
    assert_eq!(low_news(&service).await.len(), 1);

    // Again, for more than there are: what comes too late gets none, and nobody else does.
    let tablet = Person::device(&service, BOB, "tablet").await;
    stock(&service, &tablet.session.device, STOCK).await;
    let path = tablet.path();
    let takers = (0..8).map(|_| Taker::start(&environment, &alice, &path, 600)).collect();
    let taken: Vec<_> = run(takers).await.concat();
    assert_eq!(taken.len(), 4800);
    let given: BTreeSet<_> = taken.iter().filter_map(|(id, _)| *id).collect();
    assert_eq!(given.len(), STOCK);
    assert_eq!(taken.iter().filter(|(id, _)| id.is_none()).count(), 800);
    assert_eq!(taken.iter().filter(|(_, kyber)| *kyber == LAST_RESORT).count(), 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_at_most_the_key_it_was_taking() {
    const STOCK: i64 = 2000;
    let (service, environment) = service_and_keys().await;
    let bob = Person::new(&service, BOB, 0, 0).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    stock(&service, &bob.session.device, 2000).await;
    let path = bob.path();
    let mut takers: Vec<_> =
        (0..6).map(|_| Taker::start(&environment, &alice, &path, 100_000)).collect();
    let _alone = alone().await;
    takers.iter_mut().for_each(Taker::go);
    // Half-way through, as far as one can tell.
    let used = "SELECT next::int8 FROM auth.prekey_pages WHERE kind = 1 AND count > 0";
    service.until(&used.replace("next::int8", "coalesce(max(next) >= 300, false)")).await;
    let taken = move || -> Vec<_> {
        for taker in &mut takers {
            taker.child.kill().expect("it runs");
        }
        takers.into_iter().map(Taker::taken).collect()
    };
    let taken = tokio::task::spawn_blocking(taken).await.unwrap();
    service.until(IDLE).await;

    let lost = service.count(used).await;
    let told: Vec<_> = taken.concat().into_iter().filter_map(|(id, _)| id).collect();
    let distinct: BTreeSet<_> = told.iter().copied().collect();
    assert_eq!(distinct.len(), told.len());
    let lost = lost - i64::try_from(told.len()).unwrap();
    assert!((0..=6).contains(&lost), "{lost} keys are lost");
    // The rest is there, from the oldest on.
    let unused = service.count("SELECT count(*) FROM auth.prekeys WHERE NOT is_used").await;
    assert_eq!(unused, STOCK - i64::try_from(told.len()).unwrap() - lost);
    let (next, _) = ids(&alice.fetch(&bob).await.expect(200).json());
    assert!(!distinct.contains(&next.unwrap()));
}

/// Takers and an uploader at once: the answer never lacks a key while some are there, since
/// each upload brings more than can be taken before the next.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_never_makes_a_taker_come_away_empty() {
    const ROUNDS: i64 = 40;
    let service = Service::with(&UNBOUNDED).await;
    let sandbox = service.sandbox().await;
    let bob = Person::new(&service, BOB, 200, 200).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let mut seen = BTreeMap::new();
    for round in 1..=ROUNDS {
        // Every second upload repeats the last, as after a lost reply.
        let first = round / 2 * 1000;
        let mut work = Vec::new();
        for n in 0..12 {
            let service = if n % 2 == 0 { &service } else { &sandbox };
            let client = service.client().bearer(&alice.session.access);
            let path = bob.path();
            work.push(tokio::spawn(async move { client.get(&path).await.expect(200).json() }));
            if n == 5 {
                let prekeys = json!({ "preKeys": bob.keys.prekeys(first..first + 50) });
                let kyber = json!({ "kyberPreKeys": bob.keys.kyber_prekeys(first..first + 50) });
                for (kind, body) in [("prekeys", prekeys), ("kyber-prekeys", kyber)] {
                    let client = bob.client.clone();
                    let path = format!("{KEYS}/{kind}");
                    work.push(tokio::spawn(async move {
                        client.post(&path, body).await.expect(201).json()
                    }));
                }
            }
        }
        for reply in work {
            let reply = reply.await.unwrap();
            if reply.get("message").is_some() {
                continue;
            }
            assert!(reply["preKey"]["publicKey"].is_string(), "round {round}: no key");
            assert_ne!(ids(&reply).1, LAST_RESORT, "round {round}: no Kyber key");
            for kind in ["preKey", "kyberPreKey"] {
                let key = reply[kind]["publicKey"].as_str().unwrap().to_owned();
                assert_eq!(seen.insert(key, round), None, "round {round}: handed out twice");
            }
        }
        for table in ["prekeys", "kyber_prekeys"] {
            let unused = format!("SELECT count(*) FROM auth.{table} WHERE NOT is_used");
            assert!(service.count(&unused).await <= 200, "round {round}: too many {table}");
        }
    }
}

/// Whichever upload is the last one's keys stay, and no others.
#[tokio::test(flavor = "multi_thread")]
async fn of_racing_uploads_one_stays_whole() {
    let service = unlimited().await;
    let sandbox = service.sandbox().await;
    let bob = Person::new(&service, BOB, 10, 0).await;
    for round in 0..15 {
        let uploads = (0..6).map(|n| {
            let service = if n % 2 == 0 { &service } else { &sandbox };
            let client = service.client().bearer(&bob.session.access);
            // Some of the keys are in several uploads.
            let first = round * 1000 + n * 50;
            let body = json!({ "preKeys": bob.keys.prekeys(first..first + 200) });
            async move { client.post(&format!("{KEYS}/prekeys"), body).await }
        });
        for reply in together(uploads).await {
            assert_eq!(reply.expect(201).json()["uploaded"], 200);
        }
        let rows = service
            .rows("SELECT key_id, position FROM auth.prekeys WHERE NOT is_used ORDER BY position")
            .await;
        assert_eq!(rows.len(), 200, "round {round}");
        let first = rows[0]["key_id"].as_i64().unwrap();
        for (row, n) in rows.iter().zip(0..) {
            assert_eq!((&row["key_id"], &row["position"]), (&json!(first + n), &json!(n + 1)));
        }
    }
}

/// Several users' devices at once, by callers who ask for them in different orders.
#[tokio::test(flavor = "multi_thread")]
async fn callers_of_many_devices_never_block_each_other() {
    let service = Service::with(&UNBOUNDED).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let mut users = Vec::new();
    for n in 0..4 {
        let phone = format!("+3363000000{n}");
        let first = Person::new(&service, &phone, 30, 30).await;
        let second = Person::device(&service, &phone, "tablet").await;
        users.push((first, second));
    }
    let calls = (0..40).map(|n| {
        let mut ids: Vec<String> = users.iter().map(|(one, _)| one.session.user.clone()).collect();
        ids.rotate_left(n % 4);
        if n % 2 == 0 {
            ids.reverse();
        }
        let client = alice.client.clone();
        async move { client.post(&format!("{KEYS}/bundles"), json!({ "userIds": ids })).await }
    });
    let mut seen = BTreeSet::new();
    let mut empty = 0;
    for reply in together(calls).await {
        let reply = reply.expect(200).json();
        for user in reply["users"].as_array().unwrap() {
            for bundle in user["devices"].as_array().unwrap() {
                match ids(bundle).0 {
                    Some(id) => {
                        assert!(seen.insert((bundle["deviceId"].to_string(), id)), "twice");
                    }
                    None => empty += 1,
                }
            }
        }
    }
    assert_eq!((seen.len(), empty), (8 * 30, 8 * 10));
}

/// A statement that holds the last key and gives it back: whoever asks meanwhile waits for
/// it rather than to be told that there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_gives_back_is_handed_out() {
    let service = Service::with(&UNBOUNDED).await;
    let bob = Person::new(&service, BOB, 1, 1).await;
    let alice = Person::new(&service, ALICE, 0, 0).await;
    let holder = service.hold("SELECT FROM auth.prekey_pages FOR UPDATE").await;
    let (client, path) = (alice.client.clone(), bob.path());
    let asking = tokio::spawn(async move { client.get(&path).await });
    service.until_waiting(1).await;
    holder.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(ids(&asking.await.unwrap().expect(200).json()), (Some(1), Some(1)));
}
