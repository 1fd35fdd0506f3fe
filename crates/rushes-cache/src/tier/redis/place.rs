//! Where Redis is, as a URL says it.

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::tier::TierError;

const WANTED: &str = "a Redis URL is redis://[user:password@]host[:port][,host:port…][/database], \
                      rediss:// for TLS, or redis+sentinel://host[:port][,host:port…]/name";
const PORT: u16 = 6_379;
const SENTINEL_PORT: u16 = 26_379;

/// Where to begin to look for the servers, and how to speak to them.
#[derive(Clone)]
pub(super) struct Place {
    /// Servers, or sentinels, to ask first.
    pub(super) seeds: Vec<(String, u16)>,
    /// The name that sentinels know the server by.
    pub(super) sentinel: Option<String>,
    tls: bool,
    /// As written in the URL: user and password with the `@`, database with the `/`.
    access: String,
    database: String,
}

impl Place {
    /// Reads a URL. What was wrong is said without the URL itself: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, TierError> {
        let wrong = || TierError::Other(WANTED.to_owned());
        let (scheme, rest) = url.trim().split_once("://").ok_or_else(wrong)?;
        let (tls, by_sentinel) = match scheme {
            "redis" | "valkey" => (false, false),
            "rediss" | "valkeys" => (true, false),
            "redis+sentinel" | "valkey+sentinel" => (false, true),
            "rediss+sentinel" | "valkeys+sentinel" => (true, true),
            _ => return Err(wrong()),
        };
        let (access, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, database) = match (by_sentinel, path.split_once('/')) {
            (false, _) => ("", path),
            (true, Some(both)) => both,
            (true, None) => (path, ""),
        };
        let port = if by_sentinel { SENTINEL_PORT } else { PORT };
        let seeds = hosts.split(',').map(|host| seed(host, port)).collect::<Option<Vec<_>>>();
        let place = Self {
            seeds: seeds.ok_or_else(wrong)?,
            sentinel: by_sentinel.then(|| name.to_owned()),
            tls,
            access: if access.is_empty() { String::new() } else { format!("{access}@") },
            database: database.to_owned(),
        };
        let nameless = by_sentinel && name.is_empty();
        let readable = place.seeds.iter().all(|seed| place.server(seed).is_some());
        if nameless || !readable { Err(wrong()) } else { Ok(place) }
    }

    /// How to reach one server.
    pub(super) fn server(&self, (host, port): &(String, u16)) -> Option<ConnectionInfo> {
        let Self { access, database, .. } = self;
        self.info(&format!("{access}{host}:{port}/{database}"))
    }

    /// How to reach one sentinel: it has no databases and users of its own.
    pub(super) fn sentinel(&self, (host, port): &(String, u16)) -> Option<ConnectionInfo> {
        self.info(&format!("{host}:{port}"))
    }

    fn info(&self, rest: &str) -> Option<ConnectionInfo> {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://{rest}").into_connection_info().ok()
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn seed(text: &str, port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().ok()?),
        _ => (text, port),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_sentinels_and_access_are_read() {
        let place = Place::parse("rediss://ann:se%40cret@one:7000,two,[::1]:7002/3").unwrap();
        let seeds = [("one", 7000), ("two", PORT), ("[::1]", 7002)];
        assert_eq!(place.seeds, seeds.map(|(host, port)| (host.to_owned(), port)));
        let info = place.server(&place.seeds[0]).unwrap();
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password()), (Some("ann"), Some("se@cret")));
        assert_eq!(settings.db(), 3);
        let place = Place::parse("redis+sentinel://:pw@one,two:1/main/2").unwrap();
        assert_eq!(place.sentinel.as_deref(), Some("main"));
        assert_eq!(place.seeds[0], ("one".to_owned(), SENTINEL_PORT));
        assert_eq!(place.server(&place.seeds[1]).unwrap().redis_settings().db(), 2);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in
            ["http://u:secret@h", "redis://u:secret@", "redis+sentinel://:secret@h", "u:secret@h"]
        {
            let error = Place::parse(url).err().unwrap().to_string();
            assert!(error.contains("redis://[user") && !error.contains("secret"), "{url}: {error}");
        }
    }
}
