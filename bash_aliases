# What a teacher types on the club's VM. ~/.bash_aliases reads this file at each login; to have it now:
#     . ~/mocean/bash_aliases
# The first half is the list of words; the second tells how they do it, in commands of Linux, to learn from. They are
# functions rather than aliases, so that scripts can use them too. Reading this file changes nothing, an active conda
# environment least.

# shellcheck disable=SC2016          # what stands between single quotes is for the sh or the python that reads it
MOCEAN_HOME=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")     # the folder of this file; why.awk lies there, too
MOCEAN_STATE=/var/lib/mocean            # what the games remember; an ocean called tuesday: /var/lib/mocean-tuesday
MOCEAN_BACKUPS=~/backups                # where mocean_backup puts copies of it
MOCEAN_KEPT=14                          # as many copies of each ocean are left there by mocean_nightly

# ---------------------------------------------------------------- the services, from the cookbook

# Where there are several oceans (docs/classes.md), each word takes the name of one, first of all: mocean_why tuesday,
# mocean_journal tuesday 200. Without a name it is the ocean on port 8080.

mocean_activate() { _game_activate mocean; }                           # the environment: python with bottle, requests
mocean_start()    { _game mocean start "$@"; }
mocean_stop()     { _game mocean stop "$@"; }
mocean_restart()  { _game mocean restart "$@"; }
mocean_reload()   { _game mocean reload "$@"; }                        # a new mocean.py, and no player notices
mocean_status()   { _game mocean status "$@"; }
mocean_daemon()   { _game mocean daemon "$@"; }                        # after changing mocean.service
mocean_journal()  { _game mocean journal "$@"; }                       # its last 50 lines; mocean_journal 200
mocean_follow()   { _game mocean follow "$@"; }                        # the live log; Ctrl-C ends it
mocean_ps()       { _game mocean ps "$@"; }
mocean_kill()     { _game mocean kill "$@"; }                          # like a crash; it comes back
mocean_why()      { _game mocean why "$@"; }                           # why the last halts happened
mocean_doctor()   { _game mocean doctor "$@"; }                        # is all well? each line says what to do
mocean_backup()   { _game mocean backup "$@"; }                        # copy the ocean, while the game goes on
mocean_nightly()  { _game mocean nightly "$@"; }                       # mocean_backup of all oceans, as the timer does
mocean_restore()  { _game mocean restore "$@"; }                       # mocean_restore ~/backups/....tar.gz
mocean_newgame()  { _game mocean newgame "$@"; }                       # a new ocean; the old one is kept
mocean_undo()     { _game mocean undo "$@"; }                          # what the last newgame or restore put aside
mocean_find()     { _game mocean find "$@"; }                          # mocean_find ada: her id, for the teacher
mocean_captain()  { _game mocean captain "$@"; }                       # the teacher's deck: its address, and the key
mocean_new()      { _game mocean new "$@"; }                           # mocean_new tuesday: one more ocean
mocean_end()      { _game mocean end "$@"; }                           # mocean_end tuesday: its memory is kept

steps_activate()  { _game_activate steps; }
steps_start()     { _game steps start "$@"; }
steps_stop()      { _game steps stop "$@"; }
steps_restart()   { _game steps restart "$@"; }
steps_reload()    { _game steps reload "$@"; }
steps_status()    { _game steps status "$@"; }
steps_daemon()    { _game steps daemon "$@"; }
steps_journal()   { _game steps journal "$@"; }
steps_follow()    { _game steps follow "$@"; }
steps_ps()        { _game steps ps "$@"; }
steps_kill()      { _game steps kill "$@"; }
steps_why()       { _game steps why "$@"; }

# ---------------------------------------------------------------- how they do it

# All below know: game (mocean or steps), ocean (tuesday, or nothing), and what goes by these names (_game_names).

_game() {                               # the game, the word, and what was typed behind it: an ocean's name, the rest
    local game=$1 word=$2 ocean='' most=0 who of unit units label state page
    shift 2
    if [ "$game" = mocean ] && _oceans | grep -qxF -e "${1:-}"; then ocean=$1; shift; fi
    case $word in
        find|restore) most=1;;
        new)          [ -n "$ocean" ] || most=1;;
        journal)      [[ ! ${1:-} =~ ^[0-9]+$ ]] || most=1;;
        nightly)      [ -z "$ocean" ] || most=-1;;              # it is for all of them
    esac
    if [ $# -gt $most ]; then
        if [[ $game$ocean = mocean && $word != new && $1 =~ ^[A-Za-z][A-Za-z0-9-]*$ ]]; then
            echo "There is no ocean $1 here. $(_oceans_told)"
        else echo "These are too many words for ${game}_$word: ${*:-$ocean}"; fi
        return 1
    fi
    _game_names
    "_game_$word" "$@"
}

_game_names() {                         # what goes by the name of the game, or by that of an ocean
    who=$game of='' unit=$game units=("$game") label=$game state=$MOCEAN_STATE page=health
    [ "$game" = mocean ] || page=$game
    [ -n "$ocean" ] || return 0
    who=$ocean of=" $ocean" unit=mocean@$ocean units=("mocean@$ocean" "mocean@$ocean.socket")
    label=mocean-$ocean state=$MOCEAN_STATE-$ocean
}

_oceans() {                             # the names of those that start with the VM
    find /etc/systemd/system/multi-user.target.wants -name 'mocean@*.service' 2>/dev/null | \
        sed 's/.*mocean@//; s/\.service$//' | sort
}

_oceans_told() {
    if [ -n "$(_oceans)" ]; then echo "There are: $(_oceans | paste -s -d ' ')."
    else echo "There are none with a name; mocean_new NAME makes one."; fi
}

_game_activate() {
    local env=~/miniconda/envs/$1-env
    # shellcheck disable=SC1090,SC1091
    if [ -e "$env/bin/activate" ]; then . "$env/bin/activate"; else . ~/miniconda/bin/activate "$1-env"; fi
}

_game_there() {                         # is the game installed, and may this user do something about it?
    systemctl cat "$unit.service" >/dev/null 2>&1 || {
        echo "$game is not installed on this machine. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; return 1; }
    _may_sudo
}

_game_mine() {                          # does it run as this user? The captain's key is in that user's home
    local user; user=$(systemctl show --value --property User "$unit")
    [ "${user:-$(id -un)}" = "$(id -un)" ] || {
        echo "The game runs as $user, and you are $(id -un). The captain's key is in the home of $user:" \
            "log in as $user."
        return 1; }
}

_may_sudo() {
    sudo -n true 2>/dev/null || sudo -v || {
        echo "sudo refused: $(id -un) may not do that here. Log in as the VM's first user."; return 1; }
}

_game_get() {                           # a page of the game: at its port, or at the socket where nginx finds it
    if [ -z "$ocean" ]; then curl --noproxy '*' -fs -m 5 "http://localhost:8080/$1"
    else _as_game curl --noproxy '*' -fs -m 5 --unix-socket "/run/$label.sock" "http://localhost/$1"; fi
}

_game_answers() { _game_asked || { sleep 1; _game_asked; }; }

_game_asked() {                         # the game itself: not what systemd believes of it
    [ "$(systemctl is-active "$unit")" = active ] && _game_get "$page" >/dev/null
}

_game_start()   { _game_up start; }
_game_restart() { _game_up restart; }

_game_up() {                            # and say where players find the game
    local cursor
    _game_there || return
    cursor=$(_game_cursor)
    if sudo systemctl "$1" "$unit" && _game_answers; then
        echo "$who is up$(_game_address)."
        _game_told "$cursor" | grep -A 1 'ride along'
        return 0
    fi
    echo "$who did not start."; _game_told "$cursor" | grep -v 'Stopped on purpose'
    return 1
}

_game_address() {                       # where players find it; false if they do not
    local club door
    if [ -z "$ocean" ]; then
        echo ": http://localhost:8080/$game here; players use the VM's address instead of localhost"
    elif club=$(_game_club) &&
        curl --noproxy '*' -fs -m 5 -o /dev/null -H "Host: $club" "http://localhost/$ocean/health"; then
        echo ": players find it at http://$club/$ocean/"
    elif door=$(_game_door); then echo ": the front of another machine finds it at $door"
    elif [ -n "$club" ]; then
        echo ", but nginx does not lead there. Remedy: bash $MOCEAN_HOME/setup_vm.sh --front $club"; return 1
    else echo ", but nobody can reach it yet: it has no port. Remedy: the front, which leads there (docs/https.md)"; return 1
    fi
}

_game_door() {                          # a port besides the socket, if there is one (docs/https.md: a second machine)
    systemctl show --value --property Listen "$unit.socket" | sed -n 's/ (Stream)$//; /:/p' | grep .
}

_game_club() { cat /etc/nginx/mocean/name 2>/dev/null; }               # the front's name, if there is a front

_game_status() {                        # whole lines, however long: where a line is cut, the mistake stands
    _game_there || return
    systemctl status --no-pager --full --lines 0 "$unit" | grep -E '^[^ ]|Loaded:|Active:|Memory:'
    sudo journalctl --quiet --no-pager --lines 5 --unit "$unit"
}

_game_journal() { _game_there && sudo journalctl --no-pager --lines "${1:-50}" --unit "$unit"; }
_game_follow()  { _game_there && sudo journalctl --follow --unit "$unit"; }

_game_stop() {                          # an ocean's socket, too: else the next call would start it
    _game_there || return
    sudo systemctl stop "${units[@]}"
    if systemctl is-active "${units[@]}" | grep -vqx 'inactive\|failed'; then
        echo "$who could not be stopped: it is $(systemctl is-active "$unit")."; return 1
    fi
    echo "$who is stopped. ${game}_start$of starts it."
}

_game_daemon() {
    _game_there || return
    sudo systemctl daemon-reload
    if [ "$(systemctl show --value --property NeedDaemonReload "$unit")" = no ]; then
        echo "systemd has read $unit.service. What changed in it counts from the next ${game}_restart$of."
    else echo "systemd has not read $unit.service."; return 1; fi
}

_game_kill() {
    local master
    _game_there || return
    master=$(systemctl show --value --property MainPID "$unit")
    [ "$master" != 0 ] || { _game_not_running; return 1; }
    sudo systemctl kill --signal KILL --kill-who main "$unit"
    for _ in $(seq 50); do
        [ "$(systemctl show --value --property MainPID "$unit")" = "$master" ] || break; sleep 0.1
    done
    for _ in 1 2 3 4 5; do ! _game_answers || break; done
    if _game_answers; then
        echo "The master (process $master) was killed, and $who is back: systemd has started it."
    else
        echo "The master (process $master) was killed; $who is not back yet. ${game}_why$of says why."
        return 1
    fi
}

_game_not_running() { echo "$who is not running; ${game}_start$of starts it."; }

_game_reload() {
    local cursor before
    _game_there || return
    [ "$(systemctl is-active "$unit")" = active ] || {
        echo "$who is not up: there is nothing to reload. ${game}_start$of starts it, with the $game.py of now."
        return 1; }
    cursor=$(_game_cursor); before=$(_game_children)
    if sudo systemctl reload "$unit" && _game_answers && [ "$(_game_children)" != "$before" ]; then
        echo "$game.py is read anew; the game went on."; _game_told "$cursor"
        return 0
    fi
    if _game_answers; then echo "Not reloaded: the old $game.py plays on."
    else echo "Not reloaded, and $who does not answer now."; fi
    _game_told "$cursor"
    return 1
}

_game_children() { ps -o pid= --ppid "$(systemctl show --value --property MainPID "$unit")"; }

_game_ps() {                            # the master and its children, and nothing else; the largest holds the ocean
    local master; master=$(systemctl show --value --property MainPID "$unit")
    if [ "$master" = 0 ]; then _game_not_running; return 1; fi
    ps -o pid,ppid,user,nlwp,rss,etime --sort -rss --pid "$master" --ppid "$master" | awk -v master="$master" '
        NR == 1         { print $0 "  WHAT IT IS"; next }
        $1 == master    { print $0 "  the master: starts the others, and starts them again"; next }
        { print $0 (others++ ? "  the router: talks to the browsers" : "  the worker: the game itself") }'
    echo "They were started as: $(tr '\0' ' ' < "/proc/$master/cmdline")"
}

# ---------------------------------------------------------------- an ocean more, an ocean less

# Its name is a part of addresses, and of the names of files: small letters, digits and -. Names of pages would mislead.
MOCEAN_TAKEN=(accel begin beguine captain chart clients code course dive duck erddap euler exchange front get health
              inventory join location log look map meruprastarah mocean move name news ping popchat problem progress
              puzzle pyodide quest quit race regatta score season sendchat sirduke steps stop teleport use velocity who)

_game_new() {                           # twice is harmless: what is there already is left as it is
    ocean=${ocean:-${1:-}}
    _ocean_may_be "$ocean" || return
    _game_names
    _game_there && _game_mine || return
    grep -qs '^MOCEAN_CAPTAIN=' ~/"$label.env" || (umask 077; _new_key >> ~/"$label.env")
    if sudo systemctl enable --quiet --now "$unit" && _game_answers; then
        echo "$ocean is up, and starts with the VM$(_game_address)."
        echo "mocean_captain $ocean shows its captain's key; mocean_end $ocean ends it."
        return 0
    fi
    echo "$ocean did not start: mocean_why $ocean says why. Mend it, and then: mocean_new $ocean"
    return 1
}

_ocean_may_be() {
    local LC_ALL=C
    [ -n "$1" ] || { echo "What is it to be called? mocean_new NAME. $(_oceans_told)"; return 1; }
    [[ $1 =~ ^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$ ]] || {
        echo "An ocean cannot be called $1: a name has up to 63 small letters, digits and -, begins with a letter," \
            "and does not end with -."; return 1; }
    ! printf '%s\n' "${MOCEAN_TAKEN[@]}" | grep -qx "$1" || {
        echo "An ocean cannot be called $1: that is the name of a page of the game, and would mislead."; return 1; }
}

_new_key() {                            # a captain's key, without letters that look alike
    echo "MOCEAN_CAPTAIN=$(head -c 1000 /dev/urandom | tr -dc abcdefghjkmnpqrstuvwxyz23456789 | cut -c 1-16 |
        sed 's/..../&-/g; s/-$//')"
}

_game_end() {
    [ -n "$ocean" ] || { echo "Which one? mocean_end NAME. $(_oceans_told)"; return 1; }
    _game_there || return
    sudo systemctl disable --quiet --now "${units[@]}"
    if _oceans | grep -qxF "$ocean" || systemctl is-active "${units[@]}" | grep -vqx 'inactive\|failed'; then
        echo "$ocean could not be ended: it is $(systemctl is-active "$unit")."; return 1
    fi
    sudo rm -f "/run/$label.sock"       # so that nginx knows, too
    echo "$ocean has ended. Its memory stays in $state, and mocean_new $ocean brings it back."
}

# ---------------------------------------------------------------- why it halted

_game_cursor() {                        # now, in the journal
    sudo journalctl --quiet --lines 0 --show-cursor | sed -n 's/^-- cursor: //p'
}

_game_told() {                          # what why.awk makes of the journal since the cursor
    ! _project_gone || return
    sudo journalctl --sync
    local of_units=(--unit mocean --unit steps)
    [ -z "$ocean" ] || of_units=(--unit "$unit")
    sudo journalctl --no-pager --lines 50000 "${of_units[@]}" ${1:+--after-cursor "$1"} | \
        awk -v game="$game" -v ocean="$ocean" -v quiet=1 -f "$MOCEAN_HOME/why.awk"
}

_project_gone() {
    [ ! -e "$MOCEAN_HOME/why.awk" ] || return
    echo "The project is no longer in $MOCEAN_HOME, where the game looks for it. Remedy: bring it back there."
}

_game_why() {
    local told
    _game_there || return
    told=$(_game_told)
    echo "What stopped or shook $who lately, oldest first:"
    echo "${told:-nothing at all.}"
    echo
    case $(_journal_keeps) in
        disk)   ;;
        memory) echo "The journal forgets all at each reboot: what was before the last one, nobody knows.";;
        *)      echo "The journal takes no lines: what happened lately is not above. mocean_doctor says what to do.";;
    esac
    _game_oom
    case $(systemctl is-active "$unit") in
        active)
            echo "Now: $who is up, since $(systemctl show --value --property ActiveEnterTimestamp "$unit")."
            [ "$game" = steps ] || echo "The game itself says: $(_game_get health || echo nothing: it is silent)";;
        activating|deactivating)
            echo "Now: $who is not up; systemd starts it again each second. ${game}_stop$of ends that.";;
        *)  echo "Now: $who is stopped. ${game}_start$of starts it.";;
    esac
}

_game_oom() {                           # the kernel counts whom it killed for want of memory
    local group file count
    group=$(systemctl show --value --property ControlGroup "$unit"); [ -n "$group" ] || return 0
    for file in "/sys/fs/cgroup$group/memory.events" "/sys/fs/cgroup/memory$group/memory.oom_control"; do
        count=$(awk '$1 == "oom_kill" {print $2}' "$file" 2>/dev/null) || continue
        [ "${count:-0}" = 0 ] || echo "Out of memory: since the last start the kernel killed $count process(es) of" \
            "$who that wanted more than MemoryMax. A route keeps too much: one of the last calls above, or one that" \
            "had no time for a line."
    done
}

# ---------------------------------------------------------------- the ocean: copy it, bring it back, begin anew

_as_game() {                            # as the user of the service, who alone may look into the state folder
    local owner; owner=$(_game_owner)
    if [ "$owner" = "$(id -un)" ]; then "$@"; else sudo -u "$owner" "$@"; fi
}

_game_owner() { stat -c %U "$state" 2>/dev/null || id -un; }

_game_open() { [ "$(_game_owner)" = "$(id -un)" ] || _may_sudo; }      # may this user look there? Else all seems empty

_game_backup() {
    _make_copy && echo "What is only on this VM goes with it: scp the file to your own computer now and then."
}

_make_copy() {
    local file copy failed=0; file=$MOCEAN_BACKUPS/$label-$(date +%Y-%m-%d-%H%M%S).tar.gz
    _game_open || return
    _as_game test -e "$state/mocean.json" || {
        echo "There is no ocean in $state: nothing to copy."; return 1; }
    copy=$(_as_game mktemp -d) || { echo "There is no new backup: is the disk full?"; return 1; }
    if mkdir -p "$MOCEAN_BACKUPS" && _game_copy "$copy" \
            && (umask 077; _as_game tar -C "$copy" -czf - . > "$file.part") \
            && tar -tzf "$file.part" | grep -qx ./mocean.json && mv "$file.part" "$file"; then
        echo "The ocean$of is copied to $file ($(du -h "$file" | cut -f1))."
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
        ' sh "$state" "$1" || return
    ! _as_game test -e "$state/data.sqlite" || _as_game python3 -c '
import os, sqlite3, sys
os.umask(0o77)
sqlite3.connect(sys.argv[1]).backup(sqlite3.connect(sys.argv[2]))' "$state/data.sqlite" "$1/data.sqlite"
}

_game_backups() {                       # those of this ocean, the oldest first
    find "$MOCEAN_BACKUPS" -maxdepth 1 -regextype posix-extended \
        -regex ".*/$label-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}\.tar\.gz" 2>/dev/null | sort
}

_game_nightly() {                       # a copy of each ocean; of each, the oldest go
    local failed=0
    for ocean in '' $(_oceans); do
        _game_names
        _game_open || return
        _as_game test -e "$state/mocean.json" || continue                                   # it has never been up
        if _make_copy; then _game_backups | head -n "-$MOCEAN_KEPT" | xargs -r -d '\n' rm; else failed=1; fi
    done
    return $failed
}

_game_restore() {                       # a backup, or a folder that the captain, newgame or restore has left
    local coming='' boats whose kept
    _game_open || return
    [ -f "${1:-}" ] || _as_game test -d "${1:-}" || {
        kept=$(ls -d "$MOCEAN_BACKUPS"/*.tar.gz 2>/dev/null; _game_kept)
        [ -z "${1:-}" ] || echo "There is no $1 here."
        if [ -n "$kept" ]; then printf '%s\n' "Which copy? mocean_restore$of FILE, with one of:" "$kept"
        else echo "There is no copy yet; mocean_backup$of makes one."; fi
        return 1; }
    whose=$(_game_whose "$1")
    if [ "${whose:-$label}" != "$label" ] && ! _agreed "$1 is a copy of ${whose#mocean-}, and this is $who."; then
        echo "Nothing has changed."; return 1
    fi
    _game_unpack "$1" || { [ -z "$coming" ] || _as_game rm -r "$coming"; echo "Nothing has changed."; return 1; }
    _game_swap "$coming" || return
    boats=$(_game_get health | cut -d , -f 3)
    [ "$boats" = 1 ] && boats="1 boat" || boats="$boats boats"
    echo "The ocean of $1 is back, with $boats, and the game is up."
}

_game_whose() {                         # of which ocean a copy is, as its name says; nothing: it does not say
    realpath -m "$1" | sed -nE \
        's:.*/(mocean(-[a-z0-9-]+)?)(-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{6}\.tar\.gz|/(before|saved)-[^/]*)$:\1:p'
}

_agreed() { local answer; read -r -p "$1 Type yes: " answer; [ "$answer" = yes ]; }

_game_kept() {
    _as_game find "$state" -maxdepth 1 -type d \( -name 'before-*' -o -name 'saved-*' \) 2>/dev/null | sort
}

_game_unpack() {                        # beside the ocean of now: so there is room for it, before anything moves
    if [ -f "$1" ] && [ ! -r "$1" ]; then echo "$(id -un) may not read $1."; return 1; fi
    if [ -f "$1" ] && ! tar -tzf "$1" >/dev/null 2>&1; then echo "$1 is no whole backup."; return 1; fi
    if [ -f "$1" ] && ! tar -tzf "$1" | grep -qx '\(\./\)\?mocean\.json'; then
        echo "$1 is no backup of an ocean: there is no mocean.json in it."; return 1
    fi
    coming=$(_as_game mktemp -d "$state/coming-XXXXXX") || { echo "Is the disk full?"; return 1; }
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

_game_newgame() {
    _agreed "A new ocean: boats, scores and soundings begin anew (the old ones are kept)." || {
        echo "Nothing has changed."; return 1; }
    _game_swap '' && echo "A new ocean is up. mocean_undo$of brings the old one back."
}

_game_undo() {                          # and once more: it brings back what undo put aside
    local last
    _game_open || return
    last=$(_as_game sh -c 'ls -td "$1"/before-*/ 2>/dev/null | head -n 1' sh "$state")
    [ -n "$last" ] || { echo "No newgame and no restore has put anything aside."; return 1; }
    _game_restore "${last%/}"
}

_game_swap() {                          # $1: the folder of the ocean that comes; none: the game makes a new one
    local aside moved was games=("$unit")
    if ! _game_there || ! _game_steps_may_end || ! _game_aside; then
        [ -z "$1" ] || _as_game rm -r "$1"
        echo "Nothing has changed."; return 1
    fi
    [ -n "$ocean" ] || games+=(steps)
    was=$(for one in "${games[@]}"; do [ "$(systemctl is-active "$one")" != active ] || echo "$one"; done)
    sudo systemctl stop "${games[@]}" "${units[@]}"
    _game_move "$aside" "$1"; moved=$?
    [ -z "$1" ] || _as_game rm -r "$1"
    if [ $moved != 0 ]; then
        _as_game rmdir "$aside"; [ -z "$was" ] || sudo systemctl start "$was"
        echo "The files could not be moved. Nothing has changed."; return 1
    fi
    echo "What was there is kept in $aside."
    sudo systemctl start "$unit"
    _game_answers || {
        echo "But the game does not start with this one: mocean_why$of says why; mocean_undo$of brings the other back."
        return 1; }
}

_game_steps_may_end() {                 # an ocean with a name is not in its way
    [ -z "$ocean" ] && [ "$(systemctl is-active steps)" = active ] || return 0
    _agreed "Steps is being played now. This ends it, and starts the ocean."
}

_game_aside() {                         # a folder with a date, as the captain's orders make: nothing is ever deleted
    aside=$state/before-$(date -u +%Y%m%d-%H%M%S)
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
        cd "$3" && move "$1" || { cd "$1"; move "$3"; mv "$2"/* .; exit 1; }' sh "$state" "$1" "$2"
}

_game_find() {                          # the id of a name; in the files, for the state folder is closed to all others
    [ -n "${1:-}" ] || { echo "Whose id? mocean_find$of NAME"; return 1; }
    _game_open || return
    _as_game test -f "$state/mocean.json" || { echo "There is no ocean in $state yet."; return 1; }
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
sys.exit(not found)' "$state" "$1"
}

_game_captain() {                       # the file is for this user only; the key is typed, never part of an address
    local key club address
    _game_mine || return
    key=$(sed -n 's/^MOCEAN_CAPTAIN=//p' ~/"$label.env" 2>/dev/null | tail -n 1)
    if [ -z "$key" ] && [ -n "$ocean" ]; then
        echo "There is no key yet. Remedy: mocean_new $ocean; mocean_restart $ocean"; return 1
    elif [ -z "$key" ]; then
        echo "There is no key yet. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; return 1
    elif [ ${#key} -lt 12 ]; then
        echo "There is no deck: the key in ~/$label.env has less than 12 characters." \
            "Remedy: nano ~/$label.env; mocean_restart$of"; return 1
    elif [ -z "$ocean" ]; then
        address=$(hostname -I | cut -d ' ' -f 1); club=$(_game_club)
        echo "The captain's deck is http://${address:-ADDRESS}:8080/captain${club:+ and http://$club/mocean/captain}"
        echo "(or the address by which players reach this VM). It asks once for the key: $key"
    elif club=$(_game_club); then
        echo "The captain's deck of $ocean is http://$club/$ocean/captain"
        echo "It asks once for the key: $key"
    else
        echo "The key of the captain of $ocean is $key"
        echo "The deck has no address before there is a front: docs/https.md."
    fi
}

# ---------------------------------------------------------------- the doctor

_ok()  { echo " ok  ${ocean:+$ocean: }$*"; }
_bad() { echo " !!  ${ocean:+$ocean: }$*"; }

_game_doctor() {                        # all there is; with a name, that ocean alone
    if [ -n "$ocean" ]; then _game_there && _doctor_ocean; return; fi
    if ! _doctor_units; then return 1; fi
    _game_there || return
    _doctor_uwsgi; _doctor_port; _doctor_game; _doctor_programs; _doctor_settings
    _doctor_state; _doctor_backup
    for ocean in $(_oceans); do _game_names; _doctor_ocean; done
    ocean=''; _game_names
    _doctor_front; _doctor_nightly; _doctor_disk; _doctor_log; _doctor_clock
}

_doctor_ocean() {
    local way
    if [ "$(systemctl show --value --property NeedDaemonReload "$unit")" = yes ]; then
        _bad "$unit.service was changed, and systemd has not read it. Remedy: mocean_daemon$of; mocean_restart$of"
    fi
    if _game_answers; then
        if way=$(_game_address); then _ok "It is up$way."; else _bad "It is up$way."; fi
    elif [ "$(systemctl is-active "$unit")" = inactive ]; then _bad "It is stopped. Remedy: mocean_start$of"
    else _bad "It does not answer. Remedy: mocean_why$of, then mocean_restart$of"; fi
    _doctor_settings; _doctor_state; _doctor_backup
}

_doctor_front() {
    local club name place rest end; club=$(_game_club) || return 0
    if [ "$(systemctl is-active nginx)" = active ]; then _ok "nginx, the front, is up: http://$club/"
    else _bad "nginx, the front, is not up. Remedy: sudo systemctl restart nginx; if that fails, sudo nginx -t"; fi
    while read -r name place rest; do
        case $name in '#'*|'') continue;; esac
        if curl --noproxy '*' -fs -m 5 -o /dev/null -H "Host: $club" "http://localhost/$name/"; then
            _ok "http://$club/$name/ leads to ${place%;}, and something answers there."
        else _bad "http://$club/$name/ leads to ${place%;}, and nobody answers there."; fi
    done < /etc/nginx/mocean/machines.map
    end=$(sudo openssl x509 -noout -enddate -in /etc/letsencrypt/live/mocean/cert.pem 2>/dev/null | cut -d = -f 2)
    if [ -z "$end" ]; then
        _bad "There is no certificate, so no https. Remedy: bash $MOCEAN_HOME/setup_vm.sh --front $club"
    elif [ "$(date -d "$end" +%s)" -gt "$(date -d '20 days' +%s)" ]; then _ok "The certificate is good until $end."
    else _bad "The certificate ends on $end, and was not renewed. Remedy: sudo certbot renew"; fi
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
    local empty game said
    if said=$(_project_gone); then _bad "$said"; return; fi
    empty=$(mktemp -d)
    for game in mocean steps; do
        said=$(cd "$(systemctl show --value --property WorkingDirectory "$game")" && \
            env PATH="$(_doctor_path)" STATE_DIRECTORY="$empty" timeout -s INT -k 5 20 python -B -c \
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
    [ -e ~/"$label.env" ] || return 0
    sed -n 's/^ *\([A-Za-z_]*\).*/\1/p' ~/"$label.env" | while read -r name; do
        case $name in
            MOCEAN_LOG|MOCEAN_CAPTAIN|MOCEAN_DATA_DAYS|MOCEAN_DATA_MB) ;;
            *) _bad "$HOME/$label.env sets $name, which no program reads." \
                "Remedy: nano ~/$label.env; mocean_restart$of";;
        esac
    done
}

_doctor_state() {
    local file=$state/mocean.json owner user part
    for part in mocean.json mocean.journal data.sqlite season.json steps.json; do
        ! _as_game test -d "$state/$part" || {
            _bad "$state/$part is a folder, and a file should be there." \
                "Remedy: sudo mv $state/$part $state/folder-$part; mocean_restart$of"
            file=''; }
    done
    [ -n "$file" ] || return 0
    owner=$(_as_game stat -c %U "$file" 2>/dev/null); user=$(systemctl show --value --property User "$unit")
    if [ -z "$owner" ]; then _ok "There is no ocean yet: $file comes with the first start."
    elif [ "$owner" != "$user" ]; then
        _bad "$file belongs to $owner, and the game runs as $user: it cannot read it." \
            "Remedy: sudo chown -R $user: $state; mocean_restart$of"
    elif _doctor_readable "$file"; then
        _ok "The ocean is readable: $file, $(_as_game du -h "$file" | cut -f1)," \
            "written $(_as_game date -r "$file" '+%F %T')."
    elif _doctor_readable "$state/mocean.last.json"; then
        _bad "$file is damaged, but the copy before it is whole, and a start mends it. Remedy: mocean_restart$of"
    else _bad "The ocean cannot be read: $file. Remedy: mocean_restore$of with the newest file of $MOCEAN_BACKUPS"; fi
    [ -z "$ocean" ] || return 0
    for file in "$HOME/mocean.json" "$MOCEAN_HOME/mocean.json"; do
        [ ! -e "$file" ] || _bad "$file is another ocean, from 'python mocean.py' run by hand;" \
            "the service has its own in $state. Remedy, if nobody needs it: rm $file"
    done
}

_doctor_readable() { _as_game python3 -m json.tool "$1" >/dev/null 2>&1; }

_doctor_backup() {
    local days newest; newest=$(_game_backups | tail -n 1)
    [ -n "$newest" ] || { _bad "There is no backup. Remedy: mocean_backup$of"; return; }
    days=$(( ($(date +%s) - $(date -r "$newest" +%s)) / 86400 ))
    if [ "$days" -le 7 ]; then _ok "The newest backup is $days days old: $newest"
    else _bad "The newest backup is $days days old. Remedy: mocean_backup$of"; fi
}

_doctor_nightly() {                     # the timer, and how the last night went
    local show='systemctl show --value --property' last
    if [ "$($show ActiveState mocean-backup.timer)" != active ]; then
        _bad "There is no copy each night. Remedy: bash $MOCEAN_HOME/setup_vm.sh"; return
    fi
    last=$($show ExecMainExitTimestamp mocean-backup)                  # since the VM is on
    if [ "$($show Result mocean-backup)" != success ]; then
        _bad "The last copies of the night failed, $last. Remedy: sudo journalctl -u mocean-backup says why"
    elif [ -n "$last" ]; then _ok "Each night all oceans are copied; the last time: $last."
    else _ok "Each night all oceans are copied; the next time: $($show NextElapseUSecRealtime mocean-backup.timer)."; fi
}

_doctor_disk() {
    local folder=$state free files; [ -d "$folder" ] || folder=/var/lib
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
    local now news; now=$(date -u +%FT%TZ); news=$(_game_get news | cut -d , -f 2 | sort | tail -n 1)
    [[ ! $news > $now ]] || _bad "The clock was ahead when something happened: it is $now, and the news tells of $news." \
        "What happens from now on has the right time."
}
