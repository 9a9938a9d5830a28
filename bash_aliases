# What a teacher types on the club's VM. ~/.bash_aliases reads this file at each login; to have it now:
#     . ~/mocean/bash_aliases
# The first half is a list to learn from: each line is one command of Linux. They are functions rather than
# aliases, so that scripts can use them too. Reading this file changes nothing, an active conda environment least.

# shellcheck disable=SC2016          # what stands between single quotes is for the sh or the python that reads it
MOCEAN_HOME=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")     # the folder of this file; why.awk lies there, too
MOCEAN_STATE=/var/lib/mocean            # what the games remember
MOCEAN_BACKUPS=~/backups                # where mocean_backup puts copies of it

# ---------------------------------------------------------------- the services, from the cookbook

mocean_activate() { _game_activate mocean; }                           # the environment: python with bottle, requests
mocean_start()    { _game_up start mocean; }
mocean_stop()     { _game_down mocean; }
mocean_restart()  { _game_up restart mocean; }
mocean_reload()   { _game_reload mocean; }                             # a new mocean.py, and no player notices
mocean_status()   { _game_status mocean; }
mocean_daemon()   { _game_daemon mocean; }                            # after changing mocean.service
mocean_journal()  { sudo journalctl --no-pager --lines "${1:-50}" --unit mocean; }      # mocean_journal 200
mocean_follow()   { sudo journalctl --follow --unit mocean; }          # the live log; Ctrl-C ends it
mocean_ps()       { _game_ps mocean; }
mocean_kill()     { _game_kill mocean; }                              # like a crash; it comes back
mocean_why()      { _game_why mocean; }                                # why the last halts happened
mocean_doctor()   { _game_doctor; }                                    # is all well? each line says what to do
mocean_backup()   { _game_backup; }                                    # copy the ocean, while the game goes on
mocean_restore()  { _game_restore "$@"; }                              # mocean_restore ~/backups/....tar.gz
mocean_newgame()  { _game_new; }                                       # a new ocean; the old one is kept
mocean_undo()     { _game_undo; }                                      # what the last newgame or restore put aside
mocean_find()     { _game_find "$@"; }                                 # mocean_find ada: her id, for the teacher
mocean_captain()  { _game_captain; }                                   # the teacher's deck: its address, and the key

steps_activate()  { _game_activate steps; }
steps_start()     { _game_up start steps; }
steps_stop()      { _game_down steps; }
steps_restart()   { _game_up restart steps; }
steps_reload()    { _game_reload steps; }
steps_status()    { _game_status steps; }
steps_daemon()    { _game_daemon steps; }
steps_journal()   { sudo journalctl --no-pager --lines "${1:-50}" --unit steps; }
steps_follow()    { sudo journalctl --follow --unit steps; }
steps_ps()        { _game_ps steps; }
steps_kill()      { _game_kill steps; }
steps_why()       { _game_why steps; }

# ---------------------------------------------------------------- how they do it

_game_activate() {
    local env=~/miniconda/envs/$1-env
    # shellcheck disable=SC1090,SC1091
    if [ -e "$env/bin/activate" ]; then . "$env/bin/activate"; else . ~/miniconda/bin/activate "$1-env"; fi
}

_game_there() {                         # is the game installed, and may this user do something about it?
    systemctl cat "$1.service" >/dev/null 2>&1 || {
        echo "$1 is not installed on this machine. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; return 1; }
    sudo -n true 2>/dev/null || sudo -v || {
        echo "sudo refused: $(id -un) may not do that here. Log in as the VM's first user."; return 1; }
}

_game_get() { curl --noproxy '*' -fs -m 5 "http://localhost:8080/$1"; }

_game_answers() {                       # the game itself, asked: not what systemd believes of it
    local page=health; [ "$1" = mocean ] || page=$1
    _game_get "$page" >/dev/null || { sleep 1; _game_get "$page" >/dev/null; } || return
    [ "$(systemctl is-active "$1")" = active ]
}

_game_up() {                            # start or restart, and say where players find the game
    local cursor
    _game_there "$2" || return
    cursor=$(_game_cursor)
    if sudo systemctl "$1" "$2" && _game_answers "$2"; then
        echo "$2 is up: http://localhost:8080/$2 here; players use the VM's address instead of localhost."
        _game_told "$2" "$cursor" | grep -A 1 'ride along'
        return 0
    fi
    echo "$2 did not start."; _game_told "$2" "$cursor" | grep -v 'Stopped on purpose'
    return 1
}

_game_status() {                        # whole lines, however long: where a line is cut, the mistake stands
    _game_there "$1" || return
    systemctl status --no-pager --full --lines 0 "$1" | grep -E '^[^ ]|Loaded:|Active:|Memory:'
    sudo journalctl --quiet --no-pager --lines 5 --unit "$1"
}

_game_down() {
    _game_there "$1" || return
    sudo systemctl stop "$1"
    case $(systemctl is-active "$1") in
        inactive|failed) echo "$1 is stopped. ${1}_start starts it.";;
        *) echo "$1 could not be stopped: it is $(systemctl is-active "$1")."; return 1;;
    esac
}

_game_daemon() {
    _game_there "$1" || return
    sudo systemctl daemon-reload
    if [ "$(systemctl show --value --property NeedDaemonReload "$1")" = no ]; then
        echo "systemd has read $1.service. What changed in it counts from the next ${1}_restart."
    else echo "systemd has not read $1.service."; return 1; fi
}

_game_kill() {
    local master
    _game_there "$1" || return
    master=$(systemctl show --value --property MainPID "$1")
    [ "$master" != 0 ] || { echo "$1 is not running; ${1}_start starts it."; return 1; }
    sudo systemctl kill --signal KILL --kill-who main "$1"
    for _ in $(seq 50); do
        [ "$(systemctl show --value --property MainPID "$1")" = "$master" ] || break; sleep 0.1
    done
    for _ in 1 2 3 4 5; do ! _game_answers "$1" || break; done
    if _game_answers "$1"; then echo "The master (process $master) was killed, and $1 is back: systemd has started it."
    else echo "The master (process $master) was killed; $1 is not back yet. ${1}_why says why."; return 1; fi
}

_game_reload() {
    local cursor before
    _game_there "$1" || return
    [ "$(systemctl is-active "$1")" = active ] || {
        echo "$1 is not up: there is nothing to reload. ${1}_start starts it, with the $1.py of now."
        return 1; }
    cursor=$(_game_cursor); before=$(_game_children "$1")
    if sudo systemctl reload "$1" && _game_answers "$1" && [ "$(_game_children "$1")" != "$before" ]; then
        echo "$1.py is read anew; the game went on."; _game_told "$1" "$cursor"
        return 0
    fi
    if _game_answers "$1"; then echo "Not reloaded: the old $1.py plays on."
    else echo "Not reloaded, and $1 does not answer now."; fi
    _game_told "$1" "$cursor"
    return 1
}

_game_children() { ps -o pid= --ppid "$(systemctl show --value --property MainPID "$1")"; }

_game_ps() {                            # the master and its children, and nothing else; the largest holds the ocean
    local master; master=$(systemctl show --value --property MainPID "$1")
    if [ "$master" = 0 ]; then echo "$1 is not running; ${1}_start starts it."; return 1; fi
    ps -o pid,ppid,user,nlwp,rss,etime --sort -rss --pid "$master" --ppid "$master" | awk -v master="$master" '
        NR == 1         { print $0 "  WHAT IT IS"; next }
        $1 == master    { print $0 "  the master: starts the others, and starts them again"; next }
        { print $0 (others++ ? "  the router: talks to the browsers" : "  the worker: the game itself") }'
    echo "They were started as: $(tr '\0' ' ' < "/proc/$master/cmdline")"
}

# ---------------------------------------------------------------- why it halted

_game_cursor() {                        # now, in the journal
    sudo journalctl --quiet --lines 0 --show-cursor | sed -n 's/^-- cursor: //p'
}

_game_told() {                          # what why.awk makes of the journal since the cursor
    sudo journalctl --sync
    sudo journalctl --no-pager --lines 50000 --unit mocean --unit steps ${2:+--after-cursor "$2"} | \
        awk -v game="$1" -v quiet=1 -f "$MOCEAN_HOME/why.awk"
}

_game_why() {
    local told
    _game_there "$1" || return
    told=$(_game_told "$1")
    echo "What stopped or shook $1 lately, oldest first:"
    echo "${told:-nothing at all.}"
    echo
    case $(_journal_keeps) in
        disk)   ;;
        memory) echo "The journal forgets all at each reboot: what was before the last one, nobody knows.";;
        *)      echo "The journal takes no lines: what happened lately, is not above. mocean_doctor says what to do.";;
    esac
    _game_oom "$1"
    case $(systemctl is-active "$1") in
        active)
            echo "Now: $1 is up, since $(systemctl show --value --property ActiveEnterTimestamp "$1")."
            [ "$1" != mocean ] || echo "The game itself says: $(_game_get health || echo nothing: it does not answer)";;
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
            "that wanted more than MemoryMax. A route keeps too much: one of the last calls above, or one that had no" \
            "time for a line."
    done
}

# ---------------------------------------------------------------- the ocean: copy it, bring it back, begin anew

_as_game() {                            # as the user of the service, who alone may look into the state folder
    local owner; owner=$(stat -c %U "$MOCEAN_STATE" 2>/dev/null)
    if [ "${owner:-$(id -un)}" = "$(id -un)" ]; then "$@"; else sudo -u "$owner" "$@"; fi
}

_game_backup() {
    local file copy failed=0; file=$MOCEAN_BACKUPS/mocean-$(date +%Y-%m-%d-%H%M%S).tar.gz
    _as_game test -e "$MOCEAN_STATE/mocean.json" || {
        echo "There is no ocean in $MOCEAN_STATE: nothing to copy."; return 1; }
    copy=$(_as_game mktemp -d) || { echo "There is no new backup: is the disk full?"; return 1; }
    if mkdir -p "$MOCEAN_BACKUPS" && _game_copy "$copy" \
            && (umask 077; _as_game tar -C "$copy" -czf - . > "$file.part") \
            && tar -tzf "$file.part" | grep -qx ./mocean.json && mv "$file.part" "$file"; then
        echo "The ocean is copied to $file ($(du -h "$file" | cut -f1))."
        echo "What is only on this VM goes with it: scp the file to your own computer now and then."
    else
        rm -f "$file.part"; failed=1
        echo "There is no new backup; the line above says why. mocean_doctor says how much room there is."
    fi
    _as_game rm -r "$copy"
    return $failed
}

_game_copy() {                          # the journal first: a change that is in both is applied once, so none is missed
    _as_game sh -c '
        cp -p "$1"/*.journal "$2" || exit
        cp -p "$1"/*.json "$2" || cp -p "$1"/*.json "$2"                                   # a file was just renewed
        ' sh "$MOCEAN_STATE" "$1" || return
    ! _as_game test -e "$MOCEAN_STATE/data.sqlite" || _as_game python3 -c '
import os, sqlite3, sys
os.umask(0o77)
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))' "$MOCEAN_STATE/data.sqlite" "$1/data.sqlite"
}

_game_restore() {                       # a backup, or a folder that the captain, newgame or restore has left
    local coming='' boats
    [ -r "${1:-}" ] || _as_game test -d "${1:-}" || {
        echo "Which copy? mocean_restore FILE, with one of:"
        ls -d "$MOCEAN_BACKUPS"/*.tar.gz 2>/dev/null; _game_kept; return 1; }
    _game_unpack "$1" || { [ -z "$coming" ] || _as_game rm -r "$coming"; echo "Nothing has changed."; return 1; }
    _game_swap "$coming" || return
    boats=$(_game_get health | cut -d , -f 3)
    [ "$boats" = 1 ] && boats="1 boat" || boats="$boats boats"
    echo "The ocean of $1 is back, with $boats, and the game is up."
}

_game_kept() {
    _as_game find "$MOCEAN_STATE" -maxdepth 1 -type d \( -name 'before-*' -o -name 'saved-*' \) 2>/dev/null | sort
}

_game_unpack() {                        # beside the ocean of now: so there is room for it, before anything moves
    if [ -f "$1" ] && ! tar -tzf "$1" >/dev/null; then echo "$1 is no whole backup."; return 1; fi
    if [ -f "$1" ] && ! tar -tzf "$1" | grep -qx '\(\./\)\?mocean\.json'; then
        echo "$1 is no backup of an ocean: there is no mocean.json in it."; return 1
    fi
    coming=$(_as_game mktemp -d "$MOCEAN_STATE/coming-XXXXXX") || { echo "Is the disk full?"; return 1; }
    if [ -f "$1" ]; then _as_game tar -C "$coming" -xzf - < "$1"
    else _as_game sh -c '
        for file in "$1"/mocean.*j* "$1"/data.sqlite*; do [ ! -e "$file" ] || cp -p "$file" "$2" || exit; done
        ' sh "$1" "$coming"; fi || { echo "$1 could not be unpacked: is the disk full?"; return 1; }
    _as_game python3 -c '
import json, sys
ocean = json.load(open(sys.argv[1]))
assert ocean["planet"] and isinstance(ocean["boats"], dict)' "$coming/mocean.json" 2>/dev/null || {
        echo "The ocean in $1 cannot be read."; return 1; }
}

_game_new() {
    local answer
    read -r -p "A new ocean: boats, scores and soundings begin anew (the old ones are kept). Type yes: " answer
    [ "$answer" = yes ] || { echo "Nothing has changed."; return 1; }
    _game_swap '' && echo "A new ocean is up. mocean_undo brings the old one back."
}

_game_undo() {                          # and once more: it brings back what undo put aside
    local last; last=$(_as_game sh -c 'ls -td "$1"/before-*/ 2>/dev/null | head -n 1' sh "$MOCEAN_STATE")
    [ -n "$last" ] || { echo "No newgame and no restore has put anything aside."; return 1; }
    _game_restore "${last%/}"
}

_game_swap() {                          # $1: the folder of the ocean that comes; none: the game makes a new one
    local aside moved was
    if ! _game_there mocean || ! _game_steps_may_end || ! _game_aside; then
        [ -z "$1" ] || _as_game rm -r "$1"
        echo "Nothing has changed."; return 1
    fi
    was=$(for game in mocean steps; do [ "$(systemctl is-active $game)" != active ] || echo $game; done)
    sudo systemctl stop mocean steps
    _game_move "$aside" "$1"; moved=$?
    [ -z "$1" ] || _as_game rm -r "$1"
    if [ $moved != 0 ]; then
        _as_game rmdir "$aside"; [ -z "$was" ] || sudo systemctl start "$was"
        echo "The files could not be moved. Nothing has changed."; return 1
    fi
    echo "What was there is kept in $aside."
    sudo systemctl start mocean
    _game_answers mocean || {
        echo "But the game does not start with this one: mocean_why says why; mocean_undo brings the other back."
        return 1; }
}

_game_steps_may_end() {
    local answer
    [ "$(systemctl is-active steps)" = active ] || return 0
    read -r -p "Steps is being played now. This ends it, and starts the ocean. Type yes: " answer
    [ "$answer" = yes ]
}

_game_aside() {                         # a folder with a date, as the captain's orders make: nothing is ever deleted
    aside=$MOCEAN_STATE/before-$(date -u +%Y%m%d-%H%M%S)
    while _as_game test -e "$aside"; do aside=$aside+; done
    _as_game mkdir "$aside" || { echo "Is the disk full, or has it no room for more files?"; return 1; }
}

_game_move() {                          # all of it, or nothing; the season stays, and so does what a copy has not
    _as_game sh -c '
        cd "$1" || exit
        steps=; [ ! -e "$3/steps.json" ] || steps=steps.json
        move() {
            for part in mocean.*j* data.sqlite* $steps; do [ ! -e "$part" ] || mv "$part" "$1" || return; done
        }
        move "$2" || { mv "$2"/* .; exit 1; }
        [ -n "$3" ] || exit 0
        [ -e season.json ] || [ ! -e "$3/season.json" ] || mv "$3/season.json" .
        cd "$3" && move "$1" || { cd "$1"; move "$3"; mv "$2"/* .; exit 1; }' sh "$MOCEAN_STATE" "$1" "$2"
}

_game_find() {                          # the id of a name; in the files, for the state folder is closed to all others
    [ -n "${1:-}" ] || { echo "Whose id? mocean_find NAME"; return 1; }
    _as_game test -r "$MOCEAN_STATE/mocean.json" || {
        echo "There is no ocean in $MOCEAN_STATE that $(id -un) may read."; return 1; }
    _as_game python3 -c '
import json, pathlib, sys, unicodedata
plain = lambda text: unicodedata.normalize("NFKC", text).casefold()
folder, name, number, ocean = pathlib.Path(sys.argv[1]), plain(sys.argv[2]), -1, {"boats": {}, "ashore": {}}
for file in "mocean.json", "mocean.turned.journal", "mocean.journal":
    text = (folder / file).read_text(encoding="utf-8", errors="replace") if (folder / file).exists() else ""
    for line in [text] if file == "mocean.json" else text.splitlines():
        try:
            change = json.loads(line)
        except ValueError:
            continue
        if change["number"] > number:
            number = change["number"]
            for table in ocean:
                for key, fields in change.get(table, {}).items():
                    ocean[table][key] = fields and {**ocean[table].get(key, {}), **fields}
boats = [boat for table in ocean.values() for boat in table.values() if boat]
found = [boat for boat in boats if plain(boat["name"]) == name]
for boat in found:
    print(boat["name"], "has the id", boat["id"], "and", boat.get("score", 0), "points.")
if not found:
    print("There is no", sys.argv[2], "on this ocean. There are:",
          ", ".join(sorted(boat["name"] for boat in boats)) or "no boats")
sys.exit(not found)' "$MOCEAN_STATE" "$1"
}

_game_captain() {                       # mocean.env is for this user only; the key is typed, never part of an address
    local key; key=$(sed -n 's/^MOCEAN_CAPTAIN=//p' ~/mocean.env 2>/dev/null | tail -n 1)
    [ -n "$key" ] || { echo "There is no key yet. Remedy: bash ~/mocean/setup_vm.sh"; return 1; }
    echo "The captain's deck is http://$(hostname -I | cut -d ' ' -f 1):8080/captain"
    echo "(or the address by which players reach this VM). It asks once for the key: $key"
}

# ---------------------------------------------------------------- the doctor

_ok()  { echo " ok  $*"; }
_bad() { echo " !!  $*"; }

_game_doctor() {
    if ! _doctor_units; then return 1; fi
    _game_there mocean || return
    _doctor_uwsgi; _doctor_port; _doctor_game; _doctor_programs; _doctor_settings
    _doctor_state; _doctor_backup; _doctor_disk; _doctor_log; _doctor_clock
}

_doctor_path() { systemctl show --value --property Environment mocean | tr ' ' '\n' | sed -n 's/^PATH=//p'; }

_doctor_uwsgi() {
    local path version; path=$(_doctor_path)
    if version=$(env PATH="$path" uwsgi --version 2>&1)
    then _ok "uWSGI $version is there for the services, in ${path%%:*}."
    else _bad "uWSGI cannot be run from ${path%%:*}. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; fi
}

_doctor_units() {
    local unit missing=0
    for unit in mocean steps; do
        if ! systemctl cat "$unit" >/dev/null 2>&1; then
            _bad "$unit.service is not installed. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; missing=1
        elif [ "$(systemctl show --value --property NeedDaemonReload "$unit")" = yes ]; then
            _bad "$unit.service was changed, and systemd has not read it. Remedy: ${unit}_daemon; ${unit}_restart"
        else _ok "$unit.service is installed; it is $(systemctl is-active "$unit")."; fi
    done
    [ $missing = 0 ] || return 1
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
        if _game_get "$page" >/dev/null; then
            _ok "The game answers: http://localhost:8080/$page"; return
        fi
    done
    case "$(systemctl is-active mocean) $(systemctl is-active steps)" in
        'inactive inactive') _bad "No game answers: both are stopped. Remedy: mocean_start";;
        *)                   _bad "The game does not answer. Remedy: mocean_why, then mocean_restart";;
    esac
}

_doctor_programs() {                    # read once more, as a start or a reload would, beside an empty ocean
    local empty game said; empty=$(mktemp -d)
    for game in mocean steps; do
        said=$(cd ~ && env PATH="$(_doctor_path)" STATE_DIRECTORY="$empty" timeout 20 python -B -c \
            "import $game; print('whole' if $game.application else '')" 2>&1)
        case $said in *whole) ;; *) said="$said
$game halted: systemd says exit-code, uwsgi exited with 22";; esac          # as a start would; why.awk puts it in words
        said=$(echo "$said" | sed 's/^/Jan 1 00:00:00 vm doctor[1]: /' | \
            awk -v game=$game -v quiet=1 -f "$MOCEAN_HOME/why.awk")
        if [ -z "$said" ]; then _ok "$game.py can be read, and what rides along with it."
        else echo "$said" | sed 's/^Jan 1 00:00:00  / !!  /; s/^      */     /'; fi
    done
    rm -r "$empty"
}

_doctor_settings() {                    # a misspelt setting does nothing, and says nothing
    local name
    [ -e ~/mocean.env ] || return 0
    sed -n 's/^ *\([A-Za-z_]*\).*/\1/p' ~/mocean.env | while read -r name; do
        case $name in
            MOCEAN_LOG|MOCEAN_CAPTAIN|MOCEAN_DATA_DAYS|MOCEAN_DATA_MB) ;;
            *) _bad "$HOME/mocean.env sets $name, which no program reads. Remedy: nano ~/mocean.env; mocean_restart";;
        esac
    done
}

_doctor_state() {
    local file=$MOCEAN_STATE/mocean.json owner user
    owner=$(_as_game stat -c %U "$file" 2>/dev/null); user=$(systemctl show --value --property User mocean)
    if [ -z "$owner" ]; then _ok "There is no ocean yet: $file comes with the first start."
    elif [ "$owner" != "$user" ]; then
        _bad "$file belongs to $owner, and the game runs as $user: it cannot read it." \
            "Remedy: sudo chown -R $user: $MOCEAN_STATE; mocean_restart"
    elif _doctor_readable "$file"; then
        _ok "The ocean is readable: $file, $(_as_game du -h "$file" | cut -f1)," \
            "written $(_as_game date -r "$file" '+%F %T')."
    elif _doctor_readable "$MOCEAN_STATE/mocean.last.json"; then
        _bad "$file is damaged, but the copy before it is whole, and a start mends it. Remedy: mocean_restart"
    else _bad "The ocean cannot be read: $file. Remedy: mocean_restore with the newest file of $MOCEAN_BACKUPS"; fi
    for file in "$HOME/mocean.json" "$MOCEAN_HOME/mocean.json"; do
        [ ! -e "$file" ] || _bad "$file is another ocean, from 'python mocean.py' run by hand;" \
            "the service has its own in $MOCEAN_STATE. Remedy, if nobody needs it: rm $file"
    done
}

_doctor_readable() { _as_game python3 -m json.tool "$1" >/dev/null 2>&1; }

_doctor_backup() {
    local days newest; newest=$(find "$MOCEAN_BACKUPS" -name 'mocean-*.tar.gz' 2>/dev/null | sort | tail -n 1)
    [ -n "$newest" ] || { _bad "There is no backup. Remedy: mocean_backup"; return; }
    days=$(( ($(date +%s) - $(date -r "$newest" +%s)) / 86400 ))
    if [ "$days" -le 7 ]; then _ok "The newest backup is $days days old: $newest"
    else _bad "The newest backup is $days days old. Remedy: mocean_backup"; fi
}

_doctor_disk() {
    local folder=$MOCEAN_STATE free files; [ -d "$folder" ] || folder=/var/lib
    free=$(df --output=avail -m "$folder" | tail -n 1); files=$(df --output=iavail "$folder" | tail -n 1)
    if [ "$free" -lt 500 ]; then
        _bad "The disk has only $((free)) MB free. Remedy: sudo journalctl --vacuum-size=100M; sudo apt-get clean"
    elif [ "$(df --output=itotal "$folder" | tail -n 1)" -gt 0 ] && [ "$files" -lt 1000 ]; then
        _bad "The disk has room for only $((files)) more files (inodes)." \
            "Remedy: sudo du --inodes -xd 2 / | sort -n | tail shows where they are"
    else _ok "The disk has $((free)) MB free."; fi
}

_doctor_log() {
    local folder=/etc/systemd/journald.conf.d remedy
    remedy="Remedy, if the disk is not full: sudo mkdir -p $folder; printf '[Journal]\nStorage=persistent\n' |"
    remedy="$remedy sudo tee $folder/zz-mocean.conf; sudo systemctl restart systemd-journald"
    case $(_journal_keeps) in
        disk)   _ok "The journal is kept on the disk: mocean_why remembers across a reboot.";;
        memory) _bad "The journal forgets all at each reboot. $remedy";;
        *)      _bad "The journal takes no lines: mocean_why cannot know. $remedy";;
    esac
}

_journal_keeps() {                      # a line is told to it, and looked for: on the disk, in memory, nowhere
    local line; line="Does the journal keep this? $(date +%s.%N)"
    echo "$line" | systemd-cat --identifier mocean_doctor
    sudo journalctl --sync
    _journal_has() { sudo journalctl --quiet --output cat --lines 1 --identifier mocean_doctor "$@" 2>&1; }
    if [ "$(_journal_has --directory /var/log/journal)" = "$line" ]; then echo disk
    elif [ "$(_journal_has)" = "$line" ]; then echo memory; fi
}

_doctor_clock() {
    if [ "$(timedatectl show --value --property NTPSynchronized 2>/dev/null)" = yes ]; then
        _ok "The clock is right: $(date)."
    else _bad "The clock is not kept right by the network: $(date). Remedy: sudo timedatectl set-ntp true"; fi
}
