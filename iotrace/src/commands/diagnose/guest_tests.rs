use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn facts(command: &str) -> Facts {
    Facts {
        command: Some(Bytes::copy_from_slice(command.as_bytes())),
        ..Facts::default()
    }
}

fn guest(id: &str, name: &str, disks: &[&str]) -> Guest {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Guest {
        id: some(id),
        name: some(name),
        disks: disks.iter().copied().map(str::to_owned).collect(),
    }
}

#[test]
fn proxmox() {
    let command = "/usr/bin/kvm -id 105 -name k3s,debug-threads=on -no-shutdown -chardev \
        socket,id=qmp,path=/var/run/qemu-server/105.qmp,server=on,wait=off -mon chardev=qmp,mode=control \
        -pidfile /var/run/qemu-server/105.pid -daemonize -smbios type=1,uuid=5f0c -drive \
        if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/pve-edk2-firmware//OVMF_CODE_4M.secboot.fd \
        -drive if=none,id=drive-ide2,media=cdrom,aio=io_uring -device ide-cd,bus=ide.1,drive=drive-ide2,id=ide2 \
        -drive file=/dev/zvol/rpool/data/vm-105-disk-0,if=none,id=drive-scsi0,format=raw,cache=none,aio=io_uring \
        -drive file=rbd:pool/vm-105-disk-1:conf=/etc/pve/ceph.conf:id=admin,if=none,id=drive-scsi1 -m 4096";
    let disks = [
        "/dev/zvol/rpool/data/vm-105-disk-0",
        "rbd:pool/vm-105-disk-1:conf=/etc/pve/ceph.conf:id=admin",
    ];
    assert_eq!(
        Guest::of(&facts(command)),
        Some(guest("105", "k3s", &disks))
    );

    let command = r#"/usr/bin/kvm -id 105 -name k3s,debug-threads=on -blockdev {"detect-zeroes":"on","discard":"ignore","driver":"throttle","file":{"cache":{"direct":true,"no-flush":false},"driver":"raw","file":{"aio":"io_uring","driver":"host_device","filename":"/dev/zvol/rpool/data/vm-105-disk-0","node-name":"e1"},"node-name":"f1"},"node-name":"drive-scsi0","throttle-group":"throttle-drive-scsi0"} -blockdev {"driver":"raw","file":{"driver":"file","filename":"/usr/share/OVMF.fd"},"node-name":"pflash0","read-only":true} -blockdev {"driver":"rbd","pool":"p","image":"vm-105-disk-2","node-name":"x"} -m 4096"#;
    let disks = ["/dev/zvol/rpool/data/vm-105-disk-0", "rbd:p/vm-105-disk-2"];
    assert_eq!(
        Guest::of(&facts(command)),
        Some(guest("105", "k3s", &disks))
    );
}

#[test]
fn libvirt_and_by_hand() {
    let command = r#"/usr/bin/qemu-system-x86_64 -name guest=build vm,debug-threads=on -S -object {"qom-type":"secret","id":"masterKey0"} -machine pc-q35-8.2 -uuid 0c1d -blockdev {"driver":"file","filename":"/usr/share/OVMF/OVMF_CODE_4M.fd","node-name":"libvirt-pflash0-storage","read-only":true} -blockdev {"driver":"file","filename":"/var/lib/libvirt/images/build -2.qcow2","node-name":"libvirt-1-storage","auto-read-only":true} -blockdev {"node-name":"libvirt-1-format","driver":"qcow2","file":"libvirt-1-storage"} -device virtio-blk-pci,drive=libvirt-1-format,id=virtio-disk0"#;
    let disks = ["/var/lib/libvirt/images/build -2.qcow2"];
    assert_eq!(
        Guest::of(&facts(command)),
        Some(guest("", "build vm", &disks))
    );

    // Command, id, name, disks.
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("kvm", "", "", &[]),
        ("kvm -name", "", "", &[]),
        ("kvm -id 7 -id", "7", "", &[]),
        (
            "qemu-kvm -name web -hda /srv/web.img -hdb /srv/b c.img",
            "",
            "web",
            &["/srv/web.img", "/srv/b c.img"],
        ),
        (
            "/usr/libexec/qemu-kvm --name process=x,guest=web",
            "",
            "web",
            &[],
        ),
        (
            "qemu-system-aarch64 -drive file=/a,,b.img -drive format=raw,file.filename=/c",
            "",
            "",
            &["/a,b.img", "/c"],
        ),
        (
            "kvm -blockdev driver=file,node-name=f,filename=/d -blockdev driver=file,node-name=pflash0,filename=/f",
            "",
            "",
            &["/d"],
        ),
        (
            "kvm -blockdev driver=raw,file.driver=host_device,file.filename=/dev/sdb",
            "",
            "",
            &["/dev/sdb"],
        ),
        (
            r#"kvm -drive file=json:{"driver":"raw","file":{"driver":"file","filename":"/j"}},if=none"#,
            "",
            "",
            &["/j"],
        ),
        (
            "kvm -drive file=/a -drive file=/a -drive file=",
            "",
            "",
            &["/a"],
        ),
        ("kvm -blockdev {\"filename\":\"/x", "", "", &[]),
        ("kvm -blockdev {}{\"filename\":\"/x\"}", "", "", &[]),
    ];
    for (command, id, name, disks) in cases {
        assert_eq!(
            Guest::of(&facts(command)),
            Some(guest(id, name, disks)),
            "{command}"
        );
    }
}

#[test]
fn what_is_known_besides_the_command_counts() {
    let unit = Facts {
        exe: Some(Bytes::from_static(b"/usr/bin/qemu-system-x86_64")),
        unit: Some("105.scope".to_owned()),
        ..Facts::default()
    };
    assert_eq!(Guest::of(&unit), Some(guest("105", "", &[])));
    let comm = Facts {
        comm: Bytes::from_static(b"kvm"),
        ..Facts::default()
    };
    assert_eq!(Guest::of(&comm), Some(guest("", "", &[])));
    let kernel = Facts {
        kernel: true,
        ..comm
    };
    assert_eq!(Guest::of(&kernel), None);
    assert_eq!(backup_targets(&kernel), Vec::<String>::new());
}

#[test]
fn not_every_mention_is_a_guest() {
    for command in [
        "grep kvm -id 105",
        "vim /usr/bin/kvm",
        "bash -c kvm -id 105",
        "tail -f /var/log/kvm",
        "qemu-img convert a b",
        "qemu-ga -m virtio-serial",
        "python3 watch.py kvm",
        "task UPID:pve:1:2:3:qmstart:105:root@pam:",
        "",
    ] {
        assert_eq!(Guest::of(&facts(command)), None, "{command}");
    }
}

#[test]
fn a_backup_tells_its_guests() {
    let cases: [(&str, &[&str]); 15] = [
        (
            "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:",
            &["105"],
        ),
        (
            "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:   ",
            &["105"],
        ),
        (
            "task UPID:host:001854D2:1B2ADD95:693C976B:vzdump::root@pam:",
            &[],
        ),
        (
            "task UPID:host:001854D2:1B2ADD95:693C976B:qmstart:105:root@pam:",
            &[],
        ),
        ("task UPID:host:vzdump:105", &[]),
        ("vzdump 105 --storage local --mode snapshot", &["105"]),
        ("/usr/bin/perl -T /usr/bin/vzdump 105 106", &["105", "106"]),
        (
            "/usr/bin/perl -w /usr/sbin/vzdump --quiet 1 --storage pbs 105 --remove 0",
            &["105"],
        ),
        ("vzdump --storage=pbs 105", &["105"]),
        ("vzdump --all --mode snapshot", &[]),
        ("vzdump", &[]),
        ("vim vzdump 105", &[]),
        ("tail -f /var/log/vzdump/qemu-105.log", &[]),
        ("grep task UPID:host:1:2:3:vzdump:105:root@pam:", &[]),
        ("", &[]),
    ];
    for (command, targets) in cases {
        assert_eq!(backup_targets(&facts(command)), targets, "{command}");
    }
}

proptest! {
    #[test]
    fn any_command_is_read(
        command in "(kvm|vzdump|task UPID:)( |-{1,3}|id|name|drive|blockdev|file=|,|\\{|\\}|\"filename\":|\"é\"|:|7|\\PC){0,14}",
    ) {
        let facts = facts(&command);
        let _ = (Guest::of(&facts), backup_targets(&facts));
    }

    #[test]
    fn any_bytes_are_read(tail in prop::collection::vec(any::<u8>(), 0..40)) {
        let command = [b"kvm -name ", &tail[..]].concat();
        let facts = Facts { command: Some(command.into()), ..Facts::default() };
        prop_assert!(Guest::of(&facts).is_some());
    }
}
