use proptest::prelude::*;

use super::*;

/// `X` in the tables stands for an id, `P` for a pod's, `Q` for the same with `_`.
const ID: &str = "3f4c8b1d9e7a60512c4d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";
const POD: &str = "6e2f1c70-9b1d-4a5e-8c3f-0d1e2f3a4b5c";

/// Path, unit, and `runtime id [pod]`, where there are.
const PATHS: &str = r"
# Docker: both drivers, parents, one in another, and the daemon itself.
/docker/X |  | docker X
/system.slice/docker-X.scope |  | docker X
/system.slice/docker-X.scope/init.scope | init.scope | docker X
/docker/X/system.slice/nginx.service | nginx.service | docker X
/batch/X |  | docker X
/batch.slice/docker-X.scope |  | docker X
/user.slice/user-1000.slice/user@1000.service/user.slice/docker-X.scope | user@1000.service | docker X
/docker/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/docker/X |  | docker X
/../../system.slice/docker-X.scope |  | docker X
/system.slice/docker-X.scope (deleted) |  | docker X
/system.slice:docker:X |  | docker X
/ecs/0a1b2c3d4e5f40718293a4b5c6d7e8f9/X |  | docker X
/system.slice/docker.service | docker.service |
/system.slice/docker-compose@shop.service | docker-compose@shop.service |
# Podman: root, rootless, both drivers, quadlets, and what watches.
/machine.slice/libpod-X.scope/container |  | podman X
/libpod_parent/libpod-X |  | podman X
/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-X.scope/container | user@1000.service | podman X
/system.slice/web.service/libpod-payload-X | web.service | podman X
/machine.slice/libpod-conmon-X.scope | libpod-conmon-X.scope |
/libpod_parent/conmon |  |
/user.slice/user-1000.slice/user@1000.service/user.slice/podman-48213.scope | podman-48213.scope |
# containerd and CRI-O.
/system.slice/containerd.service | containerd.service |
/k8s.io/X |  | containerd X
/default/X |  | containerd X
/system.slice/nerdctl-X.scope |  | containerd X
/machine.slice/crio-X.scope |  | crio X
/machine.slice/crio-conmon-X.scope | crio-conmon-X.scope |
# Kubernetes.
/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podQ.slice/cri-containerd-X.scope |  | containerd X P
/kubepods.slice/kubepods-podQ.slice/crio-X.scope/container |  | crio X P
/kubepods.slice/kubepods-podQ.slice/crio-conmon-X.scope | crio-conmon-X.scope | kubernetes P P
/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podQ.slice/docker-X.scope |  | docker X P
/kubepods/besteffort/podP/X |  | kubernetes X P
/kubepods/podP/X |  | kubernetes X P
/kubepods/burstable/podP |  | kubernetes P P
/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podQ.slice/cri-containerd-X.scope |  | containerd X P
/system.slice/containerd.service/kubepods-burstable-podQ.slice:cri-containerd:X | containerd.service | containerd X P
/docker/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/kubelet/kubepods/podP/X |  | kubernetes X P
/system.slice/podman-auto-update.service | podman-auto-update.service |
/podcasts |  |
# LXC, also with what runs in it.
/lxc/101 |  | lxc 101
/lxc/101/ns/system.slice/postgresql@15-main.service | postgresql@15-main.service | lxc 101
/lxc/101/ns/system.slice/docker-X.scope |  | docker X
/lxc.payload.web1/init.scope | init.scope | lxc web1
/lxc.payload/web1 |  | lxc web1
/lxc.monitor.web1 |  |
/lxc.monitor/101 |  |
/lxc |  |
/lxc/ |  |
/lxc.payload. |  |
# Machines.
/qemu.slice/105.scope | 105.scope |
/machine.slice/machine-qemu\x2d3\x2dk3s.scope/libvirt/emulator | machine-qemu\x2d3\x2dk3s.scope |
/machine.slice/machine-debian\x2dtree.scope/payload/system.slice/cron.service | cron.service | nspawn debian-tree
/machine.slice/machine-web.scope/supervisor | machine-web.scope |
/machine.slice/systemd-nspawn@web.service/payload/init.scope | init.scope | nspawn web
/machine.slice/systemd-nspawn@web.service/supervisor | systemd-nspawn@web.service |
/machine.slice/machine-lxc\x2d4711\x2dbuild.scope |  | lxc 4711-build
# Units.
/ |  |
/init.scope | init.scope |
/system.slice/cron.service | cron.service |
/system.slice/system-postgresql.slice/postgresql@15-main.service | postgresql@15-main.service |
/system.slice/ifup@eth0:1.service | ifup@eth0:1.service |
/user.slice/user-1000.slice/session-3.scope | session-3.scope |
/user.slice/user-1000.slice/user@1000.service/app.slice/app-foo.service | app-foo.service |
/user.slice/user-1000.slice/user@1000.service/init.scope | init.scope |
/system.slice/home.mount | home.mount |
/system.slice |  |
/user.slice/user-1000.slice | user-1000.slice |
/backup.slice | backup.slice |
/system.slice/.service |  |
 |  |
";

fn expected(unit: &str, container: &str) -> Membership {
    let mut words = container.split(' ').filter(|word| !word.is_empty());
    let id = |word: &str| word.replace('X', &ID[..SHORT_ID]);
    Membership {
        unit: (!unit.is_empty()).then(|| unit.replace('X', ID)),
        container: words.next().map(|runtime| Container {
            runtime: runtime.to_owned(),
            id: id(words.next().expect("an id")).replace('P', POD),
            pod: words.next().map(|_| POD.to_owned()),
        }),
    }
}

fn fill(path: &str) -> String {
    let path = path.replace('X', ID).replace('P', POD);
    path.replace('Q', &POD.replace('-', "_"))
}

fn columns<const N: usize>(line: &str) -> [&str; N] {
    let mut columns = line.split('|').map(str::trim);
    std::array::from_fn(|_| columns.next().unwrap_or_default())
}

#[test]
fn the_innermost_unit_and_container_are_found_in_every_hierarchy() {
    let lines = PATHS.lines().filter(|line| line.starts_with('/'));
    for line in lines {
        let [path, unit, container] = columns(line);
        let expected = expected(unit, container);
        let path = fill(path);
        let unified = format!("0::{path}\n");
        let old = format!("12:cpu,cpuacct:{path}\n2:freezer:/\n1:name=systemd:{path}\n0::/\n");
        for text in [&unified, &old] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}

#[test]
fn hierarchies_complete_each_other() {
    let found = parse(&fill(
        "11:memory:/docker/X\n1:name=systemd:/system.slice/cron.service\n0::/\n",
    ));
    assert_eq!(found, expected("cron.service", "docker X"));
    let found = parse(
        "5:devices:/user.slice\n1:name=systemd:/user.slice/user-0.slice/session-1.scope\n0::/user.slice/user-0.slice/user@0.service\n",
    );
    assert_eq!(found.unit.as_deref(), Some("session-1.scope"));
}

#[test]
fn what_is_no_line_tells_nothing() {
    for text in [
        "",
        "\n",
        ":",
        "::",
        "0",
        "0:",
        "no such file\n",
        "0::::///:\n",
    ] {
        assert_eq!(parse(text), Membership::default(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "([0-9]:[a-z=]{0,4}:)?(/|[a-f0-9]{64}|kubepods-pod|machine-|lxc|\\\\x2|\\\\x2d|[.]scope|[.]slice:|é|\\PC){0,9}") {
        let found = parse(&text);
        if let Some(container) = found.container {
            prop_assert!(!container.runtime.is_empty() && !container.id.is_empty());
        }
    }
}
