# What a teacher types on the club's VM. ~/.bash_aliases reads this file at each login; to have it now:
#     . ~/mocean/bash_aliases
# The first half is a list to learn from: each line is one command of Linux. They are functions rather than
# aliases, so that scripts can use them too. Reading this file changes nothing, an active conda environment least.

MOCEAN_HOME=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")     # the folder of this file; why.awk lies there, too
MOCEAN_STATE=/var/lib/mocean            # what the games remember
MOCEAN_BACKUPS=~/backups                # where mocean_backup puts copies of it

# ---------------------------------------------------------------- the services, from the cookbook

mocean_activate() { _game_activate mocean; }                           # the environment: python with bottle, requests
mocean_start()    { _game_up start mocean; }
mocean_stop()     { sudo systemctl stop mocean; }
mocean_restart()  { _game_up restart mocean; }
mocean_reload()   { _game_reload mocean; }                             # a new mocean.py, and no player notices
mocean_status()   { systemctl status --no-pager --lines 5 mocean; }
mocean_daemon()   { sudo systemctl daemon-reload; }                    # after changing mocean.service
mocean_journal()  { sudo journalctl --no-pager --lines "${1:-50}" --unit mocean; }      # mocean_journal 200
mocean_follow()   { sudo journalctl --follow --unit mocean; }          # the live log; Ctrl-C ends it
mocean_ps()       { _game_ps mocean; }
mocean_kill()     { sudo systemctl kill --signal KILL --kill-who main mocean; }         # like a crash; it comes back
mocean_why()      { _game_why mocean; }                                # why the last halts happened
mocean_doctor()   { _game_doctor; }                                    # is all well? each line says what to do
mocean_backup()   { _game_backup; }                                    # copy the ocean, while the game goes on
mocean_restore()  { _game_restore "$@"; }                              # mocean_restore ~/backups/....tar.gz
mocean_newgame()  { _game_new; }                                       # a new ocean; the old one is kept
mocean_captain()  { _game_captain; }                                   # the teacher's deck: its address, and the key

steps_activate()  { _game_activate steps; }
steps_start()     { _game_up start steps; }
steps_stop()      { sudo systemctl stop steps; }
steps_restart()   { _game_up restart steps; }
steps_reload()    { _game_reload steps; }
steps_status()    { systemctl status --no-pager --lines 5 steps; }
steps_daemon()    { sudo systemctl daemon-reload; }
steps_journal()   { sudo journalctl --no-pager --lines "${1:-50}" --unit steps; }
steps_follow()    { sudo journalctl --follow --unit steps; }
steps_ps()        { _game_ps steps; }
steps_kill()      { sudo systemctl kill --signal KILL --kill-who main steps; }
steps_why()       { _game_why steps; }

# ---------------------------------------------------------------- how they do it

_game_activate() {
    local env=~/miniconda/envs/$1-env
    # shellcheck disable=SC1090,SC1091
    if [ -e "$env/bin/activate" ]; then . "$env/bin/activate"; else . ~/miniconda/bin/activate "$1-env"; fi
}

_game_up() {                            # start or restart, and say where players find the game
    sudo systemctl "$1" "$2" || { echo "$2 did not start. ${2}_why says why."; return 1; }
    echo "$2 is up: http://localhost:8080/$2 here; players use the VM's address instead of localhost."
}

_game_reload() {
    sudo systemctl reload "$1" || { echo "Not reloaded: the old $1.py plays on. ${1}_why says why."; return 1; }
    echo "$1.py is read anew; the game went on."
}

_game_ps() {                            # the master and its children, and nothing else; who holds the ocean is the largest
    local master; master=$(systemctl show --value --property MainPID "$1")
    if [ "$master" = 0 ]; then echo "$1 is not running; ${1}_start starts it."; return 1; fi
    ps -o pid,ppid,user,nlwp,rss,etime --sort -rss --pid "$master" --ppid "$master" | awk -v master="$master" '
        NR == 1         { print $0 "  WHAT IT IS"; next }
        $1 == master    { print $0 "  the master: starts the others, and starts them again"; next }
        { print $0 (others++ ? "  the router: talks to the browsers" : "  the worker: the game itself") }'
    echo "They were started as: $(tr '\0' ' ' < "/proc/$master/cmdline")"
}

# ---------------------------------------------------------------- why it halted

_game_why() {
    echo "What stopped or shook $1 lately, oldest first:"
    sudo journalctl --sync
    sudo journalctl --quiet --no-pager --lines 50000 --unit "$1" | \
        awk -v game="$1" -f "$MOCEAN_HOME/why.awk"
    echo
    _game_oom "$1"
    case $(systemctl is-active "$1") in
        active)
            echo "Now: $1 is up, since $(systemctl show --value --property ActiveEnterTimestamp "$1")."
            [ "$1" != mocean ] || echo "The game itself says: $(curl -s -m 5 http://localhost:8080/health)";;
        activating|deactivating)
            echo "Now: $1 is not up; systemd starts it again each second. ${1}_stop ends that.";;
        *)  echo "Now: $1 is stopped. ${1}_start starts it.";;
    esac
}

_game_oom() {                           # the kernel counts whom it killed for want of memory
    local group file count
    group=$(systemctl show --value --property ControlGroup "$1"); [ -n "$group" ] || return 0
    for file in "/sys/fs/cgroup$group/memory.events" "/sys/fs/cgroup/memory$group/memory.oom_control"; do
        count=$(awk '$1 == "oom_kill" {print $2}' "$file" 2>/dev/null) || continue
        [ "${count:-0}" = 0 ] || echo "Out of memory: since the last start the kernel killed $count process(es) of $1" \
            "that wanted more than MemoryMax. A route keeps too much; the lines before it in ${1}_journal say which."
    done
}

# ---------------------------------------------------------------- the ocean: copy it, bring it back, begin anew

_game_backup() {
    local file copy failed=0; file=$MOCEAN_BACKUPS/mocean-$(date +%Y-%m-%d-%H%M%S).tar.gz
    copy=$(mktemp -d)
    mkdir -p "$MOCEAN_BACKUPS"
    if _game_copy "$copy" && (umask 077; tar -C "$copy" -czf "$file.part" . && mv "$file.part" "$file"); then
        echo "The ocean is copied to $file ($(du -h "$file" | cut -f1))."
        echo "What is only on this VM goes with it: scp the file to your own computer now and then."
    else
        rm -f "$file.part"; failed=1
        echo "There is no new backup; the line above says why. mocean_doctor says how much room there is."
    fi
    rm -r "$copy"
    return $failed
}

_game_copy() {                          # the journal first: a change that is in both is applied once, so none is missed
    cp -p "$MOCEAN_STATE"/*.journal "$1" || return
    cp -p "$MOCEAN_STATE"/*.json "$1" || cp -p "$MOCEAN_STATE"/*.json "$1" || return       # a file was just renewed
    [ ! -e "$MOCEAN_STATE/data.sqlite" ] || python3 -c '
import sqlite3, sys
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))' "$MOCEAN_STATE/data.sqlite" "$1/data.sqlite"
}

_game_restore() {
    [ -r "${1:-}" ] || { echo "Which copy? mocean_restore FILE, with one of:"
                         ls -d "$MOCEAN_BACKUPS"/* "$MOCEAN_STATE"/{saved,before}-* 2>/dev/null; return 1; }
    [ -e "$1/mocean.json" ] || tar -tzf "$1" >/dev/null || {
        echo "$1 is no whole backup. Nothing has changed."; return 1; }
    sudo systemctl stop mocean steps
    if [ -d "$1" ]; then                # the captain's deck has saved it, or mocean_newgame has left it
        _game_aside && cp -p "$1"/{mocean.*j*,data.sqlite*} "$MOCEAN_STATE" 2>/dev/null
    else _game_aside "$MOCEAN_STATE/steps.json" && tar -C "$MOCEAN_STATE" -xzf "$1"; fi
    [ -e "$MOCEAN_STATE/mocean.json" ] || { echo "$1 could not be copied; is the disk full?"; return 1; }
    sudo systemctl start mocean && echo "The ocean of $1 is back, and the game is up."
}

_game_new() {
    local answer
    read -r -p "A new ocean: boats, scores and soundings begin anew (the old ones are kept). Type yes: " answer
    [ "$answer" = yes ] || { echo "Nothing has changed."; return 1; }
    sudo systemctl stop mocean
    _game_aside
    sudo systemctl start mocean && echo "A new ocean is up."
}

_game_captain() {                       # mocean.env is for this user only; the key is typed, and never part of an address
    local key; key=$(sed -n 's/^MOCEAN_CAPTAIN=//p' ~/mocean.env 2>/dev/null | tail -n 1)
    [ -n "$key" ] || { echo "There is no key yet. Remedy: bash ~/mocean/setup_vm.sh"; return 1; }
    echo "The captain's deck is http://$(hostname -I | cut -d ' ' -f 1):8080/captain"
    echo "(or the address by which players reach this VM). It asks once for the key: $key"
}

_game_aside() {                         # nothing is ever deleted: it goes to a folder with a date in its name
    local part aside; aside=$MOCEAN_STATE/before-$(date +%Y-%m-%d-%H%M%S)
    mkdir -p "$aside"
    for part in "$MOCEAN_STATE"/{mocean.*,data.sqlite*} "$@"; do
        [ ! -e "$part" ] || mv "$part" "$aside"
    done
    echo "What was there is kept in $aside."
}

# ---------------------------------------------------------------- the doctor

_ok()  { echo " ok  $*"; }
_bad() { echo " !!  $*"; }

_game_doctor() {
    _doctor_uwsgi; _doctor_units; _doctor_port; _doctor_game
    _doctor_state; _doctor_backup; _doctor_disk; _doctor_clock
}

_doctor_uwsgi() {
    local path version
    path=$(systemctl show --value --property Environment mocean | tr ' ' '\n' | sed -n 's/^PATH=//p')
    if version=$(env PATH="$path" uwsgi --version 2>&1); then _ok "uWSGI $version is there for the services, in ${path%%:*}."
    else _bad "uWSGI cannot be run from ${path%%:*}. Remedy: bash ~/mocean/setup_vm.sh"; fi
}

_doctor_units() {
    local unit
    for unit in mocean steps; do
        if ! systemctl cat "$unit" >/dev/null 2>&1; then
            _bad "$unit.service is not installed. Remedy: bash ~/mocean/setup_vm.sh"
        elif [ "$(systemctl show --value --property NeedDaemonReload "$unit")" = yes ]; then
            _bad "$unit.service was changed, and systemd has not read it. Remedy: ${unit}_daemon; ${unit}_restart"
        else _ok "$unit.service is installed; it is $(systemctl is-active "$unit")."; fi
    done
    case "$(systemctl is-enabled mocean 2>/dev/null) $(systemctl is-enabled steps 2>/dev/null)" in
        'enabled enabled') _bad "Both games start with the VM, for one port. Remedy: sudo systemctl disable steps";;
        enabled*)          _ok "mocean starts with the VM.";;
        *' enabled')       _ok "steps starts with the VM.";;
        *)                 _bad "mocean does not start with the VM. Remedy: sudo systemctl enable mocean";;
    esac
}

_doctor_port() {
    local owner; owner=$(sudo ss -Hltnp 'sport = :8080' | grep -o '"[^"]*",pid=[0-9]*' | sort -u | head -n 1)
    case $owner in
        '')        _bad "Nobody listens on port 8080: no game is up. Remedy: mocean_start; if that fails, mocean_why";;
        *uwsgi*)   _ok "Port 8080 belongs to uWSGI.";;
        *)         _bad "Port 8080 belongs to another program: $owner. Remedy: sudo kill ${owner##*=}; mocean_start";;
    esac
}

_doctor_game() {
    local page
    for page in health steps; do
        if curl -fs -m 5 -o /dev/null "http://localhost:8080/$page"; then
            _ok "The game answers: http://localhost:8080/$page"; return
        fi
    done
    _bad "The game does not answer. Remedy: mocean_why, then mocean_restart"
}

_doctor_state() {
    local file=$MOCEAN_STATE/mocean.json
    if [ ! -e "$file" ]; then _ok "There is no ocean yet: $file comes with the first start."
    elif python3 -m json.tool "$file" >/dev/null 2>&1; then
        _ok "The ocean is readable: $file, $(du -h "$file" | cut -f1), written $(date -r "$file" '+%F %T')."
    else _bad "The ocean cannot be read: $file. Remedy: mocean_restore with the newest file of $MOCEAN_BACKUPS"; fi
    [ ! -e ~/mocean.json ] || _bad "$HOME/mocean.json is another ocean, from 'python mocean.py' run by hand;" \
        "the service has its own in $MOCEAN_STATE."
}

_doctor_backup() {
    local days newest; newest=$(find "$MOCEAN_BACKUPS" -name 'mocean-*.tar.gz' 2>/dev/null | sort | tail -n 1)
    [ -n "$newest" ] || { _bad "There is no backup. Remedy: mocean_backup"; return; }
    days=$(( ($(date +%s) - $(date -r "$newest" +%s)) / 86400 ))
    if [ "$days" -le 7 ]; then _ok "The newest backup is $days days old: $newest"
    else _bad "The newest backup is $days days old. Remedy: mocean_backup"; fi
}

_doctor_disk() {
    local free; free=$(df --output=avail -m "$MOCEAN_STATE" 2>/dev/null | tail -n 1)
    if [ "${free:-0}" -ge 500 ]; then _ok "The disk has $((free)) MB free."
    else _bad "The disk has only $((free)) MB free. Remedy: sudo journalctl --vacuum-size=100M; sudo apt-get clean"; fi
}

_doctor_clock() {
    if [ "$(timedatectl show --value --property NTPSynchronized 2>/dev/null)" = yes ]; then
        _ok "The clock is right: $(date)."
    else _bad "The clock is not kept right by the network: $(date). Remedy: sudo timedatectl set-ntp true"; fi
}
