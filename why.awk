# Why did the game halt? Reads its journal, and says it in sentences: mocean_why and steps_why of bash_aliases.
#
#     journalctl --unit mocean --unit steps | awk -v game=mocean -f why.awk       (-v quiet=1: nothing means nothing)
#     journalctl --unit mocean@tuesday | awk -v game=mocean -v ocean=tuesday -f why.awk
#
#     Nov 25 01:02:03 club uwsgi[7]: Traceback (most recent call last):
#     Nov 25 01:02:03 club uwsgi[7]:   File "/home/ubuntu/mocean.py", line 9                  <- a sign: kept in `spot`
#     Nov 25 01:02:03 club uwsgi[7]: SyntaxError: invalid syntax                              <- a sign: kept in `clue`
#     Nov 25 01:02:03 club sh[8]: mocean halted: systemd says exit-code, uwsgi exited with 22 <- an end: ended() looks
#                     |                                                                          at the signs, and tells
#                     v
#     Nov 25 01:02:03  mocean.py could not be loaded: SyntaxError: invalid syntax (mocean.py, line 9)
#                      Mend it; the game then starts by itself, within seconds.
#
# A sentence that comes again is counted. Each sign is looked for where a line begins: what a player says stands
# further right, and fools nobody. The signs, and what they stand for while they are not empty:
#
#     clue    the last error                   fatal   a crash in C code           loop   a request did not end
#     spot    the line of Python it points to  crash   a crash of uWSGI itself     port   somebody else has 8080
#     cannot  what the game says it lacks      bug     a bug met by one request    dump   a list of threads follows
#     rider   a file that cannot ride along    halted  when it was stopped: why, the next lines tell
#     fell    it ended during a reload

# --- what is told, at the end --------------------------------------------------------------------------------------

function tell(what, remedy) {
    if (halted != "") settle(purpose)
    if (what == told && remedy == todo) {
        times++
    } else {
        flush()
        told = what; todo = remedy; times = 1; first = when
    }
    last = when
}

function settle(what,    now) {          # it was stopped a while ago; now it is known why
    if (halted == "") return
    now = when; when = halted; halted = ""
    tell(what)
    when = now
}

function flush(    again, advice) {
    if (told == "") return
    if (times > 1)  again = " (" times " times, the last at " last ")"
    if (todo != "") advice = "\n                 " todo
    entry[++entries] = first "  " told again advice
}

END {
    settle(purpose)
    flush()
    if (!entries && !quiet) print "nothing at all."
    for (i = entries > 8 ? entries - 7 : 1; i <= entries; i++) print entry[i]
}

# --- the ends: of one worker, and of the whole game ----------------------------------------------------------------

function worker() {
    if (loop)
        return tell("A request did not end: its worker was stopped, a new one took over.",
                    "Look for a loop at " (spot == "" ? "the place that " typed("journal") " 300 shows" : spot) ".")
    if (line ~ /signal 9 /) {
        tell("The worker was killed (kill -9, or out of memory), a new one took over.",
             "Nothing is lost. If nobody typed kill, it was memory." last_calls())
        killed = 1
        return
    }
    if (fatal)
        return tell("The worker crashed in C code (" fatal "), a new one took over.",
                    "Nothing is lost." (spot == "" ? "" : " It was called at " spot "."))
    tell("The worker ended by itself (an exit in a route, or a crash), a new one took over.",
         "Nothing is lost. The lines before DAMN in " typed("journal") " 300 say more.")
}

function ended() {
    fell = 1
    if (/says success/) {
        halted = when; purpose = renewed ? upgrade : on_purpose
        return
    }
    if (/says signal/)
        return tell("The master was killed (" typed("kill") ", kill -9, out of memory), and started again.",
                    "Nothing is lost.")
    if (/says oom-kill/)
        return tell("Out of memory: the kernel killed it, systemd started it again.",
                    "A route keeps too much, or MemoryMax in the unit is too small." last_calls())
    if (/says timeout/)
        return tell("It did not start in time (an endless loop in " game ".py, or in a file that rides along?).",
                    "mocean_doctor names the line. Mend it; the game then starts by itself.")
    if (port)
        return tell("Port 8080 was taken by another program.",
                    "sudo ss -ltnp sport = :8080 names it. End it; the game then starts by itself.")
    if (/with 127|with 203/)
        return tell("There is no uwsgi: the environment is missing.",
                    "bash ~/mocean/setup_vm.sh makes it anew.")
    if (/with 22/ && cannot)
        return tell(game " could not start: " cannot,
                    "Mend that; the game then starts by itself.")
    if (/with 22/)
        return tell(game ".py could not be loaded: " no_application(clue) in_brackets(spot),
                    "Mend it; the game then starts by itself, within seconds.")
    if (crash)
        return tell("uWSGI itself crashed (" crash "), and was started again.",
                    "Nothing is lost.")
    tell("uWSGI would not start, or ended by itself" (clue == "" ? "." : ": " clue "."),
         "A mistake in the unit? The lines before \"halted\" in " typed("journal") " say more.")
}

function no_application(clue) {
    return clue == "" ? "it ends before application is there (an exit at top level?)" : clue
}

function last_calls(    text, i) {       # what the game told before: of who ate the memory, mostly the company only
    for (i = calls > 3 ? calls - 2 : 1; i <= calls; i++) text = text "\n                   " call[i]
    calls = 0
    return text == "" ? "" : " The last lines before it:" text
}

function met_bug() {
    bug = ""
    if (clue ~ /^TypeError: [A-Za-z_0-9]+ returned /) {
        sub(/^TypeError: /, "", clue); sub(/;.*/, "", clue)
        return tell("A request met a bug: " clue ", and a rule returns what is to be told.",
                    "Look at the end of that rule: a return is missing.")
    }
    if (clue ~ /^EOFError/)
        return tell("A request met a bug: input() waits for somebody who types, and nobody does" in_brackets(spot) ".",
                    "A rule gets what it needs as parameters of its call.")
    tell("A request met a bug: " clue in_brackets(spot) ". It was answered, the game went on.",
         "The lines before that in " typed("journal") " 300 show how it came there.")
}

function cannot_ride(    what) {
    what = rider " does not ride along: " clue in_brackets(spot) ". The rest of the game plays on."
    if (what in rode) return             # a reload reads it twice: to look, and to play
    rode[what]
    tell(what, "Mend it, and then: " typed("reload"))
}

function anew() {
    return "bash ~/mocean/setup_vm.sh writes the unit for your user; what a drop-in says, shows systemctl cat " \
        game (ocean == "" ? "" : "@" ocean) "."
}

function typed(word) { return game "_" word (ocean == "" ? "" : " " ocean) }      # mocean_why, mocean_why tuesday

function in_brackets(text) { return text == "" ? "" : " (" text ")" }

# --- whose line of Python is it? -----------------------------------------------------------------------------------

function place(line,    part) {          # File "/home/ubuntu/mocean.py", line 7, in move -> mocean.py, line 7, in move
    split(line, part, "\"")
    sub(/.*\//, "", part[2])
    sub(/,? in /, ", in ", part[3])
    return part[2] part[3]
}

function frame() {                       # one line of a traceback, or of a dump of all threads
    here = place(line)
    if (here ~ /^<string>/) return
    if (rider != "" && spot ~ "^" rider && here !~ "^" rider) return       # who called, not how far it came
    if (rider == "" && dump == "" && spot ~ /^my_routes/ && here !~ /^my_routes/) return
    if (dump == "") { spot = here; return }                       # a traceback: the last line is the innermost
    if (top == "" && line !~ /\/lib\/python/) top = here          # a dump: the first that is not Python's own
    if (dump == "fatal" ? current : line ~ / in application$/ && top !~ / in play$/) spot = top
}

BEGIN {
    other = game == "steps" ? "mocean" : "steps"
    unit["mocean"] = "mocean.service|Mocean, an ocean"
    unit["steps"] = "steps.service|Steps, a ladder"
    title["mocean"] = "Mocean"; title["steps"] = "Steps"
    on_purpose = "Stopped on purpose: " typed("stop") ", a restart, or the VM going down."
    upgrade = "An upgrade: setup_vm.sh has renewed the service, and started it again."
}

# --- each line: what it says without its date, and whether systemd says it -----------------------------------------

!/^-- / {
    when = $1 " " $2 " " $3; before = line
    line = $0; sub(/^[^:]*:[^:]*:[^:]*: /, "", line)
    systemd = $5 ~ /^systemd\[/
}

# --- the other game, and the VM itself -----------------------------------------------------------------------------

/^-- (Boot|Reboot)/ {
    if (halted == "" && up)
        tell("The VM went down without a goodbye: the power, a crash, a hard reset.",
             "What was answered in its last second may be lost, nothing else.")
    settle("The VM was shut down, or started anew."); up = ""
    next
}
systemd && line ~ unit[other] && line !~ unit[game] {
    if (line ~ /^Starting /) settle(title[other] " took over: there is one port, and " other "_start was typed.")
    next
}
$5 ~ "^" other "\\[" { next }
systemd && line ~ /^Starting /                    { settle(purpose) }
systemd && line ~ /^(Starting|Reloading) /        { split("", rode) }
systemd && line ~ /^Started /                     { up = 1; renewed = 0 }
$5 ~ /^setup_vm\[/                                { renewed = 1 }

# --- the signs: Python's, uWSGI's, the game's ----------------------------------------------------------------------

line ~ /^\*\*\* Starting uWSGI/                { clue = spot = fatal = loop = port = cannot = crash = dump = killed = "" }

line ~ /^Fatal Python error: /                 { fatal = line; dump = "fatal"; spot = ""; sub(/^[^:]*: /, "", fatal) }
line ~ /^Timeout \(0:/                         { loop = 1; dump = "timeout"; spot = "" }
line ~ /^(Current t|T)hread 0x/                { top = ""; current = line ~ /^C/ }
line ~ /^Traceback / {                         # what it is about, is said right before it: nobody can fake two lines
    dump = bug = rider = spot = ""
    if (before ~ / met a bug:$|^steps: .* broke:$|^data: unexpected, at/) bug = 1
    if (before ~ /[a-z_]+\.py cannot ride along:$/) {
        rider = before; sub(/ cannot ride along:$/, "", rider); sub(/.*[^a-z_.]/, "", rider)
    }
}
line ~ /^ *File "/                             { frame() }

line ~ /^[A-Z][a-z][a-z] .*HARAKIRI ON WORKER/ { loop = 1; spot = "" }
line ~ /^[A-Z][a-z][a-z] .*HARAKIRI \[core/    { spot = line; sub(/.* - [A-Z]* /, "", spot); sub(/[? ].*/, "", spot) }
line ~ /^bind\(\): Address already in use/     { port = 1 }
line ~ /^!!! uWSGI process/                    { crash = line; sub(/.* got /, "", crash); sub(/ *!!!$/, "", crash) }
line ~ /^failed to open python file/           { clue = "there is no such file"; spot = "" }
line ~ /^[^ ]*(uwsgi|python[0-9.]*): .*option/ { clue = line; sub(/^[^:]*: /, "", clue) }

line ~ /^([Mm]ocean|steps) cannot start: /     { cannot = line; sub(/^[^:]*: /, "", cannot) }
line ~ /^unable to find "application" callable/ { clue = "there is no application in it"; spot = "" }
line ~ /^KeyboardInterrupt$/                   { clue = "reading it did not end (an endless loop?)" }
line ~ /^[A-Za-z_.]+(: |$)/ && line !~ /^(steps|data): / && \
        (bug || rider != "" || line ~ /^[A-Za-z_.]*(Error|Exception|Exit)/) {
    clue = line
    if (bug) met_bug()
    if (rider != "") { cannot_ride(); rider = clue = spot = "" }
}

# --- what systemd says ---------------------------------------------------------------------------------------------

systemd && /[:\]] Reloading /           { clue = spot = dump = cannot = fell = "" }
systemd && /Reload operation timed out/ { clue = "reading it did not end (an endless loop?)" }
systemd && /Reload failed/ && !fell {          # else it was read, and ended then: that is told already
    tell("A reload was refused: " (clue == "" ? cannot : clue) in_brackets(spot) ". The old " game ".py plays on.",
         "Mend it, and then: " typed("reload"))
}
systemd && /status=217\/USER/ {
    tell("The unit names a user who does not exist (User=).", anew())
}
systemd && /status=200\/CHDIR/ {
    tell("The unit names a folder that is not there (WorkingDirectory=).", anew())
}
systemd && /killed by the OOM killer/ {
    tell("Out of memory: the kernel killed a process that wanted more than MemoryMax.",
         "A route keeps too much." last_calls())
}

# --- what happened, and the game went on ---------------------------------------------------------------------------

line ~ /^[Rr]espawned uWSGI http/ {
    tell("The router, which talks to the browsers, was killed; a new one took over.", "Nothing is lost.")
}
line ~ /^[^ ]+ \/[^ ?:]+(\?.*)?: 503 the disk of the server is full.*; nothing has changed, tell your teacher$/ ||
line ~ /^the disk refuses: |^no fresh state file could be written: |^steps: .* written down: / {
    tell("The disk is full or broken: calls that change something were refused.",
         "Nothing is lost. mocean_doctor says how much is free, and what to do.")
}
line ~ /^data: cannot write / {
    tell("What the players measure could not be written down. The game went on.",
         "The latest of it waits in memory. mocean_doctor says how much is free, and what to do.")
}
line ~ /^(steps: )?[a-z.]+ cannot be read \(/ {
    tell(line, line ~ /^season/ ? "The season begins anew; the broken file is kept." : \
        "The last good copy was used; the broken file is kept.")
}

# --- what ended ----------------------------------------------------------------------------------------------------

!systemd && line ~ /^[^ ]+ (asked|joined|came|quit|says|found|rode|used|\/|[a-z]+\?)/ { call[++calls] = line }
line ~ /^DAMN ! worker/                                   { worker(); loop = fatal = dump = "" }
killed && line ~ /^run [0-9]+ began .* the last thing that happened was: / {       # calls that go well have no line
    sub(/.*: /, "", line); todo = todo "\n                   and the last call that was done: " line; killed = 0
}
# A rule that prints without an end of line: uWSGI's words stand behind it; the next line is uWSGI's own again.
line ~ /^[Rr]espawned uWSGI worker/ && before ~ /.DAMN ! worker [0-9]+ \(pid: [0-9]+\) died/ {
    line = before; worker(); loop = fatal = dump = ""
}
!systemd && line ~ "^" game " halted: systemd says"       { ended(); clue = spot = port = cannot = crash = "" }
