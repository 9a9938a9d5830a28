#!/bin/bash
# From an empty Ubuntu or Debian to a running game. As the machine's own user (ubuntu), in the clone of this project:
#
#     bash ~/mocean/setup_vm.sh
#
# and for a name and https (docs/https.md), once:
#
#     bash ~/mocean/setup_vm.sh --front club.example
#
# Run it again after `git pull` (that is an upgrade), or whenever something seems amiss: what is already right is
# left alone, the ocean above all. docs/server.md does the same step by step, and says what one sees.
set -euo pipefail
umask 022

project=$(dirname "$(readlink -f "$0")")
env=~/miniconda/envs/mocean-env

say() { printf '\n== %s\n' "$*"; }
stop() { printf '\n!! %s\n' "$*" >&2; exit 1; }

case ${1:-} in
    --front) front=${2:-};;
    '')      front=$(cat /etc/nginx/mocean/name 2>/dev/null || echo none);;
    *)       stop "That is not known here: $1. There is --front NAME, and nothing else.";;
esac
[ "$front" = none ] || bash "$project/front.sh" "$front" --check

packages() {                            # installs those that are not there
    local package missing=() wait=DPkg::Lock::Timeout=300
    for package; do dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package"); done
    [ ${#missing[@]} != 0 ] || return 0
    # A VM that has just been switched on is busy with its own updates: wait for them, up to five minutes.
    for turn in $(seq 30); do
        if sudo apt-get update -qq -o $wait; then break; fi
        echo "apt is not ready yet (turn $turn of 30): again in ten seconds"; sleep 10
    done
    sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o $wait "${missing[@]}" ||
        stop "The packages ${missing[*]} could not be installed: the lines above say why. Then run this again."
}

[ "$(id -u)" != 0 ] || stop "Run this as the VM's user (ubuntu), without sudo: it asks for sudo where it needs it.
   Where there is no user but root: adduser ubuntu; adduser ubuntu sudo; su - ubuntu; and clone the project there."
sudo -n true 2>/dev/null || sudo -v || stop "This user may not use sudo; the VM's first user may. (A Debian where nobody may:
   su -, then apt-get install sudo; adduser $(id -un) sudo; and log in anew.)"

say "1. What the system needs: git, curl, Python's venv"
packages git curl python3-venv
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
    stop "$("$python" --version) is too old: the game needs Python 3.10, which Ubuntu 22.04 and Debian 12 have."

say "2. The environment: $env"
if [ -x ~/miniconda/bin/conda ]; then
    verb=create; [ ! -e "$env" ] || verb=update
    ~/miniconda/bin/conda env "$verb" -q -n mocean-env -f "$project/environment.yml"
else
    # Half an environment (it was interrupted, or made without pip) is made anew.
    "$env/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$env"
    fetch() {
        "$env/bin/python" -m pip install -q --disable-pip-version-check -r "$project/requirements-vm.txt" "$@"
    }
    if ! said=$(fetch --only-binary pyuwsgi 2>&1); then
        case $said in
            *'No matching distribution found for pyuwsgi'*) ;;
            *) stop "$said";;
        esac
        echo "There is no ready-made uWSGI for this machine ($(uname -m), $("$python" --version)): it is compiled now," \
            "which takes a few minutes."
        packages build-essential python3-dev libpcre2-dev          # without pcre, uWSGI lacks --route-run
        fetch || stop "uWSGI could not be compiled: the lines above say why. Then run this again."
    fi
fi
# Steps uses the same packages: one environment, two names.
[ -e ~/miniconda/envs/steps-env ] || ln -s mocean-env ~/miniconda/envs/steps-env
"$env/bin/uwsgi" --version

say "3. The programs, in your home: links to $project"
for file in steps.py mocean.py data.py captain.py; do
    [ -e "$project/$file" ] || continue
    if [ -e ~/"$file" ] && [ ! -L ~/"$file" ]; then
        echo "$HOME/$file is a file of your own: left as it is. (Remove it and run this again for the project's.)"
    else
        ln -sfn "$project/$file" ~/"$file"
    fi
done
# Python for browsers, which /code runs. Without it a browser fetches it from the internet by itself.
"$env/bin/python" "$project/clients/get_pyodide.py" || true

say "4. The words that a teacher types: mocean_start, mocean_why, ..."
touch ~/.bash_aliases
grep -qF "$project/bash_aliases" ~/.bash_aliases || echo ". '$project/bash_aliases'" >> ~/.bash_aliases
grep -qs bash_aliases ~/.bashrc || echo '. ~/.bash_aliases' >> ~/.bashrc         # Debian and Ubuntu have it there

say "5. The captain's key, for you only, in $HOME/mocean.env"
changed=no
if ! grep -qs '^MOCEAN_CAPTAIN=' ~/mocean.env; then
    # shellcheck disable=SC1091
    (umask 077; . "$project/bash_aliases"; _new_key >> ~/mocean.env)
    changed=yes                         # the game reads it when it starts
fi
chmod 600 ~/mocean.env

say "6. The services"
ocean_changed=no door_changed=no
for unit in steps.service mocean.service mocean@.service mocean@.socket mocean-backup.service mocean-backup.timer; do
    new=$(mktemp)
    sed "s:/home/ubuntu/mocean/:$project/:g; s:/home/ubuntu:$HOME:g; s/^\(Socket\)\?User=ubuntu/\1User=$(id -un)/" \
        "$project/$unit" > "$new"
    if ! cmp -s "$new" "/etc/systemd/system/$unit"; then
        sudo install -m 644 "$new" "/etc/systemd/system/$unit"
        case $unit in
            mocean@.service) ocean_changed=yes;;
            mocean@.socket)  door_changed=yes;;
            steps*|mocean.*) changed=yes;;
        esac
    fi
    rm "$new"
done
sudo systemctl daemon-reload
# In the weeks of Steps: what starts with the machine, and what runs, stays as it is.
systemctl is-enabled --quiet steps || sudo systemctl enable --quiet mocean
sudo systemctl enable --quiet --now mocean-backup.timer

say "7. The game"
tell_why() {                            # a word for mocean_why, before a restart
    printf '%s\n' "MESSAGE=setup_vm.sh renews $1" SYSLOG_IDENTIFIER=setup_vm "SYSLOG_PID=$$" \
        "OBJECT_SYSTEMD_UNIT=$1.service" | sudo logger --journald || true
}
game=mocean page=health
if systemctl is-active --quiet steps; then game=steps page=steps; fi
verb=restart
if [ $changed = no ] && systemctl is-active --quiet $game; then verb=reload; fi
[ $verb = reload ] || tell_why $game
sudo systemctl $verb $game || stop "The $verb of $game failed. In a new terminal, ${game}_why says why."
curl --noproxy '*' -fsS http://localhost:8080/$page && echo
# The oceans beside it, if there are any (docs/classes.md).
for ocean in /etc/systemd/system/multi-user.target.wants/mocean@*.service; do
    [ -e "$ocean" ] || continue
    unit=$(basename "$ocean" .service)
    [ $door_changed = no ] || sudo systemctl restart "$unit.socket"
    verb=restart
    if [ $ocean_changed = no ] && systemctl is-active --quiet "$unit"; then verb=reload; fi
    [ $verb = reload ] || tell_why "$unit"
    sudo systemctl $verb "$unit" ||
        echo "!! The $verb of $unit failed. In a new terminal, mocean_why ${unit#*@} says why."
done
if [ "$front" != none ]; then
    say "8. The front: a name, and https"
    packages nginx certbot
    bash "$project/front.sh" "$front"
fi
say "Done. Open a new terminal (or: . ~/.bashrc), and type mocean_doctor; mocean_captain shows the deck."
