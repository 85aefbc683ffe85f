//! Redis behind sentinels: servers that know which server is the master.

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, RedisResult, Value};
use secrecy::SecretString;
use tokio::task::JoinSet;

use super::address::{connect, of_address};
use super::connect_error::{ConnectError, is_refused_login};
use crate::config::redis::{Login, NodeAddress, Password};

pub(super) struct Sentinels {
    pub(super) nodes: Vec<NodeAddress>,
    /// The name of the master.
    pub(super) name: String,
    pub(super) sentinel_password: Password,
    pub(super) login: Login,
    pub(super) has_tls: bool,
}

/// What one question needs.
#[derive(Clone)]
struct Question {
    name: String,
    sentinel_password: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    has_tls: bool,
}

impl Sentinels {
    /// Asks all sentinels at once. The first whose master is a master is believed: one that
    /// does not answer holds nobody up, and one that was cut off names a server that is dead
    /// or a replica.
    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, ConnectError> {
        let sentinel = Login { username: None, password: self.sentinel_password.clone() };
        let question = Question {
            name: self.name.clone(),
            sentinel_password: sentinel.password().await?,
            username: self.login.username.clone(),
            password: self.login.password().await?,
            has_tls: self.has_tls,
        };
        let mut asked = JoinSet::new();
        for sentinel in self.nodes.clone() {
            let question = question.clone();
            asked.spawn(async move { connect_to_master(sentinel, question).await });
        }
        let mut last = failure("no sentinel answered");
        while let Some(connected) = asked.join_next().await {
            match connected {
                Ok(Ok(connection)) => return Ok(connection),
                // A refused login can be mended, so it is told before other errors.
                Ok(Err(error)) if !is_refused_login(&last) => last = error,
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Err(last.into())
    }
}

async fn connect_to_master(
    sentinel: NodeAddress,
    question: Question,
) -> RedisResult<MultiplexedConnection> {
    let Question { name, sentinel_password, username, password, has_tls } = question;
    let sentinel = of_address(&sentinel, None, sentinel_password.as_ref(), has_tls)?;
    let mut asked = connect(sentinel).await?;
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    let (host, port): (String, u16) = ask
        .query_async::<Option<_>>(&mut asked)
        .await?
        .ok_or_else(|| failure("the sentinel does not know the master"))?;
    let master = NodeAddress { host, port };
    let master = of_address(&master, username.as_deref(), password.as_ref(), has_tls)?;
    let mut connection = connect(master).await?;
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut connection).await?;
    let role = role.into_iter().next().map(redis::from_redis_value::<String>).transpose()?;
    match role.as_deref() {
        Some("master") => Ok(connection),
        _ => Err(failure("the server is not a master")),
    }
}

fn failure(text: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, text))
}
