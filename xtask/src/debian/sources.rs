//! The mirror, read from the machine's own apt sources in both of their formats.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Where the machine's own sources stand.
const SOURCES: &str = "/etc/apt";

/// One mirror with one suite.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    uri: String,
    suite: String,
    signed_by: Option<String>,
}

impl Source {
    /// A line for sources.list: another `suite` of the same mirror.
    pub fn line(&self, suite: &str) -> String {
        let signed_by = match &self.signed_by {
            Some(keyring) => format!(" signed-by={keyring}"),
            None => String::new(),
        };
        format!(
            "deb [target=Packages lang=none{signed_by}] {} {suite} main\n",
            self.uri
        )
    }
}

/// The mirror of Debian proper (not of its security updates, not of a third party).
pub fn debian() -> Result<Source> {
    let codename = codename()?;
    let suites = [
        &codename,
        "stable",
        "oldstable",
        "testing",
        "unstable",
        "sid",
    ];
    let mut sources = Vec::new();
    for path in files(Path::new(SOURCES)) {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if path
            .extension()
            .is_some_and(|extension| extension == "list")
        {
            sources.extend(one_line(&text));
        } else {
            sources.extend(deb822(&text));
        }
    }
    sources
        .into_iter()
        .find(|source| suites.contains(&source.suite.as_str()))
        .with_context(|| format!("{SOURCES} names no mirror that has Debian {codename} main"))
}

/// The suite of the running system.
pub fn host_suite() -> Result<String> {
    Ok(debian()?.suite)
}

fn codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let value = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim_matches('"'))
    };
    match (value("ID="), value("VERSION_CODENAME=")) {
        (Some("debian"), Some(codename)) => Ok(codename.to_owned()),
        (id, _) => bail!(
            "this needs packages of Debian, and this system is {}: run it on Debian or in a container of it",
            id.unwrap_or("unknown")
        ),
    }
}

fn files(etc: &Path) -> Vec<PathBuf> {
    let mut files = vec![etc.join("sources.list")];
    if let Ok(parts) = fs::read_dir(etc.join("sources.list.d")) {
        files.extend(parts.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        path.is_file() && matches!(extension, Some("list" | "sources"))
    });
    files.sort();
    files
}

/// `deb [option=value …] URI SUITE COMPONENT…`, one a line.
fn one_line(text: &str) -> Vec<Source> {
    text.lines().filter_map(one_line_source).collect()
}

fn one_line_source(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    if !words.any(|component| component == "main") || uri.starts_with("cdrom:") {
        return None;
    }
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="));
    Some(Source {
        uri: uri.to_owned(),
        suite: suite.to_owned(),
        signed_by: signed_by.map(str::to_owned),
    })
}

/// Stanzas of `Field: value …`, where a line that begins with a blank continues the field.
fn deb822(text: &str) -> Vec<Source> {
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines
        .split(|line| line.trim().is_empty())
        .flat_map(deb822_sources)
        .collect()
}

fn deb822_sources(stanza: &[&str]) -> Vec<Source> {
    let field = |name: &str| -> Vec<&str> {
        let start = stanza.iter().position(|line| {
            let field = line.split_once(':').map(|(field, _)| field);
            field.is_some_and(|field| field.eq_ignore_ascii_case(name))
        });
        let Some(start) = start else { return vec![] };
        let first = stanza[start].split_once(':').map(|(_, value)| value);
        let more = stanza[start + 1..]
            .iter()
            .copied()
            .take_while(|line| line.starts_with([' ', '\t']));
        first
            .into_iter()
            .chain(more)
            .flat_map(str::split_whitespace)
            .collect()
    };
    if !field("Types").contains(&"deb")
        || !field("Components").contains(&"main")
        || field("Enabled") == ["no"]
    {
        return vec![];
    }
    // A key may also stand in the file itself; then apt's own trusted keys have to do.
    let signed_by = field("Signed-By").first().copied();
    let signed_by = signed_by.filter(|keyring| keyring.starts_with('/'));
    let uris = field("URIs");
    let Some(uri) = uris.first() else {
        return vec![];
    };
    field("Suites")
        .into_iter()
        .map(|suite| Source {
            uri: (*uri).to_owned(),
            suite: suite.to_owned(),
            signed_by: signed_by.map(str::to_owned),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(suite: &str, signed_by: Option<&str>) -> Source {
        Source {
            uri: "http://mirror.test/debian".into(),
            suite: suite.into(),
            signed_by: signed_by.map(str::to_owned),
        }
    }

    #[test]
    fn one_line_format() {
        let text = "# deb http://no.test x main\n\
            deb-src http://no.test x main\n\
            deb http://no.test x contrib\n\
            deb cdrom:[Debian] x main\n\
            deb\thttp://mirror.test/debian bookworm main contrib # why\n\
            deb [ arch=amd64 signed-by=/k.gpg ] http://mirror.test/debian trixie main\n";
        assert_eq!(
            one_line(text),
            [source("bookworm", None), source("trixie", Some("/k.gpg"))]
        );
    }

    #[test]
    fn deb822_format() {
        let text = "Types: deb\n# a comment\nURIs: http://mirror.test/debian\n\
            Suites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\n\
            Types: deb-src\nURIs: http://no.test\nSuites: x\nComponents: main\n\n\
            Types: deb\nEnabled: no\nURIs: http://no.test\nSuites: x\nComponents: main\n";
        assert_eq!(
            deb822(text),
            [
                source("bookworm", Some("/k.gpg")),
                source("bookworm-updates", Some("/k.gpg"))
            ]
        );
    }

    #[test]
    fn a_line_for_another_suite() {
        assert_eq!(
            source("bookworm", Some("/k.gpg")).line("trixie"),
            "deb [target=Packages lang=none signed-by=/k.gpg] http://mirror.test/debian trixie main\n"
        );
    }
}
