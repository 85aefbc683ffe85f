//! A relay that is killed at any point, or loses its database at any point: each event for another service
//! arrives at least once, in the order of its user, always under one id. [`super::idle`] and
//! [`super::after_commit`] have a Redis that is away, `crate::trail` the entries of the trail: `failures`
//! and `sinks` as they are delivered, `hourly` those that are counted.

use super::{Function, LATER, firsts, queue, undelivered, unlimited};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use tests::invoke_api::{Answer, InvokeApi};
use tests::proxy::Lost;
use tests::stores::Stores;
use tests::{Proxy, Service};

/// Polls a future so often, then drops it: the process is gone. True if it had ended before.
async fn killed_after<F: Future>(polls: usize, future: F) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// All that is left is delivered by the next relay, once leases and waits are over.
async fn finish(service: &Service, function: &Function) {
    for _ in 0..10 {
        service.advance(LATER);
        let _ = function.relay().await;
        if undelivered(service).await == 0 {
            return;
        }
    }
    panic!("events are left");
}

#[tokio::test]
async fn a_relay_that_is_killed_anywhere_loses_nothing() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let cloud = api.cloud();
    for polls in 0.. {
        queue(&service, 2, 3).await;
        let function = Function::with_user_service(&service, Some(cloud.clone())).await;
        let ended = killed_after(polls, function.relay()).await;
        finish(&service, &function).await;
        assert_eq!(firsts(&api.take()), [[1, 2, 3], [1, 2, 3]], "{polls} polls");
        if ended {
            assert!(polls > 5, "a run has more steps than {polls}");
            break;
        }
    }
}

/// The function of the other service dies in the middle of an event, and so does the relay.
#[tokio::test]
async fn both_ends_may_die_at_once() {
    let (service, api) = (unlimited().await, InvokeApi::start().await);
    let cloud = api.cloud();
    for polls in (0..30).step_by(3) {
        queue(&service, 2, 3).await;
        api.answer(|one| {
            if one.payload["data"]["n"] == 2 { Answer::Dropping } else { Answer::With(true.into()) }
        });
        let function = Function::with_user_service(&service, Some(cloud.clone())).await;
        let _ = killed_after(polls, function.relay()).await;
        api.answer(|_| Answer::With(true.into()));
        finish(&service, &function).await;
        assert_eq!(firsts(&api.take()), [[1, 2, 3], [1, 2, 3]], "{polls} polls");
    }
}

#[tokio::test]
async fn a_lost_connection_to_the_database_loses_nothing() {
    let api = InvokeApi::start().await;
    let cloud = api.cloud();
    let stores = Stores::fresh().await;
    let (proxy, url) = Proxy::before(&stores.database_url).await;
    let variables = [("RATE_LIMITS", "off")];
    let service = Service::over(stores, &variables).await;
    let variables = [("USER_SERVICE_FUNCTION", "user-service"), ("DATABASE_URL", url.as_str())];
    for part in [Lost::Request, Lost::Reply] {
        for skip in 0.. {
            queue(&service, 2, 2).await;
            let function = Function::new(&service, Some(cloud.clone()), None, &variables).await;
            proxy.lose(skip, part);
            let _ = function.invoke(serde_json::json!({ "task": "relay" })).await;
            let lost = !proxy.has_loss_pending();
            proxy.lose(1_000_000, Lost::Request);
            finish(&service, &function).await;
            assert_eq!(firsts(&api.take()), [[1, 2], [1, 2]], "{part:?} {skip}");
            if !lost {
                assert!(skip > 3, "a run has more exchanges than {skip}");
                break;
            }
        }
    }
}
