//! Which unit and container a process belongs to, as the names of its control groups tell.

use crate::event::Container;

/// See [`parse`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The innermost systemd unit. A scope that a runtime made for a container is none: it is the
    /// container.
    pub unit: Option<String>,
    /// The innermost container.
    pub container: Option<Container>,
}

/// Characters of an id that runtimes show.
const SHORT_ID: usize = 12;
/// Characters of an id.
const LONG_ID: usize = 64;

/// Reads the text of `/proc/PID/cgroup` (cgroups(7)), which has a line for each hierarchy.
pub fn parse(cgroup_file: &str) -> Membership {
    let mut lines: Vec<(u8, &str)> = cgroup_file.lines().filter_map(line).collect();
    lines.sort_by_key(|(rank, _)| *rank);
    let mut found = Membership::default();
    for (_, path) in lines {
        let here = of_path(path);
        // One hierarchy may tell the unit and another one the container.
        found.unit = found.unit.or(here.unit);
        found.container = found.container.or(here.container);
    }
    found
}

/// The path of a line with its rank: units are in the hierarchy of systemd, which is the unified
/// one where there is no other. The rest may have older or wider groups.
fn line(line: &str) -> Option<(u8, &str)> {
    let (hierarchy, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    let rank = match (hierarchy, controllers) {
        (_, "name=systemd") => 0,
        ("0", "") => 1,
        _ => 2,
    };
    // So ends the group of a zombie that is gone (`proc_cgroup_show`, kernel/cgroup/cgroup.c).
    Some((rank, path.strip_suffix(" (deleted)").unwrap_or(path)))
}

fn of_path(path: &str) -> Membership {
    let parts: Vec<&str> = path.split('/').flat_map(split_driver).collect();
    let mut unit = None;
    // What is shown when there is nothing better.
    let mut rest = None;
    let mut container = None;
    let mut pod = None;
    for (at, &part) in parts.iter().enumerate() {
        let (before, after) = (&parts[..at], &parts[at + 1..]);
        if let Some(uid) = pod_uid(part) {
            pod = Some(uid);
            container = None;
        } else if let Some((runtime, id)) = container_of(part, before, after) {
            container = Some((runtime, id));
        } else if has_name(part, &[".service", ".scope"]) {
            unit = Some(part);
        } else if has_name(part, &[".mount", ".socket", ".swap"])
            || has_name(part, &[".slice"]) && !DULL_SLICES.contains(&part)
        {
            rest = Some(part);
        }
    }
    // What is in no container of the pod, such as CRI-O's watcher, still belongs to the pod.
    let container = container.or_else(|| Some(("kubernetes", pod.clone()?)));
    if container.is_some() {
        rest = None;
    }
    Membership {
        unit: unit.or(rest).map(str::to_owned),
        container: container.map(|(runtime, id)| Container {
            runtime: runtime.to_owned(),
            id: shorten(id),
            pod,
        }),
    }
}

/// Every process is in them.
const DULL_SLICES: [&str; 3] = ["-.slice", "system.slice", "user.slice"];

/// A runtime whose caller means another cgroup driver takes `slice:prefix:id` for a name.
fn split_driver(part: &str) -> std::str::Split<'_, char> {
    let separator = if part.contains(".slice:") { ':' } else { '/' };
    part.split(separator)
}

fn has_name(part: &str, endings: &[&str]) -> bool {
    let stem = endings.iter().find_map(|ending| part.strip_suffix(ending));
    stem.is_some_and(|stem| !stem.is_empty())
}

/// The pod whose group this is: `pod<uid>`, or as a slice `kubepods-burstable-pod<uid>.slice`, in
/// which `_` stands for `-`.
fn pod_uid(part: &str) -> Option<String> {
    let uid = match part.strip_suffix(".slice") {
        Some(slice) if slice.contains("kubepods") => slice.rsplit_once("-pod")?.1,
        Some(_) => return None,
        None => part.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    // A UUID, or for pods from files a hash.
    let digits = uid.bytes().filter(u8::is_ascii_hexdigit).count();
    let others = uid.bytes().filter(|byte| *byte != b'-').count();
    (digits == 32 && others == 32).then_some(uid)
}

/// Runtime and id or name of the container whose group this is.
fn container_of(part: &str, before: &[&str], after: &[&str]) -> Option<(&'static str, String)> {
    let (runtime, id) = named_container(part, before, after)?;
    (!id.is_empty()).then_some((runtime, id))
}

fn named_container(part: &str, before: &[&str], after: &[&str]) -> Option<(&'static str, String)> {
    let parent = before.last().copied().unwrap_or_default();
    let own = |runtime, id: &str| Some((runtime, id.to_owned()));
    if is_hex(part) && part.len() == LONG_ID {
        return own(runtime_below(parent), part);
    }
    let name = part.strip_suffix(".scope").unwrap_or(part);
    for (prefix, runtime) in PREFIXES {
        // What watches over it, as `libpod-conmon-<id>`, is not in it.
        if let Some(id) = name.strip_prefix(prefix)
            && is_hex(id)
            && id.len() >= SHORT_ID
        {
            return own(runtime, id);
        }
    }
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return own("lxc", name);
    }
    if matches!(parent, "lxc" | "lxc.payload") {
        return own("lxc", part);
    }
    if part == "payload"
        && let Some(unit) = parent.strip_prefix("systemd-nspawn@")
    {
        let name = unescape(unit.strip_suffix(".service")?);
        return Some(("nspawn", name));
    }
    let machine = unescape(part.strip_prefix("machine-")?.strip_suffix(".scope")?);
    // systemd-machined knows virtual machines too.
    if machine.starts_with("qemu-") || after.first() == Some(&"supervisor") {
        return None;
    }
    match machine.strip_prefix("lxc-") {
        Some(lxc) => Some(("lxc", lxc.to_owned())),
        None => Some(("nspawn", machine)),
    }
}

const PREFIXES: [(&str, &str); 6] = [
    ("docker-", "docker"),
    ("libpod-", "podman"),
    ("libpod-payload-", "podman"),
    ("cri-containerd-", "containerd"),
    ("nerdctl-", "containerd"),
    ("crio-", "crio"),
];

/// Who names groups just by the id, below this one.
fn runtime_below(parent: &str) -> &'static str {
    match parent {
        "libpod" | "libpod_parent" => "podman",
        // The namespaces of containerd that its clients use.
        "cri-containerd" | "containerd" | "nerdctl" | "k8s.io" | "default" => "containerd",
        "crio" => "crio",
        // The kubelet's own driver: any runtime.
        _ if pod_uid(parent).is_some() => "kubernetes",
        // Also below whatever is given as --cgroup-parent.
        _ => "docker",
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn shorten(mut id: String) -> String {
    if is_hex(&id) {
        id.truncate(SHORT_ID);
    }
    id
}

/// `\x2d` is `-` in names of units (systemd.unit(5)).
fn unescape(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, ..] => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &rest[4..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
#[path = "cgroup_tests.rs"]
mod tests;
