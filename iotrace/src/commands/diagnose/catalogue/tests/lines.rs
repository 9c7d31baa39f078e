//! Command lines.

/// The first entry found, and a command line.
pub const RECOGNISED: &str = r#"
vzdump: task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:
vzdump: task UPID:host:001854D2:1B2ADD95:693C976B:vzdump::root@pam:
vzdump: /usr/bin/perl -T /usr/bin/vzdump 105 --storage local
vzdump: /usr/bin/perl -w /usr/sbin/vzdump --all
vzrestore: task UPID:host:001854D2:1B2ADD95:693C976B:vzrestore:105:root@pam:
vzrestore: task UPID:host:001854D2:1B2ADD95:693C976B:qmrestore:105:root@pam:
qmmove: task UPID:host:001854D2:1B2ADD95:693C976B:qmmove:105:root@pam:
qmmove: /usr/bin/perl /usr/sbin/qm clone 100 101 --full
pvesr: /usr/bin/perl -T /usr/bin/pvesr run --mail 1
qemu-img: /usr/bin/qemu-img convert -p -O raw /a.qcow2 zeroinit:/dev/zvol/b
proxmox-backup-client: proxmox-backup-client backup root.pxar:/ --repository b@pbs@h:s
proxmox-backup-server: /usr/lib/x86_64-linux-gnu/proxmox-backup/proxmox-backup-proxy
restic: /usr/bin/restic -r sftp:h:/srv backup /home
borg: /usr/bin/python3 /usr/bin/borg create ::{now} /home
borg: /usr/bin/python3 -s /usr/bin/borgmatic --verbosity 1
borg: python3 -m borg create ::x /home
rsync: rsync -a --delete /srv/ h:/srv/
rsync: /usr/bin/rsync --server --sender -logDtpre.iLsfxC . /srv/
rclone: rclone sync /srv remote:srv
rclone: rclone --config /etc/rclone.conf copy /srv remote:srv
duplicity: /usr/bin/python3 /usr/bin/duplicity full /home file:///b
bacula: /usr/sbin/bacula-fd -f -c /etc/bacula/bacula-fd.conf
veeam: /usr/sbin/veeamservice --daemonize
tar: tar czf /b/home.tgz /home
tar: tar -cf - /home
tar: /usr/bin/tar --one-file-system -cpf - --totals /
tar: tar --exclude=./x --create --file=/b.tar /
tar: tar -C / -cpf - .
tar: busybox tar -czf /b.tgz /etc
backup-job: /bin/bash /usr/local/sbin/nightly-backup.sh
pg_dump: /usr/lib/postgresql/15/bin/pg_dump -Fc shop
pg_basebackup: pg_basebackup -D /b -X stream
pg_basebackup: postgres: walsender repl 10.0.0.2(40112) sending backup "pg_basebackup base backup"
postgres-replication: postgres: 15/main: walsender repl 10.0.0.2(40112) streaming 0/4DBF2A8
postgres-autovacuum: postgres: 15/main: autovacuum worker shop
postgres-writers: postgres: checkpointer
postgres: postgres: app shop 10.0.0.7(5123) SELECT
postgres: /usr/lib/postgresql/15/bin/postgres -D /var/lib/postgresql/15/main
mysqldump: mysqldump --all-databases --single-transaction
mysqldump: /usr/bin/mariadb-dump shop
xtrabackup: xtrabackup --backup --target-dir=/b
mariabackup: mariabackup --backup --target-dir=/b
mysql: /usr/sbin/mysqld
redis-save: redis-rdb-bgsave *:6379
vm-guest: /usr/bin/kvm -id 105 -name k3s
zfs-scrub: zpool scrub rpool
zfs-send: zfs send -R rpool/data@snap
zfs-receive: zfs recv -F tank/data
zfs-replication: /usr/bin/perl /usr/sbin/syncoid rpool/data h:tank/data
btrfs-scrub: btrfs scrub start -B /
btrfs-balance: btrfs balance start -dusage=50 /
md-check: /bin/bash /usr/share/mdadm/checkarray --cron --all
xfs_scrub: /usr/sbin/xfs_scrub -b -n /srv
xfs_scrub: /usr/bin/python3 /usr/sbin/xfs_scrub_all
e2scrub: /bin/bash /usr/sbin/e2scrub_all -A -r
fstrim: /sbin/fstrim --listed-in /etc/fstab --verbose --quiet-unsupported
smart: smartctl -t long /dev/sda
smart: smartctl --test=short /dev/nvme0
ceph-osd: /usr/bin/ceph-osd -f --cluster ceph --id 3
glusterfsd: /usr/sbin/glusterfsd -s h --volfile-id v
updatedb: /usr/sbin/updatedb.plocate
updatedb: /usr/bin/updatedb -f sysfs
mandb: /usr/bin/mandb --quiet
mandb: /bin/sh /etc/cron.daily/man-db
baloo: /usr/lib/x86_64-linux-gnu/libexec/kf6/baloo_file
tracker: /usr/libexec/tracker-miner-fs-3
tracker: /usr/libexec/localsearch-3
apt: apt-get install -y postgresql
apt: /bin/sh /usr/lib/apt/apt.systemd.daily update
apt: /usr/lib/apt/methods/https
dpkg: /usr/bin/dpkg --status-fd 27 --no-triggers --unpack
unattended-upgrade: /usr/bin/python3 /usr/bin/unattended-upgrade --download-only
dnf: /usr/bin/python3 /usr/bin/dnf -y upgrade
yum: /usr/bin/python2 /usr/bin/yum update
rpm: rpm -Uvh x.rpm
pacman: pacman -Syu
zypper: zypper dup
snap: snap refresh
snapd: /usr/lib/snapd/snapd
boot-image: /bin/sh /usr/sbin/mkinitramfs -o /boot/initrd.img
logrotate: /usr/sbin/logrotate /etc/logrotate.conf
logrotate: /bin/sh /etc/cron.daily/logrotate
journal-vacuum: journalctl --vacuum-size=500M
docker-pull: docker pull postgres:16
docker-pull: docker image pull postgres:16
docker-pull: docker compose pull
docker-layer: docker-applyLayer /var/lib/docker/overlay2/x/diff
podman-layer: storage-applyLayer /var/lib/containers/storage/overlay/x/diff
container-daemon: /usr/bin/dockerd -H fd://
podman-pull: podman pull docker.io/library/redis
containerd-pull: ctr -n k8s.io images pull docker.io/library/redis:7
containerd-pull: crictl pull redis
clamav: clamscan -r /home
clamd: /usr/sbin/clamd --foreground=true
freshclam: /usr/bin/freshclam -d
aide: /usr/bin/aide --check
"#;

/// Command lines in which a word is only mentioned.
pub const STRANGERS: &str = "
vim rsync.txt
vi /etc/vzdump.conf
emacs /root/backup.sh
nano backup-plan.org
grep tar
grep -r restic /etc
grep task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:
cat task UPID:host:001854D2:1B2ADD95:693C976B:vzdump:105:root@pam:
task UPID:host:001854D2:1B2ADD95:693C976B:qmstart:105:root@pam:
less /var/log/apt/history.log
tail -f updatedb.log
tail -f /var/log/vzdump/qemu-105.log
bash -c rsync -a /srv/ h:/srv/
sh -c restic backup /home
bash -lc exec borg create
/bin/bash /usr/local/bin/watch-rsync rsync
-bash
sudo restic backup /home
ssh h rsync --server .
man tar
watch rsync
strace -p 1 -o rsync
pgrep -f vzdump
journalctl -u restic -f
journalctl -f
systemctl start borgmatic.service
python3 -c import borg
python3 restic_report.py restic
python3 -m http.server borg
python3 - borg
perl -ne print if /vzdump/ /var/log/syslog
perl -e system vzdump
node /srv/app/rsync.js
java -jar rsync.jar
find / -name updatedb
tar xf /b/archive.tgz
tar -xzf /b/c.tgz -C /srv/cache
tar --extract --file c.tar
tar tvf c.tar
zpool status rpool
zpool iostat 1
zfs list -t snapshot
zfs-mount -a
btrfs scrub status /
btrfs balance status /
btrfs subvolume list /
smartctl -a /dev/sda
docker ps
docker run alpine git pull origin
docker -H tcp://h:2375 exec web git pull origin
docker compose -f x.yml exec web git pull
containerd-shim-runc-v2 -namespace moby -id 3f
podman run --rm redis pull it
git pull origin main
/usr/bin/python3 /usr/share/unattended-upgrades/unattended-upgrade-shutdown --wait-for-signal
apt-cacher-ng -c /etc/apt-cacher-ng
dpkg-query -W
rclone mount remote: /mnt
qm list
qm config 105
qemu-img info /a.qcow2
qemu-ga -m virtio-serial
plocate holiday.jpg
snap list
psql -c SELECT pg_dump
gunicorn: worker [backup]
nginx: worker process
/srv/backup-portal/server --listen :80
tarantool /srv/app.lua
/opt/restic-exporter/restic-exporter
dd if=/dev/sda of=/dev/null bs=1M
cp -a /srv /mnt/backup
";
