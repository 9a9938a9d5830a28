"""A front for the tests: nginx in the lab, before two oceans, with a certificate; and who goes through it."""
import collections
import contextlib
import html
import http.client
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse

import pytest
from conftest import ROOT, Answer, join, place, poll
from lab import Lab

CLUB = 'club.example'
OCEANS = 'tuesday', 'wednesday'
KEY = 'the-captain-of-tuesday'
COPIED = 'cd /; tar --exclude backups -cf - home/ubuntu etc/systemd/system/{steps,mocean}*.*'     # to a second machine
BASES = [f'{scheme}://{where}' for scheme in ('http', 'https') for where in (f'{CLUB}/tuesday', f'tuesday.{CLUB}')]

# Let's Encrypt's own server for tests, and a name server, in the lab. Only certbot's settings know of them.
ISSUER = '''
mkdir -p /srv/pebble /etc/letsencrypt; cd /srv/pebble
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost 2>/dev/null
cat cert.pem >> /etc/ssl/certs/ca-certificates.crt
echo '{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000", "httpPort": 80,
    "tlsPort": 443, "certificate": "/srv/pebble/cert.pem", "privateKey": "/srv/pebble/key.pem"}}' > config.json
systemd-run -q -u names pebble-challtestsrv -defaultIPv6= -defaultIPv4 127.0.0.1 -http01= -https01= -tlsalpn01=
systemd-run -q -u pebble -E PEBBLE_VA_NOSLEEP=1 -E PEBBLE_WFE_NONCEREJECT=0 \
    pebble -config /srv/pebble/config.json -dnsserver 127.0.0.1:8053
echo 'server = https://localhost:14000/dir' > /etc/letsencrypt/cli.ini
curl -s --retry 50 --retry-delay 0 --retry-connrefused --cacert cert.pem https://localhost:15000/roots/0
'''
GONE = '''
systemctl disable --now -q nginx certbot.timer; systemctl stop names pebble || true
rm -rf /etc/nginx/mocean /etc/nginx/sites-*/mocean* /etc/letsencrypt /var/lib/mocean-*
rm -rf /home/ubuntu/mocean-*.env /home/ubuntu/backups /home/ubuntu/evil.py
sed -i /club.example/d /etc/hosts
'''


class Front:
    """The front, asked by name from inside the lab's network."""

    def __init__(self, lab):
        self.lab = lab
        self.trust = ssl.create_default_context()

    def connect(self, url, timeout=30):
        there = urllib.parse.urlsplit(url)
        if there.scheme == 'https':
            return http.client.HTTPSConnection(there.netloc, timeout=timeout, context=self.trust)
        return http.client.HTTPConnection(there.netloc, timeout=timeout)

    def ask(self, url, method='GET', headers=None, body=None, timeout=30):
        with contextlib.closing(self.connect(url, timeout)) as connection:
            return asked(connection, url, method, headers, body)

    def say(self, base):
        """For the words of conftest: join(front.say(base), 'ada')."""
        return lambda path: self.ask(base + path)

    def raw(self, request, port=80, timeout=15):
        """What comes back for these very bytes, until it hangs up."""
        with socket.create_connection(('127.0.0.1', port), timeout) as line:
            line.sendall(request)
            return b''.join(iter(lambda: line.recv(65536), b''))

    def answers(self, ocean):
        return poll(lambda: self.ask(f'http://{CLUB}/{ocean}/health').status == 200, 30)


def asked(connection, url, method='GET', headers=None, body=None):
    there = urllib.parse.urlsplit(url)
    connection.request(method, (there.path or '/') + (f'?{there.query}' if there.query else ''), body, headers or {})
    reply = connection.getresponse()
    content = reply.read().decode(errors='replace').encode()            # a picture, for one, is no text
    return Answer.of(reply.status, reply.getheaders(), content)


@contextlib.contextmanager
def known_names():
    """The club's names lead to the lab, as a name server would have it."""
    real = socket.getaddrinfo
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, 'getaddrinfo', lambda host, *rest, **more: real(
            '127.0.0.1' if str(host).endswith(CLUB) else host, *rest, **more))
        yield


@pytest.fixture(scope='module')
def front(lab):
    """nginx before the oceans tuesday and wednesday: first without an issuer of certificates, then with one."""
    with known_names(), lab.network():
        try:
            lab.sh(f'echo 127.0.0.1 {CLUB} tuesday.{CLUB} >> /etc/hosts; echo 192.0.2.1 wednesday.{CLUB} >> /etc/hosts')
            lab.put('/home/ubuntu/mocean-tuesday.env', f'MOCEAN_CAPTAIN={KEY}\n')
            front = Front(lab)
            front.first = lab.setup(f'--front {CLUB}')
            front.plain = front.ask(f'http://{CLUB}/mocean/mvoe')
            front.new = [lab.user(f'mocean_new {ocean}') for ocean in OCEANS]
            front.trust.load_verify_locations(cadata=lab.sh(ISSUER))
            front.second = lab.user(f'bash ~/mocean/front.sh {CLUB}')
            yield front
        finally:
            lab.user('; '.join(f'mocean_end {ocean}' for ocean in OCEANS), check=False)
            lab.sh(GONE)


def carry(first, second, out, into):
    """What a command of the first machine writes, a command of the second one reads, as through scp."""
    script = ROOT / 'tests' / 'systemd_lab.sh'
    with subprocess.Popen([script, 'sh', out], env={**os.environ, 'LAB': first.name}, stdout=subprocess.PIPE) as pipe:
        subprocess.run([script, 'sh', into], env={**os.environ, 'LAB': second.name}, stdin=pipe.stdout, check=True)
    assert pipe.returncode == 0


@contextlib.contextmanager
def second_machine(first):
    """A lab more, with the first one's programs, and a cable between them: 10.77.0.1 and 10.77.0.2."""
    second = Lab(first.folder)
    second.name += '-second'
    try:
        assert second.script('up').returncode == 0
        carry(first, second, COPIED, 'tar -C / -xf -')
        second.sh('systemctl daemon-reload')
        subprocess.run(['ip', 'link', 'add', 'cable', 'netns', first.pid, 'type', 'veth',
                        'peer', 'name', 'cable', 'netns', second.pid], check=True)
        for number, lab in enumerate([first, second], 1):
            lab.sh(f'ip address add 10.77.0.{number}/24 dev cable; ip link set cable up')
        yield second
    finally:
        second.down()


class Player(threading.Thread):
    """A boat that sails east and looks where it is, over one connection, until it is told to stop."""

    def __init__(self, front, base, name):
        super().__init__(daemon=True)
        self.front, self.base, self.name, self.stopped = front, base, name, threading.Event()
        self.id = join(front.say(base), name)
        self.x = int(place(front.say(base), self.id)[0])
        self.moved, self.calls, self.failed, self.longest_s = 0, 0, [], 0
        self.connection = front.connect(base)

    def ask(self, url):
        try:
            return asked(self.connection, url)
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return Answer.of(0, {}, repr(error).encode())

    def call(self, path):
        """Once, whatever comes; a call that failed is not made again."""
        began = time.monotonic()
        reply = self.ask(self.base + path)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        self.calls += 1
        if reply.status != 200:
            self.failed.append(reply)
            self.stopped.wait(0.2)
        return reply.status == 200

    def run(self):
        while not self.stopped.is_set():
            self.moved += self.call(f'/move?id={self.id}&heading=east')
            for _ in range(8):
                self.call(f'/location?id={self.id}')
        self.connection.close()

    def sailed(self):
        """How far the boat has come, as the ocean has it."""
        return (int(place(self.front.say(self.base), self.id)[0]) - self.x) % 600


@contextlib.contextmanager
def playing(front, kind=Player, **crews):
    """So many players a base, playing meanwhile: playing(front, Ann=(base, 8)) are Ann0, Ann1, ..."""
    players = [kind(front, base, f'{word}{number}')
               for word, (base, count) in crews.items() for number in range(count)]
    for player in players:
        player.start()
    try:
        yield players
    finally:
        for player in players:
            player.stopped.set()
        for player in players:
            player.join(60)


LINK = re.compile(r'''(?:href|src|action)=["']?([^"'>\s]+)|(https?://[^\s"'<>\\)`,]+)''')


def links(url, reply):
    """The addresses in a page, a text or a JSON, whole."""
    for attribute, written in LINK.findall(html.unescape(reply)):
        yield urllib.parse.urljoin(url, attribute or written.rstrip('.;:'))


def crawl(front, base, begin, headers, most=5000):
    """Follow each link once that is the ocean's: the addresses of this machine that are outside of `base`, by page.
    What scripts ask for is seen in a browser."""
    waiting, seen, outside = collections.deque(f'{base}{path}' for path in begin), set(), {}
    with contextlib.closing(front.connect(base)) as connection:
        while waiting and len(seen) < most:
            url = waiting.popleft().partition('#')[0]
            if url in seen or re.search(r'/quit|order=|\.(wasm|zip|js)$', url):
                continue
            seen.add(url)
            reply = asked(connection, url, headers=headers)
            for link in links(url, f'{reply} <a href="{reply.headers.get("Location", base)}">'):
                if re.match(rf'{re.escape(base)}([/?]|$)', link):
                    waiting.append(link)
                elif re.search(rf'({CLUB}|^localhost|^127\.0\.0\.1)$', urllib.parse.urlsplit(link).hostname or ''):
                    outside[url] = link
    return seen, outside
