"""The front on a real systemd: nginx before several oceans, a name, https, a prefix; and an ocean that moves away."""
import contextlib
import re
import socket
import struct
import threading

import pytest
from browser import chromium
from conftest import ROOT, free_port, join, poll
from front import BASES, CLUB, KEY, carry, crawl, playing, second_machine

pytestmark = pytest.mark.systemd
PAGE = (ROOT / 'docs' / 'https.md').read_text()
FORMS = {'page': {'Accept': 'text/html'}, 'text': {}, 'json': {'Accept': 'application/json'}}


def certificate(front):
    """Number and names of the certificate that nginx shows now."""
    with socket.create_connection((CLUB, 443), 10) as line, front.trust.wrap_socket(line, server_hostname=CLUB) as tls:
        shown = tls.getpeercert()
        return shown['serialNumber'], sorted(name for _, name in shown['subjectAltName'])


# ---------------------------------------------------------------- setting it up


def test_without_a_certificate_port_80_works_and_the_script_says_so(front):
    shown = PAGE.partition('There is no new')[2].partition('```')[0]
    assert f'There is no new{shown}' in front.first and f'https://{CLUB}' not in front.first
    assert f'http://{CLUB}/mocean/ answers' in front.first
    assert front.plain.lines[1] == f'try: http://{CLUB}/mocean/join?name=ada'


def test_a_new_ocean_is_found_at_once(front):
    page = (ROOT / 'docs' / 'classes.md').read_text()
    for ocean, said in zip(('tuesday', 'wednesday'), front.new, strict=True):
        assert f'$ mocean_new {ocean}\n{said}\n'.replace(ocean, 'tuesday') in page


def test_with_one_443_works_beside_80(front):
    shown = PAGE.partition('== 8. The front: a name, and https\n')[2].partition('```')[0]
    assert front.second.endswith(shown.rstrip()) and shown.count('https://') == 3
    for base in BASES:
        reply = front.ask(f'{base}/health')
        assert reply.status == 200 and 'Strict-Transport-Security' not in reply.headers
        assert front.ask(f'{base}/mvoe').lines[1] == f'try: {base}/join?name=ada'
        assert 'message: a b+c&é%' in front.ask(f'{base}/steps?message=a%20b%2Bc%26%C3%A9%25')
    assert front.ask(f'https://{CLUB}/mocean/mvoe').lines[1] == f'try: https://{CLUB}/mocean/join?name=ada'
    assert front.ask(f'http://{CLUB}/tuesday?format=json').headers['Location'] == '/tuesday/?format=json'


def test_a_name_that_leads_elsewhere_spoils_no_certificate(front):
    assert certificate(front)[1] == [CLUB, f'tuesday.{CLUB}']        # wednesday's leads to 192.0.2.1


def test_a_third_time_changes_nothing(front):
    lines = "sed -i 's/^mocean /# mocean /' /etc/nginx/mocean/machines.map"
    files = f'{lines}; cd /etc/nginx; cat sites-enabled/* mocean/*[^e]; ls -l /etc/letsencrypt/archive/mocean'
    before, shown = front.lab.sh(files), certificate(front)
    try:
        said = front.lab.user(f'bash ~/mocean/front.sh {CLUB}')
        assert 'no new certificate' not in said and f'{CLUB}/mocean/' not in said      # the teacher's own line stays
        assert front.lab.sh(files) == before and certificate(front) == shown
    finally:
        front.lab.sh("sed -i 's/^# mocean /mocean /' /etc/nginx/mocean/machines.map; systemctl reload nginx")


def test_what_nginx_does_not_like_is_taken_back(front):
    front.lab.sh('cp /home/ubuntu/mocean/front.conf /srv; echo "}" >> /home/ubuntu/mocean/front.conf')
    try:
        assert 'The front is as it was before' in front.lab.fails(f'bash ~/mocean/front.sh {CLUB}')
        assert front.lab.sh('nginx -t 2>&1').endswith('test is successful')
    finally:
        front.lab.sh('cp /srv/front.conf /home/ubuntu/mocean')


def test_a_name_that_is_none_is_refused_before_anything_begins(front):
    for name in 'club', 'Club.example', 'club.example/x', '':
        assert "needs the club's own name" in front.lab.fails(f"bash ~/mocean/front.sh '{name}'")
        said = front.lab.fails(f"bash ~/mocean/setup_vm.sh --front '{name}'")
        assert "needs the club's own name" in said and '== 1.' not in said


def test_while_no_name_can_be_found_the_certificate_stays(front):
    """The oceans' own names too: an upgrade at such a moment would lose them."""
    shown = certificate(front)
    front.lab.sh(f'cp /etc/hosts /srv; echo 192.0.2.1 {CLUB} tuesday.{CLUB} > /etc/hosts')
    try:
        said = front.lab.user(f'bash ~/mocean/front.sh {CLUB}')
        assert f'{CLUB} does not lead to this machine just now: the certificate stays as it is' in said
        assert certificate(front) == shown
    finally:
        front.lab.sh('cat /srv/hosts > /etc/hosts')


def test_the_certificate_is_renewed_while_all_play(front):
    number, names = certificate(front)
    assert front.lab.sh('systemctl is-active certbot.timer') == 'active'
    with playing(front, Renew=(BASES[1], 2)) as players:
        front.lab.sh('certbot renew -q --force-renewal --no-random-sleep-on-renew')
        poll(lambda: certificate(front)[0] != number)
    assert certificate(front)[1] == names
    dry = re.search(r'^(sudo certbot .*)', PAGE, re.M)[1]
    assert 'all simulated renewals succeeded' in front.lab.user(f'{dry} --no-random-sleep-on-renew')      # no terminal
    for player in players:
        nothing_is_lost(player)


def nothing_is_lost(player, *statuses):
    """Each of its calls was answered, or refused with one of these; and nginx hung up on it once at most: when it reads
    its files anew, it does so where nothing is under way. The boat is where the answered moves have brought it, or
    further, by moves that got no answer."""
    failed = [reply.status for reply in player.failed]
    assert set(failed) <= {0, *statuses} and failed.count(0) <= 1, player.name
    assert 0 <= player.sailed() - player.moved % 600 <= len(failed), player.name


# ---------------------------------------------------------------- links


@pytest.mark.parametrize('base', BASES)
def test_no_link_leaves_its_scheme_its_name_or_its_prefix(front, base):
    id = join(front.say(base), f'Link{"abcd"[BASES.index(base)]}')
    document = front.ask(f'{base}/openapi.json').json()
    assert [server['url'] for server in document['servers']] == [base]
    pages = ['/', '/steps', '/progress', '/erddap/index.html', '/captain', '/code', '/map', '/mvoe']
    calls = [f'{path}{query}' for path in document['paths'] for query in ('', '?nmae=ada', f'?id={id}', f'?id={id}&n=')]
    for form in FORMS if base in (BASES[0], BASES[3]) else ['text']:
        seen, outside = crawl(front, base, [*pages, *calls], FORMS[form])
        assert outside == {} and len(seen) > 100, form


def test_the_captains_cookie_stays_in_its_ocean(front):
    for base, path in (BASES[0], '/tuesday/captain'), (BASES[2], '/tuesday/captain'), (BASES[3], '/captain'):
        reply = front.ask(f'{base}/captain?key={KEY}', headers=FORMS['page'])
        cookie, *rest = reply.headers['Set-Cookie'].split('; ')
        assert f'Path={path}' in rest and reply.headers['Location'] == f'{base}/captain'
        inside = {**FORMS['page'], 'Cookie': cookie}
        assert "The captain's deck" in front.ask(f'{base}/captain', headers=inside)
        assert crawl(front, base, ['/captain'], inside)[1] == {}


def test_what_comes_from_outside_about_the_way_does_not_count(front):
    told = {'X-Forwarded-Prefix': '/evil', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example'}
    for base in BASES:
        assert front.ask(f'{base}/mvoe', headers=told).lines[1].startswith(f'try: {base}/join?name=ada')


def test_a_browser_asks_for_nothing_outside_of_the_prefix(front):
    asked, complaints = [], []
    with chromium(f'--host-resolver-rules=MAP *.{CLUB} 127.0.0.1, MAP {CLUB} 127.0.0.1') as browser:
        for base in BASES[0], BASES[3]:
            page = browser.new_context(ignore_https_errors=True).new_page()
            page.on('request', lambda request: asked.append(request.url))
            page.on('pageerror', lambda error: complaints.append(str(error)))
            for path in 'map', 'code':
                asked.clear()
                with page.expect_request('**/chart*'):
                    page.goto(f'{base}/{path}')
                page.goto('about:blank')
                inside = [url for url in asked if url.startswith(f'{base}/')]
                assert [url for url in asked if CLUB in url] == inside and complaints == [], path


# ---------------------------------------------------------------- errors


@contextlib.contextmanager
def away(front, ocean):
    front.lab.sh(f'systemctl stop mocean@{ocean}.socket mocean@{ocean}')
    try:
        yield
    finally:
        front.lab.sh(f'systemctl start mocean@{ocean}')
        front.answers(ocean)


def test_while_an_ocean_is_away_the_front_says_so_in_the_one_form(front):
    words = 'the ocean wednesday does not answer just now; it may be starting again: wait 3 seconds'
    assert f'{words}\ntry: http://{CLUB}/wednesday/look?id=k7p2m3qx\n' in PAGE
    with away(front, 'wednesday'):
        for url in f'https://{CLUB}/wednesday/look?id=k7p2m3qx', f'http://wednesday.{CLUB}/':
            reply = front.ask(url)
            assert (reply.status, reply.lines) == (503, [words, f'try: {url}'])
            assert {'Retry-After': '3', 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8',
                    'Access-Control-Allow-Origin': '*'}.items() <= reply.headers.items()
        for call, headers in ('/?format=json', {}), ('/', FORMS['json']):
            url = f'http://wednesday.{CLUB}{call}'
            reply = front.ask(url, headers=headers)
            assert reply.json() == {'error': words, 'try': url, 'status': 503, 'wait_s': 3}
            assert reply.headers['Content-Type'] == 'application/json; charset=utf-8'
        for call in '/look?id="<b>', '/\\"', "/look?id='":                # nothing is repeated that could do harm
            reply = front.ask(f'http://wednesday.{CLUB}{call}', headers=FORMS['json'])
            assert reply.json()['try'] == f'http://{CLUB}/'
        assert front.ask(f'https://{CLUB}/tuesday/health').status == 200


@pytest.mark.parametrize('url', [
    f'http://{CLUB}/', f'https://{CLUB}/', f'http://{CLUB}/thursday/look?id=k7p2m3qx', f'http://thursday.{CLUB}/',
    f'https://{CLUB}/join?name=ada', f'http://{CLUB}/Tuesday/', f'http://{CLUB}/.mocean/error.text',
    f'http://{CLUB}/.well-known/acme-challenge/', f'http://{CLUB}/{"a" * 64}/'])
def test_where_no_ocean_is_the_front_says_how_to_find_one(front, url):
    words = f'there is no ocean of that name; addresses here begin {url.partition(":")[0]}://{CLUB}/NAME/ ' \
        'with the name of an ocean'
    reply = front.ask(url)
    assert (reply.status, reply, reply.headers['Cache-Control']) == (404, words, 'no-store')
    assert front.ask(url, headers=FORMS['json']).json() == {'error': words, 'status': 404}


def test_calls_that_are_none_get_one_sentence(front):
    host = f'Host: {CLUB}\r\n'
    for request, status, words in (
            (f'GET /tuesday/{"a" * 40_000} HTTP/1.1\r\n{host}\r\n', 414, 'that address is too long: 16,000 letters'),
            (f'GET /tuesday/ HTTP/1.1\r\n{host}X: {"a" * 40_000}\r\n\r\n', 400, 'that call cannot be read'),
            (f'GET /tuesday/?format=json HTTP/1.1\r\n{host}X: {"a" * 40_000}\r\n\r\n', 400, '{"error": "that call ca'),
            (f'GET /../tuesday/ HTTP/1.1\r\n{host}\r\n', 400, 'that call cannot be read'),
            (f'GET /%zz HTTP/1.1\r\n{host}\r\n', 400, 'that call cannot be read'),
            ('GET /tuesday/ HTTP/1.1\r\n\r\n', 400, 'that call cannot be read'),
            ('hello\r\n\r\n', 400, 'that call cannot be read')):
        head, _, body = front.raw(request.encode()).decode().partition('\r\n\r\n')
        assert re.match(rf'HTTP/1.1 {status} ', head) and body.startswith(words) and '<' not in body, (head, body)
    assert b'http:// should be https://' in front.raw(f'GET / HTTP/1.1\r\n{host}\r\n'.encode(), port=443)
    reply = front.ask(f'{BASES[0]}/mocean?{"a=b&" * 3998}', headers=FORMS['json'])         # 16,000 letters
    assert reply.status != 414 and reply.status < 500
    for size in 10, 200_000:
        reply = front.ask(f'{BASES[0]}/steps', method='POST', body='a' * size)
        assert (reply.status, reply.lines[0]) == (
            405, 'POST is not spoken here, only GET: requests.get(url, params={...})')
        assert reply.headers['Allow'] == 'GET, HEAD, OPTIONS'
    front.answers('tuesday')


# ---------------------------------------------------------------- many, slow, gone


def test_four_hundred_slow_clients_hold_up_nobody(front):
    halves = [b'GET /tuesday/health HTTP/1.1\r\nHost: club.exam'] * 400
    halves += [f'POST /tuesday/steps HTTP/1.1\r\nHost: {CLUB}\r\nContent-Length: 999\r\n\r\nabc'.encode()] * 30
    with contextlib.ExitStack() as stack:
        for half in halves:
            line = stack.enter_context(socket.create_connection((CLUB, 80), 10))
            line.sendall(half)
        with playing(front, Fast=(BASES[0], 4)) as players:
            poll(lambda: min(player.calls for player in players) > 100, 60)
    assert [player.failed for player in players] == [[]] * 4
    assert max(player.longest_s for player in players) < 5             # the slow ones are sent away after ten


def test_a_restart_a_reload_and_an_upgrade_lose_no_call(front):
    with playing(front, Restart=(BASES[2], 6), Upgrade=(BASES[1], 6)) as players:
        front.lab.sh('systemctl restart mocean@tuesday')
        front.lab.sh('systemctl reload mocean@tuesday')
        assert f'https://{CLUB}/tuesday/ answers' in front.lab.setup()                # it knows the club's name
        front.lab.sh('systemctl restart mocean@tuesday')
        poll(lambda: sum(player.calls for player in players) > 3000, 60)
    assert [player.failed for player in players] == [[]] * 12
    assert [player.sailed() for player in players] == [player.moved % 600 for player in players]


def test_one_ocean_is_killed_while_the_others_play(front):
    with playing(front, Kill=(BASES[2], 6), Other=(f'https://{CLUB}/wednesday', 6)) as players:
        for turn in range(2):
            poll(lambda turn=turn: min(player.moved for player in players) > 4 + 4 * turn, 60)
            master = front.lab.master('mocean@tuesday')
            front.lab.sh(f'kill -9 {master if turn else front.lab.sh(f"pgrep -P {master}")}')
            front.answers('tuesday')
        poll(lambda: min(player.moved for player in players) > 12, 60)
    killed, others = players[:6], players[6:]
    assert [player.failed for player in others] == [[]] * 6
    assert max(player.longest_s for player in others) < 3
    for player in killed:           # what was under way got a 503, done or not; if it was, the next may come too early
        nothing_is_lost(player, 429, 503)
    assert [player.sailed() for player in others] == [player.moved % 600 for player in others]


# ---------------------------------------------------------------- what must not happen


def test_a_packet_of_uwsgis_own_protocol_runs_nothing(front):
    front.lab.put('/home/ubuntu/evil.py', 'open("/var/lib/mocean-tuesday/evil", "w")\ndef application(*a): pass\n')
    facts = {'REQUEST_METHOD': 'GET', 'PATH_INFO': '/', 'UWSGI_FILE': '/home/ubuntu/evil.py', 'UWSGI_APPID': 'evil'}
    packet = b''.join(struct.pack('<H', len(text)) + text.encode() for pair in facts.items() for text in pair)
    with socket.socket(socket.AF_UNIX) as line, contextlib.suppress(TimeoutError, ConnectionError):
        line.settimeout(1)
        line.connect(front.lab.inside('/run/mocean-tuesday.sock'))
        line.sendall(struct.pack('<BHB', 0, len(packet), 0) + packet)
        while line.recv(4096):
            pass
    front.answers('tuesday')
    assert front.lab.sh('ls /var/lib/mocean-tuesday/evil 2>&1', check=False).endswith('No such file or directory')
    assert front.lab.sh('stat -c "%a %U %G" /run/mocean-tuesday.sock') == '660 ubuntu www-data'


def test_a_call_that_fails_is_not_made_again_by_the_front(front):
    with contextlib.ExitStack() as stack:
        hard = stack.enter_context(socket.create_server(('127.0.0.1', free_port())))
        calls = []

        def hang_up():
            with contextlib.suppress(OSError):
                while True:
                    line, _ = hard.accept()
                    with line:
                        calls.append(line.recv(65536))
        threading.Thread(target=hang_up, daemon=True).start()
        front.lab.sh(f'echo "hard 127.0.0.1:{hard.getsockname()[1]};" >> /etc/nginx/mocean/machines.map; '
                     'systemctl reload nginx')
        stack.callback(front.lab.sh, 'sed -i "/^hard/d" /etc/nginx/mocean/machines.map; systemctl reload nginx')
        poll(lambda: front.ask(f'http://{CLUB}/hard/health').status == 503)
        calls.clear()
        assert front.ask(f'http://{CLUB}/hard/move?id=k7p2m3qx&heading=north').status == 503
        assert len(calls) == 1 and calls[0].startswith(b'GET /move?id=k7p2m3qx&heading=north HTTP/1.')


@contextlib.contextmanager
def few_connections(front):
    """An nginx that has room for a handful of them."""
    file, anew = '/etc/nginx/nginx.conf', 'systemctl restart nginx'
    front.lab.sh(f"cp {file} /srv; sed -i 's/worker_processes.*/worker_processes 1;/; "
                 f"s/worker_connections.*/worker_connections 24;/' {file}; {anew}")
    try:
        yield
    finally:
        front.lab.sh(f'cp /srv/nginx.conf {file}; {anew}')


def test_no_log_has_an_id_in_it(front):
    ids = [join(front.say(base), f'Log{"abcd"[number]}') for number, base in enumerate(BASES)]
    for id, base in zip(ids, BASES, strict=True):
        for path in f'/move?id={id}&heading=north', f'/move?id={id}&heading=nroth', f'/mvoe?id={id}', f'/%zz?id={id}':
            front.ask(base + path)
        front.raw(f'GET /tuesday/{id}{"a" * 40_000} HTTP/1.1\r\nHost: {CLUB}\r\n\r\n'.encode())
    with away(front, 'tuesday'):
        assert front.ask(f'{BASES[0]}/look?id={ids[0]}').status == 503
    with few_connections(front), contextlib.ExitStack() as stack:
        def one_more():                 # a line that stays open; then a call, for which the last connection is left
            stack.enter_context(socket.create_connection((CLUB, 80), 10)).sendall(b'GET /tuesday/hea')
            return front.ask(f'{BASES[0]}/look?id={ids[0]}').status == 503
        poll(one_more)
        assert front.lab.sh('systemctl is-active mocean@tuesday') == 'active'
    front.lab.sh('journalctl --sync')
    assert 'Loga' in front.lab.sh('journalctl -t mocean-tuesday')
    look = f'grep -rE "{"|".join(ids)}" /var/log/nginx /var/log/letsencrypt; journalctl | grep -E "{"|".join(ids)}"'
    assert front.lab.sh(look, check=False) == ''


# ---------------------------------------------------------------- the last: an ocean moves to another machine


def test_an_ocean_moves_to_a_second_machine_and_nothing_answered_is_lost(front):
    """Each block of the last chapter of docs/https.md, typed where the page says."""
    make, stop, restore, lead = re.findall(r'^```sh\n(.*?)^```', PAGE.partition('## A second')[2], re.M | re.S)
    with second_machine(front.lab) as second:
        second.user(make)
        with playing(front, Move=(BASES[2], 4), Stay=(f'https://{CLUB}/wednesday', 4)) as players:
            poll(lambda: min(player.moved for player in players) > 5, 30)
            copied = re.search(r'copied to (\S+)', front.lab.user(stop))[1]
            carry(front.lab, second, f'cat {copied}', f'cat > {copied.replace("backups/", "")}')
            assert 'is back, with' in second.user(restore)
            assert 'the front of another machine finds it at 10.77.0.2:8101' in second.user('mocean_doctor tuesday')
            assert 'tuesday has ended' in front.lab.user(lead)
            before = min(player.moved for player in players)
            poll(lambda: min(player.moved for player in players) > before + 5, 30)
        for number, player in enumerate(players):
            nothing_is_lost(player, *[503] * (number < 4))
        assert front.ask(f'{BASES[3]}/mvoe').lines[1].startswith(f'try: {BASES[3]}/')
        said = front.lab.user('mocean_doctor')
        assert f'http://{CLUB}/tuesday/ leads to 10.77.0.2:8101, and something answers there.' in said
        assert 'nginx, the front, is up' in said and 'The certificate is good until' in said
        front.lab.sh('sed -i /^tuesday/d /etc/nginx/mocean/machines.map; systemctl reload nginx')
    assert poll(lambda: front.ask(f'{BASES[0]}/health').status == 404)
