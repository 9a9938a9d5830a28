#!/bin/bash
# A real systemd for the tests: process 1 of namespaces of its own, on a copy-on-write view of this
# machine's root. It is up in half a second, and nothing that happens in it stays.
#
#   systemd_lab.sh up                boot; LAB_HOOK=file is sourced before, with the new root in $R
#   systemd_lab.sh sh 'text'         a shell command inside, as root
#   systemd_lab.sh net COMMAND...    a command of this machine, in the lab's network
#   systemd_lab.sh reboot            shut down in good order and booted again; `cut` instead: all is killed, and booted again
#   systemd_lab.sh down              off, and gone
#
# LAB=name lets several stand side by side. Needs root, overlayfs, util-linux, systemd.
#
# Why it is as it is:
#  * Every mount is made inside the private mount namespace. The machine's own mount table never changes, and
#    the kernel drops them all when the lab's last process ends: a crash leaves nothing behind either.
#  * What was written must outlive a reboot: it lies in a mount namespace around those of the boots (hold).
#  * The lab gets a cgroup of its own first, else its system.slice would land among the machine's.
#  * The memory limit must be real (MemoryMax=): where the unified cgroup tree has no memory controller, the
#    lab mounts the old trees.
#  * /proc/sys is read-only inside: systemd would write the machine's own kernel settings.
#  * A second systemd on the machine's own root would begin with emptying /tmp. Never do that.
set -u
NAME=${LAB:-lab}
STATE=/run/systemd-lab/$NAME
SELF=$(readlink -f "$0")
QUIET="systemd-networkd.service systemd-networkd.socket systemd-resolved.service systemd-timesyncd.service
    systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service
    systemd-logind.service getty.target console-getty.service systemd-update-utmp.service
    systemd-update-utmp-runlevel.service systemd-firstboot.service systemd-repart.service systemd-pstore.service
    systemd-binfmt.service systemd-modules-load.service systemd-sysctl.service systemd-random-seed.service
    systemd-machine-id-commit.service systemd-pcrphase.service systemd-pcrphase-sysinit.service
    kmod-static-nodes.service dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount
    sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
    apt-daily.timer apt-daily-upgrade.timer man-db.timer fstrim.timer e2scrub_all.timer dpkg-db-backup.timer"

die() { echo "systemd_lab: $*" >&2; exit 1; }

started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }     # when a process began: no mix-up

lab_pid() {                      # the lab's process 1, as this machine numbers it
    local pid since
    [ -r "$STATE/pid" ] && read -r pid since < "$STATE/pid" && [ -n "$pid" ] && [ "$(started "$pid")" = "$since" ] &&
        echo "$pid"
}

inside() {
    local pid; pid=$(lab_pid) || die "the lab is not up"
    exec nsenter -t "$pid" -m -p -u -i -n -C -r -w -- env -i HOME=/root USER=root LANG=C.UTF-8 TERM=dumb \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_PAGER=cat SYSTEMD_COLORS=0 "$@"
}

memory_tree() {                  # v2 where the unified tree can limit memory, else v1
    local unified; unified=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)
    if grep -qs memory "$unified/cgroup.controllers"; then echo v2; else echo v1; fi
}

cgroup_mounts() {                # the trees in which the lab gets a folder
    [ "$TREE" = v2 ] || awk '$3 == "cgroup" {print $2}' /proc/self/mounts
    awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts
}

own_cgroup() {                   # where this shell itself stands in the tree mounted at $1
    local key; key=$(awk -v m="$1" '$2 == m && $3 == "cgroup2" {print 0; exit}
                                    $2 == m {n = split($4, o, ","); print o[n]; exit}' /proc/self/mounts)
    awk -F: -v k="$key" '(k == 0 && $1 == 0) || (k != 0 && ($2 == k || $2 == "name=" k)) {print $3; exit}' \
        /proc/self/cgroup
}

make_root() {                    # $R: the machine's root, seen through a layer that takes all writes
    mount --make-rprivate /
    mount -t overlay -o "lowerdir=/,upperdir=$STATE/fs/upper,workdir=$STATE/fs/work" lab "$R"
    mount -t proc -o nosuid,nodev,noexec proc "$R/proc"
    mount --bind "$R/proc/sys" "$R/proc/sys"; mount -o remount,ro,bind "$R/proc/sys"
    cat /proc/sys/kernel/random/uuid > "$STATE/fs/boot_id"                # by which the journal knows a reboot
    mount --bind "$STATE/fs/boot_id" "$R/proc/sys/kernel/random/boot_id"
    mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$R/sys" 2>/dev/null || mount --rbind /sys "$R/sys"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$R/run"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$R/tmp"
}

make_dev() {
    local node
    mount -t tmpfs -o mode=755,nosuid tmpfs "$R/dev"
    for node in null zero full random urandom tty; do : > "$R/dev/$node"; mount --bind "/dev/$node" "$R/dev/$node"; done
    mkdir "$R/dev/pts" "$R/dev/shm" "$R/dev/mqueue"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$R/dev/pts"; ln -s pts/ptmx "$R/dev/ptmx"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$R/dev/shm"
    ln -s /proc/self/fd "$R/dev/fd"; ln -s fd/0 "$R/dev/stdin"; ln -s fd/1 "$R/dev/stdout"; ln -s fd/2 "$R/dev/stderr"
}

make_cgroups() {
    local options name trees
    if [ "$TREE" = v2 ]; then mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"; return; fi
    trees=$(awk '$3 == "cgroup" {n = split($4, o, ","); print o[n]}' /proc/self/mounts)
    mount -t tmpfs -o mode=755 tmpfs "$R/sys/fs/cgroup"
    for options in $trees; do
        name=${options#name=}
        [ "$name" = "$options" ] || options=none,$options
        mkdir "$R/sys/fs/cgroup/$name"; mount -t cgroup -o "$options" cgroup "$R/sys/fs/cgroup/$name"
    done
    mkdir "$R/sys/fs/cgroup/unified"; mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup/unified"
}

make_ubuntu() {                  # what an empty Ubuntu VM is like: user ubuntu, sudo, nothing of ours
    local unit
    rm -rf "$R"/etc/systemd/system/*.wants "$R"/var/log/journal/* "$R"/var/lib/systemd/timers
    for unit in $QUIET; do ln -sf /dev/null "$R/etc/systemd/system/$unit"; done
    : > "$R/etc/fstab"
    chmod o+x "$R/root"          # should Python be installed below /root: user ubuntu must reach it
    grep -q '^ubuntu:' "$R/etc/passwd" || chroot "$R" useradd -s /bin/bash ubuntu
    mkdir -p "$R/home/ubuntu"
    cp "$R"/etc/skel/.[a-z]* "$R/home/ubuntu/"
    chroot "$R" chown -R ubuntu: /home/ubuntu; chmod 750 "$R/home/ubuntu"
    echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' > "$R/etc/sudoers.d/90-lab"; chmod 440 "$R/etc/sudoers.d/90-lab"
    hostname "lab-$NAME"; echo "lab-$NAME" > "$R/etc/hostname"; echo "127.0.0.1 localhost lab-$NAME" > "$R/etc/hosts"
}

boot() {                         # becomes process 1 inside
    set -e
    local pid; pid=$(awk '/^PPid:/ {print $2}' /proc/self/status)   # the outer /proc is still mounted: our outer number
    R=$STATE/fs/root
    make_root; make_dev; make_cgroups
    if [ ! -e "$STATE/fs/made" ]; then
        make_ubuntu
        # shellcheck disable=SC1090
        [ -z "${LAB_HOOK:-}" ] || . "$LAB_HOOK"
        : > "$STATE/fs/made"
    fi
    ip link set lo up
    cd "$R"; mkdir -p .old
    local since; since=$(started "$pid")
    pivot_root . .old
    echo "$pid $since" > "/.old$STATE/pid"                          # `up` waits for this
    exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c '
        umount -l /.old; rmdir /.old
        exec /lib/systemd/systemd --system --log-target=journal --show-status=0 --unit=multi-user.target'
}

enter_cgroups() {                # this shell, and what it starts, into the lab's folders
    local folder
    while read -r folder; do
        mkdir -p "$folder" || return 1
        case $folder in *cpuset*) cat "${folder%/*}/cpuset.cpus" > "$folder/cpuset.cpus"
                                  cat "${folder%/*}/cpuset.mems" > "$folder/cpuset.mems";; esac
        echo "$BASHPID" > "$folder/cgroup.procs" || return 1
    done < "$STATE/cgroups"
}

hold() {                         # what is written, around one boot after the other: 129 is how a reboot ends
    mount -t tmpfs -o size=2G,mode=755 lab "$STATE/fs"
    mkdir "$STATE/fs/upper" "$STATE/fs/work" "$STATE/fs/root"
    while :; do
        ( enter_cgroups && exec unshare --mount --pid --uts --ipc --cgroup --net --fork --kill-child=KILL \
            --propagation private -- /bin/bash "$SELF" boot )
        [ $? = 129 ] || rm "$STATE/cut" || return
        for _ in $(seq 50); do remove_cgroups && break; sleep 0.05; done
    done
}

ready() { case $(inside systemctl is-system-running 2>/dev/null) in running|degraded) ;; *) false;; esac; }

up() {
    local mount
    [ "$(id -u)" = 0 ] || die "needs root"
    [ -x /lib/systemd/systemd ] || die "there is no systemd on this machine"
    lab_pid >/dev/null && die "$NAME is already up"
    rm -rf "$STATE"; mkdir -p "$STATE/fs"
    TREE=$(memory_tree); export TREE LAB="$NAME"
    for mount in $(cgroup_mounts); do
        echo "$mount$(own_cgroup "$mount" | sed 's:/$::')/lab-$NAME"
    done > "$STATE/cgroups"
    setsid unshare --mount --propagation private -- /bin/bash "$SELF" hold </dev/null >"$STATE/console" 2>&1 &
    disown
    booted
}

booted() {
    local turn
    for turn in $(seq 400); do ready 2>/dev/null && return; sleep 0.05; done
    echo "not ready after $turn looks" | cat "$STATE/console" - >&2
    down; die "did not boot"
}

again() {                        # $1: reboot or cut
    local pid; pid=$(lab_pid) || die "the lab is not up"
    if [ "$1" = cut ]; then : > "$STATE/cut"; kill -KILL "$pid"; else (inside systemctl --no-block start reboot.target); fi
    for _ in $(seq 600); do [ "$(lab_pid)" = "$pid" ] || break; sleep 0.05; done
    booted
}

remove_cgroups() {
    local folder
    while read -r folder; do
        [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null || return 1
    done < "$STATE/cgroups"
}

down() {
    local pid
    if pid=$(lab_pid); then kill -KILL "$pid"; fi                   # process 1: all in the lab goes with it
    for _ in $(seq 100); do lab_pid >/dev/null || break; sleep 0.05; done
    if [ -r "$STATE/cgroups" ]; then for _ in $(seq 50); do remove_cgroups && break; sleep 0.05; done; fi
    rm -rf "$STATE"
}

case ${1:-} in
    up) up;;
    hold) hold;;
    boot) boot;;
    reboot | cut) again "$1";;
    sh) shift; inside bash -c "$*";;
    net) shift; pid=$(lab_pid) || die "the lab is not up"; exec nsenter -t "$pid" -n -- "$@";;
    down) down;;
    *) sed -n '2,11p' "$SELF"; exit 2;;
esac
