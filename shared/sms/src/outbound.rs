//! Requests that leave the service: to HTTPS addresses of the public internet alone, so that no
//! configured address, and no name that is pointed elsewhere later, reaches the service's own
//! network. `STAGE=local` may ask any address.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shared::config::{EnvReader, Stage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::Host;

/// No provider takes longer than this. Senders and the captcha have limits of their own.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Which addresses may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outbound {
    Any,
    Public,
}

impl Outbound {
    pub(crate) fn of(stage: Stage) -> Self {
        if stage.is_local() { Self::Any } else { Self::Public }
    }

    fn refuses(self, url: &str) -> Option<&'static str> {
        let Ok(url) = url::Url::parse(url) else { return Some("is not a web address") };
        let is_public = match url.host() {
            Some(Host::Domain(_)) => true,
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            None => return Some("is not a web address"),
        };
        match (self, url.scheme()) {
            (Self::Any, "http" | "https") => None,
            (Self::Public, "https") if is_public => None,
            (Self::Public, "https") => Some("must not be an address of a private network"),
            (Self::Public, "http") => Some("must begin with https://"),
            _ => Some("is not a web address"),
        }
    }
}

/// Reads a variable that holds an address, without a slash at the end.
pub(crate) fn address(
    env: &mut EnvReader,
    outbound: Outbound,
    name: &'static str,
    default: &str,
) -> String {
    optional_address(env, outbound, name).unwrap_or_else(|| default.to_owned())
}

pub(crate) fn optional_address(
    env: &mut EnvReader,
    outbound: Outbound,
    name: &'static str,
) -> Option<String> {
    let url = env.optional(name)?;
    if let Some(error) = outbound.refuses(&url) {
        env.error(name, error);
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// A client made with the first request, so that a start does not load certificates.
pub(crate) struct HttpClient {
    outbound: Outbound,
    client: OnceLock<Option<reqwest::Client>>,
}

impl HttpClient {
    pub(crate) const fn new(outbound: Outbound) -> Self {
        Self { outbound, client: OnceLock::new() }
    }

    pub(crate) fn get(&self) -> Option<&reqwest::Client> {
        let make = || {
            // No redirects: number and code are for the configured address alone.
            let no_redirects = reqwest::redirect::Policy::none();
            let mut client = reqwest::Client::builder().timeout(TIMEOUT).redirect(no_redirects);
            if self.outbound == Outbound::Public {
                // A proxy would look names up itself.
                client = client.https_only(true).no_proxy().dns_resolver(Arc::new(PublicNames));
            }
            client.build().ok()
        };
        self.client.get_or_init(make).as_ref()
    }
}

/// Looks names up, and knows public addresses alone.
struct PublicNames;

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err("the name has no public address".into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is of the public internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(a, 0 | 10 | 127 | 224..)
        || (a == 100 && (64..128).contains(&b))
        || (a == 169 && b == 254)
        || (a == 172 && (16..32).contains(&b))
        || (a == 192 && b == 168)
        || (a == 198 && (b == 18 || b == 19))
        || matches!((a, b, c), (192, 0, 0 | 2) | (192, 88, 99) | (198, 51, 100) | (203, 0, 113));
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // NAT64 (RFC 6052): the last 32 bits are an IPv4 address.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    }
    let is_global_unicast = first & 0xe000 == 0x2000;
    // Protocol assignments with Teredo, documentation, and 6to4, which hides an IPv4 address.
    let is_special = match first {
        0x2001 => second < 0x200 || second == 0xdb8,
        0x2002 | 0x3fff => true,
        _ => false,
    };
    is_global_unicast && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_not_of_a_private_network() {
        let (any, public) = (Outbound::Any, Outbound::Public);
        for good in ["https://api.twilio.com", "https://8.8.8.8/x", "https://[2606:4700::1]/"] {
            assert_eq!(public.refuses(good), None, "{good}");
        }
        for bad in [
            "http://api.twilio.com",
            "ftp://api.twilio.com",
            "api.twilio.com",
            "https://",
            "https://127.0.0.1",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://10.0.0.1",
            "https://100.64.0.1",
            "https://169.254.169.254/latest/meta-data",
            "https://172.31.255.255",
            "https://192.168.1.1",
            "https://198.18.0.1",
            "https://224.0.0.1",
            "https://255.255.255.255",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[2002:7f00:1::]/",
            "https://[fd00:ec2::254]/",
            "https://[fe80::1]/",
        ] {
            assert!(public.refuses(bad).is_some(), "{bad}");
        }
        assert_eq!(any.refuses("http://127.0.0.1:3001"), None);
        assert!(any.refuses("file:///etc/passwd").is_some());
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_is_not_found() {
        let name: Name = "localhost".parse().expect("a name");
        assert!(PublicNames.resolve(name).await.is_err());
    }
}
