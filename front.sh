#!/bin/bash
# The front: nginx before all oceans, on ports 80 and 443, with a certificate. It is called by
#
#     bash ~/mocean/setup_vm.sh --front club.example
#
# where club.example is the club's own name, and leads to this machine. Run it again when a certificate has not come,
# or an ocean has got a name of its own (tuesday.club.example): what is right is left alone. docs/https.md says more.
set -euo pipefail
umask 022

project=$(dirname "$(readlink -f "$0")")
club=${1:-}
# shellcheck disable=SC1091
. "$project/bash_aliases"               # for _oceans
folder=/etc/nginx/mocean
site=/etc/nginx/sites-available/mocean
proof=/var/www/mocean                                   # where the issuer of certificates finds what it asks for
certificate=/etc/letsencrypt/live/mocean
enabled=/etc/nginx/sites-enabled

stop() { printf '\n!! %s\n' "$*" >&2; exit 1; }

[[ $club =~ ^[a-z0-9-]+(\.[a-z0-9-]+)+$ ]] ||
    stop "The front needs the club's own name, in small letters: bash ~/mocean/setup_vm.sh --front club.example"
[ "${2:-}" != --check ] || exit 0       # setup_vm.sh asks before it begins

oceans() {                              # the names of all that start with this machine, or have a line in machines.map
    _oceans
    sed -n 's/^\([a-z][a-z0-9-]*\) .*;.*/\1/p' $folder/machines.map
}

doors() {                               # the ports: 443 only with a certificate, IPv6 only where there is such a thing
    local address addresses=''
    ! grep -qs . /proc/net/if_inet6 || addresses='[::]:'
    for address in '' $addresses; do
        echo "listen ${address}80 default_server;"
        ! certified || echo "listen ${address}443 ssl http2 default_server;"
    done
    ! certified || cat <<DOOR
ssl_certificate $certificate/fullchain.pem;
ssl_certificate_key $certificate/privkey.pem;
ssl_session_cache shared:mocean:1m;
ssl_session_timeout 1h;
DOOR
}

certified() { sudo test -e $certificate/fullchain.pem; }

written=()
put() {                                 # standard input into a file, if it is new; what was there is kept beside it
    local new; new=$(cat)
    [ "$new" != "$(cat "$1" 2>/dev/null)" ] || return 0
    written+=("$1")
    if [ -e "$1" ]; then sudo cp "$1" "$1.before"; else sudo rm -f "$1.before"; fi
    echo "$new" | sudo tee "$1" >/dev/null
}

configure() {                           # what nginx does not like is taken back: the front stays as it was
    sudo mkdir -p $folder $proof
    [ -e $folder/machines.map ] || put $folder/machines.map <<'MAP'
# Oceans that are at no socket of this machine, a line for each:
# NAME ADDRESS:PORT;        and then: sudo systemctl reload nginx
mocean 127.0.0.1:8080;
MAP
    put $folder/name <<< "$club"                        # for the next upgrade
    put $folder/doors.conf < <(doors)
    put $site < <(sed "s/club\\\\\.example/${club//./\\\\.}/g; s/club\.example/$club/g" "$project/front.conf")
    sudo ln -sfn $site $enabled/mocean
    welcome=$(readlink $enabled/default) && sudo rm $enabled/default        # "Welcome to nginx!", at our ports
    sudo nginx -t -q || take_back
    sudo systemctl enable --quiet nginx
    if [ ${#written[@]} != 0 ] || ! systemctl is-active --quiet nginx; then
        sudo systemctl reload-or-restart nginx || stop "nginx does not start: systemctl status nginx says why."
    fi
    written=()
}

take_back() {
    local file
    for file in "${written[@]}"; do
        if [ -e "$file.before" ]; then sudo mv "$file.before" "$file"; else sudo rm -f "$file"; fi
    done
    [ -e $site ] || sudo rm -f $enabled/mocean
    [ -z "$welcome" ] || sudo ln -s "$welcome" $enabled/default
    stop "nginx does not like it, the line above says why. The front is as it was before."
}

answers() {                             # does the front itself answer, by this scheme? A reload takes it a moment
    local port=80 turn; [ "$1" = http ] || port=443
    for turn in $(seq 50); do
        ! curl -sk --noproxy '*' -m 5 --resolve "$club:$port:127.0.0.1" "$1://$club/" | grep -q 'no ocean' || return 0
        sleep 0.1
    done
    echo "The front does not answer by $1:// after $turn looks."; return 1
}

certify() {                             # for the club's name, and for its oceans' own names, where they lead here
    local ocean said names=(-d "$club")
    if certified && ! leads_here "$club"; then          # else the oceans' names would be gone from it
        echo "$club does not lead to this machine just now: the certificate stays as it is."
        return
    fi
    for ocean in $(oceans); do
        ! leads_here "$ocean.$club" || names+=(-d "$ocean.$club")
    done
    if said=$(sudo certbot certonly -n --agree-tos --register-unsafely-without-email --cert-name mocean \
            --keep-until-expiring --renew-with-new-domains \
            --webroot -w $proof --deploy-hook 'systemctl reload nginx' "${names[@]}" 2>&1); then
        sudo systemctl enable --quiet --now certbot.timer           # looks twice a day, renews a month before the end
    else
        echo "$said"
        echo "There is no new certificate: the lines above say why. Mostly $club does not lead to this machine,"
        echo "or port 80 is closed in the cloud's firewall. http:// works meanwhile. Mend it, and run this again."
    fi
}

leads_here() {                          # asks for a word that was just written, as the issuer will
    local word=$RANDOM-$RANDOM place=.well-known/acme-challenge/here
    sudo mkdir -p $proof/${place%/*}
    echo $word | sudo tee $proof/$place >/dev/null
    [ "$(curl -s --noproxy '*' -m 5 "http://$1/$place")" = $word ]
}

tell() {                                # which oceans answer through the front
    local ocean scheme schemes=http status
    ! certified || schemes='http https'
    for ocean in $(oceans); do
        for scheme in $schemes; do
            status=$(curl -sk --noproxy '*' -m 5 -o /dev/null -w '%{http_code}' "$scheme://$club/$ocean/" \
                --resolve "$club:80:127.0.0.1" --resolve "$club:443:127.0.0.1") || true
            [ "$status" = 200 ] && status=answers || status="does not answer now"
            echo "$scheme://$club/$ocean/ $status"
        done
    done
}

configure
answers http || stop "systemctl status nginx says more."
certify
configure                               # once more, with port 443, if there is a certificate now
! certified || answers https || stop "systemctl status nginx says more."
tell
